"""SIGKILL and SIGSTOP for zygotes, their zygote manager, workers and warm programs, while clients ask.

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
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field

import pytest

from support.client import Closed, Connection, head
from support.control import control
from support.processes import alive, are_idle, descendants, descriptors, limit_that_leaves, process
from support.server import ZYGOTE_CONTROL
from support.waiting import until
from support.warm import Warm, warm_site

# Who has no heartbeat does not see that its limits are lowered.
ALONE = 'workers = 1\nheartbeat_timeout = "unlimited"'

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
    turns: list[int] = field(default_factory=lambda: [0] * CLIENTS)
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

    def some(self, turns: int) -> None:
        """Until all clients together have had that many answers more, or failures."""
        end = sum(self.turns) + turns
        assert until(lambda: sum(self.turns) >= end, 60)

    def go_on(self, turns: int = 3) -> None:
        """Until each client has had that many."""
        before = list(self.turns)
        assert until(lambda: all(now >= then + turns for now, then in zip(self.turns, before)), 60)

    def enough(self) -> None:
        """Until there are enough answers to say something."""
        assert until(lambda: self.done >= 300, 120)

    def ask(self, client: int) -> None:
        rng, connection, count, began = random.Random(client), None, 0, 0.0
        while not self.ended:
            self.turns[client] = count
            count += 1
            name = rng.choice(NAMES)
            request = f"{name}-{client}-{count}{rng.choice(['', '', '-s'])}".replace("perl", "p")
            now = time.monotonic()
            since, began = began if connection else now, now
            try:
                connection = connection or Connection(self.address, 60)
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

    def programs(self) -> list[int]:
        """That answer a request; one whose parent is the zygote manager is a zygote that is being booted."""
        zygote_manager = self.server.zygote_manager()
        return [p.pid for p in self.server.programs() if p.parent != zygote_manager]

    def assert_killed(self, failed: list[Failure]) -> None:
        """Each was open at a kill, or was sent on a connection that the kill had ended since the
        answer before it."""
        for failure in failed:
            assert any(failure.since <= after and before <= failure.seen
                       for before, after in self.killed), failure

    def assert_sound(self, load: Load) -> None:
        """No request has run twice; each that was answered has run; all is as it was."""
        ran = Counter(self.ran.read_text().split())
        ran.pop("boot", None)
        twice = {name for name, count in ran.items() if count > 1}
        assert not twice
        assert load.answered <= set(ran)
        assert until(lambda: len(self.server.workers()) == 2 and self.server.zygote_manager())
        for name in NAMES:
            assert self.server.get(f"/{name}.cgi?boot").status == 200
        self.boot()
        self.assert_nothing_is_left()

    def assert_nothing_is_left(self) -> None:
        """The harness looks for what else is left of a server, too."""
        assert until(lambda: not self.server.programs()), self.server.programs()
        family = [p.pid for p in descendants(self.server.pid)]
        self.server.signal(signal.SIGTERM)
        assert self.server.popen.wait(30) == 0
        assert until(lambda: not any(map(alive, family))), [p for p in family if alive(p)]
        assert os.listdir(self.server.runtime) == []


@pytest.fixture
def chaos(start, site, tmp_path):
    site.c_program("native.cgi", NATIVE)
    site.program("perl.cgi", PERL)
    site.program("python.cgi", PYTHON)
    ran, log = site.file("ran", ""), tmp_path / "access"
    made = Chaos(Warm(start(config=warm_site(site.root, log)), log), ran)
    made.boot()
    return made


def share_warm(chaos) -> float:
    lines = [line for line in chaos.warm.lines() if not line[0].endswith("?boot")]
    return sum(line[2] == "warm" for line in lines) / len(lines)


def all_serve(chaos, load) -> bool:
    return len(chaos.serving(load)) == len(NAMES)


def test_killed_zygotes_and_zygote_managers_cost_no_request(chaos):
    """What has begun goes on without them, and what has not is started cold."""
    with chaos.load() as load:
        for _ in range(3):
            assert until(lambda: all_serve(chaos, load), 60)
            load.go_on()
            chaos.kill(chaos.serving(load))
            load.go_on()
            chaos.kill([chaos.server.zygote_manager()])  # another one boots them at once
        assert until(lambda: all_serve(chaos, load), 60)
        load.enough()
    assert len(chaos.killed) > 8  # of twelve: one may have ended by itself between two looks
    assert not load.failed
    chaos.assert_sound(load)


def test_a_killed_program_is_the_only_one_that_fails(chaos):
    with chaos.load() as load:
        while len(chaos.killed) < 40:
            load.some(CLIENTS)
            chaos.kill(chaos.programs()[:1])
        load.enough()
    assert len(chaos.killed) == 40
    assert load.failed and len(load.failed) <= 40
    assert share_warm(chaos) > 0.5
    chaos.assert_sound(load)


@pytest.mark.kills_worker
def test_a_killed_worker_takes_its_connections_and_no_others(chaos):
    with chaos.load() as load:
        for _ in range(6):
            load.go_on(5)
            assert until(lambda: len(chaos.server.workers()) == 2)
            chaos.kill(chaos.server.workers()[:1])
        load.go_on()
        load.enough()
    assert load.failed and len(load.failed) <= len(chaos.killed) * CLIENTS
    chaos.assert_killed(load.failed)
    assert share_warm(chaos) > 0.5
    chaos.assert_sound(load)


def test_stopped_zygotes_and_zygote_managers_cost_no_request(chaos):
    """Requests of a stopped zygote are taken back after two seconds, and not run when it goes on."""
    with chaos.load() as load:
        assert until(lambda: all_serve(chaos, load), 60)
        stopped = chaos.serving(load)
        for victims in (stopped, [chaos.server.zygote_manager()], [*stopped, chaos.server.zygote_manager()]):
            chaos.kill(victims, signal.SIGSTOP)
            load.go_on()
            chaos.kill(victims, signal.SIGCONT)
            load.go_on()
        load.enough()
    assert not load.failed
    chaos.assert_sound(load)


@pytest.mark.kills_worker
def test_everything_is_killed_in_turns(chaos):
    with chaos.load() as load:
        for turn in range(12):
            load.go_on()
            chaos.kill([[chaos.server.zygote_manager()], chaos.serving(load), chaos.server.workers()[:1],
                        chaos.programs()][turn % 4])
        load.go_on()
        load.enough()
    chaos.assert_killed(load.failed)
    chaos.assert_sound(load)


def test_a_zygote_that_had_lived_for_long_is_booted_again_at_once(chaos):
    """One that has not waits for five seconds."""
    time.sleep(5.5)
    for name in NAMES:
        assert chaos.server.get(f"/{name}.cgi?boot").status == 200
    before = chaos.server.zygotes()
    killed = time.clock_gettime(time.CLOCK_BOOTTIME)
    chaos.kill(before)
    for name in NAMES:
        assert chaos.server.get(f"/{name}.cgi?boot").status == 200
    chaos.boot()
    zygotes = chaos.server.zygotes()
    assert len(zygotes) == len(NAMES) and not set(before) & set(zygotes)
    assert all(process(pid).began - killed < 5 for pid in zygotes)


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL], ids=["stopped", "killed"])
def test_stopped_zygotes_do_not_outlive_a_zygote_manager_that_is(chaos, end):
    zygotes = chaos.server.zygotes()
    chaos.kill(zygotes, signal.SIGSTOP)
    chaos.kill([chaos.server.zygote_manager()], end)
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
    config = warm_site(site.root, log, server=ALONE)
    server = start(config=config)
    Warm(server, log).boot("/native.cgi?boot")
    [worker] = server.workers()
    connection = server.connect()
    assert connection.request("GET", "/native.cgi?boot").status == 200
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit_that_leaves(worker, free), before[1]))
    answer = connection.request("POST", "/native.cgi?scarce", body=b"hello")
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    time.sleep(0.1)
    ran = (site.root / "ran").read_text().split().count("scarce")
    assert (answer.status, ran) in ((200, 1), (503, 0)), answer


@pytest.fixture
def scarce(start, site, tmp_path):
    """A worker with a warm program; while it is used as a context, no descriptor is free."""
    site.c_program("native.cgi", NATIVE)
    site.c_program("slow.cgi", SLOW)
    site.file("ran", "")
    log = tmp_path / "access"
    config = warm_site(site.root, log, server=ALONE)
    return Scarce(Warm(start(config=config), log))


SLOW = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  printf("Content-Type: text/plain\n\nfirst ");
  fflush(stdout);
  if (getenv("QUERY_STRING")[0] == 's') sleep(3);
  printf("last");
}
"""


