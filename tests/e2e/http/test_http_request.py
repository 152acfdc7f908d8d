"""Requests over HTTP/1.1: RFC 9112, and the methods and expectations of RFC 9110."""

import re
import threading
import time

import pytest

from support.clauses import cases, clause
from support.client import LAST_CHUNK, Connection, chunk, head
from support.configuration import cgi_site
from support.programs import CAT, ENVIRONMENT, environment_of
from support.waiting import until

# Says that it ran; no refused request may get this far.
RAN = "#!/bin/sh\n: > ran\nprintf 'Content-Type: text/plain\\n\\nran'\n"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.program("ran.cgi", RAN)
    shared_site.program("cat.cgi", CAT)
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.file("index.html", "hello")
    for name in "abc":
        shared_site.prints(f"{name}.cgi", f"Content-Type: text/plain\n\nprogram {name}")
    return shared_site


@pytest.fixture
def ran(shared_site):
    path = shared_site.root / "ran"
    path.unlink(missing_ok=True)
    return path.exists


def refused(shared, ran, data: bytes, *statuses: int) -> None:
    """One response with one of these statuses, the connection closed, and no program run."""
    connection = shared.connect()
    connection.send_as_far_as_taken(data)
    response = connection.read_response()
    assert response.status in statuses, response
    assert response.complete and response.header("Connection") == "close", response
    assert connection.ended(), "open, or there is more after the response"
    assert not ran(), "the program ran"


# Heads that are refused. {H} is a good Host field.

START = b"GET /ran.cgi HTTP/1.1\r\n"
HOST = b"Host: localhost\r\n"


def with_field(field: bytes) -> bytes:
    return START + HOST + field + b"\r\n\r\n"


def with_line(line: bytes) -> bytes:
    return line + b"\r\n" + HOST + b"\r\n"


def with_host(value: bytes) -> bytes:
    return START + b"Host: " + value + b"\r\n\r\n"


BAD_LINES = {
    "rfc9112-2.2-line-ends": {
        "bare LF ends the request line": START[:-2] + b"\n" + HOST + b"\r\n",
        "bare LF everywhere": (START + HOST + b"\r\n").replace(b"\r\n", b"\n"),
        "bare CR in the request line": with_line(b"GET /ran.cgi\r HTTP/1.1"),
        "bare CR ends the request line": START[:-2] + b"\r" + HOST + b"\r\n",
    },
    "rfc9112-3.2-target-characters": {
        "NUL in the target": with_line(b"GET /ran.cgi\0 HTTP/1.1"),
        "control byte in the target": with_line(b"GET /ran.cgi\x01 HTTP/1.1"),
        "DEL in the target": with_line(b"GET /ran.cgi\x7f HTTP/1.1"),
        "space in the target": with_line(b"GET /ran.cgi a HTTP/1.1"),
        "fragment": with_line(b"GET /ran.cgi#a HTTP/1.1"),
        "fragment after a query": with_line(b"GET /ran.cgi?a#b HTTP/1.1"),
        "control byte in the query": with_line(b"GET /ran.cgi?\x1f HTTP/1.1"),
        "DEL in the query": with_line(b"GET /ran.cgi?\x7f HTTP/1.1"),
        "backslash in the path": with_line(b"GET /ran.cgi\\a HTTP/1.1"),
        "backslash in an absolute path": with_line(b"GET http://h/ran.cgi\\a HTTP/1.1"),
        "backslash in the host": with_line(b"GET http://h\\ran.cgi HTTP/1.1"),
    },
    "rfc9112-3-request-line": {
        "two spaces before the target": with_line(b"GET  /ran.cgi HTTP/1.1"),
        "two spaces before the version": with_line(b"GET /ran.cgi  HTTP/1.1"),
        "tabs for spaces": with_line(b"GET\t/ran.cgi\tHTTP/1.1"),
        "space before the method": with_line(b" GET /ran.cgi HTTP/1.1"),
        "space after the version": with_line(b"GET /ran.cgi HTTP/1.1 "),
        "no target": with_line(b"GET HTTP/1.1"),
        "method that is no token": with_line(b"G@T /ran.cgi HTTP/1.1"),
    },
    "rfc9112-2.3-version": {
        "no version": with_line(b"GET /ran.cgi"),
        "HTTP/0.9 request": b"GET /ran.cgi\r\n\r\n",
        "version without minor": with_line(b"GET /ran.cgi HTTP/1"),
        "version with empty minor": with_line(b"GET /ran.cgi HTTP/1."),
        "version in lower case": with_line(b"GET /ran.cgi http/1.1"),
        "version of two digits": with_line(b"GET /ran.cgi HTTP/1.10"),
        "major of two digits": with_line(b"GET /ran.cgi HTTP/11.1"),
        "version with a comma": with_line(b"GET /ran.cgi HTTP/1,1"),
        "another protocol": with_line(b"GET /ran.cgi HTTQ/1.1"),
        "another protocol's request": with_line(b"GET /ran.cgi RTSP/1.0"),
    },
    "rfc9112-3.2-target-forms": {
        "relative target": with_line(b"GET ran.cgi HTTP/1.1"),
        "asterisk with GET": with_line(b"GET * HTTP/1.1"),
        "absolute form with no host": with_line(b"GET http:///ran.cgi HTTP/1.1"),
        "absolute form with userinfo": with_line(b"GET http://me@localhost/ran.cgi HTTP/1.1"),
        "authority form with GET": with_line(b"GET localhost:80 HTTP/1.1"),
        "CONNECT with a path": with_line(b"CONNECT /ran.cgi HTTP/1.1"),
    },
}

