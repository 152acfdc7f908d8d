"""The soak's clients. Each kind is one function: it asks, and raises where the answer is wrong."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from programs import BLOCK, PAGE
from support.client import LAST_CHUNK, Closed, Connection, Response, chunk, head

MEGABYTE_BLOCKS = 16


def expect(condition: object, what: object) -> None:
    if not condition:
        raise AssertionError(str(what)[:500])


@dataclass
class Client:
    """What one kind of traffic needs to ask with."""

    address: tuple[str, int]
    random: random.Random
    tls: Client | None = None  # that asks behind TLS
    http2: Client | None = None  # likewise, by HTTP/2

    def connect(self) -> Connection:
        return Connection(self.address, timeout=15)

    def get(self, target: str, status: int = 200, **more) -> Response:
        with self.connect() as connection:
            response = connection.request("GET", target, **more)
        expect(response.status == status, f"{target}: {response}")
        expect(response.complete, f"{target} was cut: {response}")
        return response

    def word(self) -> str:
        return f"{self.random.getrandbits(64):x}"


# Good: the answer is known to the byte.


def programs(client: Client) -> None:
    language, word = client.random.choice(["c", "sh", "perl", "python"]), client.word()
    response = client.get(f"/good/{language}.cgi?{word}")
    expect(response.body == f"{language} {word}".encode(), response)


def files(client: Client) -> None:
    with client.connect() as connection:
        for _ in range(5):
            first = client.random.randrange(len(PAGE) - 1)
            last = client.random.randrange(first, len(PAGE))
            part = connection.request("GET", "/page.txt", [("Range", f"bytes={first}-{last}")])
            expect(part.status == 206 and part.body == PAGE[first : last + 1], part)
        expect(connection.request("GET", "/page.txt").body == PAGE, "/page.txt differs")
        expect(connection.request("HEAD", "/page.txt").body == b"", "HEAD with a body")


def keep_alive(client: Client) -> None:
    with client.connect() as connection:
        for _ in range(8):
            word = client.word()
            response = connection.request("GET", f"/good/c.cgi?{word}")
            expect(response.body == f"c {word}".encode() and response.complete, response)


def pipelining(client: Client) -> None:
    words = [client.word() for _ in range(5)]
    with client.connect() as connection:
        connection.send(b"".join(head("GET", f"/good/c.cgi?{word}") for word in words))
        for word in words:
            response = connection.read_response()
            expect(response.body == f"c {word}".encode(), response)


def half_close(client: Client) -> None:
    with client.connect() as connection:
        connection.send(head("GET", "/page.txt"))
        connection.half_close()
        expect(connection.read_response().body == PAGE, "after a half-close")


def echo(client: Client) -> None:
    body = client.random.randbytes(client.random.randrange(1, 100_000))
    with client.connect() as connection:
        response = connection.request("POST", "/good/cat.cgi", body=body)
    expect(response.body == body and response.complete, f"echo of {len(body)} bytes differs")


def chunked(client: Client) -> None:
    parts = [client.random.randbytes(client.random.randrange(1, 30_000)) for _ in range(6)]
    with client.connect() as connection:
        connection.send(head("POST", "/good/cat.cgi", [("Transfer-Encoding", "chunked")]))
        for part in parts:
            connection.send(chunk(part))
        connection.send(LAST_CHUNK)
        expect(connection.read_response().body == b"".join(parts), "echo of chunks differs")


def spooled_to_disk(client: Client) -> None:
    """Past spool_memory a chunked body goes to a temporary file."""
    body = BLOCK * client.random.randrange(20, 60)
    with client.connect() as connection:
        connection.send(head("POST", "/good/sum.cgi", [("Transfer-Encoding", "chunked")])
                        + chunk(body) + LAST_CHUNK)
        response = connection.read_response()
    expect(response.text.split()[:1] == [hashlib.sha256(body).hexdigest()], response)


def upload(client: Client) -> None:
    blocks, digest = client.random.randrange(50, 400), hashlib.sha256()
    with client.connect() as connection:
        connection.send(head("POST", "/good/sum.cgi",
                             [("Content-Length", str(blocks * len(BLOCK)))]))
        for _ in range(blocks):
            connection.send(BLOCK)
            digest.update(BLOCK)
        response = connection.read_response()
    expect(response.text.split()[:1] == [digest.hexdigest()], response)


def download(client: Client, pause: float = 0.0, megabytes: tuple[int, int] = (2, 30)) -> None:
    blocks = client.random.randrange(*megabytes) * MEGABYTE_BLOCKS
    with client.connect() as connection:
        connection.send(head("GET", f"/good/large.cgi?{blocks}"))
        response = connection.read_final_head()
        at = 0
        for piece in connection.stream(response):
            start = at % len(BLOCK)
            whole = BLOCK * (2 + len(piece) // len(BLOCK))
            expect(piece == whole[start : start + len(piece)], f"byte {at} and on differ")
            at += len(piece)
            time.sleep(pause)
    expect(response.complete and at == blocks * len(BLOCK), f"{at} of {blocks} blocks")


def slow_reader(client: Client) -> None:
    download(client, pause=0.05, megabytes=(1, 4))


def ticks(client: Client) -> None:
    expect(client.get("/good/ticks.cgi").body == b"1\n2\n3\n4\n5\n6\n", "ticks differ")


def redirect(client: Client) -> None:
    word = client.word()
    expect(client.get(f"/good/redirect.cgi?{word}").body == f"c {word}".encode(), "redirect")


def path_info(client: Client) -> None:
    expect(client.get("/good/path.cgi/a%20b/c").body == b"/a b/c", "PATH_INFO")


def unread_body(client: Client) -> None:
    with client.connect() as connection:
        response = connection.request("POST", "/good/deaf.cgi", body=BLOCK * 8)
    expect(response.body == b"deaf", response)


# Failing programs: the failure is the right answer.


def failures(client: Client) -> None:
    target, status = client.random.choice([
        ("/bad/exit.cgi", 502), ("/bad/headerless.cgi", 502), ("/bad/nothing.cgi", 502),
        ("/bad/crash.cgi", 502), ("/bad/missing.cgi", 502), ("/none.cgi", 404), ("/.x", 404)])
    client.get(target, status)


def cut(client: Client) -> None:
    """A program that dies after its header: the client must see that something is missing."""
    with client.connect() as connection:
        response = connection.request("GET", "/bad/crash.cgi?h")
    expect(not response.complete, response)


def hangs(client: Client) -> None:
    client.get(client.random.choice(["/bad/hang.cgi", "/bad/stubborn.cgi"]), 504)


def floods_stderr(client: Client) -> None:
    expect(client.get("/bad/stderr.cgi").body == b"flooded", "stderr flood")


def children(client: Client) -> None:
    name = client.random.choice(["background", "daemon", "forks"])
    expect(client.get(f"/bad/{name}.cgi").body == name.encode(), name)


# Hostile clients.


def garbage(client: Client) -> None:
    with client.connect() as connection:
        connection.send_as_far_as_taken(client.random.randbytes(300) + b"\r\n\r\n")
        answer = connection.read_rest()
    expect(not answer or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5"),
           answer)


def smuggling(client: Client) -> None:
    with client.connect() as connection:
        connection.send_as_far_as_taken(
            head("POST", "/good/cat.cgi", [("Content-Length", "4"),
                                           ("Transfer-Encoding", "chunked")])
            + LAST_CHUNK + head("GET", "/good/c.cgi?smuggled"))
        answer = connection.read_rest()
    expect(answer.startswith(b"HTTP/1.1 400 ") and b"smuggled" not in answer, answer)


def slowloris(client: Client) -> None:
    connections = [client.connect() for _ in range(4)]
    try:
        for connection in connections:
            connection.send(b"GET / HTTP/1.1\r\n")
        end = time.monotonic() + 8
        while time.monotonic() < end and connections[0].silent(0.5):
            for connection in connections:
                connection.send_as_far_as_taken(b"X-A: b\r\n")
        expect(time.monotonic() < end, "header_timeout has not ended a slow header")
    finally:
        for connection in connections:
            connection.close()


def slow_body(client: Client) -> None:
    with client.connect() as connection:
        connection.send(head("POST", "/good/cat.cgi", [("Content-Length", "1000")]) + b"some")
        started = time.monotonic()
        connection.read_rest()
    expect(time.monotonic() - started < 10, "body_timeout has not ended a body")


def resets(client: Client) -> None:
    """A reset somewhere in an exchange, also while a program works."""
    requests = [head("GET", "/good/large.cgi?200"), head("GET", "/good/ticks.cgi"),
                head("POST", "/good/cat.cgi", [("Content-Length", "100000")]) + BLOCK,
                head("GET", "/page.txt"), head("GET", "/bad/stubborn.cgi")]
    for _ in range(4):
        request = client.random.choice(requests)
        connection = client.connect()
        connection.send_as_far_as_taken(request[: client.random.randrange(1, len(request) + 1)])
        time.sleep(client.random.choice([0, 0, 0.01, 0.1]))
        connection.reset()


def too_large(client: Client) -> None:
    client.get("/good/c.cgi", 431, headers=[("X-Large", "x" * 20_000)])
    client.get("/" + "x" * 9000, 414)
    with client.connect() as connection:
        connection.send(head("POST", "/good/cat.cgi", [("Content-Length", "1000000000")]))
        expect(connection.read_response().status == 413, "a body too large")


def idle(client: Client) -> None:
    with client.connect() as connection:
        expect(connection.request("GET", "/page.txt").body == PAGE, "/page.txt differs")
        expect(connection.ended(12), "keepalive_timeout has not ended an idle connection")


WEIGHTS: dict[Callable[[Client], None], int] = {
    programs: 30, files: 10, keep_alive: 10, pipelining: 6, half_close: 4, echo: 10, chunked: 6,
    spooled_to_disk: 2, upload: 2, download: 2, slow_reader: 1, ticks: 3, redirect: 4,
    path_info: 3, unread_body: 3, failures: 12, cut: 3, hangs: 2, floods_stderr: 2, children: 4,
    garbage: 4, smuggling: 3, slowloris: 1, slow_body: 1, resets: 5, too_large: 2, idle: 1}


@dataclass
class Tally:
    done: int = 0
    excused: int = 0  # a worker was ended at the same time, and the request repeated
    wrong: list[str] = field(default_factory=list)


class Traffic:
    """Threads that ask until told to pause, and what came of it."""

    def __init__(self, make_client: Callable[[random.Random], Client],
                 weights: dict[Callable[[Client], None], int], threads: int, seed: int):
        self.make_client, self.weights = make_client, weights
        self.tallies = {kind: Tally() for kind in weights}
        self.lock = threading.Lock()
        self.worker_ends: list[float] = []
        self.mean_pause = 0.2  # of one thread between two kinds; the pacer's to set
        self.running = threading.Event()
        self.busy = 0
        self.ended = False
        self.threads = [threading.Thread(target=self._ask, args=(random.Random(seed + n),))
                        for n in range(threads)]
        for thread in self.threads:
            thread.start()

    def resume(self) -> None:
        self.running.set()

    def pause(self) -> None:
        """Returns when no request is open any more."""
        self.running.clear()
        while self.busy:
            time.sleep(0.02)

    def end(self) -> None:
        self.ended = True
        self.running.set()
        for thread in self.threads:
            thread.join()

    def _ask(self, rng: random.Random) -> None:
        client = self.make_client(rng)
        while self.running.wait() and not self.ended:
            with self.lock:
                self.busy += 1
            kind = rng.choices(list(self.weights), list(self.weights.values()))[0]
            self._try(kind, client)
            with self.lock:
                self.busy -= 1
            time.sleep(rng.expovariate(1 / self.mean_pause))

    def _try(self, kind: Callable[[Client], None], client: Client) -> None:
        tally = self.tallies[kind]
        for _ in range(10):
            started = time.monotonic()
            try:
                kind(client)
                with self.lock:
                    tally.done += 1
                return
            except (AssertionError, OSError, Closed) as fault:
                if not any(end >= started - 0.1 for end in self.worker_ends):
                    with self.lock:
                        tally.wrong.append(f"{type(fault).__name__}: {fault}")
                    return
                with self.lock:
                    tally.excused += 1
