"""The snippets of examples/sites for wikis, with the distribution's packages."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from urllib.parse import urlencode

import pytest

from support.drop_in import ELSEWHERE, FORM, Place, installed, needs_root
from support.mediawiki import PASSWORD, MediaWiki
from support.passwords import ALICE

DOT = base64.b64decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5E"
                       b"rkJggg==")  # a picture of one pixel


# MediaWiki.


def install_mediawiki(place: Place) -> tuple[Path, Path]:
    """On SQLite, with uploads and short addresses: its folder, and LocalSettings.php."""
    wiki = place.copy("/var/lib/mediawiki", "mediawiki")
    place.own("mediawiki/images", "settings", "data")
    settings = place.folder / "settings/LocalSettings.php"
    place.run("php", "/usr/share/mediawiki/maintenance/install.php", "--dbtype", "sqlite",
              "--dbpath", place.folder / "data", "--dbname", "wiki", "--confpath", settings.parent,
              "--scriptpath", "/mediawiki", "--server", "http://127.0.0.1:8888",
              "--skins", "Vector", "--pass", PASSWORD, "My wiki", "Admin")
    with open(settings, "a") as more:
        more.write(f'$wgArticlePath = "/wiki/$1";\n$wgEnableUploads = true;\n'
                   f'$wgUploadDirectory = "{wiki}/images";\n')
    return wiki, settings


def assert_pages(server) -> None:
    to_it = server.get("/mediawiki/")
    assert to_it.status == 301, to_it
    assert to_it.header("Location") == "http://127.0.0.1:8888/wiki/Main_Page"
    assert server.get("/wiki").header("Location") == "/wiki/"
    page = server.get("/wiki/Main_Page")
    assert page.status == 200 and b"MediaWiki has been installed." in page.body, page
    assert server.get("/wiki/No_such_page").status == 404
    logo = server.get("/mediawiki/resources/assets/change-your-logo.svg")
    assert logo.status == 200 and logo.header("Content-Type") == "image/svg+xml"
    for denied in ("includes/Setup.php", "maintenance/install.php", "cache/", "vendor/autoload.php",
                   "languages/Language.php", "includes"):
        assert server.get(f"/mediawiki/{denied}").status == 403, denied


def assert_edits(client: MediaWiki) -> None:
    text = "'''Bold''' <é>\n" + "a line of a long page\n" * 5000
    for title, path in (("C++ & é?", "C%2B%2B_%26_%C3%A9%3F"), ("AC/DC", "AC/DC")):
        done = client.api(action="edit", title=title, text=text, token=client.token("csrf"))
        assert done["edit"]["result"] == "Success", done
        page = client.request("GET", f"/wiki/{path}")
        assert page.status == 200 and page.body.count(b"a line of a long page") == 5000, page
    history = client.request("GET", "/wiki/AC/DC?action=history")
    assert history.status == 200 and b"Admin" in history.body


def assert_uploads(server, client: MediaWiki, wiki: Path) -> None:
    done = client.upload("Dot.png", DOT)
    assert done["result"] == "Success", done
    url = re.sub(r"^\w+://[^/]*", "", done["imageinfo"]["url"])
    assert url.startswith("/mediawiki/images/")
    sent = server.get(url)
    assert sent.body == DOT and sent.header("Content-Type") == "image/png"
    assert "error" in client.api(action="upload", filename="a.php", token=client.token("csrf"))
    for folder in ("images", "upload", "config"):
        for name in ("a.php", "deep/b.php"):
            program = wiki / folder / name
            program.parent.mkdir(parents=True, exist_ok=True)
            program.write_text('<?php echo "it " . "ran";')
            answer = server.get(f"/mediawiki/{folder}/{name}")
            assert answer.status == 200 and b"it ran" not in answer.body, answer
        (wiki / folder / "link.png").symlink_to("/etc/hostname")
        assert server.get(f"/mediawiki/{folder}/link.png").status == 403


@installed("/var/lib/mediawiki/index.php")
@pytest.mark.skipif(not shutil.which("php"), reason="php-cli is not installed")
@pytest.mark.time_limit(240)
def test_mediawiki(drop_in, place, either_php):
    wiki, settings = install_mediawiki(place)
    server = drop_in("mediawiki", {"/var/lib/mediawiki": wiki},
                     f'[cgi]\nenv = {{ MW_CONFIG_FILE = "{settings}" }}\n')
    assert_pages(server)
    client = MediaWiki(server, "/mediawiki")
    client.log_in()
    assert_edits(client)
    assert_uploads(server, client, wiki)


# DokuWiki.


def copy_dokuwiki(place: Place) -> Path:
    """The package's own files, but for where they look for settings and pages."""
    tree = place.copy("/usr/share/dokuwiki", "dokuwiki")
    settings = place.copy("/etc/dokuwiki", "settings")
    data = place.copy("/var/lib/dokuwiki/data", "data")
    preload = tree / "inc/preload.php"
    text = preload.read_text()
    assert "'/etc/dokuwiki/'" in text
    preload.write_text(text.replace("'/etc/dokuwiki/'", f"'{settings}/'"))
    (settings / "local.protected.php").write_text(
        f"<?php $conf['savedir'] = '{data}'; $conf['useacl'] = 0;\n")
    place.own("settings", "data")
    return tree


