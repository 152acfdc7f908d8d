"""What a zygote does for workers: nothing twice, nothing lost, nothing left."""

import os
import resource
import select
import shutil
import signal
import socket
import tempfile
import time
from pathlib import Path

import pytest

from support import zygote_driver
from support.waiting import until
from support.zygote_driver import (BEGUN, BEGUN_BODY, ENDED, FAILED, HEADER, MAGIC, REQUEST,
                                   REQUEST_HEAD, WAITING, WITH_CGROUP, Worker, Zygote, descriptors,
                                   environment, plain, resident_kib)

QUICK = "#!/usr/bin/perl\nopen my $f, '>>', 'runs'; print $f 'x'; close $f; print 'done';\n"
SLOW = "#!/usr/bin/perl\n$| = 1; print \"$$\\n\"; system 'sleep 30 & echo $!; wait';\n"
# 0, 1, 2, control, slate, epoll, two ends for notices, one worker, and a pidfd for each that waits.
RESTING = 9 + WAITING
STEP_MESSAGE, STEP_FORK, STEP_CGROUP, STEP_DIRECTORY, STEP_LIMITS = range(1, 6)


@pytest.fixture
def script(program):
    return program("quick.cgi", QUICK)


@pytest.fixture
def zygote(script):
    with Zygote(script) as one:
        yield one


@pytest.fixture
def alone(script):
    """None waits beside it: requests are read by itself alone."""
    with Zygote(script, waiting=0) as one:
        yield one


@pytest.fixture
def slow(program):
    with Zygote(program("slow.cgi", SLOW)) as one:
        yield one


@pytest.fixture
def null():
    fd = os.open("/dev/null", os.O_RDWR)
    yield fd
    os.close(fd)


def runs(script) -> int:
    file = script.parent / "runs"
    return len(file.read_bytes()) if file.exists() else 0


def request(script, null, output=None, **more) -> dict:
    return {"stdin": null, "stdout": null if output is None else output, "stderr": null,
            "argv": [str(script)], "variables": environment(), "cwd": str(script.parent), **more}


