"""What systemd and the server have to say to each other: sd_notify(3) and sd_listen_fds(3)."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.binary import BINARY, slowness
from support.processes import alive
from support.programs import ENVIRONMENT, environment_of
from support.service_manager import Manager, handing_over, listening
from support.waiting import until


# Notification.


def test_the_manager_hears_when_it_is_ready_and_when_it_ends(start, site, manager: Manager):
    server = start(site, environment={"NOTIFY_SOCKET": manager.path})
    assert manager.wait_for("READY") == {
        "READY": "1", "STATUS": f"Serving {site.root}; workers: 2 running"}
    server.signal(signal.SIGTERM)
    assert manager.wait_for("STOPPING")["STATUS"].startswith("Ending; workers: ")
    assert server.popen.wait(25) == 0


def test_a_server_that_cannot_start_is_never_ready(tmp_path: Path, manager: Manager):
    done = subprocess.run([BINARY, tmp_path, "-l", "192.0.2.1:80"], capture_output=True,
                          env={**os.environ, "NOTIFY_SOCKET": manager.path})
    assert done.returncode == 69
    assert manager.heard() == {}


def test_the_watchdog_hears_from_it(start, site, manager: Manager):
    start(site, environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000"})
    for _ in range(5):
        assert manager.wait_for("WATCHDOG", 2.0) == {"WATCHDOG": "1"}


def test_the_watchdog_hears_nothing_from_a_master_that_hangs(start, site, manager: Manager):
    server = start(site, environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"})
    manager.wait_for("WATCHDOG")
    server.signal(signal.SIGSTOP)
    try:
        time.sleep(0.1)
        while manager.heard():
            pass
        time.sleep(0.6)
        assert manager.heard() == {}
    finally:
        server.signal(signal.SIGCONT)
    manager.wait_for("WATCHDOG")


def test_status_is_told_when_a_worker_is_replaced(start, site, manager: Manager):
    server = start(site, environment={"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"})
    manager.wait_for("READY")
    for pid in server.workers():
        os.kill(pid, signal.SIGSTOP)
    server.signal(signal.SIGQUIT)
    assert "2 draining" in manager.wait_for("STOPPING")["STATUS"] \
        or "2 draining" in manager.wait_for("STATUS")["STATUS"]
    for pid in server.workers():
        os.kill(pid, signal.SIGCONT)
    assert server.popen.wait(25) == 0


@pytest.mark.kills_worker  # the old ones may end at any moment
def test_a_reload_is_announced_and_ended(start, site, manager: Manager):
    server = start(config=f'[[site]]\nroot = "{site.root}"\n', environment={"NOTIFY_SOCKET": manager.path})
    manager.wait_for("READY")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    server.signal(signal.SIGHUP)
    assert before <= int(manager.wait_for("RELOADING")["MONOTONIC_USEC"])
    assert manager.wait_for("READY")["STATUS"].startswith("Serving ")


def test_a_reload_that_fails_leaves_a_ready_server(start, site, manager: Manager, tmp_path: Path):
    server = start(config=f'[[site]]\nroot = "{site.root}"\n', environment={"NOTIFY_SOCKET": manager.path})
    manager.wait_for("READY")
    next(tmp_path.rglob("cgisrv.toml")).write_text("[[site]]\nrot = 1\n")
    server.signal(signal.SIGHUP)
    manager.wait_for("RELOADING")
    manager.wait_for("READY")
    server.wait_log("unknown key 'rot'")


def test_an_upgrade_names_the_process_that_is_the_service_now(site, manager: Manager, tmp_path: Path):
    (tmp_path / "run").mkdir()
    old = subprocess.Popen([BINARY, site.root, "-l", "127.0.0.1:0", "-w", "2"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env={**os.environ, "NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "400000",
                                "WATCHDOG_PID": "", "RUNTIME_DIRECTORY": str(tmp_path / "run")})
    manager.wait_for("READY", 10 * slowness())
    old.send_signal(signal.SIGUSR2)
    new = int(manager.wait_for("MAINPID", 20 * slowness())["MAINPID"])
    try:
        assert new != old.pid
        # The manager listens to the service's main process alone.
        assert not any("READY" in message for message in manager.passed_over)
        assert manager.wait_for("READY")["STATUS"].startswith("Serving ")
        assert old.wait(10 * slowness()) == 0
        while manager.heard():
            pass
        assert manager.wait_for("WATCHDOG") == {"WATCHDOG": "1"}  # of the new one: the old is gone
    finally:
        os.kill(new, signal.SIGTERM)
        assert manager.wait_for("STOPPING")
        assert until(lambda: not alive(new))


@pytest.mark.parametrize("address", ["relative/path", "vsock:2:1"])
def test_a_manager_that_cannot_be_reached_is_no_harm(start, site, address: str):
    site.file("a.txt", "a")
    server = start(site, environment={"NOTIFY_SOCKET": address})
    assert server.get("/a.txt").status == 200
    server.wait_log("NOTIFY_SOCKET=.* ignored")


# Sockets that were handed over.


def test_a_socket_that_was_handed_over_is_served(start, site):
    site.c_program("cgi-bin/env", ENVIRONMENT)
    with listening() as web:
        server = start(site, "-l", "fd:web", **handing_over([web], "web"))
        port = web.getsockname()[1]
        assert server.port == port  # as announced
        environment = environment_of(server.get("/cgi-bin/env"))
        assert environment["SERVER_PORT"] == str(port)
        assert environment["SERVER_ADDR"] == "127.0.0.1"
        assert not [name for name in environment if name.startswith("LISTEN_")]


def test_connections_that_came_before_the_server_are_answered(start, site):
    site.file("a.txt", "early")
    with listening() as web, socket.create_connection(web.getsockname()) as early:
        early.sendall(b"GET /a.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        start(site, "-l", "fd:web", **handing_over([web], "web"))
        early.settimeout(5)
        assert early.makefile("rb").read().endswith(b"early")


def test_a_configuration_names_several(start, site, tmp_path: Path):
    site.file("a.txt", "a")
    path = str(tmp_path / "web.sock")
    with listening() as first, listening() as second, listening(socket.AF_UNIX, path) as local:
        config = f'[[listen]]\naddress = "fd:web"\n[[listen]]\naddress = "fd:5"\n[[site]]\n' \
                 f'root = "{site.root}"\n'
        server = start(config=config, lines=3,
                       **handing_over([first, second, local], "web:web:local"))
        assert server.ports() == [first.getsockname()[1], second.getsockname()[1]]
        for address in (first.getsockname(), second.getsockname(), path):
            server.address_override = address
            assert server.get("/a.txt").body == b"a"
        server.signal(signal.SIGTERM)
        assert server.popen.wait(25) == 0
        assert os.path.exists(path), "the file is the manager's"


def test_what_nobody_uses_is_closed_with_a_warning(start, site):
    with listening() as web, listening() as other:
        port = other.getsockname()[1]
        server = start(site, "-l", "fd:web", **handing_over([web, other], "web:other"))
        server.wait_log(rf" warn .* other \(127\.0\.0\.1:{port}\), which no listener uses: closed")
        other.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


def test_a_name_that_was_not_handed_over_is_told_with_those_that_were(site):
    with listening() as web:
        more = handing_over([web], "web")
        done = subprocess.run([*more["prefix"], BINARY, site.root, "-l", "fd:wep"],
                              pass_fds=more["pass_fds"], env={**os.environ, **more["environment"]},
                              capture_output=True, text=True)
    assert done.returncode == 69
    assert done.stderr == "cgisrv: fd:wep: the service manager handed over no socket of that name; " \
                          "there are: web (descriptor 3)\n"


def test_one_that_does_not_listen_is_refused(site):
    with socket.socket() as web:
        more = handing_over([web], "web")
        done = subprocess.run([*more["prefix"], BINARY, site.root, "-l", "fd:web"],
                              pass_fds=more["pass_fds"], env={**os.environ, **more["environment"]},
                              capture_output=True, text=True)
    assert done.returncode == 78
    assert re.search("fd:web: .* does not listen: use Accept=no", done.stderr)


def test_variables_meant_for_another_process_are_not_believed(site):
    done = subprocess.run([BINARY, site.root, "-l", "fd:web"], capture_output=True, text=True,
                          env={**os.environ, "LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert done.returncode == 69
    assert "none was" in done.stderr