BAD_FIELDS = {
    "rfc9112-2.2-line-ends": {
        "bare LF": with_field(b"Foo: a\nBar: b"),
        "bare LF ends a field": START + HOST + b"Foo: a\n\r\n",
        "bare LF ends the head": START + HOST + b"\n",
        "bare CR": with_field(b"Foo: a\rb"),
        "CR CR LF": with_field(b"Foo: a\r"),
    },
    "rfc9110-5.5-field-values": {
        "NUL": with_field(b"Foo: a\0b"),
        "control byte 0x01": with_field(b"Foo: a\x01b"),
        "control byte 0x0b": with_field(b"Foo: a\x0bb"),
        "escape byte": with_field(b"Foo: a\x1bb"),
        "DEL": with_field(b"Foo: a\x7fb"),
    },
    "rfc9110-7.6.1-connection": {
        "option with a semicolon": with_field(b"Connection: close;"),
        "option in quotes": with_field(b'Connection: "close"'),
        "two words for an option": with_field(b"Connection: keep alive"),
    },
    "rfc9112-5.1-space-before-colon": {
        "space before the colon": with_field(b"Foo : a"),
        "tab before the colon": with_field(b"Foo\t: a"),
    },
    "rfc9112-2.2-space-before-first-field": {
        "space before the first field": START + b" Foo: a\r\n" + HOST + b"\r\n",
        "space before Host": START + b" " + HOST + b"\r\n",
    },
    "rfc9112-5-field-lines": {
        "empty name": with_field(b": a"),
        "space within a name": with_field(b"Fo o: a"),
        "brackets in a name": with_field(b"Foo(a): a"),
        "byte over 0x7f in a name": with_field(b"Fo\xe9: a"),
        "NUL in a name": with_field(b"Fo\0o: a"),
        "no colon": with_field(b"Foo"),
    },
    "rfc9112-5.2-obs-fold": {
        "obs-fold with a space": with_field(b"Foo: a\r\n b"),
        "obs-fold with a tab": with_field(b"Foo: a\r\n\tb"),
        "obs-fold after Host": START + HOST + b" b\r\n\r\n",
    },
}

BAD_HOSTS = {
    "rfc9112-3.2-host": {
        "missing": START + b"\r\n",
        "missing with another field": START + b"Foo: a\r\n\r\n",
        "twice": START + HOST + HOST + b"\r\n",
        "twice and different": START + HOST + b"Host: other\r\n\r\n",
        "userinfo": with_host(b"me@localhost"),
        "path": with_host(b"localhost/a"),
        "comma": with_host(b"localhost,other"),
        "space": with_host(b"local host"),
        "query": with_host(b"localhost?a"),
        "port that is no number": with_host(b"localhost:http"),
        "port over 65535": with_host(b"localhost:65536"),
        "negative port": with_host(b"localhost:-80"),
        "open bracket": with_host(b"[::1"),
    },
}

