"""Frames one by one: which end the connection, which are answered, and which are ignored."""

from __future__ import annotations

import os

import pytest
from h2.errors import ErrorCodes as Error

from support.clauses import cases, clause
from support.client import head
from support.frames import (ACK, END_HEADERS, END_STREAM, FRAME_SIZE, LARGEST_WINDOW,
                            PADDED, PREFACE, PRIORITY, SETTINGS_ACK, Kind, Setting, asks, block,
                            continuation, data, frame, goaway, is_kind, literal, ping,
                            priority, request, reset, settings, window_update)

ASKED = block(asks(path="/page.html"))
UNKNOWN = 0xFE


# The beginning.


@clause("rfc9113-3.4-preface")
def test_the_server_begins_with_its_settings(talk):
    first = talk().read()
    assert is_kind(first, Kind.SETTINGS, 0) and "ACK" not in first.flags, first


@clause("rfc9113-3.4-preface")
@pytest.mark.parametrize("first", [request(), ping(), SETTINGS_ACK, window_update(1)],
                         ids=["HEADERS", "PING", "acknowledgement", "WINDOW_UPDATE"])
def test_a_client_that_does_not_begin_with_settings_is_closed(talk, first):
    assert talk(PREFACE + first).closed_with() == Error.PROTOCOL_ERROR


@clause("rfc9113-3.4-preface")
def test_a_preface_may_come_byte_by_byte(shared, talk):
    there = talk(b"")
    there.wire.send_pieces(PREFACE + settings() + request(path="/page.html"))
    assert there.status() == 200 and there.body() == b"the page"


@clause("rfc9113-3.3-prior-knowledge")
def test_http_1_1_is_spoken_at_the_same_door(shared):
    assert shared.get("/page.html").text == "the page"
    with shared.connect() as connection:
        connection.send_pieces(head("PROPFIND", "/page.html"))  # it begins as the preface does
        assert connection.read_response().version == "HTTP/1.1"


