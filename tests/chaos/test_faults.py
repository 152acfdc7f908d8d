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

from clauses import clause
from faults import ANYBODY, REQUESTS, ask, assert_well, is_well, no_spin
from harness import until

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
    assert until(lambda: server.popen.poll() is not None, 5), "a counter is not at zero"
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
    server = serve(faults, of_site=NEEDS.get(function, ""))
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


@clause("faults-system-calls")
@pytest.mark.parametrize("case", CALLS + IN_THE_CHILD, ids=ids)
def test_every_call_fails_for_a_while(serve, faults, case):
    function, code = case
    server = serve(faults, of_site=NEEDS.get(function, ""))
    worker, = server.workers()
    with faults.failing(ANYBODY if case in IN_THE_CHILD else worker, function, code):
        with no_spin(server.pid, worker):
            end = time.monotonic() + 0.5
            while time.monotonic() < end:
                for kind in REQUESTS:
                    try:
                        response = ask(server, kind, 0.2 if function == "accept4" else 10.0)
                    except TimeoutError:
                        assert function == "accept4"  # it waits in the backlog
                        continue
                    assert response is None or not response.complete or \
                        response.status in REFUSALS.get(function, (500, 503)) or \
                        is_well(kind, response), response
    began = time.monotonic()
    assert_well(server)
    assert time.monotonic() - began < 5
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
    server = serve(faults)
    victim, = server.workers()
    faults.fail(ANYBODY, function, code)
    with no_spin(server.pid, share=0.2):
        os.kill(victim, signal.SIGKILL)
        time.sleep(1.5)
    faults.stop(function)
    assert until(lambda: server.workers() and victim not in server.workers(), 10)
    assert until(lambda: ask(server, "file"), 10)
    assert_well(server)
    end_gracefully(server)


@pytest.mark.kills_worker
@pytest.mark.expect_log("worker|cannot begin")
@pytest.mark.parametrize("function", ["socketpair", "fork", "epoll_create1", "signalfd",
                                      "epoll_ctl", "open"])
def test_worker_begins_at_the_nth_try(serve, faults, function):
    server = serve(faults)
    for n in range(1, 4):
        victim, = server.workers()
        faults.fail(ANYBODY, function, errno.ENOMEM, n, n)
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: victim not in (now := server.workers()) and len(now) == 1, 10)
        assert until(lambda: ask(server, "file", 3), 10)
        faults.stop(function)
        assert_well(server)
    end_gracefully(server)
