"""How long a program lives: with its client, without it, and what it leaves behind."""

import signal
import time

import pytest

from support.clauses import clause
from support.client import chunk, head
from support.configuration import cgi_site
from support.processes import alive, process
from support.programs import PLAIN
from support.waiting import until

# Prints its process id, then does what a test asks for, and says in a file that it came to its end.
BEGIN = PLAIN + "echo $$ > pid\necho begun\n"
TOLD = "trap 'echo told > told' TERM\n"


@pytest.fixture
def serve(start, site):
    def serve_with(lines: str = "", location: str = ""):
        return start(config=cgi_site(site.root, location, limits='half_close_timeout = "0s"',
                                     cgi=f'on_disconnect = "finish"\ngrace = "500ms"\n{lines}'))
    return serve_with


def leave(server, site, target: str = "/works.cgi", how: str = "reset") -> int:
    """Asks for a program, waits until it runs, and goes; returns its process id."""
    connection = server.connect()
    connection.send(head("GET", target))
    pid = site.root / "pid"
    assert until(lambda: pid.exists() and pid.read_text().endswith("\n"))
    getattr(connection, how)()
    return int(pid.read_text())


def test_the_log_tells_a_stop_from_a_client_that_leaves(start, site):
    site.program("works.cgi", BEGIN + "exec sleep 30\n")
    server = start(site)
    leave(server, site)
    server.wait_log(r"works\.cgi: ended, since its client has gone")
    server.checkpoint()
    stays = server.connect()
    stays.send(head("GET", "/works.cgi"))
    assert stays.read_head().status == 200
    server.signal(signal.SIGTERM)
    server.wait_log(r"works\.cgi: ended, since the server stops")
    assert server.popen.wait(25) == 0


# on_disconnect = "finish".


@clause("programs-client-leaves-finish")
@pytest.mark.parametrize("how", ["reset", "close"])
def test_runs_on_to_its_end(serve, site, how):
    """It prints more than a pipe holds, to its standard error too, and is told nothing."""
    site.program("works.cgi", BEGIN + TOLD + "sleep 0.5\nhead -c 2000000 /dev/zero\n"
                 "head -c 200000 /dev/zero >&2\necho > finished\n")
    server = serve()
    pid = leave(server, site, how=how)
    assert until((site.root / "finished").exists), server.log()
    assert until(lambda: not alive(pid), 3)
    assert not (site.root / "told").exists()
    server.wait_log(r"works\.cgi: runs on, though its client has gone")


@clause("programs-client-leaves-finish")
def test_client_that_did_not_read_leaves(serve, site):
    """The program has waited for it: now it need not."""
    site.program("works.cgi", BEGIN + "head -c 20000000 /dev/zero\necho > finished\n")
    server = serve()
    connection = server.connect()
    connection.send(head("GET", "/works.cgi"))
    connection.read_head()
    time.sleep(0.3)
    assert not (site.root / "finished").exists()
    connection.reset()
    assert until((site.root / "finished").exists), server.log()


@clause("programs-client-leaves-finish")
def test_client_leaves_before_the_header(serve, site):
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\nsleep 0.5\necho Status: 204\necho\n"
                 "echo > finished\n")
    server = serve()
    leave(server, site)
    assert until((site.root / "finished").exists)


@clause("programs-client-leaves-finish")
@pytest.mark.parametrize("limit, then", [
    ("header_timeout", "sleep 30\n"),
    ("idle_timeout", "printf 'Content-Type: text/plain\\n\\n'\nsleep 30\n"),
    ("timeout", "printf 'Content-Type: text/plain\\n\\n'\nwhile echo x; do sleep 0.05; done\n"),
])
def test_limits_hold_on(serve, site, limit, then):
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\n" + then)
    server = serve(f'{limit} = "1s"')
    pid = leave(server, site)
    assert until(lambda: not alive(pid), 4)
    server.wait_log(rf"works\.cgi: .* within 1 s \({limit}\)")


@clause("programs-client-leaves-finish", "rfc9112-8-body-cut-short")
def test_body_that_is_not_whole_ends_it_all_the_same(serve, site):
    """It must not take what came for everything."""
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\ncat > input\necho > finished\n")
    server = serve('chunked = "stream"')
    connection = server.connect()
    connection.send(head("POST", "/works.cgi", [("Transfer-Encoding", "chunked")]) + chunk(b"part"))
    assert until(lambda: (site.root / "input").exists() and (site.root / "input").read_bytes())
    connection.reset()
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 3)
    assert not (site.root / "finished").exists()


