"""What each client could have logged as often as it likes is logged now and then, and counted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from support import client
from support.configuration import cgi_site
from support.frames import PREFACE, Conversation, Kind, Setting, is_kind, ping, request, settings
from support.server import Server
from support.site import Site

TIMES = 20
EACH_SECONDS = 10  # of a worker
LISTENERS = """[[listen]]
address = "127.0.0.1:0"
http2 = true
[[listen]]
address = "127.0.0.1:0"
proxy_protocol = true
[[listen]]
address = "unix:{root}.scgi"
protocol = "scgi"
"""


def flood_by_http2(server: Server, _: Site) -> None:
    there = Conversation(server.connect())
    while there.send(ping() * 50) and there.read_what_came():
        pass
    there.wire.close()


def read_no_stream(server: Server, _: Site) -> None:
    """As many of one connection."""
    there = Conversation(server.connect(), PREFACE + settings((Setting.INITIAL_WINDOW_SIZE, 0)))
    there.send(*(request(path="/page.html", stream=1 + 2 * number) for number in range(TIMES)))
    for _ in range(TIMES):
        there.until(lambda each: is_kind(each, Kind.RST_STREAM))
    there.wire.close()


def send_no_proxy_header(server: Server, _: Site) -> None:
    with client.Connection(("127.0.0.1", server.ports()[1])) as there:
        there.send(b"GET / HTTP/1.1\r\n\r\n")
        assert there.ended(60)


def send_no_scgi(_: Server, site: Site) -> None:
    with client.Connection(f"{site.root}.scgi") as there:
        there.send(b"no netstring")
        assert there.ended(60)


CAUSES = {
    "HTTP/2": (flood_by_http2, TIMES, "has sent too many frames .* is ended"),
    "slow streams": (read_no_stream, 1, "takes a response too slowly"),
    "PROXY protocol": (send_no_proxy_header, TIMES, "sent no header of the PROXY protocol"),
    "SCGI": (send_no_scgi, TIMES, "has sent no SCGI"),
}


@pytest.mark.parametrize("cause, times, line", CAUSES.values(), ids=CAUSES)
def test_many_clients_write_few_lines(start, site, cause: Callable[[Server, Site], None], times: int,
                                      line: str):
    site.file("page.html", "the page")
    server = start(config=cgi_site(
        site.root, server='workers = 1\ntrusted_proxies = ["127.0.0.1"]\n' + LISTENERS.format(root=site.root),
        limits='send_timeout = "1s"'))
    began = time.monotonic()
    for _ in range(times):
        cause(server, site)
    server.wait_log(line)
    most = 1 + (time.monotonic() - began) // EACH_SECONDS
    assert len(re.findall(line, server.log())) <= most, server.log()
