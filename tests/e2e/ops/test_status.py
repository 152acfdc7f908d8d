"""The control socket, and the commands that use it: status, reload, reopen, quit, stop."""

import contextlib
import fcntl
import json
import os
import pty
import pwd
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import pytest

from support.binary import BINARY, slowness
from support.client import head
from support.configuration import cgi_site
from support.control import UNAVAILABLE, USAGE, WRONG_CONFIGURATION
from support.processes import alive, descriptors
from support.programs import CAT, PLAIN
from support.server import Server
from support.waiting import until

# Until a file named "go" is there.
WAITS = """#!/bin/sh
while [ ! -e go ]; do sleep 0.02; done
printf 'Content-Type: text/plain\\n\\ndone\\n'
"""

# 0.2 seconds of processor time, and 20 MB of memory.
BURNS = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(void) {
  volatile char *memory = malloc(20000000);
  for (int i = 0; i < 20000000; i += 1000) memory[i] = 1;
  while (clock() < CLOCKS_PER_SEC / 5) {}
  puts("Content-Type: text/plain\n");
}
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def runtime():
    """A runtime directory for several servers; short, as a socket's path has to be."""
    with tempfile.TemporaryDirectory(prefix="cgisrv-run-") as folder:
        yield Path(folder)


@pytest.fixture
def ask():
    """ask(server or directory, "status", "--json"): runs the command; its standard input is none."""

    def run(where: Server | Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(BINARY), *map(str, arguments)], capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, timeout=30 * slowness(),
                              env=environment(where))

    return run


def environment(where: Server | Path) -> dict[str, str]:
    folder = where.runtime if isinstance(where, Server) else where
    return {**os.environ, "RUNTIME_DIRECTORY": str(folder)}


@pytest.fixture
def status(ask):
    """status(server): what `cgisrv status --json` prints."""

    def read(where: Server | Path, *arguments: str) -> dict:
        result = ask(where, "status", "--json", *arguments)
        assert result.returncode == 0, result
        return json.loads(result.stdout)

    return read


def configuration(site, server: str = "") -> str:
    return cgi_site(site.root, server=server, cgi="max_running = 2")


@pytest.fixture
def waiting(start, site):
    """A server, two of whose programs run until site/go is there."""
    site.program("waits.cgi", WAITS)
    return start(config=configuration(site))


@contextlib.contextmanager
def requests(server: Server, count: int, target: str = "/waits.cgi"):
    """So many requests under way; their statuses afterwards."""
    statuses: list[int] = []
    connections = [server.connect() for _ in range(count)]
    for connection in connections:
        connection.send(head("GET", target))
    yield statuses
    statuses += [connection.read_response().status for connection in connections]
    for connection in connections:
        connection.close()


def program(report: dict, name: str) -> dict:
    (found,) = [row for row in report["programs"] if row["file"].endswith("/" + name)]
    return found


def socket_of(server: Server, folder: Path | None = None) -> str:
    return str((folder or server.runtime) / f"{server.pid}.sock")


