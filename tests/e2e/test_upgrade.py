"""A newer program takes the place of the one that runs, or does not: either way, somebody serves."""

import json
import os
import signal
import time

import pytest

import client
from client import head
from clauses import clause
from harness import BINARY, PLAIN, slowness, until
from processes import alive, descendants
from test_reload import tell

pytestmark = [pytest.mark.kills_worker, pytest.mark.kills_master]

UNAVAILABLE = 69


class Installed:
    """A server that was started by a path where another program may be put."""

    def __init__(self, start, site, tmp_path, lines: str = "", more: str = ""):
        self.path = tmp_path / "cgisrv"
        os.symlink(BINARY, self.path)
        site.program("who.cgi", PLAIN + 'echo here\n')
        site.program("slow.cgi", PLAIN + 'echo begun\nsleep 1\necho ended\n')
        self.server = start(prefix=("bash", "-c", f'exec -a {self.path} "$0" "$@"'), config=f"""
[server]
{lines}
[[listen]]
address = "127.0.0.1:0"
{more}
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
""")

    def install(self, script: str) -> None:
        self.path.unlink()
        self.path.write_text("#!/bin/sh\n" + script)
        self.path.chmod(0o755)

    def get(self) -> bytes:
        with client.Connection(self.server.address) as connection:
            return connection.request("GET", "/who.cgi").body

    def serving(self) -> list[int]:
        """Who answers, and does not finish."""
        found = []
        for file in self.server.runtime.glob("*.sock"):
            result = tell(self.server, "status", "--json", "--socket", str(file))
            if result.returncode == 0 and (report := json.loads(result.stdout)):
                if report["server"]["state"] == "serving":
                    found.append(report["server"]["pid"])
        return found

    def end(self) -> None:
        for pid in self.serving():
            if pid != self.server.pid:
                family = descendants(pid)
                os.kill(pid, signal.SIGTERM)
                assert until(lambda: not alive(pid), 5 * slowness())
                assert until(lambda: not any(alive(p.pid) for p in family))


@pytest.fixture
def install(start, site, tmp_path):
    made: list[Installed] = []

    def install_with(*arguments: str) -> Installed:
        made.append(Installed(start, site, tmp_path, *arguments))
        return made[-1]
    yield install_with
    for each in made:
        each.end()


@clause("faults-reload-upgrade")
@pytest.mark.parametrize("how", ["command", "signal"])
def test_new_server_takes_over(install, tmp_path, how):
    installed = install(f'pid_file = "{tmp_path}/pid"',
                        f'[[listen]]\naddress = "unix:{tmp_path}/web.sock"\n')
    server = installed.server
    assert installed.get() == b"here\n"
    if how == "command":
        result = tell(server, "upgrade")
        assert result.returncode == 0 and "serves" in result.stdout, result
    else:
        server.signal(signal.SIGUSR2)
        server.wait_log("upgraded: pid", 20)
    assert server.popen.wait(10 * slowness()) == 0
    successor = int(server.wait_log(r"upgraded: pid (\d+) serves")[1])
    assert until(lambda: installed.serving() == [successor])
    assert installed.get() == b"here\n"
    assert int((tmp_path / "pid").read_text()) == successor
    with client.Connection(f"{tmp_path}/web.sock") as connection:
        assert connection.request("GET", "/who.cgi").body == b"here\n"
    installed.end()
    assert not (tmp_path / "pid").exists() and not (tmp_path / "web.sock").exists()


@clause("faults-reload-upgrade")
def test_open_requests_are_finished_and_idle_connections_are_told(install):
    installed = install()
    server = installed.server
    idle = client.Connection(server.address)
    idle.request("GET", "/who.cgi")
    busy = client.Connection(server.address)
    busy.send(head("GET", "/slow.cgi", [("Connection", "close")]))
    busy.read_head()
    assert tell(server, "upgrade").returncode == 0
    last = idle.request("GET", "/who.cgi")
    assert last.body == b"here\n" and last.header("connection") == "close"
    assert b"ended\n" in busy.read_rest()
    busy.close()
    idle.close()
    assert server.popen.wait(10 * slowness()) == 0
    assert installed.get() == b"here\n"


@clause("faults-reload-upgrade")
@pytest.mark.parametrize("script", ["exit 3\n", "kill -KILL $$\n", "kill -SEGV $$\n"])
def test_program_that_does_not_come_up(install, script):
    installed = install()
    server = installed.server
    before = server.workers()
    installed.install(script)
    for _ in range(2):
        result = tell(server, "upgrade")
        assert result.returncode == UNAVAILABLE and "this server goes on" in result.stderr, result
    assert until(lambda: server.workers() == before), "the one that failed is gone"
    assert server.popen.poll() is None
    assert installed.get() == b"here\n"


def test_program_that_is_gone(install):
    installed = install()
    installed.path.unlink()
    result = tell(installed.server, "upgrade")
    assert result.returncode == UNAVAILABLE and str(installed.path) in result.stderr, result
    assert installed.get() == b"here\n"


def test_configuration_that_the_new_server_refuses(install, tmp_path):
    installed = install(f'pid_file = "{tmp_path}/pid"')
    server = installed.server
    file = server.temporary.parent / "cgisrv.toml"
    file.write_text(file.read_text().replace("[server]", "[server]\nwokers = 2"))
    result = tell(server, "upgrade", "--pid", str(server.pid))
    assert result.returncode == UNAVAILABLE
    server.wait_log(r"cgisrv\.toml:\d+:\d+: unknown key 'wokers'")
    assert installed.get() == b"here\n"
    assert int((tmp_path / "pid").read_text()) == server.pid


@clause("faults-reload-upgrade")
def test_old_master_is_killed_in_the_middle(install):
    installed = install()
    server = installed.server
    workers = server.workers()
    installed.install(f'sleep 1\nexec {BINARY} "$@"\n')
    server.signal(signal.SIGUSR2)
    server.wait_log("upgrade: started")
    server.signal(signal.SIGKILL)
    server.popen.wait(5)
    assert until(lambda: not any(alive(pid) for pid in workers), 5 * slowness())
    # Who connects now waits in the backlog of the listener that the new server has.
    assert installed.get() == b"here\n"
    assert until(lambda: len(installed.serving()) == 1)


def test_several_upgrades_in_a_row(install):
    installed = install()
    seen = {installed.server.pid}
    for _ in range(3):
        assert until(lambda: len(installed.serving()) == 1)
        current = installed.serving()[0]
        assert tell(installed.server, "upgrade", "--pid", str(current)).returncode == 0
        assert until(lambda: not alive(current), 10 * slowness())
        seen.add(current)
        assert installed.get() == b"here\n"
    assert len(seen) == 3


def test_quit_of_the_old_one_while_the_new_one_starts(install):
    """The listeners are with the new one already; nothing is lost."""
    installed = install()
    server = installed.server
    installed.install(f'sleep 1\nexec {BINARY} "$@"\n')
    server.signal(signal.SIGUSR2)
    server.wait_log("upgrade: started")
    began = time.monotonic()
    server.signal(signal.SIGQUIT)
    server.popen.wait(10)
    assert installed.get() == b"here\n"
    assert time.monotonic() - began > 0.5