@dataclass
class Scarce:
    warm: Warm

    def __enter__(self):
        worker, = self.warm.server.workers()
        hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)[1]
        self.before = resource.prlimit(worker, resource.RLIMIT_NOFILE,
                                       (limit_that_leaves(worker, 0), hard))

    def __exit__(self, *_):
        worker, = self.warm.server.workers()
        resource.prlimit(worker, resource.RLIMIT_NOFILE, self.before)


def test_a_zygote_is_not_killed_because_nobody_could_look_at_its_process(scarce):
    """What cannot be looked at for want of a descriptor is no lie."""
    scarce.warm.boot("/slow.cgi?boot")
    zygotes = scarce.warm.server.zygotes()
    with scarce.warm.server.connect() as connection:
        connection.send(head("GET", "/slow.cgi?slow"))
        response = connection.read_final_head()
        pieces = connection.stream(response)
        assert next(pieces) == b"first "
        with scarce:
            time.sleep(1.5)  # the look is once a second
        assert b"".join(pieces) == b"last" and response.complete
    assert scarce.warm.server.zygotes() == zygotes


def test_a_zygote_that_came_where_descriptors_had_run_out_is_used_later(start, site, tmp_path):
    """The socket for its words could not be opened when it was announced."""
    site.c_program("native.cgi", NATIVE)
    site.file("ran", "")
    log = tmp_path / "access"
    server = start(config=warm_site(site.root, log, server=ALONE))
    [worker] = server.workers()
    with server.connect() as connection:
        assert connection.request("GET", "/native.cgi?first").status == 200
        limit = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (limit_that_leaves(worker, 1), limit[1]))
        assert until(server.zygotes)
        connection.request("GET", "/native.cgi?short")  # whatever comes of it
        resource.prlimit(worker, resource.RLIMIT_NOFILE, limit)
    [zygote] = server.zygotes()
    Warm(server, log).boot("/native.cgi?again")
    assert server.zygotes() == [zygote]


