"""Requests: what is malformed runs nothing, and what is not reaches a program as it does by HTTP/1.1."""

from __future__ import annotations

from pathlib import Path

import pytest
from h2.errors import ErrorCodes as Error

from support.clauses import cases, clause
from support.frames import (END_HEADERS, END_STREAM, Fields, Kind, Setting, asks, block, data, frame,
                            headers, is_kind, request)
from support.http2 import Connection
from support.programs import environment_of

METHOD, SCHEME, PATH, AUTHORITY = asks(path="/mark.cgi")
ASKED = [METHOD, SCHEME, PATH, AUTHORITY]


@pytest.fixture
def ran(shared_site):
    """Whether a program has run."""
    mark: Path = shared_site.root / "ran"
    mark.unlink(missing_ok=True)
    return mark.exists


def refused(there, ran, *expected: int) -> None:
    """By a reset or an answer; nothing has run, and the connection serves on."""
    assert there.refusal() in expected, there.received
    there.send(request(path="/page.html", stream=9))
    assert there.status(9) == 200 and there.body(9) == b"the page"
    assert not ran(), "a program ran"


# Fields.


def with_fields(*more: tuple[bytes | str, bytes | str]) -> Fields:
    return [*ASKED, *more]


MALFORMED: dict[str, dict[str, Fields]] = {
    "rfc9113-8.2-lower-case": {
        "capital": with_fields(("X-Field", "a")),
        "one capital": with_fields(("fielD", "a")),
        "capital pseudo-field": [METHOD, SCHEME, PATH, (":Authority", "localhost")],
    },
    "rfc9113-8.2.1-characters": {
        **{f"{byte!r} in a name": with_fields((b"x-f" + byte + b"x", "a"))
           for byte in [b"\0", b"\n", b"\r", b" ", b":", b"\x7f", b"\x80", b"(", b'"', b"\t"]},
        "empty name": with_fields(("", "a")),
        **{f"{byte!r} in a value": with_fields(("x-field", b"a" + byte + b"b"))
           for byte in [b"\0", b"\n", b"\r"]},
        "a line in a value": with_fields(("x-field", "a\r\nx-evil: b")),
        "a request in a value": with_fields(("x-field", "a\r\n\r\nGET /mark.cgi HTTP/1.1\r\n\r\n")),
        **{f"{byte!r} in the path": [METHOD, SCHEME, (":path", b"/mark.cgi?" + byte), AUTHORITY]
           for byte in [b"\0", b"\n", b"\r", b" ", b"\t", b"\x7f"]},
        **{f"{byte!r} in the method": [(":method", b"GE" + byte + b"T"), SCHEME, PATH, AUTHORITY]
           for byte in [b"\0", b"\n", b"\r", b" ", b":", b"\x80"]},
        **{f"{text!r}": with_fields(("x-field", text)) for text in ["\ta", " a", "a ", "a\t"]},
        "control byte in a value": with_fields(("x-field", b"a\x01b")),
    },
    "rfc9113-8.2.2-connection-fields": {
        **{name: with_fields((name, value)) for name, value in {
            "connection": "keep-alive", "proxy-connection": "close", "keep-alive": "timeout=5",
            "transfer-encoding": "chunked", "upgrade": "websocket"}.items()},
        "connection that names a field": with_fields(("connection", "x-field"), ("x-field", "a")),
        "te of gzip": with_fields(("te", "gzip")),
        "te of more than trailers": with_fields(("te", "trailers, deflate")),
    },
    "rfc9113-8.3-pseudo-fields": {
        "after a field": [METHOD, SCHEME, PATH, ("x-field", "a"), AUTHORITY],
        "unknown": with_fields((":unknown", "a")),
        "of an answer": [*ASKED, (":status", "200")],
        "of another protocol": with_fields((":protocol", "websocket")),
        "no method": [SCHEME, PATH, AUTHORITY],
        "no scheme": [METHOD, PATH, AUTHORITY],
        "no path": [METHOD, SCHEME, AUTHORITY],
        "none at all": [("x-field", "a")],
        "empty method": [(":method", ""), SCHEME, PATH, AUTHORITY],
        "empty scheme": [METHOD, (":scheme", ""), PATH, AUTHORITY],
        **{f"{each[0]} twice": [*ASKED, each] for each in ASKED},
        "path twice, and other": [METHOD, SCHEME, (":path", "/page.html"), PATH, AUTHORITY],
    },
    "rfc9113-8.3.1-authority": {
        "neither it nor Host": [METHOD, SCHEME, PATH],
        "empty": [METHOD, SCHEME, PATH, (":authority", "")],
        "with a user": [METHOD, SCHEME, PATH, (":authority", "me@localhost")],
        "with a path": [METHOD, SCHEME, PATH, (":authority", "localhost/a")],
        "with a space": [METHOD, SCHEME, PATH, (":authority", "local host")],
        "a port that is none": [METHOD, SCHEME, PATH, (":authority", "localhost:http")],
        "a list": [METHOD, SCHEME, PATH, (":authority", "localhost,other")],
        "and another Host": with_fields(("host", "other")),
        "and a Host with another port": with_fields(("host", "localhost:81")),
        "and two Hosts": with_fields(("host", "localhost"), ("host", "localhost")),
        "and an empty Host": with_fields(("host", "")),
        "two Hosts without it": [METHOD, SCHEME, PATH, ("host", "localhost"), ("host", "localhost")],
    },
    "rfc9113-8.3.1-path": {
        "empty": [METHOD, SCHEME, (":path", ""), AUTHORITY],
        "without its slash": [METHOD, SCHEME, (":path", "mark.cgi"), AUTHORITY],
        "absolute": [METHOD, SCHEME, (":path", "http://localhost/mark.cgi"), AUTHORITY],
        "* of GET": [METHOD, SCHEME, (":path", "*"), AUTHORITY],
        "with a fragment": [METHOD, SCHEME, (":path", "/mark.cgi#a"), AUTHORITY],
        "with a backslash": [METHOD, SCHEME, (":path", "/a\\..\\mark.cgi"), AUTHORITY],
        "escaped NUL": [METHOD, SCHEME, (":path", "/mark.cgi/%00"), AUTHORITY],
        "broken escape": [METHOD, SCHEME, (":path", "/mark.cgi/%zz"), AUTHORITY],
        "a query alone": [METHOD, SCHEME, (":path", "?a"), AUTHORITY],
    },
    "rfc9113-8.1.1-content-length": {
        "no number": with_fields(("content-length", "a")),
        "signed": with_fields(("content-length", "+0")),
        "negative": with_fields(("content-length", "-1")),
        "a list": with_fields(("content-length", "0, 0")),
        "twice": with_fields(("content-length", "0"), ("content-length", "0")),
        "past 64 bits": with_fields(("content-length", "18446744073709551616")),
        "without DATA": with_fields(("content-length", "1")),
    },
}


