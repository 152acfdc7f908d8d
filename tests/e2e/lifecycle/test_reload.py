"""The configuration is read again while the server runs, and nobody notices but by what it says."""

import json
import re
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack

import pytest

from support import client
from support.clauses import clause
from support.client import head
from support.configuration import cgi_site
from support.control import UNAVAILABLE, WRONG_CONFIGURATION, control
from support.processes import alive, descriptors
from support.programs import PLAIN
from support.service_manager import handing_over
from support.waiting import until

pytestmark = pytest.mark.kills_worker  # a reload replaces them


def config_of(server):
    return server.temporary.parent / "cgisrv.toml"


def change(server, old: str, new: str) -> None:
    file = config_of(server)
    text = file.read_text()
    assert old in text, text
    file.write_text(text.replace(old, new))


def reload(server) -> str:
    result = control(server, "reload")
    assert result.returncode == 0, result
    return result.stdout


def ended(pids) -> bool:
    return bool(until(lambda: not any(alive(pid) for pid in pids)))


@pytest.fixture
def serve(start, site):
    """By a configuration with these lines of [server]; programs say [cgi] env's WHO."""
    site.program("who.cgi", PLAIN + 'echo "$WHO"\n')
    site.program("slow.cgi", PLAIN + 'echo begun\nsleep "${QUERY_STRING:-1}"\necho "$WHO"\n')

    def serve_with(lines: str = "", more: str = "", location: str = ""):
        return start(config=cgi_site(site.root, location,
                                     server=f'{lines}\n'
                                            '[[listen]]\n'
                                            'address = "127.0.0.1:0"\n'
                                            f'{more}',
                                     cgi='env = { WHO = "old" }'))
    return serve_with


def who(server, port: int = 0) -> bytes:
    address = ("127.0.0.1", port or server.port)
    with client.Connection(address) as connection:
        return connection.request("GET", "/who.cgi").body


# What changes.


@clause("faults-reload-upgrade")
@pytest.mark.parametrize("how", ["command", "signal"])
def test_new_configuration_serves(serve, how):
    server = serve()
    before = server.workers()
    assert who(server) == b"old\n"
    change(server, '"old"', '"new"')
    if how == "command":
        assert "reloaded" in reload(server)
    else:
        server.signal(signal.SIGHUP)
        server.wait_log("reloaded ")
    assert who(server) == b"new\n"
    assert ended(before)
    assert len(server.workers()) == 2 and server.popen.poll() is None


def test_number_of_workers_changes(serve):
    server = serve("workers = 1")
    change(server, "workers = 1", "workers = 3")
    assert "3 workers" in reload(server)
    assert until(lambda: len(server.workers()) == 3)
    change(server, "workers = 3", "workers = 1")
    reload(server)
    assert until(lambda: len(server.workers()) == 1)


MISTAKES = {
    "keys": ("[cgi]\nmax_runing = 3\ntimeout = 'soon'",
             [r"cgisrv\.toml:\d+:\d+: unknown key 'max_runing'",
              r"cgisrv\.toml:\d+:\d+: 'timeout' must"]),
    "no TOML": ("[cgi", [r"cgisrv\.toml:\d+:\d+: "]),
}


@clause("faults-reload-upgrade")
@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_configuration_changes_nothing(serve, mistake):
    text, reasons = MISTAKES[mistake]
    server = serve()
    before = server.workers()
    with server.connect() as kept:
        kept.request("GET", "/who.cgi")
        change(server, "[cgi]", text)
        change(server, '"old"', '"new"')
        result = control(server, "reload")
        assert result.returncode == WRONG_CONFIGURATION
        server.signal(signal.SIGHUP)
        for reason in [*reasons, "nothing was changed"]:
            assert re.search(reason, result.stderr), result.stderr
            assert until(lambda: len(re.findall(reason, server.log())) == 2), server.log()
        last = kept.request("GET", "/who.cgi")
        assert last.body == b"old\n" and last.header("connection") is None
    assert server.workers() == before
    change(server, text, "[cgi]")
    reload(server)
    assert who(server) == b"new\n"


