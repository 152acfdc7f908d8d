"""RFC 9110 where it is not about one file: negotiation, conditions, redirects, hosts, paths."""

import pytest

from support.clauses import clause
from support.client import head
from support.configuration import cgi_site
from support.programs import ENVIRONMENT, environment_of

HTML = ("Accept", "text/html")
MODIFIED = "Thu, 02 Jan 2020 03:04:05 GMT"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.file("text.txt", "0123456789")
    shared_site.file("list/a.txt", "a")
    shared_site.file("folder/index.html", "the index")
    return shared_site


# Bodies that nobody asked for.


@pytest.mark.fault("36")
@pytest.mark.parametrize("method, target", [
    ("GET", "/text.txt"), ("HEAD", "/text.txt"), ("OPTIONS", "/text.txt"), ("POST", "/text.txt"),
    ("GET", "/list/"), ("GET", "/folder"), ("GET", "/folder/"), ("GET", "/missing"),
    ("OPTIONS", "*"), ("GET", "/environment.cgi"), ("TRACE", "/text.txt")])
def test_body_size_holds_for_every_target(shared, method, target):
    """Whatever is there, and whether or not it would have taken a body."""
    connection = shared.connect()
    connection.send(head(method, target, [("Content-Length", "1000000000000")]))
    response = connection.read_response(method)
    assert response.status == 413 and response.header("Connection") == "close"
    assert connection.ended()


def test_a_body_within_body_size_spoils_no_file(shared):
    connection = shared.connect()
    assert connection.request("GET", "/text.txt", body=b"x" * 1000).body == b"0123456789"
    assert connection.request("GET", "/text.txt").body == b"0123456789"


# Negotiation.


@clause("rfc9110-12.5.5-vary")
@pytest.mark.parametrize("method, target", [
    ("GET", "/list/"), ("HEAD", "/list/"), ("GET", "/missing"), ("POST", "/text.txt"),
    ("TRACE", "/text.txt")])
def test_page_that_depends_on_accept_says_so(shared, method, target):
    html = shared.request(method, target, [HTML])
    plain = shared.request(method, target)
    assert html.header("Content-Type") != plain.header("Content-Type")
    assert html.header("Vary") == plain.header("Vary") == "Accept"


@clause("rfc9110-12.5.5-vary")
@pytest.mark.parametrize("target", ["/text.txt", "/environment.cgi", "/folder/"])
def test_what_depends_on_no_field_has_no_vary(shared, target):
    assert shared.get(target, [HTML]).header("Vary") is None


# Conditions.


@clause("rfc9110-13.2.1-only-for-success")
@pytest.mark.parametrize("method, target, status", [
    ("GET", "/missing", 404), ("GET", "/folder", 301), ("POST", "/text.txt", 405),
    ("DELETE", "/text.txt", 405)])
@pytest.mark.parametrize("field", [("If-None-Match", "*"), ("If-Match", '"other"'),
                                   ("If-Modified-Since", MODIFIED), ("Range", "bytes=0-1")])
def test_conditions_change_no_failure(shared, method, target, status, field):
    assert shared.request(method, target, [field]).status == status


@clause("rfc9110-13.1-programs-conditions")
@pytest.mark.parametrize("name, value", [
    ("If-None-Match", "*"), ("If-Match", '"other"'), ("If-Modified-Since", MODIFIED),
    ("If-Unmodified-Since", MODIFIED), ("Range", "bytes=0-1"), ("If-Range", '"other"')])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_conditions_are_the_programs_own_affair(shared, method, name, value):
    """What it prints may be of any date, and need not be the bytes of its file."""
    environment = environment_of(shared.request(method, "/environment.cgi", [(name, value)]))
    assert environment["HTTP_" + name.upper().replace("-", "_")] == value


@clause("rfc9110-13.1-programs-conditions", "rfc9112-6.3-no-body")
def test_a_programs_304_keeps_its_metadata(shared, shared_site):
    shared_site.prints("cached.cgi", "Status: 304 Not Modified\nETag: \"x\"\nVary: Cookie\n"
                       "Cache-Control: max-age=5\nExpires: Thu, 02 Jan 2020 03:04:05 GMT\n"
                       "Content-Location: /here\n\n")
    connection = shared.connect()
    response = connection.request("GET", "/cached.cgi")
    assert response.status == 304 and response.header("Date")
    for name, value in (("ETag", '"x"'), ("Vary", "Cookie"), ("Cache-Control", "max-age=5"),
                        ("Expires", MODIFIED), ("Content-Location", "/here")):
        assert response.all(name) == [value]
    assert connection.request("GET", "/text.txt").body == b"0123456789"


@pytest.mark.fault("35")
@clause("rfc9110-15.4.5-not-modified")
def test_304_of_a_file(shared):
    full = shared.get("/text.txt")
    response = shared.get("/text.txt", [("If-None-Match", full.header("ETag"))])
    assert response.status == 304 and response.header("Date")
    assert response.header("ETag") == full.header("ETag")
    assert {name for name, _ in response.headers} == {"ETag", "Last-Modified", "Date", "Server"}


@clause("rfc9110-15.5.17-unsatisfiable", "rfc9110-14.1.2-byte-ranges")
@pytest.mark.parametrize("size, value, status", [
    (0, "bytes=0-", 416), (0, "bytes=0-0", 416), (0, "bytes=-1", 416), (1, "bytes=0-0", 206),
    (1, "bytes=1-", 416), (1, "bytes=-1", 206), (1, "bytes=-2", 206), (10, "bytes=9-", 206),
    (10, "bytes=10-", 416), (10, "bytes=-0", 416)])
