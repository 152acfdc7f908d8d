"""Ambiguous framing: what another server in front might read differently is refused, RFC 9112
section 11.2. One response, the connection closed, and never a second request taken from the body.
"""

import pytest

from support.clauses import clause
from support.client import head
from support.programs import CAT, PLAIN

INNER = b"GET /inner.cgi HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    for name in ("outer", "inner"):
        shared_site.program(f"{name}.cgi", PLAIN + f": > {name}\nprintf {name}\n")
    shared_site.program("cat.cgi", CAT)
    shared_site.file("index.html", "hello")
    shared_site.file("folder/index.html", "hello")
    return shared_site


@pytest.fixture
def ran(shared_site):
    names = ("inner", "outer")
    for name in names:
        (shared_site.root / name).unlink(missing_ok=True)
    return lambda: [name for name in names if (shared_site.root / name).exists()]


def post(*fields: bytes, target: bytes = b"/outer.cgi") -> bytes:
    return b"\r\n".join([b"POST " + target + b" HTTP/1.1", b"Host: localhost", *fields, b"", b""])


CHUNKED = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d"
LAST = b"0\r\n\r\n"

AMBIGUOUS = {
    "CL.TE": post(LENGTH % len(LAST + INNER), CHUNKED) + LAST + INNER,
    "TE.CL": post(CHUNKED, LENGTH % 4) + b"%x\r\n" % len(INNER) + INNER + b"\r\n" + LAST,
    "CL.TE with length zero": post(LENGTH % 0, CHUNKED) + LAST + INNER,
    "CL.TE in 1.0":
        post(LENGTH % len(LAST + INNER), CHUNKED).replace(b"1.1", b"1.0") + LAST + INNER,
    "TE.TE, second unknown": post(CHUNKED, b"Transfer-Encoding: cow") + LAST + INNER,
    "TE.TE, first unknown": post(b"Transfer-Encoding: cow", CHUNKED, LENGTH % 4) + LAST + INNER,
    "TE.TE, identity": post(CHUNKED, b"Transfer-Encoding: identity") + LAST + INNER,
    "TE.TE, list": post(b"Transfer-Encoding: chunked, identity") + LAST + INNER,
    "TE, space, colon": post(b"Transfer-Encoding : chunked", LENGTH % 4) + LAST + INNER,
    "TE, tab, colon": post(b"Transfer-Encoding\t: chunked", LENGTH % 4) + LAST + INNER,
    "TE with a vertical tab": post(b"Transfer-Encoding: \x0bchunked", LENGTH % 4) + LAST + INNER,
    "TE with a form feed": post(b"Transfer-Encoding: chunked\x0c", LENGTH % 4) + LAST + INNER,
    "TE with a NUL": post(b"Transfer-Encoding: chunked\0", LENGTH % 4) + LAST + INNER,
    "TE in quotes": post(b"Transfer-Encoding: \"chunked\"", LENGTH % 4) + LAST + INNER,
    "TE behind a bare CR": post(b"X: y\rTransfer-Encoding: chunked", LENGTH % 4) + LAST + INNER,
    "TE behind a bare LF": post(b"X: y\nTransfer-Encoding: chunked", LENGTH % 4) + LAST + INNER,
    "TE folded": post(b"Transfer-Encoding:\r\n chunked", LENGTH % 4) + LAST + INNER,
    "TE as a continuation": post(b"X: y\r\n Transfer-Encoding: chunked", LENGTH % 4) + LAST + INNER,
    "TE chunky": post(b"Transfer-Encoding: xchunked", LENGTH % 4) + LAST + INNER,
    "CL with a space before the colon": post(b"Content-Length : %d" % len(INNER)) + INNER,
    "CL twice": post(LENGTH % 0, LENGTH % len(INNER)) + INNER,
    "CL twice, other order": post(LENGTH % len(INNER), LENGTH % 0) + INNER,
    "CL as a list": post(b"Content-Length: 0, %d" % len(INNER)) + INNER,
    "CL signed": post(b"Content-Length: +%d" % len(INNER)) + INNER,
    "CL with a leading space inside": post(b"Content-Length: 0 %d" % len(INNER)) + INNER,
    "CL that overflows to zero": post(b"Content-Length: 18446744073709551616") + INNER,
    "chunk size that overflows to zero": post(CHUNKED) + b"10000000000000000\r\n\r\n" + INNER,
    "chunk size behind a space": post(CHUNKED) + b" 0\r\n\r\n" + INNER,
    "chunk size with a NUL": post(CHUNKED) + b"0\0\r\n\r\n" + INNER,
    "extension ended by a bare LF": post(CHUNKED) + b"5;\nhello\r\n0\r\n\r\n" + INNER,
    "extension with a bare CR": post(CHUNKED) + b"5;a\rX\r\nhello\r\n0\r\n\r\n" + INNER,
    "last chunk ended by a bare LF": post(CHUNKED) + b"0\n\n" + INNER,
    "data ended by two other bytes": post(CHUNKED) + b"5\r\nhelloXX0\r\n\r\n" + INNER,
    "data ended by a bare LF": post(CHUNKED) + b"5\r\nhello\n0\r\n\r\n" + INNER,
}


