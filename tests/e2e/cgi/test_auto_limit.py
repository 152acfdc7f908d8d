"""max_running = "auto": how many run at once follows from what the program does. Judged by counts, and
by the limit that the server itself tells; how soon, is not asked."""

import json
import os
import socket
import struct

import pytest

from support.admin import Admin, admin_site
from support.client import Connection, head
from support.configuration import cgi_site
from support.waiting import until

PROCESSORS = len(os.sched_getaffinity(0))
START = PROCESSORS + 1  # as long as nothing is known

# Counts how many have begun. Then it waits until as many have begun as its query says, or until a file
# named "go" is there: asleep, or, while there is a file named "spin", computing.
WAITS = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void) {
  int file = open("begun", O_RDWR | O_CREAT, 0666);
  if (ftruncate(file, sizeof(int)) != 0) return 1;
  int *begun = mmap(0, sizeof *begun, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  __atomic_add_fetch(begun, 1, __ATOMIC_SEQ_CST);
  int enough = atoi(getenv("QUERY_STRING"));
  while (access("go", F_OK) != 0) {
    if (enough > 0 && __atomic_load_n(begun, __ATOMIC_SEQ_CST) >= enough) break;
    if (access("spin", F_OK) != 0) usleep(300000);
    else for (volatile int i = 0; i < 1000000; ++i) {}
  }
  puts("Content-Type: text/plain\n\nwell");
  return 0;
}
"""
KEYS = 'queue = { size = 200, timeout = "60s" }\n'


@pytest.fixture
def server(start, site):
    """server(): one with the program, and with these keys in [cgi]."""
    site.c_program("waits.cgi", WAITS)

    def start_server(cgi: str = ""):
        return start(config=cgi_site(site.root, cgi=KEYS + cgi, server="workers = 2"))

    return start_server


def begun(site) -> int:
    try:
        return struct.unpack("i", site.path("begun").read_bytes())[0]
    except (FileNotFoundError, struct.error):
        return 0


def report(server) -> dict:
    """What `cgisrv status` is told of the program."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(20)
        control.connect(str(server.runtime / f"{server.pid}.sock"))
        control.sendall(b"status\n")
        programs = json.loads(control.makefile().read().split("\n", 1)[1])["programs"]
    return programs[0] if programs else {"limit": 0, "running": 0, "waiting": 0, "limit_reason": ""}


def ask(server, count: int, query: str = "") -> list[Connection]:
    connections = [server.connect(timeout=150) for _ in range(count)]
    for connection in connections:
        connection.send(head("GET", f"/waits.cgi?{query}"))
    return connections


def all_well(connections: list[Connection]) -> bool:
    return {connection.read_response().status for connection in connections} == {200}


def test_of_what_computes_few_run(server, site):
    running = server()
    site.path("spin").touch()
    connections = ask(running, 40)
    # So it has been looked at; nothing but that tells the reason.
    assert until(lambda: report(running)["limit_reason"] == "busy", 60)
    found = report(running)
    assert found["limit"] <= START
    assert found["limit_max"] == 256
    assert found["running"] + found["waiting"] == 40
    assert begun(site) <= START
    site.path("go").touch()
    assert all_well(connections)


@pytest.mark.time_limit(120)
def test_of_what_sleeps_all_run(server, site):
    running = server()
    connections = ask(running, 100)
    assert until(lambda: begun(site) == 100, 90)
    assert report(running)["limit"] >= 100
    site.path("go").touch()
    assert all_well(connections)


@pytest.mark.time_limit(120)
def test_programs_that_wait_for_each_other_come_to_an_end(server, site):
    """Each waits, asleep, until thirty have begun."""
    assert all_well(ask(server(), 30, "30"))


@pytest.mark.time_limit(150)
def test_a_program_that_begins_to_compute_is_seen_while_it_runs(server, site):
    running = server()
    connections = ask(running, 60)
    assert until(lambda: begun(site) == 60, 90)
    assert report(running)["limit"] > START
    site.path("spin").touch()
    more = ask(running, 20)  # which find no place
    assert until(lambda: report(running)["limit"] <= START, 90)
    assert until(lambda: report(running)["waiting"] > 0 or begun(site) == 80)
    site.path("go").touch()
    assert all_well(connections + more)


def test_never_more_than_its_bound(server, site):
    running = server('max_running = "auto up to 5"\n')
    connections = ask(running, 20)
    assert until(lambda: report(running)["limit_reason"] == "max", 60)
    found = report(running)
    assert (found["limit"], found["limit_max"]) == (5, 5)
    assert until(lambda: begun(site) == 5)
    assert found["waiting"] + found["running"] == 20
    site.path("go").touch()
    assert all_well(connections)


def test_a_number_is_fixed(server, site):
    running = server("max_running = 7\n")
    connections = ask(running, 20)
    assert until(lambda: begun(site) == 7)
    found = report(running)
    assert (found["limit"], found["limit_max"], found["limit_reason"]) == (7, 7, "fixed")
    site.path("go").touch()
    assert all_well(connections)


def test_the_503_says_how_many_run(start, site):
    site.c_program("waits.cgi", WAITS)
    site.path("spin").touch()
    running = start(config=cgi_site(site.root, server="workers = 2",
                                    cgi='queue = { size = 200, timeout = "1s" }'))
    connections = ask(running, START + 5)
    running.wait_log(r'no place became free for it within 1 s \(max_running "auto", for which \d+ '
                     r"runs? for now, queue.timeout\); raise queue.timeout$")
    site.path("go").touch()
    assert {connection.read_response().status for connection in connections} == {200, 503}


def test_metrics_tell_the_limit_and_why(start, site):
    site.c_program("waits.cgi", WAITS)
    admin = Admin(start(config=admin_site(site.root, cgi=KEYS)))
    connections = ask(admin.server, 60)
    assert until(lambda: begun(site) == 60, 60)
    found = admin.metrics()

    def only(family: str) -> tuple[str, float]:
        return next((name, value) for name, value in found.items() if name.startswith(family + "{"))

    assert only("cgisrv_program_running_max")[1] >= 60
    assert only("cgisrv_program_running_bound")[1] == 256
    assert only("cgisrv_program_demand_ratio")[1] < 0.5
    name, value = only("cgisrv_program_limit_reason")
    assert value == 1
    assert 'reason="' in name
    site.path("go").touch()
    assert all_well(connections)
