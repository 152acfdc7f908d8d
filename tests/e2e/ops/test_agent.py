"""HAProxy's agent-check, by plain sockets and by the real one."""

import contextlib
import re
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import pytest

from support.admin import Admin, admin_site, under_way
from support.agent import address_of_agent, ask
from support.client import Connection
from support.control import control
from support.haproxy import haproxy, with_haproxy
from support.programs import PLAIN
from support.site import Site, compile_into
from support.waiting import until


def weight(line: str) -> int:
    found = re.fullmatch(r"up ready (\d+)%", line)
    assert found, line
    return int(found[1])


@pytest.fixture
def short():
    """A folder whose name fits into the address of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-lb-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_weight_falls_with_what_runs_and_waits(with_admin, site):
    """Whatever else the machine does, that is at most as much as all places taken."""
    admin = with_admin(admin='agent = "127.0.0.1:0"', cgi="max_running = 1")
    agent = address_of_agent(admin)
    assert weight(ask(agent)) >= 50
    with under_way(admin.server, 4) as connections:
        assert until(lambda: admin.json()["admission"]["waiting"] == 3)
        assert until(lambda: weight(ask(agent)) <= 25, 60)
        site.file("go", "")
        assert [each.read_response().status for each in connections] == [200] * 4
    assert until(lambda: weight(ask(agent)) >= 50, 60)


def test_states(with_admin, site):
    admin = with_admin(admin='agent = "127.0.0.1:0"', server='drain_delay = "10m"')
    agent = address_of_agent(admin)
    control(admin.server, "drain")
    assert ask(agent) == "up drain #drained by the administrator"
    control(admin.server, "drain", "--maintenance")
    assert ask(agent) == "up maint #drained by the administrator, for maintenance"
    control(admin.server, "undrain")
    assert ask(agent).startswith("up ready ")
    admin.server.signal(signal.SIGSTOP)
    try:
        assert until(lambda: ask(agent).startswith("down #the master has shown no sign of life"))
    finally:
        admin.server.signal(signal.SIGCONT)
    admin.server.signal(signal.SIGQUIT)
    assert until(lambda: ask(agent) == "up drain #leaving")
    with under_way(admin.server, 1) as (connection,):
        assert until(lambda: admin.json()["admission"]["running"] == 1)
        admin.server.signal(signal.SIGQUIT)
        assert until(lambda: ask(agent) == "down #finishing")
        site.file("go", "")
        assert connection.read_response().status == 200
    assert admin.server.popen.wait(25) == 0


def test_clients_that_do_not_go_hold_up_nobody(with_admin, short):
    """Nor those that send something; by a unix socket too, and over a reload."""
    admin = with_admin(admin=f'agent = "unix:{short}/agent"')
    agent = address_of_agent(admin)
    with contextlib.ExitStack() as silent:
        for _ in range(100):
            connection = silent.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(agent)
        assert weight(ask(agent, b"cgisrv\n" * 2000)) >= 50
    assert control(admin.server, "reload").returncode == 0
    admin.server.checkpoint(settle=True)
    assert weight(ask(agent)) >= 50


def lines_for(admins: list[Admin]) -> list[str]:
    return [f"server s{i} 127.0.0.1:{admin.server.port} weight 100 check inter 100ms "
            f"port {admin.address[1]} agent-check agent-inter 100ms "
            f"agent-port {address_of_agent(admin)[1]}" for i, admin in enumerate(admins)]


@with_haproxy
def test_haproxy_obeys(start, tmp_path, short):
    admins = []
    for name in ("one", "two"):
        own = Site(tmp_path / name, compile_into(tmp_path))
        own.program("name.cgi", PLAIN + f"echo {name}\n")
        admins.append(Admin(start(config=admin_site(own.root, admin='agent = "127.0.0.1:0"'))))

    def names(count: int = 20) -> set[str]:
        found = set()
        for _ in range(count):
            with Connection(proxy.web) as connection:
                answer = connection.request("GET", "/name.cgi")
                assert answer.status == 200
                found.add(answer.text.strip())
        return found

    with haproxy(short, "option httpchk GET /readyz", *lines_for(admins)) as proxy:
        assert until(lambda: set(proxy.column("status").values()) == {"UP"})
        assert until(lambda: set(proxy.column("last_agt").values()) == {"via agent : up"})
        assert all(50 <= int(each) <= 100 for each in proxy.column("weight").values())
        assert names() == {"one", "two"}
        control(admins[0].server, "drain")
        assert until(lambda: proxy.column("status")["s0"].startswith(("DRAIN", "DOWN")))
        before = proxy.column("stot")["s0"]
        assert names() == {"two"} and proxy.column("stot")["s0"] == before
        control(admins[0].server, "undrain")
        assert until(lambda: proxy.column("status")["s0"] == "UP")
        assert names() == {"one", "two"}
        control(admins[0].server, "drain", "--maintenance")
        assert until(lambda: proxy.column("status")["s0"].startswith("MAINT"))
        assert names() == {"two"}
        control(admins[0].server, "undrain")
        assert until(lambda: proxy.column("status")["s0"] == "UP")
        assert names() == {"one", "two"}
