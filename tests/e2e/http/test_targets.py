"""What stands in a target reaches the program, and a program's address works with every method."""

import re

import pytest

from support.clauses import clause
from support.programs import CAT, ENVIRONMENT, environment_of

# What browsers leave as it is in a query (URL standard, query percent-encode set), and what many
# other clients send without encoding it: UTF-8, Latin-1, half a character.
RAW_QUERIES = [r"\frac{1}{2}", "a`b^c|d", "[x]{y}", "a=%zz%", "quote='&\"<>",
               "q=\u00e9".encode().decode("latin-1"), "q=\xe9", "\x80\xff\xa0\x85"]


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.c_program("../programs/hook", ENVIRONMENT)
    shared_site.c_program("../programs/dir/environment", ENVIRONMENT)
    shared_site.c_program("forms/index.cgi", ENVIRONMENT)
    shared_site.c_program("cgi-bin/index.cgi", ENVIRONMENT)
    shared_site.program("../programs/cat", CAT)
    shared_site.c_program("caf\u00e9.cgi", ENVIRONMENT)
    shared_site.file("plain/page.html", "page")
    shared_site.file("\u00e9.txt", "e acute")
    shared_site.prints("to-accent.cgi", b"Location: /environment.cgi/\xc3\xa9?q=\xc3\xa9\n\n")
    # What is uploaded, beside programs by ending.
    shared_site.program("uploads/shell.cgi", "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\nran'\n")
    shared_site.program("uploads/x.cgi/shell.cgi", "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\nran'\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config():
    return """
[[site]]
root = "{root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/cgi-bin/"
cgi = true
[[site.location]]
match = "/hook/"
cgi = "{root}/../programs/hook"
[[site.location]]
match = "/form.cgi/"
cgi = "{root}/../programs/hook"
[[site.location]]
match = "/cat/"
cgi = "{root}/../programs/cat"
[[site.location]]
match = "/dir/"
cgi = "{root}/../programs/dir/"
[[site.location]]
match = "/uploads/"
cgi = false
"""


def send(server, line: bytes):
    connection = server.connect()
    connection.send(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return connection.read_response()


@pytest.mark.fault("4")
@clause("rfc3875-4.1.7-query-string", "rfc9112-3.2-target-characters")
@pytest.mark.parametrize("query", RAW_QUERIES)
def test_a_query_reaches_the_program_as_it_was_sent(shared, query):
    response = send(shared, b"GET /environment.cgi?" + query.encode("latin-1") + b" HTTP/1.1")
    environment = environment_of(response)
    assert environment["QUERY_STRING"] == query
    assert environment["REQUEST_URI"] == "/environment.cgi?" + query


@pytest.mark.fault("4")
@clause("rfc3875-4.1.5-path-info")
@pytest.mark.parametrize("raw", [b"\xc3\xa9", b"\xe9", b"\xff\x80", b"%C3%A9", b"\xc3%a9"])
def test_raw_bytes_of_a_path_are_decoded_once(shared, raw):
    environment = environment_of(send(shared, b"GET /environment.cgi/" + raw + b" HTTP/1.1"))
    decoded = {b"%C3%A9": b"\xc3\xa9", b"\xc3%a9": b"\xc3\xa9"}.get(raw, raw)
    assert environment["PATH_INFO"] == "/" + decoded.decode("latin-1")
    assert environment["SCRIPT_NAME"] == "/environment.cgi"
    assert environment["REQUEST_URI"] == "/environment.cgi/" + raw.decode("latin-1")


@pytest.mark.fault("4")
def test_raw_bytes_name_files_and_programs(shared):
    assert send(shared, b"GET /\xc3\xa9.txt HTTP/1.1").body == b"e acute"
    assert send(shared, b"GET /\xc3.txt HTTP/1.1").status == 404
    environment = environment_of(send(shared, b"GET /caf\xc3\xa9.cgi HTTP/1.1"))
    assert environment["SCRIPT_NAME"] == "/caf\xc3\xa9.cgi"


@pytest.mark.fault("4")
def test_raw_bytes_are_written_into_no_line_and_no_location(shared):
    """What the server says again is ASCII: a Location, the logs."""
    response = send(shared, b"GET /plain?q=\xc3\xa9\\<\"> HTTP/1.1")
    assert response.status == 301
    assert response.header("Location") == "/plain/?q=%C3%A9%5C%3C%22%3E"
    assert send(shared, b"GET /gone/\xc2\x9b\xff HTTP/1.1").status == 404
    assert re.search(r"/gone/\\xc2\\x9b\\xff does not exist|gone/\\xc2\\x9b\\xff", shared.log())


@pytest.mark.fault("4", "17")
def test_a_local_redirect_may_hold_them(shared):
    """They are encoded on the way, as a browser would that follows it."""
    environment = environment_of(shared.get("/to-accent.cgi"))
    assert (environment["PATH_INFO"], environment["QUERY_STRING"]) == ("/\xc3\xa9", "q=%C3%A9")


@pytest.mark.fault("4")
@pytest.mark.parametrize("target", [
    rb"/environment.cgi\x", rb"/environment.cgi/..\..\x?q", b"/environment.cgi#f",
    b"/environment.cgi?q#f", b"/environment.cgi?\x7f", b"/environment.cgi?\x0b",
    b"/environment.cgi?\0", b"http://h\xc3\xa9/environment.cgi"])
def test_what_another_server_may_split_differently_stays_refused(shared, target):
    response = send(shared, b"GET " + target + b" HTTP/1.1")
    assert response.status == 400 and response.header("Connection") == "close"


@pytest.mark.fault("3")
@clause("rfc3875-4.1.13-script-name", "rfc3875-4.1.5-path-info")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_a_program_of_a_location_has_one_address_with_every_method(shared, method):
    body = b"a=b" if method in ("POST", "PUT", "PATCH") else b""
    for target in ("/hook", "/hook?q"):
        response = shared.request(method, target, body=body)
        assert response.status == 200
        if method == "HEAD":
            continue
        environment = environment_of(response)
        assert environment["SCRIPT_NAME"] == "/hook" and "PATH_INFO" not in environment
        assert "PATH_TRANSLATED" not in environment
        assert environment["REQUEST_METHOD"] == method
        assert environment.get("CONTENT_LENGTH", "0") == str(len(body))
    assert environment_of(shared.get("/hook/"))["PATH_INFO"] == "/"
    assert environment_of(shared.get("/hook/a/b"))["PATH_INFO"] == "/a/b"


@pytest.mark.fault("3")
def test_a_form_may_be_sent_to_script_name(shared):
    """Whatever runs the program: what it is told as SCRIPT_NAME is its address."""
    for target in ("/hook/", "/hook/more", "/form.cgi/x", "/dir/environment/x", "/forms/",
                   "/environment.cgi/x", "/cgi-bin/index.cgi"):
        first = environment_of(shared.get(target))["SCRIPT_NAME"]
        again = environment_of(shared.request("POST", first, body=b"a=b"))
        assert (again["SCRIPT_NAME"], again.get("PATH_INFO")) == (first, None), target
    assert shared.request("POST", "/cat", body=b"a=b").body == b"a=b"
    assert shared.get("/hooks").status == 404


@pytest.mark.fault("3")
@clause("rfc9110-15.4.2-directory")
def test_a_form_sent_to_a_directory_keeps_its_method(shared):
    """308 where the directory's index is a program; a directory of files takes no form."""
    for target in ("/forms", "/cgi-bin"):
        response = shared.request("POST", target + "?q", body=b"a=b")
        assert response.status == 308 and response.header("Location") == target + "/?q"
        posted = environment_of(shared.request("POST", target + "/", body=b"a=b"))
        assert posted["SCRIPT_NAME"] == target + "/index.cgi"
        response = shared.get(target)
        assert response.status == 301 and "directory" not in response.text
    response = shared.request("POST", "/plain", body=b"a=b")
    assert response.status == 405 and response.header("Allow") == "GET, HEAD, OPTIONS"


@pytest.mark.fault("24b")
@clause("paths-cgi-false")
@pytest.mark.parametrize("target", ["/uploads/shell.cgi", "/uploads//shell.cgi",
                                    "/uploads/%73hell.cgi", "/uploads/./shell.cgi",
                                    "/plain/../uploads/shell.cgi", "/uploads/x.cgi/shell.cgi"])
def test_cgi_false_goes_before_an_ending(shared, target):
    response = shared.get(target)
    assert response.status == 200 and response.body.startswith(b"#!/bin/sh")
    assert shared.request("POST", target, body=b"x").status == 405


@pytest.mark.fault("24b", "30")
def test_check_notes_which_location_decides(run, site, tmp_path):
    site.file("index.html", "")
    config = tmp_path / "cgisrv.toml"
    config.write_text(f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/uploads/"
cgi = false
[[site.location]]
match = "/large/"
body_size = "1g"
[[site.location]]
match = "/guarded/"
allow = ["local"]
[[site]]
server_name = ["files"]
root = "{site.root}"
""")
    checked = run("check", "-c", config)
    assert checked.returncode == 0
    lines = config.read_text().splitlines()
    uploads, large = lines.index("cgi = false") + 1, lines.index('match = "/large/"') + 1
    assert "/guarded/" not in checked.stderr
    for note in (f"note: {config}:{uploads}: cgi = false of location /uploads/ goes before *.cgi",
                 f"note: {config}:{large}: location /large/ does not say cgi = false",
                 "note: the site files has files that location *.cgi of"):
        assert note in checked.stderr


@pytest.mark.fault("30")
@clause("paths-sites-in-common")
def test_no_site_sends_the_programs_of_another(start, site, tmp_path):
    """By the same root, one below the other, a link to it, or a directory of programs in it."""
    source = "#!/bin/sh\necho SECRET\n"
    for name in ("a.cgi", "sub/b.cgi", "tools/c", "sub/cgi-bin/d"):
        site.program(name, source)
    site.file("e.php", "<?php SECRET")
    site.file("sub/page.html", "page")
    link = tmp_path / "link"
    link.symlink_to(site.root)
    sites = {"same": site.root, "inner": site.root / "sub", "outer": site.root.parent,
             "linked": link}
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "*.php"
interpreter = "/bin/cat"
[[site.location]]
match = "/sub/cgi-bin/"
cgi = true
[[site.location]]
match = "/t/"
cgi = "{site.root}/tools/"
""" + "".join(f'[[site]]\nserver_name = ["{name}"]\nroot = "{root}"\n'
              for name, root in sites.items()) + f"""
[[site]]
server_name = ["asked"]
root = "{site.root}"
[[site.location]]
match = "/sub/"
cgi = false
""")
    for host, targets in {
            "same": ("/a.cgi", "/sub/b.cgi", "/tools/c", "/sub/cgi-bin/d", "/e.php"),
            "inner": ("/b.cgi", "/cgi-bin/d"),
            "outer": ("/site/a.cgi", "/site/sub/b.cgi", "/site/tools/c", "/site/e.php"),
            "linked": ("/a.cgi", "/tools/c", "/e.php"),
            "asked": ("/a.cgi", "/e.php")}.items():
        for target in targets:
            response = server.get(target, host=host)
            assert response.status == 403 and b"SECRET" not in response.body, (host, target)
    for host, target in (("same", "/sub/page.html"), ("inner", "/page.html"),
                         ("outer", "/site/sub/page.html"), ("linked", "/sub/page.html")):
        assert server.get(target, host=host).body == b"page"
    assert server.get("/sub/b.cgi", host="asked").text == source
