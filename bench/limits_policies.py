"""Ways to find how many of a program may run at once. Each has `limit`, and is told of each run that
ends and, ten times a second, of what can be seen of those that run."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST = 256  # of one program, whatever a policy thinks
INTERVAL = 0.1  # seconds


class Policy:
    """A fixed limit, and what the others share."""

    def __init__(self, limit: float, processors: int = 2):
        self.limit: float = limit
        self.processors = processors

    def ended(self, wall: float, used: float, running: int) -> None:
        """A run: how long it took, and for how long it computed; `running` with it."""

    def tick(self, running: int, waiting: int, active: float, runnable: int) -> None:
        """`active`: of those that run, the share found computing or waiting for a processor.
        `runnable`: how many these are, of all programs."""

    @staticmethod
    def share_out(policies: Sequence[Policy]) -> None:
        """After tick(), for all programs of the machine."""


class Vegas(Policy):
    """TCP Vegas as a limit of concurrency: what the latency exceeds its minimum by is a queue."""

    def __init__(self) -> None:
        super().__init__(3)
        self.least = math.inf

    def ended(self, wall: float, used: float, running: int) -> None:
        self.least = min(self.least, wall)
        queue = self.limit * (1 - self.least / wall)
        grain = max(1.0, math.log10(self.limit))
        if queue < 3 * grain and running * 2 > self.limit:
            self.limit += grain / self.limit
        elif queue > 6 * grain:
            self.limit -= grain / self.limit
        self.limit = min(max(self.limit, 1), MOST)


class Gradient(Policy):
    """The latency of now against its long mean, which forgets a slow drift."""

    def __init__(self) -> None:
        super().__init__(3)
        self.long = 0.0

    def ended(self, wall: float, used: float, running: int) -> None:
        self.long += (wall - self.long) / 600 if self.long else wall
        if self.long > 2 * wall:
            self.long *= 0.95
        if running * 2 < self.limit:
            return
        gradient = min(max(1.5 * self.long / wall, 0.5), 1)
        wanted = self.limit * gradient + 4
        self.limit = min(max(self.limit * 0.8 + wanted * 0.2, 1), MOST)


class Pressure(Policy):
    """The kernel's pressure stall information: a quarter fewer while some process waits for a
    processor in more than a fifth of the time, else a quarter more; every two seconds."""

    def __init__(self) -> None:
        super().__init__(64)
        self.ticks = self.stalled = 0

    def tick(self, running: int, waiting: int, active: float, runnable: int) -> None:
        self.ticks += 1
        self.stalled += runnable > self.processors
        if self.ticks < 20:
            return
        step = max(1, self.limit // 4)
        self.limit += -step if self.stalled > 4 else step
        self.limit = min(max(self.limit, self.processors), MOST)
        self.ticks = self.stalled = 0


class Usage(Policy):
    """Processors × wall / computed, and a fifth more. What contention adds to the wall time raises
    the limit, and that adds more."""

    def __init__(self) -> None:
        super().__init__(3)
        self.share = 1.0

    def ended(self, wall: float, used: float, running: int) -> None:
        self.share += 0.1 * (used / wall - self.share)
        self.limit = min(max(self.processors / self.share * 1.2, 1), MOST)


class Auto(Policy):
    """src/admission/auto_limit.cc, function by function."""

    SMOOTHING = 0.15
    HELD = 0.15
    BRIEF = 0.025
    DARK = 0.5
    UNUSED = 50
    LEAST_PART = 0.1

    def __init__(self, processors: int = 2):
        self.start = processors + 1
        super().__init__(self.start, processors)
        self.wanted = float(self.start)
        self.active: float | None = None
        self.computed = self.lasted = 0.0
        self.without_end = self.unused = 0
        self.count, self.sum_computed, self.sum_lasted = 0, 0.0, 0.0
        self.running = self.waiting = 0
        self.load = self.smooth_load = 0.0

    def ended(self, wall: float, used: float, running: int) -> None:
        self.count += 1
        self.sum_computed += used
        self.sum_lasted += wall

    def tick(self, running: int, waiting: int, active: float, runnable: int) -> None:
        self.running, self.waiting, self.load = running, waiting, runnable / self.processors
        self.learn_from_ended()
        if running == 0:
            return
        told = (min(1.0, self.computed / self.lasted * max(1.0, self.load))
                if self.knows_runs() else 0)
        now = max(active, told)
        weight = self.SMOOTHING if self.active is not None else 1
        self.active = (self.active or 0) + (now - (self.active or 0)) * weight
        self.smooth_load += (self.load - self.smooth_load) * weight

    def learn_from_ended(self) -> None:
        if self.count == 0:
            self.without_end += 1
            return
        weight = self.SMOOTHING if self.lasted else 1
        self.computed += (self.sum_computed / self.count - self.computed) * weight
        self.lasted += (self.sum_lasted / self.count - self.lasted) * weight
        self.without_end = self.count = 0
        self.sum_computed = self.sum_lasted = 0.0

    def knows_runs(self) -> bool:
        return self.lasted > 0 and self.without_end * INTERVAL <= max(1.0, 2 * self.lasted)

    def demand(self) -> float:
        active = min(1.0, 1.0 if self.active is None else self.active)
        computes = (self.computed / self.lasted if self.knows_runs()
                    else active / max(1.0, self.smooth_load))
        return computes / (computes + (1 - active)) if computes > 0 else 0

    def floor(self) -> float:
        return self.processors * self.BRIEF / self.computed if self.computed > 0 else 0

    def useful(self, share: float) -> float:
        demand = max(self.demand(), 0.001)
        share = math.ceil(share - self.LEAST_PART)
        return max((share + math.sqrt(share * (1 - demand))) / demand, self.floor())

    def step(self, share: float) -> None:
        if self.waiting == 0:
            self.rest()
        else:
            self.unused = 0
        if self.active is None:
            return
        wanted = min(max(self.useful(share), 1), MOST)
        if wanted > self.wanted:
            self.grow(wanted)
        elif self.running > 0:
            self.settle_at(wanted)

    def grow(self, wanted: float) -> None:
        if self.waiting == 0:
            return
        dark = not self.knows_runs() and self.load >= 1
        reach = self.wanted + self.DARK if dark else self.wanted * 2
        if reach < wanted or wanted >= MOST:
            self.set(min(reach, wanted))
        else:
            self.settle_at(wanted)

    def settle_at(self, wanted: float) -> None:
        if abs(wanted - self.wanted) < max(0.5, self.HELD * self.wanted):
            return
        self.set((self.wanted + wanted) / 2)

    def set(self, wanted: float) -> None:
        self.wanted = wanted
        self.limit = round(wanted)

    def rest(self) -> None:
        self.unused = self.unused + 1 if self.running * 2 <= self.limit else 0
        least = max(self.start, self.floor())
        if self.unused < self.UNUSED or self.wanted <= least:
            return
        self.set(max(least, self.wanted / 2))
        self.unused = 0

    def wish(self) -> float:
        return (self.running + self.waiting) * self.demand()

    @staticmethod
    def share_out(policies: Sequence[Policy]) -> None:
        ours = [policy for policy in policies if isinstance(policy, Auto)]
        wishes = [policy.wish() for policy in ours]
        for policy, share in zip(ours, shares(ours[0].processors, wishes)):
            policy.step(share)


def shares(processors: float, wishes: Sequence[float]) -> list[float]:
    """To each what it wishes, as far as all others can have as much, and a whole one at least."""
    found = [0.0] * len(wishes)
    left = len(wishes)
    for at in sorted(range(len(wishes)), key=wishes.__getitem__):
        found[at] = max(1.0, processors / left)
        processors -= min(wishes[at], found[at])
        left -= 1
    return found


POLICIES = {"Vegas": Vegas, "gradient": Gradient, "pressure": Pressure, "usage": Usage,
            "auto": Auto}
