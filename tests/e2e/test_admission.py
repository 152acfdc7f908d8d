"""The queue in front of each program: how many run, who is next, and who is turned away."""

import json
import os
import signal
import socket
import struct
import threading
import time

import pytest

from clauses import clause
from client import Connection, head
from harness import slowness, until
from processes import descriptors

CONFIGURATION = """
[server]
workers = {workers}
{server}
[cgi]
{cgi}
[[site]]
root = "{root}"
[[site.location]]
match = "*.cgi"
cgi = true
"""

# Counts itself: how many run now, how many did at most, and the how-manieth it is. Lives as long
# as its query says in milliseconds, or until a file named "go" is there.
COUNTED = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
struct counts { int running, most, started; };
int main(void) {
  int file = open("counts", O_RDWR | O_CREAT, 0666);
  if (ftruncate(file, sizeof(struct counts)) != 0) return 1;
  struct counts *all = mmap(0, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  int now = __atomic_add_fetch(&all->running, 1, __ATOMIC_SEQ_CST);
  int number = __atomic_add_fetch(&all->started, 1, __ATOMIC_SEQ_CST);
  for (int most = all->most; now > most;)
    if (__atomic_compare_exchange_n(&all->most, &most, now, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      break;
  int lasts = atoi(getenv("QUERY_STRING"));
  if (lasts > 0) usleep(lasts * 1000);
  else while (access("go", F_OK) != 0) usleep(2000);
  printf("Content-Type: text/plain\n\n%d\n", number);
  fflush(stdout);
  __atomic_sub_fetch(&all->running, 1, __ATOMIC_SEQ_CST);
  return 0;
}
"""


@pytest.fixture
def server(start, site):
    """server(cgi="max_running = 2", workers=2): a server with the counted program."""
    site.c_program("counted.cgi", COUNTED)
    site.file("static.txt", "at once")

    def start_server(cgi: str, workers: int = 2, server: str = ""):
        return start(config=CONFIGURATION.format(workers=workers, server=server, cgi=cgi,
                                                 root=site.root))

    return start_server


def counts(site) -> tuple[int, int, int]:
    """(running, most, started) as the programs count them."""
    try:
        return struct.unpack("iii", site.path("counts").read_bytes())
    except (FileNotFoundError, struct.error):
        return 0, 0, 0


def sockets(worker: int) -> int:
    return sum(target.startswith("socket:") for target in descriptors(worker).values())


def go(site) -> None:
    site.path("go").touch()


def admission(server) -> tuple[int, int]:
    """(running, waiting) as the server counts them."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(str(server.runtime / f"{server.pid}.sock"))
        control.sendall(b"status\n")
        report = json.loads(control.makefile().read().split("\n", 1)[1])["admission"]
    return report["running"], report["waiting"]


def ask(server, query: str = "") -> Connection:
    connection = server.connect(timeout=60)
    connection.send(head("GET", f"/counted.cgi?{query}"))
    return connection


def answers(connections: list[Connection]) -> list:
    return [connection.read_response() for connection in connections]


@pytest.mark.time_limit(120)
def test_never_more_than_max_running(server, site):
    """500 clients, 8 workers, 10 places."""
    running = server("max_running = 10\nqueue = { size = 500, timeout = '60s' }", workers=8)
    connections = [ask(running, "50") for _ in range(500)]
    assert {response.status for response in answers(connections)} == {200}
    assert counts(site)[1] == 10  # as many as may, never more


def test_first_come_first_served_over_all_workers(server, site):
    """One place, so that nobody can overtake anybody else on the way to it."""
    running = server("max_running = 1\nqueue = { size = 500, timeout = '60s' }", workers=8)
    connections = []
    for number in range(100):
        connections.append(ask(running))
        # Not before it is in its place is the next one sent, perhaps to another worker.
        assert until(lambda: sum(admission(running)) == number + 1)
    assert admission(running) == (1, 99)
    go(site)
    assert [int(response.body) for response in answers(connections)] == list(range(1, 101))


@clause("rfc9110-15.6.4-no-place")
def test_what_finds_no_place_to_wait_is_answered_503_at_once(server, site):
    """10 run, 20 wait: of 100 exactly 70 are refused, while all the others are answered."""
    running = server("max_running = 10\nqueue = { size = 20, timeout = '60s' }", workers=8)
    connections = [ask(running) for _ in range(100)]
    refused = []

    def read(connection: Connection) -> None:
        response = connection.read_response()
        if response.status == 503:
            refused.append(response)

    readers = [threading.Thread(target=read, args=(connection,)) for connection in connections]
    for reader in readers:
        reader.start()
    try:
        assert until(lambda: len(refused) == 70, 20)
        assert until(lambda: counts(site)[0] == 10)
        assert all(response.header("Retry-After") for response in refused)
        # What is no program does not wait for any.
        assert running.get("/static.txt").body == b"at once"
    finally:
        go(site)
    for reader in readers:
        reader.join()
    assert len(refused) == 70
    assert counts(site) == (0, 10, 30)


def test_no_queue_at_all(server, site):
    running = server("max_running = 1\nqueue = { size = 0 }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    refused = running.get("/counted.cgi")
    assert refused.status == 503 and refused.header("Retry-After")
    go(site)
    assert first.read_response().status == 200


def test_waiting_has_a_deadline(server, site):
    running = server("max_running = 1\nqueue = { timeout = '200ms' }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    late = running.get("/counted.cgi")
    assert late.status == 503 and late.header("Retry-After")
    running.wait_log("no place became free for it within 0.2 s")
    go(site)
    assert first.read_response().status == 200


def test_who_leaves_the_queue_leaves_it_to_others(server, site):
    running = server("max_running = 1\nqueue = { size = 1, timeout = '60s' }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    impatient = ask(running)
    assert impatient.silent(1)
    assert running.get("/counted.cgi?1").status == 503
    impatient.reset()
    patient = []

    def waits() -> bool:
        patient.append(ask(running))
        return patient[-1].silent(0.2)

    assert until(waits)
    go(site)
    assert first.read_response().status == 200
    assert patient[-1].read_response().status == 200
    assert counts(site)[2] == 2  # the one that left never ran


def test_programs_do_not_wait_for_each_other(server, site):
    site.prints("other.cgi", "Content-Type: text/plain\n\nother\n")
    running = server("max_running = 1\nqueue = { size = 5, timeout = '60s' }")
    waiting = [ask(running) for _ in range(4)]
    assert until(lambda: counts(site)[0] == 1)
    assert running.get("/other.cgi").body == b"other\n"
    go(site)
    assert {response.status for response in answers(waiting)} == {200}


def test_all_programs_together_have_a_limit(server, site):
    site.prints("other.cgi", "Content-Type: text/plain\n\nother\n")
    running = server("max_running = 10\nqueue = { timeout = '60s' }", server="max_running = 2")
    busy = [ask(running) for _ in range(3)]
    assert until(lambda: counts(site)[0] == 2)
    other = running.connect()
    other.send(head("GET", "/other.cgi"))
    assert other.silent(0.3)
    go(site)
    assert other.read_response().body == b"other\n"
    assert {response.status for response in answers(busy)} == {200}
    assert counts(site)[1] == 2


@pytest.mark.time_limit(120)
def test_one_client_cannot_keep_out_another(server):
    """200 connections of one client, against the first answer of a second one."""
    lasts = 1.0
    running = server("max_running = 4\nmax_running_per_client = 3\n"
                     "queue = { size = 300, timeout = '60s' }", workers=4)
    greedy = [ask(running, str(int(lasts * 1000))) for _ in range(200)]
    assert greedy[-1].silent(0.3)
    begun = time.monotonic()
    with Connection(running.address, source="127.0.0.2") as second:
        assert second.request("GET", "/counted.cgi?1").status == 200
    assert time.monotonic() - begun < lasts * slowness()
    for connection in greedy:
        connection.close()


@pytest.mark.kills_worker
def test_killed_worker_gives_back_its_places_and_forgets_no_one(server, site):
    running = server("max_running = 4\nqueue = { size = 100, timeout = '60s' }", workers=3)
    victim = running.workers()[0]
    before = sockets(victim)
    connections = [ask(running) for _ in range(30)]
    assert until(lambda: counts(site)[0] == 4)
    # About a third, but one that was ready late was passed over.
    assert until(lambda: sum(map(sockets, running.workers())) == before * 3 + 30)
    lost = sockets(victim) - before
    mine = sum(program.parent == victim for program in running.programs())
    os.kill(victim, signal.SIGKILL)
    # Its places went to those who waited with the other workers.
    assert until(lambda: counts(site)[2] == 4 + mine)
    go(site)
    answered = 0
    for connection in connections:
        try:
            answered += connection.read_response().status == 200
        except (AssertionError, ConnectionError):
            pass  # the victim's
    assert answered == 30 - lost and lost > 0
    # As many places as before.
    site.path("go").unlink()
    again = [ask(running) for _ in range(6)]
    alive_before = mine  # those that were killed never counted themselves out
    assert until(lambda: counts(site)[0] == 4 + alive_before)
    time.sleep(0.2)
    assert counts(site)[0] == 4 + alive_before
    go(site)
    assert {response.status for response in answers(again)} == {200}