def test_file_that_is_gone_changes_nothing(serve):
    server = serve()
    file = config_of(server)
    file.rename(file.with_suffix(".away"))
    result = control(server, "reload", "--pid", str(server.pid))
    assert result.returncode == WRONG_CONFIGURATION and "cannot read" in result.stderr, result
    assert who(server) == b"old\n"


def test_address_that_others_have_changes_nothing(serve, tmp_path):
    server = serve()
    path = tmp_path / "new.sock"
    before = server.workers()
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        change(server, "[cgi]", f'[[listen]]\naddress = "unix:{path}"\n[[listen]]\naddress = "{taken}"\n[cgi]')
        change(server, '"old"', '"new"')
        result = control(server, "reload")
    assert result.returncode == UNAVAILABLE and not path.exists()
    assert "in use" in result.stderr and "nothing was changed" in result.stderr
    assert server.workers() == before and who(server) == b"old\n"


def test_address_that_the_server_itself_has_in_another_form_asks_for_a_restart(serve):
    server = serve()
    own = f"127.0.0.1:{server.port}"
    change(server, 'address = "127.0.0.1:0"', f'address = ":{server.port}"')
    result = control(server, "reload")
    assert result.returncode == UNAVAILABLE, result
    assert f"cannot be had while this server listens at {own}; end it and start it anew" in result.stderr
    assert who(server) == b"old\n"


def test_listeners_come_and_go(serve, tmp_path):
    """Those that stay are never closed: who connects in between waits, and is served."""
    path = tmp_path / "a.sock"
    server = serve(more=f'[[listen]]\naddress = "unix:{path}"\n')
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    change(server, f'address = "unix:{path}"', f'address = "127.0.0.1:{port}"')
    reload(server)
    assert who(server, port) == b"old\n" and who(server) == b"old\n"
    assert until(lambda: not path.exists()), "the file of the listener that is gone is left"
    change(server, f'[[listen]]\naddress = "127.0.0.1:{port}"', "")
    reload(server)
    assert who(server) == b"old\n"

    def is_refused() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0
    assert until(is_refused)


def test_listeners_that_are_configured_alike_stay_as_many(serve):
    server = serve(more='[[listen]]\naddress = "127.0.0.1:0"\n')
    before = json.loads(control(server, "status", "--json").stdout)["server"]["listeners"]
    for _ in range(2):
        reload(server)
    assert json.loads(control(server, "status", "--json").stdout)["server"]["listeners"] == before
    assert len(before) == 2


def test_path_whose_owner_does_not_accept_holds_nobody_up(serve, tmp_path):
    server = serve()
    path = str(tmp_path / "busy.sock")
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(path)
        other.listen(0)
        waiting.connect(path)  # its backlog is full
        change(server, "[cgi]", f'[[listen]]\naddress = "unix:{path}"\n[cgi]')
        result = control(server, "reload")
    assert result.returncode == UNAVAILABLE and "in use" in result.stderr, result
    assert who(server) == b"old\n"


def test_end_of_a_server_leaves_the_socket_of_its_successor(serve, start, tmp_path):
    path = tmp_path / "web.sock"
    old = serve(more=f'[[listen]]\naddress = "unix:{path}"\n')
    with client.Connection(old.address) as busy:
        busy.send(head("GET", "/slow.cgi?2", [("Connection", "close")]))
        busy.read_head()
        old.signal(signal.SIGQUIT)
        assert until(lambda: not path.exists()) and old.popen.poll() is None
        serve(more=f'[[listen]]\naddress = "unix:{path}"\n')
        busy.read_rest()
        assert old.popen.wait(25) == 0
    with client.Connection(str(path)) as connection:
        assert connection.request("GET", "/who.cgi").body == b"old\n"


def test_what_needs_a_restart_is_said(serve, tmp_path):
    server = serve(f'pid_file = "{tmp_path}/a.pid"')
    change(server, "a.pid", "b.pid")
    assert "pid_file takes effect when the server is started again" in reload(server)
    assert (tmp_path / "a.pid").read_text() == f"{server.pid}\n"
    assert not (tmp_path / "b.pid").exists()