@clause("rfc9113-3.3-prior-knowledge")
def test_an_upgrade_to_http2_is_ignored(shared):
    answer = shared.get("/page.html", [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
                                       ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")])
    assert answer.status == 200 and answer.version == "HTTP/1.1"


@clause("rfc9113-3.3-prior-knowledge")
def test_a_preface_is_no_request_where_http2_is_off(start, site):
    said = start(site).raw(PREFACE + settings() + request())
    assert said.startswith((b"HTTP/1.1 505 ", b"HTTP/1.1 400 ")) and said.count(b"HTTP/1.1 ") == 1


# What ends the connection.


def unfinished(stream: int = 1) -> bytes:
    """A field block that goes on."""
    return frame(Kind.HEADERS, ASKED, END_STREAM, stream)


OPEN = request("POST", "/cat.cgi", end=False)

CONNECTION_ERRORS: dict[str, dict[str, tuple[int, bytes]]] = {
    "rfc9113-4.2-frame-size": {
        "SETTINGS of 5 bytes": (Error.FRAME_SIZE_ERROR, frame(Kind.SETTINGS, bytes(5))),
        "acknowledgement with content":
            (Error.FRAME_SIZE_ERROR, frame(Kind.SETTINGS, bytes(6), ACK)),
        "PING of 7 bytes": (Error.FRAME_SIZE_ERROR, ping(bytes(7))),
        "PING of 9 bytes": (Error.FRAME_SIZE_ERROR, ping(bytes(9))),
        "RST_STREAM of 3 bytes":
            (Error.FRAME_SIZE_ERROR, OPEN + frame(Kind.RST_STREAM, bytes(3), stream=1)),
        "WINDOW_UPDATE of 3 bytes": (Error.FRAME_SIZE_ERROR, frame(Kind.WINDOW_UPDATE, bytes(3))),
        "GOAWAY of 7 bytes": (Error.FRAME_SIZE_ERROR, frame(Kind.GOAWAY, bytes(7))),
        "DATA past the limit": (Error.FRAME_SIZE_ERROR, OPEN + data(bytes(FRAME_SIZE + 1))),
        "HEADERS past the limit":
            (Error.FRAME_SIZE_ERROR, request(more=[("x-long", "x" * FRAME_SIZE)])),
        "unknown frame past the limit":
            (Error.FRAME_SIZE_ERROR, frame(UNKNOWN, bytes(FRAME_SIZE + 1))),
    },
    "rfc9113-4.3-field-blocks": {
        "index 0": (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, b"\x80", 5, 1)),
        "integer without end":
            (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, b"\xff" * 12, 5, 1)),
        "string past the end of the block":
            (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, ASKED + b"\0\x7fabc", 5, 1)),
        "block that is cut within a field":
            (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, ASKED[:-3], 5, 1)),
        "trailers that cannot be decoded":
            (Error.COMPRESSION_ERROR, OPEN + frame(Kind.HEADERS, b"\x80", 5, 1)),
    },
    "rfc7541-2.3.3-index": {
        "past both tables": (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, b"\xbe", 5, 1)),
    },
    "rfc7541-4.2-table-size": {
        "more than was allowed":
            (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, b"\x3f\xff\xff\x7f" + ASKED, 5, 1)),
        "within a block": (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, ASKED + b"\x20", 5, 1)),
    },
    "rfc7541-5.2-huffman": {
        "end of string within a string":
            (Error.COMPRESSION_ERROR,
             frame(Kind.HEADERS, ASKED + b"\0\x01a\x84\xff\xff\xff\xff", 5, 1)),
        "padding of a whole byte":
            (Error.COMPRESSION_ERROR, frame(Kind.HEADERS, ASKED + b"\0\x01a\x82\x1f\xff", 5, 1)),
    },
    "rfc9113-5.1-idle": {
        "DATA": (Error.PROTOCOL_ERROR, data(b"x")),
        "RST_STREAM": (Error.PROTOCOL_ERROR, reset()),
        "WINDOW_UPDATE": (Error.PROTOCOL_ERROR, window_update(1, 1)),
        "CONTINUATION": (Error.PROTOCOL_ERROR, continuation(b"")),
    },
    "rfc9113-5.1.1-identifiers": {
        "even": (Error.PROTOCOL_ERROR, request(stream=2)),
        "0": (Error.PROTOCOL_ERROR, request(stream=0)),
    },
    "rfc9113-6-stream-zero": {
        "DATA": (Error.PROTOCOL_ERROR, data(b"x", 0)),
        "RST_STREAM": (Error.PROTOCOL_ERROR, reset(0)),
        "PRIORITY": (Error.PROTOCOL_ERROR, priority(0)),
        "CONTINUATION": (Error.PROTOCOL_ERROR, continuation(b"", 0)),
        "SETTINGS of a stream": (Error.PROTOCOL_ERROR, frame(Kind.SETTINGS, stream=1)),
        "PING of a stream": (Error.PROTOCOL_ERROR, frame(Kind.PING, bytes(8), stream=1)),
        "GOAWAY of a stream": (Error.PROTOCOL_ERROR, frame(Kind.GOAWAY, bytes(8), stream=1)),
    },
    "rfc9113-6.1-padding": {
        "DATA, as long as the frame":
            (Error.PROTOCOL_ERROR, OPEN + frame(Kind.DATA, b"\x06hello", PADDED, 1)),
        "DATA, longer than the frame":
            (Error.PROTOCOL_ERROR, OPEN + frame(Kind.DATA, b"\xff", PADDED, 1)),
        "HEADERS, longer than the frame":
            (Error.PROTOCOL_ERROR, frame(Kind.HEADERS, b"\xff" + ASKED, 5 | PADDED, 1)),
    },
    "rfc9113-6.5-settings": {
        "ENABLE_PUSH of 2": (Error.PROTOCOL_ERROR, settings((Setting.ENABLE_PUSH, 2))),
        "INITIAL_WINDOW_SIZE past the largest":
            (Error.FLOW_CONTROL_ERROR, settings((Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW + 1))),
        "MAX_FRAME_SIZE too small":
            (Error.PROTOCOL_ERROR, settings((Setting.MAX_FRAME_SIZE, FRAME_SIZE - 1))),
        "MAX_FRAME_SIZE too large":
            (Error.PROTOCOL_ERROR, settings((Setting.MAX_FRAME_SIZE, 1 << 24))),
    },
    "rfc9113-6.6-push": {
        "PUSH_PROMISE":
            (Error.PROTOCOL_ERROR,
             OPEN + frame(Kind.PUSH_PROMISE, b"\0\0\0\x02" + ASKED, END_HEADERS, 1)),
    },
    "rfc9113-6.9-window-update": {
        "of the connection, by 0": (Error.PROTOCOL_ERROR, window_update(0)),
        "of the connection, past the largest":
            (Error.FLOW_CONTROL_ERROR, window_update(LARGEST_WINDOW)),
    },
    "rfc9113-6.10-continuation": {
        "after a whole block": (Error.PROTOCOL_ERROR, OPEN + continuation(b"")),
        "of another stream": (Error.PROTOCOL_ERROR, unfinished() + continuation(b"", 3)),
        "instead of it: DATA": (Error.PROTOCOL_ERROR, unfinished() + data(b"x")),
        "instead of it: PING": (Error.PROTOCOL_ERROR, unfinished() + ping()),
        "instead of it: another request": (Error.PROTOCOL_ERROR, unfinished() + request(stream=3)),
        "instead of it: an unknown frame": (Error.PROTOCOL_ERROR, unfinished() + frame(UNKNOWN)),
    },
}


@clause("rfc9113-5.4.1-connection-error")
@cases(CONNECTION_ERRORS, "case")
def test_what_ends_the_connection(talk, case):
    code, sent = case
    there = talk()
    there.send(sent)
    assert there.closed_with() == code, there.received


# What is answered.