def no_descriptors(pid: int, most: int = 0):
    """Until it is closed, that process can open none whose number is not less than that; without
    one, none at all."""
    used = descriptors(pid)
    lowest = most or next(n for n in range(1 << 16) if n not in used)
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest, before[1]))
    stack = ExitStack()
    stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, before)
    return stack


@pytest.mark.kills_worker
def test_nobody_spins_where_the_zygote_manager_has_no_descriptors(scarce):
    """It lets go of a worker as soon as that has asked to be told."""
    server = scarce.warm.server
    scarce.warm.boot("/native.cgi?boot")
    with no_descriptors(server.zygote_manager(), 3):  # nor where one is closed
        [before] = server.workers()
        os.kill(before, signal.SIGKILL)
        assert until(lambda: server.workers() not in ([], [before]))
        assert server.get("/native.cgi?x").status == 200
        assert are_idle([*server.workers(), server.zygote_manager()])
    scarce.warm.boot("/native.cgi?again")


@pytest.mark.kills_worker
def test_nobody_spins_where_a_worker_without_descriptors_loses_its_zygote_manager(scarce):
    warm = scarce.warm
    warm.boot("/native.cgi?boot")
    with scarce:
        zygote_manager = warm.server.zygote_manager()
        os.kill(zygote_manager, signal.SIGKILL)
        assert until(lambda: warm.server.zygote_manager() not in (0, zygote_manager))
        assert are_idle(warm.server.workers())
    warm.boot("/native.cgi?again")


