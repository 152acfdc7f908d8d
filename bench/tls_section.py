"""TLS: what a handshake costs, in full and resumed, and what bytes cost; beside nginx with the same
certificate, ciphers and tickets."""

from __future__ import annotations

import re
import subprocess

import load
import peers
import processes
from bench import Bench, Step
from results import Key

OVERHEAD = 1.0  # seconds of a step beside its measurement: the server is started for it
CLIENTS = 2  # of s_time, which has one connection at a time
CERTIFICATES = {"ECDSA": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "RSA": ["rsa:2048"]}
# A file on connections that are kept, and how many of these.
BYTES = {"6 B, connections kept": ("/hello.txt", 64), "1 MB, connections kept": ("/1m.bin", 16)}


def make_certificate(server: peers.Server, kind: str) -> None:
    files = [server.folder / name for name in ("certificate.pem", "key.pem")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *CERTIFICATES[kind], "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-out", files[0], "-keyout", files[1]],
                   check=True, capture_output=True)
    for file in files:
        processes.give_away(file)


def connections(port: int, how: str, seconds: float) -> tuple[int, float]:
    """So many connections with a request each, and how many a second: by s_time, whose line for a
    resumed one has an r."""
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", f"-{how}", "-time",
               str(max(1, round(seconds))), "-www", "/hello.txt"]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for _ in range(CLIENTS)]
    said = [each.communicate(timeout=seconds + load.PATIENCE_SECONDS)[0] for each in running]
    found = [re.search(r"^(\d+) connections in (\d+) real seconds", text, re.MULTILINE) for text in said]
    if not all(found):
        raise load.Fault(f"s_time: {said[0][-200:]}")
    marks = "".join(re.findall(r"^[rt*]+", text, re.MULTILINE)[0] for text in said)
    if (marks.count("r") >= len(marks) - CLIENTS) != (how == "reuse"):
        raise load.Fault(f"{marks.count('r')} of {len(marks)} connections were resumed")
    count = sum(int(each[1]) for each in found)
    return count, sum(int(each[1]) / int(each[2]) for each in found)


def tls_step(bench: Bench, turn: int, case: str, peer: peers.Peer, kind: str, how: str) -> Step:
    keys = [Key(case, peer.name, metric) for metric in ("rate", "server")]

    def measure() -> None:
        port = peers.free_port()
        server = bench.make_server(peer, {"tls_port": str(port)})
        make_certificate(server, kind)
        with bench.running(server):
            before = processes.processor_us(server.started)
            if how in BYTES:
                target, count = BYTES[how]
                rate = load.wrk(port, target, count, bench.options.seconds, scheme="https")
                done, per_second = rate.requests, rate.per_second
            else:
                done, per_second = connections(port, how, bench.options.seconds)
            after = processes.processor_us(server.started)
        bench.section.add(turn, keys[0], per_second)
        used = sum(after[pid] - before[pid] for pid in after if pid in before)
        bench.section.add(turn, keys[1], used / done)

    return Step(f"{case} on {peer.name}", max(1, bench.options.seconds) + OVERHEAD,
                lambda: bench.attempt(keys, measure))


def tls(bench: Bench) -> list[Step]:
    cases = {"full handshake, ECDSA": ("ECDSA", "new"), "full handshake, RSA": ("RSA", "new"),
             "resumed handshake": ("ECDSA", "reuse"), **{name: ("ECDSA", name) for name in BYTES}}
    asked = {peer.name for peer in bench.options.servers}
    servers = [peer for peer in peers.TLS if peer.name in asked]
    return [tls_step(bench, turn, case, peer, kind, how)
            for turn in range(bench.options.rounds) for case, (kind, how) in cases.items()
            for peer in servers[turn % len(servers):] + servers[:turn % len(servers)]]