def exists(pid: int) -> bool:
    """Zombies do not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---- Requests.


def test_request_is_begun_and_ended(zygote, worker, script, null):
    number, claim = worker.send(zygote, **request(script, null))
    kind, heard, body, (pidfd,) = worker.hear()
    assert (kind, heard) == (BEGUN, number)
    pid, _ = BEGUN_BODY.unpack(body)
    assert f"Pid:\t{pid}\n" in open(f"/proc/self/fdinfo/{pidfd}").read() or not exists(pid)
    kind, heard, body, fds = worker.hear()
    assert (kind, heard, fds) == (ENDED, number, [])
    assert runs(script) == 1
    os.close(pidfd)
    os.close(claim)


def test_request_that_was_taken_back_never_runs(alone, worker, script, null):
    os.kill(alone.pid, signal.SIGSTOP)
    _, claim = worker.send(alone, **request(script, null))
    assert os.eventfd_read(claim) == 1
    os.kill(alone.pid, signal.SIGCONT)
    os.close(claim)
    assert worker.run(alone, script).stdout == b"done"
    assert runs(script) == 1


def test_claim_has_one_winner(zygote, worker, script, null):
    """The worker takes back at any moment: each request runs once, by one of the two."""
    won = 0
    for turn in range(60):
        number, claim = worker.send(zygote, **request(script, null))
        time.sleep(turn * 0.00003)
        try:
            os.eventfd_read(claim)
            won += 1
        except BlockingIOError:
            kinds = []
            while ENDED not in kinds:
                kind, heard, _, fds = worker.hear()
                for fd in fds:
                    os.close(fd)
                if heard == number:
                    kinds.append(kind)
            assert kinds == [BEGUN, ENDED]
        os.close(claim)
    zygote.control.close()  # what was taken back has gone by then, too
    assert zygote.wait() == 0
    assert runs(script) == 60 - won


def test_killed_zygote_leaves_unread_requests_to_the_worker(alone, worker, script, null):
    os.kill(alone.pid, signal.SIGSTOP)
    claims = [worker.send(alone, **request(script, null))[1] for _ in range(5)]
    os.kill(alone.pid, signal.SIGKILL)
    alone.wait()
    for claim in claims:
        assert os.eventfd_read(claim) == 1
        os.close(claim)
    assert runs(script) == 0


def test_child_lives_on_without_its_zygote(slow, worker, null):
    _, claim = worker.send(slow, **request(slow.script, null))
    kind, _, body, (pidfd,) = worker.hear()
    assert kind == BEGUN
    os.kill(slow.pid, signal.SIGKILL)
    slow.wait()
    pid, _ = BEGUN_BODY.unpack(body)
    assert exists(pid)
    os.killpg(pid, signal.SIGKILL)
    assert until(lambda: not exists(pid))
    os.close(pidfd)
    os.close(claim)


def test_stopped_zygote_does_not_stop_its_children(zygote, worker, script, null):
    for _ in range(3):
        _, claim = worker.send(zygote, **request(script, null))
        kind, _, _, (pidfd,) = worker.hear()
        os.kill(zygote.pid, signal.SIGSTOP)
        assert kind == BEGUN
        expected = runs(script)
        assert until(lambda: runs(script) >= max(1, expected))
        os.kill(zygote.pid, signal.SIGCONT)
        assert worker.hear()[0] == ENDED
        os.close(pidfd)
        os.close(claim)
    assert runs(script) == 3


def test_death_of_a_worker_kills_its_children_and_no_others(slow, worker, null):
    reading, writing = os.pipe()
    with Worker() as dying:
        _, claim = dying.send(slow, **request(slow.script, null, writing))
        _, _, body, (pidfd,) = dying.hear()
        with open(reading, closefd=False) as output:
            pid, grandchild = int(output.readline()), int(output.readline())
        assert (pid,) == BEGUN_BODY.unpack(body)[:1]
        _, other_claim = worker.send(slow, **request(slow.script, null))
        _, _, body, (other_pidfd,) = worker.hear()
        other, _ = BEGUN_BODY.unpack(body)
    assert until(lambda: not exists(pid) and not exists(grandchild))
    assert exists(other)
    os.killpg(other, signal.SIGKILL)
    assert worker.hear()[0] == ENDED
    assert until(lambda: len(descriptors(slow.pid)) == RESTING), descriptors(slow.pid)
    for fd in (reading, writing, claim, pidfd, other_claim, other_pidfd):
        os.close(fd)


def test_worker_that_does_not_listen_holds_up_nobody(zygote, worker, script, null):
    """Its answers are kept until it does."""
    with Worker() as deaf:
        deaf.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20_000)
        claims = [deaf.send(zygote, **request(script, null))[1] for _ in range(40)]
        until(lambda: runs(script) >= 5)
        assert worker.run(zygote, script).stdout == b"done"
        kinds = []
        while kinds.count(ENDED) < len(claims):
            kind, _, _, fds = deaf.hear()
            kinds.append(kind)
            for fd in fds:
                os.close(fd)
        assert kinds.count(BEGUN) == len(claims)
        for claim in claims:
            os.close(claim)
    assert runs(script) == 41


def test_number_of_children_is_bounded(program, worker, null):
    """What comes beyond waits, unread, for one of them to end."""
    script = program("slow.cgi", "#!/usr/bin/perl\nsleep 30;")
    with Zygote(script, files_max=256 + 3, waiting=0) as zygote:
        os.kill(zygote.pid, signal.SIGSTOP)  # all are there when it looks
        sent = [worker.send(zygote, **request(script, null)) for _ in range(5)]
        os.kill(zygote.pid, signal.SIGCONT)
        begun = [worker.hear() for _ in range(3)]
        assert [kind for kind, *_ in begun] == [BEGUN] * 3
        with pytest.raises(AssertionError, match="no answer in time"):
            worker.hear(timeout=0.1)
        for waiting in (2, 1, 0, 0, 0):
            os.kill(BEGUN_BODY.unpack(begun[-1][2])[0], signal.SIGKILL)
            heard = [worker.hear() for _ in range(2 if waiting else 1)]
            assert {kind for kind, *_ in heard} == {ENDED, BEGUN} if waiting else {ENDED}
            os.close(begun.pop()[3][0])
            begun += [one for one in heard if one[0] == BEGUN]
        assert not begun
        for _, claim in sent:
            os.close(claim)


def test_too_few_files_are_a_reason_to_refuse(script, refused):
    assert "enough files" in refused(script, files_max=256)


@pytest.mark.parametrize("text", ["#!/usr/bin/perl\nBEGIN { print STDERR 'ran' }\n",
                                  "#!/usr/bin/python3\nprint('ran')\n"], ids=["perl", "python"])
def test_without_its_shim_nothing_of_the_program_runs(program, refused, monkeypatch, text):
    monkeypatch.setattr(zygote_driver, "SHIM", Path("/dev/null"))
    reason = refused(program("none.cgi", text))
    assert "the shim was not preloaded" in reason and "ran" not in reason


# ---- Requests that cannot be begun: the claim is untouched.


@pytest.mark.parametrize("step, change", [
    (STEP_DIRECTORY, {"cwd": "/nothing/there"}),
    (STEP_LIMITS, {"limits": [(9999, 1, 1)]}),
    (STEP_CGROUP, {"cgroup": "read-only"}),
], ids=["directory", "limits", "cgroup"])
def test_failure_before_the_program_begins(zygote, worker, script, null, step, change):
    if "cgroup" in change:
        change = {"cgroup": os.open("/dev/null", os.O_RDONLY)}
    number, claim = worker.send(zygote, **request(script, null, **change))
    kind, heard, body, _ = worker.hear()
    assert (kind, heard) == (FAILED, number)
    assert int.from_bytes(body[:4], "little") == step
    assert worker.hear()[0] == ENDED
    assert os.eventfd_read(claim) == 1
    os.close(claim)
    if "cgroup" in change:
        os.close(change["cgroup"])
    assert runs(script) == 0


def test_child_is_in_its_cgroup_before_anything_else(zygote, worker, script, tmp_path):
    with open(tmp_path / "cgroup.procs", "w") as members:
        assert worker.run(zygote, script, cgroup=members.fileno()).stdout == b"done"
    assert (tmp_path / "cgroup.procs").read_text() == "0"


MALFORMED = {
    "no magic": REQUEST_HEAD.pack(1, REQUEST, 7, 0, 0, 0, 1, 0, 0),
    "other type": REQUEST_HEAD.pack(MAGIC, ENDED, 7, 0, 0, 0, 1, 0, 0),
    "short": HEADER.pack(MAGIC, REQUEST, 7),
    "size": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 100, 0, 1, 0, 0) + b"x\0\0",
    "descriptor missing": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, WITH_CGROUP, 3, 0, 1, 0, 0) + b"x\0\0",
    "unended": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 3, 0, 1, 0, 0) + b"x\0y",
    "no argument": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 1, 0, 0, 0, 0) + b"\0",
    "too few": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 3, 0, 1, 9, 0) + b"x\0\0",
    "too many": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 6, 0, 1, 0, 0) + b"x\0\0y\0\0",
    "limits": REQUEST_HEAD.pack(MAGIC, REQUEST, 7, 0, 3, 1 << 31, 1, 0, 0) + b"x\0\0",
}


@pytest.mark.parametrize("packet", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_request_does_no_harm(zygote, worker, script, null, packet):
    claim = os.eventfd(1, os.EFD_SEMAPHORE | os.EFD_NONBLOCK)
    socket.send_fds(zygote.control, [packet], [null, null, null, worker.theirs.fileno(), claim])
    kind, _, body, _ = worker.hear()
    assert kind == FAILED and int.from_bytes(body[:4], "little") == STEP_MESSAGE
    assert os.eventfd_read(claim) == 1
    os.close(claim)
    with Worker() as another:
        assert another.run(zygote, script).stdout == b"done"


# ---- The end of a zygote.


def test_it_retires_when_its_work_is_done(alone, worker, script, null):
    os.kill(alone.pid, signal.SIGSTOP)
    claims = [worker.send(alone, **request(script, null))[1] for _ in range(3)]
    alone.control.close()
    os.kill(alone.pid, signal.SIGCONT)
    kinds = []
    for _ in range(6):
        kind, _, _, fds = worker.hear()
        kinds.append(kind)
        for fd in fds:
            os.close(fd)
    assert kinds.count(BEGUN) == kinds.count(ENDED) == 3
    assert alone.wait() == 0
    for claim in claims:
        os.close(claim)


# ---- What a child is.


@pytest.fixture
def for_all(monkeypatch):
    """A folder that another user can read, with what is loaded into a zygote in it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        for file in (zygote_driver.SHIM, zygote_driver.BUILD / "warm.pl"):
            shutil.copy(file, folder)
        monkeypatch.setattr(zygote_driver, "BUILD", Path(folder))
        monkeypatch.setattr(zygote_driver, "SHIM", Path(folder, zygote_driver.SHIM.name))
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_others_cannot_look_into_a_zygote(for_all):
    """Not even those of its own user: then what /proc shows of it belongs to root."""
    script = for_all / "program.cgi"
    script.write_text("#!/usr/bin/perl\nprint((stat '/proc/self/fd')[4]);")
    script.chmod(0o755)
    with Zygote(script, user=65534) as zygote, Worker() as worker:
        assert os.stat(f"/proc/{zygote.pid}/fd").st_uid == 0
        assert worker.run(zygote, script).stdout == b"65534"


