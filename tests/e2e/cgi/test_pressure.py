"""[server] pressure: fewer programs run while the machine is short of something."""

import os
import subprocess
from pathlib import Path

import pytest

from support.configuration import cgi_site
from support.programs import PLAIN
from support.waiting import until

PRESSURE = Path("/proc/pressure/cpu")


@pytest.fixture
def busy_machine():
    """More processes want a processor than there are."""
    spinners = [subprocess.Popen(["sh", "-c", "while :; do :; done"])
                for _ in range(2 * (os.cpu_count() or 1))]
    yield
    for spinner in spinners:
        spinner.kill()
        spinner.wait()


def configured(site, pressure: str) -> str:
    return cgi_site(site.root, 'queue = { size = 100, timeout = "30s" }',
                    server=f"workers = 2\n{pressure}")


def counting(site) -> None:
    site.program("counts.cgi", f"{PLAIN}mkdir -p running\n: > running/$$\nls running | wc -l\n"
                 "sleep 0.2\nrm running/$$\n")


@pytest.mark.slow
@pytest.mark.skipif(not PRESSURE.exists(), reason="this kernel counts no pressure")
def test_fewer_run_while_processors_are_short(start, site, busy_machine):
    counting(site)
    server = start(config=configured(site, "pressure = { cpu = 1 }"))
    assert until(lambda: "the machine is short: cpu pressure" in server.log(), 20), server.log()
    server.wait_log(r"more than 1 %; for now 2 programs run at a time, and others wait")
    connections = [server.connect() for _ in range(12)]
    for connection in connections:
        connection.send(b"GET /counts.cgi HTTP/1.1\r\nHost: x\r\n\r\n")
    seen = [int(connection.read_response().body) for connection in connections]
    assert 1 <= max(seen) <= 2, seen


def test_pressure_that_nobody_asked_for_changes_nothing(start, site, busy_machine):
    counting(site)
    server = start(config=configured(site, ""))
    connections = [server.connect() for _ in range(6)]
    for connection in connections:
        connection.send(b"GET /counts.cgi HTTP/1.1\r\nHost: x\r\n\r\n")
    assert max(int(connection.read_response().body) for connection in connections) > 2
    assert "short" not in server.log()


@pytest.mark.parametrize("pressure, word", [
    ("pressure = { memory = 0 }", "memory"), ("pressure = { cpu = 100 }", "cpu"),
    ("pressure = { disk = 5 }", "disk"), ("pressure = 5", "pressure")])
def test_wrong_pressure_is_refused(run, site, tmp_path, pressure, word):
    file = tmp_path / "cgisrv.toml"
    file.write_text(configured(site, pressure))
    done = run("check", "-c", file)
    assert done.returncode == 78 and word in done.stdout + done.stderr