def connect(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(20 * slowness())
    client.connect(path)
    return client


# What it says.


def test_running_and_waiting_are_exact(waiting, site, status):
    with requests(waiting, 5) as answers:
        busy = until(lambda: (seen := status(waiting))["admission"]["waiting"] == 3 and seen)
        assert busy, status(waiting)
        row = program(busy, "waits.cgi")
        assert (row["running"], row["waiting"], row["limit"]) == (2, 3, 2)
        assert busy["admission"]["running"] == 2
        assert sum(worker["connections"] for worker in busy["workers"]) == 5
        site.file("go", "")
    assert answers == [200] * 5
    assert until(lambda: status(waiting)["admission"]["running"] == 0)
    row = program(status(waiting), "waits.cgi")
    assert (row["running"], row["waiting"], row["refused"]) == (0, 0, 0)


def test_server_and_workers_are_told(waiting, status):
    report = status(waiting)
    told = report["server"]
    assert told["pid"] == waiting.pid and told["state"] == "serving"
    assert told["configured"] and told["serves"].endswith("/cgisrv.toml")
    assert told["listeners"] == [f"http://127.0.0.1:{waiting.port}/"]
    assert 0 < told["uptime_seconds"] < 1000
    assert [worker["pid"] for worker in report["workers"]] == waiting.workers()
    assert {worker["state"] for worker in report["workers"]} == {"running"}
    for worker in report["workers"]:
        assert 500_000 < worker["memory_bytes"] < 1 << 40


@pytest.mark.kills_worker
def test_worker_that_died_is_counted(waiting, status):
    victim = waiting.workers()[0]
    os.kill(victim, signal.SIGKILL)
    assert until(lambda: sum(w["restarts"] for w in status(waiting)["workers"]) == 1)
    assert victim not in [worker["pid"] for worker in status(waiting)["workers"]]


def test_table_names_the_program(waiting, ask, site):
    site.file("go", "")
    waiting.get("/waits.cgi")
    result = ask(waiting, "status")
    assert result.returncode == 0, result
    assert f"pid {waiting.pid}, up " in result.stdout
    assert "2 of 2 workers running" in result.stdout
    assert re.search(r"^ +0 .*/waits\.cgi$", result.stdout, re.MULTILINE), result.stdout
    assert "\033" not in result.stdout


def test_figures_are_those_of_the_requests(start, site, status, ask):
    """Counts are exact, times near a sleep that is known, processor time near a known loop's."""
    site.program("sleeps.cgi", PLAIN + "sleep 0.2\necho done\n")
    site.program("fails.cgi", "#!/bin/sh\nexit 3\n")
    site.prints("short.cgi", b"Content-Type: a/b\nContent-Length: 9\n\nabc")
    site.c_program("burns.cgi", BURNS)
    site.program("cat.cgi", CAT)
    server = start(site)
    for _ in range(10):
        assert server.get("/sleeps.cgi").status == 200
    for _ in range(3):
        assert server.get("/fails.cgi").status == 502
    server.raw(head("GET", "/short.cgi"))
    assert server.get("/burns.cgi").status == 200
    assert server.request("POST", "/cat.cgi", body=b"x" * 5000).status == 200
    server.get("/nothing-there.cgi")
    assert until(lambda: program(status(server), "cat.cgi")["finished"] == 1)
    report = status(server)
    assert len(report["programs"]) == 5
    sleeps, fails, short = (program(report, f"{name}.cgi") for name in ("sleeps", "fails", "short"))
    assert (sleeps["finished"], sleeps["failed"]) == (10, 0)
    assert sleeps["outcomes"] == {"answered": 10}
    assert (sleeps["cold_starts"], sleeps["warm_starts"]) == (10, 0)
    assert 0.19 < sleeps["time_p50_seconds"] < 5
    assert sleeps["time_p50_seconds"] <= sleeps["time_p90_seconds"] <= sleeps["time_p99_seconds"]
    assert sleeps["wait_p99_seconds"] < sleeps["time_p50_seconds"]
    assert sleeps["cpu_seconds"] < 1
    assert (fails["finished"], fails["failed"]) == (3, 3)
    assert fails["outcomes"] == {"exit-status": 3}
    assert (short["failed"], short["outcomes"]) == (1, {"too-short": 1})
    burns = program(report, "burns.cgi")
    assert 0.2 <= burns["cpu_seconds"] < 0.5
    assert burns["memory_peak_bytes"] > 20_000_000
    cat = program(report, "cat.cgi")
    assert cat["bytes_in"] == 5000 and cat["bytes_out"] > 5000
    line = next(line for line in ask(server, "status").stdout.splitlines() if "fails.cgi" in line)
    assert line.split()[-3:-1] == ["3", "0"], line


def test_name_with_control_bytes_reaches_no_terminal(start, site, ask, status):
    site.prints("red\033[31m.cgi", "Content-Type: text/plain\n\nred\n")
    server = start(site)
    assert server.get("/red%1b%5b31m.cgi").status == 200
    assert program(status(server), "red\033[31m.cgi")
    result = ask(server, "status")
    assert "\033" not in result.stdout and r"red\x1b[31m.cgi" in result.stdout


# Which server.


def test_none_is_running_69(ask, runtime):
    for verb in ("status", "reload", "reopen", "quit", "stop"):
        result = ask(runtime, verb)
        assert result.returncode == UNAVAILABLE, result
        assert "no server is running" in result.stderr and str(runtime) in result.stderr
        assert result.stdout == ""


@as_root
def test_server_of_root_is_told_to_another_user(start, site, runtime):
    runtime.chmod(0o755)
    server = start(config=cgi_site(site.root, server=f'runtime_dir = "{runtime}/own"'))
    readable = runtime / "same.toml"
    readable.write_text((server.stdout.parent / "cgisrv.toml").read_text())
    readable.chmod(0o644)
    nobody = pwd.getpwnam("nobody")
    for verb in ("status", "reload"):
        result = subprocess.run([BINARY, verb, "-c", readable], capture_output=True, text=True,
                                user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], cwd="/")
        assert f"a server of root runs (pid {server.pid})" in result.stderr, result
        assert "use sudo" in result.stderr and result.stdout == ""


