"""SIGKILL and SIGSTOP for zygotes, their keeper, workers and warm programs, while clients ask.

Each program appends the id of its request to a file before it answers: so it is seen that no request
has run twice, and that each that was answered has run.
"""

import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from client import Closed, Connection
from harness import slowness, until
from processes import alive, descendants, descriptors
from warming import LOG, Warm

CONFIGURATION = LOG + """
[server]
workers = 2
[[site]]
root = "{root}"
[[site.location]]
match = "*.cgi"
cgi = true
start = "warm"
"""

# Each says its id and who has forked it. With an s in its id it takes its time.
NATIVE = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
  char line[100];
  int size = snprintf(line, sizeof line, "%s\n", getenv("QUERY_STRING"));
  if (write(open("ran", O_WRONLY | O_APPEND), line, size) != size) return 1;
  if (strchr(line, 's')) usleep(30000);
  printf("Content-Type: text/plain\n\n%s %d", getenv("QUERY_STRING"), getppid());
}
"""
PERL = r"""#!/usr/bin/perl
use strict; use POSIX ();
open my $ran, '>>', 'ran' or die; syswrite $ran, "$ENV{QUERY_STRING}\n" or die;
select undef, undef, undef, 0.03 if $ENV{QUERY_STRING} =~ /s/;
print "Content-Type: text/plain\n\n$ENV{QUERY_STRING} ", getppid;
"""
PYTHON = r"""#!/usr/bin/python3
import os, time
name = os.environ["QUERY_STRING"]
with open("ran", "ab", 0) as ran:
    ran.write(name.encode() + b"\n")
if "s" in name:
    time.sleep(0.03)
