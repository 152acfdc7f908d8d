"""bench/counts without a server: what it reads from strace, its table, and what it compares."""

from __future__ import annotations

import subprocess
from pathlib import Path

import count_calls
import count_server
import count_table
from support.binary import REPOSITORY

KINDS = ["file", "cold C", "cold Perl", "warm C"]
# Two requests, sent at 100 and at 200; all is over at 300. The second has a heartbeat beside it.
TRACE = """\
99.5 epoll_wait(7, [...], 10000, 1439) = 1
100.1 recvfrom(13, ""..., 65536, 0, NULL, NULL) = 44
100.2 openat(AT_FDCWD, "/s/hello.txt", O_RDONLY) = 18
100.3 sendto(13, ""..., 241, MSG_NOSIGNAL, NULL, 0) = 241
100.4 epoll_wait(7, [...], 10000, 1439) = 1
200.1 recvfrom(13, ""..., 65536, 0, NULL, NULL) = 44
200.2 openat(AT_FDCWD, "/s/hello.txt", O_RDONLY) = -1 ENOENT (No such file or directory)
200.3 sendto(13, ""..., 241, MSG_NOSIGNAL, NULL, 0) = 241
200.4 epoll_wait(7, [], 10000, 1439) = 0
200.5 clock_gettime(CLOCK_PROCESS_CPUTIME_ID, {tv_sec=0}) = 0
200.6 epoll_wait(7,  <detached ...>
"""


def test_calls_are_told_apart_by_when_they_were_made(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(TRACE)
    first, second = count_calls.by_request(tmp_path / "log", [100.0, 200.0, 300.0])
    assert first.calls == {"recvfrom": 1, "openat": 1, "sendto": 1, "epoll_wait": 1}
    assert (first.wakes, first.copied_bytes) == (1, 285)
    assert (second.calls["clock_gettime"], second.wakes) == (1, 0)


def test_the_cost_is_that_of_the_request_with_the_fewest_calls(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(TRACE)
    cost = count_calls.least(count_calls.by_request(tmp_path / "log", [100.0, 200.0, 300.0]))
    assert (cost.calls, cost.other_calls) == (4, 1)
    assert cost.names == "epoll_wait, openat, recvfrom, sendto"


def page(counts: count_table.Counts) -> str:
    text = ("# Counts\n<!-- counts: requests -->\nstale\n<!-- /counts -->\nbetween\n"
            "<!-- counts: memory -->\nstale\n<!-- /counts -->\n")
    text = count_table.filled(text, "requests", count_table.table(count_table.ROWS, KINDS, counts))
    return count_table.filled(text, "memory",
                              count_table.table(count_table.MEMORY, ["memory"], counts))


COMMITTED = {"worker: calls": {"file": 8, "cold C": 26, "cold Perl": 26, "warm C": 36},
             "worker: instructions": {"file": 15000},
             "program: page faults": {"cold C": 62},
             "idle connection, bytes": {"memory": 1192}}


def test_what_is_written_is_read_again() -> None:
    read = count_table.read(page(COMMITTED))
    assert {row: kinds for row, kinds in read.items() if kinds} == COMMITTED


def compared(row: str, kind: str, count: int, same_system: bool = True) -> tuple[int, int]:
    above, below = count_table.compare({row: {kind: count}}, COMMITTED, same_system)
    return len(above), len(below)


def test_a_count_above_the_table_is_a_fault_unless_the_table_allows_it() -> None:
    assert compared("worker: calls", "file", 8) == (0, 0)
    assert compared("worker: calls", "file", 9) == (1, 0)
    assert compared("worker: calls", "file", 7) == (0, 1)
    assert compared("worker: calls", "cold C", 27) == (1, 0)
    assert compared("worker: calls", "cold Perl", 38) == (0, 0)  # may live longer than 20 ms
    assert compared("worker: calls", "warm C", 48) == (0, 0)
    assert compared("worker: calls", "warm C", 49) == (1, 0)
    assert compared("worker: instructions", "file", 16500) == (0, 0)
    assert compared("worker: instructions", "file", 16501) == (1, 0)


def test_what_the_kernel_decides_is_compared_with_the_same_kernel_alone() -> None:
    assert compared("program: page faults", "cold C", 80) == (1, 0)
    assert compared("program: page faults", "cold C", 80, same_system=False) == (0, 0)


def test_a_count_that_the_table_lacks_is_a_fault() -> None:
    assert compared("master: calls", "file", 0) == (1, 0)


def test_of_two_counts_the_least_is_taken() -> None:
    assert count_table.least({"a": {"x": 3, "y": 1}}, {"a": {"x": 2, "y": 5}}) == {
        "a": {"x": 2, "y": 1}}


def test_the_table_keeps_a_count_that_is_as_near_as_it_may_spread() -> None:
    settled = count_table.settled({"worker: calls": {"file": 7, "cold Perl": 31, "warm C": 50}},
                                  COMMITTED)
    assert settled == {"worker: calls": {"file": 7, "cold Perl": 26, "warm C": 50}}


def test_the_page_has_all_rows_and_all_kinds() -> None:
    counts = count_table.read((REPOSITORY / "docs/counts.md").read_text())
    assert [row.name for row in (*count_table.ROWS, *count_table.MEMORY)] == list(counts)
    assert counts["worker: calls"].keys() == counts["worker: bytes copied"].keys()
    assert list(counts["worker: calls"]) == [kind.name for kind in count_server.KINDS]


def test_the_command_refuses_a_part_that_it_does_not_know() -> None:
    done = subprocess.run([REPOSITORY / "bench/counts", "--only", "calls,fautls"],
                          capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert "there is no fautls" in done.stderr
