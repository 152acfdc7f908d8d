"""Servers with logs of their own, and traffic whose every request can be found there."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

from support.client import Connection
from support.server import Server

# Of one request, and nothing else.
LINE = re.compile(r"/text\.txt\?(\S+) 200 (?:(?:x+|(?:\\xe9)+)\.|-)")
REQUESTS_PER_CONNECTION = 100
LOST = re.compile(r"(\d+) lines? of (the access|this) log (?:was|were) lost: (.*)")


def configuration(root: Path, access: Path | str, error: Path | str = "stderr",
                  more: str = "") -> str:
    return f"""
[log]
access = {{ path = "{access}", format = "{{target}} {{status}} {{user_agent}}" }}
error = {{ path = "{error}", level = "info" }}
[[site]]
root = "{root}"
{more}
"""


def names(text: str) -> list[str]:
    """Of the requests that a log has a whole line of."""
    return [match[1] for line in text.splitlines() if (match := LINE.fullmatch(line))]


def told_lost(text: str, log: str = "the access") -> int:
    return sum(int(count) for count, which, _ in LOST.findall(text) if which == log)


class Load(threading.Thread):
    """Requests one after another, each with a name of its own, until told to end."""

    def __init__(self, server: Server, name: str, size: int = 20):
        super().__init__()
        self.server, self.prefix, self.agent = server, name, "x" * size + "."
        self.answered: list[str] = []
        self.failure: BaseException | None = None
        self.ending = threading.Event()

    def run(self) -> None:
        try:
            while not self.ending.is_set():
                with Connection(self.server.address) as connection:
                    for _ in range(REQUESTS_PER_CONNECTION):
                        self.ask(connection)
        except BaseException as failure:
            self.failure = failure

    def ask(self, connection: Connection) -> None:
        name = f"{self.prefix}-{len(self.answered)}"
        response = connection.request("GET", f"/text.txt?{name}", [("User-Agent", self.agent)])
        assert response.status == 200, response
        self.answered.append(name)

    def __enter__(self) -> Load:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.join(30)
        if self.failure:
            raise RuntimeError(f"after {len(self.answered)} requests") from self.failure


class Traffic:
    """Requests one after another, all of which must be answered; counts them."""

    def __init__(self, server: Server, agent: str = "x" * 1000):
        self.server, self.agent, self.count = server, agent + ".", 0

    def ask(self, requests: int) -> float:
        """Returns the seconds that it took."""
        began = time.monotonic()
        with Connection(self.server.address) as connection:
            for _ in range(requests):
                response = connection.request("GET", f"/text.txt?{self.count}",
                                              [("User-Agent", self.agent)])
                assert response.status == 200, response
                self.count += 1
        return time.monotonic() - began
