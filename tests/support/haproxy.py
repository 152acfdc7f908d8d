"""HAProxy in front of servers, and how they are for it."""

from __future__ import annotations

import contextlib
import csv
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.waiting import until

PROGRAM = Path("/usr/sbin/haproxy")

with_haproxy = pytest.mark.skipif(not PROGRAM.exists(), reason="haproxy is not installed")

CONFIGURATION = """
global
  stats socket {folder}/stats level admin
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend web
  bind {folder}/web
  default_backend cgisrv
"""

ROUND_ROBIN = "backend cgisrv\n  balance roundrobin\n"


class HAProxy:
    """`text` names `stats` as its socket, and `log stdout`. `prefix` goes before its command."""

    def __init__(self, folder: Path, text: str, stats: Path, prefix: tuple[str, ...] = ()):
        self.stats, self.log = stats, folder / "haproxy.log"
        self.web = str(folder / "web")  # the unix socket of CONFIGURATION
        file = folder / "haproxy.cfg"
        file.write_text(text)
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen([*prefix, PROGRAM, "-db", "-f", file],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(lambda: self.answers() or self.popen.poll() is not None)
        assert self.popen.poll() is None, self.log.read_text()

    def answers(self) -> bool:
        """Its socket is there a moment before it listens."""
        try:
            return bool(self.command("show info"))
        except OSError:
            return False

    def command(self, text: str) -> str:
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self.stats))
            stats.sendall(text.encode() + b"\n")
            with stats.makefile() as answer:
                return answer.read().strip()

    def rows(self, backend: str) -> dict[str, dict[str, str]]:
        """What `show stat` says, by the names of the servers; BACKEND is of all together."""
        lines = self.command("show stat").removeprefix("# ").splitlines()
        return {row["svname"]: row for row in csv.DictReader(lines) if row["pxname"] == backend}

    def column(self, name: str) -> dict[str, str]:
        """Of each server of CONFIGURATION: "status", "weight", "stot", "last_agt"."""
        return {server: row[name] for server, row in self.rows("cgisrv").items() if server != "BACKEND"}

    def state(self, server: str) -> dict[str, str]:
        """Of `show servers state`: "srv_op_state", "srv_admin_state", "srv_uweight"."""
        lines = self.command("show servers state").splitlines()
        names = next(line for line in lines if line.startswith("# ")).split()[1:]
        rows = (dict(zip(names, line.split())) for line in lines[2:] if line)
        return next(row for row in rows if row["srv_name"] == server)

    def stop(self) -> None:
        self.popen.terminate()
        self.popen.wait(20)


@contextlib.contextmanager
def haproxy(folder: Path, *lines: str, backend: str = ROUND_ROBIN, defaults: str = "") -> Iterator[HAProxy]:
    """In front of the servers of `lines`, of which the backend consists besides. `folder`: with a short
    name, that every user may enter."""
    text = CONFIGURATION.format(folder=folder).replace("frontend", f"  {defaults}\nfrontend", 1) + backend + "".join(f"  {line}\n" for line in lines)
    driven = HAProxy(folder, text, folder / "stats")
    try:
        assert until(lambda: (folder / "web").exists())
        yield driven
    finally:
        driven.stop()


def accepts(folder: Path, backend: str) -> str:
    """What `haproxy -c` has to say of that backend, behind a frontend; nothing: all is well."""
    (folder / "checked.cfg").write_text(CONFIGURATION.format(folder=folder) + backend)
    done = subprocess.run([PROGRAM, "-c", "-q", "-f", folder / "checked.cfg"], capture_output=True, text=True)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit status {done.returncode}")