BODY = b"12345"
BAD_FRAMING = {
    "rfc9112-6.3-length": {
        "length that is no number": with_field(b"Content-Length: abc"),
        "empty length": with_field(b"Content-Length:"),
        "negative length": with_field(b"Content-Length: -1"),
        "signed length": with_field(b"Content-Length: +5") + BODY,
        "hex length": with_field(b"Content-Length: 0x5") + BODY,
        "length with a fraction": with_field(b"Content-Length: 5.0") + BODY,
        "length with an exponent": with_field(b"Content-Length: 5e0") + BODY,
        "length with a space inside": with_field(b"Content-Length: 1 5") + BODY,
        "length with an underscore": with_field(b"Content-Length: 1_0") + BODY,
        "list of lengths": with_field(b"Content-Length: 5, 5") + BODY,
        "list of different lengths": with_field(b"Content-Length: 5, 6") + BODY,
        "length over 64 bits": with_field(b"Content-Length: 18446744073709551621") + BODY,
        "length of 30 digits": with_field(b"Content-Length: " + b"9" * 30) + BODY,
        "equal lengths": with_field(b"Content-Length: 5\r\nContent-Length: 5") + BODY,
        "different lengths": with_field(b"Content-Length: 5\r\nContent-Length: 6") + BODY,
        "different lengths, zero first":
            with_field(b"Content-Length: 0\r\nContent-Length: 5") + BODY,
    },
    "rfc9112-6.3-coding-and-length": {
        "coding and length":
            with_field(b"Transfer-Encoding: chunked\r\nContent-Length: 5") + LAST_CHUNK,
        "length and coding":
            with_field(b"Content-Length: 5\r\nTransfer-Encoding: chunked") + LAST_CHUNK,
    },
    "rfc9112-6.1-coding-in-1.0": {
        "coding in 1.0":
            with_field(b"Transfer-Encoding: chunked").replace(b"1.1", b"1.0") + LAST_CHUNK,
    },
    "rfc9112-6.3-chunked-last": {
        "chunked not last": with_field(b"Transfer-Encoding: chunked, gzip") + LAST_CHUNK,
        "chunked not last, two fields":
            with_field(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip") + LAST_CHUNK,
        "chunked twice": with_field(b"Transfer-Encoding: chunked, chunked") + LAST_CHUNK,
        "chunked twice, two fields":
            with_field(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked") + LAST_CHUNK,
        "empty coding": with_field(b"Transfer-Encoding:"),
    },
}


def chunked(body: bytes) -> bytes:
    return (b"POST /ran.cgi HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body)


BAD_CHUNKS = {
    "rfc9112-7.1-chunk-size": {
        "size that is no number": chunked(b"zz\r\nhello\r\n0\r\n\r\n"),
        "empty size": chunked(b"\r\nhello\r\n0\r\n\r\n"),
        "negative size": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
        "signed size": chunked(b"+5\r\nhello\r\n0\r\n\r\n"),
        "size with 0x": chunked(b"0x5\r\nhello\r\n0\r\n\r\n"),
        "size with an underscore": chunked(b"0_5\r\nhello\r\n0\r\n\r\n"),
        "space before the size": chunked(b" 5\r\nhello\r\n0\r\n\r\n"),
        "overflowing size": chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"),
        "size of 40 digits": chunked(b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n"),
        "bare LF after the size": chunked(b"5\nhello\r\n0\r\n\r\n"),
        "bare CR after the size": chunked(b"5\rhello\r\n0\r\n\r\n"),
        "no CRLF after the data": chunked(b"5\r\nhello0\r\n\r\n"),
        "bare LF after the data": chunked(b"5\r\nhello\n0\r\n\r\n"),
        "data longer than the size": chunked(b"4\r\nhello\r\n0\r\n\r\n"),
        "bare LF after the last size": chunked(b"5\r\nhello\r\n0\n\r\n"),
    },
    "rfc9112-7.1.1-extensions": {
        "bare LF in an extension": chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"),
        "NUL in an extension": chunked(b"5;a\0b\r\nhello\r\n0\r\n\r\n"),
        "extension without end": chunked(b"5;" + b"a" * 20_000 + b"\r\nhello\r\n0\r\n\r\n"),
        "many extensions": chunked(b"1;aaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n" * 1000 + LAST_CHUNK),
    },
    "rfc9112-7.1.2-trailers": {
        "bare LF ends the trailers": chunked(b"5\r\nhello\r\n0\r\n\n"),
        "malformed trailer": chunked(b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"),
        "trailers without end":
            chunked(b"5\r\nhello\r\n0\r\n" + b"A: bbbbbbbbbbbb\r\n" * 4000 + b"\r\n"),
    },
}


@cases(BAD_LINES)
def test_bad_request_line_400(shared, ran, data):
    refused(shared, ran, data, 400)


@clause("rfc3986-2.1-escapes")
@pytest.mark.parametrize("target", ["/ran.cgi/%", "/ran.cgi/%2", "/ran.cgi/%zz", "/ran.cgi/%00"])
def test_broken_escape_400(shared, ran, target):
    """RFC 3986 section 2.1. The framing is not in doubt: the connection may go on."""
    assert shared.get(target).status == 400
    assert not ran()


@cases(BAD_FIELDS)
def test_bad_field_400(shared, ran, data):
    refused(shared, ran, data, 400)


@cases(BAD_HOSTS)
def test_bad_host_400(shared, ran, data):
    refused(shared, ran, data, 400)


@cases(BAD_FRAMING)
def test_bad_framing_400(shared, ran, data):
    refused(shared, ran, data, 400)


@cases(BAD_CHUNKS)
def test_bad_chunk_400(shared, ran, data):
    refused(shared, ran, data, 400, *([413, 431] if len(data) > 10_000 else []))


@clause("rfc9112-6.3-chunked-last")
@pytest.mark.parametrize("coding", [
    "gzip", "foo", "identity", "xchunked", "chunked;a=b", '"chunked"'])
def test_coding_whose_last_is_not_chunked_400_or_501(shared, ran, coding):
    """RFC 9112 section 6.3 (400) and 6.1 (501 for what is not understood)."""
    data = head("POST", "/ran.cgi", [("Transfer-Encoding", coding)]) + LAST_CHUNK
    refused(shared, ran, data, 400, 501)


@clause("rfc9112-6.1-unknown-coding")
@pytest.mark.parametrize("coding", ["gzip, chunked", "foo, chunked"])
def test_unknown_coding_501(shared, ran, coding):
    """RFC 9112 section 6.1."""
    data = head("POST", "/ran.cgi", [("Transfer-Encoding", coding)]) + LAST_CHUNK
    refused(shared, ran, data, 501)


@clause("rfc9110-15.6.6-major-version")
@pytest.mark.parametrize("version, statuses", [
    ("HTTP/2.0", (505,)), ("HTTP/3.0", (505,)), ("HTTP/0.9", (400, 505)), ("HTTP/0.0", (400, 505))])
def test_other_major_version_505(shared, ran, version, statuses):
    """RFC 9110 section 15.6.6."""
    refused(shared, ran, head("GET", "/ran.cgi", version=version), *statuses)


def test_http2_preface_is_refused(shared, ran):
    refused(shared, ran, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 501, 505)


def test_tls_hello_is_refused(shared, ran):
    """A browser that was sent to https:// by mistake; closing without a word would do as well."""
    data = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) + b"\r\n\r\n"
    assert shared.raw(data)[:12] in (b"", b"HTTP/1.1 400")


@clause("rfc9112-9.3.2-pipelining")
def test_refused_head_comes_after_answers_to_the_requests_before_it(shared, ran):
    connection = shared.connect()
    connection.send(head("GET", "/a.cgi") + START + b"\r\n" + head("GET", "/ran.cgi"))
    assert connection.read_response().body == b"program a"
    assert connection.read_response().status == 400
    assert connection.ended() and not ran()


# Limits.


@clause("rfc9112-3-8000-bytes")
def test_request_line_of_8000_bytes_is_supported(shared):
    """RFC 9112 section 3."""
    target = "/environment.cgi?" + "q" * (8000 - len("GET /environment.cgi? HTTP/1.1"))
    assert environment_of(shared.get(target))["QUERY_STRING"] == target.split("?")[1]


@clause("rfc9110-15.5.15-long-target")
def test_long_target_414(shared, ran):
    refused(shared, ran, head("GET", "/ran.cgi?" + "q" * 9_000), 414)


@clause("rfc9110-15.5.15-long-target")
def test_endless_target_414(shared, ran):
    refused(shared, ran, b"GET /" + b"q" * 100_000, 414)


def test_endless_method_is_refused(shared, ran):
    refused(shared, ran, b"G" * 100_000, 400, 414, 431, 501)


@clause("rfc6585-5-large-head")
def test_large_head_431(shared, ran):
    refused(shared, ran, head("GET", "/ran.cgi", [("X-Large", "x" * 20_000)]), 431)


@clause("rfc6585-5-large-head")
def test_endless_head_431(shared, ran):
    refused(shared, ran, START + HOST + b"X-Large: " + b"x" * 100_000, 431)


@clause("rfc6585-5-large-head")
def test_many_fields_431(shared, ran):
    refused(shared, ran, head("GET", "/ran.cgi", [(f"X-{n}", "") for n in range(200)]), 431)


@clause("rfc6585-5-large-head")
def test_many_fields_below_the_limit(shared):
    fields = [(f"X-{n}", str(n)) for n in range(90)]
    environment = environment_of(shared.get("/environment.cgi", fields))
    assert all(environment[f"HTTP_X_{n}"] == str(n) for n in range(90))


@clause("rfc9110-15.5.14-large-body")
@pytest.mark.parametrize("headers", [[("Content-Length", str(11 * 1024 * 1024))],
                                     [("Content-Length", str(2**63 - 1))]], ids=["11 MB", "2^63-1"])
def test_large_body_413_before_it_is_sent(shared, ran, headers):
    """RFC 9110 section 15.5.14."""
    refused(shared, ran, head("POST", "/ran.cgi", headers), 413)


@clause("rfc9112-9.6-lingering-close")
def test_413_can_be_read_by_a_client_that_is_still_sending(shared, ran):
    """Lingering close, RFC 9112 section 9.6: no reset may destroy the answer."""
    connection = shared.connect()
    connection.send(head("POST", "/ran.cgi", [("Content-Length", str(11 * 1024 * 1024))]))
    block = b"x" * 65536
    for _ in range(64):  # 4 MB, more than any socket buffer holds
        if not connection.send_as_far_as_taken(block):
            break
    response = connection.read_response()
    assert response.status == 413 and response.complete
    assert not connection.was_reset and not ran()


@clause("rfc9110-15.5.14-large-body")
def test_chunked_body_past_the_limit_413(shared, ran):
    connection = shared.connect()
    connection.send(head("POST", "/ran.cgi", [("Transfer-Encoding", "chunked")]))
    block = chunk(b"x" * 65536)
    for _ in range(176):  # 11 MB
        if not connection.send_as_far_as_taken(block):
            break
    response = connection.read_response()
    assert response.status == 413 and "start with more, such as --body-size 20m" in response.text
    assert 'sent "POST' not in response.text
    assert connection.ended() and not ran()
    shared.wait_log("413: a body in chunks is more than body_size allows for /ran.cgi, 10m; "
                    "start with more, such as --body-size 20m")


# What must be taken.


def test_bytes_one_by_one(shared):
    connection = shared.connect()
    connection.send_pieces(head("POST", "/cat.cgi", [("Content-Length", "5")]) + b"hello")
    assert connection.read_response().body == b"hello"


@clause("rfc9112-2.2-leading-crlf")
def test_leading_empty_lines_are_ignored(shared):
    """RFC 9112 section 2.2."""
    connection = shared.connect()
    for empty in (b"\r\n", b"\r\n\r\n"):
        connection.send(empty + head("GET", "/a.cgi"))
        assert connection.read_response().body == b"program a"


@clause("rfc9110-5.5-field-values")
def test_field_without_value_and_white_space_around_values(shared):
    """RFC 9110 section 5.5."""
    connection = shared.connect()
    connection.send(START.replace(b"ran", b"environment") + b"hOsT:localhost\r\nX-Empty:\r\n"
                    b"X-Spaces: \t a  b \t\r\nX-High: \xe9\r\n\r\n")
    environment = environment_of(connection.read_response())
    assert environment["HTTP_X_EMPTY"] == ""
    assert environment["HTTP_X_SPACES"] == "a  b"
    assert environment["HTTP_X_HIGH"] == "\xe9"
    assert environment["HTTP_HOST"] == "localhost"


@clause("rfc9112-3.2-host")
@pytest.mark.parametrize("host", [
    "localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8080", "a-b.localhost", "localhost:"])
def test_good_hosts(shared, host):
    assert shared.get("/a.cgi", host=host).status == 200


@clause("rfc9112-3.2.2-absolute-form")
def test_absolute_form_overrides_host(shared):
    """RFC 9112 section 3.2.2."""
    response = shared.get("http://example.localhost:81/environment.cgi/info?a=b", host="other")
    environment = environment_of(response)
    assert environment["SERVER_NAME"] == "example.localhost"
    assert environment["PATH_INFO"] == "/info" and environment["QUERY_STRING"] == "a=b"
    assert shared.get("HTTP://EXAMPLE.LOCALHOST/a.cgi", host="other").body == b"program a"
    assert shared.get("http://example.localhost", host="other").body == b"hello"


@clause("rfc9110-2.5-versions")
def test_version_1_2_is_treated_as_1_1(shared):
    """RFC 9110 section 2.5."""
    connection = shared.connect()
    for _ in range(2):
        response = connection.request("GET", "/a.cgi", version="HTTP/1.2")
        assert response.status == 200 and response.version == "HTTP/1.1"


@clause("rfc9110-6.6.1-date")
def test_date_and_server_on_every_response(shared):
    """RFC 9110 section 6.6.1."""
    date = (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
            r" \d{4} \d\d:\d\d:\d\d GMT")
    for target in ("/a.cgi", "/index.html", "/missing", "/%"):
        response = shared.get(target)
        assert len(response.all("Date")) == 1 and re.fullmatch(date, response.header("Date"))
        assert response.header("Server").startswith("cgisrv/")


# Connections: RFC 9112 section 9.


@clause("rfc9112-9.3.2-pipelining")
def test_pipelined_answers_in_order(shared):
    connection = shared.connect()
    connection.send(head("GET", "/a.cgi") + head("GET", "/index.html") + head("HEAD", "/b.cgi")
                    + head("POST", "/cat.cgi", [("Content-Length", "5")]) + b"hello"
                    + head("GET", "/missing") + head("GET", "/c.cgi"))
    assert connection.read_response().body == b"program a"
    assert connection.read_response().body == b"hello"
    assert connection.read_response("HEAD").status == 200
    assert connection.read_response().body == b"hello"
    assert connection.read_response().status == 404
    assert connection.read_response().body == b"program c"


@clause("rfc9112-9.3.2-pipelining")
def test_many_pipelined_requests(shared):
    """Answered one after another however many arrive at once, and read while they are written."""
    connection = shared.connect()
    sender = threading.Thread(target=connection.send, args=(head("GET", "/index.html") * 2000,))
    sender.start()
    for _ in range(2000):
        assert connection.read_response().body == b"hello"
    sender.join(10)


@clause("rfc9112-9.3-persistence")
def test_persistent_by_default_in_1_1(shared):
    connection = shared.connect()
    for _ in range(5):
        response = connection.request("GET", "/a.cgi")
        assert response.body == b"program a" and response.header("Connection") != "close"


@clause("rfc9112-9.6-close")
@pytest.mark.parametrize("target", ["/a.cgi", "/index.html", "/missing"])
@pytest.mark.parametrize("value", ["close", "Close", "foo, close"])
def test_connection_close_is_honoured(shared, target, value):
    """RFC 9112 section 9.6: announced, and nothing is processed after it."""
    connection = shared.connect()
    connection.send(head("GET", target, [("Connection", value)]) + head("GET", "/b.cgi"))
    response = connection.read_response()
    assert response.complete and response.header("Connection") == "close"
    assert connection.ended()


@clause("rfc9112-9.3-persistence", "rfc9112-6.1-no-coding-for-1.0")
@pytest.mark.parametrize("target", ["/a.cgi", "/index.html", "/missing"])
def test_1_0_closes_by_default(shared, target):
    connection = shared.connect()
    response = connection.request("GET", target, version="HTTP/1.0")
    assert response.complete and not response.all("Transfer-Encoding")
    assert connection.ended()


def test_1_0_needs_no_host(shared):
    assert shared.get("/a.cgi", version="HTTP/1.0", host=None).body == b"program a"


@clause("rfc9112-9.3-persistence")
def test_1_0_keep_alive_when_asked(shared):
    """RFC 9112 section 9.3: with a length that is known."""
    connection = shared.connect()
    for _ in range(3):
        response = connection.request("GET", "/index.html", [("Connection", "keep-alive")],
                                      version="HTTP/1.0")
        assert response.body == b"hello"
        assert response.header("Connection").lower() == "keep-alive"


@clause("rfc9112-9.3-persistence")
def test_1_0_keep_alive_is_not_possible_without_a_length(shared):
    """RFC 9112 section 6.3: only the end of the connection can end such a body."""
    connection = shared.connect()
    response = connection.request("GET", "/a.cgi", [("Connection", "keep-alive")],
                                  version="HTTP/1.0")
    assert response.body == b"program a" and not response.all("Transfer-Encoding")
    if response.header("Content-Length") is None:
        assert connection.ended()


@clause("rfc9112-9.6-half-close")
def test_half_closed_client_gets_its_answer(shared):
    """RFC 9112 section 9.6: nc and old clients shut their side when they have sent all."""
    for target in ("/a.cgi", "/index.html"):
        connection = shared.connect()
        connection.send(head("GET", target))
        connection.half_close()
        response = connection.read_response()
        assert response.status == 200 and response.complete
        assert connection.ended()


def test_connection_opened_and_closed_without_a_word(shared):
    shared.connect().half_close()
    shared.connect().close()
    shared.connect().reset()
    assert shared.get("/a.cgi").status == 200


def test_half_a_head_then_the_end(shared):
    connection = shared.connect()
    connection.send(b"GET / HTTP/1.1\r\nHost: local")
    connection.half_close()
    assert connection.read_rest()[:12] in (b"", b"HTTP/1.1 400")


# Bodies: RFC 9112 sections 6 and 7.

TEXT = b"The quick brown fox jumps over the lazy dog. " * 20


@clause("rfc9112-7.1-chunked")
@pytest.mark.parametrize("size", [1, 2, 7, 100, 5000])
@pytest.mark.parametrize("pieces", [1, 3, 1000])
def test_chunked_body_however_split(shared, size, pieces):
    body = b"".join(chunk(TEXT[i : i + size]) for i in range(0, len(TEXT), size)) + LAST_CHUNK
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")]))
    connection.send_pieces(body, pieces)
    assert connection.read_response().body == TEXT
    assert connection.request("GET", "/a.cgi").body == b"program a"


@clause("rfc9112-7.1-chunked")
def test_chunk_sizes_in_any_form(shared):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "Chunked")])
                    + b"00A\r\n0123456789\r\na\r\n0123456789\r\n000000\r\n\r\n")
    assert connection.read_response().body == b"0123456789" * 2


