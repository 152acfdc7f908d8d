"""Locations: what answers for a path, where its files are, and what nobody gets."""

from __future__ import annotations

import pytest

from support.programs import ENVIRONMENT, environment_of

SECRET = "SECRET"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    share = shared_site.root.parent / "share"
    for name in ("index.html", "start.html", "sub/page.txt", "doc.inc", "lib/code.txt", "notes.dat"):
        shared_site.file(f"../share/{name}", f"share {name}")
    shared_site.file("../share/.htpasswd", SECRET)
    shared_site.file("../robots", "robots")
    shared_site.file("share/sub/page.txt", "below the root")
    shared_site.file("plain.inc", SECRET)
    shared_site.file("data/plain.inc", SECRET)
    shared_site.file("data/open.inc", "open")
    shared_site.c_program("../share/env.cgi", ENVIRONMENT)
    shared_site.c_program("../share/tools/env", ENVIRONMENT)
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.program("app/a.pl", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nran'\n")
    shared_site.program("a.pl", "plain text")
    shared_site.file("one.sh", "printf 'Content-Type: text/plain\\n\\n%s %s' $SCRIPT_NAME $PATH_INFO")
    shared_site.program("../share/script.cgi", "#!/bin/sh\necho; echo ran\n")
    shared_site.program("umask.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\numask\n")
    (share / "out.txt").symlink_to(shared_site.root.parent / "robots")
    return shared_site


@pytest.fixture(scope="module")
def shared_config(shared_site) -> str:
    beside = shared_site.root.parent
    return f"""
[[site]]
root = "{shared_site.root}"
listing = true
[[site.location]]
match = "*.cgi"
cgi = true
umask = "027"
[[site.location]]
match = "=/plain.cgi"
cgi = "umask.cgi"
[[site.location]]
match = "/share/"
files = "{beside}/share/"
index = ["start.html"]
symlinks = "never"
[[site.location]]
match = "/share/tools/"
cgi = true
[[site.location]]
match = "/share/lib/"
deny = true
[[site.location]]
match = "/again/"
files = "{beside}/share"
cgi = false
[[site.location]]
match = "=/robots.txt"
files = "{beside}/robots"
[[site.location]]
match = "*.inc"
deny = "hide"
[[site.location]]
match = "/data/"
cgi = false
[[site.location]]
match = "=/data/open.inc"
[[site.location]]
match = "/app/*.pl"
cgi = true
[[site.location]]
match = "/one/"
cgi = "one.sh"
interpreter = "/bin/sh"
"""


@pytest.mark.parametrize("path, body", [
    ("/share/sub/page.txt", "share sub/page.txt"), ("/share/", "share start.html"),
    ("/again/", "share index.html"), ("/robots.txt", "robots"), ("/app/a.pl", "ran"),
    ("/a.pl", "plain text"), ("/data/open.inc", "open"), ("/one/x", "/one /x")])
def test_what_answers(shared, path, body):
    response = shared.get(path)
    assert (response.status, response.text) == (200, body)


@pytest.mark.parametrize("path, status", [
    ("/share/lib/code.txt", 403), ("/share/lib/", 403), ("/share/lib", 403),
    ("/share/lib/gone", 403), ("/share/x/../lib/code.txt", 403), ("/share//lib//code.txt", 403),
    ("/share/%6Cib/code.txt", 403), ("/plain.inc", 404), ("/data/plain.inc", 404),
    ("/share/doc.inc", 404), ("/again/doc.inc", 404), ("/share/.htpasswd", 404),
    ("/again/.htpasswd", 404), ("/share/out.txt", 403), ("/share/..%2frobots", 400),
    ("/share/%2e%2e/robots", 400), ("/share/lib%2fcode.txt", 403)])
def test_what_nobody_gets(shared, path, status):
    for method in ("GET", "HEAD"):
        assert shared.request(method, path).status == status
    assert SECRET not in shared.get(path).text


def test_denied_for_every_method(shared):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert shared.request(method, "/share/lib/code.txt").status == 403


def test_listings_leave_out_what_is_denied(shared):
    names = shared.get("/again/").text  # has an index
    assert names == "share index.html"
    listing = shared.get("/data/").text
    assert "open.inc" in listing and "plain.inc" not in listing


def test_directory_without_its_slash(shared):
    response = shared.get("/share?x=1")
    assert (response.status, response.header("Location")) == (301, "/share/?x=1")
    assert shared.get("/share/sub").header("Location") == "/share/sub/"


def test_files_elsewhere_have_ranges_and_validators(shared):
    whole = shared.get("/share/sub/page.txt")
    part = shared.get("/share/sub/page.txt", [("Range", "bytes=0-4")])
    assert (part.status, part.text) == (206, "share")
    again = shared.get("/share/sub/page.txt", [("If-None-Match", whole.header("ETag"))])
    assert again.status == 304


def test_program_in_files_elsewhere(shared, shared_site):
    beside = shared_site.root.parent
    variables = environment_of(shared.get("/share/env.cgi/sub/page.txt?q=1"))
    assert variables["SCRIPT_NAME"] == "/share/env.cgi"
    assert variables["SCRIPT_FILENAME"] == f"{beside}/share/env.cgi"
    assert variables["PATH_INFO"] == "/sub/page.txt"
    assert variables["PATH_TRANSLATED"] == f"{shared_site.root}/sub/page.txt"
    assert variables["DOCUMENT_ROOT"] == str(shared_site.root)
    assert variables["QUERY_STRING"] == "q=1"
    variables = environment_of(shared.get("/env.cgi/share/sub/page.txt"))
    assert variables["PATH_TRANSLATED"] == f"{beside}/share/sub/page.txt"
    variables = environment_of(shared.get("/share/tools/env/x"))
    assert variables["SCRIPT_FILENAME"] == f"{beside}/share/tools/env"
    assert variables["SCRIPT_NAME"] == "/share/tools/env"


def test_a_program_s_source_is_sent_only_where_that_is_said(shared):
    assert "echo" not in shared.get("/share/script.cgi").text
    assert shared.get("/again/script.cgi").text.startswith("#!")  # cgi = false


def test_umask_of_a_location(shared):
    assert shared.get("/umask.cgi").text.strip() == "0027"
    assert shared.get("/plain.cgi").text.strip() != "0027"


# ---- redirects, front controllers, regular expressions

FRONT = r"""#!/bin/sh
printf 'Content-Type: text/plain\n\n'
printf '%s|%s|%s|%s|%s' "$SCRIPT_NAME" "$PATH_INFO" "$QUERY_STRING" "$REQUEST_URI" "$REQUEST_METHOD"
"""


def wiki_config(site) -> str:
    site.program("w/index.cgi", FRONT)
    site.program("w/load.cgi", FRONT)
    site.file("wiki/logo.txt", "logo")
    site.file("wiki/dir/index.html", "index")
    site.program("blog.cgi", FRONT)
    site.file("spa/app.html", "app")
    site.program("wiki/special.cgi", FRONT)
    site.file("../homes/alice/public/notes.txt", "notes")
    site.file("../homes/alice/.ssh/key", SECRET)
    site.file("../homes/alice/public/.netrc", SECRET)
    return f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/wiki/"
try = ["file", "directory", "/w/index.cgi"]
[[site.location]]
match = "/spa/"
try = ["file", "/spa/app.html"]
[[site.location]]
match = "/blog/"
try = ["/blog.cgi?title={{path}}"]
[[site.location]]
match = "/nothing/"
try = ["file"]
[[site.location]]
match = "/old/"
redirect = {{ to = "/new/", status = 301 }}
[[site.location]]
match = "/away/"
redirect = "https://example.org/x"
[[site.location]]
match = "/up/"
redirect = "/"
[[site.location]]
match = "=/here"
redirect = "/there?own=1"
[[site.location]]
match = "~^/rev/(?<id>[^/]+)$"
redirect = {{ to = "/browse?commit={{id}}", status = 308 }}
[[site.location]]
match = "~^/~(?<user>[a-z]+)/(?<file>.*)$"
files = "{site.root.parent}/homes/{{user}}/public/{{file}}"
[[site.location]]
match = "~^/any/(.+)$"
files = "{site.root.parent}/homes/{{1}}"
[[site.location]]
match = "~^/slow/(a+)+$"
redirect = "/"
"""


@pytest.fixture
def served(start, site):
    return start(config=wiki_config(site))


def test_front_controller(served):
    cases = {
        "/wiki/Main%20Page/sub?a=1": "/w/index.cgi|/Main Page/sub|a=1|/wiki/Main%20Page/sub?a=1|GET",
        "/wiki/special.cgi/x?q": "/wiki/special.cgi|/x|q|/wiki/special.cgi/x?q|GET",
        "/wiki/Talk.cgi": "/w/index.cgi|/Talk.cgi||/wiki/Talk.cgi|GET",
        "/w/load.cgi": "/w/load.cgi|||/w/load.cgi|GET",
        "/wiki/logo.txt": "logo",
        "/wiki/dir/": "index",
        "/wiki/": "/w/index.cgi|||/wiki/|GET",
        "/spa/a/b/c": "app",
        "/blog/a%26b?x=1": "/blog.cgi||title=a%26b&x=1|/blog/a%26b?x=1|GET",
    }
    for path, body in cases.items():
        response = served.get(path)
        assert (path, response.status, response.text) == (path, 200, body)
    assert served.get("/nothing/here").status == 404
    assert served.get("/wiki?x").header("Location") == "/wiki/?x"
    assert served.get("/wiki/dir").header("Location") == "/wiki/dir/"
    posted = served.request("POST", "/wiki/Edit", body=b"text")
    assert posted.text == "/w/index.cgi|/Edit||/wiki/Edit|POST"
    assert served.request("POST", "/wiki/logo.txt", body=b"x").status == 405


def test_redirects(served):
    cases = {
        "/old/a%20b/c?x=1&y": (301, "/new/a%20b/c?x=1&y"),
        "/old": (301, "/new/"),
        "/away/a": (302, "https://example.org/x/a"),
        "/here?x=1": (302, "/there?own=1"),
        "/rev/4%262": (308, "/browse?commit=4%262"),
    }
    for path, expected in cases.items():
        for method in ("GET", "HEAD", "POST"):
            response = served.request(method, path)
            assert (response.status, response.header("Location")) == expected, path
    assert served.request("TRACE", "/old/x").status == 405


def test_no_redirect_to_another_host(served):
    for path in ("/up//evil.example", "/up/%2fevil.example", "/up/%2F%2Fevil.example/%2e",
                 "/up/%5cevil.example", "/up/%0d%0aX:1"):
        response = served.get(path)
        location = response.header("Location")
        if response.status == 400:
            continue
        assert response.status == 302 and location.startswith("/"), path
        assert not location.startswith(("//", "/\\")) and "\\" not in location, path
        assert response.header("X") is None


def test_no_way_out_of_what_an_expression_names(served):
    assert served.get("/~alice/notes.txt").text == "notes"
    for path in ("/any/alice/.ssh/key", "/~alice/.netrc", "/~alice/..%2f.ssh/key",
                 "/any/%2e%2e/share/page", "/any/alice%2f.ssh%2fkey", "/any/.", "/~alice/../.ssh/key"):
        response = served.get(path)
        assert response.status in (400, 404), path
        assert SECRET not in response.text


@pytest.mark.expect_log(r"gave up on /slow/")
def test_a_catastrophic_expression_is_500_and_one_line(served):
    path = "/slow/" + "a" * 3000 + "!"
    assert served.get(path).status == 500
    served.wait_log(r"500: location ~\^/slow/\(a\+\)\+\$ gave up on /slow/a+: .* write a simpler one")
    assert served.log().count("gave up on") == 1
    assert served.get("/" + "x" * 5000).status == 414
    assert served.get("/w/load.cgi/" + "x" * 5000).status == 200, "an ending goes first"


def test_explain(run, site, tmp_path):
    file = tmp_path / "wiki.toml"
    file.write_text(wiki_config(site))

    def lines(url: str) -> list[str]:
        result = run("check", "-c", file, "--explain", url)
        assert (result.returncode, result.stderr) == (0, "")
        return [line.removeprefix(f"{file}:") for line in result.stdout.splitlines()]

    explained = lines("http://example.org/wiki/Main_Page?x=1")
    assert explained[1].endswith("the first site answers, as none has the name example.org")
    assert any("location /wiki/ answers" in line for line in explained)
    assert any(line.endswith('try "/w/index.cgi"') for line in explained)
    assert any(line.endswith(f"runs {site.root}/w/index.cgi") for line in explained)
    assert "  PATH_INFO = /Main_Page" in explained
    number = file.read_text().splitlines().index('match = "/wiki/"') + 1
    assert any(line.startswith(f"{number}: /wiki/Main_Page") for line in explained)
    assert any("301 to /new/a, for all methods" in line for line in lines("/old/a"))
    assert any("sends " in line for line in lines("/wiki/logo.txt"))
    assert any("500: location ~^/slow/" in line for line in lines("/slow/" + "a" * 3000 + "!"))
    both = lines("/old/a") + [""] + lines("/wiki/logo.txt")
    for more in (["/wiki/logo.txt"], ["--explain", "/wiki/logo.txt"]):
        result = run("check", "-c", file, "--explain", "/old/a", *more)
        assert [line.removeprefix(f"{file}:") for line in result.stdout.splitlines()] == both
    assert run("--explain", "/x").returncode == 64
    assert any("301 to /new/a?b=1, for all methods" in line for line in lines("/old/a?b=1"))
    no_url = run("check", "-c", file, "--explain", "www.example.org/pub/")
    assert (no_url.returncode, no_url.stdout) == (64, "")
    assert "write http://www.example.org/pub/" in no_url.stderr
