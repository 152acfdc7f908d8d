"""Reloads and upgrades that go wrong: the service goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import client
from harness import PLAIN, Site, until
from processes import alive, descendants
from moving import free_port
from upgradable import Upgradable

pytestmark = pytest.mark.time_limit(120)

CONFIGURATION = """
[cgi]
env = {{ GENERATION = "{generation}" }}
grace = "1s"
[[site]]
root = "{folder}/site"
[[site.location]]
match = "*.cgi"
cgi = true
"""
SLOW = "sleep 2\n"  # before the server: an upgrade that can be interrupted


@pytest.fixture
def server(compile_c) -> Iterator[Upgradable]:
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-upgrade-"))
    folder.chmod(0o755)
    site = Site(folder / "site", compile_c)
    site.program("generation.cgi", PLAIN + 'printf %s "$GENERATION"\n')
    site.program("slow.cgi", PLAIN + "sleep 4\nprintf done\n")
    site.file("file.txt", "file")
    server = Upgradable(folder, free_port(), CONFIGURATION)
    server.write_configuration(generation=0)
    server.start()
    try:
        yield server
    finally:
        faults = server.stop()
        log = server.log.read_text()
        shutil.rmtree(folder)
    assert not faults, "\n".join([*faults, log[-8000:]])


def generation(server: Upgradable) -> str:
    response = server.get("/generation.cgi")
    assert response.status == 200, response
    return response.text


def workers(server: Upgradable) -> list[int]:
    return sorted(p.pid for p in descendants(server.master()) if p.name == "cgisrv")


def real(server: Upgradable) -> str:
    """A script's end that is the server after all."""
    shutil.copy2(server.binary, server.folder / "real")
    return f'exec {server.folder}/real "$@"\n'


MISTAKES = {
    "an unknown key": ("wokers = 3\n", r"cgisrv\.toml:1:1: "),
    "no TOML": ("[server\n", r"cgisrv\.toml:1:\d+: "),
    "a value of another type": ("[limits]\nbody_size = true\n", r"cgisrv\.toml:2:13: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_configuration_changes_nothing(server, mistake):
    text, message = MISTAKES[mistake]
    before = workers(server), server.master()
    with client.Connection(("127.0.0.1", server.port)) as connection:
        assert connection.request("GET", "/file.txt").text == "file"
        server.write_configuration(text, generation=1)
        done = server.command("reload")
        assert done.returncode == 78 and re.search(message, done.stderr + done.stdout), done
        os.kill(server.master(), signal.SIGHUP)
        assert until(lambda: len(re.findall(message, server.log.read_text())) == 2, 5), \
            server.log.read_text()
        assert connection.request("GET", "/file.txt").header("Connection") is None
    assert (workers(server), server.master()) == before and generation(server) == "0"
    server.write_configuration(generation=2)
    assert server.command("reload").returncode == 0 and generation(server) == "2"


@pytest.mark.parametrize("script", ["exit 1", "kill -SEGV $$", "exec /bin/true", "echo garbage"])
def test_new_binary_that_crashes_at_start(server, script):
    before = workers(server), server.master()
    server.put_binary(script)
    done = server.command("upgrade")
    assert done.returncode not in (0, 78) and "not upgraded" in done.stdout + done.stderr, done
    os.kill(server.master(), signal.SIGUSR2)
    assert until(lambda: server.log.read_text().count("not upgraded") == 2, 5), \
        server.log.read_text()
    assert (workers(server), server.master()) == before and generation(server) == "0"
    server.put_binary()
    assert server.command("upgrade").returncode == 0
    assert until(lambda: server.master() not in (0, before[1]))
    assert generation(server) == "0"


def test_new_binary_that_finds_a_wrong_configuration(server):
    before = workers(server), server.master()
    server.write_configuration("wokers = 3\n", generation=1)
    done = server.command("upgrade")
    assert done.returncode != 0 and "not upgraded" in done.stdout + done.stderr, done
    assert (workers(server), server.master()) == before and generation(server) == "0"


def begin_slowly(server: Upgradable) -> int:
    """An upgrade to a binary that takes its time; the new server's process."""
    server.put_binary(SLOW + real(server))
    before = {p.pid for p in descendants(server.master())}
    os.kill(server.master(), signal.SIGUSR2)
    # Workers that are replaced would be others, but none is.
    found = until(lambda: [p.pid for p in descendants(server.master())
                           if p.parent == server.master() and p.pid not in before], 5)
    assert len(found) == 1, server.log.read_text()
    return found[0]


def ask_all_the_time(server: Upgradable, stop: threading.Event, answers: list[object]) -> None:
    """A connection for each request, which may wait in the backlog, but not be refused."""
    while not stop.is_set():
        try:
            answers.append(server.get("/generation.cgi").status)
        except (OSError, AssertionError) as fault:
            answers.append(fault)


def test_old_master_killed_while_the_new_one_starts(server):
    """Those that it was answering are lost with it; no connection is refused, and those that come
    meanwhile are answered by the new one."""
    old = server.master()
    begin_slowly(server)
    os.kill(old, signal.SIGKILL)
    assert until(lambda: not alive(old))
    assert server.get("/generation.cgi").status == 200  # once the new one serves
    assert until(lambda: server.master() not in (0, old))
    stop, answers = threading.Event(), []
    asking = threading.Thread(target=ask_all_the_time, args=(server, stop, answers))
    asking.start()
    server.put_binary()
    done = server.command("upgrade")
    stop.set()
    asking.join()
    assert done.returncode == 0 and set(answers) == {200}, (done, answers)


def test_old_master_killed_while_it_finishes_its_requests(server):
    """The new one serves by then; what the old one was answering is lost with it."""
    old = server.master()
    with client.Connection(("127.0.0.1", server.port)) as connection:
        connection.send(client.head("GET", "/slow.cgi"))
        assert until(lambda: any(p.name == "slow.cgi" for p in descendants(old)))
        assert server.command("upgrade").returncode == 0
        assert until(lambda: server.master() not in (0, old))
        assert alive(old)
        os.kill(old, signal.SIGKILL)
        assert {generation(server) for _ in range(20)} == {"0"}
        assert until(lambda: not alive(old))


def test_new_master_killed_before_it_serves(server):
    before = workers(server), server.master()
    os.kill(begin_slowly(server), signal.SIGKILL)
    assert until(lambda: "not upgraded" in server.log.read_text(), 5), server.log.read_text()
    assert (workers(server), server.master()) == before and generation(server) == "0"


def test_requests_that_run_are_finished_across_an_upgrade(server):
    old = server.master()
    with client.Connection(("127.0.0.1", server.port)) as slow, \
            client.Connection(("127.0.0.1", server.port)) as kept:
        slow.send(client.head("GET", "/slow.cgi"))
        assert kept.request("GET", "/file.txt").text == "file"
        assert until(lambda: any(p.name == "slow.cgi" for p in descendants(old)))
        assert server.command("upgrade").returncode == 0
        assert slow.read_response().text == "done"
    assert until(lambda: not alive(old), 10)
