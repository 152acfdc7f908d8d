"""Orders faults for a server that has fault_injection.c preloaded, and looks at what it then does."""

from __future__ import annotations

import mmap
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.client import LAST_CHUNK, Closed, Connection, Response, chunk, head
from support.processes import process
from support.server import Server

SOURCE = Path(__file__).with_name("fault_injection.c")
FOREVER = 0xFFFF_FFFF
ANYBODY = -1
_RULE = struct.Struct("16s i i I I I I")  # struct rule in fault_injection.c
_LOOP = struct.Struct("i I")  # struct loop
LOOPS = 256


class Faults:
    def __init__(self, library: Path, plan: Path):
        self.environment = {"LD_PRELOAD": str(library), "CHAOS_PLAN": str(plan)}
        self.plan = plan
        self._memory: mmap.mmap | None = None

    def _map(self) -> mmap.mmap:
        if self._memory is None:
            if not self.plan.exists():  # whoever has the library makes it; no server has, so far
                subprocess.run(["/bin/true"], env=self.environment, check=True)
            with open(self.plan, "r+b") as file:
                self._memory = mmap.mmap(file.fileno(), 0)
        return self._memory

    def _place(self, function: str) -> int:
        at = 8
        while self._map()[at : at + 16].rstrip(b"\0").decode() != function:
            at += _RULE.size
        return at

    def fail(self, process: int, function: str, code: int, first: int = 1,
             last: int = FOREVER) -> None:
        """From now on, the first-th to last-th call of `function` in that process fails."""
        at = self._place(function)
        self._map()[at + 16 : at + 20] = struct.pack("i", 0)
        rule = _RULE.pack(function.encode(), 0, code, first, last, 0, 0)
        self._map()[at : at + _RULE.size] = rule
        self._map()[at + 16 : at + 20] = struct.pack("i", process)

    def stop(self, function: str) -> int:
        """Ends that, and returns how many calls have failed."""
        at = self._place(function)
        self._map()[at + 16 : at + 20] = struct.pack("i", 0)
        return self.failed(function)

    def failed(self, function: str) -> int:
        at = self._place(function)
        return _RULE.unpack(self._map()[at : at + _RULE.size])[6]

    @contextmanager
    def failing(self, process: int, function: str, code: int, first: int = 1,
                last: int = FOREVER) -> Iterator[None]:
        self.fail(process, function, code, first, last)
        try:
            yield
        finally:
            self.stop(function)

    def turns(self, process: int) -> int:
        """How often that process has waited for events."""
        loops = self._map()[-LOOPS * _LOOP.size :]
        return dict(_LOOP.iter_unpack(loops)).get(process, 0)

    def move_wall_clock(self, seconds: int) -> None:
        self._map()[0:8] = struct.pack("l", seconds)


# What a server is asked, one of each kind of answer: its name, the bytes, what it says when well.

BODY = b"b" * 100_000
REQUESTS = {
    "file": (head("GET", "/hello.txt"), b"hello"),
    "large file": (head("GET", "/large"), b"x" * 300_000),
    "listing": (head("GET", "/folder/"), None),
    "program": (head("GET", "/worker.cgi"), None),
    "body": (head("POST", "/cat.cgi", [("Content-Length", "5")]) + b"hello", b"hello"),
    "spooled body": (head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")])
                     + chunk(b"hello") + LAST_CHUNK, b"hello"),
    "body on disk": (head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")])
                     + chunk(BODY) + LAST_CHUNK, BODY),
}


def ask(server: Server, kind: str, timeout: float = 30.0) -> Response | None:
    """The answer to one request on a connection of its own; None when there was none."""
    request, _ = REQUESTS[kind]
    try:
        with Connection(server.address, timeout) as connection:
            connection.send_as_far_as_taken(request)
            return connection.read_response()
    except (Closed, ConnectionError):
        return None


def is_well(kind: str, response: Response | None) -> bool:
    if response is None or response.status != 200 or not response.complete:
        return False
    expected = REQUESTS[kind][1]
    return expected is None or response.body == expected


def assert_well(server: Server) -> None:
    """Everything is answered as if nothing had ever happened."""
    for kind in REQUESTS:
        response = ask(server, kind)
        assert is_well(kind, response), f"{kind}: {response}\n{server.log()[-3000:]}"


TURNS_PER_REQUEST = 20
TURNS_PER_SECOND = 100


@contextmanager
def no_spin(server: Server, *pids: int, asked: int = 0, per_second: int = TURNS_PER_SECOND
            ) -> Iterator[None]:
    """Those processes' loops turn for a reason: for each of the requests asked, and now and then, as
    what is tried again is put off. One that spins turns a thousand times as often on any machine."""
    faults = server.faults
    before = {pid: faults.turns(pid) for pid in pids}
    began = time.monotonic()
    yield
    allowed = 50 + asked * TURNS_PER_REQUEST + per_second * (time.monotonic() - began)
    for pid, turns in before.items():
        made = faults.turns(pid) - turns
        assert made <= allowed, f"{process(pid)} turned {made} times, not {allowed:.0f}: it spins"
