"""Load and its measurement: wrk, the bare loop, and a client of our own for latencies."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import processes

WRK_REPORT = Path(__file__).resolve().parent / "wrk.lua"
PATIENCE_SECONDS = 15  # for one answer


class Fault(Exception):
    """Why a figure does not count."""


@dataclass(frozen=True)
class Rate:
    requests: int
    per_second: float
    p99_ms: float


def run_tool(command: Sequence[str | Path], seconds: float, **how) -> dict:
    """Runs a tool that prints JSON in its last line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               start_new_session=True, **how)
    try:
        output, errors = process.communicate(timeout=seconds + 2 * PATIENCE_SECONDS)
    except BaseException as problem:
        for pid in reversed(processes.family(process.pid)):
            processes.kill(pid)
        process.communicate()
        if isinstance(problem, subprocess.TimeoutExpired):
            raise Fault(f"{Path(command[0]).name} did not come to its end") from None
        raise
    if process.returncode != 0:
        raise Fault(f"{Path(command[0]).name}: {errors.strip()[-200:] or process.returncode}")
    return json.loads(output.strip().splitlines()[-1])


def wrk(port: int, target: str, connections: int, seconds: float, close: bool = False,
        closes_unannounced: bool = False, patience: float = PATIENCE_SECONDS,
        fields: Sequence[str] = (), scheme: str = "http") -> Rate:
    """One thread; a Fault for anything but answers of 2xx and 3xx. Where a server closes without
    having said so, wrk finds out when it sends the next request: one read error for each answer."""
    sent = [*fields, *(["Connection: close"] if close else [])]
    header = [word for field in sent for word in ("-H", field)]
    found = run_tool(
        ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s",
         f"--timeout={patience:.0f}s", "-s", WRK_REPORT, *header,
         f"{scheme}://127.0.0.1:{port}{target}"], seconds)
    faults = {"connect": "refused connections", "read": "read errors", "write": "write errors",
              "status": "error statuses", "timeout": "time-outs"}
    if closes_unannounced and found["read"] <= found["requests"]:
        found["read"] = 0
    seen = ", ".join(f"{found[key]} {text}" for key, text in faults.items() if found[key])
    if seen or not found["requests"]:
        raise Fault(f"{seen or 'no answer'} in {found['requests']} requests")
    requests = found["requests"]
    return Rate(requests, requests / found["duration_us"] * 1e6, found["p99_us"] / 1e3)


H2LOAD_FIGURES = re.compile(r"finished in .*?, ([\d.]+) req/s.*?requests: \d+ total, \d+ started, (\d+) done, "
                            r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", re.DOTALL)


def h2load(port: int, target: str, connections: int, streams: int, seconds: float) -> Rate:
    """One thread, by https; without streams by HTTP/1.1. A Fault for anything but answers of 2xx."""
    how = ["--h1"] if streams == 0 else [f"-m{streams}"]
    done = subprocess.run(
        ["h2load", "-t1", f"-c{connections}", *how, f"-D{max(1, round(seconds))}",
         f"https://127.0.0.1:{port}{target}"],
        capture_output=True, text=True, timeout=seconds + 2 * PATIENCE_SECONDS)
    found = H2LOAD_FIGURES.search(done.stdout)
    if not found:
        raise Fault(f"h2load: {(done.stderr or done.stdout).strip()[-200:]}")
    count, succeeded, *faults = map(int, found.groups()[1:])
    if succeeded != count or any(faults) or not count:
        raise Fault(f"{found[0].splitlines()[-1]}")
    return Rate(count, float(found[1]), 0.0)


def bare_loop(tool: Path, program: Path, seconds: float, count: int, *how: str) -> float:
    """Runs per second of `count` loops at once; see limit.cc."""
    found = run_tool([tool, program, str(seconds), str(count), *how], seconds,
                     **processes.identity())
    return found["runs"] / found["seconds"]


def spawn_cost(tool: Path, program: Path, seconds: float, mib: int, descriptors: int) -> dict:
    return run_tool([tool, program, str(seconds), str(mib), str(descriptors)], seconds,
                    **processes.identity())


def request(target: str, close: bool = False, fields: Sequence[str] = ()) -> bytes:
    lines = ["Host: 127.0.0.1", *(["Connection: close"] if close else []), *fields]
    return "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode()


def connect(port: int) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def split(answer: bytes) -> tuple[bytes, bytes] | None:
    """Head and body, once the head is there. Busybox leaves a program's line ends as they are."""
    found = re.search(rb"\r?\n\r?\n", answer)
    return (answer[:found.start()], answer[found.end():]) if found else None


def whole(answer: bytes) -> bool:
    """Whether an answer is there to its end, as far as that can be told without a close."""
    parts = split(answer)
    if parts is None:
        return False
    head, body = parts
    length = re.search(rb"(?i)\nContent-Length: *(\d+)", head)
    if length:
        return len(body) >= int(length[1])
    return b"chunked" in head.lower() and body.endswith(b"0\r\n\r\n")


def read_answer(connection: socket.socket, to_the_end: bool = False) -> bytes:
    answer = b""
    while to_the_end or not whole(answer):
        some = connection.recv(1 << 18)
        if not some:
            break
        answer += some
    return answer


def fetch(port: int, target: str, fields: Sequence[str] = ()) -> tuple[int, bytes]:
    """Status and everything after the head, on a connection of its own."""
    with connect(port) as connection:
        connection.sendall(request(target, close=True, fields=fields))
        head, body = split(read_answer(connection, to_the_end=True)) or (b"", b"")
    status = head.split(b" ", 2)[1:2]
    return (int(status[0]) if status else 0), body


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def latencies_ms(port: int, target: str, seconds: float, close: bool) -> list[float]:
    """One request after the other: on one connection, or each on one that is opened for it, timed
    from connecting to the server's close."""
    text = request(target, close)
    found = []
    connection = None
    end = time.monotonic() + seconds
    try:
        while not found or time.monotonic() < end:
            begin = time.perf_counter_ns()
            if connection is None:
                connection = connect(port)
            connection.sendall(text)
            answer = read_answer(connection, to_the_end=close)
            took = time.perf_counter_ns() - begin
            if b" 200 " not in answer[:16]:
                raise Fault(f"answered {answer[:40]!r}")
            found.append(took / 1e6)
            if close:
                connection.close()
                connection = None
    except OSError as problem:
        raise Fault(str(problem)) from None
    finally:
        if connection is not None:
            connection.close()
    return found


def open_connections(port: int, target: str, count: int, answered: bool) -> list[socket.socket]:
    """Connections with a request each: one that has been answered, or one that has been sent."""
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(connect(port))
            opened[-1].sendall(request(target))
            if answered and b" 200 " not in read_answer(opened[-1])[:16]:
                raise Fault(f"no answer on connection {len(opened)}")
    except BaseException as problem:
        close_all(opened)
        if isinstance(problem, OSError):
            raise Fault(f"connection {len(opened)}: {problem}") from None
        raise
    return opened


def close_all(connections: Sequence[socket.socket]) -> None:
    for connection in connections:
        connection.close()
