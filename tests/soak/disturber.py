"""Kills and stops the processes of a server at random, and remembers when."""

from __future__ import annotations

import os
import random
import select
import signal
import time
from collections import Counter
from dataclasses import dataclass

from support.server import Server

# How often each is picked. A zygote or a zygote manager that dies costs its programs seconds of cold
# starts.
WEIGHTS = {"worker": 2, "zygote": 2, "admin": 2, "zygote manager": 1}
PAUSE = (0.2, 1.0)  # between two
CONTINUED = (0.05, 1.0)  # after so long, far below the heartbeat_timeout
NOTICED_SECONDS = 60.0  # by when the server must have ended one that stays stopped
SLACK_SECONDS = 0.5  # in which a client, or we, may see late what has happened


@dataclass
class Hit:
    part: str
    pid: int
    pidfd: int
    how: str  # killed, paused (and continued), stopped (for good)
    begin: float
    resume: float = 0.0  # when it is continued
    end: float | None = None  # it is dead, or runs again
    died: bool = False
    alive: float = 0.0  # when we last looked, and it was there

    def cuts(self) -> tuple[float, float]:
        """Between which times its death cuts connections, which the kernel closes before it tells
        of the end. While it is stopped they wait."""
        end = self.end or time.monotonic()
        begin = self.begin if self.how == "killed" else self.alive
        return begin - SLACK_SECONDS, end + SLACK_SECONDS


class Disturber:
    def __init__(self, server: Server, seed: int):
        self.server, self.random = server, random.Random(seed)
        self.hits: list[Hit] = []
        self.open: list[Hit] = []  # of hits, those that have not ended
        self.faults: list[str] = []
        self.next = time.monotonic()

    def step(self) -> None:
        """To be called again and again."""
        self.follow()
        if time.monotonic() >= self.next:
            self.hit()
            self.next = time.monotonic() + self.random.uniform(*PAUSE)

    def end(self) -> None:
        """Waits until all that is stopped is continued, or has been noticed by the server."""
        while self.open:
            self.follow()
            time.sleep(0.02)

    def pids(self, part: str) -> list[int]:
        found = {"worker": self.server.workers, "zygote": self.server.zygotes,
                 "admin": lambda: [self.server.admin()],
                 "zygote manager": lambda: [self.server.zygote_manager()]}[part]()
        hit = {hit.pid for hit in self.open}
        return [pid for pid in found if pid and pid not in hit]

    def hit(self) -> None:
        part, = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        pids = self.pids(part)
        if not pids or (part == "worker" and any(hit.part == part for hit in self.open)):
            return  # there are always workers that nothing happens to
        pid = self.random.choice(pids)
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        if pid not in self.pids(part):
            return os.close(pidfd)  # it has ended meanwhile, and the number may be another's
        how = self.random.choice(["killed", "paused", "stopped"])
        hit = Hit(part, pid, pidfd, how, time.monotonic(), float("inf"))
        if how == "paused":
            hit.resume = hit.begin + self.random.uniform(*CONTINUED)
        self.hits.append(hit)
        self.open.append(hit)
        self.send(hit, signal.SIGKILL if how == "killed" else signal.SIGSTOP)

    def follow(self) -> None:
        for hit in list(self.open):
            now = time.monotonic()
            if select.select([hit.pidfd], [], [], 0)[0]:
                hit.end, hit.died = now, True
            elif now >= hit.resume:
                self.send(hit, signal.SIGCONT)
                hit.end = now
            elif now > hit.begin + NOTICED_SECONDS:
                self.faults.append(f"{hit.part} {hit.pid} was {hit.how} {NOTICED_SECONDS:.0f} s "
                                   "ago, and is there still")
                self.send(hit, signal.SIGKILL)
                hit.end = now
            hit.alive = hit.alive if hit.died else now
            if hit.end is not None:
                self.open.remove(hit)
                os.close(hit.pidfd)

    @staticmethod
    def send(hit: Hit, number: int) -> None:
        try:
            signal.pidfd_send_signal(hit.pidfd, number)
        except ProcessLookupError:
            pass  # it has ended

    # What came of it.

    def worker_deaths(self) -> list[tuple[float, float]]:
        return [hit.cuts() for hit in self.hits if hit.part == "worker" and hit.died]

    def excuses(self, since: float, seen: float) -> bool:
        """Whether a connection that was used between these times may have been cut: only if a
        worker has died. No other death may be seen by a client of a program."""
        return any(begin <= seen and since <= end for begin, end in self.worker_deaths())

    def deaths_around(self, when: float) -> str:
        near = [f"{begin:.2f} to {end:.2f}" for begin, end in self.worker_deaths()
                if begin - 10 < when < end + 10]
        return ", ".join(near) or "not within 10 s of it"

    def excused_share(self, seconds: float) -> float:
        """Of the time, in which a cut connection would be excused."""
        return sum(end - begin for begin, end in self.worker_deaths()) / seconds

    def counts(self) -> Counter[str]:
        return Counter(f"{hit.part} {hit.how}" for hit in self.hits)

    def noticed(self) -> list[float]:
        """After how many seconds the server ended what stayed stopped."""
        return sorted(hit.end - hit.begin for hit in self.hits if hit.how == "stopped" and hit.died)