def test_none_is_running_which_may_be_so(ask, runtime):
    for verb in ("reload", "upgrade", "reopen", "quit", "stop"):
        result = ask(runtime, verb, "--if-running")
        assert (result.returncode, result.stdout, result.stderr) == (0, "", ""), result
    assert ask(runtime, "status", "--if-running").returncode == USAGE


def test_several_are_listed_and_one_is_picked(start, site, runtime, ask, status):
    site.file("index.html", "hello")
    shared = {"RUNTIME_DIRECTORY": str(runtime)}
    one = start(config=configuration(site), environment=shared)
    two = start(site, environment=shared)
    result = ask(runtime, "status")
    assert result.returncode == USAGE, result
    for server in (one, two):
        assert f"--pid {server.pid}" in result.stderr, result
        assert status(runtime, "--pid", server.pid)["server"]["pid"] == server.pid
        path = socket_of(server, runtime)
        assert status(runtime, "--socket", path)["server"]["pid"] == server.pid
    file = one.stdout.parent / "cgisrv.toml"
    assert status(runtime, "-c", str(file))["server"]["pid"] == one.pid
    nowhere = ask(runtime, "status", "-c", "/nowhere.toml")
    assert nowhere.returncode == WRONG_CONFIGURATION and "cannot read" in nowhere.stderr, nowhere
    assert ask(runtime, "status", "--pid", "1").returncode == UNAVAILABLE
    assert ask(runtime, "quit").returncode == USAGE
    assert ask(runtime, "quit", "--pid", two.pid).returncode == 0
    assert two.popen.wait(25) == 0
    assert one.get("/").status == 200
    assert status(runtime)["server"]["pid"] == one.pid


def test_configured_directory_is_found_by_the_file(start, site, runtime, ask, status):
    folder = runtime / "own"
    server = start(config=configuration(site, f'runtime_dir = "{folder}"'))
    assert folder.stat().st_mode & 0o7777 == 0o755  # the socket in it is for its user alone
    assert ask(runtime, "status").returncode == UNAVAILABLE
    file = server.stdout.parent / "cgisrv.toml"
    assert status(runtime, "-c", str(file))["server"]["pid"] == server.pid


def answer_for(user: str, path: Path) -> str:
    """The beginning of what the socket answers a client of that user, or why it does not."""
    script = ("import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
              "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n'); print(s.recv(12).decode())")
    done = subprocess.run(["/usr/bin/python3", "-c", script, path], user=user, group=user,
                          extra_groups=[], capture_output=True, text=True)
    return (done.stdout + done.stderr).strip()


@pytest.mark.fault("2h")
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can be another user")
def test_others_reach_a_site_beside_the_control_socket(start, site, runtime):
    """The first server of root's makes the folder, whatever its umask; the next listens in it."""
    site.file("index.html", "hello")
    folder = runtime / "shared"
    runtime.chmod(0o755)
    shared = configuration(site, f'runtime_dir = "{folder}"')
    start(config=shared, preexec=lambda: os.umask(0o077))
    second = start(config=shared + f'[[listen]]\naddress = "unix:{folder}/site.sock"\n')
    assert answer_for("www-data", folder / "site.sock") == "HTTP/1.1 200"
    assert "Permission denied" in answer_for("www-data", Path(socket_of(second, folder)))
    assert "only root may enter" not in second.log()


