"""What a line of the access log, and Server-Timing, tell of what a request cost."""

import json
import os
import re
import signal
import socket

import pytest

from support.client import head
from support.configuration import cgi_site
from support.programs import PLAIN
from support.waiting import until

# Burns a second of processor time, as the kernel counts it, with 100 MiB of memory in use.
BURNS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
int main(void) {
  size_t size = 100 << 20;
  volatile char *all = malloc(size);
  memset((char *)all, 1, size);
  while (clock() < CLOCKS_PER_SEC) all[rand() % size]++;
  puts("Content-Type: text/plain\n");
}
"""

OF_PROGRAMS = {"script", "outcome", "start", "cold_reason", "queue_ms", "start_ms", "header_ms", "run_ms", "exit", "signal",
               "cpu_user_ms", "cpu_system_ms", "peak_rss_kib", "minor_faults", "major_faults"}


class Accounted:
    def __init__(self, server, log):
        self.server = server
        self.log = log

    def lines(self, count: int = 1) -> list[dict]:
        until(lambda: self.text().count("\n") >= count)
        return [json.loads(line) for line in self.text().splitlines()]

    def text(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def line(self) -> dict:
        [line] = self.lines()
        return line


@pytest.fixture
def accounted(start, site, tmp_path):
    """accounted(cgi, format): a server with that access log and those keys of the location."""

    def start_server(cgi: str = "", format: str = "json") -> Accounted:
        log = tmp_path / "access.log"
        access = f"access = {{ path = \"{log}\", format = '{format}' }}"
        return Accounted(start(config=cgi_site(site.root, cgi, log=access)), log)

    return start_server


# What a process uses until it executes the program counts, too: there it is the worker's memory.
@pytest.mark.plain(only="a worker with sanitizers is larger than the program")
def test_processor_time_and_memory_within_5_percent(accounted, site):
    site.c_program("burns.cgi", BURNS)
    running = accounted()
    assert running.server.get("/burns.cgi").status == 200
    line = running.line()
    assert line["cpu_user_ms"] + line["cpu_system_ms"] == pytest.approx(1000, rel=0.05)
    assert line["peak_rss_kib"] == pytest.approx(100 << 10, rel=0.05)
    assert line["minor_faults"] > 1000
    # What it burnt it took, and its header came last.
    assert line["duration_ms"] >= line["run_ms"] >= 950
    assert line["header_ms"] >= 950


def test_children_that_were_waited_for_are_counted(accounted, site):
    site.c_program("burns", BURNS)
    site.program("parent.cgi", PLAIN + "./burns >/dev/null\n")
    running = accounted()
    assert running.server.get("/parent.cgi").status == 200
    line = running.line()
    assert line["cpu_user_ms"] + line["cpu_system_ms"] == pytest.approx(1000, rel=0.05)


def test_line_of_a_program_and_line_of_a_file(accounted, site):
    site.file("file.txt", "12345")
    site.program("echo.cgi", PLAIN + "cat\nexit 3\n")
    running = accounted()
    assert running.server.request("POST", "/echo.cgi?a=b", body=b"twelve bytes").status == 200
    assert running.server.get("/file.txt").status == 200
    # In either order: a program's line is written when that has been reaped.
    of_file, of_program = sorted(running.lines(2), key=len)
    assert of_program.keys() - of_file.keys() == OF_PROGRAMS
    assert not of_file.keys() & OF_PROGRAMS
    assert of_program["bytes_received"] == of_program["bytes_sent"] == 12
    assert (of_program["script"], of_program["outcome"]) == ("/echo.cgi", "bad-exit")
    assert (of_program["exit"], of_program["signal"]) == (3, None)
    assert (of_program["start"], of_program["cold_reason"]) == ("cold", None)
    assert 0 <= of_program["queue_ms"] < of_program["duration_ms"]
    spans = [of_program[name] for name in ("queue_ms", "start_ms", "run_ms")]
    assert sum(spans) <= of_program["duration_ms"]


@pytest.mark.parametrize("name, commands, cgi, outcome, exit", [
    ("no-header", "echo nothing of the kind; exec sleep 30", "", "bad-header",
     (None, "SIGTERM")),
    ("status", "exit 3", "", "exit-status", (3, None)),
    ("signal", "kill -SEGV $$", "", "signal", (None, "SIGSEGV")),
    ("slow", "exec sleep 30", "header_timeout = '200ms'", "timeout", (None, "SIGTERM")),
    ("stuck", "trap '' TERM; sleep 30 & wait; wait", "header_timeout = '200ms'\ngrace = '200ms'",
     "timeout", (None, "SIGKILL")),
])
def test_outcome_of_a_failure(accounted, site, name, commands, cgi, outcome, exit):
    """Written when the program has ended, however long that takes."""
    site.program("fails.cgi", f"#!/bin/sh\n{commands}\n")
    running = accounted(cgi)
    assert running.server.get("/fails.cgi").status in (502, 504)
    line = running.line()
    assert line["outcome"] == outcome
    assert (line["exit"], line["signal"]) == exit
    assert line["peak_rss_kib"] > 0 and line["cpu_user_ms"] is not None


@pytest.mark.fault("2j")
def test_error_after_the_header_is_told(accounted, site):
    """The client has seen a status of 200 and half a page."""
    site.program("dies.cgi", "#!/usr/bin/python3\nprint('Content-Type: text/plain\\n\\nhalf', flush=True)"
                 "\nraise KeyError('no such user')\n")
    running = accounted()
    assert running.server.get("/dies.cgi").body == b"half\n"
    line = running.line()
    assert (line["outcome"], line["status"], line["exit"]) == ("bad-exit", 200, 1)
    running.server.wait_log(r" notice .*/dies\.cgi: exit status 1 after its response: its standard "
                            r"error says why: KeyError: 'no such user'$")


@pytest.mark.fault("17")
@pytest.mark.parametrize("location, words", [
    ("/../outside", r"its Location is a path that is broken or leads out of the site"),
    ("/%zz", r"its Location is a path that is broken or leads out of the site"),
    ("/to.cgi", r"more than 10 local redirects in a row; is it a loop\?")])
def test_location_that_leads_nowhere_is_the_program_s_failure(accounted, site, location, words):
    site.prints("to.cgi", f"Location: {location}\n\n")
    running = accounted()
    assert running.server.get("/to.cgi").status == 502
    line = running.line()
    assert (line["outcome"], line["status"], line["exit"]) == ("bad-header", 502, 0)
    running.server.wait_log(rf" 502: {re.escape(str(site.root))}/to\.cgi: {words}")


def test_output_short_of_its_length_is_a_failure(accounted, site):
    """The client has seen a status of 200: only the outcome tells that it was cut."""
    site.prints("short.cgi", b"Content-Type: a/b\nContent-Length: 9\n\nabc")
    running = accounted()
    running.server.raw(head("GET", "/short.cgi"))
    line = running.line()
    assert (line["outcome"], line["status"], line["exit"]) == ("too-short", 200, 0)


def test_program_that_was_never_started(accounted, site):
    site.program("nothing.cgi", "echo without an interpreter line\n")
    running = accounted()
    assert running.server.get("/nothing.cgi").status == 502
    line = running.line()
    assert line["outcome"] == "not-started"
    assert line["start"] is line["start_ms"] is line["exit"] is line["peak_rss_kib"] is None


def test_client_that_left(accounted, site):
    site.program("slow.cgi", "#!/bin/sh\nexec sleep 30\n")
    running = accounted()
    connection = running.server.connect()
    connection.send(head("GET", "/slow.cgi"))
    assert until(running.server.programs)
    connection.close()
    line = running.line()
    assert (line["outcome"], line["status"], line["signal"]) == ("client-left", 499, "SIGTERM")


def test_body_that_was_faulty(accounted, site):
    site.program("slow.cgi", "#!/bin/sh\nexec sleep 30\n")
    running = accounted('chunked = "stream"')
    connection = running.server.connect()
    connection.send(head("POST", "/slow.cgi", [("Transfer-Encoding", "chunked")]) +
                    b"5\r\nhello\r\n")
    assert until(running.server.programs)
    connection.send(b"XX\r\n")
    assert connection.read_response().status == 400
    line = running.line()
    assert (line["outcome"], line["status"], line["signal"]) == ("bad-body", 400, "SIGTERM")
    assert "its request's body failed" in running.server.log()
    assert "client has gone" not in running.server.log()


def test_body_that_ends_early_after_the_header(accounted, site):
    """The end of a connection that ends the response must not make a half for a whole."""
    site.program("half.cgi", f"{PLAIN}echo half\nexec sleep 30\n")
    running = accounted('spool_memory = 0')
    connection = running.server.connect()
    connection.send(b"POST /half.cgi HTTP/1.0\r\nContent-Length: 10\r\n\r\nabc")
    answer = b""
    while b"half" not in answer:
        answer += connection.socket.recv(1 << 16)
    connection.socket.shutdown(socket.SHUT_WR)
    with pytest.raises(ConnectionResetError):
        connection.socket.recv(1)
    line = running.line()
    assert (line["outcome"], line["status"], line["signal"]) == ("bad-body", 200, "SIGTERM")


def test_no_place_to_run(accounted, site):
    site.program("slow.cgi", PLAIN + "sleep 30\n")
    running = accounted("max_running = 1\nqueue = { size = 0 }")
    first = running.server.connect()
    first.send(head("GET", "/slow.cgi"))
    assert until(running.server.programs)
    assert running.server.get("/slow.cgi").status == 503
    line = running.line()
    assert (line["outcome"], line["status"], line["start_ms"]) == ("refused", 503, None)


def test_wait_for_a_place_is_told(accounted, site):
    site.program("slow.cgi", PLAIN + "sleep 0.5\n")
    running = accounted("max_running = 1\nserver_timing = true")
    connections = [running.server.connect() for _ in range(2)]
    for connection in connections:
        connection.send(head("GET", "/slow.cgi"))
    responses = [connection.read_response() for connection in connections]
    waits = sorted(line["queue_ms"] for line in running.lines(2))
    assert waits[0] < 250 <= waits[1]
    told = [re.fullmatch(r"queue;dur=([\d.]+), start;dur=([\d.]+), header;dur=([\d.]+)",
                         response.header("Server-Timing")) for response in responses]
    assert waits == pytest.approx(sorted(float(one.group(1)) for one in told), abs=0.001)


def test_server_timing_is_off_unless_asked_for(accounted, site):
    site.program("hello.cgi", PLAIN)
    running = accounted()
    assert running.server.get("/hello.cgi").header("Server-Timing") is None


def test_program_that_works_on_is_not_waited_for(accounted, site):
    """It closed its output: the line is written now, without what is not known yet."""
    site.program("works-on.cgi", PLAIN + "exec >&-\nexec sleep 4\n")
    running = accounted()
    assert running.server.get("/works-on.cgi").status == 200
    line = running.line()
    assert line["outcome"] == "answered"
    assert line["exit"] is line["run_ms"] is line["cpu_user_ms"] is None
    for program in running.server.programs():
        os.kill(program.pid, signal.SIGKILL)


def test_format_of_ones_own(accounted, site):
    site.program("hello.cgi", PLAIN + "echo hello\n")
    running = accounted(format="{{{status}}} {exit} {bytes_sent} {outcome} {start} {referer}")
    assert running.server.get("/hello.cgi").status == 200
    assert until(running.text)
    assert running.text() == "{200} 0 6 answered cold -\n"


def test_field_that_does_not_exist(run, site, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text(f"[log.access]\nformat = '{{peak_rs_kib}}'\n[[site]]\nroot = '{site.root}'\n")
    checked = run("check", "-c", file)
    assert checked.returncode == 78
    assert f"{file}:2:10: " in checked.stderr
    assert "there is no field {peak_rs_kib}; did you mean {peak_rss_kib}?" in checked.stderr


EARLY = ("#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 5\\n\\nwhole'\nexec >&-\n"
         "sleep 0.6\necho late >&2\n{end}\n")


@pytest.mark.parametrize("end, key, value, outcome", [
    pytest.param("exit 3", "exit", 3, "bad-exit", id="exit"),
    pytest.param("kill -9 $$", "signal", "SIGKILL", "signal", id="signal",
                 marks=pytest.mark.expect_log("killed by signal 9 .SIGKILL. after its response:"))])
def test_a_whole_response_does_not_wait_for_the_exit_but_its_line_does(
        accounted, site, end, key, value, outcome):
    site.program("early.cgi", EARLY.format(end=end))
    site.program("next.cgi", PLAIN)
    served = accounted()
    with served.server.connect() as connection:
        assert connection.request("GET", "/early.cgi").body == b"whole"
        assert connection.request("GET", "/next.cgi").status == 200
        assert [p.name for p in served.server.programs()], "it still runs"
        late = next(line for line in served.lines(2) if line["script"] == "/early.cgi")
        assert (late["status"], late[key], late["outcome"]) == (200, value, outcome)
        assert late["run_ms"] > 500
        assert "late" in served.server.log()
        assert connection.request("GET", "/next.cgi").status == 200
