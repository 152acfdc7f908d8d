"""Processes as /proc shows them."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


class Process:
    def __init__(self, pid: int, stat: str):
        fields = stat[stat.rindex(")") + 2 :].split()
        self.pid = pid
        self.name = stat[stat.index("(") + 1 : stat.rindex(")")]
        self.state, self.parent, self.group = fields[0], int(fields[1]), int(fields[2])
        self.ticks = int(fields[11]) + int(fields[12])  # user and system time
        self.began = int(fields[19]) / os.sysconf("SC_CLK_TCK")  # seconds of CLOCK_BOOTTIME

    def __repr__(self) -> str:
        return f"{self.name}[{self.pid}] {self.state} (parent {self.parent}, group {self.group})"


def process(pid: int) -> Process | None:
    try:
        return Process(pid, Path(f"/proc/{pid}/stat").read_text(errors="replace"))
    except (FileNotFoundError, ProcessLookupError):
        return None


def _found(pids: Iterable[int]) -> dict[int, Process]:
    return {p.pid: p for p in map(process, pids) if p}


def processes() -> dict[int, Process]:
    return _found(int(entry) for entry in os.listdir("/proc") if entry.isdigit())


def children(parent: int) -> dict[int, Process]:
    """By the kernel's own list (proc_pid_task_children(5)): reading all processes takes milliseconds,
    and every test asks a dozen times. Without one (CONFIG_PROC_CHILDREN), of all processes."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{parent}/task"):
            found += map(int, Path(f"/proc/{parent}/task/{thread}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        if not os.path.exists("/proc/self/task/%d/children" % os.getpid()):
            return {p.pid: p for p in processes().values() if p.parent == parent}
    return _found(found)


def family(root: int) -> dict[int, Process]:
    """It, and what descends from it."""
    found, parents = _found([root]), [root]
    while parents:
        grown = {pid: p for pid, p in children(parents.pop()).items() if pid not in found}
        found |= grown
        parents += grown
    return found


def alive(pid: int) -> bool:
    """False for zombies too: they run nothing any more."""
    found = process(pid)
    return found is not None and found.state not in "ZX"


def descendants(root: int, everyone: dict[int, Process] | None = None) -> list[Process]:
    """`everyone`: those that were seen together, of which it has been the root."""
    everyone = family(root) if everyone is None else everyone
    found, parents = [], [root]
    while parents:
        parent = parents.pop()
        grown = [p for p in everyone.values() if p.parent == parent and p.pid != root]
        found += grown
        parents += [p.pid for p in grown]
    return found


def stale_watches(pid: int) -> list[str]:
    """What its epoll sets still watch, though it has closed it: somebody else has it open. An event
    of such a file comes for ever (epoll(7), question 6)."""
    found = []
    for number, target in descriptors(pid).items():
        if target != "anon_inode:[eventpoll]":
            continue
        try:
            watched = re.findall(r"tfd: +(\d+).* ino:([0-9a-f]+)",
                                 Path(f"/proc/{pid}/fdinfo/{number}").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        for descriptor, inode in watched:
            try:
                if os.stat(f"/proc/{pid}/fd/{descriptor}").st_ino == int(inode, 16):
                    continue
            except (FileNotFoundError, ProcessLookupError):
                pass
            found.append(f"descriptor {descriptor} of pid {pid}")
    return found


def descriptors(pid: int) -> dict[int, str]:
    found = {}
    try:
        for entry in os.listdir(f"/proc/{pid}/fd"):
            try:
                found[int(entry)] = os.readlink(f"/proc/{pid}/fd/{entry}")
            except FileNotFoundError:
                pass
    except (FileNotFoundError, PermissionError):
        pass
    return found


def limit_that_leaves(pid: int, free: int) -> int:
    """The RLIMIT_NOFILE with which the process can open so many more, and none besides."""
    used = descriptors(pid)
    return next(n for n in range(free, 1 << 20) if n - sum(fd < n for fd in used) == free)


def status_field(pid: int | str, name: str) -> str:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    raise KeyError(name)


def are_idle(pids: Iterable[int], seconds: float = 1.0) -> bool:
    """Whether each of them sleeps, and wakes now and then at most. One that spins is never found
    asleep, however little of a busy machine's time it gets."""
    pids = list(pids)
    woken = {pid: int(status_field(pid, "voluntary_ctxt_switches")) for pid in pids}
    asleep, looks, began = Counter(), 0, time.monotonic()
    while time.monotonic() - began < seconds or looks < 50:
        looks += 1
        asleep.update(pid for pid in pids if (now := process(pid)) and now.state == "S")
        time.sleep(seconds / 100)
    most = 20 + 50 * (time.monotonic() - began)
    return all(asleep[pid] >= looks / 2 and
               int(status_field(pid, "voluntary_ctxt_switches")) - woken[pid] <= most
               for pid in pids)


def peak_memory(pid: int) -> int:
    """Bytes of resident memory at their most (VmHWM)."""
    return int(status_field(pid, "VmHWM").split()[0]) * 1024
