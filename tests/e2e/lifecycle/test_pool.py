"""The process pool: dispatch, supervision, and that it costs nothing while idle."""

import collections
import errno
import os
import resource
import selectors
import signal
import socket
import subprocess
import threading
import time

import pytest

from support.binary import slowness
from support.clauses import clause
from support.client import Closed, head
from support.configuration import cgi_site
from support.processes import alive, are_idle, descendants, process
from support.programs import WORKER
from support.waiting import until


@pytest.fixture
def pool(start, site):
    """A pool that tells which worker served: GET /worker.cgi."""
    site.c_program("worker.cgi", WORKER)
    site.file("index.html", "hello")

    def start_pool(workers: int, server: str = ""):
        return start(config=cgi_site(site.root, server=f"workers = {workers}\n{server}"))

    return start_pool


def worker_of(response) -> int:
    assert response.status == 200 and response.complete, response
    return int(response.body)


def test_as_many_workers_as_asked_for(pool):
    assert len(pool(5).workers()) == 5


def test_round_robin_is_exact(pool):
    """1000 sequential connections over 5 workers: 200 each."""
    server = pool(5)
    served = collections.Counter(worker_of(server.get("/worker.cgi")) for _ in range(1000))
    assert sorted(served) == server.workers()
    assert sorted(served.values()) == [200] * 5, served


def test_a_thousand_simultaneous_connects_are_all_answered(pool):
    server = pool(4)
    selector = selectors.DefaultSelector()
    sockets = []
    for _ in range(1000):
        s = socket.socket()
        s.setblocking(False)
        assert s.connect_ex(server.address) in (0, errno.EINPROGRESS)
        sockets.append(s)
        selector.register(s, selectors.EVENT_WRITE, bytearray())
    request, answered = head("GET", "/", [("Connection", "close")]), 0
    try:
        deadline = time.monotonic() + 100
        while answered < 1000 and time.monotonic() < deadline:
            for key, events in selector.select(1):
                if events & selectors.EVENT_WRITE:
                    key.fileobj.send(request)
                    selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                elif data := key.fileobj.recv(65536):
                    key.data.extend(data)
                else:
                    assert key.data.startswith(b"HTTP/1.1 200 "), bytes(key.data)
                    assert key.data.endswith(b"\r\n\r\nhello"), bytes(key.data)
                    selector.unregister(key.fileobj)
                    answered += 1
    finally:
        for s in sockets:
            s.close()
        selector.close()
    assert answered == 1000


@pytest.mark.parametrize("dispatch", ["round-robin", "least-busy", "kernel"])
def test_every_policy_answers(pool, dispatch):
    server = pool(3, f'dispatch = "{dispatch}"')
    for _ in range(60):
        assert worker_of(server.get("/worker.cgi")) in server.workers()


def test_least_busy_evens_out_open_connections(pool):
    """With 12 open connections over 4 workers, each worker has 3."""
    server = pool(4, 'dispatch = "least-busy"')
    served = collections.Counter(worker_of(server.connect().request("GET", "/worker.cgi"))
                                 for _ in range(12))
    assert sorted(served.values()) == [3, 3, 3, 3], served


# Workers that die.


@pytest.mark.plain
@clause("faults-worker-killed")
@pytest.mark.kills_worker
def test_killed_worker_is_replaced_within_100_ms(pool):
    """The best of several tries counts: this machine may be busy with something else."""
    server = pool(4)
    took = []
    for _ in range(20):
        victim = server.workers()[0]
        time.sleep(1.1)  # one that dies young may be put off
        began = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        assert until(lambda: victim not in (now := server.workers()) and len(now) == 4, 10, 0.002)
        took.append(time.monotonic() - began)
        if took[-1] <= 0.1:
            break
    assert min(took) <= 0.1 * slowness(), took


@pytest.mark.kills_worker
def test_killed_worker_gets_one_obituary(pool):
    server = pool(2)
    victim = server.workers()[0]
    os.kill(victim, signal.SIGKILL)
    server.wait_log(rf"(?=.*{victim})(?=.*(signal 9|SIGKILL|killed))")
    assert until(lambda: len(server.workers()) == 2 and victim not in server.workers())


