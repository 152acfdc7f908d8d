"""HAProxy, in front of servers."""

from __future__ import annotations

import contextlib
import csv
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.waiting import until

BINARY = Path("/usr/sbin/haproxy")

with_haproxy = pytest.mark.skipif(not BINARY.exists(), reason="haproxy is not installed")

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


class Haproxy:
    """One that runs. `web`: the unix socket where clients reach it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.web = str(folder / "web")

    def tell(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self.folder / "stats"))
            stats.sendall(command.encode() + b"\n")
            return stats.makefile().read()

    def column(self, name: str) -> dict[str, str]:
        """Of `show stat`, for each server: "status", "weight", "stot", "last_agt"."""
        rows = csv.DictReader(self.tell("show stat -1 4 -1").removeprefix("# ").splitlines())
        return {row["svname"]: row[name] for row in rows}

    def state(self, server: str) -> dict[str, str]:
        """Of `show servers state`: "srv_op_state", "srv_admin_state", "srv_uweight"."""
        lines = self.tell("show servers state").splitlines()
        names = next(line for line in lines if line.startswith("# ")).split()[1:]
        rows = (dict(zip(names, line.split())) for line in lines[2:] if line)
        return next(row for row in rows if row["srv_name"] == server)


@contextlib.contextmanager
def haproxy(folder: Path, *lines: str, backend: str = ROUND_ROBIN) -> Iterator[Haproxy]:
    """In front of the servers of `lines`, of which the backend consists besides. `folder`: with a short
    name, that every user may enter."""
    text = CONFIGURATION.format(folder=folder) + backend + "".join(f"  {line}\n" for line in lines)
    (folder / "haproxy.cfg").write_text(text)
    process = subprocess.Popen([BINARY, "-db", "-q", "-f", folder / "haproxy.cfg"])
    try:
        assert until(lambda: all((folder / name).exists() for name in ("stats", "web")))
        yield Haproxy(folder)
    finally:
        process.terminate()
        process.wait(10)


def accepts(folder: Path, backend: str) -> str:
    """What `haproxy -c` has to say of that backend, behind a frontend; nothing: all is well."""
    (folder / "checked.cfg").write_text(CONFIGURATION.format(folder=folder) + backend)
    done = subprocess.run([BINARY, "-c", "-q", "-f", folder / "checked.cfg"], capture_output=True, text=True)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit status {done.returncode}")
