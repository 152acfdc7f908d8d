"""Clients in processes of their own, that ask for as much as can be had and count every failure.

Nothing is asked twice but what HTTP lets any client ask again: a request on a connection that has
carried others, when it ends without a byte of an answer (RFC 9112 section 9.3.1). Those are counted
apart.
"""

from __future__ import annotations

import multiprocessing
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import SynchronizedArray as Array

ENDING = b"the end"
TAKEN_AT_ONCE = 10
AHEAD = 200  # of the slowest kind, at most, so that each is asked for all the time


class Fault(Exception):
    """An answer that is not what it must be, or none."""


class Unanswered(Exception):
    """The connection has ended, or was reset, before the first byte of an answer."""


@dataclass
class Tally:
    """What one client has seen; those of all are added up."""

    done: Counter[str] = field(default_factory=Counter)  # by kind
    announced: int = 0  # connections that the server said it would close
    retried: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slow: int = 0  # answers that took more than a second
    programs: Counter[str] = field(default_factory=Counter)  # by what they said of themselves

    def add(self, other: Tally) -> None:
        self.done += other.done
        self.programs += other.programs
        self.announced += other.announced
        self.retried += other.retried
        self.slow += other.slow
        self.faults += other.faults
        self.slowest = max(self.slowest, other.slowest)


@dataclass(frozen=True)
class Kind:
    name: str
    path: str
    keeps: bool  # its connection, for the next request
    begins: bytes = b""  # its body; whatever is next up to a blank is counted, then comes the query


class Client:
    def __init__(self, kind: Kind, number: int, address: tuple[str, int]):
        self.kind, self.number, self.address = kind, number, address
        self.tally = Tally()
        self.socket: socket.socket | None = None
        self.used = False

    def run(self, left: Array, own: int, end: float) -> Tally:
        while time.monotonic() < end and not self.tally.faults:
            if left[own] < max(left) - AHEAD:
                time.sleep(0.002)
                continue
            if not self.takes(left, own):
                break
            for _ in range(TAKEN_AT_ONCE):
                begin = time.monotonic()
                try:
                    self.request()
                except (OSError, Fault, Unanswered) as fault:
                    self.tally.faults.append(f"{self.kind.name}: {fault!r}")
                    self.close()
                took = time.monotonic() - begin
                self.tally.slowest = max(self.tally.slowest, took)
                self.tally.slow += took > 1
        self.close()
        return self.tally

    @staticmethod
    def takes(left: Array, own: int) -> bool:
        with left.get_lock():
            left[own] -= TAKEN_AT_ONCE
            return left[own] >= 0

    def close(self) -> None:
        if self.socket:
            self.socket.close()
        self.socket = None

    def request(self) -> None:
        query = b"%d-%d" % (self.number, sum(self.tally.done.values()))
        try:
            closes = self.ask(query)
        except Unanswered:
            if not self.used:
                raise
            self.tally.retried += 1
            self.close()
            closes = self.ask(query)
        self.tally.done[self.kind.name] += 1
        self.tally.announced += closes and self.kind.keeps
        self.used = True
        if closes:
            self.close()

    def ask(self, query: bytes) -> bool:
        """Whether the connection ends with this answer."""
        if self.socket is None:
            self.socket = socket.create_connection(self.address, timeout=60)
            self.used = False
        field = b"" if self.kind.keeps else b"Connection: close\r\n"
        try:
            self.socket.sendall(b"GET %s?%s HTTP/1.1\r\nHost: a\r\n%s\r\n"
                                % (self.kind.path.encode(), query, field))
            answer = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError) as fault:
            raise Unanswered(repr(fault)) from None
        if not answer:
            raise Unanswered("the connection ended")
        head, separator, body = answer.partition(b"\r\n\r\n")
        while not separator:
            head, separator, body = (head + self.more(head)).partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in lines[1:])
        if not lines[0].startswith(b"HTTP/1.1 200 "):
            raise Fault(f"{lines[0]!r} {body[:200]!r}")
        length = int(fields[b"content-length"])
        while len(body) < length:
            body += self.more(body)
        self.check(body, query)
        return fields.get(b"connection") == b"close"

    def more(self, so_far: bytes) -> bytes:
        assert self.socket
        piece = self.socket.recv(65536)
        if not piece:
            raise Fault(f"the answer ends after {so_far[-100:]!r}")
        return piece

    def check(self, body: bytes, query: bytes) -> None:
        if self.kind.begins:
            if body != self.kind.begins:
                raise Fault(f"wrong: {body[:200]!r}")
            return
        said, _, rest = body.partition(b" ")
        if rest != query + ENDING:
            raise Fault(f"wrong: {body[:200]!r}")
        self.tally.programs[said.decode()] += 1


class Load:
    """Clients that have begun; each kind has as many processes."""

    def __init__(self, kinds: list[Kind], each: int, address: tuple[str, int], requests: int,
                 seconds: float):
        context = multiprocessing.get_context("fork")
        # Rounded up to what is taken at once.
        self.each = -(-requests // (len(kinds) * TAKEN_AT_ONCE)) * TAKEN_AT_ONCE
        self.left = context.Array("q", [self.each] * len(kinds))
        self.end = time.monotonic() + seconds
        self.tally = Tally()
        self.running = []
        for number in range(each * len(kinds)):
            own = number % len(kinds)
            client = Client(kinds[own], number, address)
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=self.serve, args=(client, own, theirs), daemon=True)
            process.start()
            theirs.close()
            self.running.append((process, ours))

    def serve(self, client: Client, own: int, pipe: Connection) -> None:
        pipe.send(client.run(self.left, own, self.end))

    def progress(self) -> float:
        """From 0 to 1, by requests."""
        return 1 - max(self.left) / self.each

    def wait(self) -> Tally:
        for process, pipe in self.running:
            self.tally.add(pipe.recv())
            process.join()
        return self.tally

    def stop(self) -> None:
        with self.left.get_lock():
            self.left[:] = [0] * len(self.left)