@clause("rfc9113-8.1.1-malformed")
@cases(MALFORMED, "fields")
def test_malformed_request_runs_nothing(talk, ran, fields):
    there = talk()
    there.send(headers(fields))
    refused(there, ran, Error.PROTOCOL_ERROR, 400)


@clause("rfc9113-8.3.1-scheme")
def test_https_in_the_clear_is_misdirected(talk, ran):
    there = talk()
    there.send(headers(asks(path="/mark.cgi", scheme="https")))
    refused(there, ran, 421)


@clause("rfc9113-8.3.1-scheme")
@pytest.mark.parametrize("scheme", ["ftp", "httpx", "http:", "https://localhost"])
def test_another_scheme_is_refused(talk, ran, scheme):
    there = talk()
    there.send(headers(asks(path="/mark.cgi", scheme=scheme)))
    refused(there, ran, Error.PROTOCOL_ERROR, 400)


@clause("rfc9113-8.5-connect")
@pytest.mark.parametrize("fields", [
    [(":method", "CONNECT"), (":authority", "localhost:80")],
    asks("CONNECT", "/mark.cgi"),
    [*asks("CONNECT", "/mark.cgi"), (":protocol", "websocket")]],
    ids=["tunnel", "with a path", "extended"])
def test_connect_is_refused(talk, ran, fields):
    there = talk()
    there.send(headers(fields))
    refused(there, ran, Error.PROTOCOL_ERROR, 400, 405, 501)


@clause("rfc9113-8.5-connect", "rfc9113-6.6-push")
def test_what_is_not_offered(talk):
    assert Setting.ENABLE_CONNECT_PROTOCOL not in talk().read().settings


