"""A newer program takes the place of the one that runs, and nobody notices. What goes wrong with
that is in tests/chaos/test_upgrades.py."""

import json
import os
import signal
import subprocess
import threading
from contextlib import ExitStack

import pytest

from support.binary import BINARY
from support.clauses import clause
from support.client import Connection, head
from support.control import UNAVAILABLE
from support.processes import alive
from support.waiting import until


@pytest.fixture
def server(upgradable_server):
    return upgradable_server


@clause("faults-reload-upgrade")
@pytest.mark.parametrize("how", ["command", "signal"])
def test_new_server_takes_over(server, how):
    server.write_configuration(generation=1)
    if how == "command":
        done = server.command("upgrade")
        assert done.returncode == 0 and "serves" in done.stdout, done
    else:
        os.kill(server.master(), signal.SIGUSR2)
    successor = int(server.wait_log(r"upgraded: pid (\d+) serves"))
    assert server.popen.wait(25) == 0
    assert server.master() == successor
    report = json.loads(server.command("status", "--json").stdout)["server"]
    assert (report["state"], report["pid"]) == ("serving", successor)
    assert {path.name for path in (server.folder / "run").iterdir()} \
        == {"pid", "web", f"{successor}.sock"}
    assert server.generation() == "1"
    with Connection(f"{server.folder}/run/web") as connection:
        assert connection.request("GET", "/generation.cgi").text == "1"


@clause("faults-reload-upgrade")
def test_open_requests_are_finished_and_idle_connections_are_told(server):
    with server.connect() as idle, server.connect() as busy:
        assert idle.request("GET", "/file.txt").header("Connection") is None
        busy.send(head("GET", "/waiting.cgi"))
        response = busy.read_head()
        server.upgrade()
        assert server.generation() == "0"
        last = idle.request("GET", "/generation.cgi")
        assert last.text == "0" and last.header("Connection") == "close"
        server.let_go()
        assert b"".join(busy.stream(response)) == b"begun\nended\n" and response.complete
    assert server.popen.wait(25) == 0


def test_listeners_that_are_dropped_are_closed_and_commands_find_the_one_that_serves(server):
    text = server.config.read_text()
    with server.connect() as busy:
        busy.send(head("GET", "/waiting.cgi"))
        response = busy.read_head()
        dropped = f'[[listen]]\naddress = "unix:{server.folder}/run/web"'
        assert dropped in text
        server.config.write_text(text.replace(dropped, ""))
        server.upgrade()
        with pytest.raises(OSError):
            Connection(f"{server.folder}/run/web")
        assert not (server.folder / "run/web").exists()
        # The old one still finishes its request.
        server.config.write_text(text)
        done = server.by_configuration("reload")
        assert done.returncode == 0, done
        with Connection(f"{server.folder}/run/web") as connection:
            assert connection.request("GET", "/generation.cgi").text == "0"
        server.let_go()
        assert b"".join(busy.stream(response)) == b"begun\nended\n"


@clause("faults-reload-upgrade")
def test_several_upgrades_in_a_row_refuse_nobody(server):
    answers: set[str] = set()
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.add(server.generation())
            except (OSError, AssertionError) as fault:
                answers.add(repr(fault))
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(3):
            old = server.master()
            server.put_binary()
            server.upgrade()
            assert until(lambda: not alive(old))
    finally:
        stop.set()
        asking.join()
    assert answers == {"0"}


@pytest.mark.parametrize("how", ["-c", "--pid"])
def test_who_is_drained_while_the_new_server_starts_is_drained_afterwards(server, how):
    """The command waits until one of the two is in charge for good."""
    server.put_binary(f'{server.wait}exec {BINARY} "$@"')
    os.kill(server.master(), signal.SIGUSR2)
    new = int(server.wait_log(r"upgrade: started .* as pid (\d+)"))
    which = (how, str(server.config) if how == "-c" else str(new))
    with subprocess.Popen([BINARY, "drain", "-c", server.config], env=server.environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as draining:
        status = json.loads(server.by_configuration("status", "--json").stdout)["server"]
        assert status["upgrading"] and status["state"] == "serving" and status["pid"] != new
        server.let_go()
        assert draining.communicate()[0].startswith("drained: ")
    assert draining.returncode == 0
    assert until(lambda: server.popen.poll() == 0)
    status = json.loads(server.run("status", "--json", *which).stdout)["server"]
    assert (status["state"], status["pid"], status["upgrading"]) == ("drained", new, False)


def test_drain_waits_for_what_the_old_server_finishes(server):
    with server.connect() as busy:
        busy.send(head("GET", "/waiting.cgi"))
        response = busy.read_head()
        server.upgrade()
        late = server.by_configuration("drain", "--wait", "0.5")
        assert late.returncode == UNAVAILABLE and "the server stays drained" in late.stderr, late
        server.let_go()
        assert b"".join(busy.stream(response)) == b"begun\nended\n"
    assert server.by_configuration("drain", "--wait").returncode == 0


def test_who_waits_for_a_full_worker_is_for_the_new_server(server):
    """Its address stays, and so does who is in its backlog."""
    text = server.config.read_text()
    server.config.write_text(text.replace("workers = 2", "workers = 1\nworker_connections = 2"))
    assert server.by_configuration("reload").returncode == 0
    with ExitStack() as stack:
        held = [stack.enter_context(server.connect()) for _ in range(2)]
        for connection in held:
            connection.send(head("GET", "/waiting.cgi"))
            connection.read_head()
        waiting = [stack.enter_context(server.connect()) for _ in range(20)]
        for connection in waiting:
            connection.send(head("GET", "/file.txt"))
        server.upgrade()
        for connection in waiting:
            assert connection.read_response().text == "file"
            connection.close()
        server.let_go()
    assert until(lambda: server.popen.poll() == 0)
