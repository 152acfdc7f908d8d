"""Defects that were found in the server once; each test failed before its defect was mended."""

import os
import resource
import signal
import socket
import time

import pytest

from support.binary import slowness
from support.clauses import clause
from support.client import LAST_CHUNK, Connection, chunk, head
from support.configuration import cgi_site
from support.processes import are_idle, descriptors
from support.programs import CAT, PLAIN
from support.waiting import until


@pytest.fixture
def configured(start, site):
    """A site with programs, and whatever sections of configuration a test adds."""

    def start_server(more: str = ""):
        return start(config=f"{more}\n{cgi_site(site.root)}")

    return start_server


# Event loops that spin or starve.


def test_ended_program_whose_client_is_slow_costs_no_cpu(start, site, tmp_path):
    """Its pidfd was still watched, and is ready for ever."""
    site.program("large.cgi", f"{PLAIN}exec head -c $QUERY_STRING /dev/zero\n")
    server = start(site, "-l", f"unix:{tmp_path}/socket")
    server.address_override = f"{tmp_path}/socket"
    for size in range(100_000, 600_000, 25_000):  # some fit into our buffers, not into the socket's
        server.connect().send(head("GET", f"/large.cgi?{size}"))
    assert until(lambda: are_idle(server.workers()))


@pytest.mark.slow
@pytest.mark.kills_worker
@pytest.mark.plain(only="UBSan needs a pipe to look at an object")
def test_master_without_descriptors_does_not_spin(configured):
    """A worker that could not be started was tried again at once, for the last life was long."""
    server = configured()
    time.sleep(5.5)
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    soft = len(descriptors(server.pid))
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (soft, hard))
    os.kill(server.workers()[0], signal.SIGKILL)
    time.sleep(1)
    assert server.log().count("no socketpair") < 10
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
    assert until(lambda: len(server.workers()) == 2, 6)


# Deadlines.


def test_header_timeout_ends_with_the_header(configured, site):
    """After the header it is idle_timeout that runs, from then on."""
    site.program("slow.cgi", f"{PLAIN}sleep 2\necho done\n")
    server = configured('[cgi]\nheader_timeout = "1s"\nidle_timeout = "30s"')
    response = server.get("/slow.cgi")
    assert response.complete and response.body == b"done\n"


