"""The queue in front of each program: how many run, who is next, and who is turned away."""

import json
import os
import shutil
import signal
import socket
import struct
import threading
import time

import pytest

from support.clauses import clause
from support.client import LAST_CHUNK, Connection, chunk, head
from support.configuration import cgi_site
from support.processes import descriptors
from support.waiting import until

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
        return start(config=cgi_site(site.root, cgi=cgi, server=f"workers = {workers}\n{server}"))

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


def status(server) -> dict:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(str(server.runtime / f"{server.pid}.sock"))
        control.sendall(b"status\n")
        return json.loads(control.makefile().read().split("\n", 1)[1])


def admission(server) -> tuple[int, int]:
    """(running, waiting) as the server counts them."""
    report = status(server)["admission"]
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


def test_who_is_refused_is_told_when_to_come_again(start, site):
    """What a location says goes before what the server says; with neither it is 5 seconds."""
    site.c_program("counted.cgi", COUNTED)
    for name in ("ours", "all"):
        (site.root / name).mkdir()
        shutil.copy(site.root / "counted.cgi", site.root / name)
    ours = 'queue = { retry_after = "90s" }'
    locations = f'[[site.location]]\nmatch = "/ours/"\ncgi = true\n{ours}\n'
    for cgi, common in (("", "5"), (', retry_after = "2m"', "120")):
        running = start(config=cgi_site(
            site.root, locations, cgi=f"max_running = 1\nqueue = {{ size = 0{cgi} }}"))
        for path, expected in (("/ours/counted.cgi", "90"), ("/all/counted.cgi", common)):
            first = running.connect()
            first.send(head("GET", path))
            assert until(lambda: admission(running)[0] == 1)
            refused = running.get(path)
            assert refused.status == 503 and refused.header("Retry-After") == expected
            first.close()
            assert until(lambda: admission(running)[0] == 0)


