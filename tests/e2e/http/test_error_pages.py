"""Pages of the site in the place of the server's own, for failures."""

from __future__ import annotations

import pytest

from support.configuration import cgi_site
from support.passwords import ALICE, QUICK, auth, password_file
from support.waiting import until

TELL = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
env | grep -E '^(REDIRECT_|REQUEST_METHOD|REQUEST_URI|QUERY_STRING|CONTENT_|PATH_INFO|HTTP_IF|HTTP_RANGE)' | sort
echo "body: $(cat)"
"""
PAGES = 'error_pages = { 404 = "/errors/404.html", 405 = "/tell.cgi", 413 = "/tell.cgi", ' \
        '500-599 = "/tell.cgi?from=pages", 403 = "/missing.html" }\n'


@pytest.fixture
def server(start, site):
    site.file("errors/404.html", "<p>nothing here")
    site.file("a.txt", "a file")
    site.program("tell.cgi", TELL)
    site.program("broken.cgi", "#!/bin/sh\ncat >/dev/null\necho 'no header' >&2\nexit 3\n")
    site.prints("own404.cgi", "Status: 404 Mine\nContent-Type: text/plain\n\nmy own")
    site.program("not-executable.cgi", "#!/bin/sh\n", 0o644)
    return start(config=cgi_site(site.root, 'body_size = "1k"\n', site=PAGES,
                                 log='access = { path = "%s/access", format = "{status} {script} '
                                     '{outcome} {target}" }' % site.root.parent))


def told(response) -> dict[str, str]:
    return dict(line.split("=", 1) for line in response.text.splitlines() if "=" in line)


def test_a_file_answers_with_the_original_status(server):
    for method in ("GET", "HEAD"):
        response = server.request(method, "/none/at/all?x=1")
        assert response.status == 404 and response.header("Content-Type") == "text/html"
        assert response.header("Content-Length") == "15" and response.header("Cache-Control") == "no-store"
        assert response.body == (b"<p>nothing here" if method == "GET" else b"")
        assert not response.all("ETag") and not response.all("Last-Modified")


@pytest.mark.parametrize("condition", [
    ("If-None-Match", "*"), ("If-Modified-Since", "Sat, 01 Jan 2028 00:00:00 GMT"), ("Range", "bytes=0-1"),
    ("If-Match", '"other"'), ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT")])
def test_conditions_are_not_about_the_page(server, condition):
    response = server.get("/none", (condition,))
    assert response.status == 404 and response.body == b"<p>nothing here"


def test_a_program_is_told_as_by_apache(server):
    response = server.request("POST", "/broken.cgi/info?q=1", (("Content-Type", "text/plain"),
                                                               ("If-None-Match", "*")), b"the body")
    assert response.status == 502
    assert told(response) == {
        "REDIRECT_STATUS": "502", "REDIRECT_URL": "/broken.cgi/info", "REDIRECT_QUERY_STRING": "q=1",
        "REDIRECT_REQUEST_METHOD": "POST", "REQUEST_METHOD": "GET", "QUERY_STRING": "from=pages",
        "REQUEST_URI": "/broken.cgi/info?q=1"}
    assert response.text.endswith("body: \n"), "the body is not handed on twice"


def test_the_log_names_the_program_that_failed(server, site):
    server.get("/broken.cgi")
    log = site.root.parent / "access"
    assert until(lambda: log.read_text() == "502 /broken.cgi exit-status /broken.cgi\n"), log.read_text()


def test_fields_of_the_failure_stay(server):
    response = server.request("DELETE", "/a.txt")
    assert response.status == 405 and response.header("Allow") == "GET, HEAD, OPTIONS"
    assert told(response)["REDIRECT_REQUEST_METHOD"] == "DELETE"


def test_a_page_that_fails_is_no_loop(server):
    """The server's own page tells of the first failure."""
    response = server.get("/not-executable.cgi")
    assert response.status == 403 and b"403" in response.body
    server.wait_log(r"404: .*missing\.html")


def test_what_a_program_has_answered_itself_stays(server):
    response = server.get("/own404.cgi")
    assert response.status == 404 and response.body == b"my own"