def test_upload_in_progress_is_no_idle_time(configured, site):
    """A program that prints its header first may still be reading."""
    site.program("cat.cgi", f"{PLAIN}exec wc -c\n")
    server = configured('[cgi]\nidle_timeout = "1s"\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "10")]))
    for _ in range(10):
        time.sleep(0.3)
        connection.send(b"x")
    response = connection.read_response()
    assert response.complete and response.body.strip() == b"10"


HEADER = PLAIN.split("\n", 1)[1]


@pytest.mark.parametrize("program", [f"n=$(wc -c)\n{HEADER}echo $n\n", f"{HEADER}exec wc -c\n"],
                         ids=["before the header", "after it"])
def test_a_client_that_pauses_is_not_the_program_s_fault(configured, site, program):
    site.program("count.cgi", "#!/bin/sh\n" + program)
    server = configured('[cgi]\nheader_timeout = "600ms"\nidle_timeout = "600ms"\n'
                        'spool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/count.cgi", [("Content-Length", "10")]) + b"hello")
    time.sleep(1.5)
    connection.send(b"world")
    response = connection.read_response()
    assert (response.status, response.body.strip()) == (200, b"10") and response.complete


def test_a_body_that_does_not_come_is_no_timeout_of_the_program(configured, site):
    site.program("count.cgi", f"#!/bin/sh\nn=$(wc -c)\n{HEADER}echo $n\n")
    server = configured('[limits]\nbody_timeout = "1s"\n[cgi]\nheader_timeout = "300ms"\n'
                        'spool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/count.cgi", [("Content-Length", "10")]) + b"hello")
    assert connection.read_response().status == 408


def test_an_upload_that_pauses_keeps_no_response_that_is_whole(configured, site):
    site.program("early.cgi", PLAIN + "printf done\nexec >&-\nexec sleep 60\n")
    server = configured('[cgi]\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/early.cgi", [("Content-Length", "10")]) + b"hello")
    time.sleep(0.3)
    connection.send(b"w")
    response = connection.read_response()
    assert response.body == b"done" and response.complete
    assert until(lambda: not server.programs())


def test_an_upload_goes_on_though_its_program_has_closed_its_output(configured, site):
    site.root.chmod(0o777)
    site.program("keeps.cgi", f"{PLAIN}printf done\nexec >&-\ncat >upload\n")
    server = configured('[cgi]\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/keeps.cgi", [("Content-Length", "10")]))
    for _ in range(10):
        time.sleep(0.25)
        connection.send(b"x")
    assert connection.read_response().body == b"done"
    assert until(lambda: not server.programs())
    assert site.path("upload").read_text() == "x" * 10


def test_a_program_that_closes_its_input_is_not_late_for_the_client(configured, site):
    site.program("deaf.cgi", f"#!/bin/sh\nsleep 0.3\nexec <&-\nsleep 2\n{HEADER}echo done\n")
    server = configured('[limits]\nbody_timeout = "1s"\n[cgi]\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/deaf.cgi", [("Content-Length", "10")]) + b"hello")
    response = connection.read_response()
    assert (response.status, response.body) == (200, b"done\n")


@pytest.mark.time_limit(60)
def test_an_answer_reaches_a_client_that_sends_all_first(configured, site):
    """Though its program has printed all of it, runs on, and has read nothing."""
    count = 250_000
    site.program("deaf.cgi", "#!/bin/sh\nexec <&-\n"
                 f"printf 'Content-Type: text/plain\\nContent-Length: {count}\\n\\n'\n"
                 f"head -c {count} /dev/zero\nexec >&-\nsleep 3\n")
    server = configured('[limits]\nbody_size = "100m"\nsend_timeout = "10s"')
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
        client.settimeout(20)
        client.connect(server.address)
        length = 20 << 20
        client.sendall(head("POST", "/deaf.cgi", [("Content-Length", str(length))]))
        for _ in range(length >> 16):
            client.sendall(bytes(1 << 16))
        answer = b""
        while not answer.endswith(bytes(count)):
            some = client.recv(1 << 16)
            assert some, len(answer)
            answer += some
    assert until(lambda: not server.programs(), 5)


@pytest.mark.fault("7")
def test_a_client_that_takes_nothing_is_ended_and_its_program_with_it(configured, site):
    """The program's time does not run then: the client's does."""
    site.program("flood.cgi", f"{PLAIN}exec cat /dev/zero\n")
    server = configured('[cgi]\ntimeout = "30d"\n[limits]\nsend_timeout = "1s"')
    connection = server.connect()
    connection.send(head("GET", "/flood.cgi"))  # and nothing is read
    assert until(server.programs)
    assert until(lambda: not server.programs(), 30)
    connection.close()


@pytest.mark.fault("7")
def test_the_client_s_slowness_is_not_the_program_s_time(configured, site):
    """Be it slow to take an answer, before or after all of it is printed, or to send a body."""
    size = 2 << 20
    site.program("much.cgi", f"{PLAIN}exec head -c {size} /dev/zero\n")
    site.program("count.cgi", f"{PLAIN}exec wc -c\n")
    site.program("late.cgi", f"#!/bin/sh\nn=$(wc -c)\n{HEADER}echo $n\n")
    server = configured('[cgi]\ntimeout = "2s"\nheader_timeout = "2s"\nidle_timeout = "2s"')
    takes = server.connect()
    takes.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 10)
    takes.send(head("GET", "/much.cgi"))
    uploads = []
    for name in ("count", "late"):
        uploads.append(server.connect())
        uploads[-1].send(head("POST", f"/{name}.cgi", [("Content-Length", "10")]) + b"hello")
    time.sleep(3)
    for upload in uploads:
        upload.send(b"world")
        response = upload.read_response()
        assert (response.status, response.body.strip()) == (200, b"10") and response.complete
    response = takes.read_response()
    assert response.complete and len(response.body) == size


@pytest.mark.fault("7")
def test_a_client_that_trickles_gives_no_time_to_a_program_that_does_not_read(configured, site):
    site.program("hangs.cgi", "#!/bin/sh\nexec sleep 600\n")
    server = configured('[cgi]\nheader_timeout = "1s"\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/hangs.cgi", [("Content-Length", "1000")]) + b"x")
    for _ in range(200):
        if not connection.silent(0.1):
            break
        connection.send(b"x")
    assert connection.read_response().status == 504


def test_time_in_all_counts_once_for_a_program_that_closes_its_output(configured, site):
    site.program("on.cgi", f"{PLAIN}sleep 2.5\nexec >&- 2>&-\nexec sleep 600\n")
    server = configured('[cgi]\ntimeout = "4s"\ngrace = "500ms"')
    assert server.get("/on.cgi").complete
    assert until(lambda: not server.programs(), 3), "4 s are over; twice would be 7.5"


def test_time_for_the_header_runs_from_the_end_of_the_body(configured, site):
    site.program("hangs.cgi", "#!/bin/sh\ncat >/dev/null\nexec sleep 30\n")
    server = configured('[cgi]\nheader_timeout = "600ms"\nspool_memory = 0')
    connection = server.connect()
    connection.send(head("POST", "/hangs.cgi", [("Content-Length", "10")]) + b"hello")
    time.sleep(1)
    connection.send(b"world")
    assert connection.read_response().status == 504


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT], ids=["TERM", "QUIT"])
@pytest.mark.kills_worker
def test_asking_twice_to_stop_keeps_the_deadline(configured, site, number):
    """Ctrl-C, and Ctrl-C again: a worker that hangs is killed all the same."""
    server = configured('[server]\nshutdown_timeout = "1s"')
    victim = server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    server.signal(number)
    time.sleep(0.3)
    server.signal(number)
    assert server.popen.wait(25) is not None


# Limits.


def test_chunked_body_up_to_the_limit(configured, site):
    """The chunk at hand was counted twice."""
    site.program("cat.cgi", CAT)
    server = configured('[limits]\nbody_size = 1000')
    def post(size: int):
        return server.request("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")],
                              chunk(b"x" * size) + LAST_CHUNK)
    assert post(1000).body == b"x" * 1000
    assert post(1001).status == 413


def test_header_size_above_64k(configured, site):
    """The buffer was full before the head was whole."""
    site.file("index.html", "hello")
    server = configured('[limits]\nheader_size = "256k"\ntarget_size = "128k"')
    response = server.get("/?" + "x" * 100_000, [("X-Long", "y" * 100_000)])
    assert response.status == 200 and response.body == b"hello"
    assert server.get("/", [("X-Long", "y" * 300_000)]).status == 431


# Answers that were lost.


@pytest.mark.parametrize("end", ["kill -SEGV $$", "sleep 30"], ids=["killed", "late"])
def test_local_redirect_of_a_program_that_fails(configured, site, end):
    """There was no answer at all."""
    site.program("redirect.cgi", f"#!/bin/sh\nprintf 'Location: /index.html\\n\\n'\n{end}\n")
    server = configured('[cgi]\ntimeout = "1s"')
    assert server.get("/redirect.cgi").status == (504 if "sleep" in end else 502)


@clause("rfc9112-9.6-lingering-close")
@pytest.mark.parametrize("data, status", [
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3_000_000, 431),
    (b"GET /" + b"x" * 3_000_000, 414),
    (b"get / HTTP/1.1\r\nHost: a\r\n\r\n" + b"x" * 3_000_000, 501),
], ids=["431", "414", "501"])
def test_refusal_reaches_a_client_that_is_still_sending(configured, data, status):
    """It was lost when the connection was closed with bytes unread (RFC 9112 section 9.6)."""
    server = configured()
    for _ in range(20):
        with Connection(server.address) as connection:
            connection.send_as_far_as_taken(data)
            answer = connection.read_rest()
            assert answer.startswith(b"HTTP/1.1 %d " % status) and not connection.was_reset


@clause("programs-duplex")
def test_body_that_an_ended_program_left_is_taken(start, site, tmp_path):
    """A client that sends all before it reads waited for its own answer."""
    site.program("deaf.cgi", f"{PLAIN}head -c $QUERY_STRING /dev/zero\n")
    server = start(site, "-l", f"unix:{tmp_path}/socket")
    server.address_override = f"{tmp_path}/socket"
    # As long as all buffers: the program ends, but its output does not fit into the socket's.
    for size in range(200_000, 350_000, 25_000):
        connection = server.connect(5.0 * slowness())
        response = connection.request("POST", f"/deaf.cgi?{size}", body=b"x" * 2_000_000)
        assert response.complete and len(response.body) == size
        assert connection.request("GET", "/missing").status == 404


# Stopping.


def test_quit_ends_a_connection_that_still_sends_an_unwanted_body(configured, site):
    """It went idle, and stayed."""
    server = configured()
    connection = server.connect()
    connection.send(head("POST", "/missing", [("Content-Length", "10")]) + b"12345")
    assert connection.read_response().status == 404
    server.signal(signal.SIGQUIT)
    time.sleep(0.3)
    connection.send(b"67890")
    assert server.popen.wait(25) == 0


# Files that are not ours.


def test_unix_listener_never_removes_a_file_that_is_no_socket(run, site, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("data")
    done = run(site.root, "-l", f"unix:{precious}")
    assert done.returncode == 69
    assert precious.read_text() == "data"
