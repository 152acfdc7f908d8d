"""Attacks by one client, an honest one beside: what they may start, hold and cost has a bound, and the
honest one is always answered. Run with -rP to see what each has cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, count, islice, repeat

import hpack
import pytest
from h2.errors import ErrorCodes as Error

from support import client
from support.admin import Admin
from support.attack import ATTACKER, NAME, STAYS, Watch
from support.clauses import clause
from support.configuration import cgi_site
from support.frames import (END_HEADERS, END_STREAM, PREFACE, Conversation, Kind, Setting, asks, block,
                            continuation, data, frame, is_kind, literal, ping, priority, request, reset,
                            settings, window_update)
from support.http2 import CLEAR
from support.programs import PLAIN
from support.waiting import until

pytestmark = pytest.mark.plain(only="memory is judged")

MOST = 4  # programs of a client
TARGET = f"/{NAME}.cgi"
STUBBORN = f"/{NAME}-2.cgi"  # it does not heed SIGTERM


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program(TARGET[1:], STAYS)
    shared_site.program(STUBBORN[1:],
                        f"{PLAIN}trap '' TERM\necho begun\nwhile :; do sleep 0.1; done\n")
    shared_site.program("honest.cgi", f"{PLAIN}echo hello\n")
    shared_site.program("large.cgi", f"{PLAIN}cat {shared_site.root}/large\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config():
    return cgi_site("{root}", f"max_running_per_client = {MOST}", limits='send_timeout = "1s"\nsend_rate = "off"',
                    cgi='grace = "300ms"', admin='listen = "127.0.0.1:0"',
                    server=f"workers = 1\nmax_running = 32\n{CLEAR}")


@pytest.fixture
def attack(shared, shared_site):
    """attack(frames): sends them until the server ends the connection, and returns with which code, and
    the watch; None: it bears them all. It reads between them: whoever does not may miss the GOAWAY."""
    def attacked(frames: Iterable[bytes], at_a_time: int = 50) -> tuple[int | None, Watch]:
        with Watch(shared, shared_site.root) as watch:
            there = begin(shared)
            sent, frames = 0, iter(frames)
            while batch := list(islice(frames, at_a_time)):
                if not there.send(*batch) or not there.read_what_came():
                    break
                sent += len(batch)
            print(f"{sent} steps: ", end="")
            code = there.closed_with() if batch or not alive(there) else None
        there.wire.close()
        return code, watch
    yield attacked
    assert until(lambda: not shared.programs()), shared.programs()


def begin(shared, greeting: bytes = PREFACE + settings()) -> Conversation:
    there = Conversation(client.Connection(shared.address, 20, ATTACKER), greeting)
    shared.connections.append(there.wire)
    return there


def alive(there: Conversation) -> bool:
    try:
        return there.lives()
    except client.Closed:
        return False


def odd() -> Iterator[int]:
    return count(1, 2)


@pytest.fixture
def counted(shared):
    """counted(): the server has ended one connection more, and says so."""
    def ended() -> float:
        return Admin(shared).metrics().get("cgisrv_http2_refused_total", 0)
    before = ended()

    def counts_one() -> None:
        assert until(lambda: ended() > before)
        assert ended() == before + 1
    return counts_one


# Resets.


@clause("cve2023-44487-rapid-reset")
def test_rapid_reset(attack, counted):
    code, watch = attack(request(path=TARGET, stream=each) + reset(each) for each in islice(odd(), 50_000))
    assert code == Error.ENHANCE_YOUR_CALM
    watch.check(MOST)
    assert watch.started() < 1000
    counted()


@clause("cve2023-44487-rapid-reset")
def test_rapid_reset_once_its_program_has_begun(attack, shared, shared_site):
    """Slowly enough that each program runs: a place is given back when the program is gone."""
    with Watch(shared, shared_site.root) as watch:
        there = begin(shared)
        for stream in islice(odd(), 150):
            there.send(request(path=TARGET, stream=stream))
            first = there.until(lambda each, stream=stream: is_kind(each, Kind.DATA, stream)
                                or is_kind(each, Kind.GOAWAY))
            if is_kind(first, Kind.GOAWAY):
                break
            there.send(reset(stream))
    watch.check(MOST)


@clause("cve2023-44487-rapid-reset")
def test_a_place_is_given_back_when_its_program_is_gone(attack, shared, shared_site):
    with Watch(shared, shared_site.root) as watch:
        there = begin(shared)
        for stream in islice(odd(), 3 * MOST):
            there.send(request(path=STUBBORN, stream=stream))
            there.until(lambda each, stream=stream: is_kind(each, Kind.DATA, stream))
            there.send(reset(stream))
    watch.check(MOST)
    assert watch.most == MOST


@clause("cve2023-44487-rapid-reset")
def test_rapid_reset_of_connections(attack, shared, shared_site):
    """Each with as many requests as it may have, and gone at once."""
    with Watch(shared, shared_site.root) as watch:
        for _ in range(200):
            with client.Connection(shared.address, source=ATTACKER) as wire:
                there = Conversation(wire)
                there.send(*(request(path=TARGET, stream=each) for each in islice(odd(), 100)))
                there.wire.reset()
    watch.check(MOST)


MADE_YOU_RESET = {
    "increment of 0": lambda stream: window_update(0, stream),
    "window past the largest": lambda stream: window_update(2**31 - 1, stream),
    "DATA after the end": lambda stream: data(b"x", stream),
    "HEADERS after the end": lambda stream: request(path=TARGET, stream=stream),
    "PRIORITY of another size": lambda stream: frame(Kind.PRIORITY, bytes(4), 0, stream),
    "PRIORITY on itself": lambda stream: priority(stream, stream),
}


@clause("cve2025-8671-made-you-reset")
@pytest.mark.parametrize("makes", MADE_YOU_RESET.values(), ids=MADE_YOU_RESET.keys())
def test_made_you_reset(attack, shared, makes):
    """The connection ends, or streams are refused past those that run."""
    code, watch = attack(request(path=TARGET, stream=each) + makes(each)
                          for each in islice(odd(), 20_000))
    assert code in (None, Error.ENHANCE_YOUR_CALM, Error.STREAM_CLOSED, Error.PROTOCOL_ERROR,
                          Error.FRAME_SIZE_ERROR)
    watch.check(MOST)
    assert watch.started() < 1000


@clause("cve2025-8671-made-you-reset")
def test_made_you_reset_by_malformed_trailers(attack):
    def each(stream: int) -> bytes:
        return (request("POST", TARGET, [("content-length", "1")], stream, end=False)
                + data(b"xx", stream, end=True))
    code, watch = attack(map(each, islice(odd(), 20_000)))
    assert code == Error.ENHANCE_YOUR_CALM
    watch.check(MOST)
    assert watch.started() == 0


# Heads.


def endless(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A field block of one request that goes on and on."""
    return chain([frame(Kind.HEADERS, block(asks()), END_STREAM, 1)],
                 (continuation(each, end=False) for each in pieces))


