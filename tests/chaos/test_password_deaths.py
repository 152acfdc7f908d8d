"""The password checker and its hashers are killed and stopped: nobody is let in without a password,
nobody waits for ever, and whoever waits is answered by the next one."""

from __future__ import annotations

import crypt
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from support.client import head
from support.fixtures import Start
from support.frames import Conversation, request, reset
from support.http2 import CLEAR
from support.passwords import ALICE, ENDLESS, QUICK, auth, basic, password_file
from support.processes import processes
from support.server import Server
from support.site import Site
from support.waiting import until


def serve(start: Start, site: Site, file: Path, keys: str = 'timeout = "1h"\nremember = "0s"') -> Server:
    site.file("page.txt", "words")
    return start(config=f"""[server]
heartbeat_timeout = "1s"
[auth]
{keys}
[[site]]
root = "{site.root}"
{auth(file)}
""")


def ask(server: Server, password: str = "wonderland"):
    connection = server.connect()
    field = basic("alice", password)[0][1]
    connection.send(f"GET /page.txt HTTP/1.1\r\nHost: x\r\nAuthorization: {field}\r\n\r\n".encode())
    return connection


@pytest.mark.expect_log("the password checker has died")
def test_a_checker_that_dies_is_replaced(start: Start, site: Site, tmp_path: Path) -> None:
    server = serve(start, site, password_file(tmp_path / "p", alice=QUICK))
    for _ in range(3):
        assert server.get("/page.txt", ALICE).status == 200
        checker = server.password_checker()
        os.kill(checker, signal.SIGKILL)
        assert server.get("/page.txt", ALICE).status == 200  # waits for the next one
        assert server.get("/page.txt", basic("alice", "no")).status == 401
        assert server.password_checker() not in (0, checker)
    server.checkpoint(settle=True)


@pytest.mark.expect_log("the password checker .* no heartbeat")
def test_a_checker_that_is_stopped_is_replaced(start: Start, site: Site, tmp_path: Path) -> None:
    server = serve(start, site, password_file(tmp_path / "p", alice=QUICK))
    checker = server.password_checker()
    os.kill(checker, signal.SIGSTOP)
    assert server.get("/page.txt", ALICE).status == 200
    assert server.password_checker() not in (0, checker)
    server.checkpoint(settle=True)


@pytest.mark.parametrize("ends", ["connection", "stream"])
def test_a_client_that_leaves_together_with_its_verdict_harms_nobody(start: Start, site: Site,
                                                                     tmp_path: Path, ends: str) -> None:
    """The worker hears of both in one turn of its loop, and died of a verdict for nobody."""
    site.file("page.txt", "words")
    server = start(config=f"""[server]
workers = 1
{CLEAR}
[[site]]
root = "{site.root}"
{auth(password_file(tmp_path / "p", alice=QUICK))}
""")
    [worker], checker = server.workers(), server.password_checker()
    assert server.get("/page.txt", ALICE).status == 200
    for number in range(5):
        with server.connect() as wire:
            os.kill(checker, signal.SIGSTOP)
            fields = basic("alice", f"guess {number}")
            if ends == "connection":
                wire.send(head("GET", "/page.txt", fields))
            else:
                asked = Conversation(wire)
                asked.send(request(path="/page.txt", more=[(name.lower(), value) for name, value in fields]))
            time.sleep(0.1)  # it asks the checker
            os.kill(worker, signal.SIGSTOP)
            if ends == "connection":
                wire.reset()
            else:
                asked.send(reset())
            os.kill(checker, signal.SIGCONT)
            time.sleep(0.1)  # and that answers
            os.kill(worker, signal.SIGCONT)
            assert server.get("/page.txt", ALICE).status == 200
    assert server.workers() == [worker]


@pytest.mark.expect_log("the password checker has died")
def test_its_hashers_die_with_it_and_what_waits_is_sent_but_once_more(
        start: Start, site: Site, tmp_path: Path) -> None:
    """A password that kills its checker must not kill one after the other."""
    server = serve(start, site, password_file(tmp_path / "p", alice=ENDLESS))
    waiting = ask(server)
    for _ in range(2):
        assert until(server.hashers)
        [hasher] = server.hashers()
        os.kill(server.password_checker(), signal.SIGKILL)
        assert until(lambda: hasher not in processes())
    assert waiting.read_response().status == 500
    server.checkpoint(settle=True)