@pytest.mark.parametrize("more", [
    [("te", "trailers")], [("host", "localhost")], [("content-length", "0")], [("priority", "u=1, i")],
    [("x-" + "".join(map(chr, range(0x61, 0x7b))) + "!#$%&'*+-.^_`|~0", "a\t !~\xffb")]],
    ids=["te", "host", "length of 0", "priority", "all that a token may be"])
def test_what_is_not_malformed(talk, more):
    there = talk()
    there.send(request(path="/page.html", more=more))
    assert there.status() == 200 and there.body() == b"the page"


@clause("rfc9113-8.3.1-path")
def test_options_of_the_server(talk):
    there = talk()
    there.send(request("OPTIONS", "*"))
    assert there.status() in (200, 204)


# Bodies.

LENGTH_10 = headers(asks("POST", "/mark.cgi", [("content-length", "10")]), flags=END_HEADERS)
EMPTY = data(b"")
NOT_AS_LONG: dict[str, dict[str, bytes]] = {
    "rfc9113-8.1.1-content-length": {
        "less": LENGTH_10 + data(b"x" * 9, end=True),
        "less, ended by itself": LENGTH_10 + data(b"x" * 9) + data(b"", end=True),
        "nothing": LENGTH_10 + data(b"", end=True),
        "more": LENGTH_10 + data(b"x" * 11, end=True),
        "more, in pieces": LENGTH_10 + data(b"x" * 10) + data(b"x", end=True),
        "less, before trailers":
            LENGTH_10 + data(b"x" * 9) + headers([("x-field", "a")]),
    },
    "rfc9113-8.1-trailers": {
        "that do not end it": LENGTH_10 + data(b"x" * 10) + headers([("x-field", "a")], flags=END_HEADERS),
        "with a pseudo-field": LENGTH_10 + data(b"x" * 10) + headers([(":path", "/")]),
        "with a capital": LENGTH_10 + data(b"x" * 10) + headers([("X-Field", "a")]),
        "with a control byte": LENGTH_10 + data(b"x" * 10) + headers([("x-field", "a\nb")]),
    },
}


@clause("rfc9113-8.1.1-malformed")
@cases(NOT_AS_LONG, "sent")
def test_a_malformed_body_runs_nothing(talk, ran, sent):
    there = talk()
    there.send(sent)
    refused(there, ran, Error.PROTOCOL_ERROR, 400)


@clause("rfc9113-8.1.1-content-length", "rfc9113-8.1-trailers")
@pytest.mark.parametrize("length", [True, False], ids=["content-length", "none"])
def test_a_body_reaches_a_program_and_its_trailers_do_not(talk, length):
    there = talk()
    more: Fields = [("content-length", "10")] if length else []
    there.send(request("POST", "/cat.cgi", more, end=False), data(b"hello"), EMPTY, data(b"world"),
               headers([("x-trailer", "content-length: 3")]))
    assert there.status() == 200 and there.body() == b"helloworld"


@clause("rfc9113-6.1-padding")
def test_a_padded_body_is_what_it_was(talk):
    there = talk()
    there.send(request("POST", "/cat.cgi", end=False),
               frame(Kind.DATA, b"\x05hello" + bytes(5), 8, 1), frame(Kind.DATA, b"\x03" + bytes(3), 8, 1),
               frame(Kind.DATA, b"\0world", 8 | END_STREAM, 1))
    assert there.body() == b"helloworld"


@clause("rfc9113-8.1.1-content-length")
def test_a_body_of_unknown_length_has_one_for_the_program(shared):
    with Connection(shared.connect()) as there:
        number = there.begin("POST", "/env.cgi", end=False)
        there.send(number, b"hello")
        assert environment_of(there.response(number))["CONTENT_LENGTH"] == "5"


# What a program is told.


@clause("http2-environment")
def test_a_program_is_told_the_same_as_by_http_1_1(shared):
    more = [("x-field", "a"), ("cookie", "a=b"), ("accept", "text/html"), ("content-type", "text/plain"),
            ("x-field", "b"), ("te", "trailers"), ("range", "bytes=0-1")]
    target = "/env.cgi/a%2fb/%C3%A4?a=%20&b"
    with Connection(shared.connect()) as there:
        new = environment_of(there.request("POST", target, more, b"hello"))
    old = environment_of(shared.request("POST", target, more, b"hello"))
    assert new.pop("SERVER_PROTOCOL") == "HTTP/2.0" and old.pop("SERVER_PROTOCOL") == "HTTP/1.1"
    for own in ("REMOTE_PORT", "REQUEST_ID", "UNIQUE_ID"):
        new.pop(own, None), old.pop(own, None)
    old.pop("HTTP_TE", None), new.pop("HTTP_TE", None)
    assert new == old