def test_limits(program, worker):
    script = program("limits.cgi", "#!/usr/bin/python3\nimport resource as r\nprint(r.getrlimit("
                     "r.RLIMIT_CPU), r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_AS))\n"
                     "bytearray(1 << 30)")
    limits = [(resource.RLIMIT_CPU, 5, 7), (resource.RLIMIT_NOFILE, 20, 30),
              (resource.RLIMIT_AS, 1 << 29, 1 << 29)]
    with Zygote(script) as zygote:
        result = worker.run(zygote, script, limits=limits)
    assert result == plain(script, limits=limits) and b"MemoryError" in result.stderr


def test_directory_as_a_descriptor(program, worker, tmp_path):
    script = program("where.cgi", "#!/usr/bin/python3\nimport os\nprint(os.getcwd())")
    folder = os.open("/usr", os.O_PATH | os.O_DIRECTORY)
    with Zygote(script) as zygote:
        assert worker.run(zygote, script, cwd=folder).stdout == b"/usr\n"
    os.close(folder)


def test_usage_is_of_the_child_alone(program, worker):
    script = program("busy.cgi", "#!/usr/bin/perl\n$x += $_ for 1 .. 400_000;")
    with Zygote(script) as zygote:
        usage = [worker.run(zygote, script).usage for _ in range(3)]
    for seconds, microseconds, *_ in usage:
        assert 0 < seconds * 1_000_000 + microseconds < 2_000_000


