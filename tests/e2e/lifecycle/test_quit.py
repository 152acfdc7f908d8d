"""The end of a server that others send requests to: load balancers, proxies, and clients that keep
their connections."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from support import client
from support.admin import Admin, admin_site, under_way
from support.control import UNAVAILABLE, control
from support.haproxy import haproxy, with_haproxy
from support.programs import PLAIN
from support.server import Server
from support.site import Site, compile_into
from support.tls import site_keys
from support.waiting import until


def by_pid(server: Server, *command: str) -> subprocess.CompletedProcess[str]:
    return control(server, *command, "--pid", str(server.pid))


def refuses(server: Server) -> bool:
    try:
        client.Connection(server.address).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.fault("2i")
@pytest.mark.parametrize("how", ["command", "signal"])
def test_quit_serves_on_until_load_balancers_have_noticed(with_admin, site, how):
    """The delay is longer than the test: a second `quit` ends it, and nothing else but a stop."""
    site.file("page.txt", "page")
    admin = with_admin(server='drain_delay = "10m"\nshutdown_timeout = "30s"')
    server = admin.server
    old = server.connect()
    assert old.request("GET", "/page.txt").header("Connection") is None
    if how == "signal":
        server.signal(signal.SIGQUIT)
    else:
        said = by_pid(server, "quit", "--no-wait")
        assert said.stdout == ("serving for 10m more, while /readyz says that it is leaving; then "
                               "finishing open requests, for 30s at most, then stopping\n")
    assert until(lambda: admin.get("/readyz").status == 503)
    assert admin.get("/readyz").text == "leaving\n"
    assert admin.get("/livez").status == 200
    for connection in (old, server.connect()):
        answer = connection.request("GET", "/page.txt")
        assert (answer.status, answer.header("Connection")) == (200, "close")
    refused = by_pid(server, "reload")
    assert refused.returncode == UNAVAILABLE and "ending" in refused.stderr
    with under_way(server, 1) as (connection,):
        assert until(lambda: admin.json()["admission"]["running"] == 1)
        assert by_pid(server, "quit", "--no-wait").stdout.startswith("finishing open requests")
        assert until(lambda: admin.get("/readyz").text == "finishing\n")
        assert until(lambda: refuses(server))
        site.file("go", "")
        assert connection.read_response().status == 200
    assert server.popen.wait(10) == 0


@pytest.mark.fault("2i")
def test_a_stop_does_not_wait_for_load_balancers(with_admin):
    admin = with_admin(server='drain_delay = "10m"')
    admin.server.signal(signal.SIGQUIT)
    assert until(lambda: admin.get("/readyz").text == "leaving\n")
    assert by_pid(admin.server, "stop").returncode == 0
    assert admin.server.popen.wait(10) == 0


@pytest.mark.fault("2i")
@with_haproxy
def test_quit_behind_a_load_balancer_loses_no_request(start, tmp_path):
    """It is asked all along, by clients that keep their connection and by others."""
    admins = []
    for name in ("one", "two"):
        own = Site(tmp_path / name, compile_into(tmp_path))
        own.program("name.cgi", PLAIN + f"echo {name}\n")
        admins.append(Admin(start(config=admin_site(own.root, server='drain_delay = "10m"'))))
    (short := Path(tempfile.mkdtemp(prefix="cgisrv-lb-"))).chmod(0o755)
    web = str(short / "web")
    answers: list[str] = []
    statuses: set[int] = set()
    enough = threading.Event()

    def ask(keeps: bool) -> None:
        connection = client.Connection(web)
        while not enough.is_set():
            response = connection.request("GET", "/name.cgi")
            statuses.add(response.status)
            answers.append(response.text.strip())
            if not keeps or response.header("Connection") == "close":
                connection.close()
                connection = client.Connection(web)
        connection.close()

    def asked(count: int = 40) -> bool:
        wanted = len(answers) + count
        return until(lambda: len(answers) >= wanted, 30)

    try:
        lines = [f"server s{i} 127.0.0.1:{admin.server.port} check inter 100ms fall 1 port "
                 f"{admin.address[1]}" for i, admin in enumerate(admins)]
        with haproxy(short, "option httpchk GET /readyz", *lines) as proxy:
            assert until(lambda: set(proxy.column("status").values()) == {"UP"})
            clients = [threading.Thread(target=ask, args=(i % 2 == 0,)) for i in range(4)]
            for each in clients:
                each.start()
            assert asked() and set(answers) == {"one", "two"}
            admins[0].server.signal(signal.SIGQUIT)
            assert until(lambda: proxy.column("status")["s0"] == "DOWN")
            assert asked()
            answers.clear()
            assert asked() and set(answers) == {"two"}
            admins[0].server.signal(signal.SIGQUIT)
            assert admins[0].server.popen.wait(20) == 0
            assert asked()
            enough.set()
            for each in clients:
                each.join(20)
    finally:
        enough.set()
        shutil.rmtree(short)
    assert statuses == {200}


def test_a_handshake_under_way_is_finished(start, site, authority):
    """As a request in the clear is that the kernel has taken: its client could not know."""
    site.file("page.txt", "page")
    server = start(config=f"""
[server]
shutdown_timeout = "30s"
[[listen]]
address = "127.0.0.1:0"
tls = true
[[site]]
{site_keys(authority.sign("demo", "localhost"))}
root = "{site.root}"
""")
    with socket.create_connection(server.address) as connection:
        os.kill(server.pid, signal.SIGQUIT)
        assert until(lambda: refuses(server))
        with authority.context().wrap_socket(connection, server_hostname="localhost") as secure:
            secure.sendall(b"GET /page.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            while more := secure.recv(4096):
                answer += more
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\npage")
    assert b"Connection: close" in answer
    assert server.popen.wait(20) == 0