@clause("faults-worker-killed")
@pytest.mark.kills_worker
@pytest.mark.parametrize("dispatch", ["round-robin", "least-busy", "kernel"])
def test_killed_worker_under_load_takes_only_its_own_requests(pool, dispatch):
    """Connections of other workers are all answered, and so is every new connection."""
    server = pool(4, f'dispatch = "{dispatch}"')
    failures: list[str] = []
    broken = collections.Counter()
    stop = threading.Event()
    lock = threading.Lock()

    def fresh(name: int) -> None:
        """New connections all the time: at most the one open at the kill may fail."""
        while not stop.is_set():
            try:
                worker_of(server.get("/worker.cgi"))
            except (Closed, OSError):
                with lock:
                    broken[name] += 1
            except AssertionError as fault:
                with lock:
                    failures.append(str(fault))

    kept = [server.connect() for _ in range(16)]
    owners = [worker_of(c.request("GET", "/worker.cgi")) for c in kept]
    victim = max(set(owners), key=owners.count)
    threads = [threading.Thread(target=fresh, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1.2)
        os.kill(victim, signal.SIGKILL)
        for _ in range(20):
            for connection, owner in zip(kept, owners):
                if owner != victim:
                    assert worker_of(connection.request("GET", "/worker.cgi")) == owner
        for connection, owner in zip(kept, owners):
            assert owner != victim or connection.ended()
        assert until(lambda: len(server.workers()) == 4)
        time.sleep(0.3)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    assert not failures
    assert all(count <= 1 for count in broken.values()), broken


@clause("faults-worker-killed")
@pytest.mark.kills_worker
def test_connections_waiting_for_a_dead_worker_are_answered_by_another(pool):
    """Ticketed but not accepted: they are still in the kernel's backlog."""
    server = pool(3)
    victim = server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    waiting = [server.connect() for _ in range(12)]
    for connection in waiting:
        connection.send(head("GET", "/worker.cgi"))
    time.sleep(0.2)
    os.kill(victim, signal.SIGKILL)
    for connection in waiting:
        assert worker_of(connection.read_response()) != victim


@pytest.mark.parametrize("dispatch", ["round-robin", "kernel"])
def test_connections_that_wait_at_the_end_of_all_are_answered(start, site, dispatch):
    """The kernel has taken them, and their requests, while the workers had no time."""
    site.file("page.txt", "page")
    server = start(config=cgi_site(site.root, server=f'dispatch = "{dispatch}"'))
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    assert until(lambda: all(process(worker).state == "T" for worker in workers))
    server.signal(signal.SIGQUIT)
    server.wait_log("stopping")  # from now on the master gives nothing to anybody
    connections = [server.connect() for _ in range(8)]
    for connection in connections:
        connection.send(head("GET", "/page.txt"))
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    assert [each.read_response().status for each in connections] == [200] * 8
    assert server.popen.wait(20) == 0


@clause("faults-worker-killed")
@pytest.mark.kills_worker
def test_programs_of_a_dead_worker_are_ended(pool, site):
    site.program("sleep.cgi", "#!/bin/sh\nsleep 300 &\necho $! > grandchild\n"
                 "echo $$ > child\nwait\n")
    server = pool(2)
    connection = server.connect()
    connection.send(head("GET", "/sleep.cgi"))
    assert until(lambda: (site.root / "child").exists() and (site.root / "child").read_text())
    pids = [int((site.root / name).read_text()) for name in ("child", "grandchild")]
    worker = process(pids[0]).parent
    os.kill(worker, signal.SIGKILL)
    assert until(lambda: not any(map(alive, pids)), 3), [process(p) for p in pids]


@pytest.mark.kills_worker
def test_all_workers_killed_at_once(pool):
    server = pool(4)
    time.sleep(1.1)
    for worker in server.workers():
        os.kill(worker, signal.SIGKILL)
    for _ in range(20):
        assert worker_of(server.get("/worker.cgi"))
    assert until(lambda: len(server.workers()) == 4)


@pytest.mark.kills_worker
def test_a_worker_that_dies_again_and_again_does_not_make_the_master_spin(pool):
    server = pool(2)
    victims: set[int] = set()
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        for worker in server.workers():
            if worker not in victims:
                victims.add(worker)
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.01)
    assert len(victims) < 60, "respawns without a back-off"
    assert are_idle([server.pid])
    assert until(lambda: len(server.workers()) == 2)
    assert worker_of(server.get("/worker.cgi"))


@pytest.mark.kills_worker
def test_stopped_worker_is_replaced_after_its_heartbeat(pool):
    server = pool(2, 'heartbeat_timeout = "1s"')
    victim = server.workers()[0]
    os.kill(victim, signal.SIGSTOP)
    assert until(lambda: victim not in (now := server.workers()) and len(now) == 2, 10)
    assert not alive(victim)
    for _ in range(10):
        assert worker_of(server.get("/worker.cgi")) != victim


@pytest.mark.time_limit(90)
def test_busy_workers_are_not_killed_by_the_heartbeat(pool):
    server = pool(2, 'heartbeat_timeout = "2s"')
    before = server.workers()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        assert worker_of(server.get("/worker.cgi")) in before
    assert server.workers() == before


# The master dies.