@clause("rfc9112-7.1.1-extensions")
def test_unknown_chunk_extensions_are_ignored(shared):
    """RFC 9112 section 7.1.1."""
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")])
                    + b"5;a=b;c=\"d e\"\r\nhello\r\n0;last\r\n\r\n")
    assert connection.read_response().body == b"hello"
    assert connection.request("GET", "/a.cgi").body == b"program a"


@clause("rfc9112-7.1.2-trailers")
def test_trailers_never_reach_the_environment(shared):
    """RFC 9110 section 6.5.1."""
    connection = shared.connect()
    connection.send(head("POST", "/environment.cgi", [("Transfer-Encoding", "chunked"),
                                                      ("Trailer", "X-Late"), ("X-Early", "early")])
                    + chunk(b"hello")
                    + b"0\r\nX-Late: late\r\nX-Early: changed\r\nHost: evil\r\n\r\n")
    environment = environment_of(connection.read_response())
    assert "HTTP_X_LATE" not in environment
    assert environment["HTTP_X_EARLY"] == "early" and environment["HTTP_HOST"] == "localhost"
    assert connection.request("GET", "/a.cgi").body == b"program a"


@clause("rfc9112-6-any-method")
def test_get_with_a_body(shared):
    """RFC 9112 section 6: framing does not depend on the method."""
    connection = shared.connect()
    assert connection.request("GET", "/cat.cgi", body=b"hello").body == b"hello"
    assert connection.request("GET", "/a.cgi").body == b"program a"


