"""The site that is served, the server that serves it, and what it must not leave behind."""

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

import client
from adopted import adopted
from processes import Process, alive, descendants, descriptors, processes, stale_watches

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CGISRV", REPOSITORY / "build/release/cgisrv")).resolve()
STOP_SECONDS = 5.0
SETTLE_SECONDS = 2.0
ZYGOTE_CONTROL = 200  # its number there: warm/recipe.h
BAD_LINE = re.compile(r" alert | fatal |bug:|AddressSanitizer|LeakSanitizer|UndefinedBehavior"
                      r"|runtime error:|terminate called|Assertion .* failed")


def sanitized() -> bool:
    """Whether the binary was built with sanitizers, which cost time and a lot of memory."""
    if not hasattr(sanitized, "answer"):
        sanitized.answer = BINARY.exists() and b"__asan_init" in BINARY.read_bytes()
    return sanitized.answer


def slowness() -> float:
    return 3.0 if sanitized() else 1.0


def until(condition: Callable[[], object], seconds: float = 10.0, pause: float = 0.01) -> object:
    """Polls until `condition()` is true, and returns what it returned last."""
    deadline = time.monotonic() + seconds
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(pause)
    return result


# What is served.


class Site:
    """A folder of files and programs. Files are dated back: a fresh one has a weak ETag."""

    def __init__(self, root: Path, compile_c: Callable[[str], Path]):
        self.root = root
        self.compile_c = compile_c
        root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, name: str, content: bytes | str, mtime: float = 1_577_934_245) -> Path:
        path = self.path(name)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (mtime, mtime))
        return path

    def program(self, name: str, text: bytes | str, mode: int = 0o755) -> Path:
        path = self.path(name)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def c_program(self, name: str, source: str) -> Path:
        path = self.path(name)
        shutil.copy(self.compile_c(source), path)
        path.chmod(0o755)
        return path

    def prints(self, name: str, output: bytes | str, then: str = "") -> Path:
        """A program that prints exactly that and then does `then`, in shell."""
        output = output.encode() if isinstance(output, str) else output
        data = self.path(name + ".output")
        data.write_bytes(output)
        return self.program(name, f"#!/bin/sh\ncat {data}\n{then}\n")


def compile_into(folder: Path) -> Callable[[str], Path]:
    """For a Site that no test has made."""
    def compile_source(source: str) -> Path:
        path = folder / f"program{abs(hash(source))}"
        path.with_suffix(".c").write_text(source)
        subprocess.run(["gcc", "-O1", "-o", path, path.with_suffix(".c")], check=True)
        return path

    return compile_source


# Programs that many tests use.

# Every variable of the environment, each ended with NUL.
ENVIRONMENT = r"""
#include <stdio.h>
extern char** environ;
int main(void) {
  fputs("Content-Type: application/octet-stream\n\n", stdout);
  for (char** e = environ; *e; e++) fwrite(*e, 1, __builtin_strlen(*e) + 1, stdout);
}
"""

# The process id of the worker that started it.
WORKER = r"""
#include <stdio.h>
#include <unistd.h>
int main(void) { printf("Content-Type: text/plain\nContent-Length: 8\n\n%8d", (int)getppid()); }
"""

# The beginning of a shell script that prints plain text.
PLAIN = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"

# Its input.
CAT = "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\nexec cat\n"


def environment_of(response: client.Response) -> dict[str, str]:
    assert response.status == 200, response
    items = [item.decode("latin-1") for item in response.body.split(b"\0")[:-1]]
    names = [item.split("=", 1)[0] for item in items]
    assert len(names) == len(set(names)), f"a variable is there twice: {sorted(names)}"
    return dict(item.split("=", 1) for item in items)


# The server.


