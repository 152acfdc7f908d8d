"""Starting and ending servers: as one ordinary user, and so that nothing of theirs stays."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
USER = "www-data"  # whom all servers and programs run as, when root measures
# What a server that starts programs warm wants beside itself.
WARM_PARTS = ("libcgisrv-warm.so", "warm.pl", "warm_learn.pl", "warm.py", "warm_load.py",
              "warm_end.py", "warm_learn.py")
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}


def cores() -> int:
    return len(os.sched_getaffinity(0))


def adopt_orphans() -> None:
    """Whatever a server leaves behind becomes our child, so that it can be ended by its id."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def identity() -> dict:
    """For Popen: the user to run as, or nothing when nobody else can be had."""
    if os.geteuid() != 0:
        return {}
    return {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}


def give_away(path: Path) -> None:
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def start(command: Sequence[str], log: Path) -> subprocess.Popen:
    with open(log, "ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                env=ENVIRONMENT, cwd=log.parent, start_new_session=True,
                                **identity())


def parents() -> dict[int, int]:
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stat:
                    found[int(entry)] = int(stat.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass  # has just ended
    return found


def family(root: int) -> list[int]:
    """A process and all its descendants."""
    parent_of = parents()
    found = [root]
    for pid in found:
        found += [child for child, parent in parent_of.items() if parent == pid]
    return found


def end(processes: Sequence[subprocess.Popen]) -> None:
    """By TERM, and what is left of each after five seconds by KILL."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    for process in processes:
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in reversed(family(process.pid)):
                kill(pid)
            process.wait()


def end_strays(known: set[int]) -> None:
    """Ends what has become our child without having been started by us, and all below it."""
    for _ in range(50):
        me = os.getpid()
        strays = [pid for pid, parent in parents().items() if parent == me and pid not in known]
        if not strays:
            return
        for pid in strays:
            kill(pid)
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        time.sleep(0.02)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def processor_us(processes: Sequence[subprocess.Popen]) -> dict[int, float]:
    """What each of their processes has used so far, without those that it has reaped. In
    nanoseconds, from the scheduler: stat counts in ticks, which is nothing for a short turn."""
    found: dict[int, float] = {}
    for pid in {pid for process in processes for pid in family(process.pid)}:
        try:
            threads = list(Path(f"/proc/{pid}/task").glob("*/schedstat"))
            found[pid] = sum(int(thread.read_text().split()[0]) for thread in threads) / 1e3
        except (FileNotFoundError, ProcessLookupError):
            pass  # has just ended
    return found


def zygote_kib(processes: Sequence[subprocess.Popen]) -> tuple[int, int] | None:
    """Resident memory of a zygote, and how much of that no file holds: of one, if any is there."""
    for parent in {pid for process in processes for pid in family(process.pid)}:
        if Path(f"/proc/{parent}/comm").read_text() == "cgisrv-zygotes\n":
            for zygote in family(parent)[1:2]:
                rollup = Path(f"/proc/{zygote}/smaps_rollup").read_text()
                sizes = dict(line.split()[:2] for line in rollup.splitlines()[1:])
                return int(sizes["Rss:"]), int(sizes["Anonymous:"])
    return None


def memory_kib(processes: Sequence[subprocess.Popen]) -> int:
    """The proportional set size of all their processes: each page counted once."""
    total = 0
    for pid in {pid for process in processes for pid in family(process.pid)}:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total
