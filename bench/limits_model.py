"""A machine with programs on it, in virtual time: processors that are shared evenly among those that
want them, and that lose to switching and cold caches what docs/performance.md has measured.

Discrete events. All that compute advance at the same rate, so their ends lie on one clock of work."""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TICK = 0.1  # seconds between two looks of a policy, as of the master
LOST_AT_MOST = 0.5  # of what is computed, with very many at once: Python, 64 of them on two cores
CACHE_SECONDS = 0.02  # a run that computes for less is hardly ever interrupted
SAMPLES = 16

# What a run does: seconds that it computes and seconds that it sleeps, in turn.
Phases = list[tuple[str, float]]
Kind = Callable[[float, random.Random], Phases]


@dataclass(eq=False)
class Run:
    phases: Iterator[tuple[str, float]]
    program: Program
    asked: float
    began: float = 0
    used: float = 0
    cost: float = 0  # what it loses by company, as a share, see Machine.rate()


@dataclass(eq=False)
class Program:
    """One program with its clients, each of which asks again once it is answered."""

    name: str
    kind: Kind
    clients: int
    policy: object
    waiting: deque = field(default_factory=deque)
    runs: set = field(default_factory=set)
    active: int = 0
    ends: list = field(default_factory=list)  # (time, from the request on, of the run, computed)
    limits: list = field(default_factory=list)  # (time, limit, running)


class Machine:
    def __init__(self, programs: list[Program], processors: int = 2, seed: int = 1):
        self.programs, self.processors = programs, processors
        self.random = random.Random(seed)
        self.now = self.work = 0.0
        self.computing: list = []  # (work at which it is done, number, run)
        self.timers: list = []  # (time, number, what)
        self.number = 0
        self.costs = 0.0  # of all that compute

    def at(self, when: float, what: Callable[[], None]) -> None:
        self.number += 1
        heapq.heappush(self.timers, (when, self.number, what))

    def rate(self) -> float:
        """Of each that computes: what one alone would have is 1."""
        count = len(self.computing)
        if count <= self.processors:
            return 1.0
        lost = self.costs / count * (1 - self.processors / count)
        return self.processors / count / (1 + lost)

    def run(self, seconds: float) -> None:
        for program in self.programs:
            for _ in range(program.clients):  # all of them at once
                self.at(0, lambda program=program: self.ask(program))
        self.at(TICK, self.tick)
        while self.now < seconds:
            rate = self.rate()
            done = self.now + (self.computing[0][0] - self.work) / rate if self.computing else 1e9
            when = min(done, self.timers[0][0])
            self.work += (when - self.now) * rate
            self.now = when
            if done <= when:
                run = heapq.heappop(self.computing)[2]
                self.costs -= run.cost
                run.program.active -= 1
                self.next_phase(run)
            else:
                heapq.heappop(self.timers)[2]()

    def ask(self, program: Program) -> None:
        run = Run(iter(program.kind(self.now, self.random)), program, self.now)
        program.waiting.append(run)
        self.start(program)

    def start(self, program: Program) -> None:
        while program.waiting and len(program.runs) < program.policy.limit:
            run = program.waiting.popleft()
            run.began = self.now
            program.runs.add(run)
            self.next_phase(run)

    def next_phase(self, run: Run) -> None:
        kind, seconds = next(run.phases, ("end", 0))
        if kind == "end":
            return self.end(run)
        if kind == "sleep":
            return self.at(self.now + seconds, lambda: self.next_phase(run))
        run.used += seconds
        run.cost = LOST_AT_MOST * (1 - math.exp(-seconds / CACHE_SECONDS))
        run.program.active += 1
        self.costs += run.cost
        self.number += 1
        heapq.heappush(self.computing, (self.work + seconds, self.number, run))

    def end(self, run: Run) -> None:
        program = run.program
        program.runs.remove(run)
        wall = self.now - run.began
        program.ends.append((self.now, self.now - run.asked, wall, run.used))
        program.policy.ended(wall, run.used, len(program.runs) + 1)
        self.ask(program)

    def tick(self) -> None:
        for program in self.programs:
            running = len(program.runs)
            seen = min(running, SAMPLES)
            # As many of those looked at as there are by chance: without replacement.
            hits = sum(self.random.sample([1] * program.active + [0] * (running - program.active),
                                          seen))
            program.policy.tick(running, len(program.waiting), hits / seen if seen else 0.0,
                                len(self.computing))
        self.programs[0].policy.share_out([program.policy for program in self.programs])
        for program in self.programs:
            program.limits.append((self.now, program.policy.limit, len(program.runs)))
            self.start(program)
        # Not in step with what sleeps for a round time.
        self.at(self.now + TICK * self.random.uniform(0.8, 1.2), self.tick)

