"""FastCGI 1.0 as a web server speaks it: records, right or wrong, written as they are, and a
connection that reads those of the server and fails the test where one breaks a rule."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path

from support.client import Response

CONTENT_MAX = 65_535


class Type(IntEnum):
    BEGIN_REQUEST = 1
    ABORT_REQUEST = 2
    END_REQUEST = 3
    PARAMS = 4
    STDIN = 5
    STDOUT = 6
    STDERR = 7
    DATA = 8
    GET_VALUES = 9
    GET_VALUES_RESULT = 10
    UNKNOWN_TYPE = 11


class Role(IntEnum):
    RESPONDER = 1
    AUTHORIZER = 2
    FILTER = 3


COMPLETE, CANNOT_MULTIPLEX, OVERLOADED, UNKNOWN_ROLE = range(4)

Params = dict[str, str] | list[tuple[str, str]]


# What is sent.


def record(kind: int, content: bytes = b"", request: int = 1, padding: int = 0, version: int = 1) -> bytes:
    return (struct.pack(">BBHHBB", version, kind, request, len(content), padding, 0)
            + content + b"\xff" * padding)


def begin(request: int = 1, role: int = Role.RESPONDER, keep: bool = False) -> bytes:
    return record(Type.BEGIN_REQUEST, struct.pack(">HB5x", role, keep), request)


def length(number: int) -> bytes:
    return bytes([number]) if number < 128 else struct.pack(">I", number | 1 << 31)


def pairs(params: Params) -> bytes:
    items = params.items() if isinstance(params, dict) else params
    data = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in items]
    return b"".join(length(len(name)) + length(len(value)) + name + value for name, value in data)


def stream(kind: int, data: bytes, request: int = 1, size: int = CONTENT_MAX) -> bytes:
    """With its end."""
    parts = [data[at:at + size] for at in range(0, len(data), size)]
    return b"".join(record(kind, part, request) for part in [*parts, b""])


def asks(params: Params, body: bytes = b"", request: int = 1, keep: bool = False) -> bytes:
    """A whole request."""
    return (begin(request, keep=keep) + stream(Type.PARAMS, pairs(params), request)
            + stream(Type.STDIN, body, request))


def of_url(path: str = "/", method: str = "GET", more: Params | None = None, **named: str) -> dict[str, str]:
    """Parameters that name no file: the path is routed. `named`: further ones."""
    target, _, query = path.partition("?")
    return {"REQUEST_METHOD": method, "REQUEST_URI": path, "QUERY_STRING": query,
            "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "192.0.2.7", "REMOTE_PORT": "4711",
            "SERVER_ADDR": "192.0.2.1", "SERVER_PORT": "80", "SERVER_NAME": "front.example",
            "HTTP_HOST": "localhost", "DOCUMENT_URI": target, **named, **dict(more or {})}


def of_file(file: str, path: str = "/cgi-bin/x", **named: str) -> dict[str, str]:
    """The same as nginx sends it where SCRIPT_FILENAME names the program."""
    return of_url(path, SCRIPT_FILENAME=file, SCRIPT_NAME=path.partition("?")[0], **named)


def own_site(root: Path, locations: str, before: str = "") -> str:
    """The configuration of a site that is reached by FastCGI alone, at ROOT.fcgi."""
    return f"""{before}
