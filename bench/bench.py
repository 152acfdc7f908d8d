"""What all sections share: the site, the tools, the servers that run, and the results."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import load
import peers
import processes
import programs
from results import Key, Results, Section

WARM_UP_SECONDS = 2.0
SETTLE_SECONDS = 0.15  # between two runs, for what the first has left under way
LOOP = "bare loop"
FORK_LOOP = "bare fork loop"
LOOPS = {  # and how bench_limit is told of them
    LOOP: [],
    "bare loop, one per core": ["pinned"],  # kept there, as our workers are
    FORK_LOOP: ["forked"],  # the program is started once: what no warm start can exceed
}


@dataclass(frozen=True)
class Step:
    label: str
    seconds: float  # about
    run: Callable[[], None]


@dataclass(frozen=True)
class Options:
    servers: Sequence[peers.Peer]
    programs: Sequence[programs.Program]
    rounds: int
    seconds: float  # of one run

    @property
    def brief_seconds(self) -> float:
        """Of a run at one connection, which is steadier."""
        return self.seconds / 4


class Bench:
    def __init__(self, options: Options, results: Results, tools: Path, folder: Path):
        self.options, self.results, self.folder = options, results, folder
        self.folder.chmod(0o755)  # for the other user
        self.site, self.tools = self.folder / "site", self.folder / "tools"
        self.servers: dict[str, peers.Server] = {}  # those of all sections
        self.verified: set[tuple[str, str]] = set()
        self.section = Section("", 0)
        shutil.copytree(tools, self.tools)  # where the other user may read them
        programs.make_files(self.site)
        for program in (*options.programs, programs.SLEEP, programs.COMPUTE, programs.NAP):
            fault = program.make(self.site)
            if fault:
                results.missing[program.name] = fault

    def close(self) -> None:
        for server in self.servers.values():
            server.stop()
        processes.end_strays(set())

    # ---- servers

    def peers(self, what: Callable[[peers.Peer], bool]) -> list[peers.Peer]:
        return [peer for peer in self.options.servers
                if what(peer) and peer.name not in self.results.missing]

    def server(self, peer: peers.Peer) -> peers.Server:
        """Started when it is first asked for, and left running."""
        if peer.name in self.results.missing:
            raise peers.Missing(self.results.missing[peer.name])
        if peer.name not in self.servers:
            server = self.make_server(peer, {})
            self.servers[peer.name] = server
            try:
                server.start()
            except peers.Missing as why:
                self.results.missing[peer.name] = str(why)
                print(f"{peer.name} is missing: {why}", file=sys.stderr)
                server.stop()
                raise
        return self.servers[peer.name]

    @contextmanager
    def fresh_server(self, peer: peers.Peer,
                     settings: Mapping[str, str]) -> Iterator[peers.Server]:
        """One for a single step, with settings of its own."""
        with self.running(self.make_server(peer, settings)) as server:
            yield server

    @contextmanager
    def running(self, server: peers.Server) -> Iterator[peers.Server]:
        """The same, of one that is made already."""
        try:
            server.start()
            yield server
        except peers.Missing as why:
            raise load.Fault(str(why)) from None
        finally:
            server.stop()
            processes.end_strays({process.pid for other in self.servers.values()
                                  for process in other.started})
            shutil.rmtree(server.folder, ignore_errors=True)

    def make_server(self, peer: peers.Peer, settings: Mapping[str, str]) -> peers.Server:
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=self.folder))
        return peers.Server(peer, folder, self.site, self.tools, settings)

    def verify(self, server: peers.Server, target: str, body: bytes | None = None) -> None:
        """Once: that the server answers as it should. `body` is a pattern; a file's is the file."""
        if (server.peer.name, target) in self.verified:
            return
        path = target.partition("?")[0]
        body = body or re.escape((self.site / path[1:]).read_bytes())
        end = time.monotonic() + 3
        while True:  # fcgiwrap may still be starting
            status, answer = load.fetch(server.port, target)
            if status == 200 and re.search(body, answer):
                break
            if time.monotonic() > end:
                raise load.Fault(f"wrong answer, status {status}: {answer[:60]!r}")
            time.sleep(0.1)
        if server.peer.warm:
            self.warm_up(server, target)
        self.verified.add((server.peer.name, target))

    def warm_up(self, server: peers.Server, target: str) -> None:
        """By all workers, until programs are no longer started cold; those that always are do
        not take long to say so."""
        end = time.monotonic() + WARM_UP_SECONDS
        while time.monotonic() < end:
            load.fetch(server.port, target)
            time.sleep(0.01)

    def program_target(self, server: peers.Server, program: programs.Program) -> str:
        self.program_path(program)  # or it is missing
        target = f"{program.path}?{programs.QUERY}"
        self.verify(server, target, programs.ANSWER)
        return target

    def program_path(self, program: programs.Program) -> Path:
        if program.name in self.results.missing:
            raise peers.Missing(self.results.missing[program.name])
        return self.site / program.path[1:]

    # ---- steps

    def begin(self, name: str) -> None:
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        self.section = Section(when, self.options.seconds)
        self.results.sections[name] = self.section

    def attempt(self, keys: Sequence[Key], measure: Callable[[], None]) -> None:
        """A fault voids the figures; what is missing is named once, and has no figure."""
        try:
            measure()
        except peers.Missing:
            return
        except (load.Fault, OSError) as fault:
            for key in keys:
                self.section.void(key, str(fault))
        time.sleep(SETTLE_SECONDS)
