"""The same traffic behind TLS, and clients that do not come to the end of a handshake."""

from __future__ import annotations

import random
import ssl
from collections.abc import Callable

import traffic
from support import tls
from support.client import Connection

NAME = "localhost"


class TlsClient(traffic.Client):
    """Every second connection resumes the session of an earlier one, with whichever worker."""

    def __init__(self, address: tuple[str, int], rng: random.Random, context: ssl.SSLContext):
        super().__init__(address, rng)
        self.context = context
        self.session: ssl.SSLSession | None = None

    def connect(self) -> Connection:
        session = self.session if self.random.random() < 0.5 else None
        connection = tls.Connection(self.address, self.context, NAME, session, timeout=15)
        self.session = connection.tls.session or self.session
        return connection

    def hello(self) -> bytes:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        begun = self.context.wrap_bio(incoming, outgoing, server_hostname=NAME)
        try:
            begun.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return outgoing.read()


Kind = Callable[[traffic.Client], None]


def behind_tls(kind: Kind) -> Kind:
    def by_tls(client: traffic.Client) -> None:
        kind(client.tls)
    by_tls.__name__ = f"{kind.__name__}_tls"
    return by_tls


def broken_handshakes(client: traffic.Client) -> None:
    """Cut, or followed by what is no handshake."""
    for _ in range(4):
        hello = client.tls.hello()
        sent = hello[: client.random.randrange(1, len(hello) + 1)]
        if client.random.random() < 0.5:
            sent += client.random.randbytes(100)
        with Connection(client.tls.address, timeout=15) as connection:
            connection.send_as_far_as_taken(sent)
            if client.random.random() < 0.5:
                connection.reset()


def clear_text(client: traffic.Client) -> None:
    with Connection(client.tls.address, timeout=15) as connection:
        answer = connection.request("GET", "/page.txt")
    traffic.expect(answer.status == 400 and "https://" in answer.text, answer)


WEIGHTS: dict[Kind, int] = {
    behind_tls(traffic.programs): 12, behind_tls(traffic.files): 4, behind_tls(traffic.keep_alive): 4,
    behind_tls(traffic.pipelining): 2, behind_tls(traffic.echo): 4, behind_tls(traffic.chunked): 3,
    behind_tls(traffic.upload): 1, behind_tls(traffic.download): 1, behind_tls(traffic.slow_reader): 1,
    behind_tls(traffic.ticks): 1, behind_tls(traffic.failures): 2, behind_tls(traffic.idle): 1,
    broken_handshakes: 3, clear_text: 1}
