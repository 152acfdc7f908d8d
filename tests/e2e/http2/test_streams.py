"""Streams: what may come in which state, how many there are, and how they and connections end."""

from __future__ import annotations

import os
import signal
import time

import pytest
from h2.errors import ErrorCodes as Error

from support.clauses import clause
from support.configuration import cgi_site
from support.frames import (LARGEST_WINDOW, Conversation, Kind, Setting, data, goaway,
                            headers, is_kind, ping, request, reset, settings,
                            window_update)
from support.http2 import CLEAR, Connection
from support.programs import PLAIN
from support.waiting import until

PAGE = "/page.html"


@pytest.fixture(autouse=True)
def gate(shared_site):
    """Programs wait at it, until a test opens it."""
    path = shared_site.root / "gate"
    path.unlink(missing_ok=True)
    return path


@pytest.fixture(scope="module")
def shared_site(shared_site):
    waits(shared_site)
    return shared_site


def waits(site):
    site.program("waits.cgi", f"{PLAIN}echo begun\n"
                 f"while [ ! -e {site.root}/gate ]; do sleep 0.02; done\necho ended\n")


def begun(there: Conversation, stream: int = 1) -> None:
    """Its program has printed something."""
    there.until(lambda each: is_kind(each, Kind.DATA, stream))


# States.


AFTER_THE_END = {
    "DATA": data(b"x"), "HEADERS": request(path=PAGE), "HEADERS that goes on": request(path=PAGE, end=False),
    "trailers": headers([("x-field", "a")])}


@clause("rfc9113-5.1-closed")
@pytest.mark.parametrize("sent", AFTER_THE_END.values(), ids=AFTER_THE_END.keys())
def test_nothing_follows_the_end_of_a_request(talk, shared, sent):
    there = talk()
    there.send(request(path="/waits.cgi"))
    begun(there)
    there.send(sent)
    first = there.until(lambda each: each.type in (Kind.RST_STREAM, Kind.GOAWAY))
    assert first.error_code == Error.STREAM_CLOSED
    assert until(lambda: not shared.programs())


@clause("rfc9113-5.1-closed")
@pytest.mark.parametrize("sent", AFTER_THE_END.values(), ids=AFTER_THE_END.keys())
def test_nothing_follows_the_end_of_a_stream(talk, sent):
    """Whether it is ignored or an error, it is no request."""
    there = talk()
    there.send(request(path=PAGE))
    assert there.body() == b"the page"
    there.send(sent, request(path=PAGE, stream=3))
    first = there.until(lambda each: each.stream_id == 3 or is_kind(each, Kind.GOAWAY))
    if is_kind(first, Kind.GOAWAY):
        assert first.error_code in (Error.STREAM_CLOSED, Error.PROTOCOL_ERROR)
    else:
        assert there.body(3) == b"the page"
    assert sum(is_kind(each, Kind.HEADERS, 1) for each in there.received) == 1


@clause("rfc9113-5.1.1-identifiers")
def test_a_lower_stream_is_no_request(talk):
    there = talk()
    there.send(request(path=PAGE, stream=5), request(path=PAGE, stream=3), request(path=PAGE, stream=7))
    first = there.until(lambda each: each.stream_id == 7 or is_kind(each, Kind.GOAWAY))
    if is_kind(first, Kind.GOAWAY):
        assert first.error_code == Error.PROTOCOL_ERROR
    assert not [each for each in there.received if is_kind(each, Kind.HEADERS, 3)]


@clause("rfc9113-6.9-window-update")
@pytest.mark.parametrize("increment, code", [(0, Error.PROTOCOL_ERROR),
                                             (2**31 - 1, Error.FLOW_CONTROL_ERROR)])
def test_a_wrong_increment_ends_a_stream(talk, shared, increment, code):
    there = talk()
    there.send(request(path="/waits.cgi"))
    begun(there)
    there.send(window_update(increment, 1))
    first = there.until(lambda each: each.type in (Kind.RST_STREAM, Kind.GOAWAY))
    assert first.error_code == code
    assert until(lambda: not shared.programs())


