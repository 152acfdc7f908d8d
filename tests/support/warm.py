"""Servers whose programs start warm, and what the access log says of how each was started."""

from __future__ import annotations

from pathlib import Path

from support.client import Response
from support.configuration import cgi_site
from support.server import Server
from support.waiting import until

# How each request's program was started: what Warm reads.
LOG = """
[log]
access = {{ path = "{log}", format = '{{target}} {{status}} {{start}} {{cold_reason}} {{outcome}} {{exit}} {{signal}}' }}
"""


def warm_site(root: Path, log: Path, more: str = "", **sections: str) -> str:
    """A site whose *.cgi start warm, with the log above; `more` is of their location."""
    return LOG.format(log=log) + cgi_site(root, f'start = "warm"\n{more}', **sections)


HEADER = "Content-Type: text/plain\\n\\n"


class Warm:
    """A server with the log above."""

    def __init__(self, server: Server, log: Path):
        self.server, self.log = server, log

    def lines(self) -> list[list[str]]:
        return [line.split(" ") for line in self.log.read_text().splitlines()]

    def get(self, target: str, **more) -> Response:
        return self.server.get(target, **more)

    def how(self, target: str) -> list[str]:
        """How the last request for it was started, and why it was not warm."""
        return self.settled(target)[-1][2:4]

    def assert_saw_change(self, target: str, zygotes: set[int]) -> None:
        """The request for it was not answered by one of these, which are of before the change: it
        saw that itself, or had been slower than the look that the server takes every second."""
        if self.how(target) != ["cold", "changed"]:
            assert self.how(target) == ["warm", "-"], self.lines()[-4:]
            assert not zygotes & set(self.server.zygotes())

    def boot(self, target: str) -> None:
        """Asks until it is started warm, by each worker."""
        def is_warm() -> bool:
            before = len(self.lines_of(target))
            answers = [self.get(target) for _ in range(4)]
            assert all(answer.status == 200 for answer in answers), answers
            return all(line[2] == "warm" for line in self.settled(target, before + 4)[before:])
        assert until(is_warm, 60, 0.05), f"never warm: {self.lines()[-4:]} {self.server.log()}"
        self.server.checkpoint(settle=True)

    def lines_of(self, target: str) -> list[list[str]]:
        return [line for line in self.lines() if line[0] == target]

    def settled(self, target: str, count: int = 1) -> list[list[str]]:
        """The lines of its requests, once there are so many: a line is written when the program has
        been reaped, which may be after its client has the whole response."""
        until(lambda: len(self.lines_of(target)) >= count)
        return self.lines_of(target)