@clause("cve2024-27316-continuation")
@pytest.mark.parametrize("piece", [literal("x-field", "a" * 16_000), literal("x", "y"), b""],
                         ids=["large", "small", "empty"])
def test_continuation_flood(attack, piece):
    code, watch = attack(endless(repeat(piece, 20_000)), 5)
    assert code in (Error.ENHANCE_YOUR_CALM, Error.PROTOCOL_ERROR, Error.INTERNAL_ERROR)
    watch.check(0)


def bomb(stream: int, encoder: hpack.Encoder) -> bytes:
    """A field of 4000 bytes in the table, which each further byte of the block names again."""
    first = encoder.encode([*asks(path=TARGET), ("x-bomb", "a" * 3900)], huffman=False)
    return frame(Kind.HEADERS, first + b"\xbe" * 10_000, END_HEADERS | END_STREAM, stream)


@clause("cve2016-6581-header-bombs")
def test_hpack_bombs(attack):
    """40 MB each, of 14 kB."""
    encoder = hpack.Encoder()
    code, watch = attack((bomb(each, encoder) for each in islice(odd(), 2_000)), 1)
    assert code in (None, Error.ENHANCE_YOUR_CALM, Error.COMPRESSION_ERROR)
    watch.check(0)


@clause("cve2016-6581-header-bombs")
def test_many_large_heads(attack):
    more = [(f"x-{n}", "a" * 1000) for n in range(14)]
    code, watch = attack((request(path="/missing", more=more, stream=each)
                          for each in islice(odd(), 2_000)), 1)
    assert code in (None, Error.ENHANCE_YOUR_CALM, Error.NO_ERROR)
    watch.check(0)


# Frames that cost nothing.


