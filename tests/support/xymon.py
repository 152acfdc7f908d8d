"""A daemon of Xymon's, of a test's own, that has heard of one printer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.migration import free_port
from support.waiting import until

PROGRAMS = Path("/usr/lib/xymon/cgi-bin")
SERVER = Path("/usr/lib/xymon/server/bin")


def variables_of(folder: Path) -> dict[str, str]:
    var = folder / "var"
    return {"XYMONHOME": str(SERVER.parent), "XYMONVAR": str(var), "XYMSRV": "127.0.0.1",
            "XYMONDPORT": str(free_port()), "HOSTSCFG": f"{folder}/hosts.cfg",
            "XYMONTMP": f"{var}/tmp", "XYMONSERVERLOGS": f"{var}/logs",
            "XYMONHISTDIR": f"{var}/hist", "XYMONHISTLOGS": f"{var}/histlogs",
            "XYMONACKDIR": f"{var}/acks", "CGIBINURL": "/xymon-cgi", "MACHINE": "localhost",
            "XYMONSKIN": "/xymon/gifs", "XYMONWEB": "/xymon"}


def make_folders(folder: Path) -> None:
    programs, var = folder / "programs", folder / "var"
    for each in (programs, *(var / name for name in ("hist", "histlogs", "acks", "logs", "tmp"))):
        each.mkdir(parents=True)
    (programs / "columndoc.sh").symlink_to(PROGRAMS / "columndoc.sh")
    for name in ("svcstatus", "history"):
        (programs / f"{name}.sh").symlink_to(SERVER / f"{name}.cgi")
    (folder / "hosts.cfg").write_text("192.0.2.7 printer.example #\n")
    (var / "hist/printer,example.toner").write_text(
        "Sun Feb  2 02:02:02 2020 red   1580608922 600\n"
        "Sun Feb  2 02:12:02 2020 green 1580609522\n")


@contextmanager
def running_xymon(folder: Path) -> Iterator[dict[str, str]]:
    """Programs, `folder`/programs/, are told of it by these variables, as the wrappers in
    /usr/lib/xymon/cgi-bin/ tell them what is in /etc/xymon."""
    make_folders(folder)
    variables = variables_of(folder)
    address = f"127.0.0.1:{variables['XYMONDPORT']}"
    logs = folder / "var/logs"
    daemon = subprocess.Popen([
        SERVER / "xymond", "--no-daemon", f"--listen={address}", f"--hosts={folder}/hosts.cfg",
        f"--log={logs}/log", f"--pidfile={folder}/var/pid"],
        env={**os.environ, **variables}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def tell(message: str) -> bytes:
        return subprocess.run([SERVER / "xymon", address, message], capture_output=True,
                              env={**os.environ, **variables}, check=False).stdout

    try:
        assert until(lambda: tell("ping"), 20, 0.1), (logs / "log").read_text()
        tell("status printer,example.toner red there is none left")
        assert until(lambda: b"toner" in tell("xymondboard"))
        yield variables
    finally:
        daemon.terminate()
        daemon.wait(20)
