"""A raw HTTP/1.1 client: sends exactly the bytes it is given, reads exactly one response at a time.

It is strict about what the server may write (CRLF line ends, one framing, well-formed chunks) and
says of every response whether it ended properly, because a truncated one must be seen to be so.
"""

from __future__ import annotations

import fcntl
import re
import socket
import struct
import termios
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Headers = Iterable[tuple[str, str]]


class ProtocolError(AssertionError):
    """The server broke the rules of RFC 9112."""


class Closed(AssertionError):
    """The connection ended before a response's head was whole."""


@dataclass
class Response:
    version: str
    status: int
    reason: str
    headers: list[tuple[str, str]]
    head: bytes
    interim: list[Response] = field(default_factory=list)  # 1xx responses that came before it
    trailers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False  # the body ended where its framing says it ends

    def all(self, name: str) -> list[str]:
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def without(self, *names: str) -> list[tuple[str, str]]:
        """Its fields but for these, as for Date: in HTTP/2 a name is in lower case."""
        return [(n, v) for n, v in self.headers if n.lower() not in [name.lower() for name in names]]

    def header(self, name: str) -> str | None:
        values = self.all(name)
        return values[0] if values else None

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def __str__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:500]!r} complete={self.complete}"


def head(method: str, target: str, headers: Headers = (), host: str | None = "localhost",
         version: str = "HTTP/1.1") -> bytes:
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


LAST_CHUNK = b"0\r\n\r\n"


class Connection:
    """One connection. `address` is (host, port) or the path of a unix socket."""

    def __init__(self, address: tuple[str, int] | str, timeout: float = 60.0,
                 source: str | None = None):
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            self.socket = socket.socket(family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        try:
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise
        self.buffer = bytearray()
        self.was_reset = False

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Sending.

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def unacknowledged(self) -> int:
        """Bytes that the other side's kernel has not taken yet: SIOCOUTQ of tcp(7)."""
        return struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, b"    "))[0]

    def send_pieces(self, data: bytes, size: int = 1, pause: float = 0.0) -> None:
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            if pause:
                time.sleep(pause)

    def send_as_far_as_taken(self, data: bytes) -> bool:
        """False when the server closed before it had taken everything."""
        try:
            self.send(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def request(self, method: str, target: str, headers: Headers = (), body: bytes = b"",
                host: str | None = "localhost", version: str = "HTTP/1.1") -> Response:
        """Sends a request (Content-Length is added to a body) and reads its response."""
        headers = list(headers)
        names = {name.lower() for name, _ in headers}
        if body and not names & {"content-length", "transfer-encoding"}:
            headers.append(("Content-Length", str(len(body))))
        self.send(head(method, target, headers, host, version) + body)
        return self.read_response(method)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    # Receiving.

    def _fill(self) -> bool:
        try:
            data = self.socket.recv(256 * 1024)
        except ConnectionResetError:
            self.was_reset = True
            return False
        self.buffer += data
        return bool(data)

    def _line(self) -> bytes | None:
        """Up to and without CRLF; None when the connection ended first."""
        while (end := self.buffer.find(b"\n")) < 0:
            if len(self.buffer) > 256 * 1024:
                raise ProtocolError(f"line without end: {bytes(self.buffer[:200])!r}")
            if not self._fill():
                return None
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise ProtocolError(f"line does not end in CRLF: {line!r}")
        return line[:-2]

    def _fields(self, raw: bytearray) -> list[tuple[str, str]] | None:
        fields = []
        while (line := self._line()) is not None:
            raw += line + b"\r\n"
            if not line:
                return fields
            match = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", line)
            if not match or re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", line):
                raise ProtocolError(f"malformed field: {line!r}")
            fields.append((match[1].decode(), match[2].decode("latin-1")))
        return None

    def read_head(self) -> Response:
        line = self._line()
        if line is None:
            raise Closed(f"closed before a response; got {bytes(self.buffer)!r}")
        match = re.fullmatch(rb"(HTTP/1\.[01]) (\d{3}) ?(.*)", line)
        if not match:
            raise ProtocolError(f"malformed status line: {line!r}")
        raw = bytearray(line + b"\r\n")
        fields = self._fields(raw)
        if fields is None:
            raise Closed(f"closed within a response's head: {bytes(raw)!r}")
        return Response(match[1].decode(), int(match[2]), match[3].decode("latin-1"), fields,
                        bytes(raw))

    def read_final_head(self) -> Response:
        interim = []
        while (response := self.read_head()).status < 200 and response.status != 101:
            interim.append(response)
        response.interim = interim
        return response

    def read_response(self, method: str = "GET") -> Response:
        response = self.read_final_head()
        response.body = b"".join(self.stream(response, method))
        return response

    def stream(self, response: Response, method: str = "GET") -> Iterator[bytes]:
        """The body, piece by piece as it arrives; sets `complete` at its end."""
        codings, lengths = response.all("Transfer-Encoding"), response.all("Content-Length")
        if codings and lengths:
            raise ProtocolError("both Transfer-Encoding and Content-Length (RFC 9112 section 6.2)")
        if len(lengths) > 1:
            raise ProtocolError(f"more than one Content-Length: {lengths}")
        if response.status == 204 and (codings or lengths):
            raise ProtocolError("204 with framing (RFC 9112 section 6.1, RFC 9110 section 8.6)")
        if method == "HEAD" or response.status in (204, 304) or response.status < 200:
            response.complete = True
        elif codings:
            if [c.lower() for c in codings] != ["chunked"]:
                raise ProtocolError(f"unexpected transfer coding: {codings}")
            yield from self._chunks(response)
        elif lengths:
            if not re.fullmatch(r"[0-9]+", lengths[0]):
                raise ProtocolError(f"malformed Content-Length: {lengths[0]!r}")
            response.complete = yield from self._exactly(int(lengths[0]))
        else:
            while self.buffer or self._fill():
                yield self._take(len(self.buffer))
            response.complete = not self.was_reset

    def _take(self, count: int) -> bytes:
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def _exactly(self, count: int):
        while count:
            if not self.buffer and not self._fill():
                return False
            data = self._take(count)
            count -= len(data)
            yield data
        return True

    def _chunks(self, response: Response):
        while (line := self._line()) is not None:
            if not re.fullmatch(rb"[0-9a-fA-F]+(;.*)?", line):
                raise ProtocolError(f"malformed chunk size: {line!r}")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                trailers = self._fields(bytearray())
                response.complete = trailers is not None
                response.trailers = trailers or []
                return
            if not (yield from self._exactly(size)):
                return
            end = self._line()
            if end is None:
                return
            if end != b"":
                raise ProtocolError(f"chunk longer than its size: {end!r}")

    def read_some(self) -> bytes:
        """What comes next, at least a byte; nothing at the end of the connection."""
        if not self.buffer:
            self._fill()
        return self._take(len(self.buffer))

    def read_exactly(self, count: int) -> bytes | None:
        """None when the connection ended first."""
        while len(self.buffer) < count:
            if not self._fill():
                return None
        return self._take(count)

    def read_rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while self._fill():
            pass
        return self._take(len(self.buffer))

    def ended(self, timeout: float = 10.0) -> bool:
        """Whether the server closes, without another byte, in time."""
        if self.buffer:
            return False
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def silent(self, seconds: float) -> bool:
        """Whether nothing arrives, not even the end, for that long."""
        if self.buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self.buffer += self.socket.recv(1)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(60.0)
