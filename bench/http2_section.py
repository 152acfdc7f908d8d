"""HTTP/2: files and programs by https, many at a time on a few connections, beside the same number at
a time by HTTP/1.1; beside nginx and h2o with the same certificate."""

from __future__ import annotations

import load
import peers
import processes
import programs
from bench import Bench, Step
from results import Key
from tls_section import make_certificate

OVERHEAD = 1.5  # seconds of a step beside its measurement: the server is started for it
# Connections, and requests at a time on each; by HTTP/1.1 one. The kernel shares connections out
# among nginx's workers by chance: of sixteen each gets some.
FILES = {"HTTP/2": (16, 100), "HTTP/1.1": (64, 0)}
LARGE = {"HTTP/2": (16, 10), "HTTP/1.1": (64, 0)}  # all of them take turns, and end together
PROGRAMS = {"HTTP/2": (10, 10), "HTTP/1.1": (100, 0)}
CHOSEN = ("c-musl", "c-glibc")


def http2_step(bench: Bench, turn: int, case: str, peer: peers.Peer, version: str,
               program: programs.Program | None, target: str) -> Step:
    subject = f"{peer.name}, {version}"
    keys = [Key(case, subject, metric) for metric in ("rate", "server")]
    how = PROGRAMS if program else LARGE if case == "1 MB" else FILES
    connections, streams = how[version]

    def measure() -> None:
        port = peers.free_port()
        server = bench.make_server(peer, {"tls_port": str(port)})
        make_certificate(server, "ECDSA")
        with bench.running(server):
            if program:
                bench.program_target(server, program)
                if peer.warm:
                    bench.warm_up(server, target)
            before = processes.processor_us(server.started)
            found = load.h2load(port, target, connections, streams, bench.options.seconds)
            after = processes.processor_us(server.started)
        bench.section.add(turn, keys[0], found.per_second)
        used = sum(after[pid] - before[pid] for pid in after if pid in before)
        bench.section.add(turn, keys[1], used / found.requests)

    return Step(f"{case} on {subject}", max(1, bench.options.seconds) + OVERHEAD,
                lambda: bench.attempt(keys, measure))


def http2(bench: Bench) -> list[Step]:
    asked = {peer.name for peer in bench.options.servers}
    servers = [peer for peer in peers.HTTP2 if peer.name.partition(",")[0] in asked]
    cases = [(name, None, path) for name, path in programs.FILES.items()]
    cases += [(program.title, program, f"{program.path}?{programs.QUERY}")
              for program in bench.options.programs if program.name in CHOSEN]
    return [http2_step(bench, turn, case, peer, version, program, target)
            for turn in range(bench.options.rounds) for case, program, target in cases
            for peer in servers[turn % len(servers):] + servers[:turn % len(servers)]
            if (peer.programs if program else peer.files)
            for version in FILES]