@pytest.mark.plain
@clause("faults-master-killed")
@pytest.mark.kills_master
def test_killed_master_leaves_nothing_and_frees_the_port(pool, site):
    """Within a second; the best of some tries counts."""
    site.program("sleep.cgi", "#!/bin/sh\n: > started\nsleep 300\nsleep 300\n")
    took = []
    for _ in range(20):
        (site.root / "started").unlink(missing_ok=True)
        server = pool(3)
        server.connect().send(head("GET", "/sleep.cgi"))
        assert until(lambda: (site.root / "started").exists())
        family = [p.pid for p in descendants(server.pid)]
        assert len(family) >= 4, family
        began = time.monotonic()
        server.signal(signal.SIGKILL)
        server.popen.wait()
        assert until(lambda: not any(map(alive, family)), 10), list(map(process, family))
        took.append(time.monotonic() - began)
        with socket.create_server(server.address):
            pass
        if took[-1] <= 1:
            break
    assert min(took) <= 1 * slowness(), took


# The idle master.


def test_idle_processes_use_no_cpu(pool):
    server = pool(3)
    assert are_idle([server.pid, *server.workers()])


@pytest.mark.kills_worker
def test_respawning_master_uses_no_cpu(pool):
    server = pool(3)
    os.kill(server.workers()[0], signal.SIGKILL)
    assert are_idle([server.pid])


@pytest.mark.kills_worker
def test_master_does_not_spin_while_nobody_accepts(pool):
    """A listener that stays readable must not wake the master again and again."""
    server = pool(2)
    workers = server.workers()
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        waiting = [server.connect() for _ in range(10)]
        time.sleep(0.2)
        assert are_idle([server.pid])
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    for connection in waiting:
        assert worker_of(connection.request("GET", "/worker.cgi")) in workers


def test_idle_keep_alive_connections_use_no_cpu(pool):
    server = pool(2)
    for _ in range(20):
        worker_of(server.connect().request("GET", "/worker.cgi"))
    assert are_idle(server.workers())


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor only")
def test_workers_keep_to_a_processor_each_and_programs_to_none(pool, site):
    processors = os.sched_getaffinity(0)
    site.program("where.cgi", "#!/bin/sh\necho Content-Type: text/plain; echo\n"
                              "grep Cpus_allowed_list /proc/self/status\n")
    server = pool(len(processors))
    places = [os.sched_getaffinity(worker) for worker in server.workers()]
    assert all(len(place) == 1 for place in places)
    assert set().union(*places) == processors
    with open("/proc/self/status") as status:
        ours = next(line for line in status if line.startswith("Cpus_allowed_list"))
    assert server.get("/where.cgi").body.decode() == ours

    server = pool(len(processors), server="cpu_affinity = false")
    assert all(os.sched_getaffinity(worker) == processors for worker in server.workers())


@pytest.mark.parametrize("what", [resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK])
def test_a_limit_that_was_lowered_is_set_back(pool, what):
    """A program may do that to whom it shares its user with."""
    server = pool(1, 'heartbeat_timeout = "1s"')
    worker, = server.workers()
    before = resource.prlimit(worker, what)
    resource.prlimit(worker, what, (3, before[1]))
    server.wait_log("another process has lowered the resource limit .* it is set back")
    assert resource.prlimit(worker, what) == before
    assert server.get("/index.html").status == 200 and server.workers() == [worker]


@pytest.mark.kills_worker
@pytest.mark.parametrize("lowered", ["--nofile=3:3", "--core=:0"])
def test_who_cannot_set_its_limits_back_is_replaced(pool, site, lowered):
    """Where the hard limit alone is lowered, a program with an rlimit of its own could not be started."""
    site.root.chmod(0o755)
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if lowered.startswith("--core") and most == 0:
        pytest.skip("there are no core dumps here")
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
    server = pool(1, 'heartbeat_timeout = "1s"\n'
                  + ('user = "nobody"\n' if os.geteuid() == 0 else ""))
    worker, = server.workers()
    owner = os.stat(f"/proc/{worker}")  # whose process may do so, as its programs may
    subprocess.run(["prlimit", f"--pid={worker}", lowered], check=True,
                   user=owner.st_uid, group=owner.st_gid, extra_groups=[])
    server.wait_log("it cannot be set back, and this process will be replaced")
    assert until(lambda: server.workers() not in ([], [worker]))
    assert until(lambda: not alive(worker))
    assert server.get("/index.html").status in (200, 403)


def test_a_place_that_becomes_free_is_for_who_waits(pool):
    """When all workers have as many connections as they may, the master gives out no tickets."""
    server = pool(1, "worker_connections = 3\nheartbeat_timeout = \"unlimited\"")
    held = [server.connect() for _ in range(3)]
    for connection in held:
        assert connection.request("GET", "/index.html").status == 200
    waits = server.connect()
    waits.send(head("GET", "/index.html"))
    time.sleep(0.2)
    held[0].close()
    assert waits.read_final_head().status == 200