def test_ranges_at_the_borders(shared, shared_site, size, value, status):
    shared_site.file(f"size{size}", b"x" * size)
    response = shared.get(f"/size{size}", [("Range", value)])
    # An empty file has no range: the whole of it is as good an answer (section 14.2).
    assert response.status in ((status, 200) if size == 0 else (status,))
    if response.status == 416:
        assert response.header("Content-Range") == f"bytes */{size}"


# Hosts and schemes.


@clause("rfc9110-7.4-misdirected")
@pytest.mark.parametrize("target", ["https://localhost/text.txt", "HTTPS://localhost/text.txt"])
def test_https_target_without_tls_421(shared, target):
    """What was meant to be read over TLS is not given out in the clear."""
    connection = shared.connect()
    response = connection.request("GET", target)
    assert response.status == 421 and response.complete
    assert b"0123456789" not in response.body


# Redirects of programs: RFC 3875 section 6.2.


@clause("rfc3875-6.2.2-never-elsewhere")
@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "unix:/run/other.sock|http://localhost/", "http://localhost:1/",
    "ftp://localhost/", "fcgi://localhost/", "http://[::1]:1/", "gopher://localhost/"])
def test_other_schemes_are_for_the_client_to_follow(shared, shared_site, location):
    shared_site.prints("away.cgi", f"Location: {location}\n\n")
    response = shared.get("/away.cgi")
    assert response.status == 302 and response.header("Location") == location
    assert b"root:" not in response.body


@clause("rfc3875-6.2.2-never-elsewhere")
@pytest.mark.parametrize("location, status", [
    ("/\\other.example/", 404), ("/a b", 404), ("/text.txt?q=1", 200),
    ("/http://other.example/", 404), ("/%2fother.example/", 404)])
def test_a_local_location_is_a_path_of_this_site_and_nothing_else(shared, shared_site, location,
                                                                  status):
    shared_site.prints("local.cgi", f"Location: {location}\n\n")
    response = shared.get("/local.cgi")
    assert response.status == status and response.header("Location") is None


@clause("rfc3875-6.2.2-never-elsewhere")
@pytest.mark.parametrize("location", ["//other.example/text.txt", "/text.txt#fragment"])
def test_what_is_no_local_path_is_the_clients(shared, shared_site, location):
    """Another host, or a place within a page, which only the client can go to."""
    shared_site.prints("local.cgi", f"Location: {location}\n\n")
    response = shared.get("/local.cgi")
    assert response.status == 302 and response.header("Location") == location


@clause("rfc3875-6.2.2-local-redirect")
def test_body_and_type_do_not_reach_the_program_redirected_to(shared, shared_site):
    shared_site.prints("to.cgi", "Location: /environment.cgi\n\n", "cat > /dev/null")
    environment = environment_of(shared.request("POST", "/to.cgi", [("Content-Type", "a/b")],
                                                b"hello"))
    for name in ("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
        assert name not in environment
    assert environment["REQUEST_METHOD"] == "GET"


@clause("rfc3875-6.3.3-status")
@pytest.mark.parametrize("status", ["100 Continue", "101 Switching Protocols", "199 x"])
def test_status_that_is_no_final_one_502(shared, shared_site, status):
    """RFC 9110 section 15.2: it would not end the exchange."""
    shared_site.prints("status.cgi", f"Status: {status}\nContent-Type: text/plain\n\nhello")
    connection = shared.connect()
    connection.send(head("GET", "/status.cgi"))
    assert connection.read_head().status == 502


@clause("rfc3875-4.1.5-split")
def test_path_info_of_ten_thousand_bytes(start, site):
    """Not a byte is lost, added or taken for a separator. Empty and dot segments go first."""
    site.c_program("environment.cgi", ENVIRONMENT)
    server = start(config=cgi_site(site.root, limits='target_size = "64k"\nheader_size = "128k"'))
    unit = "/a%0ab%2fc%2Fd%25e%3ff%3bg;h=i/%e4%bd%a0/%2e%2e%2e+"
    sent = unit * (10_000 // len(unit) + 1)
    seen = sent
    for escape, byte in (("%0a", "\n"), ("%2f", "/"), ("%2F", "/"), ("%3f", "?"), ("%3b", ";"),
                         ("%e4%bd%a0", "\xe4\xbd\xa0"), ("%2e", "."), ("%25", "%")):
        seen = seen.replace(escape, byte)
    environment = environment_of(server.get("/environment.cgi" + sent + "?query"))
    assert len(sent) > 10_000
    assert environment["SCRIPT_NAME"] == "/environment.cgi"
    assert environment["PATH_INFO"] == seen
    assert environment["QUERY_STRING"] == "query"
    assert environment["REQUEST_URI"] == "/environment.cgi" + sent + "?query"


@clause("rfc3875-4.1.5-split")
@pytest.mark.parametrize("target, script, info", [
    ("/environment.cgi", "/environment.cgi", None), ("/environment.cgi/", "/environment.cgi", "/"),
    ("/environment.cgi//a", "/environment.cgi", "/a"),
    ("/environment.cgi%0a", None, None), ("/environment.cgi%2fa", None, None),
    ("/environment.cgi/%0a", "/environment.cgi", "/\n"),
    ("/environment.cgi/%2f", "/environment.cgi", "//"),
    ("/environment.cgi/environment.cgi", "/environment.cgi", "/environment.cgi"),
    ("/%65nvironment.cgi/a", "/environment.cgi", "/a"),
    ("/environment%2ecgi/a", "/environment.cgi", "/a"),
    ("/list%2f../environment.cgi/a", None, None)])
def test_border_between_script_and_path_info(shared, target, script, info):
    response = shared.get(target)
    if script is None:
        assert response.status in (400, 404)
        return
    environment = environment_of(response)
    assert environment["SCRIPT_NAME"] == script and environment.get("PATH_INFO") == info
