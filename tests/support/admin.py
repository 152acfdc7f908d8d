"""The admin listener of a server, and servers that have one."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest

from support import client
from support.client import head
from support.configuration import cgi_site
from support.server import Server
from support.waiting import until

# Until a file named "go" is there.
WAITS = """#!/bin/sh
while [ ! -e go ]; do sleep 0.02; done
printf 'Content-Type: text/plain\\n\\ndone\\n'
"""


def admin_site(root: Path, **sections: str) -> str:
    """A site of example.org with an admin listener; `admin` is more of that."""
    sections["admin"] = 'listen = "127.0.0.1:0"\n' + sections.get("admin", "")
    return cgi_site(root, '[[site.location]]\nmatch = "/files/"',
                    site='server_name = ["example.org"]', **sections)


class Admin:
    """A client of the admin listener of a server."""

    def __init__(self, server: Server):
        self.server = server
        line = until(lambda: re.search(r"^cgisrv: status page at (\S+)\n", server.stdout.read_text(),
                                       re.MULTILINE))
        assert line, server.stdout.read_text()
        self.url = line[1]
        unix = self.url.removeprefix("unix:")
        match = re.fullmatch(r"http://.*:(\d+)/status", self.url)
        self.address = ("127.0.0.1", int(match[1])) if match else unix

    def connect(self, timeout: float = 20.0) -> client.Connection:
        return client.Connection(self.address, timeout)

    def get(self, path: str, method: str = "GET", **more: str) -> client.Response:
        with self.connect() as connection:
            return connection.request(method, path, **more)

    def json(self) -> dict:
        answer = self.get("/status.json")
        assert (answer.status, answer.header("Content-Type")) == (200, "application/json"), answer
        return json.loads(answer.body)

    def metrics(self) -> dict[str, float]:
        """By name and labels, as they stand in the text."""
        lines = self.get("/metrics").text.splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        found = [(name, float(value)) for name, value in pairs]
        assert len(found) == len(dict(found)), "a sample is there twice"
        return dict(found)

    def pid(self) -> int:
        return self.server.admin()


@pytest.fixture
def with_admin(start, site):
    """with_admin(server="...", cgi="...", admin="..."): a server with those lines, and `waits.cgi`."""
    site.program("waits.cgi", WAITS)

    def start_with(**sections: str) -> Admin:
        return Admin(start(config=admin_site(site.root, **sections)))

    return start_with


@contextlib.contextmanager
def under_way(server: Server, count: int, target: str = "/waits.cgi"):
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.send(head("GET", target))
    yield connections
    for connection in connections:
        connection.close()