@clause("rfc9112-11.2-smuggling")
@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_one_400_and_the_end(shared, ran, data):
    connection = shared.connect()
    connection.send(data)
    response = connection.read_response()
    assert response.status in (400, 501), response
    assert response.complete and response.header("Connection") == "close"
    assert connection.ended(), "a second response, or still open"
    assert not ran(), "a program ran"


@clause("rfc9112-11.2-smuggling")
@pytest.mark.parametrize("field", [b"Transfer_Encoding: chunked", b"Transfer.Encoding: chunked",
                                   b"XTransfer-Encoding: chunked", b"Content_Length: 0",
                                   b"Content-Length-: 0"])
def test_fields_that_only_look_like_framing_do_not_frame(shared, ran, field):
    connection = shared.connect()
    connection.send(post(field, LENGTH % len(INNER), target=b"/cat.cgi") + INNER)
    assert connection.read_response().body == INNER
    assert connection.request("GET", "/").body == b"hello"
    assert not ran()


@clause("rfc9112-11.2-smuggling")
@pytest.mark.parametrize("target, statuses", [
    (b"/index.html", (405,)), (b"/", (405,)), (b"/folder", (301, 308, 405)),
    (b"/missing", (404, 405)), (b"/outer.cgi", (200,))])
def test_cl_0_body_that_nobody_reads_is_no_request(shared, ran, target, statuses):
    """CL.0: a handler that ignores its body must not leave it to the next request."""
    connection = shared.connect()
    connection.send(post(LENGTH % len(INNER), target=target) + INNER)
    response = connection.read_response()
    assert response.status in statuses and response.complete
    if connection.silent(0.3):  # kept open: then the next request is really the next
        assert connection.request("GET", "/").body == b"hello"
    else:
        assert connection.ended()
    assert "inner" not in ran()


@clause("rfc9112-11.2-smuggling")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE", "TRACE"])
def test_0_cl_body_of_a_method_without_one_is_no_request(shared, ran, method):
    """0.CL: framing holds for every method."""
    connection = shared.connect()
    connection.send(head(method, "/index.html", [("Content-Length", str(len(INNER)))]) + INNER)
    response = connection.read_response(method)
    assert response.complete
    if connection.silent(0.3):
        assert connection.request("GET", "/").body == b"hello"
    else:
        assert connection.ended()
    assert not ran()


@clause("rfc9112-11.2-smuggling")
def test_0_cl_with_expect(shared, ran):
    """A final answer instead of 100 leaves it open whether the body comes: the server closes."""
    connection = shared.connect()
    connection.send(post(b"Expect: 100-continue", LENGTH % len(INNER), target=b"/missing"))
    response = connection.read_response()
    assert response.status == 404 and not response.interim
    connection.send_as_far_as_taken(INNER)
    assert connection.ended() and not ran()


@clause("rfc9112-11.2-smuggling")
def test_body_of_a_head_request_to_a_program_is_no_request(shared, ran):
    connection = shared.connect()
    connection.send(head("HEAD", "/cat.cgi", [("Content-Length", str(len(INNER)))]) + INNER)
    assert connection.read_response("HEAD").status == 200
    assert connection.request("GET", "/").body == b"hello"
    assert not ran()


@clause("rfc9112-9.6-close")
def test_bytes_after_close_are_not_processed(shared, ran):
    """RFC 9112 section 9.6."""
    connection = shared.connect()
    connection.send(head("GET", "/index.html", [("Connection", "close")]) + INNER)
    assert connection.read_response().body == b"hello"
    assert connection.ended() and not ran()


@clause("rfc9112-9.6-close")
def test_bytes_after_a_1_0_request_are_not_processed(shared, ran):
    connection = shared.connect()
    connection.send(head("GET", "/index.html", version="HTTP/1.0") + INNER)
    assert connection.read_response().body == b"hello"
    assert connection.ended() and not ran()


@clause("rfc9110-7.8-upgrade")
def test_upgrade_does_not_change_the_protocol(shared, ran):
    connection = shared.connect()
    response = connection.request("GET", "/index.html", [
        ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABk")])
    assert response.status == 200 and response.body == b"hello"
    assert connection.request("GET", "/").body == b"hello"
    assert not ran()
