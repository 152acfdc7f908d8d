"""Brings a connection to each stage of an exchange, and holds it there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.client import Connection, chunk, head
from support.processes import descriptors
from support.server import Server
from support.site import Site
from support.waiting import until

HEADER = "printf 'Content-Type: text/plain\\n\\n'\n"
# Each tells its process id when it has come to where it stays.
PROGRAMS = {
    "silent.cgi": "echo $$ > pids/$$\nexec sleep 300\n",
    "header.cgi": HEADER + "echo $$ > pids/$$\nexec sleep 300\n",
    "stream.cgi": HEADER + "echo $$ > pids/$$\nwhile echo line; do sleep 0.02; done\n",
    "flood.cgi": HEADER + "echo $$ > pids/$$\nexec cat /dev/zero\n",
    "sink.cgi": "echo $$ > pids/$$\ncat > /dev/null\n",
    "family.cgi": "sleep 300 &\necho $! > pids/$!\necho $$ > pids/$$\nwait\n",
}


@dataclass
class Stage:
    name: str
    bytes: bytes
    programs: int = 0  # how many processes it starts
    received: bytes = b""  # what the client sees before it has come so far

    def __str__(self) -> str:
        return self.name


def post(target: str, *fields: tuple[str, str]) -> bytes:
    return head("POST", target, fields)


STAGES = [
    Stage("connected", b""),
    Stage("in-head", b"GET /hello.txt HTTP/1.1\r\nHost: local"),
    Stage("body-streaming", post("/sink.cgi", ("Content-Length", "1000000")) + b"x" * 50_000, 1),
    Stage("body-spooling", post("/cat.cgi", ("Transfer-Encoding", "chunked"))
          + chunk(b"x" * 50_000)),
    Stage("program-started", head("GET", "/silent.cgi"), 1),
    Stage("with-children", head("GET", "/family.cgi"), 2),
    Stage("header-printed", head("GET", "/header.cgi"), 1, b"HTTP/1.1 200 OK\r\n"),
    Stage("body-going-out", head("GET", "/stream.cgi"), 1, b"line\n\r\n5\r\nline"),
    Stage("client-slow", head("GET", "/flood.cgi"), 1),
    Stage("body-unwanted", post("/hello.txt", ("Content-Length", "100000")) + b"x",
          received=b"HTTP/1.1 405 "),
    Stage("keep-alive", head("GET", "/hello.txt"), received=b"\r\n\r\nhello"),
]


def sockets(server: Server) -> set[str]:
    return {target for worker in server.workers() for target in descriptors(worker).values()
            if target.startswith("socket:")}


class Stages:
    def __init__(self, site: Site):
        self.pids: Path = site.path("pids/.keep").parent
        for name, text in PROGRAMS.items():
            site.program(name, "#!/bin/sh\n" + text)

    def reach(self, server: Server, stage: Stage) -> tuple[Connection, list[int]]:
        """A connection in that stage, and the processes that run for it."""
        before, held = set(self._started()), sockets(server)
        connection = server.connect()
        connection.send(stage.bytes)
        assert until(lambda: sockets(server) - held), "it was not accepted"
        while stage.received not in connection.buffer:
            assert connection._fill(), bytes(connection.buffer)
        if stage.received.endswith(b"hello"):
            connection.buffer.clear()  # a whole answer
        found = until(lambda: (new := set(self._started()) - before)
                      and len(new) >= stage.programs and new) if stage.programs else set()
        assert len(found) == stage.programs, found
        return connection, sorted(found)

    def _started(self) -> list[int]:
        return [int(text) for path in self.pids.glob("[0-9]*")
                if (text := path.read_text().strip())]


def goes_on(connection: Connection) -> Callable[[], bool]:
    """Whether the connection still brings something; to be asked again and again."""

    def ask() -> bool:
        connection.socket.settimeout(0.05)
        try:
            return bool(connection.socket.recv(1 << 20))
        except TimeoutError:
            return True
        except ConnectionError:
            return False

    return ask
