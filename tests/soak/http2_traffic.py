"""Traffic by HTTP/2, behind TLS: many requests at a time, and clients that use what it offers badly."""

from __future__ import annotations

import ssl
import time

from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes

import tls_traffic
from programs import BLOCK, PAGE
from support.client import Closed
from support.http2 import Connection
from traffic import Client, expect


class Http2Client(tls_traffic.TlsClient):
    def begin(self, settings: dict[SettingCodes, int] | None = None) -> Connection:
        return Connection(self.connect(), settings)


def context_of(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["h2"])
    return context


def whole(connection: Connection, number: int, body: bytes) -> None:
    answer = connection.response(number)
    expect(answer.status == 200 and answer.complete and answer.body == body, answer)


def many_h2(client: Client) -> None:
    """Files and programs of each kind, all at once."""
    with client.http2.begin() as connection:
        asked = {}
        for _ in range(client.random.randrange(2, 12)):
            language, word = client.random.choice(["c", "c", "c", "sh", "perl"]), client.word()
            asked[connection.begin("GET", f"/good/{language}.cgi?{word}")] = f"{language} {word}".encode()
        asked[connection.begin("GET", "/page.txt")] = PAGE
        asked[connection.begin("HEAD", "/page.txt")] = b""
        for number, body in asked.items():
            whole(connection, number, body)


def one_after_the_other_h2(client: Client) -> None:
    with client.http2.begin() as connection:
        for _ in range(8):
            word = client.word()
            expect(connection.request("GET", f"/good/c.cgi?{word}").body == f"c {word}".encode(), word)


def echo_h2(client: Client) -> None:
    """Up and down at once, with windows of any size."""
    body = client.random.randbytes(client.random.randrange(1, 300_000))
    window = client.random.choice([1_000, 65_535, 1_000_000])
    with client.http2.begin({SettingCodes.INITIAL_WINDOW_SIZE: window}) as connection:
        answer = connection.request("POST", "/good/cat.cgi", body=body)
    expect(answer.body == body and answer.complete, f"echo of {len(body)} bytes differs")


def download_h2(client: Client) -> None:
    """Beside something small, which need not wait for it."""
    blocks = client.random.randrange(16, 160)
    with client.http2.begin() as connection:
        large = connection.begin("GET", f"/good/large.cgi?{blocks}")
        whole(connection, connection.begin("GET", "/page.txt"), PAGE)
        whole(connection, large, BLOCK * blocks)


def failures_h2(client: Client) -> None:
    with client.http2.begin() as connection:
        for target in ("/bad/exit.cgi", "/bad/headerless.cgi", "/bad/crash.cgi?x"):
            expect(connection.request("GET", target).status == 502, target)
        expect(connection.request("GET", "/none").status == 404, "a file that is not there")
        cut = connection.response(connection.begin("GET", "/bad/crash.cgi?head"))
        expect(not cut.complete, "a response that was cut looks whole")


def cancelled_h2(client: Client) -> None:
    """At any moment, of any kind; the others of the connection go on."""
    targets = ["/good/large.cgi?200", "/good/ticks.cgi", "/bad/stubborn.cgi", "/page.txt"]
    with client.http2.begin() as connection:
        for _ in range(8):
            number = connection.begin("GET", client.random.choice(targets))
            time.sleep(client.random.choice([0, 0, 0.01, 0.05]))
            connection.cancel(number)
        upload = connection.begin("POST", "/good/cat.cgi", end=False)
        connection.send(upload, BLOCK[:30_000], end=False)
        connection.cancel(upload)
        whole(connection, connection.begin("GET", "/page.txt"), PAGE)


def left_h2(client: Client) -> None:
    """With all of it under way."""
    with client.http2.begin() as connection:
        for target in ("/good/large.cgi?200", "/good/ticks.cgi", "/good/c.cgi?left", "/page.txt"):
            connection.begin("GET", target)
        time.sleep(client.random.choice([0, 0.01, 0.1]))


def slow_reader_h2(client: Client) -> None:
    """The window stays shut: send_timeout resets the stream, and no other."""
    with client.http2.begin({SettingCodes.INITIAL_WINDOW_SIZE: 0}) as connection:
        number = connection.begin("GET", "/page.txt")
        started = time.monotonic()
        connection.response(number)
        expect(connection.streams[number].reset == ErrorCodes.ENHANCE_YOUR_CALM, "it was not reset")
        expect(time.monotonic() - started < 12, "send_timeout has not ended it")


def flood_h2(client: Client) -> None:
    """Resets, until the server has had enough."""
    with client.http2.begin() as connection:
        try:
            for _ in range(1000):
                connection.cancel(connection.begin("GET", "/page.txt"))
            while connection.receive():
                pass
        except (OSError, ProtocolError, Closed):
            pass  # it has ended while something was to be sent


def garbage_h2(client: Client) -> None:
    with client.http2.begin() as connection:
        connection.begin("GET", "/page.txt")
        connection.wire.send_as_far_as_taken(client.random.randbytes(300))
        try:
            while connection.receive():
                pass
        except (OSError, ProtocolError):
            pass


WEIGHTS: dict[tls_traffic.Kind, int] = {
    many_h2: 8, one_after_the_other_h2: 4, echo_h2: 4, download_h2: 1, failures_h2: 2, cancelled_h2: 3,
    left_h2: 3, slow_reader_h2: 1, flood_h2: 1, garbage_h2: 2}
