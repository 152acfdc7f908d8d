"""Warm start: unmodified programs, each request in a process that is forked from one that stands ready."""

import os
import re
import resource
import signal
import threading
import time

import pytest

from support.client import head
from support.processes import alive, process
from support.waiting import until
from support.warm import HEADER, Warm, warm_site

PERL = f"""#!/usr/bin/perl -w
use strict;
use POSIX ();
my $count = 0;
++$count;
print "{HEADER}";
print "perl $count $0 $ENV{{QUERY_STRING}} ", getppid() == $$ ? "" : "child", "\\n";
print STDERR "said by $ENV{{QUERY_STRING}}\\n" if $ENV{{QUERY_STRING}} =~ /say/;
print <STDIN> if $ENV{{REQUEST_METHOD}} eq 'POST';
sleep 300 if $ENV{{QUERY_STRING}} eq 'sleep';
kill 'SEGV', $$ if $ENV{{QUERY_STRING}} eq 'crash';
exit 3 if $ENV{{QUERY_STRING}} eq 'exit';
"""

PYTHON = """#!/usr/bin/python3
import json, os, sys
print("Content-Type: text/plain\\n")
print("python", __name__, sys.argv, os.environ["QUERY_STRING"])
if os.environ["REQUEST_METHOD"] == "POST":
    print(sys.stdin.read())
"""

