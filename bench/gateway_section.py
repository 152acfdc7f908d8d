"""Programs behind nginx, by FastCGI: cgisrv in fcgiwrap's place, beside fcgiwrap and beside cgisrv alone."""

from __future__ import annotations

import load
import peers
import programs
from bench import Bench, Step
from results import Key

OVERHEAD = 2.0  # seconds of a step beside its measurement: both servers are started for it
CONNECTIONS = 16
PROGRAMS = ("c-glibc", "perl", "python")


def gateway_step(bench: Bench, turn: int, case: str, peer: peers.Peer, program: programs.Program) -> Step:
    key = Key(case, peer.name.removesuffix(", warm"), "rate")

    def measure() -> None:
        server = bench.make_server(peer, {})
        with bench.running(server):
            target = f"{program.path}?{programs.QUERY}"
            bench.program_path(program)  # or it is missing
            bench.verified.discard((peer.name, target))  # warm programs are loaded anew each time
            bench.verify(server, target, programs.ANSWER)
            found = load.wrk(server.port, target, CONNECTIONS, bench.options.seconds)
        bench.section.add(turn, key, found.per_second)

    return Step(f"{case} on {peer.name}", max(1, bench.options.seconds) + OVERHEAD,
                lambda: bench.attempt([key], measure))


def gateway(bench: Bench) -> list[Step]:
    steps = []
    for turn in range(bench.options.rounds):
        for program in bench.options.programs:
            if program.name not in PROGRAMS:
                continue
            for warm in (False, True):
                servers = [peer for peer in peers.GATEWAY if peer.warm == warm]
                if warm and program.compile:
                    continue  # starts cold as fast
                case = program.title + (", warm" if warm else "")
                for peer in servers[turn % len(servers):] + servers[:turn % len(servers)]:
                    steps.append(gateway_step(bench, turn, case, peer, program))
    return steps