@clause("rfc9113-6.9.2-initial-window")
def test_a_setting_that_makes_a_window_too_large_ends_the_connection(talk, shared):
    """As large as it may be it goes on: what was sent has made room."""
    there = talk()
    there.send(request(path="/waits.cgi"))
    begun(there)
    sent = len(there.so_far())
    there.send(window_update(1000 + sent, 1),
               settings((Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW - 1000)))
    assert there.lives()
    there.send(settings((Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW - 999)))
    assert there.closed_with() == Error.FLOW_CONTROL_ERROR
    assert until(lambda: not shared.programs())


@clause("rfc9113-6.4-reset")
def test_a_reset_ends_one_program(talk, shared, gate):
    there = talk()
    there.send(request(path="/waits.cgi"), request(path="/waits.cgi", stream=3))
    begun(there, 1), there.after(lambda each: is_kind(each, Kind.DATA, 3))
    there.send(reset(1))
    assert until(lambda: len({each.group for each in shared.programs()}) == 1)
    gate.touch()
    assert there.body(3) == b"begun\nended\n"


@clause("rfc9113-6.4-reset")
def test_a_connection_that_is_gone_takes_its_programs_along(talk, shared):
    there = talk()
    there.send(*(request(path="/waits.cgi", stream=stream) for stream in (1, 3, 5)))
    assert until(lambda: len(shared.programs()) >= 3)
    there.wire.reset()
    assert until(lambda: not shared.programs())


# Many.


@clause("http2-interleaved")
def test_what_is_ready_is_answered_first(talk, gate):
    there = talk()
    there.send(request(path="/waits.cgi"), *(request(path=PAGE, stream=each) for each in range(3, 43, 2)))
    for stream in range(3, 43, 2):
        assert there.body(stream) == b"the page"
    assert not [each for each in there.received if each.stream_id == 1 and "END_STREAM" in each.flags]
    gate.touch()
    assert there.body() == b"begun\nended\n"


@clause("rfc9113-5.1.2-concurrency")
def test_one_more_than_announced_is_refused(talk, shared):
    there = talk()
    most = there.read().settings[Setting.MAX_CONCURRENT_STREAMS]
    assert most <= 1000
    streams = range(1, 2 * most, 2)
    there.send(*(request("POST", "/cat.cgi", end=False, stream=each) for each in streams))
    assert there.lives()
    beyond = 2 * most + 1
    there.send(request(path=PAGE, stream=beyond))
    assert there.reset_code(beyond) == Error.REFUSED_STREAM
    there.send(data(b"x", streams[-1], end=True))
    assert there.body(streams[-1]) == b"x"
    there.send(request(path=PAGE, stream=beyond + 2))
    assert there.body(beyond + 2) == b"the page"
    there.wire.close()
    assert until(lambda: not shared.programs())


def test_thousands_of_requests_one_after_the_other(shared):
    with Connection(shared.connect()) as there:
        for _ in range(20):
            numbers = [there.begin("GET", PAGE) for _ in range(50)]
            assert {there.response(each).body for each in numbers} == {b"the page"}


# The end of a connection.


@clause("rfc9113-6.8-goaway")
def test_a_client_that_says_goodbye_is_answered_first(talk, gate):
    there = talk()
    there.send(request(path="/waits.cgi"))
    begun(there)
    there.send(goaway())
    gate.touch()
    assert there.body() == b"begun\nended\n"
    while there.read():
        pass


@clause("rfc9113-6.8-goaway")
@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGHUP], ids=["quit", "reload"])
def test_what_was_begun_is_answered_before_the_server_leaves(start, site, number):
    waits(site)
    site.file("page.html", "the page")
    server = start(config=cgi_site(site.root, server=f'shutdown_timeout = "60s"\n{CLEAR}'))
    workers = set(server.workers())
    there = Conversation(server.connect())
    there.send(request(path="/waits.cgi"))
    begun(there)
    os.kill(server.pid, number)
    said = there.until(lambda each: is_kind(each, Kind.GOAWAY))
    assert said.error_code == Error.NO_ERROR and said.last_stream_id in (1, 2**31 - 1)
    (site.root / "gate").touch()
    assert there.body() == b"begun\nended\n"
    assert there.closed_with() == Error.NO_ERROR
    last = [each for each in there.received if is_kind(each, Kind.GOAWAY)][-1]
    assert last.last_stream_id == 1
    there.wire.close()
    if number == signal.SIGQUIT:
        assert server.popen.wait(20) == 0
    else:
        assert until(lambda: len(server.workers()) == 2 and not set(server.workers()) & workers)
        server.checkpoint(settle=True)