OPEN = request("POST", "/cat.cgi", end=False)
FLOODS = {
    "PING": ("cve2019-9512-ping", b"", ping()),
    "PING answers": ("cve2019-9512-ping", b"", frame(Kind.PING, bytes(8), 1)),
    "SETTINGS": ("cve2019-9515-settings", b"", settings((Setting.INITIAL_WINDOW_SIZE, 100))),
    "empty SETTINGS": ("cve2019-9515-settings", b"", settings()),
    "SETTINGS of the table":
        ("cve2019-9515-settings", b"", settings((Setting.HEADER_TABLE_SIZE, 0),
                                                (Setting.HEADER_TABLE_SIZE, 4096))),
    "empty DATA": ("cve2019-9518-empty-frames", OPEN, data(b"")),
    "padded DATA of nothing":
        ("cve2019-9518-empty-frames", OPEN, frame(Kind.DATA, b"\xff" + bytes(255), 8, 1)),
    "WINDOW_UPDATE": ("cve2019-9518-empty-frames", OPEN, window_update(1, 1) + window_update(1)),
}
IGNORED = {
    "PRIORITY": ("cve2019-9513-priority", priority(1, 3) + priority(3, 1)),
    "PRIORITY of new streams": ("cve2019-9513-priority", b"".join(
        priority(each, each - 2) for each in range(3, 23, 2))),
    "unknown frames": ("cve2019-9518-empty-frames", frame(0xFE, bytes(20))),
}


@pytest.mark.parametrize("begins, each", [
    pytest.param(begins, each, id=name, marks=clause(key))
    for name, (key, begins, each) in FLOODS.items()])
def test_flood(attack, counted, begins, each):
    code, watch = attack(chain([begins], repeat(each, 200_000)))
    watch.check(0)
    assert code == Error.ENHANCE_YOUR_CALM
    counted()


@pytest.mark.parametrize("each", [
    pytest.param(each, id=name, marks=clause(key)) for name, (key, each) in IGNORED.items()])
def test_flood_of_what_is_ignored(attack, each):
    """It may be borne: it starts nothing, is not kept, and is not answered."""
    code, watch = attack(repeat(each, 200_000))
    watch.check(0, 4 << 20)
    assert code in (None, Error.ENHANCE_YOUR_CALM)


@clause("cve2019-9512-ping", "cve2019-9515-settings")
def test_answers_that_nobody_reads_are_not_kept(attack, shared, shared_site):
    """Just below what is a flood each, on many connections."""
    with Watch(shared, shared_site.root) as watch:
        for _ in range(50):
            there = begin(shared)
            there.send(ping() * 400)
    watch.check(0)


# Windows.


WAITING = 2 * MOST


@clause("cve2019-9517-windows")
@pytest.mark.parametrize("window", [0, 1])
@pytest.mark.parametrize("target", ["/large", "/large.cgi"])
def test_windows_that_do_not_open(attack, shared, shared_site, window, target):
    """Nothing of it is taken, or a byte: it is let go by send_timeout, and its programs with it."""
    greeting = PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, window))
    with Watch(shared, shared_site.root) as watch:
        there = begin(shared, greeting)
        there.send(*(request(path=target, stream=each) for each in islice(odd(), WAITING)))
        assert until(lambda: not shared.programs() and let_go(there))
    watch.check(0)


def let_go(there: Conversation) -> bool:
    """The connection has ended, or each stream."""
    while there.read():
        ends = {each.stream_id for each in there.received
                if is_kind(each, Kind.RST_STREAM) or "END_STREAM" in getattr(each, "flags", ())}
        if len(ends) == WAITING:
            return True
    return True


@clause("cve2019-9517-windows")
def test_a_byte_at_a_time_costs_no_memory(attack, shared, shared_site):
    """1000 bytes of each of 20 answers; and whoever goes on like that is served."""
    greeting = PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 1))
    with Watch(shared, shared_site.root) as watch:
        there = begin(shared, greeting)
        streams = list(islice(odd(), 20))
        there.send(*(request(path="/large", stream=each) for each in streams))
        bytes_read = 0
        while bytes_read < 20_000:
            each = there.read()
            assert each, there.received[-1]
            if is_kind(each, Kind.DATA):
                bytes_read += len(each.data)
                there.send(window_update(1, each.stream_id), window_update(1))
    there.wire.close()
    watch.check(0)
