"""The wall clock jumps, as it does when a machine finds its time server late: nothing may care."""

import time
from email.utils import parsedate_to_datetime

import pytest

from support.clauses import clause
from support.client import head
from support.fault_injection import assert_well, no_spin
from support.stages import STAGES, Stages
from support.waiting import until

HOUR = 3600
YEAR = 365 * 24 * HOUR


@clause("faults-clock")
@pytest.mark.parametrize("jump", [HOUR, -HOUR, YEAR, -YEAR, 30 * YEAR], ids=str)
def test_jump_in_the_middle_of_everything(serve, faults, site, jump):
    """No deadline is early or late, nobody is replaced, and the dates are the new ones."""
    stages = Stages(site)
    site.program("second.cgi", "#!/bin/sh\nsleep 1\nprintf 'Content-Type: text/plain\\n\\nx'\n")
    server = serve(limits='header_timeout = "2s"')
    worker, = server.workers()
    assert_well(server)  # the library has made its plan
    began = time.monotonic()
    held = {stage.name: stages.reach(server, stage)[0] for stage in STAGES}
    slow = server.connect()
    slow.send(head("GET", "/second.cgi"))
    faults.move_wall_clock(jump)
    with no_spin(server, server.pid, worker, per_second=1000):  # two clients are fed without end
        response = held["keep-alive"].request("GET", "/hello.txt")
        shown = parsedate_to_datetime(response.header("Date")).timestamp()
        assert abs(shown - (time.time() + jump)) < HOUR / 2
        assert slow.read_response().body == b"x"
        assert b" 408 " in held["in-head"].read_rest()
        assert time.monotonic() - began >= 2
    assert held["body-streaming"].silent(0.1)
    assert held["program-started"].silent(0.1)
    time.sleep(1)  # longer than between two heartbeats
    assert server.workers() == [worker]
    assert_well(server)
    faults.move_wall_clock(0)
    assert_well(server)
    assert held["keep-alive"].request("GET", "/hello.txt").body == b"hello"


def test_file_from_the_future(serve, site):
    """As after a jump back: its Last-Modified is not past the Date (RFC 9110 section 8.8.2.1)."""
    site.file("new", "new", mtime=time.time() + YEAR)
    server = serve()
    response = server.get("/new")
    date, modified = (parsedate_to_datetime(response.header(name))
                      for name in ("Date", "Last-Modified"))
    assert modified <= date
    assert until(lambda: server.get("/new").status == 200)
