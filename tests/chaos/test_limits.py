"""Resource limits lowered under a running worker, and disks that are full."""

import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest

from support.clauses import clause
from support.client import LAST_CHUNK, Connection, chunk, head
from support.fault_injection import REQUESTS, ask, assert_well, no_spin
from support.processes import alive, limit_that_leaves, status_field
from support.waiting import until

MIB = 1 << 20
NEVER = "unlimited"  # with a heartbeat, a worker sets its limits back
UNABLE = (500, 503)


def lower(pid: int, what: int, value: int) -> tuple[int, int]:
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (value, before[1]))
    return before


def set_process_limit(pid: int, value: str) -> str:
    """By the process's own user: root may only do it with CAP_SYS_RESOURCE. Returns the old one."""
    limits = Path(f"/proc/{pid}/limits").read_text()
    owner = Path(f"/proc/{pid}").stat()
    subprocess.run(["prlimit", f"--pid={pid}", f"--nproc={value}:"], check=True,
                   user=owner.st_uid, group=owner.st_gid, extra_groups=[])
    return re.search(r"^Max processes +(\w+)", limits, re.MULTILINE)[1]


@clause("faults-system-calls")
@pytest.mark.parametrize("spare", range(8))
def test_few_descriptors_left(serve, spare):
    """RLIMIT_NOFILE. A program takes four descriptors, six with a body, a file two, and there is no more."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    before = lower(worker, resource.RLIMIT_NOFILE, limit_that_leaves(worker, spare))
    kinds = list(REQUESTS) * 2 if spare else []
    with no_spin(server, server.pid, worker, asked=len(kinds) + 1):
        if spare == 0:
            waiting = server.connect()
            waiting.send(REQUESTS["file"][0])
            assert waiting.silent(0.5)  # in the backlog
        answers = [ask(server, kind) for kind in kinds]
    for answer in answers:
        assert answer and answer.status in (200, *UNABLE), answer
    if 1 <= spare <= 4:
        assert 503 in [answer.status for answer in answers], "there was enough"
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    assert_well(server)
    if spare == 0:
        assert waiting.read_response().body == b"hello"
    assert server.workers() == [worker]


def test_descriptors_used_up_by_clients(serve):
    """More clients than descriptors: those who got in are served, the others when they leave."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    lower(worker, resource.RLIMIT_NOFILE, 64)
    held = [server.connect() for _ in range(200)]
    server.wait_log("cannot accept a connection")
    with no_spin(server, server.pid, worker):
        time.sleep(1)
    assert server.log().count("cannot accept a connection") == 1, "once is enough"
    for connection in held[:150]:
        connection.close()
    for connection in held[150:]:
        assert connection.request("GET", "/hello.txt").status in (200, 503)
        connection.close()
    assert_well(server)
    assert server.workers() == [worker]


