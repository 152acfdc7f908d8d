"""What a server says to HAProxy's agent-check."""

from __future__ import annotations

import re
import socket

from support.admin import Admin
from support.waiting import until


def ask(address: tuple[str, int] | str, sent: bytes = b"") -> str:
    """The line, which has to be whole, and all that is said."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect(address)
        connection.sendall(sent)
        line = connection.makefile("rb").read()
    assert line.endswith(b"\n") and line.count(b"\n") == 1, line
    return line.decode().rstrip("\n")


def address_of_agent(admin: Admin) -> tuple[str, int] | str:
    line = until(lambda: re.search(r"^cgisrv: HAProxy's agent-check at (\S+)\n",
                                   admin.server.stdout.read_text(), re.MULTILINE))
    assert line, admin.server.stdout.read_text()
    if line[1].startswith("unix:"):
        return line[1].removeprefix("unix:")
    host, _, port = line[1].rpartition(":")
    return host, int(port)
