"""HAProxy, and how its servers are for it."""

from __future__ import annotations

import csv
import socket
import subprocess
from pathlib import Path

from support.waiting import until

PROGRAM = Path("/usr/sbin/haproxy")


class HAProxy:
    """`text` names `stats` as its socket, and `log stdout`. `prefix` goes before its command."""

    def __init__(self, folder: Path, text: str, stats: Path, prefix: tuple[str, ...] = ()):
        self.stats, self.log = stats, folder / "haproxy.log"
        file = folder / "haproxy.cfg"
        file.write_text(text)
        with open(self.log, "wb") as log:
            self.popen = subprocess.Popen([*prefix, PROGRAM, "-db", "-f", file],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        assert until(lambda: self.stats.exists() or self.popen.poll() is not None)
        assert self.popen.poll() is None, self.log.read_text()

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

    def stop(self) -> None:
        self.popen.terminate()
        self.popen.wait(20)