@clause("rfc9113-6.5.3-acknowledgement")
def test_settings_are_acknowledged_each(talk):
    there = talk()
    there.send(settings((Setting.INITIAL_WINDOW_SIZE, 1)), settings((Setting.ENABLE_PUSH, 0)))
    for _ in range(3):
        there.until(lambda each: is_kind(each, Kind.SETTINGS) and "ACK" in each.flags)
    assert there.lives()
    assert sum("ACK" in each.flags for each in there.received if is_kind(each, Kind.SETTINGS)) == 3


@clause("rfc9113-6.5.3-acknowledgement")
def test_settings_are_taken_in_their_order(talk):
    """Of the same setting twice, the last one is in force when it has been acknowledged."""
    there = talk()
    there.send(settings((Setting.INITIAL_WINDOW_SIZE, 100), (Setting.INITIAL_WINDOW_SIZE, 3)),
               request(path="/page.html"))
    there.until(lambda each: is_kind(each, Kind.DATA))
    assert there.lives() and there.so_far() == b"the"


@clause("rfc9113-6.7-ping")
def test_a_ping_is_answered_with_its_content(talk):
    there = talk()
    contents = [bytes(8), b"\xff" * 8, os.urandom(8)]
    there.send(*map(ping, contents))
    answers = [there.until(lambda each: is_kind(each, Kind.PING)) for _ in contents]
    assert [each.opaque_data for each in answers] == contents
    assert all("ACK" in each.flags for each in answers)


@clause("rfc9113-6.7-ping")
def test_an_answer_to_no_ping_is_not_answered(talk):
    there = talk()
    there.send(frame(Kind.PING, b"unasked.", ACK))
    assert there.lives()
    assert [each.opaque_data[:5] for each in there.received if is_kind(each, Kind.PING)] == [b"lives"]


# What is ignored.


PADDED_REQUEST = frame(Kind.HEADERS, b"\x07" + ASKED + bytes(7), 5 | PADDED, 1)
WITH_PRIORITY = frame(Kind.HEADERS, b"\0\0\0\0\x0f" + ASKED, 5 | PRIORITY, 1)
PAGE = request(path="/page.html")

IGNORED: dict[str, dict[str, bytes]] = {
    "rfc9113-4.1-undefined-bits": {
        "flags of PING": frame(Kind.PING, bytes(8), 0xFE) + PAGE,
        "flags of HEADERS": frame(Kind.HEADERS, ASKED, 0xD5 & ~PRIORITY, 1),
        "the reserved bit of a stream": frame(Kind.HEADERS, ASKED, 5, 1 | 1 << 31),
        "the reserved bit of an increment": window_update(1 | 1 << 31) + PAGE,
    },
    "rfc9113-5.3-priority": {
        "before the stream": priority(1) + PAGE,
        "of a stream that is over": PAGE + priority(1, 3),
        "of an idle stream": priority(77, 1) + PAGE,
        "within HEADERS": WITH_PRIORITY,
        "PRIORITY_UPDATE": frame(0x10, b"\0\0\0\x01u=7") + PAGE,
    },
    "rfc9113-5.5-extensions": {
        "unknown frame of the connection": frame(UNKNOWN, b"content", 0xFF) + PAGE,
        "unknown frame of a stream": frame(UNKNOWN, b"content", 0xFF, 1) + PAGE,
        "unknown frame without content": frame(UNKNOWN) + PAGE,
        "unknown setting": settings((0xFEED, 1), (0, 1)) + PAGE,
    },
    "rfc9113-6.1-padding": {"of HEADERS": PADDED_REQUEST},
    "rfc9113-6.8-goaway": {"the client's, before its answer": PAGE + goaway()},
    "rfc9113-6.10-continuation": {
        "in pieces": frame(Kind.HEADERS, b"", END_STREAM, 1) + b"".join(
            continuation(ASKED[at:at + 40], end=at + 40 >= len(ASKED))
            for at in range(0, len(ASKED), 40)),
        "without content at the end": unfinished() + continuation(b""),
    },
    "rfc7541-4.2-table-size": {
        "none, at the beginning of a block": frame(Kind.HEADERS, b"\x20" + ASKED, 5, 1),
        "none, and the whole again": frame(Kind.HEADERS, b"\x20\x3f\xe1\x1f" + ASKED, 5, 1),
    },
    "rfc7541-5.2-huffman": {
        "of a value": frame(Kind.HEADERS, ASKED + literal("a", "")[:-1] + b"\x81\x1f", 5, 1),
    },
}


@cases(IGNORED, "sent")
def test_what_is_no_error(talk, sent):
    there = talk()
    there.send(sent)
    assert there.status() == 200 and there.body() == b"the page"


@clause("rfc9113-5.5-extensions", "rfc9113-6.4-reset")
@pytest.mark.parametrize("code", [0, 8, 0xFEED, 0xFFFFFFFF])
def test_a_stream_may_be_reset_with_any_code(talk, code):
    there = talk()
    there.send(OPEN, reset(1, code), request(path="/page.html", stream=3), reset(3), reset(3))
    assert there.lives()
    there.send(request(path="/page.html", stream=5))
    assert there.status(5) == 200 and there.body(5) == b"the page"