def test_logs_go_where_the_new_configuration_says(serve, tmp_path):
    server = serve(location=f'[log]\naccess = {{ path = "{tmp_path}/one.log" }}\n')
    who(server)
    change(server, "one.log", "two.log")
    reload(server)
    who(server)
    assert (tmp_path / "one.log").read_text().count("\n") == 1
    assert until(lambda: (tmp_path / "two.log").read_text().count("\n") == 1)


def test_accounts_are_kept(serve):
    server = serve()

    def finished() -> int:
        report = json.loads(control(server, "status", "--json").stdout)
        return sum(program["finished"] for program in report["programs"])
    for _ in range(3):
        who(server)
    reload(server)
    who(server)
    assert until(lambda: finished() == 4), finished()


def test_warm_programs_get_another_zygote_manager(start, site):
    site.program("warm.cgi", "#!/usr/bin/perl\nprint \"Content-Type: text/plain\\n\\nwarm\";\n")
    server = start(config=cgi_site(site.root, cgi='start = "warm"'))

    def counted() -> int:
        return json.loads(control(server, "status", "--json").stdout)["programs"][0]["zygotes"]

    assert server.get("/warm.cgi").body == b"warm"
    assert until(server.zygotes) and until(counted)
    zygote_manager, zygotes = server.zygote_manager(), server.zygotes()
    reload(server)
    assert counted() == 0
    assert ended([zygote_manager, *zygotes])
    assert counted() == 0
    assert server.get("/warm.cgi").body == b"warm"
    assert until(server.zygotes) and server.zygote_manager() != zygote_manager
    assert until(counted)
    change(server, '"warm"', '"cold"')
    reload(server)
    assert counted() == 0
    server.checkpoint(settle=True)  # each worker has a socket to each zygote


# What nobody notices.


@clause("faults-reload-upgrade")
def test_request_under_way_is_finished(serve):
    server = serve()
    before = server.workers()
    connection = server.connect()
    connection.send(head("GET", "/slow.cgi", [("Connection", "close")]))
    connection.read_head()
    change(server, '"old"', '"new"')
    reload(server)
    assert who(server) == b"new\n"
    assert any(alive(pid) for pid in before)
    assert b"old\n" in connection.read_rest()
    assert ended(before)


@clause("faults-reload-upgrade")
def test_idle_connection_is_told_before_it_is_closed(serve):
    server = serve()
    connection = server.connect()
    assert connection.request("GET", "/who.cgi").header("connection") is None
    reload(server)
    assert connection.silent(0.3)
    last = connection.request("GET", "/who.cgi")
    assert last.body == b"old\n" and last.header("connection") == "close"
    assert connection.ended()


def test_what_takes_longer_than_shutdown_timeout_is_cut(serve):
    server = serve('shutdown_timeout = "3s"')
    before = server.workers()
    connection = server.connect()
    connection.send(head("GET", "/slow.cgi?60"))
    connection.read_head()
    began = time.monotonic()
    reload(server)
    assert any(map(alive, before)), "a reload does not wait for old requests"
    connection.read_rest()
    assert time.monotonic() - began >= 2.9
    assert ended(before)


def test_many_reloads_under_load(serve):
    """With keep-alive and without: what a client may not repeat never fails."""
    server = serve()
    failures: list[str] = []
    counts = [0, 0]
    stop = threading.Event()

    def load(number: int, keeps: bool) -> None:
        while not stop.is_set():
            try:
                with client.Connection(("127.0.0.1", server.port)) as connection:
                    last = False
                    while not stop.is_set() and not last:
                        response = connection.request("POST", "/who.cgi", body=b"x")
                        last = not keeps or response.header("connection") == "close"
                        if response.status != 200 or response.body not in (b"old\n", b"new\n"):
                            failures.append(str(response))
                        counts[number] += 1
            except (OSError, AssertionError, EOFError) as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=load, args=(i % 2, i % 2 == 0)) for i in range(4)]
    for thread in threads:
        thread.start()
    try:
        for i in range(10):
            change(server, *(('"old"', '"new"') if i % 2 == 0 else ('"new"', '"old"')))
            reload(server)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[:5]
    assert min(counts) > 10, counts
    assert until(lambda: len(server.workers()) == 2)