NATIVE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int count;
__attribute__((constructor)) static void begin(void) { ++count; }
int main(int argc, char **argv) {
  char input[100] = "";
  printf("Content-Type: text/plain\n\nnative %d %d %s\n", ++count, argc, getenv("QUERY_STRING"));
  if (fgets(input, sizeof input, stdin)) fputs(input, stdout);
}
"""


@pytest.fixture
def warm(start, site, tmp_path):
    def start_warm(more: str = "") -> Warm:
        log = tmp_path / "access"
        server = start(config=warm_site(site.root, log, more))
        return Warm(server, log)

    site.program("perl.cgi", PERL)
    site.program("python.cgi", PYTHON)
    site.c_program("native.cgi", NATIVE)
    return start_warm


@pytest.mark.parametrize("name", ["perl", "python", "native"])
def test_the_first_request_is_plain_and_later_ones_are_warm_and_the_same(warm, name):
    served = warm()
    first = served.get(f"/{name}.cgi?x=1")
    assert served.how(f"/{name}.cgi?x=1") == ["cold", "booting"]
    served.boot(f"/{name}.cgi")
    for _ in range(3):
        later = served.get(f"/{name}.cgi?x=1")
        assert (later.status, later.body) == (first.status, first.body)
    assert served.how(f"/{name}.cgi?x=1") == ["warm", "-"]


@pytest.mark.parametrize("name", ["perl", "python", "native"])
def test_each_request_has_its_own_input_and_query(warm, name):
    served = warm()
    served.boot(f"/{name}.cgi")
    for i in range(5):
        answer = served.server.request("POST", f"/{name}.cgi?n={i}", body=b"body %d" % i)
        assert f"n={i}".encode() in answer.body and b"body %d" % i in answer.body
        assert all(f"n={other}".encode() not in answer.body for other in range(5) if other != i)


def test_an_edited_script_is_seen_by_the_next_request(warm, site):
    served = warm()
    served.boot("/perl.cgi")
    zygotes = set(served.server.zygotes())
    site.program("perl.cgi", PERL.replace("perl $count", "new $count"))
    assert served.get("/perl.cgi?x").body.startswith(b"new 1")
    served.assert_saw_change("/perl.cgi?x", zygotes)
    served.boot("/perl.cgi")
    assert served.get("/perl.cgi?x").body.startswith(b"new 1")


def test_an_edited_module_is_seen_within_a_second(warm, site):
    site.file("Own.pm", "package Own; sub word { 'before' } 1;\n", mtime=time.time())
    site.program("uses.cgi", "#!/usr/bin/perl\nuse FindBin; use lib $FindBin::Bin; use Own;\n"
                             f'print "{HEADER}", Own::word();\n')
    served = warm()
    served.boot("/uses.cgi")
    assert served.get("/uses.cgi").body == b"before"
    site.file("Own.pm", "package Own; sub word { 'after' } 1;\n", mtime=time.time())
    assert until(lambda: served.get("/uses.cgi").body == b"after", 5, 0.05)
    assert until(lambda: served.get("/uses.cgi") and served.how("/uses.cgi")[0] == "warm", 10, 0.05)
    assert served.get("/uses.cgi").body == b"after"


def test_errors_output_and_exit_status_are_told_as_ever(warm):
    served = warm()
    served.boot("/perl.cgi")
    assert served.get("/perl.cgi?say").status == 200
    served.server.wait_log(r"notice \[\d+\] \[[0-9a-f]{16}\] /perl.cgi: stderr: said by say")
    assert served.get("/perl.cgi?exit").status == 200
    assert until(lambda: served.settled("/perl.cgi?exit")[-1][2:] ==
                 ["warm", "-", "bad-exit", "3", "-"])


def test_one_that_dies_of_broken_memory_takes_its_zygote_with_it(warm):
    served = warm()
    served.boot("/perl.cgi")
    [zygote] = served.server.zygotes()
    assert served.get("/perl.cgi?crash").status == 502
    assert until(lambda: served.settled("/perl.cgi?crash")[-1][2:] ==
                 ["warm", "-", "signal", "-", "SIGSEGV"])
    assert until(lambda: not alive(zygote))
    served.boot("/perl.cgi")


def test_a_client_that_leaves_ends_its_program(warm):
    served = warm('grace = "1s"')
    served.boot("/perl.cgi")
    connection = served.server.connect()
    connection.send(head("GET", "/perl.cgi?sleep"))
    assert until(served.server.programs)
    connection.close()
    assert until(lambda: not served.server.programs())


def test_a_time_limit_ends_a_warm_program(warm):
    served = warm('timeout = "2s"\ngrace = "1s"')
    served.boot("/perl.cgi")
    connection = served.server.connect()
    connection.send(head("GET", "/perl.cgi?sleep"))
    assert until(lambda: served.settled("/perl.cgi?sleep")[-1:] and
                 served.settled("/perl.cgi?sleep")[-1][4] == "timeout")


def test_what_cannot_be_warm_is_started_cold_and_the_log_says_why_once(warm, site):
    site.program("sh.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nplain'\n")
    site.program("thread.cgi", "#!/usr/bin/python3\nimport looker\n"
                               "print('Content-Type: text/plain\\n\\nplain')\n")
    site.file("looker.py", "import os\nos.environ.get('QUERY_STRING')\n")
    served = warm('warm = { preload = "all" }')
    for name in ("sh", "thread"):
        def is_refused() -> bool:
            assert served.get(f"/{name}.cgi").body.strip() == b"plain"
            return served.how(f"/{name}.cgi") == ["cold", "refused"]
        assert until(is_refused, 10, 0.05)
        for _ in range(5):
            assert served.get(f"/{name}.cgi").body.strip() == b"plain"
        said = [line for line in served.server.log().splitlines()
                if f"/{name}.cgi: started cold, not warm: " in line]
        assert len(said) == 1


def test_modules_that_are_named_are_loaded_beforehand(warm, site):
    site.file("own.py", "import os\nprocess = os.getpid()\n")
    site.program("late.cgi", "#!/usr/bin/python3\ndef late():\n  import own, os\n"
                             f"  print('{HEADER}', own.process != os.getpid())\nlate()\n")
    served = warm('warm = { preload = ["own"] }')
    served.boot("/late.cgi")
    assert served.get("/late.cgi").body.split() == [b"True"]
    served.boot("/native.cgi")

    def is_refused() -> bool:
        assert served.get("/perl.cgi").body.startswith(b"perl 1")
        return served.how("/perl.cgi") == ["cold", "refused"]

    assert until(is_refused, 10, 0.05)
    assert re.search(r"/perl.cgi: started cold, not warm: Its configuration has own preloaded, "
                     r"which cannot be loaded by /usr/bin/perl: Can't locate own.pm in @INC; install it, or take "
                     r"it out of that list\.", served.server.log())


def test_a_killed_zygote_costs_no_request_that_had_not_begun(warm):
    served = warm()
    served.boot("/python.cgi")
    stop = threading.Event()
    wrong = []

    def ask() -> None:
        while not stop.is_set():
            answer = served.get("/python.cgi?q")
            if answer.status != 200 or b"python __main__" not in answer.body:
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.3)
        for zygote in served.server.zygotes():
            os.kill(zygote, signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    assert not wrong
    served.server.checkpoint(settle=True)


def stop(server, zygote: int) -> list[int]:
    """It, and what it has forked for requests to come, which would answer for it."""
    os.kill(zygote, signal.SIGSTOP)
    waiting = server.waiting()
    for pid in waiting:
        os.kill(pid, signal.SIGSTOP)
    return [zygote, *waiting]


def test_a_stopped_zygote_holds_up_no_request_for_long(warm):
    served = warm()
    served.boot("/perl.cgi")
    [zygote] = served.server.zygotes()
    stopped = stop(served.server, zygote)
    try:
        began = time.monotonic()
        assert served.get("/perl.cgi?x").body.startswith(b"perl 1")
        assert time.monotonic() - began < 20
        assert served.how("/perl.cgi?x") == ["cold", "failed"]
    finally:
        for pid in filter(alive, stopped):
            os.kill(pid, signal.SIGCONT)
    time.sleep(0.2)
    assert len(served.settled("/perl.cgi?x")) == 1


@pytest.mark.fault("26")
def test_a_stopped_zygote_is_killed_and_replaced(warm):
    served = warm()
    served.boot("/perl.cgi")
    [zygote] = served.server.zygotes()
    os.kill(zygote, signal.SIGSTOP)
    served.server.wait_log(rf"perl.cgi: its zygote {zygote} is killed: it has been stopped", 20)
    assert until(lambda: not alive(zygote), 20)
    served.boot("/perl.cgi")


SILENT = f"""#!/usr/bin/perl
print "{HEADER}";
kill 'STOP', getppid if $ENV{{QUERY_STRING}} eq 'stop';
"""


@pytest.mark.fault("26")
def test_what_a_stopped_zygote_held_is_free(warm, site):
    """One place, and the program that has it stops who should tell that it is free."""
    site.program("silent.cgi", SILENT)
    served = warm("max_running = 1\nqueue = { timeout = \"1s\" }")
    served.boot("/silent.cgi")
    for _ in range(3):
        served.get("/silent.cgi?stop")
        assert until(lambda: served.get("/silent.cgi?x").status == 200, 30, 0.1)
        served.boot("/silent.cgi")


def test_a_zygote_whose_limits_were_lowered_is_replaced(warm):
    """Any process of its user may do that by prlimit(2), and each of its processes would have them."""
    served = warm()
    served.boot("/perl.cgi")
    [zygote] = served.server.zygotes()
    resource.prlimit(zygote, resource.RLIMIT_FSIZE, (0, resource.prlimit(zygote, resource.RLIMIT_FSIZE)[1]))
    served.server.wait_log(f"its zygote {zygote} is replaced: another process has lowered its resource limits")
    assert until(lambda: served.server.zygotes() not in ([], [zygote]) and not alive(zygote))
    served.boot("/perl.cgi")


@pytest.mark.fault("26")
def test_a_stopped_zygote_manager_is_killed_and_replaced(start, site, tmp_path):
    site.program("perl.cgi", PERL)
    log = tmp_path / "access"
    server = start(config=warm_site(site.root, log, server='heartbeat_timeout = "1s"',
                                    admin='listen = "127.0.0.1:0"'))
    served = Warm(server, log)
    served.boot("/perl.cgi")
    for part, name in ((server.zygote_manager, "the zygote manager"),
                       (server.admin, "the admin process")):
        victim = part()
        os.kill(victim, signal.SIGSTOP)
        server.wait_log(rf"{name} \(pid {victim}\): no heartbeat for 1.0 s; killing it", 20)
        assert until(lambda: part() not in (0, victim), 20)
        assert not alive(victim)
    served.boot("/perl.cgi")


@pytest.mark.kills_worker
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_a_program_is_ended_with_its_worker_when_its_zygote_is(warm, number):
    """The zygote would do so otherwise."""
    served = warm()
    served.boot("/perl.cgi")
    connections = [served.server.connect() for _ in range(4)]
    for connection in connections:
        connection.send(head("GET", "/perl.cgi?sleep"))
    assert until(lambda: len(served.server.programs()) == 4)
    [zygote] = served.server.zygotes()
    os.kill(zygote, number)
    assert until(lambda: not alive(zygote), 20)
    time.sleep(0.2)
    assert len(served.server.programs()) == 4
    for worker in served.server.workers():
        os.kill(worker, signal.SIGKILL)
    assert until(lambda: not [p for p in served.server.programs() if p.state != "Z"])


def test_another_zygote_manager_takes_the_place_of_one_that_died(warm):
    served = warm()
    served.boot("/perl.cgi")
    zygote_manager, [zygote] = served.server.zygote_manager(), served.server.zygotes()
    os.kill(zygote_manager, signal.SIGKILL)
    assert served.get("/perl.cgi").status == 200
    assert until(lambda: served.server.zygote_manager() not in (0, zygote_manager))
    assert until(lambda: not alive(zygote))
    served.boot("/perl.cgi")


@pytest.mark.kills_worker
def test_the_programs_of_a_worker_that_dies_are_ended(warm):
    served = warm()
    served.boot("/perl.cgi")
    connections = [served.server.connect() for _ in range(4)]
    for connection in connections:
        connection.send(head("GET", "/perl.cgi?sleep"))
    assert until(lambda: len(served.server.programs()) == 4)
    for worker in served.server.workers():
        os.kill(worker, signal.SIGKILL)
    assert until(lambda: not served.server.programs())
    assert until(lambda: len(served.server.workers()) == 2)
    served.boot("/perl.cgi")


def test_an_unused_zygote_retires(warm):
    served = warm('warm = { idle = "1s" }')
    served.boot("/perl.cgi")
    assert until(lambda: not served.server.zygotes(), 10)
    served.boot("/perl.cgi")


def test_a_zygote_that_has_served_its_requests_is_replaced(warm):
    served = warm("warm = { max_requests = 5 }")
    served.boot("/perl.cgi")
    [before] = served.server.zygotes()

    def is_replaced() -> bool:
        assert served.get("/perl.cgi").status == 200
        return before not in served.server.zygotes()

    assert until(is_replaced, 20, 0.05)
    assert "max_requests" in served.server.log()
    served.boot("/perl.cgi")


def test_several_zygotes_of_a_program_share_the_workers(warm, site):
    site.program("parent.cgi", f"#!/usr/bin/perl\nprint qq({HEADER}), getppid;\n")
    served = warm("warm = { zygotes = 2, waiting = 0 }\n[server]\nworkers = 2")
    served.boot("/parent.cgi")
    assert len(served.server.zygotes()) == 2
    assert served.server.waiting() == []
    parents = {int(served.get("/parent.cgi").body) for _ in range(8)}
    assert parents <= set(served.server.zygotes()) and len(parents) == 2


def test_what_is_refused_to_one_zygote_is_refused_to_all_and_said_once(warm, site):
    site.program("prints.cgi", "#!/usr/bin/perl\nBEGIN { print qq(Status: 204\\n\\n) }\n")
    served = warm('warm = { zygotes = 2 }\n[server]\nworkers = 2')

    def is_refused() -> bool:
        answers = [served.get("/prints.cgi").status for _ in range(4)]
        assert answers == [204] * 4
        return all(line[3] == "refused" for line in served.settled("/prints.cgi")[-4:])

    assert until(is_refused, 10, 0.05)
    assert served.server.log().count("prints.cgi: started cold, not warm") == 1


def test_so_many_wait_as_is_configured(warm, site):
    site.program("pid.cgi", f"#!/usr/bin/perl\nprint qq({HEADER}), $$;\n")
    served = warm("warm = { waiting = 3 }")
    served.boot("/pid.cgi")
    assert until(lambda: len(served.server.waiting()) == 3)
    before = served.server.waiting()
    assert int(served.get("/pid.cgi").body) in before
    assert until(lambda: len(served.server.waiting()) == 3)


def test_a_program_too_large_to_be_kept_is_booted_once(warm):
    served = warm('warm = { max_memory = "1m" }')

    def is_refused() -> bool:
        assert served.get("/perl.cgi").status == 200
        return served.how("/perl.cgi") == ["cold", "refused"]

    assert until(is_refused, 10, 0.05)
    time.sleep(1.2)
    assert is_refused() and not served.server.zygotes()
    assert served.server.log().count("max_memory") == 1


def test_a_program_that_crashes_while_it_loads_is_loaded_once(warm, site):
    site.program("crash.cgi", f"""#!/usr/bin/perl
