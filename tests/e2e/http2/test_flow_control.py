"""Flow control, to the byte: how much is sent, and how much is taken."""

from __future__ import annotations

import os

import pytest
from h2.errors import ErrorCodes as Error
from h2.settings import SettingCodes

from support.clauses import clause
from support.configuration import cgi_site
from support.frames import (FIRST_WINDOW, FRAME_SIZE, PREFACE, Conversation, Kind, Setting, data,
                            is_kind, request, settings, window_update)
from support.http2 import CLEAR, Connection
from support.programs import PLAIN

LARGE = bytes(range(256)) * 1000
TARGETS = ["/large", "/large.cgi"]


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.program("large.cgi", f"{PLAIN}cat {shared_site.root}/large\n")
    shared_site.program("stalls.cgi", f"{PLAIN}echo begun\nexec sleep 300\n")
    shared_site.program("takes-one.cgi", f"{PLAIN}head -c 1 >/dev/null\necho begun\nexec sleep 300\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config():
    return cgi_site("{root}", 'chunked = "stream"\nspool_memory = "0"', server=CLEAR,
                    limits='body_size = "unlimited"')


def windows(stream: int = FIRST_WINDOW) -> bytes:
    return PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, stream))


def has_exactly(there: Conversation, count: int, stream: int = 1) -> None:
    """So much comes, and no more before the connection has gone to and fro a few times."""
    while len(there.so_far(stream)) < count:
        assert there.read(), "closed"
    for _ in range(3):
        assert there.lives()
    assert there.so_far(stream) == LARGE[:count]


@clause("rfc9113-6.9.1-flow-control")
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("window", [0, 1, 10, 16_384, 16_385, FIRST_WINDOW])
def test_a_stream_is_sent_no_more_than_its_window(talk, target, window):
    there = talk(windows(window))
    there.send(request(path=target))
    assert there.status() == 200
    has_exactly(there, window)
    if window < FIRST_WINDOW:
        there.send(window_update(1, 1))
        has_exactly(there, window + 1)


@clause("rfc9113-6.9.1-flow-control")
@pytest.mark.parametrize("target", TARGETS)
def test_a_connection_is_sent_no_more_than_its_window(talk, target):
    there = talk(windows(1_000_000))
    there.send(request(path=target))
    has_exactly(there, FIRST_WINDOW)
    there.send(window_update(1))
    has_exactly(there, FIRST_WINDOW + 1)
    there.send(window_update(1_000_000))
    assert there.body() == LARGE


@clause("rfc9113-6.9.1-flow-control")
def test_streams_share_the_window_of_their_connection(talk):
    there = talk(windows(50_000))
    there.send(request(path="/large"), request(path="/large", stream=3))
    while len(there.so_far(1)) + len(there.so_far(3)) < FIRST_WINDOW:
        assert there.read()
    assert there.lives() and len(there.so_far(1)) + len(there.so_far(3)) == FIRST_WINDOW
    assert max(len(there.so_far(1)), len(there.so_far(3))) <= 50_000
    there.send(window_update(10_000_000), window_update(10_000_000, 3))
    assert there.body(3) == LARGE
    there.send(window_update(10_000_000, 1))
    assert there.body(1) == LARGE


@clause("rfc9113-6.9.1-flow-control")
def test_a_stream_without_window_holds_up_no_other(talk):
    there = talk(windows(0))
    there.send(request(path="/large"), request(path="/large.cgi", stream=3),
               request(path="/page.html", stream=5))
    assert [there.status(each) for each in (1, 3, 5)] == [200, 200, 200]
    there.send(window_update(100, 5))
    assert there.body(5) == b"the page"
    assert there.so_far(1) == there.so_far(3) == b""


@clause("rfc9113-6.9.1-flow-control")
def test_heads_need_no_window(talk):
    """Their ends do: an empty frame may wait for a byte of window."""
    there = talk(windows(0))
    there.send(request("HEAD", "/large"), request(path="/missing", stream=3))
    assert there.status(1) == 200 and there.status(3) == 404
    there.send(window_update(1, 1), window_update(10_000, 3))
    assert there.body(1) == b"" and there.body(3)


@clause("rfc9113-6.9.1-flow-control")
def test_a_byte_at_a_time(talk):
    there = talk(windows(0))
    there.send(request(path="/page.html"))
    for count in range(1, 9):
        there.send(window_update(1, 1))
        has_bytes = there.until(lambda each: is_kind(each, Kind.DATA, 1) and len(each.data))
        assert len(has_bytes.data) == 1 and len(there.so_far()) == count
    assert there.body() == b"the page"