@pytest.mark.parametrize("most", [0, 203], ids=["as it looks", "as it executes"])
def test_a_shortage_is_no_reason_to_refuse_a_program(start, site, tmp_path, most):
    """The zygote manager's, as it looks what the program is, or as its child is to become that."""
    site.c_program("native.cgi", NATIVE)
    site.c_program("slow.cgi", SLOW)
    site.file("ran", "")
    log = tmp_path / "access"
    warm = Warm(start(config=warm_site(site.root, log, server=ALONE)), log)
    warm.boot("/slow.cgi?boot")
    with no_descriptors(warm.server.zygote_manager(), most):
        assert warm.get("/native.cgi?short").status == 200
        line = warm.server.wait_log(r"native.cgi: started cold.*")[0]
    assert "for a minute: " in line and "Too many open files" in line
    assert warm.get("/native.cgi?later").status == 200
    assert warm.how("/native.cgi?later") == ["cold", "booting"]


def test_a_shortage_as_a_zygote_becomes_ready_is_no_reason_to_refuse_it(scarce, site):
    """The socket for its requests comes with that word."""
    site.program("late.cgi", LATE)
    server = scarce.warm.server
    assert server.get("/late.cgi?x").status == 200
    assert until(lambda: descendants(server.zygote_manager()))
    with no_descriptors(server.zygote_manager(), 3):
        site.file("go", "")
        line = server.wait_log(r"late.cgi: started cold.*")[0]
    assert "for a minute: there was no descriptor free" in line


LATE = r"""#!/usr/bin/perl
BEGIN { select undef, undef, undef, 0.01 while -e "/proc/self/fd/200" && !-e "go" }
print "Content-Type: text/plain\n\n";
"""

CUT = r"""
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(void) {
  printf("Content-Type: text/plain\n\n%d %d\n", getpid(), getppid());
  fflush(stdout);
  if (getenv("QUERY_STRING")[0] == 'w') while (access("over", F_OK) != 0) usleep(10000);
  return 0;
}
"""


@pytest.fixture
def cut(start, site, tmp_path):
    """A server, and what begins a response: the rest of it, the program's pid and its zygote's."""
    site.c_program("cut.cgi", CUT)
    log = tmp_path / "access"
    warm = Warm(start(config=warm_site(site.root, log, server="workers = 1")), log)
    warm.boot("/cut.cgi?boot")
    connection = warm.server.connect()
    connection.send(head("GET", "/cut.cgi?wait"))
    response = connection.read_final_head()
    pieces = connection.stream(response)
    program, zygote = map(int, next(pieces).split())
    assert zygote in warm.server.zygotes()
    return warm, response, pieces, program, zygote


@pytest.mark.parametrize("first", ["zygote", "both"])
def test_a_response_is_cut_by_the_death_of_its_program_without_its_zygote(cut, first):
    warm, response, pieces, program, zygote = cut
    os.kill(zygote, signal.SIGKILL)
    if first == "zygote":
        assert until(lambda: zygote not in warm.server.zygotes())
        time.sleep(0.2)
    os.kill(program, signal.SIGKILL)
    with suppress(Closed):
        assert b"".join(pieces) == b""
    assert not response.complete
    line, = until(lambda: warm.settled("/cut.cgi?wait"))
    assert line[-1] in ("9", "KILL", "SIGKILL"), line
    warm.server.wait_log(r"cut.cgi.*killed by signal 9 \(SIGKILL\)")


def test_a_response_is_whole_whose_zygote_is_gone(cut, site):
    warm, response, pieces, program, zygote = cut
    os.kill(zygote, signal.SIGKILL)
    assert until(lambda: zygote not in warm.server.zygotes())
    site.file("over", "")
    assert b"".join(pieces) == b"" and response.complete
    line, = until(lambda: warm.settled("/cut.cgi?wait"))
    assert line[-2:] == ["0", "-"], line


def test_a_zygote_that_is_to_end_is_killed_where_it_does_not(cut, site):
    """Its program goes on, and is answered for."""
    warm, response, pieces, program, zygote = cut
    os.utime(site.path("cut.cgi"))
    assert until(lambda: warm.get("/cut.cgi?boot").status == 200
                 and zygote not in warm.server.zygotes(), 40, 0.1)
    warm.server.wait_log(f"its zygote {zygote} is killed: it has not ended by itself")
    assert alive(program)
    site.file("over", "")
    assert b"".join(pieces) == b"" and response.complete
    line, = until(lambda: warm.settled("/cut.cgi?wait"))
    assert line[-2:] == ["0", "-"], line


