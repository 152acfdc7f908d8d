"""HTTP/2 where two states meet: ends that come early, heads that are cut anywhere, proxies in front."""

from __future__ import annotations

import os
import select
import signal
import time
from email.utils import parsedate_to_datetime

import pytest

from support.client import Connection
from support.configuration import cgi_site
from support.frames import (LARGEST_WINDOW, PREFACE, Conversation, Kind, Setting, is_kind, request,
                            settings, window_update)
from support.http2 import CLEAR
from support.programs import PLAIN

PAGE = "/page.html"
FIRST = 10  # bytes of the preface that come before the rest


def served(start, site, listen: str = CLEAR, **sections: str):
    site.file("page.html", "the page")
    with open(site.root / "large", "wb") as large:
        large.truncate(64 << 20)  # more than the sockets between the two take
    return start(config=cgi_site(site.root, server=listen, **sections))


def until_named(there: Conversation) -> None:
    """Asks for one page after the other, until a GOAWAY names the last one."""
    for number in range(1, 200, 2):
        there.send(request(path=PAGE, stream=number))
        if there.read() is None or any(
                is_kind(each, Kind.GOAWAY) and each.last_stream_id < LARGEST_WINDOW
                for each in there.received):
            return
        there.read_what_came()
        time.sleep(0.05)
    raise AssertionError("asked a hundred times after the server was told to end")


@pytest.mark.kills_worker
def test_a_preface_that_is_whole_after_quit_is_told_of_the_end(start, site):
    server = served(start, site)
    wire = server.connect()
    wire.send(PREFACE[:FIRST])
    time.sleep(0.3)
    server.signal(signal.SIGQUIT)
    time.sleep(0.3)
    there = Conversation(wire, PREFACE[FIRST:] + settings())
    until_named(there)
    wire.close()
    assert server.popen.wait(10) == 0


@pytest.mark.kills_worker
def test_a_preface_that_comes_after_a_reload_is_told_of_the_end(start, site):
    server = served(start, site)
    wire = server.connect()
    time.sleep(0.3)
    server.signal(signal.SIGHUP)
    server.wait_log("reloaded")
    time.sleep(0.3)
    until_named(Conversation(wire))
    wire.close()
    server.checkpoint(settle=True)


def test_heads_that_end_with_the_beginning_of_the_next_are_in_time(start, site):
    server = served(start, site, limits='header_timeout = "3s"')
    there = Conversation(server.connect())
    cut, rest, began = 20, b"", time.monotonic()
    for number in range(1, 200, 2):
        whole = request(path=PAGE, stream=number)
        assert there.send(rest + whole[:cut])
        rest = whole[cut:]
        if number > 1:
            assert there.body(number - 2) == b"the page"
        if time.monotonic() - began > 4.5:
            break
        time.sleep(0.1)
    assert there.send(rest)
    assert there.body(number) == b"the page"


def test_a_page_does_not_wait_for_the_end_of_a_download(start, site):
    server = served(start, site)
    there = Conversation(server.connect(),
                         PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW)))
    there.send(window_update(LARGEST_WINDOW - 65_535), request(path="/large"))
    there.until(lambda each: is_kind(each, Kind.DATA, 1))
    there.send(request(path=PAGE, stream=3))
    first = there.until(lambda each: is_kind(each, Kind.DATA, 3) or "END_STREAM" in each.flags)
    assert first.stream_id == 3, "the page came after the whole download"


