"""What is measured. Each section is a function from the bench to the steps that it takes; within a
round servers take turns in an order that rotates, so that a drifting machine drifts for all."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import load
import peers
import processes
import programs
from bench import FORK_LOOP, LOOP, LOOPS, Bench, Step
from gateway_section import gateway
from http2_section import http2
from idle_section import idle
from php_section import php
from results import Key
from tls_section import tls

T = TypeVar("T")
CONNECTIONS = 16  # of the load on programs
FILE_CONNECTIONS = 64
SLEEPING = 1_000
OVERHEAD = 0.35  # seconds of a step beside its measurement


def rotated(items: Sequence[T], by: int) -> list[T]:
    by %= len(items) or 1
    return [*items[by:], *items[:by]]


def simplest(bench: Bench) -> programs.Program:
    """The program that leaves most of the time to the server."""
    return next((program for program in programs.PROGRAMS
                 if program in bench.options.programs
                 and program.name not in bench.results.missing), programs.PROGRAMS[0])


def measure_rate(bench: Bench, turn: int, keys: Sequence[Key], server: peers.Server, target: str,
                 connections: int, close: bool = False, fields: Sequence[str] = ()) -> None:
    """For two keys: the requests per second, and the processor time of the server's own processes."""
    before = processes.processor_us(server.started)
    found = load.wrk(server.port, target, connections, bench.options.seconds, close,
                     server.peer.closes_unannounced, fields=fields)
    after = processes.processor_us(server.started)
    bench.section.add(turn, keys[0], found.per_second)
    if not server.peer.forks_to_serve:
        # Whoever is there both times is the server's own; programs come and go.
        used = sum(after[pid] - before[pid] for pid in after if pid in before)
        bench.section.add(turn, keys[1], used / found.requests)


def rate_step(bench: Bench, turn: int, case: str, peer: peers.Peer,
              target: Callable[[peers.Server], str], connections: int, close: bool = False) -> Step:
    keys = [Key(case, peer.name, metric) for metric in ("rate", "server")]

    def measure() -> None:
        server = bench.server(peer)
        measure_rate(bench, turn, keys, server, target(server), connections, close)

    return Step(f"{case} on {peer.name}", max(1, bench.options.seconds) + OVERHEAD,
                lambda: bench.attempt(keys, measure))


def cold(bench: Bench) -> list[Step]:
    """Each program, started for each request, by each server and by the bare loop."""
    runners = [*LOOPS, *bench.peers(lambda peer: peer.programs)]
    cases = [(program, False) for program in bench.options.programs]
    cases.insert(1, (simplest(bench), True))
    steps = []
    for turn in range(bench.options.rounds):
        for program, close in cases:
            case = program.title + (", connection per request" if close else "")
            for runner in rotated(runners, turn):
                if runner == FORK_LOOP and not program.fork_loop:
                    continue
                steps.append(
                    loop_step(bench, turn, case, program, runner) if isinstance(runner, str) else
                    rate_step(bench, turn, case, runner,
                              lambda server, it=program: bench.program_target(server, it),
                              CONNECTIONS, close))
    return steps


def loop_step(bench: Bench, turn: int, case: str, program: programs.Program, name: str) -> Step:
    key = Key(case, name, "rate")

    def measure() -> None:
        tool = program.fork_loop if name == FORK_LOOP else "bench_limit"
        how = LOOPS[name] if tool == "bench_limit" else []
        rate = load.bare_loop(bench.tools / tool, bench.program_path(program),
                              bench.options.seconds, processes.cores(), *how)
        bench.section.add(turn, key, rate)

    return Step(f"{case} in a {name}", bench.options.seconds + OVERHEAD,
                lambda: bench.attempt([key], measure))


def latency(bench: Bench) -> list[Step]:
    """One request at a time. The file's latency is what the client and the network cost; a single
    bare loop's time is what the program costs."""
    options = bench.options
    chosen = [program for program in options.programs if program.name in ("c-musl", "c-glibc",
                                                                          "python")]
    steps = []
    for turn in range(options.rounds):
        for program in (None, *chosen):
            for close in (False, True):
                title = "6 B file" if program is None else program.title
                case = f"{title}, {'connection per request' if close else 'keep-alive'}"
                if program is not None:
                    steps.append(single_step(bench, turn, case, program))
                for peer in rotated(bench.peers(lambda peer: peer.programs), turn):
                    if close or not peer.closes_unannounced:
                        steps.append(latency_step(bench, turn, case, peer, program, close))
    return steps