@pytest.mark.fault("2h")
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone shuts others out so")
def test_a_socket_that_nobody_else_can_reach_is_warned_about(start, site, runtime, run):
    closed = runtime / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(0o700)
    server = start(config=configuration(site) +
                   f'[[listen]]\naddress = "unix:{closed}/in/site.sock"\n')
    server.wait_log(f"warn .*unix:{closed}/in/site.sock: only root may enter {closed}, so a proxy "
                    f"that runs as another user cannot connect; run: chmod a\\+x {closed}$")
    checked = run("check", "-c", server.stdout.parent / "cgisrv.toml")
    assert f"note: as it is here, unix:{closed}/in/site.sock: only root may enter {closed}," in checked.stderr


def test_server_is_found_by_a_file_that_has_become_wrong(start, site, runtime, ask, status):
    server = start(config=configuration(site, f'runtime_dir = "{runtime}/own"'))
    file = server.stdout.parent / "cgisrv.toml"
    good = file.read_text()
    file.write_text(good.replace("[cgi]", "[cgi]\ngrase = 3"))
    assert status(runtime, "-c", str(file))["server"]["pid"] == server.pid
    result = ask(runtime, "reload", "-c", str(file))
    assert result.returncode == WRONG_CONFIGURATION and "nothing was changed" in result.stderr
    file.write_text(good.replace("/own", "/other"))
    result = ask(runtime, "reload", "-c", str(file))
    assert result.returncode == UNAVAILABLE and "--socket DIR/PID.sock" in result.stderr, result
    file.write_text(good + "\n[cgi\n")  # no TOML: it says nothing at all
    result = ask(runtime, "reload", "-c", str(file))
    assert result.returncode == WRONG_CONFIGURATION, result
    assert re.search(r"^\S+cgisrv\.toml:\d+:\d+: ", result.stderr), result
    assert "no server is running by" in result.stderr and "--socket DIR/PID.sock" in result.stderr


@pytest.mark.kills_master
def test_socket_of_a_killed_server_is_no_server_and_goes(start, site, runtime, ask, status):
    shared = {"RUNTIME_DIRECTORY": str(runtime)}
    dead = start(site, environment=shared)
    os.kill(dead.pid, signal.SIGKILL)
    dead.popen.wait()
    until(lambda: not any(alive(pid) for pid in dead.baseline), 2)
    assert os.path.exists(socket_of(dead, runtime))
    assert ask(runtime, "status").returncode == UNAVAILABLE
    server = start(site, environment=shared)
    assert os.listdir(runtime) == [f"{server.pid}.sock"]
    assert status(runtime)["server"]["pid"] == server.pid


@pytest.mark.parametrize("variable", ["XDG_RUNTIME_DIR", "none"])
def test_ordinary_users_server_is_found(site, runtime, variable):
    """Without the directory of a service, by one who is not root."""
    nobody = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    binary = Path(shutil.copy(BINARY, runtime / "cgisrv"))
    for folder in (runtime, runtime / "site", runtime / "user"):
        folder.mkdir(exist_ok=True)
        os.chown(folder, nobody, -1)
    where = {"RUNTIME_DIRECTORY": "",
             "XDG_RUNTIME_DIR": str(runtime / "user") if variable != "none" else ""}
    server = Server([str(runtime / "site"), "-l", "127.0.0.1:0", "-w", "1"], runtime,
                    environment=where, preexec=lambda: os.setuid(nobody), binary=binary)
    try:
        expected = runtime / "user/cgisrv" if variable != "none" else Path(f"/tmp/cgisrv-{nobody}")
        assert os.path.exists(socket_of(server, expected)), server.log()
        assert expected.stat().st_mode & 0o7777 == 0o755 and expected.stat().st_uid == nobody
        result = subprocess.run([str(binary), "stop", "--pid", str(server.pid)],
                                env={**os.environ, **where}, user=nobody, capture_output=True,
                                text=True)
        assert result.returncode == 0, result
        assert server.popen.poll() == 0
    finally:
        server.end()
    assert not os.path.exists(socket_of(server, expected))


