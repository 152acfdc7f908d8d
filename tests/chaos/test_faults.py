"""Calls that fail: at the first, the second, the n-th time, and again and again.

The answer is then 503 or 500, or the connection is closed where nothing can be said on it any more;
the worker goes on, and everything is well as soon as the calls succeed again. Counters that did not
return to zero would keep a worker from ending: every test here ends with a graceful stop.
"""

import errno
import os
import signal
import time

import pytest

from support.clauses import clause
from support.client import head
from support.fault_injection import ANYBODY, REQUESTS, ask, assert_well, is_well, no_spin
from support.programs import PLAIN
from support.waiting import until

# What a worker calls for its requests, and how it can fail.
CALLS = [
    ("accept4", errno.EMFILE), ("accept4", errno.ENFILE), ("accept4", errno.ENOBUFS),
    ("accept4", errno.ENOMEM), ("accept4", errno.ECONNABORTED),
    ("clone", errno.EAGAIN), ("clone", errno.ENOMEM),
    ("pipe2", errno.EMFILE), ("pipe2", errno.ENFILE),
    ("open", errno.EMFILE), ("open", errno.ENFILE), ("open", errno.ENOMEM), ("open", errno.ENOSPC),
    ("openat2", errno.EMFILE), ("openat2", errno.ENOMEM), ("fdopendir", errno.ENOMEM),
    ("epoll_ctl", errno.ENOMEM), ("epoll_ctl", errno.ENOSPC),
    ("memfd_create", errno.EMFILE), ("memfd_create", errno.ENOMEM),
    ("sendfile", errno.ENOMEM), ("sendfile", errno.EIO), ("sendfile", errno.ENOSPC),
    ("fstat", errno.ENOMEM),
    ("send", errno.ENOBUFS), ("recv", errno.ENOMEM),
]
IN_THE_CHILD = [("execve", errno.ENOMEM), ("execve", errno.EAGAIN), ("execve", errno.EMFILE),
                ("execve", errno.ENFILE), ("chdir", errno.ENOMEM)]


def ids(case) -> str:
    return f"{case[0]}-{errno.errorcode[case[1]]}"


def end_gracefully(server) -> None:
    server.signal(signal.SIGQUIT)
    assert until(lambda: server.popen.poll() is not None), "a counter is not at zero"
    assert server.popen.returncode == 0


# Nobody can answer on a connection that cannot be watched, read from or written to.
SILENT = {"epoll_ctl", "send", "recv", "sendfile"}
# A body that cannot be read on looks like one that its client has cut short.
REFUSALS = {"recv": (400,)}
# What is called only where it is asked for.
NEEDS = {"openat2": 'symlinks = "never"'}


@clause("faults-system-calls")
@pytest.mark.parametrize("case", CALLS + IN_THE_CHILD, ids=ids)
def test_nth_call_fails(serve, faults, case):
    function, code = case
    server = serve(of_site=NEEDS.get(function, ""))
    worker, = server.workers()
    process = ANYBODY if case in IN_THE_CHILD else worker
    refused = 0
    for kind in REQUESTS:
        for n in range(1, 50):
            with faults.failing(process, function, code, n, n):
                response = ask(server, kind)
            if not faults.failed(function):
                assert is_well(kind, response), f"{kind}, {n}: {response}"
                break  # it calls no more often than that
            refused += 1
            if response is None or not response.complete:
                assert function in SILENT, f"{kind}, {n}: no answer"
            else:
                assert response.status in REFUSALS.get(function, (500, 503)) or \
                    is_well(kind, response), f"{kind}, {n}: {response}"
        else:
            pytest.fail(f"{kind}: {function} is called without end")
    assert refused, f"{function} was never called"
    assert_well(server)
    assert server.workers() == [worker]
    end_gracefully(server)


ROUNDS = 3


@clause("faults-system-calls")
@pytest.mark.parametrize("case", [case for case in CALLS if case[0] != "accept4"] + IN_THE_CHILD,
                         ids=ids)
def test_every_call_fails_for_a_while(serve, faults, case):
    function, code = case
    server = serve(of_site=NEEDS.get(function, ""))
    worker, = server.workers()
    kinds = list(REQUESTS) * ROUNDS
    with faults.failing(ANYBODY if case in IN_THE_CHILD else worker, function, code):
        with no_spin(server, server.pid, worker, asked=len(kinds)):
            for kind in kinds:
                response = ask(server, kind)
                assert response is None or not response.complete or \
                    response.status in REFUSALS.get(function, (500, 503)) or \
                    is_well(kind, response), response
            time.sleep(0.3)  # nobody asks, and nothing is to be tried again and again
    assert_well(server)
    assert server.workers() == [worker]
    end_gracefully(server)


