"""SCGI as a web server speaks it."""

from __future__ import annotations

import socket

from support.client import Response
from support.fastcgi import Answer, Params


def head(params: Params, length: int | str = 0) -> bytes:
    items = params.items() if isinstance(params, dict) else params
    data = [("CONTENT_LENGTH", str(length)), ("SCGI", "1"),
            *((name, value) for name, value in items if name != "CONTENT_LENGTH")]
    text = b"".join(f"{name}\0{value}\0".encode("latin-1") for name, value in data)
    return f"{len(text)}:".encode() + text + b","


class Connection:
    """To a unix socket's path."""

    def __init__(self, address: str, timeout: float = 60.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, size: int = 65_536) -> None:
        for at in range(0, len(data), size):
            self.socket.sendall(data[at:at + size])

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        data = b""
        while True:
            try:
                more = self.socket.recv(65_536)
            except ConnectionResetError:
                return data
            if not more:
                return data
            data += more

    def response(self) -> Response:
        return Answer(self.rest()).response


def ask(address: str, params: Params, body: bytes = b"", size: int = 65_536) -> Response:
    with Connection(address) as there:
        there.send(head(params, len(body)) + body, size)
        return there.response()