@pytest.mark.parametrize("made", ["missing", "open", "link", "file"])
def test_unusable_directory_is_a_warning(start, site, runtime, made):
    site.file("index.html", "hello")
    folder = runtime / "run"
    if made == "missing":
        folder = folder / "below"
    elif made == "open":
        folder.mkdir()
        folder.chmod(0o777)
    elif made == "link":
        (runtime / "good").mkdir(mode=0o700)
        folder.symlink_to(runtime / "good")
    else:
        folder.write_text("")
    server = start(config=configuration(site, f'runtime_dir = "{folder}"'))
    server.wait_log(rf"warn .*no control socket.*{folder}.*set \[server\] runtime_dir")
    assert server.get("/").body == b"hello"
    assert not list(runtime.rglob("*.sock"))


def test_wrong_use_says_what_to_do(run, site):
    for arguments in (["status", "-w", "3"], ["quit", "-l", ":80"], ["stop", "--json"],
                      ["status", "--watch", "never"], ["status", "--pid", "-1"],
                      ["status", "--wach"]):
        result = run(*arguments)
        assert result.returncode == USAGE, result
        assert "Try: cgisrv" in result.stderr


def test_help_fits_a_screen(run):
    lines = run("status", "--help").stdout.splitlines()
    assert any("--watch" in line for line in lines)
    assert len(lines) <= 30 and max(map(len, lines)) <= 80, lines


# Who may ask.


def test_socket_is_the_masters_alone(waiting, site, status):
    path = socket_of(waiting)
    assert os.stat(path).st_mode & 0o7777 == 0o600
    (line,) = [line for line in Path("/proc/net/unix").read_text().splitlines()
               if line.endswith(path.replace(".sock", ".sock.new"))]
    inode = f"socket:[{line.split()[6]}]"
    assert inode in descriptors(waiting.pid).values()
    with requests(waiting, 1), connect(path):
        assert until(lambda: waiting.programs())
        others = [*waiting.workers(), *(p.pid for p in waiting.programs())]
        assert len(others) >= 3
        for pid in others:
            assert inode not in descriptors(pid).values(), pid
        site.file("go", "")


@pytest.mark.kills_worker
def test_worker_forked_while_somebody_asks_holds_no_client(waiting, status):
    """A client is told everything when the master closes: no other may keep its socket open."""
    with connect(socket_of(waiting)) as client:
        os.kill(waiting.workers()[0], signal.SIGKILL)
        assert until(lambda: sum(w["restarts"] for w in status(waiting)["workers"]) == 1)
        client.sendall(b"status\n")
        received = b""
        while piece := client.recv(65536):
            received += piece
    assert received.startswith(b"0\n{")


@as_root
def test_another_user_gets_no_answer(waiting):
    """By the modes, and also where somebody has opened those."""
    nobody = pwd.getpwnam("nobody").pw_uid
    path = socket_of(waiting)

    def as_nobody(code: str) -> str:
        return subprocess.run(["/usr/bin/python3", "-c", f"import socket\npath={path!r}\n{code}"],
                              user=nobody, group=nobody, extra_groups=[], capture_output=True,
                              text=True, timeout=20).stdout.strip()

    attempt = """
client = socket.socket(socket.AF_UNIX)
try:
    client.connect(path)
    client.sendall(b"stop\\n")
    print(client.recv(100))
except OSError as error:
    print(type(error).__name__)
"""
    assert as_nobody(attempt) == "PermissionError"
    os.chmod(waiting.runtime, 0o755)
    os.chmod(path, 0o666)
    assert as_nobody(attempt) in ("b''", "BrokenPipeError", "ConnectionResetError")
    assert waiting.popen.poll() is None


# Clients that mean no good.


