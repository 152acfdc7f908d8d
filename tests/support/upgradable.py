"""A server that becomes another process: its binary is a file of its own, its master is who the pid
file names. For tests of upgrades, where the Server of server.py would look after the wrong one."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import client
from support.binary import BINARY, slowness
from support.migration import free_port
from support.processes import alive, descendants
from support.programs import PLAIN
from support.server import BAD_LINE
from support.site import Site
from support.subreaper import adopted
from support.waiting import until

BESIDE = ("libcgisrv-warm.so", "warm.pl", "warm.py", "warm_end.py", "warm_load.py",
          "warm_learn.pl", "warm_learn.py")

CONFIGURATION = """
[server]
workers = 2
pid_file = "{folder}/run/pid"
runtime_dir = "{folder}/run"
{user}
[[listen]]
address = "127.0.0.1:{port}"
"""


class Upgradable:
    """`folder` is to be one that every user may enter. Call write_configuration() before start()."""

    configuration = CONFIGURATION
    prefix: tuple[str, ...] = ()  # before its command

    def __init__(self, folder: Path, port: int, rest: str):
        self.folder, self.port, self.rest = folder, port, rest
        for name in ("run", "tmp"):
            (folder / name).mkdir()
        (folder / "tmp").chmod(0o1777)
        self.binary, self.config, self.log = (folder / name for name in
                                              ("cgisrv", "cgisrv.toml", "log"))
        for name in BESIDE:
            shutil.copy2(BINARY.parent / name, folder / name)
        self.put_binary()
        self.environment = {**os.environ, "TMPDIR": str(folder / "tmp"),
                            "RUNTIME_DIRECTORY": str(folder / "run")}

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.popen = subprocess.Popen([*self.prefix, self.binary, "-c", self.config],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=self.environment)
        started = until(lambda: "cgisrv: serving" in self.log.read_text()
                        or self.popen.poll() is not None, 20)
        assert started and self.popen.poll() is None, self.log.read_text()

    # What is changed.

    def put_binary(self, script: str = "") -> None:
        """Another file, in the place of the one that runs: the server, or a script before it."""
        new = self.folder / "new"
        if script:
            new.write_text(f"#!/bin/sh\n{script}\n")
            new.chmod(0o755)
        else:
            shutil.copy2(BINARY, new)
        os.replace(new, self.binary)

    def write_configuration(self, before: str = "", **values: object) -> None:
        text = before + self.configuration + self.rest
        user = 'user = "nobody"' if os.geteuid() == 0 else ""
        self.config.write_text(text.format(folder=self.folder, port=self.port, user=user, **values))

    # What is seen.

    def master(self) -> int:
        try:
            return int((self.folder / "run/pid").read_text())
        except (FileNotFoundError, ValueError):
            return 0

    def workers(self) -> list[int]:
        return sorted(p.pid for p in descendants(self.master()) if p.name == BINARY.name)

    def wait_log(self, regex: str, times: int = 1) -> str:
        """What its first group has matched, or all, once it is there that often."""
        found = until(lambda: (all := re.findall(regex, self.log.read_text()))[times - 1 :] and all,
                      20 * slowness())
        assert found, f"not {times} times in the log: {regex}\n{self.log.read_text()}"
        return found[0]

    def connect(self) -> client.Connection:
        return client.Connection(("127.0.0.1", self.port))

    def get(self, target: str) -> client.Response:
        """By a connection of its own."""
        with self.connect() as connection:
            return connection.request("GET", target)

    def upgrade(self) -> None:
        old = self.master()
        done = self.command("upgrade")
        assert done.returncode == 0 and self.master() not in (0, old), done

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(*words, "--pid", str(self.master()))

    def by_configuration(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(*words, "-c", str(self.config))

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([BINARY, *words], text=True, env=self.environment,
                              capture_output=True, timeout=90)

    # Its end.

    def stop(self) -> list[str]:
        """Finishes what is open, and says what is wrong then."""
        faults = []
        master = self.master()
        family = [master, *(p.pid for p in descendants(master))] if master else []
        if master and alive(master):
            os.kill(master, signal.SIGQUIT)
        if not until(lambda: not any(alive(pid) for pid in family), 30):
            faults.append(f"does not stop: {[pid for pid in family if alive(pid)]}")
        # Workers of a master that was killed give their programs a moment to end.
        until(lambda: not adopted(), 10)
        left = adopted()
        if left:
            faults.append(f"left behind: {left}")
        faults += [f"left: {path}" for name in ("run", "tmp")
                   for path in (self.folder / name).iterdir()]
        for pid in {*family, *(p.pid for p in left)}:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.popen.wait(25)
        return faults + [f"in the log: {line}" for line in self.log.read_text().splitlines()
                         if BAD_LINE.search(line)]


# For tests: programs that say which configuration they are of, and that wait.

REST = """
[[listen]]
address = "unix:{folder}/run/web"
[cgi]
env = {{ GENERATION = "{generation}" }}
grace = "1s"
[[site]]
root = "{folder}/site"
[[site.location]]
match = "*.cgi"
cgi = true
"""


class UpgradableSite(Upgradable):
    """Serves generation.cgi, file.txt, and waiting.cgi, which ends when it is let go."""

    def __init__(self, folder: Path, compile_c: Callable[[str], Path]):
        super().__init__(folder, free_port(), REST)
        self.wait = f"while [ ! -e {folder}/go ]; do sleep 0.05; done\n"
        site = Site(folder / "site", compile_c)
        site.program("generation.cgi", PLAIN + 'printf %s "$GENERATION"\n')
        site.program("waiting.cgi", f"{PLAIN}echo begun\n{self.wait}echo ended\n")
        site.file("file.txt", "file")
        self.write_configuration(generation=0)
        self.start()

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def generation(self) -> str:
        return self.get("/generation.cgi").text


@pytest.fixture
def upgradable_server(compile_c: Callable[[str], Path]) -> Iterator[UpgradableSite]:
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-upgrade-"))
    folder.chmod(0o755)
    server = UpgradableSite(folder, compile_c)
    try:
        yield server
    finally:
        server.let_go()
        faults = server.stop()
        log = server.log.read_text()
        shutil.rmtree(folder)
    assert not faults, "\n".join([*faults, log[-8000:]])