@pytest.mark.parametrize("target", ["/index.html", "/missing", "/a.cgi"])
def test_unread_body_is_not_taken_for_a_request(shared, ran, target):
    connection = shared.connect()
    inner = head("GET", "/ran.cgi")
    connection.send(head("GET", target, [("Content-Length", str(len(inner)))]) + inner)
    assert connection.read_response().complete
    if not connection.silent(0.2):
        assert connection.ended()
    assert not ran()


# Methods: RFC 9110 section 9.


@clause("rfc9110-9.3.2-head")
@pytest.mark.parametrize("target", ["/a.cgi", "/index.html", "/missing"])
def test_head_is_get_without_the_body(shared, target):
    """RFC 9110 section 9.3.2, and the connection goes on."""
    connection = shared.connect()
    full, bare = connection.request("GET", target), connection.request("HEAD", target)
    assert bare.status == full.status and bare.body == b""
    assert bare.header("Content-Type") == full.header("Content-Type")
    if target == "/index.html":
        assert bare.header("Content-Length") == full.header("Content-Length") == "5"
    assert connection.request("GET", "/b.cgi").body == b"program b"


@clause("rfc9110-9.3.7-options")
def test_options_asterisk(shared):
    """RFC 9110 section 9.3.7."""
    response = shared.request("OPTIONS", "*")
    assert response.status in (200, 204) and response.body == b""
    assert shared.request("OPTIONS", "*").complete