class Server:
    def __init__(self, arguments: list[str], folder: Path, lines: int = 1,
                 environment: dict[str, str] | None = None,
                 preexec: Callable[[], None] | None = None,
                 prefix: tuple[str, ...] = (), pass_fds: tuple[int, ...] = ()):
        self.temporary = folder / "tmp"  # where the server must leave nothing
        self.temporary.mkdir(parents=True)
        # Of its own, so that no test finds another's server; short, for a socket's path is.
        self.runtime = Path(tempfile.mkdtemp(prefix="cgisrv-run-"))
        self.stdout, self.stderr = folder / "stdout", folder / "stderr"
        self.connections: list[client.Connection] = []
        self.address_override: str | None = None
        self.strangers = {p.pid for p in adopted()}  # left by something else, before this server
        # Files, not pipes: nobody has to read them for the server to go on.
        with open(self.stdout, "wb") as out, open(self.stderr, "ab") as err:
            self.popen = subprocess.Popen(
                [*prefix, str(BINARY), *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env={**os.environ, "TMPDIR": str(self.temporary),
                     "RUNTIME_DIRECTORY": str(self.runtime), **(environment or {})},
                preexec_fn=preexec, pass_fds=pass_fds)
        self.pid = self.popen.pid
        try:
            started = until(lambda: len(self.start_lines()) >= lines
                            or self.popen.poll() is not None, 10 * slowness())
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
        found = (re.search(r" at http://.*:(\d+)/?$", line) for line in self.start_lines())
        return [int(match[1]) for match in found if match]

    def log(self, everything: bool = False) -> str:
        data = self.stderr.read_bytes()
        return data[0 if everything else self.log_start :].decode("utf-8", "backslashreplace")

    def wait_log(self, regex: str, seconds: float = 5.0) -> re.Match[str]:
        match = until(lambda: re.search(regex, self.log(), re.MULTILINE), seconds)
        assert match, f"no line matches {regex!r} in the log:\n{self.log()}"
        return match

    # Talking to it.

    @property
    def address(self) -> tuple[str, int] | str:
        return self.address_override or ("127.0.0.1", self.port)

    def connect(self, timeout: float = 20.0) -> client.Connection:
        connection = client.Connection(self.address, timeout)
        self.connections.append(connection)
        return connection

    def request(self, method: str, target: str, headers: client.Headers = (), body: bytes = b"",
                **more: str) -> client.Response:
        """One request on a connection of its own."""
        with client.Connection(self.address) as connection:
            return connection.request(method, target, headers, body, **more)

    def get(self, target: str, headers: client.Headers = (), **more: str) -> client.Response:
        return self.request("GET", target, headers, **more)

    def raw(self, data: bytes) -> bytes:
        """Sends bytes, and returns all that comes until the server closes."""
        with client.Connection(self.address) as connection:
            connection.send_as_far_as_taken(data)
            return connection.read_rest()

    # Its processes.

    def workers(self) -> list[int]:
        """Living children of the master that have its name; their /proc/PID/exe is for root."""
        return sorted(p.pid for p in processes().values()
                      if p.parent == self.pid and p.state not in "ZX" and p.name == BINARY.name[:15])

    def admin(self) -> int:
        """Of the admin listener; 0: none runs."""
        return self.child_named("cgisrv-admin")

    def child_named(self, name: str) -> int:
        return next((p.pid for p in processes().values()
                     if p.parent == self.pid and p.name == name and p.state not in "ZX"), 0)

    def keeper(self) -> int:
        """Of warm programs; 0: none runs."""
        return self.child_named("cgisrv-keeper")

    def zygotes(self) -> list[int]:
        """Children of the keeper that have a control socket; others it has inherited."""
        keeper = self.keeper()
        return sorted(p.pid for p in processes().values() if keeper and p.parent == keeper
                      and descriptors(p.pid).get(ZYGOTE_CONTROL, "").startswith("socket:"))

    def waiting(self) -> list[int]:
        """What zygotes have forked before there is a request for it."""
        zygotes = self.zygotes()
        return [p.pid for p in descendants(self.pid) if p.parent in zygotes
                and descriptors(p.pid).get(ZYGOTE_CONTROL, "").startswith("socket:")]

    def programs(self) -> list[Process]:
        """All that descends from the master and is neither it nor another part of the server."""
        parts = [*self.workers(), self.admin(), self.keeper(), *self.zygotes(), *self.waiting()]
        return [p for p in descendants(self.pid) if p.pid not in parts]

    def left_behind(self) -> list[Process]:
        """What has lost its parent since this server was started, and still runs."""
        return [p for p in adopted() if p.pid not in self.strangers]

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    # What it must not leave behind.

    def checkpoint(self, settle: bool = False) -> None:
        """From here on the log is read, and descriptors are counted."""
        self.log_start = self.stderr.stat().st_size if self.stderr.exists() and not settle else 0
        self.baseline = {pid: descriptors(pid) for pid in [self.pid, *self.workers()]}
        deadline = time.monotonic() + SETTLE_SECONDS
        while settle and time.monotonic() < deadline:
            time.sleep(0.03)
            now = {pid: descriptors(pid) for pid in [self.pid, *self.workers()]}
            if len(now) > 1 and now == self.baseline:
                break
            self.baseline = now

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
        parts = [self.pid, *self.workers(), self.admin(), self.keeper()]
        return [watch for pid in parts if pid for watch in stale_watches(pid)]

    def verify(self, item: pytest.Item) -> list[str]:
        """What is wrong after a test; polls, since closing takes a moment."""
        faults = []
        for connection in self.connections:
            connection.close()
        self.connections.clear()
        if self.popen.poll() is None:
            settle = SETTLE_SECONDS * slowness()
            if not until(lambda: not self.programs(), settle):
                faults.append(f"programs or zombies left: {self.programs()}")
            if not until(lambda: not self.leaked_descriptors(), settle, 0.02):
                faults += ["leaked descriptors: " + leak for leak in self.leaked_descriptors()]
            if not until(lambda: not self.stale_watches(), settle, 0.02):
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
            expected.append(r"worker|master|keeper")
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
            if not until(lambda: not alive(p.pid), 1.0):
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
        if not until(lambda: not server.left_behind(), 1.0):
            faults.append(f"left behind: {server.left_behind()}")
    finally:
        server.end()
        for orphan in server.left_behind():
            os.kill(orphan.pid, signal.SIGKILL)
    assert not faults, "\n".join(faults + ["", "the log:", server.log()[-8000:]])
