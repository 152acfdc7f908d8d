"""The units, as systemd's own tools judge them, and what they promise the server: no systemd runs here, so
its parts are played by setpriv and systemd-socket-activate."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from support import fastcgi
from support.binary import BINARY, REPOSITORY
from support.commands import run
from support.waiting import until

EXPOSURE_MAX = 3.0
NAMES = [f"{service}.{kind}" for service in ("cgisrv", "cgisrv-fastcgi") for kind in ("service", "socket")]
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="takes root, as the service does")


@pytest.fixture
def units(installed: Path, tmp_path: Path) -> Path:
    """A folder with all of them, where the server that they start is the one that is tested."""
    folder = tmp_path / "units"
    folder.mkdir()
    for name in NAMES:
        text = (installed / "lib/systemd/system" / name).read_text()
        (folder / name).write_text(re.sub(r"(?<==)/\S+/cgisrv(?= )", str(BINARY), text))
    return folder


def setting(unit: Path, name: str) -> str:
    return re.search(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port: int, path: str = "/") -> str:
    deadline = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
                return response.read().decode()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def ends(server: subprocess.Popen, number: int) -> int:
    server.send_signal(number)
    return server.wait(15)


def test_systemd_finds_no_fault_in_the_units(units: Path):
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *(units / name for name in NAMES)],
                          capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout + done.stderr == ""


def test_exposure_is_what_the_guide_says(units: Path):
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", units / "cgisrv.service")
    exposure = re.search(r"Overall exposure level for cgisrv.service: ([\d.]+)", said)[1]
    assert float(exposure) <= EXPOSURE_MAX
    assert f"exposure level of {exposure}" in (REPOSITORY / "docs/guide.md").read_text()


@ROOT
def test_the_capabilities_of_the_service_are_enough(units: Path, tmp_path: Path):
    """To open a port, to become www-data, to run a program, and to end it."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o055)
    program = tmp_path / "who.cgi"
    program.write_text("#!/bin/sh\necho 'Content-Type: text/plain'; echo; id -un; grep ^Cap /proc/self/status\n")
    program.chmod(0o755)
    sleeper = tmp_path / "sleep.cgi"
    sleeper.write_text("#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo $$; exec sleep 1000\n")
    sleeper.chmod(0o755)
    config = tmp_path / "cgisrv.toml"
    port = free_port()
    config.write_text(f'[server]\nuser = "www-data"\nworkers = 2\n[[listen]]\naddress = "127.0.0.1:{port}"\n'
                      f'[[site]]\nroot = "{tmp_path}"\n[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')
    names = setting(units / "cgisrv.service", "CapabilityBoundingSet").lower().split()
    kept = ",".join(["-all", *("+" + name.removeprefix("cap_") for name in names)])
    (tmp_path / "run").mkdir()
    server = subprocess.Popen(["setpriv", "--bounding-set", kept, "--inh-caps=-all", "--no-new-privs",
                               BINARY, "-c", config], stdin=subprocess.DEVNULL,
                              env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "run")})
    try:
        user, *sets = get(port, "/who.cgi").splitlines()
        assert user == "www-data"
        assert {line.split()[1] for line in sets} == {"0" * 16}
        streaming = urllib.request.urlopen(f"http://127.0.0.1:{port}/sleep.cgi", timeout=10)
        pid = int(streaming.readline())
        run(BINARY, "status", "--pid", server.pid,
            env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "run")})
    finally:
        assert ends(server, signal.SIGTERM) == 0
    assert not Path(f"/proc/{pid}").exists()


def test_a_socket_unit_starts_it_by_the_first_connection(units: Path, tmp_path: Path):
    """systemd-socket-activate listens, and becomes the server when somebody connects."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("served")
    port = free_port()
    name = setting(units / "cgisrv.socket", "FileDescriptorName")
    server = subprocess.Popen(["systemd-socket-activate", "-l", f"127.0.0.1:{port}", f"--fdname={name}",
                               BINARY, site, "-l", f"fd:{name}"],
                              stdout=subprocess.PIPE, text=True)
    try:
        assert get(port) == "served"
        assert get(port) == "served"
        said = server.stdout.readline()
        assert said == f"cgisrv: serving {site} at http://127.0.0.1:{port}/\n"
    finally:
        assert ends(server, signal.SIGTERM) == 0
        server.stdout.close()


def test_the_name_of_the_socket_is_the_one_that_the_unit_explains(units: Path):
    text = (units / "cgisrv.socket").read_text()
    assert f'address = "fd:{setting(units / "cgisrv.socket", "FileDescriptorName")}"' in text


def test_the_socket_for_web_servers(units: Path, tmp_path: Path):
    """As the service has it, but for the file that it serves by."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "page.html").write_text("served")
    door = str(tmp_path / "door")
    name = setting(units / "cgisrv-fastcgi.socket", "FileDescriptorName")
    assert f'address = "fd:{name}"' in (REPOSITORY / "packaging/etc/fastcgi.toml").read_text()
    server = subprocess.Popen(["systemd-socket-activate", "-l", door, f"--fdname={name}",
                               BINARY, site, "--fastcgi", f"fd:{name}"], stdout=subprocess.PIPE, text=True)
    try:
        assert until(lambda: Path(door).exists())
        assert fastcgi.ask(door, fastcgi.of_url("/page.html")).text == "served"
        assert server.stdout.readline() == f"cgisrv: serving {site} at unix:{door} (FastCGI)\n"
    finally:
        assert ends(server, signal.SIGTERM) == 0
        server.stdout.close()
