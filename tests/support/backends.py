"""Servers that speak FastCGI or SCGI, played by a test: what one does with a connection is a function."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
VALUES_RESULT = 10
HELLO = b"Content-Type: text/plain\r\n\r\nhello\n"


def record(kind: int, content: bytes = b"", number: int = 1, padding: int = 0) -> bytes:
    return struct.pack(">BBHHBB", 1, kind, number, len(content), padding, 0) + content + bytes(padding)


def end(application: int = 0, protocol: int = 0, number: int = 1) -> bytes:
    return record(END, struct.pack(">IBxxx", application, protocol), number)


def answer(output: bytes, errors: bytes = b"", padding: int = 0, **ending: int) -> bytes:
    """A whole one, in records of at most 65535 bytes."""
    pieces = [output[at:at + 65535] for at in range(0, len(output), 65535)]
    return ((record(STDERR, errors) if errors else b"")
            + b"".join(record(STDOUT, piece, padding=padding) for piece in pieces)
            + record(STDOUT) + end(**ending))


def pairs(data: bytes) -> dict[str, str]:
    found, at = {}, 0

    def length() -> int:
        nonlocal at
        size = data[at]
        if size > 127:
            size = struct.unpack(">I", data[at:at + 4])[0] & 0x7fffffff
            at += 3
        at += 1
        return size

    while at < len(data):
        name, value = length(), length()
        found[data[at:at + name].decode()] = data[at + name:at + name + value].decode("latin-1")
        at += name + value
    return found


class Asked:
    """A connection of cgisrv's, as its backend sees it."""

    def __init__(self, connection: socket.socket, number: int, stopping: threading.Event):
        self.socket, self.number, self.stopping = connection, number, stopping
        self.file = connection.makefile("rb")
        self.params: dict[str, str] = {}
        self.body = b""
        self.keeps = False

    def read_record(self) -> tuple[int, bytes] | None:
        head = self.file.read(8)
        if len(head) < 8:
            return None
        version, kind, number, size, padding, _ = struct.unpack(">BBHHBB", head)
        assert version == 1 and number == 1, head
        content = self.file.read(size)
        self.file.read(padding)
        return kind, content

    def read_head(self) -> bool:
        """As far as the end of the parameters. False: nothing more is asked."""
        data = b""
        self.body = b""
        while (got := self.read_record()) is not None:
            kind, content = got
            if kind == BEGIN:
                assert content[:2] == b"\x00\x01", "the role is RESPONDER"
                self.keeps = bool(content[2] & 1)
            elif kind == PARAMS and content:
                data += content
            elif kind == PARAMS:
                self.params = pairs(data)
                return True
        return False

    def read_body(self) -> bytes:
        while (got := self.read_record()) is not None and got[1]:
            self.body += got[1]
        return self.body

    def drop_body(self) -> None:
        while (got := self.read_record()) is not None and got[1]:
            pass

    def read(self) -> bool:
        if not self.read_head():
            return False
        self.read_body()
        return True

    def read_scgi(self) -> bool:
        size = b""
        while (byte := self.file.read(1)).isdigit():
            size += byte
        if byte != b":":
            return False
        parts = self.file.read(int(size)).split(b"\0")
        assert self.file.read(1) == b"," and parts[0] == b"CONTENT_LENGTH", parts[:1]
        self.params = {name.decode(): value.decode("latin-1")
                       for name, value in zip(parts[0:-1:2], parts[1::2])}
        self.body = self.file.read(int(self.params["CONTENT_LENGTH"]))
        return True

    def send(self, data: bytes) -> bool:
        """False: nobody takes it."""
        try:
            self.socket.sendall(data)
        except OSError:
            return False
        return True

    def wait_for_end(self) -> None:
        """The other side closes, or the test is over."""
        while not self.stopping.is_set() and self.file.read(65536):
            pass


class Backend:
    """Listens on a unix socket; each connection has a thread that calls `serve`."""

    def __init__(self, path: Path | None, serve: Callable[[Asked], object], backlog: int = 128):
        self.path, self.serve = path, serve
        self.connections = 0
        self.problems: list[BaseException] = []
        self._stopping = threading.Event()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._socket = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._socket.bind(str(path) if path else ("127.0.0.1", 0))
        self._socket.listen(backlog)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def address(self) -> str:
        return f"unix:{self.path}" if self.path else "127.0.0.1:%d" % self._socket.getsockname()[1]

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        asked = Asked(connection, number, self._stopping)
        try:
            self.serve(asked)
        except OSError:
            pass
        except BaseException as problem:  # it is the test's: raised at its end
            self.problems.append(problem)
        finally:
            asked.file.close()
            connection.close()

    def hang_up(self) -> None:
        """On all connections, those that are kept too."""
        for connection in self._open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()

    def stop(self) -> None:
        self._stopping.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.hang_up()
        for thread in self._threads:
            thread.join(20)
        if self.path:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Backend:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
        if self.problems and failure[0] is None:
            raise self.problems[0]
