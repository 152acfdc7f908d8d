"""What a program prints and what the client gets: RFC 3875 section 6."""

import shutil

import pytest

from support.clauses import cases, clause
from support.client import Closed, head
from support.programs import ENVIRONMENT, environment_of


@pytest.fixture
def output(shared, shared_site):
    """output(b"...") puts a program there that prints it, and asks for it."""

    def ask(printed, method="GET", name="prints.cgi", then="", **more):
        shared_site.prints(name, printed, then)
        return shared.request(method, "/" + name, **more)

    return ask


PLAIN = "Content-Type: text/plain\n"


# Documents.


@clause("rfc3875-6.2-line-ends")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_lines_end_in_lf_or_crlf(output, end):
    """RFC 3875 section 6.2: NL is CRLF or LF."""
    response = output(f"Content-Type: text/plain{end}X-A: b{end}{end}hello\r\n\n")
    assert response.status == 200 and response.body == b"hello\r\n\n"
    assert response.header("Content-Type") == "text/plain" and response.header("X-A") == "b"


@clause("rfc3875-6.2-line-ends")
def test_mixed_line_ends(output):
    response = output("Content-Type: text/plain\r\nX-A: b\nX-C: d\r\n\nhello")
    assert response.body == b"hello" and response.header("X-C") == "d"


@clause("rfc3875-6.2-one-field")
def test_header_only(output):
    response = output(PLAIN + "\n")
    assert response.status == 200 and response.complete and response.body == b""


def test_header_that_arrives_byte_by_byte(shared, shared_site):
    shared_site.program("bytes.cgi", "#!/bin/sh\n"
                        "for b in C o n t e n t - T y p e : t '\\n' '\\n' h i; do\n"
                        "printf \"$b\"; sleep 0.01; done\n")
    assert shared.get("/bytes.cgi").body == b"hi"


@clause("rfc3875-6.3.3-status")
def test_status_defaults_to_200(output):
    assert output(PLAIN + "\n").status == 200


@clause("rfc3875-6.3.3-status")
@pytest.mark.parametrize("value, status, reason", [
    ("404 Not Here", 404, "Not Here"), ("201", 201, "Created"), ("500 Oops", 500, "Oops"),
    ("299 Something", 299, "Something"), ("418 I'm a teapot", 418, "I'm a teapot")])
def test_status(output, value, status, reason):
    """RFC 3875 section 6.3.3."""
    response = output(f"Status: {value}\n{PLAIN}\nbody")
    assert (response.status, response.reason) == (status, reason)
    assert response.body == b"body" and not response.all("Status")


@clause("rfc3875-6.2-one-field")
def test_status_alone_is_a_header(output):
    """At least one CGI field; a body without a type has none."""
    response = output("Status: 204 No Content\n\n")
    assert response.status == 204


@pytest.mark.fault("15")
@pytest.mark.parametrize("field", ["Set-Cookie: a=1", "Refresh: 5", "X-Field: value", "Date: x",
                                   "Content-Length: 5"])
def test_any_field_alone_is_a_header(output, field):
    """As other servers have it; the type is then for the client to guess."""
    response = output(f"{field}\n\nhello")
    assert (response.status, response.body) == (200, b"hello") and response.complete
    assert response.header("Content-Type") is None


@pytest.mark.fault("16")
def test_a_thousand_cookies_reach_the_client(output):
    cookies = [f"name{number}=value; Path=/; Max-Age=86400; SameSite=Lax" for number in range(1000)]
    response = output(PLAIN + "".join(f"Set-Cookie: {cookie}\n" for cookie in cookies) + "\nhello")
    assert (response.status, response.body) == (200, b"hello")
    assert response.all("Set-Cookie") == cookies


@pytest.mark.fault("18")
@pytest.mark.parametrize("head", ["Status: 999\n" + PLAIN, "Status: 600 No\n" + PLAIN,
                                  PLAIN + "Content-Type: text/html\n"])