class FastReader:
    """Takes all that comes of a connection, and looks at heads of frames alone."""

    def __init__(self, wire: Connection):
        self.wire, self.heads, self.rest = wire, [], bytearray(wire.buffer)

    def take(self, size: int) -> None:
        """At least so many bytes more; an end is an error."""
        while size > 0:
            size -= self.take_some()

    def take_all(self, seconds: float) -> None:
        """What comes in that time, of what is on its way."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.wire.socket], [], [], left)[0]:
                self.take_some()

    def take_some(self) -> int:
        some = self.wire.socket.recv(1 << 20)
        assert some, "closed"
        self.rest += some
        self.note_heads()
        return len(some)

    def note_heads(self) -> None:
        at = 0
        while len(self.rest) >= at + 9:
            after = at + 9 + int.from_bytes(self.rest[at:at + 3], "big")
            if after > len(self.rest):
                break
            self.heads.append((self.rest[at + 3], int.from_bytes(self.rest[at + 5:at + 9], "big")))
            at = after
        del self.rest[:at]


def test_who_waits_for_what_is_more_urgent_is_not_slow(start, site):
    """A client that takes all that comes was told that it takes one of the streams too slowly."""
    with open(site.root / "urgent", "wb") as urgent:
        urgent.truncate(2 << 30)
    server = served(start, site, limits='send_timeout = "1s"\nsend_rate = "off"')
    there = Conversation(server.connect(),
                         PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW)))
    there.send(window_update(LARGEST_WINDOW - 65_535),
               request(path="/urgent", more=[("priority", "u=0")]))
    there.until(lambda each: is_kind(each, Kind.DATA, 1))
    there.send(request(path=PAGE, more=[("priority", "u=7")], stream=3))
    reader = FastReader(there.wire)
    for _ in range(6):
        reader.take(100 << 20)
        for each in server.workers():  # so that a clock which runs has run out
            os.kill(each, signal.SIGSTOP)
        reader.take_all(1.2)  # else the connection could be full, and would be told the same
        for each in server.workers():
            os.kill(each, signal.SIGCONT)
    assert (Kind.HEADERS, 3) in reader.heads
    assert (Kind.RST_STREAM, 3) not in reader.heads


def test_a_proxy_that_names_its_client_may_have_spoken_tls(start, site):
    server = served(start, site, 'trusted_proxies = ["127.0.0.1"]\n' + CLEAR + "proxy_protocol = true\n")
    wire = server.connect()
    wire.send(b"PROXY TCP4 192.0.2.1 192.0.2.9 4711 443\r\n")
    there = Conversation(wire)
    asked = request(path=PAGE).replace(b"\x04http", b"\x05https")
    there.send((len(asked) - 9).to_bytes(3, "big") + asked[3:])
    assert there.status() == 200


def test_the_date_of_an_answer_that_is_held_back_is_its_own(start, site):
    """An answer without content leaves when its program ends; others have got later dates by then."""
    site.program("waits.cgi", f"{PLAIN}touch {site.root}/begun\nsleep 2.5\n")
    site.program("prints.cgi", f"{PLAIN}echo {'x' * 300}\n")
    server = served(start, site)
    waits, others = Conversation(server.connect()), Conversation(server.connect())
    for number in range(1, 10, 2):
        waits.send(request("HEAD", "/waits.cgi", stream=number))
    for number in range(1, 60, 2):
        others.send(request(path="/prints.cgi", stream=number))
        others.body(number)
        time.sleep(0.08)
    for number in range(1, 10, 2):
        assert waits.status(number) == 200
    for each in (each for each in waits.received if is_kind(each, Kind.HEADERS)):
        assert parsedate_to_datetime(dict(each.fields)["date"])


def test_a_connection_whose_stream_was_reset_for_slowness_is_idle(start, site):
    server = served(start, site, limits='send_timeout = "1s"\nkeepalive_timeout = "1s"')
    there = Conversation(server.connect(8.0), PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 0)))
    there.send(request(path="/large"))
    there.reset_code()
    assert there.closed_with() == 0


def test_the_end_of_a_download_waits_for_nothing(start, site):
    """It may be ready to be sent, all of it, when the turn's share of bytes is used up."""
    site.file("larger", bytes(30_000_000))
    server = served(start, site)
    for _ in range(40):
        there = Conversation(server.connect(8.0), PREFACE + settings(
            (Setting.INITIAL_WINDOW_SIZE, LARGEST_WINDOW)) + window_update(LARGEST_WINDOW - 65_535))
        there.send(request(path="/larger"))
        size = 0
        while size < 30_000_000 and b"" != (some := there.wire.read_some()):
            size += len(some)
        there.wire.close()
