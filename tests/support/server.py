"""A server that is tested, and what it must not leave behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support import client, http2
from support.binary import BINARY, slowness
from support.processes import (Process, alive, children, descendants, descriptors, family,
                               stale_watches)
from support.subreaper import adopted
from support.waiting import PATIENCE_SECONDS, until

STOP_SECONDS = 10.0
SETTLE_SECONDS = 2.0
ZYGOTE_CONTROL = 200  # its number there: warm/recipe.h
BAD_LINE = re.compile(r" alert | fatal |bug:|AddressSanitizer|LeakSanitizer|UndefinedBehavior"
                      r"|runtime error:|terminate called|Assertion .* failed")


Everyone = dict[int, Process] | None


class Server:
    def __init__(self, arguments: list[str], folder: Path, lines: int = 1,
                 environment: dict[str, str] | None = None,
                 preexec: Callable[[], None] | None = None,
                 prefix: tuple[str, ...] = (), pass_fds: tuple[int, ...] = (),
                 binary: Path = BINARY):
        self.temporary = folder / "tmp"  # where the server must leave nothing
        self.temporary.mkdir(parents=True)
        # Of its own, so that no test finds another's server; short, for a socket's path is.
        self.runtime = Path(tempfile.mkdtemp(prefix="cgisrv-run-"))
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self.connections: list[client.Connection] = []
        self.log_start = 0
        self.protocol = "HTTP/1.1"  # of request() and get()
        self.address_override: str | None = None
        self.strangers = {p.pid for p in adopted()}  # left by something else, before this server
        # Files, not pipes: nobody has to read them for the server to go on.
        with open(self.stdout, "wb") as out, open(self.stderr, "ab") as err:
            self.popen = subprocess.Popen(
                [*prefix, str(binary), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, "TMPDIR": str(self.temporary),
                     "RUNTIME_DIRECTORY": str(self.runtime), **(environment or {})},
                preexec_fn=preexec, pass_fds=pass_fds)
        self.pid = self.popen.pid
        try:
            started = until(lambda: len(self.start_lines()) >= lines
                            or self.popen.poll() is not None)
            assert self.popen.poll() is None, f"exited with {self.popen.returncode}: {self.log()}"
            assert started, f"no start line in time: {self.stdout.read_text()!r} {self.log()}"
            self.port = self.ports()[0] if self.ports() else 0
            self.checkpoint(settle=True)
        except BaseException:
            self.end()
            raise

    # What it says.

    def start_lines(self) -> list[str]:
        lines = self.stdout.read_text().split("\n")[:-1]
        return [line for line in lines if line.startswith("cgisrv: serving")]

    def ports(self) -> list[int]:
        found = (re.search(r" at https?://.*:(\d+)/?$", line) for line in self.start_lines())
        return [int(match[1]) for match in found if match]

    def log(self, everything: bool = False) -> str:
        data = self.stderr.read_bytes()
        return data[0 if everything else self.log_start :].decode("utf-8", "backslashreplace")

    def wait_log(self, regex: str, seconds: float = PATIENCE_SECONDS) -> re.Match[str]:
        match = until(lambda: re.search(regex, self.log(), re.MULTILINE), seconds)
        assert match, f"no line matches {regex!r} in the log:\n{self.log()}"
        return match

    # Talking to it.

    @property
    def address(self) -> tuple[str, int] | str:
        return self.address_override or ("127.0.0.1", self.port)

    def connect(self, timeout: float = 60.0) -> client.Connection:
        connection = client.Connection(self.address, timeout)
        self.connections.append(connection)
        return connection

    def request(self, method: str, target: str, headers: client.Headers = (), body: bytes = b"",
                **more: str) -> client.Response:
        """One request on a connection of its own; of another version than it speaks: HTTP/1.x."""
        if self.protocol == "HTTP/2" and "version" not in more:
            with http2.Connection(client.Connection(self.address)) as connection:
                return connection.request(method, target, headers, body, **more)
        with client.Connection(self.address) as connection:
            return connection.request(method, target, headers, body, **more)

    def get(self, target: str, headers: client.Headers = (), **more: str) -> client.Response:
        return self.request("GET", target, headers, **more)

    def raw(self, data: bytes) -> bytes:
        """Sends bytes, and returns all that comes until the server closes."""
        with client.Connection(self.address) as connection:
            connection.send_as_far_as_taken(data)
            return connection.read_rest()

    # Its processes; of those of its family that were seen together, or of those that are there now.

    def workers(self, everyone: Everyone = None) -> list[int]:
        """Living children of the master that have its name; their /proc/PID/exe is for root."""
        return sorted(p.pid for p in (everyone or children(self.pid)).values()
                      if p.parent == self.pid and p.state not in "ZX" and p.name == BINARY.name[:15])

    def admin(self, everyone: Everyone = None) -> int:
        """Of the admin listener; 0: none runs."""
        return self.child_named("cgisrv-admin", everyone)

    def child_named(self, name: str, everyone: Everyone = None) -> int:
        return next((p.pid for p in (everyone or children(self.pid)).values()
                     if p.parent == self.pid and p.name == name and p.state not in "ZX"), 0)

    def zygote_manager(self, everyone: Everyone = None) -> int:
        """Of warm programs; 0: none runs."""
        return self.child_named("cgisrv-zygotes", everyone)

    def password_checker(self, everyone: Everyone = None) -> int:
        """Of passwords; 0: none runs."""
        return self.child_named("cgisrv-auth", everyone)

    def hashers(self, everyone: Everyone = None) -> list[int]:
        """What compares passwords with hashes, for the password checkers of all generations."""
        everyone = everyone or family(self.pid)
        return [p.pid for p in everyone.values() if p.name == "cgisrv-hasher" and p.state not in "ZX"
                and p.pid in {each.pid for each in descendants(self.pid, everyone)}]

    def zygotes(self, everyone: Everyone = None) -> list[int]:
        """Children of the zygote manager that have a control socket; others it has inherited."""
        everyone = everyone or family(self.pid)
        zygote_manager = self.zygote_manager(everyone)
        return sorted(p.pid for p in everyone.values() if zygote_manager and p.parent == zygote_manager
                      and descriptors(p.pid).get(ZYGOTE_CONTROL, "").startswith("socket:"))

    def waiting(self, everyone: Everyone = None) -> list[int]:
        """What zygotes have forked before there is a request for it."""
        everyone = everyone or family(self.pid)
        zygotes = self.zygotes(everyone)
        return [p.pid for p in descendants(self.pid, everyone) if p.parent in zygotes
                and descriptors(p.pid).get(ZYGOTE_CONTROL, "").startswith("socket:")]

    def programs(self) -> list[Process]:
        """All that descends from the master and is neither it nor another part of the server."""
        now = family(self.pid)
        parts = [*self.workers(now), self.admin(now), self.zygote_manager(now), *self.zygotes(now),
                 *self.waiting(now), self.password_checker(now), *self.hashers(now)]
        return [p for p in descendants(self.pid, now) if p.pid not in parts]

    def left_behind(self) -> list[Process]:
        """What has lost its parent since this server was started, and still runs."""
        return [p for p in adopted() if p.pid not in self.strangers]

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    # What it must not leave behind.

    def checkpoint(self, settle: bool = False) -> None:
        """From here on the log is read, and descriptors are counted."""
        self.log_start = self.stderr.stat().st_size if self.stderr.exists() and not settle else 0
        if settle:
            until(self.has_one_generation)
        self.baseline = {pid: descriptors(pid) for pid in [self.pid, *self.workers()]}
        deadline = time.monotonic() + SETTLE_SECONDS
        while settle and time.monotonic() < deadline:
            time.sleep(0.03)
            now = {pid: descriptors(pid) for pid in [self.pid, *self.workers()]}
            if len(now) > 1 and now == self.baseline:
                break
            self.baseline = now

    def has_one_generation(self) -> bool:
        """As many workers as the log named last: those of before a reload are gone."""
        named = re.findall(r"(?: started:|reloaded .*;) (\d+) workers?", self.log())
        return not named or len(self.workers()) == int(named[-1])

    def settle_warm(self) -> None:
        """Once each worker has its sockets to a zygote, descriptors are counted again."""
        def has_more(pid: int) -> bool:
            return len(descriptors(pid)) > len(self.baseline.get(pid, {}))
        assert until(lambda: self.zygotes() and all(map(has_more, self.workers())), 20), self.log()
        self.checkpoint(settle=True)

    def leaked_descriptors(self) -> list[str]:
        leaks = []
        most_of_workers = max((len(open_ones) for pid, open_ones in self.baseline.items()
                               if pid != self.pid), default=0)
        for pid in [self.pid, *self.workers()]:
            before, now = self.baseline.get(pid), descriptors(pid)
            allowed = len(before) if before is not None else most_of_workers
            if len(now) > allowed:
                new = {n: t for n, t in now.items() if (before or {}).get(n) != t}
                leaks.append(f"pid {pid}: {allowed} descriptors before, {len(now)} now, new: {new}")
        return leaks

    def stale_watches(self) -> list[str]:
        now = family(self.pid)
        parts = [self.pid, *self.workers(now), self.admin(now), self.zygote_manager(now),
                 self.password_checker(now)]
        return [watch for pid in parts if pid for watch in stale_watches(pid)]

    def verify(self, item: pytest.Item) -> list[str]:
        """What is wrong after a test; polls, since closing takes a moment."""
        faults = []
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        if self.popen.poll() is None:
            if not until(lambda: not self.programs()):
                faults.append(f"programs or zombies left: {self.programs()}")
            if not until(lambda: not self.leaked_descriptors(), pause=0.02):
                faults += ["leaked descriptors: " + leak for leak in self.leaked_descriptors()]
            if not until(lambda: not self.stale_watches(), pause=0.02):
                faults.append(f"closed, but watched still: {self.stale_watches()}")
            gone = set(self.baseline) - {self.pid, *self.workers()}
            if gone and not item.get_closest_marker("kills_worker"):
                faults.append(f"workers died: {gone}")
            if os.listdir(self.temporary):
                faults.append(f"temporary files left: {os.listdir(self.temporary)}")
        return faults + self.bad_lines(item)

    def bad_lines(self, item: pytest.Item) -> list[str]:
        expected = [marker.args[0] for marker in item.iter_markers("expect_log")]
        log = self.log()
        faults = [f"no line of the log matches {regex!r}" for regex in expected
                  if not re.search(regex, log, re.MULTILINE)]
        if item.get_closest_marker("kills_worker") or item.get_closest_marker("kills_master"):
            expected.append(r"worker|master|zygote manager|password checker")
        for line in log.splitlines():
            if BAD_LINE.search(line) and not any(re.search(regex, line) for regex in expected):
                faults.append(f"in the log: {line}")
        return faults

    def stop(self) -> list[str]:
        """Stops with SIGTERM, and says what went wrong with that."""
        faults = []
        family = descendants(self.pid)
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            try:
                code = self.popen.wait(STOP_SECONDS * slowness())
                if code != 0:
                    faults.append(f"exit status {code} after SIGTERM")
            except subprocess.TimeoutExpired:
                faults.append(f"did not stop within {STOP_SECONDS} s of SIGTERM")
        for p in family:
            if not until(lambda: not alive(p.pid)):
                faults.append(f"left running after the stop: {p}")
        self.end()
        return faults

    def end(self) -> None:
        """Ends by force whatever of this server is still there."""
        family = descendants(self.pid) if self.popen.poll() is None else []
        if self.popen.poll() is None:
            self.popen.kill()
        self.popen.wait()
        shutil.rmtree(self.runtime, ignore_errors=True)
        for p in family:
            if alive(p.pid):
                os.kill(p.pid, signal.SIGKILL)


def finish(server: Server, item: pytest.Item) -> None:
    faults = []
    try:
        if item.get_closest_marker("kills_master"):
            faults += server.verify(item) if server.popen.poll() is None else server.bad_lines(item)
        else:
            faults += server.verify(item)
        faults += server.stop()
        faults += [f for f in server.bad_lines(item) if f not in faults]
        if not until(lambda: not server.left_behind()):
            faults.append(f"left behind: {server.left_behind()}")
    finally:
        server.end()
        for orphan in server.left_behind():
            os.kill(orphan.pid, signal.SIGKILL)
    assert not faults, "\n".join(faults + ["", "the log:", server.log()[-8000:]])
