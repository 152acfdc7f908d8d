"""Memory of connections that do nothing: in the clear, by TLS, and by HTTP/2."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable, Sequence

import load
import peers
import processes
from bench import Bench, Step
from results import Key
from tls_section import make_certificate

IDLE = 10_000
TARGET = "/hello.txt"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, HEADERS, ACK, END_STREAM, END_HEADERS = 4, 1, 1, 1, 4

Open = Callable[[int], socket.socket]


def memory(server: peers.Server) -> int:
    try:
        return processes.memory_kib(server.started)
    except PermissionError:
        raise load.Fault("root alone may see its memory") from None


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def text(value: str) -> bytes:
    return bytes([len(value)]) + value.encode()


# GET and https from HPACK's table; :authority and :path by their names in it.
ASKED = (PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0)
         + frame(HEADERS, END_STREAM | END_HEADERS, 1,
                 b"\x82\x87\x01" + text("127.0.0.1") + b"\x04" + text(TARGET)))


def has_ended(received: bytes) -> bool:
    """Whether a frame of stream 1 has said so."""
    while len(received) >= 9:
        size, flags, stream = int.from_bytes(received[:3]), received[4], int.from_bytes(received[5:9])
        if stream == 1 and flags & END_STREAM:
            return True
        received = received[9 + size:]
    return False


def opener(protocol: str) -> Open:
    """Of connections that have had one answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol or "http/1.1"])

    def opened(port: int) -> socket.socket:
        connection = context.wrap_socket(load.connect(port))
        if protocol != "h2":
            connection.sendall(load.request(TARGET))
            if b" 200 " not in load.read_answer(connection)[:16]:
                raise load.Fault("no answer")
            return connection
        connection.sendall(ASKED)
        received = b""
        while not has_ended(received):
            some = connection.recv(1 << 16)
            if not some:
                raise load.Fault("no answer")
            received += some
        return connection
    return opened


def open_secure(port: int, count: int, make: Open) -> list[socket.socket]:
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(make(port))
    except BaseException as problem:
        load.close_all(opened)
        if isinstance(problem, OSError):
            raise load.Fault(f"connection {len(opened)}: {problem}") from None
        raise
    return opened


def open_clear(port: int, count: int, _: Open) -> list[socket.socket]:
    return load.open_connections(port, TARGET, count, True)


def idle_step(bench: Bench, turn: int, case: str, peer: peers.Peer, protocol: str) -> Step:
    keys = [Key(case, peer.name, metric) for metric in ("before", "after", "per connection")]
    make = opener(protocol)
    opened_by = open_secure if protocol else open_clear

    def measure() -> None:
        port = peers.free_port()
        server = bench.make_server(peer, {"tls_port": str(port)} if protocol else {})
        if protocol:
            make_certificate(server, "ECDSA")
        with bench.running(server):
            at = port if protocol else server.port
            load.close_all(opened_by(at, 64, make))
            before = memory(server)
            opened = opened_by(at, IDLE, make)
            after = memory(server)
            load.close_all(opened)
        for key, value in zip(keys, (before, after, (after - before) / IDLE)):
            bench.section.add(turn, key, value)

    return Step(f"{case} to {peer.name}", 30 if protocol else 3, lambda: bench.attempt(keys, measure))


def idle(bench: Bench) -> list[Step]:
    """All processes of a server, without and with connections."""
    count = f"{IDLE:,} connections".replace(",", " ")

    def chosen(servers: Sequence[peers.Peer], turn: int) -> list[peers.Peer]:
        asked = bench.peers(lambda peer: peer.name in ("cgisrv", "nginx"))
        found = [peer for peer in servers if peer.name in {each.name for each in asked}]
        return found[turn % len(found):] + found[:turn % len(found)] if found else []

    return [idle_step(bench, turn, case, peer, protocol)
            for turn in range(min(3, bench.options.rounds))
            for case, protocol, servers in ((count, "", peers.PEERS),
                                            (f"{count}, TLS 1.3", "http/1.1", peers.HTTP2),
                                            (f"{count}, HTTP/2", "h2", peers.HTTP2))
            for peer in chosen(servers, turn)]