@pytest.fixture
def orphan(cut):
    """As `cut`, and the zygote's zygote manager has died. The zygote stays to tell how its program ends."""
    warm, _, _, program, zygote = cut
    os.kill(warm.server.zygote_manager(), signal.SIGKILL)
    assert until(lambda: process(zygote).parent == warm.server.pid)
    assert alive(program)
    return cut


def test_a_zygote_outlives_its_zygote_manager_as_long_as_its_program_runs(orphan, site):
    warm, response, pieces, program, zygote = orphan
    time.sleep(13)  # more than one has that waits for nothing
    assert alive(program) and alive(zygote)
    site.file("over", "")
    assert b"".join(pieces) == b"" and response.complete
    assert until(lambda: not alive(zygote))
    assert f"zygote {zygote} is killed" not in warm.server.log()


def test_a_zygote_that_is_stopped_when_its_zygote_manager_has_died_is_killed(orphan, site):
    """Its program goes on, and its response is whole. How it ends nobody can tell."""
    warm, response, pieces, program, zygote = orphan
    os.kill(zygote, signal.SIGSTOP)
    assert until(lambda: not alive(zygote), 30)
    warm.server.wait_log(
        f"zygote {zygote} is killed: its zygote manager has died, and it has been stopped")
    assert alive(program)
    site.file("over", "")
    assert b"".join(pieces) == b"" and response.complete
    line, = until(lambda: warm.settled("/cut.cgi?wait"))
    assert line[4] == "answered", line
    warm.boot("/cut.cgi?again")


def test_a_stopped_zygote_without_its_zygote_manager_does_not_outlive_the_server(orphan):
    warm, _, _, program, zygote = orphan
    os.kill(zygote, signal.SIGSTOP)
    warm.server.signal(signal.SIGTERM)
    assert warm.server.popen.wait(30) == 0
    assert until(lambda: not alive(zygote) and not alive(program))


@pytest.mark.kills_worker
def test_a_program_is_ended_whose_worker_zygote_manager_and_zygote_are_gone(orphan):
    warm, _, _, program, zygote = orphan
    os.kill(zygote, signal.SIGSTOP)
    os.kill(*warm.server.workers(), signal.SIGKILL)
    assert until(lambda: not alive(program) and not alive(zygote), 30)
    warm.boot("/cut.cgi?again")


def test_a_program_that_is_still_loaded_when_the_zygote_manager_dies_is_killed(scarce, site):
    """By itself it would end when it is loaded."""
    site.program("late.cgi", LATE)
    server = scarce.warm.server
    assert server.get("/late.cgi?x").status == 200
    zygote, = until(lambda: descendants(server.zygote_manager()))
    assert until(lambda: ZYGOTE_CONTROL in descriptors(zygote.pid))
    os.kill(server.zygote_manager(), signal.SIGKILL)
    server.wait_log(
        f"zygote {zygote.pid} is killed: its zygote manager has died, and it has not ended by itself", 30)
    assert until(lambda: not alive(zygote.pid))


@pytest.mark.kills_worker  # by the reload
def test_a_stopped_zygote_manager_of_an_earlier_configuration_is_killed(cut, site):
    """It is told to go on when it is told to end, so it is stopped again and again."""
    warm, response, pieces, _, zygote = cut
    site.file("over", "")
    assert b"".join(pieces) == b"" and response.complete
    assert until(lambda: warm.settled("/cut.cgi?wait"))
    server = warm.server
    server.connections.pop().close()  # its worker would wait for what else comes there
    zygote_manager = server.zygote_manager()
    ended = threading.Event()

    def stop_it() -> None:
        while not ended.is_set() and alive(zygote_manager):
            os.kill(zygote_manager, signal.SIGSTOP)
            time.sleep(0.002)

    os.kill(zygote, signal.SIGSTOP)  # or the zygote manager might have ended before
    stopper = threading.Thread(target=stop_it)
    stopper.start()
    try:
        assert control(server, "reload").returncode == 0
        server.wait_log("a zygote manager of warm programs that are configured no more is killed", 60)
        assert until(lambda: not alive(zygote_manager) and not alive(zygote))
    finally:
        ended.set()
        stopper.join()
    warm.boot("/cut.cgi?again")