@clause("faults-system-calls")
@pytest.mark.parametrize("case", [case for case in CALLS if case[0] == "accept4"], ids=ids)
def test_nobody_is_accepted_for_a_while(serve, faults, case):
    server = serve()
    worker, = server.workers()
    with faults.failing(worker, *case), no_spin(server, server.pid, worker, asked=1):
        waiting = server.connect()
        waiting.send(REQUESTS["file"][0])
        assert waiting.silent(0.5)  # in the backlog
    assert_well(server)
    assert waiting.read_response().body == b"hello"
    waiting.close()
    assert server.workers() == [worker]
    end_gracefully(server)


# What the master needs for a new worker, and a worker to begin.


@clause("faults-system-calls")
@pytest.mark.kills_worker
@pytest.mark.expect_log("worker|cannot begin")
@pytest.mark.parametrize("case", [
    ("socketpair", errno.EMFILE), ("fork", errno.EAGAIN), ("fork", errno.ENOMEM),
    ("epoll_create1", errno.EMFILE), ("epoll_create1", errno.ENOMEM), ("signalfd", errno.ENFILE),
    ("epoll_ctl", errno.ENOSPC), ("open", errno.EMFILE), ("mmap", errno.ENOMEM)], ids=ids)
def test_worker_cannot_be_replaced_for_a_while(serve, faults, case):
    """The master tries again, ever later, and serves as soon as it can."""
    function, code = case
    server = serve()
    victim, = server.workers()
    faults.fail(ANYBODY, function, code)
    with no_spin(server, server.pid):
        os.kill(victim, signal.SIGKILL)
        time.sleep(1.5)
    faults.stop(function)
    assert until(lambda: server.workers() and victim not in server.workers())
    assert until(lambda: ask(server, "file"))
    assert_well(server)
    end_gracefully(server)


@pytest.mark.kills_worker
@pytest.mark.expect_log("worker|cannot begin")
@pytest.mark.parametrize("function", ["socketpair", "fork", "epoll_create1", "signalfd",
                                      "epoll_ctl", "open"])
def test_worker_begins_at_the_nth_try(serve, faults, function):
    server = serve()
    for n in range(1, 4):
        victim, = server.workers()
        faults.fail(ANYBODY, function, errno.ENOMEM, n, n)
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: victim not in (now := server.workers()) and len(now) == 1, 10)
        assert until(lambda: ask(server, "file"))
        faults.stop(function)
        assert_well(server)
    end_gracefully(server)


# What the master cannot say to a worker.


@clause("faults-system-calls")
def test_place_that_cannot_be_granted_is_granted_later(serve, faults, site):
    """It stayed free, beside a request that waited to its end."""
    site.program("one.cgi", f"{PLAIN}while [ ! -e go ]; do sleep 0.01; done\necho done\n")
    server = serve(of_site="""
        [[site.location]]
        match = "=/one.cgi"
        cgi = true
        max_running = 1
        queue = { timeout = "120s" }
    """)
    runs, waits = server.connect(), server.connect()
    for connection in (runs, waits):
        connection.send(head("GET", "/one.cgi"))
        assert until(server.programs)
    assert waits.silent(0.5)
    with faults.failing(server.pid, "send", errno.ENOBUFS), no_spin(server, server.pid):
        site.path("go").touch()
        assert runs.read_response().body == b"done\n"
        assert until(lambda: faults.failed("send"))
        assert waits.silent(0.5)
    assert waits.read_response().body == b"done\n"


@clause("faults-system-calls")
def test_program_that_the_master_cannot_speak_of_runs_later(serve, faults):
    server = serve()
    with server.connect() as connection:
        assert connection.request("GET", "/hello.txt").body == b"hello"
        with faults.failing(server.pid, "send", errno.ENOBUFS), no_spin(server, server.pid):
            connection.send(head("GET", "/worker.cgi"))
            assert until(lambda: faults.failed("send"))
            assert connection.silent(0.5)
        assert connection.read_response().status == 200


@clause("faults-system-calls")
@pytest.mark.slow
def test_master_that_is_silent_is_named(serve, faults):
    server = serve()
    with server.connect() as connection:
        assert connection.request("GET", "/hello.txt").body == b"hello"
        with faults.failing(server.pid, "send", errno.ENOBUFS):
            connection.send(head("GET", "/worker.cgi"))
            assert connection.read_response().status == 503
    server.wait_log(r"503: .*worker.cgi: the master process has not answered within 5 s")
    assert "queue.timeout" not in server.log()