def single_step(bench: Bench, turn: int, case: str, program: programs.Program) -> Step:
    key = Key(case, LOOP, "p50")

    def measure() -> None:
        rate = load.bare_loop(bench.tools / "bench_limit", bench.program_path(program),
                              bench.options.brief_seconds, 1)
        bench.section.add(turn, key, 1000 / rate)

    return Step(f"{case} in a {LOOP}", bench.options.brief_seconds + OVERHEAD / 2,
                lambda: bench.attempt([key], measure))


def latency_step(bench: Bench, turn: int, case: str, peer: peers.Peer,
                 program: programs.Program | None, close: bool) -> Step:
    keys = [Key(case, peer.name, "p50"), Key(case, peer.name, "p99")]

    def measure() -> None:
        server = bench.server(peer)
        target = "/hello.txt" if program is None else bench.program_target(server, program)
        took = load.latencies_ms(server.port, target, bench.options.brief_seconds, close)
        for key, share in zip(keys, (0.5, 0.99)):
            bench.section.add(turn, key, load.percentile(took, share))

    return Step(f"{case} on {peer.name}", bench.options.brief_seconds + OVERHEAD / 2,
                lambda: bench.attempt(keys, measure))


def static(bench: Bench) -> list[Step]:
    def target(path: str) -> Callable[[peers.Server], str]:
        def verified(server: peers.Server) -> str:
            bench.verify(server, path)
            return path
        return verified

    return [rate_step(bench, turn, name, peer, target(path), FILE_CONNECTIONS)
            for turn in range(bench.options.rounds)
            for name, path in programs.FILES.items()
            for peer in rotated(bench.peers(lambda peer: peer.files), turn)]


def site(bench: Bench) -> list[Step]:
    """Files as they are answered by a site that uses every key, for a client behind a proxy; and by
    cgisrv with none of them."""
    login = base64.b64encode(f"{programs.USER}:{programs.PASSWORD}".encode()).decode()
    cases = {"a file": ("/hello.txt", "hello.txt", ()),
             "a file by a password": ("/private/hello.txt", "private/hello.txt",
                                      (f"Authorization: Basic {login}",)),
             "the last step of try": ("/wiki/Main_Page", "hello.txt", ()),
             "a page compressed beforehand": ("/page.html", "page.html.gz", ("Accept-Encoding: gzip",)),
             "a redirect by an expression": ("/rev/0123abc", None, ())}

    def step(turn: int, name: str, peer: peers.Peer, subject: str) -> Step:
        target, file, fields = cases[name]
        fields = (*fields, "X-Forwarded-For: 192.0.2.7")
        keys = [Key(name, subject, metric) for metric in ("rate", "server")]

        def measure() -> None:
            with bench.fresh_server(peer, {}) as server:
                status, body = load.fetch(server.port, target, fields)
                if (status != 302 if file is None else body != (bench.site / file).read_bytes()):
                    raise load.Fault(f"wrong answer, status {status}: {body[:60]!r}")
                measure_rate(bench, turn, keys, server, target, FILE_CONNECTIONS, fields=fields)

        return Step(f"{name} on {subject}", max(1, bench.options.seconds) + 2 * OVERHEAD,
                    lambda: bench.attempt(keys, measure))

    plain = [(peer, "cgisrv, none") for peer in bench.peers(lambda peer: peer.name == "cgisrv")]
    asked = {peer.name for peer in bench.options.servers}
    servers = [(peer, peer.name) for peer in peers.SITES if peer.name.partition(",")[0] in asked]
    return [step(turn, name, peer, subject)
            for turn in range(bench.options.rounds) for name in cases
            for peer, subject in rotated(servers + (plain if name == "a file" else []), turn)]


