"""As PID 1, as in a container: whoever loses its parent there becomes the server's child, and only signals
that it asked for reach it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.binary import BINARY

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace takes root")

PROGRAMS = {
    "first.cgi": "cat /proc/1/comm",
    # A grandchild whose parent is gone, which outlives the answer.
    "orphan.cgi": "(setsid sh -c 'sleep 0.3; exit 3' >/dev/null 2>&1 &)\necho left",
    "states.cgi": "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -c1",
    "worker.cgi": "echo $PPID",
    "slow.cgi": "echo begun\nsleep 1\necho done",
    "stubborn.cgi": "trap '' TERM\necho begun\nwhile :; do sleep 0.1; done",
}


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Container:
    """The server, first process of its pid namespace."""

    def __init__(self, site: Path, *what: str):
        # The runtime that starts it, which does not look after its processes.
        self.runtime = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL", BINARY, *(what or [site]),
             "-l", "127.0.0.1:0", "-w", "2"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "RUNTIME_DIRECTORY": str(site.parent)})
        self.url = self.runtime.stdout.readline().split()[-1]
        children = Path(f"/proc/{self.runtime.pid}/task/{self.runtime.pid}/children")
        self.pid = int(children.read_text())

    def open(self, name: str):
        return urllib.request.urlopen(self.url + name, timeout=15)

    def get(self, name: str) -> str:
        with self.open(name) as response:
            return response.read().decode()

    def zombies(self) -> int:
        return self.get("states.cgi").split().count("Z")

    def processes(self) -> list[str]:
        """Its own and all below, by their state; from outside."""
        found, left = [], [self.pid]
        while left:
            pid = left.pop()
            try:
                found.append(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0])
                left += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                pass
        return found

    def stop(self, number: int) -> float:
        """The seconds that it took."""
        begun = time.monotonic()
        os.kill(self.pid, number)
        assert self.runtime.wait(15) == 0
        return time.monotonic() - begun


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    for name, text in PROGRAMS.items():
        (site / name).write_text(f"#!/bin/sh\necho 'Content-Type: text/plain'\necho\n{text}\n")
        (site / name).chmod(0o755)
    return site


@contextlib.contextmanager
def running(container: Container) -> Iterator[Container]:
    try:
        yield container
    finally:
        container.runtime.kill()  # and all that is in it
        container.runtime.wait()
        container.runtime.stdout.close()


@pytest.fixture
def container(site: Path) -> Iterator[Container]:
    with running(Container(site)) as container:
        yield container


def test_it_is_the_first_process(container: Container):
    assert container.get("first.cgi") == "cgisrv\n"


def test_orphans_are_reaped(container: Container):
    before = len(container.processes())
    for _ in range(20):
        assert container.get("orphan.cgi") == "left\n"
    assert len(container.processes()) > before, "the orphans have not come to be"
    assert until(lambda: container.processes() == ["S"] * before), container.processes()
    assert container.zombies() == 0


def test_what_a_dead_worker_leaves_is_reaped(container: Container):
    with container.open("stubborn.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        workers = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
        for pid in map(int, workers):
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: container.processes() == ["S"] * (1 + len(workers))), container.processes()
    assert container.zombies() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_time_whatever_runs(container: Container, number: int):
    """In time: a runtime kills all after ten seconds."""
    with container.open("stubborn.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        assert container.stop(number) < 9


def test_it_finishes_what_is_open_when_asked_to(container: Container):
    with container.open("slow.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        os.kill(container.pid, signal.SIGQUIT)
        assert streaming.read() == b"done\n"
    assert container.runtime.wait(15) == 0


def test_term_lets_it_finish_what_is_open_by_a_configuration(site: Path):
    """A runtime sends TERM, unless its image says otherwise."""
    file = site.parent / "cgisrv.toml"
    file.write_text(f'[server]\nuser = "root"\n[[site]]\nroot = "{site}"\n'
                    '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')
    with running(Container(site, "-c", str(file))) as container:
        with container.open("slow.cgi") as streaming:
            assert streaming.readline() == b"begun\n"
            os.kill(container.pid, signal.SIGTERM)
            assert streaming.read() == b"done\n"
        assert container.runtime.wait(15) == 0