BEGIN {{ kill 'SEGV', $$ unless exists $ENV{{QUERY_STRING}} }}
print "{HEADER}plain";
""")
    served = warm()

    def is_refused() -> bool:
        assert served.get("/crash.cgi").body == b"plain"
        return served.how("/crash.cgi") == ["cold", "refused"]

    assert until(is_refused, 10, 0.05)
    assert "it ended while it was loaded (killed by signal 11 (SIGSEGV))" in served.server.log()


def test_nothing_is_left_of_many_requests(warm):
    served = warm()
    served.boot("/native.cgi")
    [zygote] = served.server.zygotes()
    before = len(os.listdir(f"/proc/{zygote}/fd"))
    connection = served.server.connect()
    for _ in range(1000):
        assert connection.request("GET", "/native.cgi?x").body.startswith(b"native")
    assert len(os.listdir(f"/proc/{zygote}/fd")) == before
    assert until(lambda: process(zygote).state == "S")


def test_directory_mode_has_a_switch_for_it(start, site):
    site.program("cgi-bin/perl.cgi", PERL)
    server = start(site, "--warm")
    assert server.get("/cgi-bin/perl.cgi").status == 200
    server.settle_warm()
    assert server.get("/cgi-bin/perl.cgi").body.startswith(b"perl 1")


@pytest.mark.fault("24e")
def test_the_log_says_where_little_is_gained(warm, site):
    """Of ten requests and more, the loading of what is not preloaded takes most."""
    site.program("late.cgi", "#!/usr/bin/python3\ndef late():\n    import flask\nlate()\n"
                             f"print('{HEADER}done')\n")
    served = warm()
    served.boot("/late.cgi")
    served.boot("/native.cgi")
    for _ in range(12):
        for name in ("late", "native"):
            assert served.get(f"/{name}.cgi").status == 200
    served.server.wait_log(r"/late.cgi: a request takes .* ms of a processor although it is started "
                           r"warm, .*cgisrv exec --verify", 20)
    assert "native.cgi: a request takes" not in served.server.log()


@pytest.mark.fault("2n")
def test_a_kind_that_is_not_kept_warm_is_told_once_and_is_no_warning(warm, site):
    names = [f"sh{number}" for number in range(4)]
    for name in names:
        site.program(f"{name}.cgi", f"#!/bin/sh\nprintf '{HEADER}plain'\n")
    served = warm()

    def are_refused() -> bool:
        assert all(served.get(f"/{name}.cgi").text == "plain" for name in names)
        return all(served.how(f"/{name}.cgi") == ["cold", "refused"] for name in names)

    assert until(are_refused, 20, 0.05)
    [line] = [line for line in served.server.log().splitlines() if "started cold" in line]
    assert "info" in line and "warn" not in line
    assert "a shell is not what takes the time" in line
