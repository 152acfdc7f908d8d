"""Clients that are slow, half closed, or gone: a thousand of each, and nothing stays counted."""

import collections
import os
import signal
import time

import pytest

from support.binary import sanitized, slowness
from support.clauses import clause
from support.client import Connection, chunk, head
from support.configuration import cgi_site
from support.processes import process
from support.programs import CAT, PLAIN, WORKER
from support.waiting import until

THOUSAND = 200 if sanitized() else 1000


@pytest.fixture
def server(start, site):
    site.c_program("worker.cgi", WORKER)
    site.program("cat.cgi", CAT)
    site.file("index.html", "hello")
    site.file("large.dat", b"x" * 4_000_000)
    return start(config=cgi_site(site.root, server='workers = 4\ndispatch = "least-busy"',
                                 cgi='chunked = "stream"'))


def a_new_request_is_answered_within_a_second(server) -> None:
    """The best of some counts: the machine may be busy with something else."""
    took = []
    for target in ("/", "/worker.cgi") * 10:
        began = time.monotonic()
        assert server.get(target).status == 200
        took.append(time.monotonic() - began)
    assert min(took[::2]) < 1 * slowness() and min(took[1::2]) < 1 * slowness(), took


def nothing_is_counted(server) -> None:
    """The master hands connections to the worker with the fewest: with none left anywhere, twelve
    new ones are spread evenly. A count that did not go back would draw them to the others."""
    assert until(lambda: not server.leaked_descriptors())
    served: collections.Counter[int] = collections.Counter()
    for _ in range(12):  # answered before the next one comes: by then it counts
        served[int(server.connect().request("GET", "/worker.cgi").body)] += 1
    assert sorted(served.values()) == [3, 3, 3, 3], served


# Slow ones.


@pytest.mark.plain
@clause("faults-slow-heads")
def test_a_thousand_slow_heads(server):
    for _ in range(THOUSAND):
        server.connect().send(b"GET / HTTP/1.1\r\nHost: local")
    a_new_request_is_answered_within_a_second(server)


@pytest.mark.plain
@clause("faults-slow-bodies")
def test_a_thousand_slow_bodies(server):
    """Of files, which nobody reads, and some of programs, which are not started before."""
    for n in range(THOUSAND):
        target = "/cat.cgi" if n % 20 == 0 else "/"
        server.connect().send(head("POST", target, [("Content-Length", "100")]) + b"x" * (n % 100))
    a_new_request_is_answered_within_a_second(server)


@pytest.mark.plain
@clause("faults-slow-readers")
def test_a_thousand_slow_readers(server):
    """Each asks for more than all buffers hold, and takes nothing of it."""
    for _ in range(THOUSAND):
        server.connect().send(head("GET", "/large.dat"))
    a_new_request_is_answered_within_a_second(server)


# Gone ones.

EXCHANGES = {
    "file": head("GET", "/", [("X-Field", "value")]),
    "pipelined": head("GET", "/") + head("HEAD", "/") + head("GET", "/missing"),
    "body nobody reads": head("POST", "/", [("Content-Length", "20")]) + b"x" * 20,
    "upload": head("POST", "/cat.cgi", [("Content-Length", "20")]) + b"x" * 20,
    "chunked": head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")]) + chunk(b"hello")
               + b"0\r\n\r\n",
}


def cut_at(address, data: bytes, length: int, end: str) -> None:
    with Connection(address) as connection:
        connection.send(data[:length])
        getattr(connection, end)()


@pytest.mark.plain
@clause("faults-resets")
@pytest.mark.slow
@pytest.mark.time_limit(240)
def test_ten_thousand_resets(server, site):
    """At every byte of each exchange on its way in, and on its way out, until it is ten thousand.
    Those with a program cost one each, and so are fewer."""
    resets = 0
    most = THOUSAND * 10
    while resets < most:
        for name, data in EXCHANGES.items():
            program = b"cgi" in data
            if program and resets > most // 4:
                continue
            for length in range(0, len(data) + 1):
                cut_at(server.address, data, length, "reset")
                resets += 1
            for length in range(0, 250, 5):
                with Connection(server.address) as connection:
                    connection.send(data)
                    connection.socket.recv(length + 1)
                    connection.reset()
                resets += 1
    assert until(lambda: not server.programs()), server.programs()
    nothing_is_counted(server)


@clause("faults-half-closed", "rfc9112-9.6-half-close")
def test_half_closed_at_every_byte(server):
    """Left to the server: it must let go of each, with an answer where the request is whole."""
    kept = []
    for name, data in EXCHANGES.items():
        for length in range(0, len(data) + 1, 7 if b"cgi" in data else 3):
            connection = server.connect()
            connection.send(data[:length])
            connection.half_close()
            kept.append(connection)
        whole = server.connect()
        whole.send(data)
        whole.half_close()
        assert whole.read_response().complete, name
        assert whole.read_rest() is not None
    for connection in kept:
        connection.read_rest()
        connection.close()
    assert until(lambda: not server.programs()), server.programs()
    nothing_is_counted(server)


@clause("faults-half-closed")
def test_half_closed_and_silent_is_let_go(start, site):
    """A program that says nothing does not run on for one who may be gone."""
    site.program("silent.cgi", f"{PLAIN}sleep 300\n")
    server = start(site)
    connection = server.connect()
    connection.send(head("GET", "/silent.cgi", version="HTTP/1.0"))
    assert connection.read_final_head().status == 200
    connection.half_close()
    began = time.monotonic()
    assert connection.read_rest() == b""
    assert time.monotonic() - began < 20
    assert until(lambda: not server.programs())


@clause("faults-worker-killed")
@pytest.mark.kills_worker
def test_connections_of_a_killed_worker_are_not_counted_on(server):
    kept = [server.connect() for _ in range(12)]
    owners = [int(c.request("GET", "/worker.cgi").body) for c in kept]
    os.kill(owners[0], signal.SIGKILL)
    assert until(lambda: owners[0] not in server.workers() and len(server.workers()) == 4)
    assert not process(owners[0])
    for connection in kept:
        connection.close()
    server.checkpoint(settle=True)
    nothing_is_counted(server)