@clause("rfc9113-6.9.2-initial-window")
@pytest.mark.parametrize("target", TARGETS)
def test_a_new_initial_window_is_one_of_streams_that_are_there(talk, target):
    there = talk(windows(10))
    there.send(request(path=target))
    has_exactly(there, 10)
    there.send(settings((Setting.INITIAL_WINDOW_SIZE, 4)))  # the window is -6 now
    has_exactly(there, 10)
    there.send(window_update(6, 1))
    has_exactly(there, 10)
    there.send(window_update(1, 1))
    has_exactly(there, 11)
    there.send(settings((Setting.INITIAL_WINDOW_SIZE, 104)))
    has_exactly(there, 111)


@clause("rfc9113-4.2-frame-size")
@pytest.mark.parametrize("size", [None, 16_384, 20_000, 2**24 - 1])
def test_no_frame_is_larger_than_the_client_takes(talk, size):
    there = talk(PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 1_000_000),
                                    *([(Setting.MAX_FRAME_SIZE, size)] if size else [])))
    there.send(window_update(1_000_000), request(path="/large"))
    assert there.body() == LARGE
    assert max(len(each.data) for each in there.received if is_kind(each, Kind.DATA)) <= (
        size or FRAME_SIZE)


# What a client sends.


@clause("rfc9113-6.9.1-flow-control")
@pytest.mark.parametrize("target, more", [("/stalls.cgi", []),
                                          ("/stalls.cgi", [("content-length", "1000000000")])],
                         ids=["unknown length", "known length"])
def test_a_client_that_sends_past_the_window_is_refused(talk, target, more):
    """Nobody takes it: the window stays as it is, once what lies between is full."""
    there = talk()
    there.send(request("POST", target, more, end=False))
    there.until(lambda each: is_kind(each, Kind.DATA, 1))
    piece, codes = data(bytes(FRAME_SIZE)), set()
    for _ in range(64):  # of a megabyte each
        taken = there.send(*[piece] * 64) and there.read_what_came()
        codes = {each.error_code for each in there.received if each.type in (Kind.RST_STREAM, Kind.GOAWAY)}
        if codes or not taken:
            break
    assert Error.FLOW_CONTROL_ERROR in codes, codes


@clause("rfc9113-6.9.1-flow-control")
def test_what_a_program_does_not_take_is_held_back(shared):
    """The client stands before closed windows; others of its connection go on."""
    with Connection(shared.connect()) as there:
        number = there.begin("POST", "/stalls.cgi", end=False)
        assert there.head(number).status == 200
        before = -1
        while before != there.h2.local_flow_control_window(number):
            before = there.h2.local_flow_control_window(number)
            size = min(before, there.h2.max_outbound_frame_size)
            if size > 0:
                there.h2.send_data(number, bytes(size))
                there.flush()
            for _ in range(3):
                assert there.request("GET", "/page.html").body == b"the page"
        assert there.h2.local_flow_control_window(number) == 0
        there.cancel(number)
        assert there.request("POST", "/cat.cgi", body=LARGE).body == LARGE


@clause("rfc9113-6.9.1-flow-control")
@pytest.mark.parametrize("window", [FIRST_WINDOW, 1000, 2**31 - 1])
def test_megabytes_to_and_fro_at_a_time(shared, window):
    content = os.urandom(3_000_000)
    with Connection(shared.connect(), {SettingCodes.INITIAL_WINDOW_SIZE: window}) as there:
        assert there.request("POST", "/cat.cgi", body=content).body == content


@clause("rfc9113-6.9.1-flow-control")
def test_what_is_cancelled_gives_the_window_of_the_connection_back(shared):
    """Its DATA is on its way, is not for anybody, and still was counted."""
    with Connection(shared.connect()) as there:
        for _ in range(40):
            number = there.begin("POST", "/takes-one.cgi", end=False)
            there.send(number, bytes(10_000), end=False)
            there.cancel(number)
        assert there.request("POST", "/cat.cgi", body=LARGE).body == LARGE


@clause("rfc9113-6.1-padding")
def test_padding_counts_for_the_windows(shared):
    """255 bytes of it for each byte, more than all windows."""
    with Connection(shared.connect()) as there:
        number = there.begin("POST", "/cat.cgi", end=False)
        for _ in range(1000):
            there.until(lambda: there.h2.local_flow_control_window(number) > 300)
            there.h2.send_data(number, b"x", pad_length=255)
            there.flush()
        there.h2.end_stream(number)
        there.flush()
        assert there.response(number).body == b"x" * 1000