# ---- Isolation.

MARK = """#!/usr/bin/python3
import os, sys, gc
seen = [one for one in gc.get_objects() if isinstance(one, dict) and "mark" in one]
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    found = 0
    secret = bytes(c ^ 1 for c in b"rdbsdu,nguidsdptdru")
    for line in maps:
        bounds, rights, *_ = line.split()
        if "r" in rights and "[v" not in line:
            begin, end = (int(one, 16) for one in bounds.split("-"))
            memory.seek(begin)
            try:
                found += memory.read(end - begin).count(secret)
            except OSError:
                pass
print(found, seen, os.environ.get("HTTP_COOKIE"), "HTTP_X" in os.environ, sys.stdin.read())
mark = sys.mark = 1
os.environ["HTTP_X"] = "left"
open("left", "w")
"""


def test_nothing_of_one_request_is_in_the_memory_of_the_next(program, worker):
    """The first has a secret in a longer message than the second."""
    script = program("mark.cgi", MARK)
    secret = "secret-" + "ofthe" + "request"
    hidden = bytes(c ^ 1 for c in b"rdbsdu,nguidsdptdru").decode()
    assert secret == hidden
    short, long = (environment(HTTP_COOKIE=cookie) for cookie in ("b", "z" * 3000 + secret))
    with Zygote(script) as zygote:
        before = worker.run(zygote, script, variables=short)
        with_secret = worker.run(zygote, script, secret.encode(), variables=long)
        assert worker.run(zygote, script, variables=short) == before
    assert before.stdout.endswith(b" [] b False \n")
    assert int(with_secret.stdout.split()[0]) > int(before.stdout.split()[0]) + 1