def test_types_of_files_are_known_without_descriptors(serve, site):
    """The first request for a type of the system's comes when there are none left."""
    site.file("a.deb", "x")
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    before = lower(worker, resource.RLIMIT_NOFILE, limit_that_leaves(worker, 2))
    while (few := server.get("/a.deb")).status != 200:  # a file and its connection: just enough
        now = resource.prlimit(worker, resource.RLIMIT_NOFILE)[0]
        lower(worker, resource.RLIMIT_NOFILE, now + 1)
    assert few.header("Content-Type") == "application/vnd.debian.binary-package"
    resource.prlimit(worker, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def as_nobody(serve, site, tmp_path):
    """A server whose workers are no root's: the kernel counts no processes of root's."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    server = serve(heartbeat=NEVER, server='user = "nobody"' if os.geteuid() == 0 else "")
    server.temporary.chmod(0o777)
    return server


@clause("faults-system-calls")
def test_no_more_processes(as_nobody):
    """RLIMIT_NPROC: files are served, programs are not, until there is room again."""
    server = as_nobody
    worker, = server.workers()
    assert_well(server)
    before = set_process_limit(worker, "0")
    for _ in range(10):
        assert ask(server, "program").status == 503
        assert ask(server, "body").status == 503
        assert ask(server, "file").status == 200
    server.wait_log("503: .*worker.cgi")
    set_process_limit(worker, before)
    assert_well(server)
    assert server.workers() == [worker]


# Memory.


def address_space(pid: int) -> int:
    return int(status_field(pid, "VmSize").split()[0]) * 1024


@pytest.mark.parametrize("spare", [0, MIB // 4, MIB])
def test_no_more_memory_for_a_moment(serve, spare):
    """RLIMIT_AS at what the worker has: it lives on what it has freed, and on its reserve."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    assert_well(server)
    before = lower(worker, resource.RLIMIT_AS, address_space(worker) + spare)
    with no_spin(server, server.pid, worker, asked=len(REQUESTS)):
        for kind in REQUESTS:
            try:
                response = ask(server, kind, 1)
            except TimeoutError:
                continue
            assert response and response.status in (200, 502, *UNABLE), f"{kind}: {response}"
    resource.prlimit(worker, resource.RLIMIT_AS, before)
    assert until(lambda: ask(server, "file"))
    assert_well(server)
    assert server.workers() == [worker]


@pytest.mark.kills_worker
@pytest.mark.expect_log("worker|master|no memory is left|503")
def test_more_is_asked_than_there_is_memory(serve, site):
    """Clients that hold 128 kB each. The worker may give up in the end; the service may not."""
    site.program("flood.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\n"
                 "exec cat /dev/zero\n")
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    lower(worker, resource.RLIMIT_AS, address_space(worker) + 4 * MIB)
    held = [server.connect() for _ in range(100)]
    with no_spin(server, server.pid, asked=len(held)):
        for connection in held:
            connection.send_as_far_as_taken(head("GET", "/flood.cgi"))
        time.sleep(3)
    for connection in held:
        connection.close()
    if alive(worker):
        resource.prlimit(worker, resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
    assert until(lambda: server.get("/hello.txt").status == 200, pause=0.1)
    assert_well(server)


@clause("faults-system-calls")
@pytest.mark.parametrize("step", [1, 2, 3])
def test_every_allocation_fails_once(serve, faults, step):
    """The reserve takes the place of what was not there: no client notices."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    for kind in REQUESTS:
        for n in range(step, 2000, 3):
            with faults.failing(worker, "malloc", 12, n, n):
                response = ask(server, kind)
            assert response and response.status in (200, *UNABLE), f"{kind}, {n}: {response}"
            if not faults.failed("malloc"):
                break
        else:
            pytest.fail("allocates without end")
        assert n > step, "malloc was never called"
    assert_well(server)
    assert server.workers() == [worker]


@pytest.mark.kills_worker
@pytest.mark.expect_log("no memory is left")
def test_no_allocation_succeeds_any_more(serve, faults):
    """A worker that has no memory at all for a second gives way to another."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    faults.fail(worker, "malloc", 12)
    with no_spin(server, server.pid, worker, asked=1):
        with server.connect() as connection:
            connection.send(head("GET", "/worker.cgi"))
            assert until(lambda: not alive(worker))
    assert until(lambda: len(server.workers()) == 1)
    assert_well(server)


# Full disks.


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte. Ask for it before `serve`: the server has to go first."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def spool(server, size: int):
    with Connection(server.address) as connection:
        connection.send_as_far_as_taken(head("POST", "/cat.cgi",
                                             [("Transfer-Encoding", "chunked")]))
        for _ in range(size // 65536):
            if not connection.send_as_far_as_taken(chunk(b"x" * 65536)):
                break
        else:
            connection.send_as_far_as_taken(LAST_CHUNK)
        return connection.read_response()


@clause("faults-full-disk")
def test_disk_for_bodies_is_full(small_disk, serve):
    server = serve(environment={"TMPDIR": str(small_disk)})
    worker, = server.workers()
    free = os.statvfs(small_disk).f_bavail
    for _ in range(3):
        assert spool(server, 2 * MIB).status == 503
        assert spool(server, MIB // 2).status == 200
        assert_well(server)
    server.wait_log(rf"503: \S+/cat\.cgi: spooling a request body in {re.escape(str(small_disk))}"
                    ": No space left on device; make room there, or start the server with TMPDIR")
    assert until(lambda: os.statvfs(small_disk).f_bavail == free), "the space is not given back"
    assert server.workers() == [worker]


def test_bodies_may_not_be_as_large_as_they_are(serve):
    """RLIMIT_FSIZE, which is otherwise the end of a process that writes on."""
    server = serve(heartbeat=NEVER)
    worker, = server.workers()
    before = lower(worker, resource.RLIMIT_FSIZE, MIB)
    assert spool(server, 2 * MIB).status == 500
    server.wait_log("500: .*File too large")
    resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
    assert spool(server, 2 * MIB).status == 200
    assert server.workers() == [worker]


@clause("faults-full-disk")
def test_disk_for_logs_is_full(small_disk, serve):
    """Nothing is served less for it, and the logs go on when there is room."""
    access, error, filler = (small_disk / name for name in ("access", "error", "filler"))
    server = serve(rest=f'[log]\naccess = "{access}"\nerror = "{error}"')
    worker, = server.workers()
    assert_well(server)
    with open(filler, "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    for _ in range(30):  # past the end of the blocks that the logs have
        assert_well(server)
        assert server.get("/missing", [("User-Agent", "x" * 4000)]).status == 404
    filler.unlink()
    size = access.stat().st_size

    # A disk that was full is left alone for a moment, by each log.
    def is_logged() -> bool:
        assert server.get("/missing?after").status == 404
        return b"/missing?after" in access.read_bytes()[size:] and b"/missing" in error.read_bytes()
    assert until(is_logged)
    assert server.workers() == [worker]


def test_logs_that_cannot_be_written_at_all(serve):
    server = serve(rest='[log]\naccess = "/dev/full"\nerror = "/dev/full"')
    assert_well(server)