@clause("rfc9110-9.3.8-trace")
def test_trace_405(shared, ran):
    """Never echoes what a script in the browser may not see, such as cookies."""
    response = shared.request("TRACE", "/ran.cgi", [("Cookie", "secret=1")])
    assert response.status == 405 and "POST" in response.header("Allow")
    assert b"secret" not in response.body and not ran()


@clause("rfc9110-9.3.6-connect")
def test_connect_is_refused(shared, ran):
    assert shared.request("CONNECT", "localhost:80").status in (405, 501)
    assert not ran()


@clause("rfc9110-9.1-unknown-method")
@pytest.mark.parametrize("method, target", [
    ("FOO", "/index.html"), ("GETS", "/index.html"), ("!", "/index.html"),
    ("get", "/ran.cgi"), ("Get", "/ran.cgi"), ("get", "/index.html")])
def test_unknown_method_501(shared, ran, method, target):
    """RFC 9110 section 9.1; methods are case-sensitive."""
    response = shared.request(method, target)
    assert response.status == 501 and response.complete
    assert not ran()


@pytest.mark.fault("5")
@pytest.mark.parametrize("method", ["QUERY", "FOO", "!"])
def test_a_program_gets_whatever_is_a_method(shared, method):
    """It alone knows what it implements."""
    environment = environment_of(shared.request(method, "/environment.cgi"))
    assert environment["REQUEST_METHOD"] == method
    assert shared.request(method, "/cat.cgi", body=b"asked").body == b"asked"