# ---- Children that wait for requests.


def children(zygote) -> list[int]:
    with open(f"/proc/{zygote.pid}/task/{zygote.pid}/children") as file:
        return list(map(int, file.read().split()))


@pytest.fixture
def patient(program):
    with Zygote(program("pid.cgi", "#!/usr/bin/perl\nprint $$;\n"), waiting=2) as one:
        assert until(lambda: len(children(one)) == 2)
        yield one


def test_request_is_run_by_one_that_was_there_before(patient, worker):
    for _ in range(5):
        before = children(patient)
        assert int(worker.run(patient, patient.script).stdout) in before
        assert until(lambda: len(children(patient)) == 2)


def test_more_at_once_than_wait(patient, worker, null):
    claims = [worker.send(patient, **request(patient.script, null))[1] for _ in range(60)]
    kinds = [worker.hear() for _ in range(120)]
    assert [kind for kind, *_ in kinds].count(ENDED) == 60
    assert len({number for _, number, *_ in kinds}) == 60
    for fd in (*claims, *(fd for *_, fds in kinds for fd in fds)):
        os.close(fd)
    assert until(lambda: len(children(patient)) == 2)


def test_one_that_waits_is_killed(patient, worker):
    victim = children(patient)[0]
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: len(children(patient)) == 2 and victim not in children(patient))
    assert int(worker.run(patient, patient.script).stdout) > 0


def test_none_is_made_where_they_die_again_and_again(script, worker):
    with Zygote(script, waiting=1) as one:
        for _ in range(8):
            victim = until(lambda: children(one))[0]
            os.kill(victim, signal.SIGKILL)
            assert until(lambda: victim not in children(one))
        assert worker.run(one, script).stdout == b"done"  # forked for it
        assert until(lambda: children(one) == [])


def test_they_end_with_their_zygote(patient):
    waiting = children(patient)
    os.kill(patient.pid, signal.SIGKILL)
    patient.wait()
    assert until(lambda: not any(map(exists, waiting)))


def test_what_one_has_got_survives_its_zygote(program, worker, null):
    with Zygote(program("slow.cgi", SLOW), waiting=1) as slow:
        assert until(lambda: len(children(slow)) == 1)
        _, claim = worker.send(slow, **request(slow.script, null))
        kind, _, body, (pidfd,) = worker.hear()
        pid, _ = BEGUN_BODY.unpack(body)
        os.kill(slow.pid, signal.SIGKILL)
        slow.wait()
        time.sleep(0.1)
        assert kind == BEGUN and exists(pid)
        os.killpg(pid, signal.SIGKILL)
        os.close(pidfd), os.close(claim)


