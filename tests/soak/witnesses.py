"""Programs that note each request that they have run, and clients that never ask the same twice.

So it is seen that no request runs twice, and that each that was answered has run once. What
programs and files answer is known to the byte.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from programs import BLOCK, C_LARGE, PAGE
from support.client import LAST_CHUNK, Closed, Connection, Response, chunk, head
from support.site import Site

C = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  char line[100];
  int size = snprintf(line, sizeof line, "%s\n", getenv("QUERY_STRING"));
  if (write(open(getenv("RAN"), O_WRONLY | O_APPEND), line, size) != size) return 1;
  printf("Content-Type: text/plain\n\n%s", getenv("QUERY_STRING"));
}
"""
PERL = r"""#!/usr/bin/perl
use strict; use POSIX ();
open my $ran, '>>', $ENV{RAN} or die; syswrite $ran, "$ENV{QUERY_STRING}\n" or die;
print "Content-Type: text/plain\n\n$ENV{QUERY_STRING}";
"""
PYTHON = r"""#!/usr/bin/python3
import hashlib, os, sys
name = os.environ["QUERY_STRING"]
with open(os.environ["RAN"], "ab", 0) as ran:
    ran.write(name.encode() + b"\n")
body = sys.stdin.buffer.read()
said = hashlib.sha256(body).hexdigest() if os.environ["REQUEST_METHOD"] == "POST" else name
print(f"Content-Type: text/plain\n\n{said}", end="")
"""
SUM = r"""#!/bin/sh
printf 'Content-Type: text/plain\n\n'
printf '%s\n' "$QUERY_STRING" >>"$RAN"
exec sha256sum
"""
WARM = ("/c.warm", "/perl.warm", "/python.warm")

CONFIGURATION = """
[server]
workers = {workers}
max_running = 24
heartbeat_timeout = "5s"
{user}
[[listen]]
address = "127.0.0.1:0"
[admin]
listen = "unix:{folder}/admin.sock"
[log]
access = {{ path = "{folder}/access", format = '{{script}} {{status}} {{start}} {{cold_reason}}' }}
[cgi]
env = {{ RAN = "{folder}/ran" }}
[[site]]
root = "{folder}/site"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "*.warm"
cgi = true
start = "warm"
"""


def make_site(site: Site) -> None:
    site.file("page.txt", PAGE)
    site.c_program("c.warm", C)
    site.c_program("c.cgi", C)
    site.c_program("large.cgi", C_LARGE)
    site.program("perl.warm", PERL)
    site.program("python.warm", PYTHON)
    site.program("sum.cgi", SUM)


class Wrong(Exception):
    """An answer that is not what it must be, whatever happens to the server."""


class Cut(Exception):
    """None, or only a part of one."""


