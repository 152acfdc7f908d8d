"""Programs in cgroups of their own: nobody they started outlives their end, when it is ours."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support.binary import BINARY
from support.client import head
from support.configuration import cgi_site
from support.processes import alive
from support.programs import PLAIN
from support.waiting import until


def mount_point() -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        device, folder, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(folder)
    return None


def own_cgroup() -> Path | None:
    mount = mount_point()
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if mount and line.startswith("0::/"):
            return mount / line[len("0::/"):]
    return None


OWN = own_cgroup()
pytestmark = pytest.mark.skipif(
    OWN is None or not os.access(OWN, os.W_OK) or os.geteuid() != 0,
    reason="no cgroup of version 2 that root may write to")

# Goes where no signal to its process group reaches it, and says where that is.
DAEMON = """#!/bin/sh
setsid sh -c 'echo $$ >daemon.tmp; mv daemon.tmp daemon; exec sleep 1000' >/dev/null 2>&1 </dev/null &
while [ ! -e daemon ]; do sleep 0.01; done
"""

def configuration(site, user: str, location: str = "") -> str:
    return cgi_site(site.root, f'header_timeout = "500ms"\ngrace = "200ms"\n{location}',
                    server=f'user = "{user}"\ncgroups = true\nworkers = 2')


@pytest.fixture
def tmp_path():
    """Where nobody can go, too."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["root", "nobody"])
def server(start, site, request):
    site.root.chmod(0o777)
    return start(config=configuration(site, request.param))


def daemon(site) -> int:
    assert until(site.path("daemon").exists)
    return int(site.path("daemon").read_text())


def groups(server) -> list[str]:
    folder = OWN / f"cgisrv-{server.pid}"
    return sorted(path.name for path in folder.iterdir() if path.is_dir())


def test_program_out_of_time_takes_its_daemon_along(server, site):
    site.program("stuck.cgi", DAEMON + "exec sleep 1000\n")
    assert server.get("/stuck.cgi").status == 504
    pid = daemon(site)
    assert until(lambda: not alive(pid), 3)


def test_program_whose_client_has_left_takes_its_daemon_along(server, site):
    site.program("slow.cgi", DAEMON + PLAIN.split("\n", 1)[1] + "exec sleep 1000\n")
    connection = server.connect()
    connection.send(head("GET", "/slow.cgi"))
    pid = daemon(site)
    assert alive(pid)
    connection.close()
    assert until(lambda: not alive(pid), 3)


def test_daemon_of_a_program_that_ended_by_itself_stays(server, site):
    site.program("starts.cgi", DAEMON + PLAIN.split("\n", 1)[1] + "echo started\n")
    assert server.get("/starts.cgi").text == "started\n"
    pid = daemon(site)
    time.sleep(0.5)
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_each_program_is_in_a_group_of_its_own_and_none_is_left(server, site):
    site.program("where.cgi", PLAIN + "grep ^0:: /proc/self/cgroup\n")
    places = [server.get("/where.cgi").text.strip() for _ in range(50)]
    assert len(set(places)) == 50
    assert all(f"/cgisrv-{server.pid}/" in place for place in places)
    assert until(lambda: groups(server) == ["workers"]), groups(server)
    server.signal(signal.SIGTERM)
    server.popen.wait(25)
    assert not (OWN / f"cgisrv-{server.pid}").exists()


def test_a_warm_program_is_in_a_group_of_its_own_too(start, site):
    site.program("where.cgi", "#!/usr/bin/perl\nopen my $own, '<', '/proc/self/cgroup';\n"
                 'print "Content-Type: text/plain\\n\\n", getppid(), " ", <$own>;\n')
    server = start(config=configuration(site, "root", 'start = "warm"'))

    def place_when_warm() -> str:
        parent, place = server.get("/where.cgi").text.split(" ", 1)
        return place if int(parent) in server.zygotes() else ""

    places = [until(place_when_warm) for _ in range(5)]
    assert len(set(places)) == 5
    assert all(f"/cgisrv-{server.pid}/" in place for place in places)
    server.checkpoint(settle=True)
    assert until(lambda: groups(server) == ["workers"]), groups(server)
    server.signal(signal.SIGTERM)
    server.popen.wait(25)
    assert not (OWN / f"cgisrv-{server.pid}").exists()


@pytest.mark.kills_worker
def test_a_worker_that_is_killed_leaves_no_daemon_and_no_group(server, site):
    site.program("slow.cgi", DAEMON + PLAIN.split("\n", 1)[1] + "exec sleep 1000\n")
    connection = server.connect()
    connection.send(head("GET", "/slow.cgi"))
    pid = daemon(site)
    [group] = [name for name in groups(server) if name != "workers"]
    os.kill(int(group.split("-")[0]), signal.SIGKILL)
    assert until(lambda: not alive(pid), 3)
    for _ in range(10):  # the group is empty a moment later: then the next to end takes it along
        before = server.workers()
        os.kill(before[0], signal.SIGKILL)
        assert until(lambda: len(server.workers()) == 2 and before[0] not in server.workers())
        if groups(server) == ["workers"]:
            break
    assert groups(server) == ["workers"]


def test_workers_that_are_replaced_enter_it_too(server, site):
    for worker in server.workers():
        group = Path(f"/proc/{worker}/cgroup").read_text()
        assert f"/cgisrv-{server.pid}/workers\n" in group


def test_without_permission_it_says_what_to_do(site, tmp_path):
    binary = shutil.copy(BINARY, tmp_path / "cgisrv")
    site.root.chmod(0o755)
    file = tmp_path / "cgisrv.toml"
    file.write_text(f"[server]\ncgroups = true\n[[site]]\nroot = '{site.root}'\n"
                    "[[listen]]\naddress = '127.0.0.1:0'\n")
    refused = subprocess.run([binary, "-c", file], user="nobody", extra_groups=[], cwd="/",
                             capture_output=True, text=True, timeout=20)
    assert refused.returncode == 77
    assert "cgroups = true needs a cgroup that may be written to" in refused.stderr
    assert "Delegate=yes" in refused.stderr