def test_hostile_clients_hurt_nobody(start, site, status):
    site.prints("hello.cgi", "Content-Type: text/plain\n\nhello\n")
    server = start(site)
    path = socket_of(server)
    before = len(descriptors(server.pid))
    silent = []
    for number in range(1000):
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)  # waits while the backlog is full
        with contextlib.suppress(OSError):
            client.sendall([b"", b"\0\xff\x1b[2J\n", b"x" * 100_000, b"status"][number % 4])
        silent.append(client)
    assert len(descriptors(server.pid)) <= before + 33
    assert server.get("/hello.cgi").body == b"hello\n"
    assert status(server)["server"]["pid"] == server.pid
    # Those that still have a place lose it when their time is over.
    assert until(lambda: len(descriptors(server.pid)) == before, 8 * slowness(), 0.1)
    for client in silent:
        client.close()


def test_unknown_verb_is_told_what_is_known(waiting):
    with connect(socket_of(waiting)) as client:
        client.sendall(b"dance\n")
        answer = client.recv(1000)
    assert answer.startswith(b"64\n") and b"status" in answer


# What it does.


def test_quit_finishes_open_requests_and_waits(waiting, site, ask, status):
    with requests(waiting, 1) as answers:
        assert until(lambda: status(waiting)["admission"]["running"] == 1)
        command = subprocess.Popen([str(BINARY), "quit"], env=environment(waiting),
                                   stdout=subprocess.PIPE, text=True)
        assert "finishing open requests, for 30s at most" in command.stdout.readline()
        assert until(lambda: status(waiting)["server"]["state"] == "finishing")
        assert command.poll() is None and waiting.popen.poll() is None
        site.file("go", "")
    assert answers == [200]
    assert command.wait(10) == 0
    command.stdout.close()
    assert waiting.popen.poll() == 0, "the server ended before the command did"
    assert not os.path.exists(socket_of(waiting))
    assert re.search(r"notice .*quit: asked for by pid \d+, uid \d+", waiting.log())


def test_quit_need_not_wait(waiting, site, ask, status):
    with requests(waiting, 1) as answers:
        assert until(lambda: status(waiting)["admission"]["running"] == 1)
        assert ask(waiting, "quit", "--no-wait").returncode == 0
        assert waiting.popen.poll() is None
        site.file("go", "")
    assert answers == [200]
    assert waiting.popen.wait(25) == 0


def test_stop_after_quit_stops_at_once(waiting, ask, status):
    waiting.connect().send(head("GET", "/waits.cgi"))
    assert until(lambda: status(waiting)["admission"]["running"] == 1)
    assert ask(waiting, "quit", "--no-wait").returncode == 0
    began = time.monotonic()
    result = ask(waiting, "stop")
    assert result.returncode == 0 and "stopping now" in result.stdout, result
    assert waiting.popen.poll() == 0, "the server ended before the command did"
    assert time.monotonic() - began < 25


@pytest.mark.time_limit(30)
def test_server_that_hangs_is_named(waiting, ask):
    os.kill(waiting.pid, signal.SIGSTOP)
    try:
        result = ask(waiting, "status")
    finally:
        os.kill(waiting.pid, signal.SIGCONT)
    assert result.returncode == UNAVAILABLE
    assert socket_of(waiting) in result.stderr and "does not answer" in result.stderr


@pytest.mark.time_limit(30)
def test_server_that_hangs_may_be_the_one_that_is_meant(start, site, runtime, ask):
    shared = {"RUNTIME_DIRECTORY": str(runtime)}
    hangs, works = start(site, environment=shared), start(site, environment=shared)
    os.kill(hangs.pid, signal.SIGSTOP)
    try:
        doubtful, picked = ask(runtime, "quit"), ask(runtime, "status", "--pid", works.pid)
    finally:
        os.kill(hangs.pid, signal.SIGCONT)
    assert doubtful.returncode == USAGE and works.popen.poll() is None
    assert f"--pid {works.pid}" in doubtful.stderr and f"{hangs.pid}.sock" in doubtful.stderr
    assert picked.returncode == 0


# Watching.