# ---- Much of it.


@pytest.mark.parametrize("text", [
    "#!/usr/bin/perl\nprint while <DATA>;\n__END__\ndata\n",
    "#!/usr/bin/python3\nimport json\nprint('data')\n"], ids=["perl", "python"])
def test_nothing_grows(program, text):
    """5000 requests by two workers, eight at a time."""
    script = program("small.cgi", text)
    count, at_once = (4000, 8) if "perl" in text else (1000, 8)
    null = os.open("/dev/null", os.O_RDWR)
    with Zygote(script) as zygote, Worker() as one, Worker() as two:
        def batch(worker):
            claims = [worker.send(zygote, **request(script, null))[1] for _ in range(at_once)]
            ended = 0
            while ended < at_once:
                kind, _, body, fds = worker.hear()
                ended += kind == ENDED
                assert kind != ENDED or body[:4] == bytes(4)
                for fd in fds:
                    os.close(fd)
            for claim in claims:
                os.close(claim)

        for _ in range(8):  # in which it learns what it learns from its first children
            batch(one), batch(two)
        assert until(lambda: len(children(zygote)) == WAITING)
        before = descriptors(zygote.pid), resident_kib(zygote.pid)
        for _ in range(count // at_once // 2):
            batch(one), batch(two)
        assert until(lambda: len(children(zygote)) == WAITING)
        assert until(lambda: len(descriptors(zygote.pid)) == len(before[0]))
        assert resident_kib(zygote.pid) <= before[1] + 256
    os.close(null)


# ---- Programs of the same user.


THIEF = """#!/usr/bin/perl
# A process that nobody knows keeps what is open while it loads, and reads what comes there.
BEGIN {
  use POSIX ();
  my $child = syscall 57;  # fork, past the shim
  if ($child == 0) {
    if (syscall(57) == 0) {
      syscall 112;  # setsid
      my $stolen = '';
      open CHANNEL, '+<&=', 200;
      while (sysread(CHANNEL, $stolen, 65536) > 0) {}
    }
    POSIX::_exit(0);
  }
  waitpid $child, 0;
}
print 'done';
"""


@pytest.mark.fault("25")
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="calls the kernel by number")
def test_what_is_open_while_a_program_loads_leads_to_no_request(program, worker):
    script = program("thief.cgi", THIEF)
    with Zygote(script) as zygote:
        for _ in range(20):
            assert worker.run(zygote, script).stdout == b"done"


def fill(worker: Worker) -> None:
    """Nothing more goes into the reply socket until something is read."""
    worker.theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            worker.theirs.send(b"full")


@pytest.mark.fault("27")
@pytest.mark.skipif(os.geteuid() != 0, reason="who owns it shows only where it is another user's")
def test_a_child_can_be_traced_only_when_its_own_alone_is_open(for_all, worker, null):
    """It is held up at the word that it has begun, when it still has what is the zygote's."""
    script = for_all / "self.cgi"
    script.write_text("#!/usr/bin/perl\n$| = 1; print((stat '/proc/self/fd')[4]); sleep 300;\n")
    script.chmod(0o755)
    out = os.pipe()
    with Zygote(script, user=65534, waiting=0) as zygote:
        fill(worker)
        _, claim = worker.send(zygote, **request(script, null, out[1]))
        assert until(lambda: not select.select([claim], [], [], 0)[0])
        children = Path(f"/proc/{zygote.pid}/task/{zygote.pid}/children").read_text().split()
        [owner] = {os.stat(f"/proc/{child}/fd").st_uid for child in children}
        assert owner == 0, "the kernel lets its user look into it"
        while not select.select([out[0]], [], [], 0.01)[0]:
            if select.select([worker.ours], [], [], 0)[0]:
                worker.ours.recv(4096)
        assert os.read(out[0], 100) == b"65534"
        worker.close()  # which ends what is its
    for fd in (*out, claim):
        os.close(fd)