def test_what_no_response_may_have_is_the_program_s_failure(output, head):
    """RFC 9110 section 15: a status is from 100 to 599; RFC 3875 section 6.3: one of each."""
    assert output(head + "\nhello").status == 502


def test_field_names_in_any_case_and_values_with_colons(output):
    response = output("CONTENT-type:text/plain\nx-time:  12:30:00 \n\nhello")
    assert response.header("Content-Type") == "text/plain"
    assert response.header("X-Time") == "12:30:00"


@clause("rfc3875-6.3.5-extensions")
def test_repeated_fields_are_kept_in_order(output):
    response = output(PLAIN + "Set-Cookie: a=1\nX: y\nSet-Cookie: b=2\n\n")
    assert response.all("Set-Cookie") == ["a=1", "b=2"]


@clause("rfc9110-13.1-programs-conditions")
def test_validators_and_ranges_of_a_program_pass_through(output):
    response = output("Status: 206 Partial Content\nContent-Range: bytes 0-4/10\nETag: \"x\"\n"
                      "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\nCache-Control: no-store\n"
                      + PLAIN + "\nhello")
    assert response.status == 206 and response.header("Content-Range") == "bytes 0-4/10"
    assert response.header("ETag") == '"x"' and response.header("Cache-Control") == "no-store"
    assert response.header("Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT"


@clause("rfc9110-6.6.1-date")
def test_date_and_server_of_the_program_are_not_doubled(output):
    response = output("Date: Sun, 06 Nov 1994 08:49:37 GMT\nServer: mine\n" + PLAIN + "\n")
    assert len(response.all("Date")) == 1 and len(response.all("Server")) == 1


@clause("rfc3875-6.3.5-extensions")
def test_extension_fields_are_stripped(output):
    """RFC 3875 section 6.3.5."""
    response = output(PLAIN + "X-CGI-Secret: s\nx-cgi-other: t\nX-Cgisrv: u\n\n")
    assert not [n for n, _ in response.headers if n.lower().startswith("x-cgi-")]
    assert response.header("X-Cgisrv") == "u"


@clause("rfc9110-7.6.1-hop-by-hop")
@pytest.mark.parametrize("field", [
    "Connection: close", "Connection: X-A", "Keep-Alive: timeout=5", "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip", "TE: trailers", "Trailer: X", "Upgrade: h2c",
    "Proxy-Connection: close"])
def test_hop_by_hop_fields_are_never_forwarded(shared, shared_site, field):
    """RFC 9110 section 7.6.1; the connection is the server's."""
    shared_site.prints("hop.cgi", f"{field}\n{PLAIN}X-A: b\n\nhello")
    connection = shared.connect()
    for _ in range(2):
        response = connection.request("GET", "/hop.cgi")
        assert response.status == 200 and response.body == b"hello"
        name, value = field.split(": ")
        assert value not in response.all(name) or (name, value) == ("Transfer-Encoding", "chunked")


# Content-Length from the program.


@clause("rfc9110-8.6-program-length")
def test_right_length_is_kept(shared, shared_site):
    shared_site.prints("length.cgi", PLAIN + "Content-Length: 5\n\nhello")
    connection = shared.connect()
    for _ in range(2):
        response = connection.request("GET", "/length.cgi")
        assert response.header("Content-Length") == "5" and response.body == b"hello"
        assert response.complete


@clause("rfc9110-8.6-program-writes-less")
def test_program_that_writes_less_closes_short(shared, shared_site):
    """The client must see that it is incomplete."""
    shared_site.prints("length.cgi", PLAIN + "Content-Length: 10\n\nhello")
    connection = shared.connect()
    response = connection.request("GET", "/length.cgi")
    assert response.body == b"hello" and not response.complete
    assert connection.ended()


@clause("rfc9110-8.6-program-writes-more")
def test_program_that_writes_more_is_cut(shared, shared_site):
    shared_site.prints("length.cgi", PLAIN + "Content-Length: 5\n\nhelloHTTP/1.1 200 OK\r\n\r\n")
    connection = shared.connect()
    response = connection.request("GET", "/length.cgi")
    assert response.body == b"hello" and response.complete
    if not connection.silent(0.3):
        assert connection.ended()


def test_zero_length(output):
    response = output(PLAIN + "Content-Length: 0\n\n")
    assert response.header("Content-Length") == "0" and response.complete


# Responses without a body.


@clause("rfc9110-9.3.2-head", "rfc9112-6.3-no-body")
def test_head_drops_the_body(shared, shared_site):
    shared_site.prints("page.cgi", PLAIN + "\nhello" + "x" * 100_000)
    connection = shared.connect()
    for _ in range(2):
        response = connection.request("HEAD", "/page.cgi")
        assert response.status == 200 and response.header("Content-Type") == "text/plain"
    assert connection.request("GET", "/missing").status == 404


@clause("rfc9112-6.3-no-body")
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_204_and_304_have_no_body(shared, shared_site, status):
    """RFC 9112 section 6.3."""
    shared_site.prints("status.cgi", f"Status: {status}\n{PLAIN}\nHTTP/1.1 200 OK\r\n\r\n")
    connection = shared.connect()
    response = connection.request("GET", "/status.cgi")
    assert response.status == int(status[:3])
    if connection.silent(0.3):
        assert connection.request("GET", "/missing").status == 404
    else:
        assert connection.ended()


# What is refused: 502, and the log has the line.

REFUSED = {
    "rfc3875-6.2-one-field": {
        "empty": "",
        "no header at all": "<html>hello</html>\n",
        "empty line first": "\nhello",
        "no colon": "Content-Type text/plain\n\nhello",
        "header without end": "Content-Type: text/plain\n",
        "line without end": "Content-Type: text/plain",
        "no field": "\r\nhello",
    },
    "rfc3875-6.3-syntax": {
        "space before the colon": "Content-Type : text/plain\n\nhello",
        "space before the name": " Content-Type: text/plain\n\nhello",
        "empty name": ": text/plain\n\nhello",
        "name that is no token": "Content Type: text/plain\n\nhello",
        "continuation line": PLAIN + "X-A: b\n c\n\nhello",
    },
    "rfc3875-6.3-duplicates": {
        "Status twice": "Status: 200 OK\nStatus: 404 Not Found\n" + PLAIN + "\nhello",
        "Content-Type twice": PLAIN + PLAIN + "\nhello",
        "Location twice": "Location: http://a/\nLocation: http://b/\n\n",
    },
    "rfc3875-6.3.3-status": {
        "Status that is no number": "Status: OK\n" + PLAIN + "\nhello",
        "Status of two digits": "Status: 20\n" + PLAIN + "\nhello",
        "Status of four digits": "Status: 2000\n" + PLAIN + "\nhello",
        "Status below 100": "Status: 099\n" + PLAIN + "\nhello",
    },
    "rfc3875-6.3-control-bytes": {
        "bare CR": PLAIN + "X-A: b\rc\n\nhello",
        "NUL": PLAIN + "X-A: b\0c\n\nhello",
        "control byte": PLAIN + "X-A: b\x01c\n\nhello",
        "escape byte": PLAIN + "X-A: \x1b[31m\n\nhello",
    },
    "rfc3875-6.3-limit": {
        "header of 300 kB in one line": PLAIN + "X-A: " + "b" * 300_000 + "\n\nhello",
        "header of 300 kB in many lines": PLAIN + "X-A: bbbbbbbbbbbb\n" * 20_000 + "\nhello",
    },
    "rfc9110-8.6-program-length": {
        "length that is no number": PLAIN + "Content-Length: abc\n\nhello",
        "negative length": PLAIN + "Content-Length: -5\n\nhello",
        "signed length": PLAIN + "Content-Length: +5\n\nhello",
        "list of lengths": PLAIN + "Content-Length: 5,6\n\nhello",
        "list of equal lengths": PLAIN + "Content-Length: 5, 5\n\nhello",
        "two lengths": PLAIN + "Content-Length: 5\nContent-Length: 6\n\nhello",
        "two equal lengths": PLAIN + "Content-Length: 5\nContent-Length: 5\n\nhello",
        "overflowing length": PLAIN + "Content-Length: 18446744073709551621\n\nhello",
        "empty length": PLAIN + "Content-Length:\n\nhello",
    },
}


@cases(REFUSED, "printed")
def test_malformed_output_502(shared, output, printed):
    response = output(printed)
    assert response.status == 502 and response.complete, response
    shared.wait_log("prints.cgi")


@clause("rfc3875-6.3-logged")
def test_offending_line_is_logged_escaped(shared, output):
    assert output(PLAIN + "X-Bad : \x1b[31mvalue\n\nhello").status == 502
    match = shared.wait_log("(?m)^.*X-Bad .*$")
    assert "\x1b" not in match[0], "control bytes never reach the reader's terminal"
    assert "prints.cgi" in shared.log()


def test_connection_goes_on_after_502(shared, shared_site):
    shared_site.prints("bad.cgi", "nonsense\n")
    connection = shared.connect()
    for _ in range(3):
        assert connection.request("GET", "/bad.cgi").status == 502


# Redirects: RFC 3875 sections 6.2.2 to 6.2.4 and 6.3.2.


@clause("rfc3875-6.2.3-client-redirect")
def test_absolute_location_alone_302(output):
    response = output("Location: http://example.org/a?b#c\n\n")
    assert response.status == 302 and response.header("Location") == "http://example.org/a?b#c"


@clause("rfc3875-6.2.4-redirect-with-document")
def test_absolute_location_with_status_and_body_is_kept(output):
    response = output("Status: 301 Moved\nLocation: https://example.org/\n" + PLAIN + "\nmoved")
    assert response.status == 301 and response.header("Location") == "https://example.org/"
    assert response.body == b"moved"


@clause("rfc3875-6.2.4-redirect-with-document")
def test_local_location_with_status_is_kept(output):
    """With a Status it is for the client, who resolves the path (RFC 9110 section 10.2.2)."""
    response = output("Status: 303 See Other\nLocation: /elsewhere\n" + PLAIN + "\nmoved")
    assert response.status == 303 and response.header("Location").endswith("/elsewhere")


def test_location_together_with_cookie(output):
    response = output("Status: 302 Found\nSet-Cookie: a=1\nLocation: http://example.org/\n\n")
    assert response.status == 302 and response.all("Set-Cookie") == ["a=1"]


@clause("rfc3875-6.2.4-redirect-with-document")
def test_201_with_location(output):
    response = output("Status: 201 Created\nLocation: http://example.org/new\n" + PLAIN + "\nnew")
    assert response.status == 201 and response.body == b"new"


@clause("rfc3875-6.2.2-local-redirect")
def test_local_location_answers_with_that_resource(output, shared_site):
    shared_site.file("target.html", "the target")
    response = output("Location: /target.html\n\n")
    assert response.status == 200 and response.body == b"the target"
    assert response.header("Content-Type").startswith("text/html")
    assert not response.all("Location")


@clause("rfc3875-6.2.2-local-redirect")
def test_local_location_to_a_program_is_a_get(output, shared_site):
    """The body of the first request is not for the second program."""
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    response = output("Location: /environment.cgi?a=b\n\n", method="POST", body=b"hello",
                      then="cat > /dev/null")
    environment = environment_of(response)
    assert environment["REQUEST_METHOD"] == "GET"
    assert environment["SCRIPT_NAME"] == "/environment.cgi"
    assert "PATH_INFO" not in environment and environment["QUERY_STRING"] == "a=b"
    assert "CONTENT_LENGTH" not in environment
    assert environment["REDIRECT_URL"] == "/prints.cgi"


@pytest.mark.fault("14")
def test_local_location_with_a_path_behind_the_program(output, shared_site):
    """REDIRECT_URL would have php-cgi run what PATH_TRANSLATED names."""
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    environment = environment_of(output("Location: /environment.cgi/info\n\n"))
    assert (environment["SCRIPT_NAME"], environment["PATH_INFO"]) == ("/environment.cgi", "/info")
    assert environment["PATH_TRANSLATED"] == f"{shared_site.root}/info"
    assert "REDIRECT_URL" not in environment


@pytest.mark.fault("17")
@pytest.mark.parametrize("path", ["/é.txt", "/he llo.txt", "/a<b>.txt"])
def test_local_location_in_plain_characters(output, shared_site, path):
    """They are encoded on the program's behalf, as a browser would."""
    shared_site.file(path[1:], "found")
    assert output(f"Location: {path}?a=é b\n\n".encode()).body == b"found"
    shared_site.path(path[1:]).unlink()
    assert output(f"Location: {path}\n\n".encode()).status == 404


PHP_CGI = shutil.which("php-cgi")


@pytest.mark.fault("14")
@pytest.mark.skipif(not PHP_CGI, reason="php-cgi is not installed")
@pytest.mark.parametrize("info", ["/hello.txt", "/.hidden", "/cgi-bin/x.sh", "/none", ""])
def test_local_location_to_a_php_program_runs_it(start, site, info):
    """Whatever file there is where PATH_INFO would lead, if it were a path."""
    site.file("hello.txt", "a file")
    site.file(".hidden", "a dotfile")
    site.program("cgi-bin/x.sh", "#!/bin/sh\necho a source\n")
    site.file("p.php", "<?php echo 'p.php ', $_SERVER['PATH_INFO'] ?? 'none', "
                       "' ', $_SERVER['SCRIPT_NAME'], ' ', $_GET['a'];")
    site.prints("to.cgi", f"Location: /p.php{info}?a=b\n\n")
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "*.php"
interpreter = "{PHP_CGI}"
""")
    wanted = f"p.php {info or 'none'} /p.php b"
    assert server.get("/to.cgi").text == wanted
    assert server.get(f"/p.php{info}?a=b").text == wanted


@clause("rfc3875-6.2.2-local-redirect")
def test_local_location_of_a_head_request(shared, shared_site):
    shared_site.file("target.html", "the target")
    shared_site.prints("to.cgi", "Location: /target.html\n\n")
    connection = shared.connect()
    response = connection.request("HEAD", "/to.cgi")
    assert response.status == 200
    assert connection.request("GET", "/target.html").body == b"the target"


@clause("rfc3875-6.2.2-local-redirect")
def test_local_location_that_is_missing_404(output):
    assert output("Location: /nowhere\n\n").status == 404


@clause("rfc3875-6.2.2-local-redirect")
@pytest.mark.parametrize("path", ["/.secret", "/../outside", "/%2e%2e/outside", "/a/../../outside"])
def test_local_location_obeys_the_rules_of_paths(output, shared_site, path):
    shared_site.file(".secret", "SECRET")
    shared_site.file("../outside", "SECRET")
    response = output(f"Location: {path}\n\n")
    assert response.status in (400, 404, 502) and b"SECRET" not in response.body


@clause("rfc3875-6.2.2-never-elsewhere")
def test_local_location_never_shows_the_source_of_a_program(output, shared_site):
    """Neither executable nor sent."""
    shared_site.program("source.cgi", "#!/bin/sh\n# SECRET\n", mode=0o644)
    response = output("Location: /source.cgi\n\n")
    assert response.status == 403 and b"SECRET" not in response.body


@clause("rfc3875-6.2.2-local-redirect")
def test_local_redirect_loop_ends_after_ten(shared, shared_site):
    shared_site.program("loop.cgi", "#!/bin/sh\necho >> loops\n"
                        "printf 'Location: /loop.cgi\\n\\n'\n")
    (shared_site.root / "loops").unlink(missing_ok=True)
    response = shared.get("/loop.cgi")
    assert response.status in (500, 502, 508) and response.complete
    assert 2 <= len((shared_site.root / "loops").read_bytes()) <= 11


@clause("rfc3875-6.2.2-local-redirect")
def test_chain_of_local_redirects(shared, shared_site):
    for n in range(5):
        shared_site.prints(f"chain{n}.cgi", f"Location: /chain{n + 1}.cgi\n\n")
    shared_site.prints("chain5.cgi", PLAIN + "\nthe end")
    assert shared.get("/chain0.cgi").body == b"the end"


def test_keep_alive_across_a_local_redirect(shared, shared_site):
    shared_site.file("target.html", "the target")
    shared_site.prints("to.cgi", "Location: /target.html\n\n")
    connection = shared.connect()
    for _ in range(3):
        response = connection.request("POST", "/to.cgi", body=b"hello")
        assert response.body == b"the target"


# NPH: RFC 3875 section 5.


@clause("rfc3875-5-nph")
def test_nph_output_is_sent_unmodified(shared, shared_site):
    output = b"HTTP/1.0 299 My Own\nX-CGI-Kept: yes\r\nConnection: mine\r\n\r\nbody\0\xff"
    shared_site.prints("nph-mine.cgi", output)
    with shared.connect() as connection:
        connection.send(head("GET", "/nph-mine.cgi"))
        assert connection.read_rest() == output


@clause("rfc3875-5-nph")
def test_nph_closes_the_connection_and_ignores_what_follows(shared, shared_site):
    """The server cannot know where the response ends."""
    shared_site.prints("nph-mine.cgi", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    connection = shared.connect()
    connection.send(head("GET", "/nph-mine.cgi") + head("GET", "/missing"))
    assert connection.read_response().body == b"ok"
    assert connection.ended()


def test_nph_in_cgi_bin(shared, shared_site):
    output = b"HTTP/1.0 200 OK\r\n\r\nraw"
    shared_site.prints("cgi-bin/nph-raw", output)
    with shared.connect() as connection:
        connection.send(head("GET", "/cgi-bin/nph-raw"))
        assert connection.read_rest() == output


def test_nph_sees_its_input(shared, shared_site):
    shared_site.program("nph-cat.cgi", "#!/bin/sh\n"
                        "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'\nexec cat\n")
    assert shared.request("POST", "/nph-cat.cgi", body=b"hello").body == b"hello"


def test_nph_program_that_prints_nothing(shared, shared_site):
    """Its bytes unmodified, that is none; or a 502, since nothing was sent yet."""
    shared_site.prints("nph-nothing.cgi", b"")
    with shared.connect() as connection:
        connection.send(head("GET", "/nph-nothing.cgi"))
        try:
            assert connection.read_response().status == 502
        except Closed:
            pass


def test_local_redirect_of_an_absolute_target(shared, shared_site):
    """RFC 9112 section 3.2.2: what Host says counts for nothing then, before it and after it."""
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.prints("absolute.cgi", "Location: /environment.cgi/info?a=b\n\n")
    seen = environment_of(shared.get("http://good:81/absolute.cgi?q", host="bad"))
    assert seen["HTTP_HOST"] == "good:81"
    assert seen["SERVER_NAME"] == "good"
    assert seen["REQUEST_URI"] == "/absolute.cgi?q"


def test_local_redirect_is_logged_as_it_was_asked_for(shared, shared_site):
    shared_site.file("target.html", "the target")
    shared_site.prints("posted.cgi", "Location: /target.html\n\n")
    assert shared.request("POST", "/posted.cgi", body=b"1").status == 200
    shared.wait_log(r'"POST /posted\.cgi HTTP/1\.1" 200')