@dataclass
class Client:
    """Of one thread; its connection may be kept for the next request."""

    address: tuple[str, int]
    admin: str
    random: random.Random
    number: int
    count: int = 0
    connection: Connection | None = None
    used: float = 0.0  # when the last request on this connection began
    since: float = 0.0  # since when the connection may have been cut unseen

    def name(self) -> str:
        self.count += 1
        return f"{self.number}-{self.count}"

    def ask(self, message: bytes) -> Response:
        now = time.monotonic()
        self.since, self.used = self.used if self.connection else now, now
        try:
            self.connection = self.connection or Connection(self.address, timeout=60)
            self.connection.send(message)
            answer = self.connection.read_response()
        except (OSError, Closed) as fault:
            raise Cut(repr(fault)) from None
        if not answer.complete:
            raise Cut(str(answer))
        if answer.status != 200:
            raise Wrong(str(answer))
        if self.random.random() < 0.3 or answer.header("Connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        if self.connection:
            self.connection.close()
        self.connection = None


def expect(right: bool, answer: object) -> None:
    if not right:
        raise Wrong(str(answer)[:500])


# Each kind of traffic: asks, and returns what has run if it was answered.


def get(client: Client, path: str) -> str:
    name = client.name()
    answer = client.ask(head("GET", f"{path}?{name}"))
    expect(answer.text == name, answer)
    return name


def warm(client: Client) -> str:
    return get(client, client.random.choice(WARM))


def cold(client: Client) -> str:
    return get(client, "/c.cgi")


def upload(client: Client) -> str:
    """By its length or in chunks, to programs that are started cold and warm."""
    name, path = client.name(), client.random.choice(["/sum.cgi", "/python.warm"])
    body = client.random.randbytes(client.random.randrange(1, 400_000))
    if client.random.random() < 0.5:
        message = head("POST", f"{path}?{name}", [("Content-Length", str(len(body)))]) + body
    else:
        message = (head("POST", f"{path}?{name}", [("Transfer-Encoding", "chunked")])
                   + chunk(body[:1000]) + (chunk(body[1000:]) if body[1000:] else b"") + LAST_CHUNK)
    answer = client.ask(message)
    expect(answer.text.split()[:1] == [hashlib.sha256(body).hexdigest()], answer)
    return name


def file(client: Client) -> None:
    answer = client.ask(head("GET", "/page.txt"))
    expect(answer.body == PAGE, "/page.txt differs")


def download(client: Client) -> None:
    blocks = client.random.randrange(1, 60)
    answer = client.ask(head("GET", f"/large.cgi?{blocks}"))
    expect(answer.body == BLOCK * blocks, f"{len(answer.body)} bytes for {blocks} blocks")


def status(client: Client) -> None:
    """Of the admin process. It may be gone for a moment, but is back within a minute."""
    end = time.monotonic() + 60
    while True:
        try:
            with Connection(client.admin, timeout=10) as connection:
                answer = connection.request("GET", "/status.json")
            expect(answer.status == 200, answer)
            if answer.complete:
                return expect("workers" in json.loads(answer.body), answer)
        except (OSError, Closed):
            pass
        expect(time.monotonic() < end, "the admin process has not answered for a minute")
        time.sleep(0.1)


KINDS: dict[Callable[[Client], str | None], int] = {
    warm: 30, cold: 8, upload: 10, file: 10, download: 2, status: 2}


@dataclass
class Failure:
    kind: str
    since: float
    seen: float
    how: str


@dataclass
class Tally:
    done: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    cut: list[Failure] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Witnesses:
    """Threads that ask until told to end, and what they have seen."""

    def __init__(self, address: tuple[str, int], admin: str, threads: int, seed: int):
        self.tally, self.lock, self.ended = Tally(), threading.Lock(), False
        self.threads = []
        for number in range(threads):
            client = Client(address, admin, random.Random(seed * 1000 + number), number)
            self.threads.append(threading.Thread(target=self.run, args=(client,)))
            self.threads[-1].start()

    def end(self) -> None:
        self.ended = True
        for thread in self.threads:
            thread.join()

    def run(self, client: Client) -> None:
        while not self.ended:
            kind, = client.random.choices(list(KINDS), list(KINDS.values()))
            try:
                ran = kind(client)
            except Cut as fault:
                client.close()
                with self.lock:
                    self.tally.cut.append(
                        Failure(kind.__name__, client.since, time.monotonic(), str(fault)))
            except (Wrong, AssertionError) as fault:
                client.close()
                with self.lock:
                    self.tally.wrong.append(f"{kind.__name__}: {type(fault).__name__} {fault}")
            else:
                with self.lock:
                    self.tally.done[kind.__name__] += 1
                    if ran:
                        self.tally.answered.add(ran)
        client.close()

    def twice(self, ran: Path) -> list[str]:
        """What is wrong with what has run."""
        counts = Counter(ran.read_text().split())
        found = [f"{name} ran {count} times" for name, count in counts.items() if count > 1]
        return found + [f"{name} was answered and has not run"
                        for name in self.tally.answered if not counts[name]]