def test_nothing_grows_with_reloads(serve):
    server = serve()
    reload(server)
    assert until(lambda: len(server.workers()) == 2)
    before = len(descriptors(server.pid))
    for _ in range(8):
        reload(server)
    assert until(lambda: len(server.workers()) == 2)
    assert until(lambda: len(descriptors(server.pid)) <= before), descriptors(server.pid)


def test_reload_while_another_is_under_way_says_so(serve):
    server = serve()
    results: list[subprocess.CompletedProcess] = []
    threads = [threading.Thread(target=lambda: results.append(control(server, "reload")))
               for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {result.returncode for result in results} <= {0, UNAVAILABLE}
    assert any(result.returncode == 0 for result in results)
    for result in results:
        assert result.returncode == 0 or "under way" in result.stderr, result
    assert who(server) == b"old\n"


# Workers that are replaced by themselves.


def test_worker_is_replaced_after_so_many_requests(serve):
    server = serve("max_requests_per_worker = 20")
    before = server.workers()
    for _ in range(100):
        with server.connect() as connection:
            assert connection.request("GET", "/who.cgi").body == b"old\n"
    assert ended(before)
    assert until(lambda: len(server.workers()) == 2)
    assert "error" not in server.log()


def test_worker_that_is_worn_before_all_are_ready_delays_nobody(start, site):
    """The clients are there before the server is."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as web, ExitStack() as clients:
        for _ in range(60):
            waiting = clients.enter_context(client.Connection(web.getsockname()))
            waiting.send(head("GET", "/", [("Connection", "close")]))
        server = start(config=f'''
[server]
workers = 4
max_requests_per_worker = 1
[[listen]]
address = "fd:web"
[[site]]
root = "{site.root}"
''', **handing_over([web], "web"))
        assert until(lambda: control(server, "reload").returncode == 0)


def test_connection_goes_on_when_its_worker_is_replaced(serve):
    server = serve("max_requests_per_worker = 5")
    served = []
    for _ in range(3):
        connection = server.connect()
        while True:
            response = connection.request("GET", "/who.cgi")
            assert response.body == b"old\n"
            served.append(response)
            if response.header("connection") == "close":
                break
            assert len(served) < 1000
    assert len(served) >= 3


def test_server_that_is_ending_is_not_reloaded(serve):
    """It would say that it is ready, and start workers, after it has said that it ends."""
    server = serve()
    connection = server.connect()
    connection.send(head("GET", "/slow.cgi?2", [("Connection", "close")]))
    connection.read_head()
    assert control(server, "quit", "--no-wait").returncode == 0
    for verb in ("reload", "upgrade"):
        result = control(server, verb)
        assert result.returncode == UNAVAILABLE and "ending" in result.stderr, result
    assert b"old\n" in connection.read_rest()
    assert server.popen.wait(25) == 0


def listening(pid: int) -> set[str]:
    """The sockets that listen for TCP, of those that a process has open."""
    table = open("/proc/net/tcp").read().splitlines()[1:]
    inodes = {f"socket:[{row.split()[9]}]" for row in table if row.split()[3] == "0A"}
    return inodes & set(descriptors(pid).values())


def test_none_but_master_and_workers_has_a_listener(serve):
    """Or a client would wait at an address where nobody accepts any more."""
    server = serve(more='[admin]\nlisten = "127.0.0.1:0"', location='start = "warm"')
    who(server)
    for again in (False, True):
        if again:
            change(server, '"old"', '"new"')
            reload(server)
        assert until(lambda: server.zygote_manager() and server.admin())
        assert until(lambda: listening(server.zygote_manager()) == set())
        assert len(listening(server.admin())) == 1  # its own
        # Those of before take a moment to be gone.
        assert until(lambda: all(len(listening(pid)) == 1 for pid in server.workers()))