def beside(bench: Bench) -> list[Step]:
    """The latency of a file while the server runs programs, against that while a bare loop does:
    then the server has nothing else to do."""
    chosen = [program for program in bench.options.programs
              if program.name in ("c-musl", "perl", "python")]
    runners = {LOOP: 0, **{f"{clients} clients": clients for clients in (CONNECTIONS, FILE_CONNECTIONS)}}

    def step(turn: int, peer: peers.Peer, program: programs.Program, runner: str) -> Step:
        keys = [Key(f"{program.title}, {peer.name}", runner, metric) for metric in ("p50", "p99")]
        seconds = max(2, bench.options.seconds)

        def others(server: peers.Server) -> None:
            if runner == LOOP:
                load.bare_loop(bench.tools / "bench_limit", bench.program_path(program), seconds,
                               processes.cores())
            else:
                load.wrk(server.port, bench.program_target(server, program), runners[runner],
                         seconds)

        def measure() -> None:
            server = bench.server(peer)
            bench.program_target(server, program)
            with ThreadPoolExecutor(1) as pool:
                beside = pool.submit(others, server)
                time.sleep(seconds / 4)  # until they are under way
                took = load.latencies_ms(server.port, "/hello.txt", seconds / 2, close=False)
                beside.result()
            for key, share in zip(keys, (0.5, 0.99)):
                bench.section.add(turn, key, load.percentile(took, share))

        return Step(f"{program.title}, {runner} on {peer.name}", seconds + OVERHEAD,
                    lambda: bench.attempt(keys, measure))

    return [step(turn, peer, program, runner) for turn in range(bench.options.rounds)
            for peer in bench.peers(lambda peer: peer.name in ("cgisrv", "lighttpd"))
            for program in chosen for runner in rotated(list(runners), turn)]


@dataclass(frozen=True)
class Sleepers:
    """How many programs sleep while the next one's latency is measured."""

    count: int

    @property
    def title(self) -> str:
        return "idle" if self.count == 0 else f"{self.count:,} asleep".replace(",", " ")


def sleeping(bench: Bench) -> list[Step]:
    """The latency of a request while other programs sleep, against that of an idle server."""
    program = simplest(bench)

    def step(turn: int, peer: peers.Peer, sleepers: Sleepers) -> Step:
        keys = [Key(peer.name, sleepers.title, metric) for metric in ("p50", "p99")]

        def measure() -> None:
            bench.program_path(programs.SLEEP)  # or it is missing
            with bench.fresh_server(peer, {"running": str(SLEEPING + 64)}) as server:
                target = bench.program_target(server, program)
                alone = server.processes()
                asleep = load.open_connections(server.port, programs.SLEEP.path, sleepers.count,
                                               answered=False)
                try:
                    server.wait_until_running(alone + sleepers.count)
                    took = load.latencies_ms(server.port, target, bench.options.brief_seconds,
                                             close=False)
                finally:
                    load.close_all(asleep)
            for key, share in zip(keys, (0.5, 0.99)):
                bench.section.add(turn, key, load.percentile(took, share))

        return Step(f"{sleepers.title} on {peer.name}",
                    bench.options.brief_seconds + OVERHEAD + sleepers.count / 1000,
                    lambda: bench.attempt(keys, measure))

    return [step(turn, peer, sleepers) for turn in range(bench.options.rounds)
            for peer in bench.peers(lambda peer: peer.name in ("cgisrv", "lighttpd", "go"))
            for sleepers in rotated([Sleepers(0), Sleepers(SLEEPING)], turn)]


def dispatch(bench: Bench) -> list[Step]:
    """The ways to give connections to workers, against each other."""
    program = simplest(bench)

    def step(turn: int, peer: peers.Peer, policy: str, close: bool) -> Step:
        case = f"{program.title}, {'connection per request' if close else 'keep-alive'}"
        rate, tail = Key(case, policy, "rate"), Key(case, policy, "p99")

        def measure() -> None:
            with bench.fresh_server(peer, {"dispatch": policy}) as server:
                target = bench.program_target(server, program)
                found = load.wrk(server.port, target, CONNECTIONS, bench.options.seconds, close)
            bench.section.add(turn, rate, found.per_second)
            bench.section.add(turn, tail, found.p99_ms)

        return Step(f"{case}, {policy}", max(1, bench.options.seconds) + 2 * OVERHEAD,
                    lambda: bench.attempt([rate, tail], measure))

    return [step(turn, peer, policy, close) for turn in range(bench.options.rounds)
            for peer in bench.peers(lambda peer: peer.name == "cgisrv")
            for close in (False, True)
            for policy in rotated(["round-robin", "least-busy", "kernel"], turn)]


