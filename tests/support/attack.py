"""What goes on beside an attack: an honest client from another address, how many programs the attacker
has, and what it costs the worker."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from support import http2
from support.client import Connection
from support.processes import peak_memory, process
from support.server import Server

ATTACKER, HONEST = "127.0.0.1", "127.0.0.2"
NAME = "attacked"  # how the names of the attacker's programs begin

# It tells in a file that it was started, begins to answer, and stays.
STAYS = r"""
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
  int file = open("started", O_WRONLY | O_APPEND | O_CREAT, 0644);
  if (write(file, "x", 1) != 1) return 1;
  fputs("Content-Type: text/plain\n\nbegun\n", stdout);
  fflush(stdout);
  for (;;) pause();
}
"""


class Watch:
    """with Watch(server, root) as watch: ...the attack..."""

    def __init__(self, server: Server, root: Path):
        self.server, self.worker = server, server.workers()[0]
        self.mark = root / "started"
        self.mark.unlink(missing_ok=True)
        self.answers: list[object] = []  # of the honest client: statuses, and what went wrong
        self.most = 0  # programs of the attacker that ran at a time
        self.over = threading.Event()
        self.threads = [threading.Thread(target=each) for each in (self._ask, self._count)]

    def __enter__(self) -> Watch:
        Path(f"/proc/{self.worker}/clear_refs").write_text("5")  # the peak begins anew
        self.memory, self.ticks, self.began = self._peak(), self._ticks(), time.monotonic()
        for each in self.threads:
            each.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        seconds = time.monotonic() - self.began
        self.over.set()
        for each in self.threads:
            each.join()
        if kind is None:
            self._report(seconds)

    def started(self) -> int:
        return self.mark.stat().st_size if self.mark.exists() else 0

    def grown(self) -> int:
        """Bytes of memory that the worker had more, at its most."""
        return self._peak() - self.memory

    def running(self) -> int:
        """The worker's own children: a shell's child has its name too, until it executes something.
        They are read one after the other, while some end and others begin: those that two readings
        have found ran at the same time, between them."""
        def seen() -> set[int]:
            return {each.pid for each in self.server.programs() if each.parent == self.worker
                    and each.name.startswith(NAME) and each.state not in "ZX"}
        return len(seen() & seen())

    def check(self, most: int, memory: int = 16 << 20) -> None:
        """So many programs at a time, so much memory, and every honest request answered."""
        assert len(self.answers) >= 4 and set(self.answers) == {200}, self.answers
        assert self.most <= most, f"{self.most} programs at a time"
        assert self.grown() <= memory, f"{self.grown()} bytes more"

    def _peak(self) -> int:
        return peak_memory(self.worker)

    def _ticks(self) -> int:
        found = process(self.worker)
        assert found, "the worker is gone"
        return found.ticks

    def _ask(self) -> None:
        """By both protocols, a file and a program, as long as it goes on, and at least once each."""
        count = 0
        while not self.over.is_set() or count < 4:
            target = ("/page.html", "/honest.cgi")[count % 2]
            try:
                with Connection(self.server.address, source=HONEST) as wire:
                    by = http2.Connection(wire) if count % 4 > 1 else wire
                    self.answers.append(by.request("GET", target).status)
            except (AssertionError, OSError) as error:
                self.answers.append(error)
            count += 1

    def _count(self) -> None:
        while not self.over.is_set():
            self.most = max(self.most, self.running())
            time.sleep(0.01)

    def _report(self, seconds: float) -> None:
        """For the documents; nothing is judged by it."""
        print(f"in {seconds:.2f} s: {self.started()} programs started ({self.started() / seconds:.0f}/s), "
              f"{self.most} at a time; worker: {(self._ticks() - self.ticks) * 10} ms of processor, "
              f"{self.grown() >> 10} KiB more; honest: {len(self.answers)} answers")