def test_a_body_that_is_too_large(server):
    response = server.request("POST", "/tell.cgi", body=b"x" * 4096)
    assert response.status == 413 and told(response)["REDIRECT_STATUS"] == "413"
    assert response.text.endswith("body: \n")
    with server.connect() as connection:
        connection.send(b"POST /tell.cgi HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"800\r\n" + b"x" * 2048 + b"\r\n800\r\n" + b"x" * 2048 + b"\r\n0\r\n\r\n")
        response = connection.read_response("POST")
        assert response.status == 413 and told(response)["REDIRECT_STATUS"] == "413"


def test_the_page_itself_is_an_ordinary_address(server):
    response = server.get("/errors/404.html")
    assert response.status == 200 and response.header("ETag")
    assert told(server.get("/tell.cgi"))["REDIRECT_STATUS"] == "200"


@pytest.mark.parametrize("output, status", [
    ("Status: 410 Gone\nContent-Type: text/plain\n\ngone", 410),
    ("Location: http://example.org/\n\n", 302), ("Content-Type: text/plain\n\nkept", 404),
    ("Location: /a.txt\n\n", 404)])
def test_a_program_may_say_another_status(start, site, output, status):
    site.file("a.txt", "a file")
    site.prints("page.cgi", output)
    server = start(config=cgi_site(site.root, site='error_pages = { 404 = "/page.cgi" }\n'))
    response = server.get("/none")
    assert response.status == status
    if "/a.txt" in output:
        assert response.body == b"a file"


def test_a_page_that_dies_is_no_loop(start, site):
    site.program("page.cgi", "#!/bin/sh\nexit 1\n")
    server = start(config=cgi_site(site.root, site='error_pages = { 404 = "/page.cgi", 500-599 = "/page.cgi" }\n'))
    assert server.get("/none").status == 404
    assert server.get("/page.cgi").status == 502
    server.wait_log("before it printed a header")


@pytest.mark.parametrize("page, why", [("/errors", "it is a folder"), ("/nph-page.cgi", "a status of its own"),
                                       ("/on.cgi", "it is a folder"), ("/on-nph.cgi", "a status of its own")])
def test_the_status_stays_whatever_page_is_named(start, site, page, why):
    """A folder would be a redirect to its slash, and an nph- program writes its own status line."""
    site.file("errors/index.html", "<p>nothing here")
    site.program("nph-page.cgi", "#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n'\n")
    site.prints("on.cgi", "Location: /errors\n\n")
    site.prints("on-nph.cgi", "Location: /nph-page.cgi\n\n")
    server = start(config=cgi_site(site.root, site=f'error_pages = {{ 404 = "{page}" }}\n'))
    response = server.get("/none")
    assert response.status == 404 and not response.all("Location") and b"404" in response.body
    server.wait_log(f"the page /[a-z-]+(?:.cgi)? for 404 cannot answer: .*{why}")
    assert server.get("/errors").status == 301 and server.get("/nph-page.cgi").status == 200


def test_a_page_gets_no_password(start, site):
    """It was sent to what has failed, by whoever is not let in."""
    site.program("page.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n")
    site.program("broken.cgi", "#!/bin/sh\nexit 1\n")
    file = password_file(site.root.parent / "passwords", alice=QUICK, bob=QUICK)
    rule = auth(file, users='["bob"]')
    server = start(config=cgi_site(
        site.root, f'authorization = true\n[[site.location]]\nmatch = "/private/"\n{rule}\n',
        site='error_pages = { 401 = "/page.cgi", 502 = "/page.cgi" }\n'))
    assert "HTTP_AUTHORIZATION" in server.get("/page.cgi", ALICE).text
    for path, status in (("/private/x", 401), ("/broken.cgi", 502)):
        response = server.get(path, ALICE)
        assert response.status == status and f"REDIRECT_STATUS={status}" in response.text
        assert "HTTP_AUTHORIZATION" not in response.text


def test_a_location_has_its_own(start, site):
    site.file("one.html", "one")
    site.file("two.html", "two")
    site.file("sub/a.txt", "a")
    server = start(config=cgi_site(
        site.root, '[[site.location]]\nmatch = "/sub/"\nerror_pages = { 404 = "/two.html" }\n'
        '[[site.location]]\nmatch = "/own/"\nerror_pages = { 404 = false }\n',
        site='error_pages = { 400-499 = "/one.html" }\n'))
    assert server.get("/none").body == b"one" and server.get("/sub/none").body == b"two"
    response = server.get("/own/none")
    assert response.status == 404 and response.body not in (b"one", b"two")
    assert server.request("BREW", "/sub/a.txt").status == 501


def test_connections_go_on(server):
    with server.connect() as connection:
        for target, status in (("/none", 404), ("/broken.cgi", 502), ("/a.txt", 200), ("/none", 404)):
            assert connection.request("GET", target).status == status
