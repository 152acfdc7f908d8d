"""HTTP/2 frames, right or wrong, written as they are, and a connection that reads the server's one
by one, by hyperframe and hpack, which are strict.

What python3-h2 keeps from being sent is sent from here. Field blocks are literals, which need no
memory on either side, but where a test is about just that.
"""

from __future__ import annotations

import select
import struct
from collections.abc import Callable
from enum import IntEnum

import hpack
from h2.errors import ErrorCodes
from hyperframe import frame as hyperframe

from support import client

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 1, 1, 4, 8, 32  # flags
LARGEST_WINDOW = 2**31 - 1
FIRST_WINDOW = 65_535
FRAME_SIZE = 16_384  # the largest payload, unless a setting allows more


class Kind(IntEnum):
    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


class Setting(IntEnum):
    HEADER_TABLE_SIZE = 1
    ENABLE_PUSH = 2
    MAX_CONCURRENT_STREAMS = 3
    INITIAL_WINDOW_SIZE = 4
    MAX_FRAME_SIZE = 5
    MAX_HEADER_LIST_SIZE = 6
    ENABLE_CONNECT_PROTOCOL = 8


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


# Field blocks: RFC 7541.


def string(text: bytes | str) -> bytes:
    data = text.encode("latin-1") if isinstance(text, str) else text
    return bytes(hpack.hpack.encode_integer(len(data), 7)) + data


def literal(name: bytes | str, value: bytes | str) -> bytes:
    """A field that is not indexed."""
    return b"\0" + string(name) + string(value)


Fields = list[tuple[bytes | str, bytes | str]]


def block(fields: Fields) -> bytes:
    return b"".join(literal(name, value) for name, value in fields)


def asks(method: str = "GET", path: str = "/", more: Fields | None = None, *,
         scheme: str = "http", authority: str = "localhost") -> Fields:
    """The fields of a request."""
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority),
            *(more or [])]


# Frames of each kind.


def headers(fields: Fields, stream: int = 1, flags: int = END_HEADERS | END_STREAM) -> bytes:
    return frame(Kind.HEADERS, block(fields), flags, stream)


def request(method: str = "GET", path: str = "/", more: Fields | None = None, stream: int = 1,
            end: bool = True) -> bytes:
    flags = END_HEADERS | (END_STREAM if end else 0)
    return headers(asks(method, path, more), stream, flags)


def data(content: bytes, stream: int = 1, end: bool = False) -> bytes:
    return frame(Kind.DATA, content, END_STREAM if end else 0, stream)


def reset(stream: int = 1, code: int = ErrorCodes.CANCEL) -> bytes:
    return frame(Kind.RST_STREAM, struct.pack(">I", code), 0, stream)


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(Kind.SETTINGS, b"".join(struct.pack(">HI", *pair) for pair in pairs))


SETTINGS_ACK = frame(Kind.SETTINGS, flags=ACK)


def ping(content: bytes = b"howareyo") -> bytes:
    return frame(Kind.PING, content)


def window_update(increment: int, stream: int = 0) -> bytes:
    return frame(Kind.WINDOW_UPDATE, struct.pack(">I", increment), 0, stream)


def priority(stream: int, depends: int = 0, weight: int = 15) -> bytes:
    return frame(Kind.PRIORITY, struct.pack(">IB", depends, weight), 0, stream)


def goaway(last: int = 0, code: int = ErrorCodes.NO_ERROR) -> bytes:
    return frame(Kind.GOAWAY, struct.pack(">II", last, code))


def continuation(content: bytes, stream: int = 1, end: bool = True) -> bytes:
    return frame(Kind.CONTINUATION, content, END_HEADERS if end else 0, stream)


# What the server sends.

Received = hyperframe.Frame