@clause("programs-client-leaves-finish")
def test_whole_body_and_gone(serve, site):
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\ncat > input\nsleep 0.3\necho > finished\n")
    server = serve()
    connection = server.connect()
    connection.send(head("POST", "/works.cgi", [("Content-Length", "5")]) + b"whole")
    assert until(lambda: (site.root / "input").exists() and (site.root / "input").read_bytes())
    connection.reset()
    assert until((site.root / "finished").exists)
    assert (site.root / "input").read_bytes() == b"whole"


@clause("programs-client-leaves-finish")
def test_its_place_is_taken_until_it_has_ended(serve, site):
    site.program("works.cgi", BEGIN + "until [ -e go ]; do sleep 0.02; done\n")
    server = serve('max_running = 1\nqueue = { size = 10, timeout = "300ms" }')
    pid = leave(server, site)
    assert server.get("/works.cgi").status == 503
    site.file("go", "")
    assert until(lambda: not alive(pid), 3)
    assert server.get("/works.cgi").status == 200


def test_failure_after_the_client_has_left_is_in_the_log(serve, site):
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\nsleep 0.3\necho no luck >&2\nexit 3\n")
    server = serve()
    leave(server, site)
    server.wait_log(r"works\.cgi: exit status 3 .*: no luck; its client had left before")


def test_redirect_that_nobody_follows(serve, site):
    site.program("works.cgi", "#!/bin/sh\necho $$ > pid\nsleep 0.3\necho Location: /other.cgi\n"
                 "echo\necho > finished\n")
    site.program("other.cgi", BEGIN + "echo > other\n")
    server = serve()
    pid = leave(server, site)
    assert until((site.root / "finished").exists)
    assert until(lambda: not alive(pid), 3)
    assert not (site.root / "other").exists()


def test_location_of_its_own(serve, site):
    site.program("term/works.cgi", "#!/bin/sh\necho $$ > ../pid\nsleep 30\n")
    server = serve(location=f"""
[[site.location]]
match = "/term/"
cgi = "{site.root}/term/"
on_disconnect = "term"
""")
    pid = leave(server, site, "/term/works.cgi")
    assert until(lambda: not alive(pid), 3)


def test_fast_stop_tells_it_to_end(serve, site):
    site.program("works.cgi", PLAIN + "trap 'echo > told; exit' TERM\nsleep 300 &\n"
                 "echo $$ > pid\nwait\n")
    server = serve()
    pid = leave(server, site)
    server.wait_log("runs on")
    server.signal(signal.SIGTERM)
    assert server.popen.wait(25) == 0
    assert until(lambda: not alive(pid), 1)
    assert (site.root / "told").exists()


def test_graceful_stop_waits_for_it(serve, site):
    site.program("works.cgi", BEGIN + "sleep 1\necho > finished\n")
    server = serve()
    leave(server, site)
    server.wait_log("runs on")
    server.signal(signal.SIGQUIT)
    assert server.popen.wait(25) == 0
    assert (site.root / "finished").exists()


@pytest.mark.time_limit(120)
def test_hundreds_run_on_at_once(serve, site):
    site.program("works.cgi", BEGIN + "until [ -e go ]; do sleep 0.2; done\necho >> finished\n")
    server = serve("max_running = 300")
    connections = [server.connect() for _ in range(100)]
    for connection in connections:
        connection.send(head("GET", "/works.cgi"))
    for connection in connections:
        assert connection.read_head().status == 200
        connection.reset()
    site.file("go", "")
    assert until(lambda: (site.root / "finished").exists()
                 and (site.root / "finished").read_text().count("\n") == 100, 30)


# What programs leave behind.


def test_daemon_that_a_program_leaves_is_reaped(server, site):
    """It outlives its program, in a session of its own; the master inherits it."""
    site.program("leaves.cgi", PLAIN + "setsid sh -c 'echo $$ > daemon; exec sleep 0.5' "
                 "> /dev/null 2>&1 &\nuntil [ -s daemon ]; do sleep 0.02; done\necho left\n")
    assert server.get("/leaves.cgi").body == b"left\n"
    pid = int((site.root / "daemon").read_text())
    assert until(lambda: process(pid).parent == server.pid, 1), process(pid)
    assert until(lambda: process(pid) is None, 3), "a zombie: nobody has reaped it"