print(f"Content-Type: text/plain\n\n{name} {os.getppid()}", end="")
"""
NAMES = ("native", "perl", "python")
CLIENTS = 6


@dataclass
class Failure:
    request: str
    since: float  # when the request before it on its connection began; of the first: when it did
    seen: float
    how: str


@dataclass
class Load:
    """Clients that ask without a pause, by connections that they keep, and never ask again."""

    address: tuple[str, int]
    done: int = 0
    failed: list[Failure] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    parents: dict[str, set[int]] = field(default_factory=lambda: {name: set() for name in NAMES})
    slowest: float = 0.0
    ended: bool = False

    def __enter__(self) -> "Load":
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(CLIENTS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ended = True
        for thread in self.threads:
            thread.join()

    def ask(self, client: int) -> None:
        rng, connection, count, began = random.Random(client), None, 0, 0.0
        while not self.ended:
            count += 1
            name = rng.choice(NAMES)
            request = f"{name}-{client}-{count}{rng.choice(['', '', '-s'])}".replace("perl", "p")
            now = time.monotonic()
            since, began = began if connection else now, now
            try:
                connection = connection or Connection(self.address, 30)
                answer = connection.request("GET", f"/{name}.cgi?{request}")
                assert answer.status == 200 and answer.complete, answer.status
                said, parent = answer.text.split()
                assert said == request
            except (AssertionError, OSError, Closed, ValueError) as fault:
                connection = None
                with self.lock:
                    self.failed.append(Failure(request, since, time.monotonic(), repr(fault)))
                continue
            with self.lock:
                self.done += 1
                self.answered.add(request)
                self.parents[name].add(int(parent))
                self.slowest = max(self.slowest, time.monotonic() - began)


class Chaos:
    def __init__(self, warm: Warm, ran):
        self.warm, self.server, self.ran = warm, warm.server, ran
        self.killed: list[tuple[float, float]] = []  # not before, and not after

    def boot(self) -> None:
        for name in NAMES:
            self.warm.boot(f"/{name}.cgi?boot")

    def load(self) -> Load:
        return Load(self.server.address)

    def kill(self, pids: list[int], number: int = signal.SIGKILL) -> None:
        for pid in pids:
            if alive(pid):
                before = time.monotonic()
                with suppress(ProcessLookupError):  # it may have ended by itself just now
                    os.kill(pid, number)
                    self.killed.append((before, time.monotonic()))

    def serving(self, load: Load) -> list[int]:
        """Zygotes that have served; one that is being booted is another matter."""
        seen = set().union(*load.parents.values())
        return [pid for pid in self.server.zygotes() if pid in seen]

    def assert_killed(self, failed: list[Failure]) -> None:
        """Each was open at a kill, or was sent on a connection that the kill had ended since the
        answer before it; and its client saw that soon."""
        for failure in failed:
            assert any(failure.since <= after and before <= failure.seen < after + 5 * slowness()
                       for before, after in self.killed), failure

    def assert_sound(self, load: Load, at_least: int = 300) -> None:
        """No request has run twice; each that was answered has run; all is as it was."""
        ran = Counter(self.ran.read_text().split())
        ran.pop("boot", None)
        twice = {name for name, count in ran.items() if count > 1}
        assert not twice
        assert load.answered <= set(ran)
        assert load.done >= at_least, "too few to say anything"
        assert until(lambda: len(self.server.workers()) == 2 and self.server.keeper(), 5)
        for name in NAMES:
            assert self.server.get(f"/{name}.cgi?boot").status == 200
        self.boot()
        self.assert_nothing_is_left()

    def assert_nothing_is_left(self) -> None:
        """The harness looks for what else is left of a server, too."""
        assert until(lambda: not self.server.programs()), self.server.programs()
        family = [p.pid for p in descendants(self.server.pid)]
        self.server.signal(signal.SIGTERM)
        assert self.server.popen.wait(10) == 0
        assert until(lambda: not any(map(alive, family)), 3), [p for p in family if alive(p)]
        assert os.listdir(self.server.runtime) == []


@pytest.fixture
def chaos(start, site, tmp_path):
    site.c_program("native.cgi", NATIVE)
    site.program("perl.cgi", PERL)
    site.program("python.cgi", PYTHON)
    ran, log = site.file("ran", ""), tmp_path / "access"
    made = Chaos(Warm(start(config=CONFIGURATION.format(log=log, root=site.root)), log), ran)
    made.boot()
    return made


def share_warm(chaos) -> float:
    lines = [line for line in chaos.warm.lines() if not line[0].endswith("?boot")]
    return sum(line[2] == "warm" for line in lines) / len(lines)


@pytest.mark.time_limit(120)
def test_killed_zygotes_and_keepers_cost_no_request(chaos):
    """What has begun goes on without them, and what has not is started plainly."""
    with chaos.load() as load:
        for _ in range(3):
            assert until(lambda: len(chaos.serving(load)) == 3, 20 * slowness())
            time.sleep(0.3)
            chaos.kill(chaos.serving(load))
            time.sleep(0.3)
            chaos.kill([chaos.server.keeper()])  # another one boots them at once
    assert len(chaos.killed) == 12
    assert not load.failed
    assert load.slowest < 5 * slowness()
    assert share_warm(chaos) > 0.1
    chaos.assert_sound(load)


@pytest.mark.time_limit(120)
def test_a_killed_program_is_the_only_one_that_fails(chaos):
    with chaos.load() as load:
        deadline = time.monotonic() + 20 * slowness()
        while len(chaos.killed) < 40 and time.monotonic() < deadline:
            time.sleep(0.05)
            chaos.kill([p.pid for p in chaos.server.programs()][:1])
    assert len(chaos.killed) == 40
    assert load.failed and len(load.failed) <= 40
    assert share_warm(chaos) > 0.9
    chaos.assert_sound(load)


@pytest.mark.kills_worker
@pytest.mark.time_limit(120)
def test_a_killed_worker_takes_its_connections_and_no_others(chaos):
    with chaos.load() as load:
        for _ in range(6):
            time.sleep(0.5)
            assert until(lambda: len(chaos.server.workers()) == 2)
            chaos.kill(chaos.server.workers()[:1])
        time.sleep(0.5)
    assert load.failed and len(load.failed) <= len(chaos.killed) * CLIENTS
    chaos.assert_killed(load.failed)
    assert share_warm(chaos) > 0.9
    chaos.assert_sound(load)


@pytest.mark.time_limit(120)
def test_stopped_zygotes_and_keepers_cost_no_request(chaos):
    """Requests of a stopped zygote are taken back after two seconds, and not run when it goes on."""
    with chaos.load() as load:
        assert until(lambda: len(chaos.serving(load)) == 3, 20 * slowness())
        stopped = chaos.serving(load)
        for victims in (stopped, [chaos.server.keeper()], [*stopped, chaos.server.keeper()]):
            chaos.kill(victims, signal.SIGSTOP)
            time.sleep(3)
            chaos.kill(victims, signal.SIGCONT)
            time.sleep(0.5)
    assert not load.failed
    assert load.slowest < 10 * slowness()
    chaos.assert_sound(load, 100)


@pytest.mark.kills_worker
@pytest.mark.time_limit(120)
def test_everything_is_killed_in_turns(chaos):
    with chaos.load() as load:
        for turn in range(12):
            time.sleep(0.3)
            chaos.kill([[chaos.server.keeper()], chaos.serving(load), chaos.server.workers()[:1],
                        [p.pid for p in chaos.server.programs()]][turn % 4])
        time.sleep(0.5)
    chaos.assert_killed(load.failed)
    chaos.assert_sound(load)


def test_a_zygote_that_had_lived_for_long_is_back_within_a_second_or_two(chaos):
    time.sleep(5.5)
    for name in NAMES:
        assert chaos.server.get(f"/{name}.cgi?boot").status == 200
    before = chaos.server.zygotes()
    chaos.kill(before)
    began = time.monotonic()
    chaos.boot()
    assert time.monotonic() - began < 5 * slowness()
    assert not set(before) & set(chaos.server.zygotes())


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_stopped_zygotes_do_not_outlive_a_keeper_that_is(chaos, end):
    zygotes = chaos.server.zygotes()
    chaos.kill(zygotes, signal.SIGSTOP)
    chaos.kill([chaos.server.keeper()], end)
    if end == signal.SIGKILL:
        assert until(lambda: not any(map(alive, zygotes)))
        chaos.boot()
    chaos.assert_nothing_is_left()


@pytest.mark.parametrize("free", range(3, 12))
def test_no_request_runs_twice_where_descriptors_run_out(start, site, tmp_path, free):
    """A request for a warm program takes some, and the word that it has begun brings one more."""
    site.c_program("native.cgi", NATIVE)
    site.file("ran", "")
    log = tmp_path / "access"
    config = CONFIGURATION.format(root=site.root, log=log).replace("workers = 2", "workers = 1")
    server = start(config=config)
    Warm(server, log).boot("/native.cgi?boot")
    [worker] = server.workers()
    connection = server.connect()
    assert connection.request("GET", "/native.cgi?boot").status == 200
    used = descriptors(worker)
    limit = next(n for n in range(free, 1 << 16) if n - sum(fd < n for fd in used) == free)
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit, resource.prlimit(
        worker, resource.RLIMIT_NOFILE)[1]))
    answer = connection.request("POST", "/native.cgi?scarce", body=b"hello")
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    time.sleep(0.1)
    ran = (site.root / "ran").read_text().split().count("scarce")
    assert (answer.status, ran) in ((200, 1), (503, 0)), answer