@clause("rfc9110-15.5.6-allow")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_method_that_a_file_does_not_have_405(shared, method):
    """RFC 9110 section 15.5.6."""
    response = shared.request(method, "/index.html")
    assert response.status == 405
    allowed = [m.strip() for m in response.header("Allow").split(",")]
    assert "GET" in allowed and "HEAD" in allowed and method not in allowed


# Expectations: RFC 9110 section 10.1.1.

EXPECT = ("Expect", "100-continue")


@clause("rfc9110-10.1.1-continue")
@pytest.mark.parametrize("value", ["100-continue", "100-Continue"])
def test_100_comes_before_the_body(shared, value):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "5"), ("Expect", value)]))
    interim = connection.read_head()
    assert interim.status == 100 and not interim.headers
    connection.send(b"hello")
    response = connection.read_response()
    assert response.status == 200 and response.body == b"hello"
    assert connection.request("GET", "/a.cgi").body == b"program a"


@clause("rfc9110-10.1.1-continue")
def test_100_before_a_chunked_body(shared):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked"), EXPECT]))
    assert connection.read_head().status == 100
    connection.send(chunk(b"hello") + LAST_CHUNK)
    assert connection.read_response().body == b"hello"


@clause("rfc9110-10.1.1-continue")
def test_body_that_does_not_wait_for_100(shared):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "5"), EXPECT]) + b"hello")
    assert connection.read_response().body == b"hello"


