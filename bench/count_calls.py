"""System calls of each request, told apart by when it was sent: strace(1)."""

from __future__ import annotations

import bisect
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from count_server import PATIENCE_SECONDS, Fault, Kind, Server

REQUESTS = 9  # of each kind
CALL = re.compile(r"^(\d+\.\d+) (\w+)\(.*\) += (-?\d+|\?)")
COPIES = {"read", "readv", "pread64", "preadv", "recvfrom", "recvmsg", "write", "writev",
          "pwrite64", "sendto", "sendmsg"}
WAITS = {"epoll_wait", "epoll_pwait"}
# How many of these there are depends on whether events come one by one or together.
OF_EVENTS = WAITS | {"epoll_ctl", "read", "recvfrom", "sendto"}


@dataclass
class Request:
    """What one process has called for one request."""

    calls: Counter[str] = field(default_factory=Counter)
    wakes: int = 0  # waits that have ended with an event
    copied_bytes: int = 0  # between the kernel and the process


@dataclass(frozen=True)
class Cost:
    """Of one request."""

    calls: int
    other_calls: int  # than OF_EVENTS
    wakes: int
    copied_bytes: int
    names: str  # of the calls, with their numbers


def parsed(log: Path) -> Iterator[tuple[float, str, int]]:
    """When it was called, its name, what it returned."""
    for line in log.read_text(errors="replace").splitlines():
        if found := CALL.match(line):
            yield float(found[1]), found[2], 0 if found[3] == "?" else int(found[3])
        elif re.match(r"^\d+\.\d+ (execve|exit_group)\(", line):
            yield float(line.split(" ", 1)[0]), line.split(" ", 1)[1].partition("(")[0], 0


def by_request(log: Path, times: Sequence[float]) -> list[Request]:
    """`times`: when each request was sent, and when the last was over."""
    found = [Request() for _ in times[:-1]]
    for when, name, returned in parsed(log):
        index = bisect.bisect(times, when) - 1
        if not 0 <= index < len(found):
            continue
        request = found[index]
        request.calls[name] += 1
        request.wakes += name in WAITS and returned > 0
        request.copied_bytes += max(returned, 0) if name in COPIES else 0
    return found


def least(requests: Sequence[Request]) -> Cost:
    """Of the request that has cost the least: what happens beside one, such as a heartbeat or a turn
    of the loop that has taken too long, adds calls and takes none away."""
    one = min(requests, key=lambda request: sum(request.calls.values()))
    text = ", ".join(f"{name} {number}" if number > 1 else name for name, number
                     in sorted(one.calls.items(), key=lambda pair: (-pair[1], pair[0])))
    others = min(sum(count for name, count in request.calls.items() if name not in OF_EVENTS)
                 for request in requests)
    return Cost(sum(one.calls.values()), others, min(request.wakes for request in requests),
                min(request.copied_bytes for request in requests), text)


@contextmanager
def traced(pid: int, log: Path, follows: bool = False) -> Iterator[None]:
    """`follows`: what it starts is traced, too, each into a file LOG.PID."""
    command = ["strace", "-ttt", "-s", "0", "-o", str(log), "-p", str(pid)]
    if follows:
        command.insert(1, "-ff")
    with open(f"{log}.errors", "w+") as errors:
        tracer = subprocess.Popen(command, stderr=errors, stdin=subprocess.DEVNULL)
        try:
            await_attached(tracer, Path(f"{log}.errors"))
            yield
        finally:
            tracer.terminate()
            tracer.wait()


def await_attached(tracer: subprocess.Popen, errors: Path) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while "attached" not in errors.read_text():
        if tracer.poll() is not None or time.monotonic() > end:
            raise Fault(f"strace cannot trace the server: {errors.read_text().strip()}; it needs to "
                        "be root, and a container needs the capability SYS_PTRACE")
        time.sleep(0.01)


def of_server(server: Server, kind: Kind, folder: Path) -> dict[str, Cost]:
    """By process: worker, master and zygote. What they start is not traced, so that it is as quick
    as ever: the worker finds that a program has ended where it looks for that first."""
    pids = {"worker": server.worker(), "master": server.process.pid}
    if kind.is_warm:
        pids["zygote"] = server.zygotes()[kind.program]
    folder.mkdir(parents=True)
    with ExitStack() as tracers:
        for role, pid in pids.items():
            tracers.enter_context(traced(pid, folder / role))
        times = server.ask_often(kind, REQUESTS + 1)
    times = times[:-1]  # the wait after the last request has no end
    return {role: least(by_request(folder / role, times)) for role in pids}


def of_program(server: Server, kind: Kind, folder: Path) -> tuple[int, int]:
    """The calls of the process that runs the program: the server's before there is a program, all
    others. A warm program begins where it has told the worker that it does."""
    parent = server.zygotes()[kind.program] if kind.is_warm else server.worker()
    folder.mkdir(parents=True)
    with traced(parent, folder / "calls", follows=True):
        times = server.ask_often(kind, REQUESTS)
    begins, rests = [], []
    for log in folder.glob("calls.[0-9]*"):
        calls = [(when, name) for when, name, _ in parsed(log)]
        names = [name for _, name in calls]
        if log.suffix == f".{parent}" or not calls or calls[-1][0] < times[1] \
                or calls[-1][1] != "exit_group":
            continue  # another that it has started; one of a request before; one that still waits
        begin = "execve" if not kind.is_warm else "sendmsg"
        if begin not in names:
            continue
        index = len(names) - names[::-1].index(begin) if kind.is_warm else names.index(begin) + 1
        begins.append(index)
        rests.append(len(names) - index)
    if not begins:
        raise Fault(f"{kind.name}: no program was traced")
    return min(begins), min(rests)
