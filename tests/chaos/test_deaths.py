"""SIGKILL and SIGSTOP for workers, the master and programs, at each stage of an exchange."""

import os
import signal
import socket
import time

import pytest

from support.binary import sanitized
from support.clauses import clause
from support.fault_injection import assert_well
from support.processes import alive, descendants, process
from support.stages import STAGES, Stages, goes_on
from support.waiting import until

at_each_stage = pytest.mark.parametrize("stage", STAGES, ids=str)


@pytest.fixture
def stages(site) -> Stages:
    return Stages(site)


def assert_ended(connection) -> None:
    ask = goes_on(connection)
    assert until(lambda: not ask()), "the connection goes on"


def assert_gone(pids) -> None:
    assert until(lambda: not any(map(alive, pids))), list(map(process, pids))


@clause("faults-worker-killed")
@pytest.mark.kills_worker
@at_each_stage
def test_worker_is_killed(serve, stages, stage):
    """Its connection and its programs end; the next worker serves; nothing is left of it."""
    server = serve()
    connection, programs = stages.reach(server, stage)
    victim, = server.workers()
    os.kill(victim, signal.SIGKILL)
    assert_ended(connection)
    assert_gone(programs)
    assert until(lambda: victim not in (now := server.workers()) and len(now) == 1)
    assert_well(server)


@clause("faults-master-killed")
@pytest.mark.kills_master
@at_each_stage
def test_master_is_killed(serve, stages, stage):
    """Workers and programs end by themselves, and the address is free."""
    server = serve()
    connection, programs = stages.reach(server, stage)
    family = [p.pid for p in descendants(server.pid)]
    server.signal(signal.SIGKILL)
    server.popen.wait()
    assert_ended(connection)
    assert_gone(family + programs)
    with socket.create_server(server.address):
        pass


@clause("faults-killed-program")
@pytest.mark.parametrize("stage", [s for s in STAGES if s.programs], ids=str)
def test_program_is_killed(serve, stages, stage):
    """The client is told so, or sees that its answer is cut; the worker goes on."""
    server = serve()
    workers = server.workers()
    connection, programs = stages.reach(server, stage)
    for pid in programs:
        os.kill(pid, signal.SIGKILL)
    if stage.name == "body-streaming":
        connection.send(b"x" * 950_000)
    if stage.name in ("body-going-out", "header-printed", "client-slow"):
        while connection.socket.recv(1 << 20):
            pass  # no last chunk could make it whole: the log says that it was cut
        server.wait_log("SIGKILL.* after its header, so that the response is cut")
    else:
        assert connection.read_response().status == 502
    assert_well(server)
    assert server.workers() == workers


@pytest.mark.parametrize("stage", [s for s in STAGES if s.programs], ids=str)
def test_stopped_program_ends_with_its_client(serve, stages, stage):
    """A program that is stopped cannot be ended by SIGTERM alone."""
    server = serve()
    workers = server.workers()
    connection, programs = stages.reach(server, stage)
    for pid in programs:
        os.kill(pid, signal.SIGSTOP)
    connection.close()
    assert_gone(programs)
    assert_well(server)
    assert server.workers() == workers


def test_stopped_program_is_out_of_time(serve, stages):
    server = serve(rest='header_timeout = "500ms"')
    stage = next(s for s in STAGES if s.name == "program-started")
    connection, programs = stages.reach(server, stage)
    os.kill(programs[0], signal.SIGSTOP)
    assert connection.read_response().status == 504
    assert_gone(programs)
    assert_well(server)


@clause("faults-worker-stopped")
@pytest.mark.kills_worker
def test_worker_is_stopped_at_every_stage_at_once(serve, stages):
    """Its heartbeat stops, and it is replaced with all that hung on it."""
    server = serve()
    held = [stages.reach(server, stage) for stage in STAGES]
    victim, = server.workers()
    os.kill(victim, signal.SIGSTOP)
    server.wait_log(f"pid {victim}.*no heartbeat")
    for connection, _ in held:
        assert_ended(connection)
    assert_gone([pid for _, programs in held for pid in programs])
    assert until(lambda: victim not in (now := server.workers()) and len(now) == 1)
    assert_well(server)


def test_worker_is_stopped_for_a_moment(serve, stages):
    """Shorter than its heartbeat's time: everything goes on."""
    server = serve()
    held = {stage.name: stages.reach(server, stage)[0] for stage in STAGES}
    worker, = server.workers()
    os.kill(worker, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(worker, signal.SIGCONT)
    assert held["keep-alive"].request("GET", "/hello.txt").status == 200
    held["in-head"].send(b"host\r\n\r\n")
    assert held["in-head"].read_response().body == b"hello"
    assert held["connected"].request("GET", "/hello.txt").body == b"hello"
    held["body-spooling"].send(b"0\r\n\r\n")
    assert held["body-spooling"].read_response().body == b"x" * 50_000
    assert server.workers() == [worker]
    assert_well(server)


@pytest.mark.skipif(sanitized(), reason="takes long enough without")
def test_everything_is_stopped_for_longer_than_the_heartbeat(serve):
    """As a laptop that sleeps: nobody is to blame for missed beats when the master missed them."""
    server = serve()
    worker, = server.workers()
    for pid in (worker, server.pid):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(3)
    for pid in (server.pid, worker):
        os.kill(pid, signal.SIGCONT)
    assert_well(server)
    time.sleep(1)
    assert server.workers() == [worker]