@clause("rfc9110-10.1.1-continue")
def test_no_100_without_a_body(shared):
    response = shared.get("/a.cgi", [EXPECT])
    assert response.status == 200 and not response.interim


@clause("rfc9110-10.1.1-ignored-in-1.0")
def test_no_100_in_1_0(shared):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "5"), EXPECT], version="HTTP/1.0"))
    time.sleep(0.2)
    connection.send(b"hello")
    response = connection.read_response()
    assert response.body == b"hello" and not response.interim


@clause("rfc9110-10.1.1-final-status-instead")
@pytest.mark.parametrize("method, target, size, status", [
    ("POST", "/missing", 5, 404), ("POST", "/index.html", 5, 405),
    ("POST", "/ran.cgi", 11 * 1024 * 1024, 413)])
def test_no_100_for_what_will_be_refused(shared, ran, method, target, size, status):
    """The final status instead; then the client may send the body or not, so: close."""
    connection = shared.connect()
    connection.send(head(method, target, [("Content-Length", str(size)), EXPECT]))
    response = connection.read_response()
    assert response.status == status and not response.interim
    assert connection.ended() and not ran()


@clause("rfc9110-10.1.1-other-expectations")
def test_other_expectation_417(shared, ran):
    response = shared.request("POST", "/ran.cgi", [("Expect", "200-ok")], b"hello")
    assert response.status == 417 and not ran()


# Deadlines.


@pytest.fixture
def hasty(start, site):
    site.file("index.html", "hello")
    site.program("cat.cgi", CAT)
    return start(config=cgi_site(site.root,
                                 limits='header_timeout = "1s"\n'
                                        'body_timeout = "1s"\n'
                                        'keepalive_timeout = "1s"\n'
                                        'send_timeout = "1s"\n'
                                        'keepalive_requests = 5'))


def after_a_second(began: float) -> bool:
    return 0.7 < time.monotonic() - began < 20


@clause("rfc9112-9.5-deadlines")
@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: local"])
def test_late_head_408_or_silent_close(hasty, sent):
    """RFC 9110 section 15.5.9."""
    began, connection = time.monotonic(), hasty.connect()
    connection.send(sent)
    assert connection.read_rest()[:12] in (b"", b"HTTP/1.1 408")
    assert after_a_second(began)


@clause("rfc9112-9.5-deadlines")
def test_head_that_trickles_is_late_too(hasty):
    """The deadline is for the whole head, or a byte now and then would hold a place for ever."""
    began, connection = time.monotonic(), hasty.connect()
    connection.send(b"GET / HTTP/1.1\r\n")
    while connection.silent(0.1) and time.monotonic() - began < 20:
        connection.send_as_far_as_taken(b"X: y\r\n")
    assert time.monotonic() - began < 20
    assert connection.read_rest()[:12] in (b"", b"HTTP/1.1 408")


@clause("rfc9112-9.5-deadlines")
def test_late_body_408_or_silent_close(hasty):
    began, connection = time.monotonic(), hasty.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "10")]) + b"hello")
    data = connection.read_rest()
    assert data[:12] in (b"", b"HTTP/1.1 408") or b"\r\n0\r\n\r\n" not in data, data
    assert after_a_second(began)


@clause("rfc9112-9.5-deadlines")
def test_idle_connection_is_closed_without_a_word(hasty):
    began, connection = time.monotonic(), hasty.connect()
    assert connection.request("GET", "/").body == b"hello"
    assert connection.read_rest() == b""
    assert after_a_second(began)


def test_connection_is_closed_after_its_last_request(hasty):
    connection = hasty.connect()
    for n in range(5):
        response = connection.request("GET", "/")
        assert response.header("Connection") == ("close" if n == 4 else None)
    assert connection.ended()


def test_client_that_reads_nothing_is_given_up(hasty, site):
    site.file("large", b"x" * 20_000_000)
    connection = hasty.connect()
    before = len(hasty.baseline)
    connection.send(head("GET", "/large"))
    workers = hasty.workers()

    def closed() -> bool:
        return not hasty.leaked_descriptors()

    time.sleep(0.3)
    assert until(closed, 10), "the connection is still held"
    assert hasty.workers() == workers and len(hasty.baseline) == before


def test_error_answer_over_a_connection_that_is_gone(shared):
    for _ in range(20):
        with Connection(shared.address) as connection:
            connection.send(b"GARBAGE\r\n\r\n" * 100)
    assert shared.get("/a.cgi").status == 200