def worker_size(bench: Bench) -> list[Step]:
    """What the size of the process that starts a program adds to the start: nothing, if well done.
    Measured on process::spawn itself, in a process of that size."""
    program = simplest(bench)
    sizes = {"1 MB": (1, 0), "100 MB": (100, 0), "1 GB": (1024, 0),
             "10 000 descriptors": (1, 10_000), "1 GB, 10 000 descriptors": (1024, 10_000)}

    def step(turn: int, size: str) -> Step:
        keys = [Key(program.title, size, metric) for metric in ("start", "whole run")]

        def measure() -> None:
            found = load.spawn_cost(bench.tools / "bench_spawn_cost", bench.program_path(program),
                                    bench.options.brief_seconds, *sizes[size])
            bench.section.add(turn, keys[0], found["spawn_us"])
            bench.section.add(turn, keys[1], found["run_us"])

        return Step(f"start with {size}", bench.options.brief_seconds + OVERHEAD,
                    lambda: bench.attempt(keys, measure))

    return [step(turn, size) for turn in range(bench.options.rounds)
            for size in rotated(list(sizes), turn)]


def zygotes(bench: Bench) -> list[Step]:
    """What it costs in memory to keep a program warm."""
    def step(peer: peers.Peer, program: programs.Program) -> Step:
        keys = [Key(program.title, peer.name, metric) for metric in ("resident", "own")]

        def measure() -> None:
            bench.program_path(program)  # or it is missing
            with bench.fresh_server(peer, {}) as server:
                bench.warm_up(server, f"{program.path}?{programs.QUERY}")
                sizes = processes.zygote_kib(server.started)
            for key, size in zip(keys, sizes or ()):
                bench.section.add(0, key, size)

        return Step(f"{program.title} kept by {peer.name}", 3, lambda: bench.attempt(keys, measure))

    return [step(peer, program) for peer in bench.peers(lambda peer: peer.warm)
            for program in bench.options.programs]


CLIENTS = {16: 1, 64: 3, 256: 10}  # and how many times as long it is measured
FIXED = (2, 4, 64)  # max_running, beside what is found


def contention(bench: Bench) -> list[Step]:
    """Many clients: with the number of programs at once that is found, with fixed ones, and with
    lighttpd, which has no limit. `tail`: p99 / (clients / rate), of which 1 is the least that first
    come, first served can give."""
    chosen = [program for program in bench.options.programs
              if program.name in ("sh", "perl", "python")]
    cases = [(program, clients) for program in (*chosen, programs.COMPUTE) for clients in CLIENTS]
    cases.append((programs.NAP, 256))

    def step(turn: int, program: programs.Program, clients: int, peer: peers.Peer,
             fixed: int | None) -> Step:
        case = f"{program.title}, {clients} clients"
        name = peer.name if fixed is None else f"{peer.name}, max_running {fixed}"
        keys = [Key(case, name, metric) for metric in ("rate", "p99", "tail")]
        seconds = max(1, bench.options.seconds) * CLIENTS[clients]

        def measure() -> None:
            with bench.fresh_server(peer, {} if fixed is None else {"running": str(fixed)}) as server:
                target = bench.program_target(server, program)
                found = load.wrk(server.port, target, clients, seconds, patience=10 * seconds + 60)
            bench.section.add(turn, keys[0], found.per_second)
            bench.section.add(turn, keys[1], found.p99_ms)
            bench.section.add(turn, keys[2], found.p99_ms / 1000 * found.per_second / clients)

        return Step(f"{case} on {name}", seconds + 2 * OVERHEAD,
                    lambda: bench.attempt(keys, measure))

    def fixed_limits(program: programs.Program, clients: int) -> list[int]:
        return [clients] if program == programs.NAP else list(FIXED)

    return [step(turn, program, clients, peer, fixed)
            for turn in range(bench.options.rounds) for program, clients in cases
            for peer, fixed in rotated(
                [(peer, limit) for peer in bench.peers(lambda peer: peer.name == "cgisrv")
                 for limit in (None, *fixed_limits(program, clients))]
                + [(peer, None) for peer in bench.peers(lambda peer: peer.name == "lighttpd")],
                turn)]


SECTIONS = {"cold": cold, "contention": contention, "latency": latency, "static": static,
            "site": site, "tls": tls, "http2": http2, "php": php, "gateway": gateway,
            "beside": beside, "idle": idle, "sleeping": sleeping, "dispatch": dispatch, "worker-size": worker_size, "zygotes": zygotes}