def test_waiting_has_a_deadline(server, site):
    running = server("max_running = 1\nqueue = { timeout = '200ms' }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    late = running.get("/counted.cgi")
    assert late.status == 503 and late.header("Retry-After")
    running.wait_log(r"no place became free for it within 0.2 s \(max_running 1, queue.timeout\); "
                     r"raise max_running or queue.timeout$")
    go(site)
    assert first.read_response().status == 200


def test_who_leaves_the_queue_leaves_it_to_others(server, site):
    running = server("max_running = 1\nqueue = { size = 1, timeout = '60s' }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    impatient = ask(running)
    assert impatient.silent(1)
    assert running.get("/counted.cgi?1").status == 503
    running.wait_log(r"and none to wait in \(max_running 1, queue.size 1\); "
                     r"raise max_running or queue.size$")
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


def test_a_refusal_names_the_limit_of_all_programs_where_that_held(server, site):
    running = server("max_running = 10\nqueue = { size = 1, timeout = '1s' }",
                     server="max_running = 2")
    busy = [ask(running) for _ in range(2)]
    assert until(lambda: admission(running) == (2, 0))
    late = ask(running)
    assert until(lambda: admission(running) == (2, 1))
    assert running.get("/counted.cgi").status == 503
    running.wait_log(r"none to wait in \(max_running 2 in \[server\], queue.size 1\); "
                     r"raise max_running in \[server\] or queue.size$")
    assert late.read_response().status == 503
    running.wait_log(r"within 1 s \(max_running 2 in \[server\], queue.timeout\); "
                     r"raise max_running in \[server\] or queue.timeout$")
    go(site)
    assert {response.status for response in answers(busy)} == {200}


def test_a_client_that_runs_as_many_as_it_may_is_told_so(server, site):
    running = server("max_running = 3\nmax_running_per_client = 1\n"
                     "queue = { size = 1, timeout = '1s' }")
    first = ask(running)
    assert until(lambda: admission(running) == (1, 0))
    late = ask(running)
    assert until(lambda: admission(running) == (1, 1))
    assert running.get("/counted.cgi").status == 503
    running.wait_log(r"its client runs as many as it may, and has no place to wait in "
                     r"\(max_running_per_client 1, queue.size 1\); "
                     r"raise max_running_per_client or queue.size$")
    assert late.read_response().status == 503
    running.wait_log(r"its client runs as many as it may, and no place became free for it within "
                     r"1 s \(max_running_per_client 1, queue.timeout\); "
                     r"raise max_running_per_client or queue.timeout$")
    go(site)
    assert first.read_response().status == 200


@pytest.mark.time_limit(120)
def test_one_client_cannot_keep_out_another(server):
    """200 connections of one client, against the first answer of a second one."""
    lasts = 1.0  # in all that is more than a minute
    running = server("max_running = 4\nmax_running_per_client = 3\n"
                     "queue = { size = 300, per_client = 300, timeout = '60s' }", workers=4)
    greedy = [ask(running, str(int(lasts * 1000))) for _ in range(200)]
    assert greedy[-1].silent(0.3)
    begun = time.monotonic()
    with Connection(running.address, source="127.0.0.2") as second:
        assert second.request("GET", "/counted.cgi?1").status == 200
    assert time.monotonic() - begun < 20
    for connection in greedy:
        connection.close()


def ask_from(server, source: str, query: str = "") -> Connection:
    connection = Connection(server.address, timeout=60, source=source)
    connection.send(head("GET", f"/counted.cgi?{query}"))
    return connection


@pytest.mark.fault("11")
@pytest.mark.parametrize("queue, share, words", [
    ("size = 4", 1, r"1 \(a quarter of queue.size, which is 4; queue.per_client sets it\)"),
    ("size = 4, per_client = 2", 2, r"2 \(queue.per_client\)")], ids=["as it is", "set"])
def test_one_client_cannot_fill_the_queue(server, site, queue, share, words):
    running = server("max_running = 2\nmax_running_per_client = 1\n"
                     f"queue = {{ {queue}, timeout = '60s' }}")
    greedy = [ask_from(running, "127.0.0.1")]
    assert until(lambda: admission(running) == (1, 0))
    other = [ask_from(running, "127.0.0.2")]
    assert until(lambda: admission(running) == (2, 0))
    for waits in range(share):
        greedy.append(ask_from(running, "127.0.0.1"))
        assert until(lambda: admission(running) == (2, waits + 1))
    refused = ask_from(running, "127.0.0.1").read_response()
    assert refused.status == 503 and refused.header("Retry-After")
    running.wait_log(r"its client runs as many as it may \(max_running_per_client 1\), and has "
                     f"as many requests waiting as it may have, {words}; "
                     "raise max_running_per_client or queue.per_client$")
    for waits in range(share, 4):
        other.append(ask_from(running, f"127.0.0.{3 + waits}"))
        assert until(lambda: admission(running) == (2, waits + 1))
    assert ask_from(running, "127.0.0.9").read_response().status == 503  # now it is full
    go(site)
    assert {response.status for response in answers(greedy + other)} == {200}


@pytest.mark.fault("12")
def test_a_client_at_the_loopback_address_of_ipv6_is_counted(start, site):
    site.c_program("counted.cgi", COUNTED)
    running = start(config=cgi_site(site.root, cgi="max_running_per_client = 1",
                                    server="workers = 1\n[[listen]]\naddress = '[::1]:0'"))
    running.address_override = ("::1", running.port)
    first = ask(running)
    assert until(lambda: admission(running) == (1, 0))
    second = ask(running)
    assert until(lambda: admission(running) == (1, 1))
    go(site)
    assert {response.status for response in answers([first, second])} == {200}


SMALL = r"""
#include <stdio.h>
int main(void) { return puts("Content-Type: text/plain\n\nsmall") < 0; }
"""


@pytest.mark.fault("29")
@pytest.mark.time_limit(300)
def test_any_number_of_programs_have_limits_of_their_own(server, site):
    """More than have rows at a time: those that are in use keep theirs."""
    running = server("max_running = 1\nqueue = { size = 0 }\n"
                     "header_timeout = '1h'\nidle_timeout = '1h'", workers=2)  # of those that are held
    site.c_program("small.cgi", SMALL)
    count = 2200
    for number in range(count):
        os.link(site.path("small.cgi"), site.root / f"p{number}.cgi")
    for name in ("first", "second", "third"):
        os.link(site.path("counted.cgi"), site.root / f"{name}.cgi")

    def begin(name: str) -> Connection:
        connection = running.connect(timeout=60)
        connection.send(head("GET", f"/{name}.cgi"))
        return connection

    held = [begin("first")]
    assert until(lambda: admission(running) == (1, 0))
    statuses: list[int] = []

    def use(numbers: range) -> None:
        for number in numbers:
            if number % 100 == numbers.start:
                connection = Connection(running.address, timeout=60)
            statuses.append(connection.request("GET", f"/p{number}.cgi").status)

    users = [threading.Thread(target=use, args=(range(start, count, 4),)) for start in range(4)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert len(statuses) == count and set(statuses) == {200}
    assert running.get("/first.cgi").status == 503  # its place is known all the time
    held.append(begin("second"))
    assert until(lambda: admission(running) == (2, 0))
    held.append(begin("third"))
    assert until(lambda: admission(running) == (3, 0))
    assert running.get("/second.cgi").status == 503

    def programs() -> dict[str, dict]:
        return {os.path.basename(row["file"]): row for row in status(running)["programs"]}

    known = programs()
    assert len(known) == len(status(running)["programs"]) <= 2048
    assert {known[name]["finished"] for name in known if name.startswith("p")} == {1}
    assert known["first.cgi"]["running"] == known["third.cgi"]["running"] == 1
    assert "p0.cgi" not in known  # the first to become idle
    assert running.get("/p0.cgi").status == 200
    assert programs()["p0.cgi"]["finished"] == 1
    go(site)
    assert {response.status for response in answers(held)} == {200}


# Bodies: a request asks to be admitted when it has something to run with.

EXPECT = ("Expect", "100-continue")


def post(server, *fields: tuple[str, str]) -> Connection:
    """A client that has sent the head of its request, and waits."""
    connection = server.connect(timeout=60)
    connection.send(head("POST", "/counted.cgi?1", list(fields)))
    return connection


@pytest.mark.fault("8")
@pytest.mark.parametrize("framing", [("Content-Length", "10"), ("Transfer-Encoding", "chunked")],
                         ids=["length", "chunked"])
def test_a_client_that_is_slow_to_send_takes_no_place(server, site, framing):
    running = server("max_running = 2\nqueue = { size = 0 }")
    slow = [post(running, framing, EXPECT) for _ in range(8)]
    assert [connection.read_head().status for connection in slow] == [100] * 8
    whole = b"0123456789"
    body = whole if "Length" in framing[0] else chunk(whole) + LAST_CHUNK
    for connection in slow:
        connection.send(body[:7])
    assert admission(running) == (0, 0)
    assert running.get("/counted.cgi?1").status == 200
    for connection in slow:
        connection.send(body[7:])
        assert connection.read_response().status == 200
    assert counts(site) == (0, 1, 9)


@pytest.mark.fault("8")
def test_of_a_large_body_so_much_comes_before_its_place(server, site):
    site.program("count.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec wc -c\n")
    running = server("max_running = 1\nspool_memory = '100k'")
    connection = running.connect()
    connection.send(head("POST", "/count.cgi", [("Content-Length", "300000")]) + b"x" * 90_000)
    assert running.get("/count.cgi").body.strip() == b"0"  # its place is free
    connection.send(b"x" * 20_000)
    assert until(lambda: admission(running)[0] == 1)
    connection.send(b"x" * 190_000)
    assert connection.read_response().body.strip() == b"300000"


def test_without_spool_memory_a_place_is_taken_at_once(server, site):
    running = server("max_running = 1\nspool_memory = 0")
    connection = running.connect()
    connection.send(head("POST", "/counted.cgi", [("Content-Length", "10")]))
    assert until(lambda: admission(running)[0] == 1)
    connection.send(b"0123456789")
    go(site)
    assert connection.read_response().status == 200


@clause("rfc9110-10.1.1-final-status-instead")
@pytest.mark.parametrize("fields", [
    [("Content-Length", "10"), EXPECT], [("Transfer-Encoding", "chunked"), EXPECT],
    [("Content-Length", "10")]], ids=["length", "chunked", "no expectation"])
def test_no_body_is_asked_for_where_there_is_no_place(server, site, fields):
    running = server("max_running = 1\nqueue = { size = 0 }")
    first = ask(running)
    assert until(lambda: counts(site)[0] == 1)
    refused = post(running, *fields).read_response()
    assert refused.status == 503 and refused.header("Retry-After") and not refused.interim
    go(site)
    assert first.read_response().status == 200
    assert counts(site)[2] == 1


@pytest.mark.fault("8")
def test_who_waits_is_in_the_order_in_which_bodies_came(server, site):
    running = server("max_running = 1\nqueue = { size = 9, timeout = '60s' }")
    first = ask(running)
    assert until(lambda: admission(running) == (1, 0))
    late = post(running, ("Content-Length", "10"))
    early = ask(running, "1")
    assert until(lambda: admission(running) == (1, 1))
    late.send(b"0123456789")
    assert until(lambda: admission(running) == (1, 2))
    go(site)
    assert [int(response.body) for response in answers([first, early, late])] == [1, 2, 3]


@pytest.mark.fault("8")
def test_bodies_past_a_workers_memory_go_to_disk(server, site):
    site.program("count.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec wc -c\n")
    running = server("max_running = 1", workers=1, server="worker_body_memory = '100k'")
    waiting = [running.connect() for _ in range(3)]
    for connection in waiting:
        connection.send(head("POST", "/count.cgi", [("Content-Length", "90000")]) + b"x" * 80_000)

    def on_disk() -> int:
        return sum("/#" in file for file in descriptors(running.workers()[0]).values())

    assert until(lambda: on_disk() == 2)
    for connection in waiting:
        connection.send(b"x" * 10_000)
        assert connection.read_response().body.strip() == b"90000"
    assert until(lambda: on_disk() == 0)


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