@clause("rfc9113-6.8-goaway")
def test_a_stop_that_does_not_wait_says_what_was_begun(start, site):
    waits(site)
    site.file("page.html", "the page")
    server = start(config=cgi_site(site.root, server=CLEAR))
    idle, busy = Conversation(server.connect()), Conversation(server.connect())
    idle.send(request(path=PAGE))
    assert idle.body() == b"the page"
    busy.send(request(path=PAGE), request(path="/waits.cgi", stream=3))
    busy.until(lambda each: is_kind(each, Kind.DATA, 3))
    os.kill(server.pid, signal.SIGTERM)
    for there, last in ((idle, 1), (busy, 3)):
        assert there.closed_with() == Error.NO_ERROR
        assert [each.last_stream_id for each in there.received if is_kind(each, Kind.GOAWAY)] == [last]
    assert server.popen.wait(20) == 0


@clause("rfc9113-6.8-goaway")
def test_who_is_closed_in_a_crowd_hears_what_was_begun(start, site):
    site.file("page.html", "the page")
    server = start(config=cgi_site(site.root, server=f"workers = 1\nworker_connections = 2\n{CLEAR}"))
    first = Conversation(server.connect())
    first.send(request(path=PAGE))
    assert first.body() == b"the page"
    second = Conversation(server.connect())  # now there is no place, and the idle one makes room
    assert first.closed_with() == Error.NO_ERROR
    assert second.lives()


@clause("rfc9113-6.8-goaway")
def test_an_error_names_the_last_stream_that_was_begun(talk):
    there = talk()
    there.send(request(path=PAGE), request(path=PAGE, stream=7))
    assert there.body(7) == b"the page"
    there.send(data(b"x", 0))
    assert there.closed_with() == Error.PROTOCOL_ERROR
    assert there.received[-1].last_stream_id == 7


LIMITED = """max_streams = 5
keepalive_timeout = "300ms"
keepalive_requests = 3
header_timeout = "300ms"
"""


@pytest.fixture
def limited(start, site):
    site.file("page.html", "the page")
    waits(site)
    return start(config=cgi_site(site.root, server=CLEAR, limits=LIMITED))


@clause("rfc9113-5.1.2-concurrency")
def test_how_many_streams_there_are_may_be_set(limited):
    assert Conversation(limited.connect()).read().settings[Setting.MAX_CONCURRENT_STREAMS] == 5


@clause("rfc9113-6.8-goaway")
@pytest.mark.parametrize("sent", [b"", request(path=PAGE)], ids=["at once", "after a request"])
def test_an_idle_connection_is_closed(limited, sent):
    there = Conversation(limited.connect())
    there.send(sent)
    assert there.closed_with() == Error.NO_ERROR


@clause("rfc9113-6.8-goaway")
def test_pings_keep_no_connection_open(limited):
    """What only pings is idle."""
    there = Conversation(limited.connect())
    for _ in range(1000):
        if not there.send(ping()) or there.read() is None:
            break
        time.sleep(0.02)  # so that it is no flood
    assert there.closed_with() == Error.NO_ERROR


def test_a_connection_with_a_request_is_not_idle(limited, site):
    there = Conversation(limited.connect())
    there.send(request(path="/waits.cgi"))
    begun(there)
    assert Conversation(limited.connect()).closed_with() == Error.NO_ERROR  # which is younger
    (site.root / "gate").touch()
    assert there.body() == b"begun\nended\n"


@clause("rfc9113-6.8-goaway")
def test_a_connection_carries_so_many_requests(limited):
    there = Conversation(limited.connect())
    there.send(*(request(path=PAGE, stream=each) for each in (1, 3, 5)))
    assert [there.body(each) for each in (1, 3, 5)] == [b"the page"] * 3
    assert there.closed_with() == Error.NO_ERROR


def test_a_head_that_is_not_finished_has_a_deadline(limited):
    there = Conversation(limited.connect())
    there.send(request("POST", PAGE)[:20])
    assert there.closed_with() in (Error.NO_ERROR, Error.PROTOCOL_ERROR, Error.ENHANCE_YOUR_CALM)
