"""Upgrades that go wrong: somebody serves, either the server that did or the new one. And what is
asked of a server too early."""

from __future__ import annotations

import errno
import os
import re
import signal
import socket

import pytest

from support.binary import BINARY
from support.clauses import clause
from support.client import Connection, head
from support.control import UNAVAILABLE, control
from support.fault_injection import ANYBODY
from support.processes import alive
from support.upgradable import UpgradableSite
from support.waiting import until

pytestmark = [pytest.mark.time_limit(120), clause("faults-reload-upgrade")]

GOES_ON = "not upgraded, this server goes on"


@pytest.fixture
def server(upgradable_server):
    return upgradable_server


def assert_refused(server: UpgradableSite, reason: str) -> None:
    """An upgrade, by command and by signal; who serves, and whom, is as it was."""
    before = server.master(), server.workers()
    with server.connect() as kept:
        assert kept.request("GET", "/generation.cgi").text == "0"
        done = server.command("upgrade")
        assert done.returncode == UNAVAILABLE and re.search(reason, done.stderr), done
        os.kill(before[0], signal.SIGUSR2)
        server.wait_log(reason, times=2)
        # The one that has failed may take a moment to be gone.
        assert until(lambda: (server.master(), server.workers()) == before)
        last = kept.request("GET", "/generation.cgi")
        assert last.text == "0" and last.header("Connection") is None


@pytest.mark.parametrize("script", ["exit 3", "kill -KILL $$", "kill -SEGV $$", "exec /bin/true",
                                    "echo garbage"])
def test_binary_that_does_not_come_up(server, script):
    server.put_binary(script)
    assert_refused(server, GOES_ON)
    server.put_binary()
    server.upgrade()
    assert server.generation() == "0"


def test_binary_that_is_gone(server):
    server.binary.unlink()
    assert_refused(server, f"starting {server.binary}: No such file")


def test_configuration_that_the_new_server_refuses(server):
    server.write_configuration("wokers = 2\n", generation=1)
    assert_refused(server, GOES_ON)
    server.wait_log(r"cgisrv\.toml:1:1: unknown key 'wokers'", times=2)


def begin_slowly(server: UpgradableSite) -> int:
    """An upgrade to a binary that waits until it is let go; the new server's process."""
    server.put_binary(f'{server.wait}exec {BINARY} "$@"')
    os.kill(server.master(), signal.SIGUSR2)
    return int(server.wait_log(r"upgrade: started .* as pid (\d+)"))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGQUIT], ids=["stop", "quit"])
def test_server_that_is_told_to_end_while_the_new_one_starts_takes_it_along(server, end):
    new = begin_slowly(server)
    os.kill(server.master(), end)
    assert server.popen.wait(60) == 0
    assert until(lambda: not alive(new))
    server.wait_log("not upgraded, .*: the server is about to end")

    def is_refused() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", server.port)) != 0
    assert until(is_refused)  # what the new one's script had started has the listener, too
    assert not list((server.folder / "run").iterdir())


def test_old_master_is_killed_while_the_new_one_starts(server):
    """Who connects meanwhile waits in the backlog of a listener that the new one has."""
    family = [server.master(), *server.workers()]
    server.write_configuration(generation=1)
    new = begin_slowly(server)
    os.kill(server.master(), signal.SIGKILL)
    server.popen.wait(60)
    assert until(lambda: not any(map(alive, family)))
    with server.connect() as waiting:
        waiting.send(head("GET", "/generation.cgi"))
        assert waiting.silent(0.3)
        server.let_go()
        assert waiting.read_response().text == "1"
    assert until(lambda: server.master() == new)
    with Connection(f"{server.folder}/run/web") as connection:
        assert connection.request("GET", "/generation.cgi").text == "1"
    server.put_binary()
    server.upgrade()  # nor does this one miss anything
    assert server.generation() == "1"


def test_old_master_is_killed_while_it_finishes_its_requests(server):
    """What it was answering is lost with it, and nothing else."""
    family = [server.master(), *server.workers()]
    with server.connect() as busy:
        busy.send(head("GET", "/waiting.cgi"))
        busy.read_head()
        server.upgrade()
        assert alive(family[0])
        os.kill(family[0], signal.SIGKILL)
        assert {server.generation() for _ in range(20)} == {"0"}
        assert until(lambda: not any(map(alive, family)))
    server.upgrade()  # the file of the dead one's control socket is removed by the next


def test_new_server_is_killed_before_it_serves(server):
    before = server.master(), server.workers()
    os.kill(begin_slowly(server), signal.SIGKILL)
    server.wait_log(GOES_ON)
    assert (server.master(), server.workers()) == before
    assert server.generation() == "0"


def test_signal_to_reload_during_an_upgrade_is_not_lost(server):
    new = begin_slowly(server)
    server.write_configuration(generation=1)
    os.kill(server.master(), signal.SIGHUP)
    assert server.generation() == "0"
    os.kill(new, signal.SIGKILL)
    server.wait_log(GOES_ON)
    assert until(lambda: server.generation() == "1")


def test_server_that_starts_is_neither_reloaded_nor_upgraded(start, site, faults, manager):
    """It does not say that it is ready until it is; then it does what the signal has asked for."""
    site.file("file.txt", "file")
    faults.fail(ANYBODY, "fork", errno.EAGAIN)
    server = start(config=f'[[site]]\nroot = "{site.root}"\n', lines=0,
                   environment={**faults.environment, "NOTIFY_SOCKET": manager.path})
    server.wait_log("worker 0 cannot be started")
    for number, verb in (signal.SIGHUP, "reload"), (signal.SIGUSR2, "upgrade"):
        server.signal(number)
        done = control(server, verb)
        assert done.returncode == UNAVAILABLE and "the server is starting" in done.stderr, done
    assert until(lambda: server.log().count("the server is starting") == 3), server.log()
    assert manager.heard() == {} and not server.start_lines()
    faults.stop("fork")
    manager.wait_for("READY")
    manager.wait_for("RELOADING")
    manager.wait_for("READY")
    assert until(server.ports)
    server.port, = server.ports()
    server.wait_log("reloaded ")
    assert until(lambda: len(server.workers()) == 2)  # those from before it have gone
    server.checkpoint(settle=True)
    assert server.get("/file.txt").text == "file"


@pytest.mark.kills_worker  # by the reload
@pytest.mark.parametrize("call", ["socketpair", "pipe2", "open"])
def test_reload_short_of_descriptors_leaves_the_server_as_it_is(start, site, faults, tmp_path, call):
    """Or makes up for it. Then it can be reloaded as always."""
    site.file("file.txt", "file")
    server = start(config=f'[log]\naccess = "{tmp_path}/access"\n'
                          f'[[site]]\nroot = "{site.root}"\n', environment=faults.environment)
    for nth in range(1, 6):
        faults.fail(server.pid, call, errno.EMFILE, nth, nth)
        done = control(server, "reload")
        assert done.returncode == 0 or "the server goes on" in done.stderr, done
        if not faults.stop(call):
            break
        assert server.popen.poll() is None, server.log()
        assert server.get("/file.txt").text == "file"
    assert control(server, "reload").returncode == 0
    assert server.get("/file.txt").text == "file"
    server.checkpoint(settle=True)
