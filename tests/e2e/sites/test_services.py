"""The snippets of examples/sites for BackupPC, the W3C's validator, maps and documents, with the
distribution's packages."""

from __future__ import annotations

from support.drop_in import ELSEWHERE, FORM, installed, needs_root
from support.passwords import ALICE, basic

BOUNDARY = "a-boundary-of-this-test"


# BackupPC.


@installed("/usr/lib/backuppc/cgi-bin/index.cgi")
@needs_root
def test_backuppc(drop_in, place):
    server = drop_in("backuppc", {"/etc/backuppc/htpasswd": place.passwords("backuppc")})
    assert server.get("/backuppc", ALICE).header("Location") == "/backuppc/"
    for target in ("/backuppc/", "/backuppc/index.cgi", "/backuppc/image/0000000.gif"):
        assert server.get(target).status == 401, target
        assert server.get(target, [*ALICE, *ELSEWHERE]).status == 403, target
    # Run by another user than backuppc, each page would only say that it is the wrong one.
    page = server.get("/backuppc/?action=generalInfo", ALICE)
    assert b"server is not running" in page.body, page.text
    # By REMOTE_USER it knows who may change its configuration.
    edit = "/backuppc/?action=editConfig"
    assert b"Only privileged users" in server.get(edit, ALICE).body
    editor = server.get(edit, basic("backuppc", "wonderland"))
    assert b"Only privileged users" not in editor.body and b"<form" in editor.body, editor.text
    assert server.get("/backuppc/image/0000000.gif", ALICE).header("Content-Type") == "image/gif"


# The validator.


def sent_file(name: str, content: str) -> bytes:
    """The body of its form for files."""
    return (f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="uploaded_file"; '
            f'filename="{name}"\r\nContent-Type: text/html\r\n\r\n{content}\r\n'
            f"--{BOUNDARY}--\r\n").encode()


PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html lang="en"><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<title>Moles</title></head><body><p>{}</p></body></html>
"""


@installed("/usr/lib/cgi-bin/w3c-markup-validator/check")
def test_w3c_markup_validator(drop_in):
    server = drop_in("w3c-markup-validator")
    home = server.get("/w3c-validator/")
    assert home.status == 200 and b'action="check"' in home.body
    assert home.header("Cache-Control") == "max-age=604800"
    multipart = [("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")]
    for text, verdict in (("a <em>mole</em>", "Valid"), ("a <mole>", "Invalid")):
        answer = server.request("POST", "/w3c-validator/check", multipart,
                                sent_file("moles.html", PAGE.format(text)))
        assert answer.status == 200 and answer.header("X-W3C-Validator-Status") == verdict, answer
    assert './style/results' in answer.text
    for target, media_type in (("style/base", "text/css"), ("style/results", "text/css"),
                               ("scripts/combined", "text/javascript"),
                               ("images/info_icons/error.png", "image/png")):
        sent = server.get(f"/w3c-validator/{target}")
        assert sent.status == 200 and sent.header("Content-Type").startswith(media_type), target
        assert sent.header("Cache-Control") == "max-age=2592000"
    for target in ("feedback", "feedback.html"):
        assert b"<form" in server.get(f"/w3c-validator/{target}").body, target
    for target, to in (
            ("check/referer", "/w3c-validator/check?uri=referer"),
            ("check/referrer", "/w3c-validator/check?uri=referer"),
            ("file-upload", "/w3c-validator/detailed.html#validate-by-upload"),
            ("fragment-upload.html", "/w3c-validator/detailed.html#validate-by-input"),
            ("whatsnew.atom", "http://www.w3.org/QA/Tools/validator-whatsnew.atom")):
        assert server.get(f"/w3c-validator/{target}").header("Location") == to, target


# MapServer.

MAP = """MAP
  NAME "here" SIZE 40 30 EXTENT 0 0 4 3 IMAGETYPE "png"
  LAYER NAME "points" TYPE POINT STATUS DEFAULT
    FEATURE POINTS 2 2 END END
    CLASS STYLE COLOR 200 0 0 SIZE 5 END END
  END
END
"""


@installed("/usr/lib/cgi-bin/mapserv")
def test_mapserver(drop_in, place):
    drawn, other = place.folder / "here.map", place.folder / "other.map"
    for file in (drawn, other):
        file.write_text(MAP)
    settings = place.folder / "mapserver.conf"
    settings.write_text(f'CONFIG\n  MAPS\n    HERE "{drawn}"\n  END\nEND\n')
    server = drop_in("mapserver", {"/etc/mapserver.conf": settings})
    picture = server.get("/cgi-bin/mapserv?map=HERE&mode=map")
    assert picture.header("Content-Type") == "image/png" and picture.body.startswith(b"\x89PNG"), picture
    by_form = server.request("POST", "/cgi-bin/mapserv", [*FORM], b"map=HERE&mode=map")
    assert by_form.body.startswith(b"\x89PNG"), by_form
    assert not server.get(f"/cgi-bin/mapserv?map={other}&mode=map").body.startswith(b"\x89PNG")


# dwww.


@installed("/usr/lib/cgi-bin/dwww")
def test_dwww(drop_in, place):
    pages = place.copy("/usr/share/dwww", "dwww")
    (pages / "index.html").write_text("Documents\n")
    server = drop_in("dwww", {"/var/www/dwww/": f"{pages}/"})
    assert server.get("/dwww/").body == b"Documents\n"
    assert server.get("/dwww/dwww.css").header("Content-Type").startswith("text/css")
    assert server.get("/cgi-bin/dwww").header("Location").endswith("/dwww/")
    folder = server.get("/cgi-bin/dwww/usr/share/doc/dwww/?type=dir")
    assert folder.status == 200 and b"copyright" in folder.body, folder
    license = server.get("/cgi-bin/dwww/usr/share/doc/dwww/copyright?type=text/plain")
    assert license.status == 200 and b"dwww" in license.body, license
    for target in ("/dwww/", "/cgi-bin/dwww", "/cgi-bin/dwww/usr/share/doc/"):
        assert server.get(target, [*ELSEWHERE]).status == 403, target