class Conversation:
    """Frames to a server and from it, over a connection that is open."""

    def __init__(self, wire: client.Connection, greeting: bytes = PREFACE + settings()):
        self.wire = wire
        self.decoder = hpack.Decoder()
        self.received: list[Received] = []
        self.send(greeting)

    def send(self, *frames: bytes) -> bool:
        """False when the server closed before it had taken everything."""
        return self.wire.send_as_far_as_taken(b"".join(frames))

    def read(self) -> Received | None:
        """The next frame; None when the connection has ended."""
        header = self.wire.read_exactly(9)
        if header is None:
            return None
        each, length = Received.parse_frame_header(memoryview(header), strict=True)
        body = self.wire.read_exactly(length)
        if body is None:
            raise client.ProtocolError(f"closed within a frame: {each}")
        each.parse_body(memoryview(body))
        if isinstance(each, hyperframe.HeadersFrame):
            each.fields = self._fields(each)
        self.received.append(each)
        return each

    def _fields(self, first: hyperframe.HeadersFrame) -> list[tuple[str, str]]:
        whole, last = bytes(first.data), first
        while "END_HEADERS" not in last.flags:
            last = self.read()
            if not isinstance(last, hyperframe.ContinuationFrame):
                raise client.ProtocolError(f"no CONTINUATION within a field block, but {last}")
            whole += bytes(last.data)
        return [(name.decode(), value.decode("latin-1"))
                for name, value in self.decoder.decode(whole, raw=True)]

    def read_what_came(self) -> bool:
        """Without waiting for more than a frame that has begun. False when the server has said that
        it ends the connection, or has ended it."""
        while self.wire.buffer or select.select([self.wire.socket], [], [], 0)[0]:
            each = self.read()
            if each is None or is_kind(each, Kind.GOAWAY):
                return False
        return True

    def until(self, condition: Callable[[Received], object]) -> Received:
        """Reads on to the first frame of that kind."""
        while (each := self.read()) is not None:
            if condition(each):
                return each
        raise client.Closed(f"closed; received {self.received}")

    def after(self, condition: Callable[[Received], object]) -> Received:
        """The first such frame, among those that have been read too."""
        return next(filter(condition, self.received), None) or self.until(condition)

    # What has become of a request, or of the connection.

    def status(self, stream: int = 1) -> int:
        """Of the final answer."""
        def final(each: Received) -> bool:
            return is_kind(each, Kind.HEADERS, stream) and status_of(each) >= 200
        return status_of(self.after(final))

    def body(self, stream: int = 1) -> bytes:
        """All of it, to its proper end."""
        def ends(each: Received) -> bool:
            assert not is_kind(each, Kind.RST_STREAM, stream), each
            return each.stream_id == stream and "END_STREAM" in each.flags
        self.after(ends)
        return self.so_far(stream)

    def so_far(self, stream: int = 1) -> bytes:
        return b"".join(bytes(each.data) for each in self.received
                        if is_kind(each, Kind.DATA, stream))

    def reset_code(self, stream: int = 1) -> int:
        """With what the server resets that stream."""
        return self.after(lambda each: is_kind(each, Kind.RST_STREAM, stream)).error_code

    def refusal(self, stream: int = 1) -> int:
        """The status of its answer, or the code with which it is reset without one."""
        first = self.after(lambda each: each.stream_id == stream
                           and each.type in (Kind.HEADERS, Kind.RST_STREAM))
        return status_of(first) if is_kind(first, Kind.HEADERS) else first.error_code

    def closed_with(self) -> int:
        """With what the server ends the connection, which it then closes."""
        while self.read() is not None:
            pass
        ends = [each for each in self.received if is_kind(each, Kind.GOAWAY)]
        assert ends, f"closed without GOAWAY; received {self.received}"
        return ends[-1].error_code

    def lives(self) -> bool:
        """Whether it still answers; all that it has sent before has been read then."""
        mark = b"lives%03d" % (len(self.received) % 1000)
        self.send(ping(mark))
        return bool(self.until(lambda each: is_kind(each, Kind.PING) and each.opaque_data == mark))


def is_kind(each: Received, kind: int, stream: int | None = None) -> bool:
    return each.type == kind and stream in (None, each.stream_id)


def status_of(each: Received) -> int:
    return int(dict(each.fields)[":status"])
