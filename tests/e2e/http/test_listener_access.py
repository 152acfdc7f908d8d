"""`allow` of a listener: who connects from elsewhere is closed before a byte is read."""

from __future__ import annotations

import re
import ssl

import pytest

from support import client, fastcgi, scgi, tls
from support.configuration import cgi_site
from support.control import control
from support.fastcgi import of_url

FRIEND, STRANGER = "127.0.0.2", "127.0.0.3"
KINDS = ("", "tls = true", "proxy_protocol = true", 'protocol = "fastcgi"', 'protocol = "scgi"')
REQUEST = client.head("GET", "/", [("Connection", "close")])


def connect(port: int, source: str) -> client.Connection:
    return client.Connection(("127.0.0.1", port), source=source)


def is_closed(port: int, data: bytes = b"", source: str = STRANGER) -> bool:
    with connect(port, source) as connection:
        connection.send_as_far_as_taken(data)
        return connection.ended(60)


def answer(port: int, data: bytes = REQUEST, context: ssl.SSLContext | None = None) -> bytes:
    with connect(port, FRIEND) as connection:
        if context:
            connection.socket = context.wrap_socket(connection.socket, server_hostname="localhost")
        connection.send(data)
        return connection.read_rest()


def with_proxy_header(address: str) -> bytes:
    return f"PROXY TCP4 {address} 192.0.2.80 4711 8080\r\n".encode() + REQUEST


def test_each_kind_of_listener(start, site, authority, context):
    site.file("index.html", "hello")
    listeners = "".join(f'[[listen]]\naddress = "127.0.0.1:0"\nallow = ["{FRIEND}"]\n{kind}\n' for kind in KINDS)
    # No head is late: what is closed was not let in.
    server = start(lines=len(KINDS), config=cgi_site(
        site.root, site=tls.site_keys(authority.sign("localhost", "localhost")),
        server=f'trusted_proxies = ["127.0.0.0/8"]\n{listeners}', limits='header_timeout = "1h"'))
    found = [re.search(r" at .*?:(\d+)(/| \()", line) for line in server.start_lines()]
    http, https, proxied, by_fastcgi, by_scgi = ports = [int(match[1]) for match in found if match]
    asked = {http: REQUEST, by_fastcgi: fastcgi.asks(of_url("/")), by_scgi: scgi.head(of_url("/"))}
    for port in ports:
        assert is_closed(port) and is_closed(port, asked.get(port, REQUEST)), port
    server.wait_log(f"{STRANGER} connected to 127.0.0.1:0 and is not in its allow = .*{FRIEND}")
    for port, data in asked.items():
        assert b"hello" in answer(port, data), port
    assert b"hello" in answer(https, context=context)
    # Of a proxy its own address counts, and not the one that it names.
    assert b"hello" in answer(proxied, with_proxy_header("203.0.113.7"))
    assert is_closed(proxied, with_proxy_header(FRIEND))


@pytest.mark.kills_worker  # a reload replaces them
def test_a_reload_changes_it(start, site):
    site.file("index.html", "hello")
    server = start(config=cgi_site(
        site.root, server=f'[[listen]]\naddress = "127.0.0.1:0"\nallow = ["{STRANGER}"]\n',
        limits='header_timeout = "1h"'))
    assert is_closed(server.port, source=FRIEND)
    file = server.stdout.parent / "cgisrv.toml"
    file.write_text(file.read_text().replace(STRANGER, FRIEND))
    assert control(server, "reload").returncode == 0
    assert b"hello" in answer(server.port)
    assert is_closed(server.port, source=STRANGER)