@installed("/usr/share/dokuwiki/doku.php")
@needs_root
def test_dokuwiki(drop_in, place, either_php):
    tree = copy_dokuwiki(place)
    server = drop_in("dokuwiki", {"/usr/share/dokuwiki": tree})
    assert server.get("/dokuwiki").header("Location") == "/dokuwiki/"
    assert "/dokuwiki/doku.php" in (server.get("/dokuwiki/").header("Location") or "")
    form = urlencode({"id": "moles", "do[save]": "Save", "prefix": ".", "suffix": "", "date": "",
                      "wikitext": "====== Moles ======\n**Bold** <é>", "summary": "new"}).encode()
    saved = server.request("POST", "/dokuwiki/doku.php", FORM, form)
    assert saved.status in (302, 303) and "id=moles" in saved.header("Location"), saved
    page = server.get("/dokuwiki/doku.php?id=moles")
    assert page.status == 200 and "<strong>Bold</strong> &lt;é&gt;" in page.text, page
    assert b"This topic does not exist yet" in server.get("/dokuwiki/doku.php?id=none").body
    style = server.get("/dokuwiki/lib/exe/css.php?t=dokuwiki")
    assert style.status == 200 and style.header("Content-Type").startswith("text/css"), style
    assert server.get("/dokuwiki/lib/").status == 200  # an empty page of its own
    logo = server.get("/dokuwiki/lib/tpl/dokuwiki/images/logo.png")
    assert logo.status == 200 and logo.header("Content-Type") == "image/png"
    media = server.get("/dokuwiki/lib/exe/fetch.php?media=wiki:dokuwiki-128.png")
    assert media.status == 200 and media.body.startswith(b"\x89PNG"), media
    for denied in ("inc/init.php", "inc/", "inc", "bin/dwpage.php", "vendor/autoload.php", "data/pages/",
                   "conf/local.php", "VERSION", "lib/plugins/README", "_htaccess"):
        assert server.get(f"/dokuwiki/{denied}").status == 403, denied
    assert server.get("/dokuwiki/.htaccess").status == 404
    for target in ("/dokuwiki/", "/dokuwiki/doku.php?id=moles", "/dokuwiki/lib/exe/css.php"):
        assert server.get(target, ELSEWHERE).status == 403, target


# ikiwiki.

SETUP = """# IkiWiki::Setup::Yaml - YAML formatted setup file
wikiname: moles
srcdir: {home}/wiki
destdir: {home}/public_html/wiki
url: http://127.0.0.1/~alice/wiki
cgiurl: http://127.0.0.1/~alice/wiki/ikiwiki.cgi
cgiauthurl: http://127.0.0.1/~alice/wiki/auth/ikiwiki.cgi
cgi_wrapper: {home}/public_html/wiki/ikiwiki.cgi
cgi_wrappermode: 06755
add_plugins: [httpauth, "404"]
disable_plugins: [passwordauth, openid, emailauth]
rcs: ""
"""


@pytest.fixture
def alices_home(place) -> Path:
    """Of a user who is neither root nor the user of the programs. The setup compiles the wrapper."""
    home = place.own("home/alice", "home/alice/wiki", user="games")
    home = home.parent
    (home / "wiki.setup").write_text(SETUP.format(home=home))
    (home / "wiki/index.mdwn").write_text("All of **moles**\n")
    place.own("home/alice", user="games")
    place.run("ikiwiki", "--setup", home / "wiki.setup", user="games", env={"HOME": str(home)})
    return home


def fields_of(form: str) -> dict[str, str]:
    """The hidden ones."""
    hidden = re.findall(r'<input [^>]*type="hidden"[^>]*>', form)
    pairs = ((re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)) for one in hidden)
    return {name[1]: value[1] if value else "" for name, value in pairs if name}


@installed("/usr/bin/ikiwiki")
@needs_root
def test_ikiwiki(drop_in, place, alices_home):
    users = place.passwords()
    server = drop_in("ikiwiki", {"/home/alice": alices_home, "/etc/cgisrv/passwords": users})
    wiki = "/~alice/wiki"
    assert b"<strong>moles</strong>" in server.get(f"{wiki}/").body
    assert server.get(f"{wiki}/style.css").header("Content-Type").startswith("text/css")
    missing = server.get(f"{wiki}/owls/")
    assert missing.status == 404 and b"do=create" in missing.body, missing
    # Nobody in particular is sent to where a password is asked for.
    edit = "ikiwiki.cgi?do=edit&page=index"
    to_it = server.get(f"{wiki}/{edit}")
    assert to_it.status == 302 and "/auth/ikiwiki.cgi?" in to_it.header("Location"), to_it
    assert server.get(f"{wiki}/auth/{edit}").status == 401
    form = server.get(f"{wiki}/auth/{edit}", ALICE)
    assert form.status == 200 and b"All of **moles**" in form.body, form
    cookie = form.header("Set-Cookie").split(";")[0]
    saved = server.request(
        "POST", f"{wiki}/auth/ikiwiki.cgi", [*FORM, *ALICE, ("Cookie", cookie)],
        urlencode({**fields_of(form.text), "editcontent": "All of **owls** <é>\n",
                   "_submit": "Save Page"}).encode())
    assert saved.status == 302, saved
    source = alices_home / "wiki/index.mdwn"
    assert source.read_text() == "All of **owls** <é>\n" and source.owner() == "games"
    assert b"<strong>owls</strong>" in server.get(f"{wiki}/").body
