"""What is being done, and how long it will still take, on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

LINE_SECONDS = 10  # between two lines where they cannot be overwritten


class Progress:
    def __init__(self, seconds: Sequence[float]):
        self.left = sum(seconds)
        self.total, self.done = len(seconds), 0
        self.terminal = sys.stderr.isatty()
        self.last = 0.0

    def show(self, label: str, seconds: float) -> None:
        self.done += 1
        line = f"{self.done}/{self.total}  {label}, {duration(self.left)} left"
        self.left -= seconds
        if self.terminal:
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last > LINE_SECONDS:
            self.last = time.monotonic()
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
