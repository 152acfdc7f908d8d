"""What must not grow: read while nothing is asked, and fitted with a line."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from support.client import Connection
from support.processes import Process, descendants, descriptors, processes, status_field
from support.waiting import until


@dataclass
class Series:
    """One figure over time. `noise`: how much of it may come and go in a run of any length.
    `settles`: it may rise at first, as a heap does until it has met the worst of its traffic."""

    name: str
    noise: float
    settles: bool = False
    points: list[tuple[float, float]] = field(default_factory=list)

    def slope(self) -> float:
        """Per minute, by least squares."""
        n = len(self.points)
        mean_t = sum(t for t, _ in self.points) / n
        mean_v = sum(v for _, v in self.points) / n
        spread = sum((t - mean_t) ** 2 for t, _ in self.points)
        return 60 * sum((t - mean_t) * (v - mean_v) for t, v in self.points) / spread

    def bound(self) -> float:
        """The slope at which the noise would be reached within the run."""
        return self.noise / ((self.points[-1][0] - self.points[0][0]) / 60)

    def flat(self) -> bool:
        return self.slope() <= self.bound()


class Family:
    """The processes of one server. One worker is spared all along, so that its age can show."""

    def __init__(self, master: int):
        self.master = master
        self.spared = self.workers()[0]

    def workers(self) -> list[int]:
        name = processes()[self.master].name
        return sorted(p.pid for p in processes().values() if p.parent == self.master
                      and p.state not in "ZX" and p.name == name)

    def programs(self) -> list[Process]:
        workers = self.workers()
        return [p for p in descendants(self.master) if p.pid not in workers]

    def cpu_ticks(self) -> dict[int, int]:
        """Of each process, with what it has waited for: programs count with their worker."""
        found = {}
        for pid in [self.master, *self.workers()]:
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            found[pid] = sum(int(n) for n in stat[stat.rindex(")") + 2 :].split()[11:15])
        return found


def resident(pid: int) -> float:
    """KiB."""
    return float(status_field(pid, "VmRSS").split()[0])


def free_seats(address: tuple[str, int], seats: int) -> int:
    """How many connections are served at once, of as many as there are seats for."""
    connections = [Connection(address, timeout=3) for _ in range(seats)]
    served = 0
    try:
        for connection in connections:
            connection.send(b"HEAD /page.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        for connection in connections:
            try:
                served += connection.read_response("HEAD").status == 200
            except (AssertionError, OSError):
                break
    finally:
        for connection in connections:
            connection.close()
    return served


class Measurements:
    def __init__(self, family: Family, address: tuple[str, int], seats: int, temporary: Path):
        self.family, self.address = family, address
        self.seats, self.temporary = seats, temporary
        self.series = {
            # What one body of this traffic leaves in a worker's heap comes and goes: 2268 KiB.
            name: Series(name, noise, settles=name.startswith("RSS")) for name, noise in {
                "RSS of the master (KiB)": 512, "RSS of the oldest worker (KiB)": 2048,
                "RSS of all workers (KiB)": 4096, "descriptors of the master": 0.5,
                "descriptors of the oldest worker": 0.5, "descriptors of all workers": 0.5,
                "threads": 0.5, "workers": 0.5, "programs and zombies": 0.5,
                "temporary files": 0.5, "scoreboard seats not free": 0.5}.items()}

    def take(self, time: float) -> dict[str, float]:
        """At rest: when no request is open, and what programs left behind has had time to end."""
        family = self.family
        until(lambda: not family.programs(), 10)
        taken = self.seats - free_seats(self.address, self.seats)
        until(lambda: self.descriptors_settle(), 2)
        workers = family.workers()
        figures = [
            resident(family.master), resident(family.spared), sum(map(resident, workers)),
            len(descriptors(family.master)), len(descriptors(family.spared)),
            sum(len(descriptors(pid)) for pid in workers),
            sum(int(status_field(pid, "Threads")) for pid in [family.master, *workers]),
            len(workers), len(family.programs()), len(os.listdir(self.temporary)), taken]
        for series, figure in zip(self.series.values(), figures, strict=True):
            series.points.append((time, figure))
        return dict(zip(self.series, figures, strict=True))

    def descriptors_settle(self) -> bool:
        """As low as they ever were: a connection takes a moment to close."""
        series = self.series["descriptors of all workers"]
        lowest = min((v for _, v in series.points), default=0)
        return sum(len(descriptors(pid)) for pid in self.family.workers()) <= lowest

    def windows(self, begin: float, length: float) -> list[Series]:
        """From `begin` on: what settles in the last `length` seconds, all else from then to now."""
        last = next(iter(self.series.values())).points[-1][0] - length
        return [Series(s.name, s.noise, s.settles,
                       [p for p in s.points if p[0] >= (max(begin, last) if s.settles else begin)])
                for s in self.series.values()]