def test_a_hasher_that_dies_twice_fails_its_check_alone(start: Start, site: Site, tmp_path: Path) -> None:
    """A password that kills its hasher must not kill one after the other."""
    file = password_file(tmp_path / "p", alice=ENDLESS)
    server = serve(start, site, file)
    waiting = ask(server)
    killed: set[int] = set()
    for _ in range(2):
        assert until(lambda: set(server.hashers()) - killed)
        [hasher] = set(server.hashers()) - killed
        os.kill(hasher, signal.SIGKILL)
        killed.add(hasher)
    assert waiting.read_response().status == 500
    server.wait_log('the hash for the user "alice" cannot be computed')
    password_file(file, alice=QUICK)
    assert server.get("/page.txt", ALICE).status == 200


def test_a_hasher_that_dies_once_costs_no_request(start: Start, site: Site, tmp_path: Path) -> None:
    file = password_file(tmp_path / "p", alice=ENDLESS)
    server = serve(start, site, file)
    waiting = ask(server)
    assert until(server.hashers)
    password_file(file, alice=QUICK)  # which the next one is asked for
    os.kill(server.hashers()[0], signal.SIGKILL)
    assert waiting.read_response().status == 200


def test_a_hasher_whose_limits_were_lowered_is_replaced(start: Start, site: Site, tmp_path: Path) -> None:
    """As any program of the same user may do by prlimit(2). yescrypt takes some memory."""
    hashed = crypt.crypt("wonderland", "$y$j9T$saltsaltsalt")
    server = serve(start, site, password_file(tmp_path / "p", alice=hashed))
    assert server.get("/page.txt", ALICE).status == 200
    for hasher in server.hashers():
        resource.prlimit(hasher, resource.RLIMIT_AS, (1 << 20, 1 << 20))
    assert server.get("/page.txt", ALICE).status == 200


def test_a_hasher_that_is_stopped_is_woken(start: Start, site: Site, tmp_path: Path) -> None:
    server = serve(start, site, password_file(tmp_path / "p", alice=QUICK),
                   'timeout = "1h"\nremember = "0s"\nprocesses = 1')
    assert server.get("/page.txt", ALICE).status == 200
    [hasher] = server.hashers()
    os.kill(hasher, signal.SIGSTOP)
    assert server.get("/page.txt", ALICE).status == 200
    assert server.hashers() == [hasher]


@pytest.mark.kills_worker
def test_a_worker_that_dies_takes_its_checks_with_it(start: Start, site: Site,
                                                     tmp_path: Path) -> None:
    file = password_file(tmp_path / "p", alice=ENDLESS)
    server = serve(start, site, file)
    waiting = ask(server)
    assert until(server.hashers)
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    assert waiting.ended()
    password_file(file, alice=QUICK)
    assert until(lambda: len(server.workers()) == 2)
    assert server.get("/page.txt", ALICE).status == 200


def test_a_stop_waits_for_no_hash(start: Start, site: Site, tmp_path: Path) -> None:
    """The fixture fails if anything is left, or it takes long."""
    server = serve(start, site, password_file(tmp_path / "p", alice=ENDLESS))
    for number in range(4):
        ask(server, str(number))
    assert until(server.hashers)


def test_the_checker_has_a_worker_s_rights(start: Start, site: Site, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    site.file("page.txt", "words")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    file = password_file(tmp_path / "p", alice=QUICK)
    os.chown(file, 0, 33)
    server = start(config=f'[server]\nuser = "www-data"\n[[site]]\nroot = "{site.root}"\n'
                   f"{auth(file)}\n")
    assert server.get("/page.txt", ALICE).status == 200
    for pid in (server.password_checker(), *server.hashers()):
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Uid:\t33\t33\t33\t33" in status and "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        assert Path(f"/proc/{pid}/mem").stat().st_uid == 0  # root's: it is not dumpable