@clause("rfc9113-8.2.3-cookies")
def test_cookies_are_joined(talk):
    there = talk()
    there.send(request(path="/env.cgi", more=[("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"),
                                              ("cookie", "c=3; d=4")]))
    assert b"\0HTTP_COOKIE=a=1; b=2; c=3; d=4\0" in there.body()


POSING: dict[str, Fields] = {
    "underscores": [("content_length", "5"), ("x_field", "a"), ("transfer_encoding", "chunked")],
    "proxy": [("proxy", "http://evil/")],
    "identity": [("remote_user", "root"), ("auth_type", "Basic"), ("authorization", "Basic YTpi")],
    "loader": [("ld_preload", "/evil.so"), ("path", "/evil"), ("redirect_status", "200")],
    "dots": [("x.field", "a"), ("content.length", "5")],
}


@clause("rfc9113-10.3-one-request")
@pytest.mark.parametrize("more", POSING.values(), ids=POSING.keys())
def test_no_field_poses_as_another(shared, talk, more):
    """A program has what it has by HTTP/1.1, and nothing of that is a variable of the server's own."""
    there = talk()
    there.send(request(path="/env.cgi", more=more))
    new = dict(item.split(b"=", 1) for item in there.body().split(b"\0")[:-1])
    old = environment_of(shared.get("/env.cgi", [(str(n), str(v)) for n, v in more]))
    assert {name.decode() for name in new} == set(old)
    assert not {b"HTTP_PROXY", b"CONTENT_LENGTH", b"REMOTE_USER", b"LD_PRELOAD"} & set(new)


@clause("rfc9113-8.3.1-authority")
@pytest.mark.parametrize("fields, name", [
    ([METHOD, SCHEME, (":path", "/env.cgi"), (":authority", "some.example:8080")], b"some.example"),
    ([METHOD, SCHEME, (":path", "/env.cgi"), ("host", "some.example:8080")], b"some.example"),
    ([METHOD, SCHEME, (":path", "/env.cgi"), (":authority", "some.example:8080"),
      ("host", "some.example:8080")], b"some.example"),
    ([METHOD, SCHEME, (":path", "/env.cgi"), (":authority", "[::1]:8080")], b"[::1]")],
    ids=["authority", "host", "both", "IPv6"])
def test_the_host_asked_for(talk, fields, name):
    there = talk()
    there.send(headers(fields))
    found = there.body()
    assert b"\0SERVER_NAME=" + name + b"\0" in found
    assert b"\0HTTP_HOST=" + name + b":8080\0" in found


# What is too large.


@clause("cve2016-6581-header-bombs")
@pytest.mark.parametrize("fields, status", [
    (asks(path="/mark.cgi", more=[(f"x-{n}", "a") for n in range(200)]), 431),
    (asks(path="/mark.cgi", more=[(f"x-{n}", "a" * 3000) for n in range(8)]), 431),
    (asks(path="/mark.cgi?" + "a" * 12_000), 414)], ids=["fields", "bytes", "target"])
def test_large_head(talk, ran, fields, status):
    there = talk()
    whole = block(fields)
    pieces = [whole[at:at + 16_000] for at in range(0, len(whole), 16_000)]
    there.send(frame(Kind.HEADERS, pieces[0], END_STREAM | (0 if pieces[1:] else END_HEADERS), 1),
               *(frame(Kind.CONTINUATION, piece, 0 if number else END_HEADERS, 1)
                 for number, piece in zip(range(len(pieces) - 2, -1, -1), pieces[1:])))
    refused(there, ran, status)


@clause("rfc9113-8.1-early-answer")
def test_a_large_body_is_refused_before_it_is_sent(talk, ran):
    there = talk()
    there.send(request("POST", "/mark.cgi", [("content-length", "99999999999")], end=False))
    refused(there, ran, 413)
    assert there.reset_code() == Error.NO_ERROR
    assert not [each for each in there.received if is_kind(each, Kind.GOAWAY)]