class Terminal:
    """`cgisrv status --watch` on a pty of so many columns."""

    def __init__(self, server: Server, columns: int = 80, lines: int = 24):
        self.master, slave = pty.openpty()
        self.resize(columns, lines)
        self.popen = subprocess.Popen(
            [str(BINARY), "status", "--watch", "0.2"], stdin=slave, stdout=slave,
            stderr=slave, env={**environment(server), "TERM": "xterm"},
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(0, termios.TIOCSCTTY, 0)))
        os.close(slave)
        self.output = b""

    def resize(self, columns: int, lines: int = 24) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds: float = 0.05) -> bytes:
        with contextlib.suppress(OSError):  # EIO: nobody has it open any more
            while select.select([self.master], [], [], seconds)[0]:
                if not (piece := os.read(self.master, 65536)):
                    break
                self.output += piece
        return self.output

    def frames(self) -> list[list[str]]:
        """What was drawn, one list of lines for each time."""
        frames = self.read().decode().split("\033[H")[1:]
        return [[line.replace("\033[K", "").replace("\r", "").replace("\033[J", "")
                 for line in frame.split("\n")] for frame in frames if "\033[J" in frame]

    def end(self) -> int:
        code = self.popen.wait(25)
        self.read(5)  # to its end, which comes at once; the kernel may take its time before
        os.close(self.master)
        return code


def test_watch_redraws_in_place_and_restores_the_terminal(waiting, site):
    site.file("go", "")
    waiting.get("/waits.cgi")
    terminal = Terminal(waiting)
    assert until(lambda: len(terminal.frames()) >= 3)
    assert terminal.output.startswith(b"\033[?1049h\033[?25l")
    assert b"\033[2J" not in terminal.output, "a screen that is cleared flickers"
    for frame in terminal.frames():
        assert max(map(len, frame)) < 80 and len(frame) <= 24
    assert any(line.startswith("All since the start") for line in terminal.frames()[0])
    assert any(re.search(r"since 0\.[2-9] s ago", line) for line in terminal.frames()[2])
    assert any("waits.cgi" in line for line in terminal.frames()[2])
    os.write(terminal.master, b"\x03")  # Ctrl-C
    assert terminal.end() == 0
    assert terminal.output.endswith(b"\033[?25h\033[?1049l")


def test_watch_follows_the_size_of_the_terminal(waiting):
    terminal = Terminal(waiting, 120)
    assert until(lambda: len(terminal.frames()) >= 1)
    terminal.resize(40, 8)
    assert until(lambda: max(map(len, terminal.frames()[-1])) < 40)
    assert until(lambda: len(terminal.frames()[-1]) <= 8)
    terminal.popen.terminate()
    assert terminal.end() == 128 + signal.SIGTERM
    assert terminal.output.endswith(b"\033[?25h\033[?1049l")


def test_watch_ends_with_its_server(start, site, ask):
    server = start(site)
    terminal = Terminal(server)
    assert until(lambda: len(terminal.frames()) >= 1)
    assert ask(server, "stop").returncode == 0
    assert terminal.end() == UNAVAILABLE
    assert b"\033[?25h\033[?1049lcgisrv: the server has ended" in terminal.output


def test_watch_gives_the_terminal_back_while_it_is_stopped(waiting):
    terminal = Terminal(waiting)
    assert until(lambda: len(terminal.frames()) >= 1)
    terminal.popen.send_signal(signal.SIGTSTP)
    assert until(lambda: terminal.read().endswith(b"\033[?25h\033[?1049l"))
    drawn = len(terminal.frames())
    time.sleep(0.5)
    assert len(terminal.frames()) == drawn
    terminal.popen.send_signal(signal.SIGCONT)
    assert until(lambda: len(terminal.frames()) > drawn)
    terminal.popen.send_signal(signal.SIGINT)
    assert terminal.end() == 0


def test_watch_on_a_pipe_is_plain_text(waiting):
    command = subprocess.Popen([str(BINARY), "status", "--watch", "0.1"],
                               env=environment(waiting), stdout=subprocess.PIPE, text=True)
    tables = 0
    while tables < 3:
        line = command.stdout.readline()
        assert "\033" not in line
        tables += line.startswith("cgisrv ")
    command.send_signal(signal.SIGINT)
    assert command.wait(10) == 0
    command.stdout.close()


