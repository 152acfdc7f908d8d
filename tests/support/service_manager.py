"""What a service manager is to a server: sd_notify(3) and sd_listen_fds(3)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from support.waiting import until


class Manager:
    """Its notification socket."""

    def __init__(self, folder: Path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.path = str(folder / "notify")
        self.socket.bind(self.path)
        self.socket.setblocking(False)

    def heard(self) -> dict[str, str]:
        """The next message; nothing when there is none yet."""
        try:
            lines = self.socket.recv(4096).decode().split("\n")
        except BlockingIOError:
            return {}
        return dict(line.split("=", 1) for line in lines)

    def wait_for(self, key: str, seconds: float = 5.0) -> dict[str, str]:
        found: dict[str, str] = {}
        self.passed_over: list[dict[str, str]] = []

        def has_come() -> bool:
            nonlocal found
            if found := self.heard():
                self.passed_over.append(found)
            return key in found

        assert until(has_come, seconds), f"{key} was not heard"
        self.passed_over.pop()
        return found


@pytest.fixture
def manager(tmp_path: Path):
    manager = Manager(tmp_path)
    yield manager
    manager.socket.close()


def listening(family: int = socket.AF_INET, address: object = ("127.0.0.1", 0)) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.bind(address)
    opened.listen()
    return opened


def handing_over(sockets: list[socket.socket], names: str) -> dict[str, object]:
    """What start() needs besides: the sockets become descriptors from 3 on, of a process that knows its
    own number and then is the server."""
    moves = " ".join(f"{3 + i}<&{each.fileno()}" for i, each in enumerate(sockets))
    closes = " ".join(f"{each.fileno()}<&-" for each in sockets if each.fileno() >= 3 + len(sockets))
    script = f'exec {moves}; exec {closes}; LISTEN_PID=$$ exec "$0" "$@"'
    return {"prefix": ("bash", "-c", script), "pass_fds": tuple(each.fileno() for each in sockets),
            "environment": {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": names}}