[[listen]]
address = "unix:{root}.fcgi"
protocol = "fastcgi"
[[site]]
root = "{root}"
{locations}"""


# What comes.


@dataclass
class Answer:
    stdout: bytes = b""
    stderr: bytes = b""
    status: int | None = None  # of the protocol; none: the connection ended before
    application: int | None = None
    ended: set[int] = field(default_factory=set)  # streams

    @property
    def response(self) -> Response:
        head, split, body = self.stdout.partition(b"\r\n\r\n")
        assert split, f"no whole head: {self.stdout!r}"
        lines = head.decode("latin-1").split("\r\n")
        assert lines[0].startswith("Status: "), lines
        status, _, reason = lines[0].removeprefix("Status: ").partition(" ")
        headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines[1:])]
        for name, _ in headers:
            assert name.lower() not in ("connection", "transfer-encoding", "keep-alive", "status"), headers
        return Response("CGI", int(status), reason, headers, head, body=body, complete=True)


class Connection:
    """To a unix socket's path, or to a host and a port."""

    def __init__(self, address: str | tuple[str, int], timeout: float = 60.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.answers: dict[int, Answer] = {}
        self.unknown: list[int] = []  # types that the server does not know
        self.values: dict[str, str] = {}
        self.has_ended = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *records: bytes) -> None:
        self.socket.sendall(b"".join(records))

    def send_pieces(self, data: bytes, size: int = 1) -> None:
        for at in range(0, len(data), size):
            self.socket.sendall(data[at:at + size])

    def _bytes(self, count: int) -> bytes | None:
        data = b""
        while len(data) < count:
            try:
                more = self.socket.recv(count - len(data))
            except ConnectionResetError:
                more = b""
            if not more:
                assert not data, f"the connection ended inside of a record: {data!r}"
                return None
            data += more
        return data

    def read(self) -> int | None:
        """The next record: its type; none: the connection has ended."""
        head = self._bytes(8)
        if head is None:
            self.has_ended = True
            return None
        version, kind, request, size, padding, reserved = struct.unpack(">BBHHBB", head)
        assert (version, reserved) == (1, 0), head
        content = self._bytes(size) if size else b""
        assert content is not None and (not padding or self._bytes(padding) is not None)
        self._take(kind, request, content)
        return kind

    def _take(self, kind: int, request: int, content: bytes) -> None:
        if kind in (Type.GET_VALUES_RESULT, Type.UNKNOWN_TYPE):
            assert request == 0
            if kind == Type.UNKNOWN_TYPE:
                assert len(content) == 8
                self.unknown.append(content[0])
            else:
                self.values = dict(read_pairs(content))
            return
        assert request != 0, kind
        answer = self.answers.setdefault(request, Answer())
        assert answer.status is None, "a record after FCGI_END_REQUEST"
        if kind == Type.END_REQUEST:
            assert len(content) == 8
            answer.application, answer.status = struct.unpack(">IB3x", content)
            return
        assert kind in (Type.STDOUT, Type.STDERR), f"a record of type {kind}"
        assert kind not in answer.ended, "content after the stream's end"
        if not content:
            answer.ended.add(kind)
        elif kind == Type.STDOUT:
            answer.stdout += content
        else:
            answer.stderr += content

    def answer(self, request: int = 1) -> Answer:
        """The whole answer to a request; or what there is of it when the connection ends."""
        while request not in self.answers or self.answers[request].status is None:
            if self.read() is None:
                return self.answers.pop(request, Answer())
        return self.answers.pop(request)

    def ask(self, params: Params, body: bytes = b"", keep: bool = False) -> Response:
        self.send(asks(params, body, keep=keep))
        answer = self.answer()
        assert answer.status == COMPLETE, answer
        return answer.response

    def is_closed(self) -> bool:
        """Waits until the server has closed it, and reads what comes before."""
        while self.read() is not None:
            pass
        return True


def read_pairs(data: bytes) -> list[tuple[str, str]]:
    def number() -> int:
        nonlocal data
        size = 4 if data[0] & 0x80 else 1
        here, data = data[:size], data[size:]
        return struct.unpack(">I", here)[0] & 0x7FFF_FFFF if size == 4 else here[0]

    found = []
    while data:
        name, value = number(), number()
        found.append((data[:name].decode(), data[name:name + value].decode()))
        data = data[name + value:]
    return found


def ask(address: str | tuple[str, int], params: Params, body: bytes = b"") -> Response:
    """One request on a connection of its own, which the server closes."""
    with Connection(address) as connection:
        answer = connection.ask(params, body)
        assert connection.is_closed()
        return answer
