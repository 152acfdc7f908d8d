"""PHP by php-fpm: what the server in front of it adds. Each has a php-fpm of its own, with the same
number of processes."""

from __future__ import annotations

import shutil

import load
import peers
import processes
from bench import Bench, Step
from results import Key

OVERHEAD = 1.0  # seconds of a step beside its measurement: both servers are started for it
CONNECTIONS = 16
HELLO = '<?php header("Content-Type: text/plain"); echo "hello\\n";'
# Some processor time, and more text than a socket holds at once.
TABLE = ('<?php $out = ""; for ($i = 0; $i < 2000; ++$i) $out .= "<tr><td>" . md5((string)$i) . "</td></tr>\\n";'
         ' echo "<table>$out</table>\\n";')
CASES = {"hello, php-fpm": ("hello.php", HELLO, b"hello"), "a page of 90 kB, php-fpm": ("table.php", TABLE, b"<table>")}


def php_step(bench: Bench, turn: int, case: str, peer: peers.Peer) -> Step:
    keys = [Key(case, peer.name, metric) for metric in ("rate", "server")]
    name, source, body = CASES[case]

    def measure() -> None:
        if shutil.which(peers.PHP_FPM[0], path=processes.ENVIRONMENT["PATH"]) is None:
            raise peers.Missing("php-fpm is not installed")
        page = bench.site / name
        page.write_text(source)
        page.chmod(0o644)
        server = bench.make_server(peer, {})
        with bench.running(server):
            bench.verified.discard((peer.name, f"/{name}"))  # its php-fpm is another each time
            bench.verify(server, f"/{name}", body)
            front = [server.started[-1]]  # php-fpm is the first
            before = processes.processor_us(front)
            found = load.wrk(server.port, f"/{name}", CONNECTIONS, bench.options.seconds)
            after = processes.processor_us(front)
        bench.section.add(turn, keys[0], found.per_second)
        used = sum(after[pid] - before[pid] for pid in after if pid in before)
        bench.section.add(turn, keys[1], used / found.requests)

    return Step(f"{case} on {peer.name}", max(1, bench.options.seconds) + OVERHEAD,
                lambda: bench.attempt(keys, measure))


def php(bench: Bench) -> list[Step]:
    servers = list(peers.PHP)
    return [php_step(bench, turn, case, peer)
            for turn in range(bench.options.rounds) for case in CASES
            for peer in servers[turn % len(servers):] + servers[:turn % len(servers)]]
