"""Who has connected while no worker had room: the kernel has let him in, and knows no way back. When a
listener ends, he is served before it does."""

import json
import signal
import threading
from contextlib import ExitStack

import pytest

from support import client
from support.admin import WAITS
from support.client import head
from support.configuration import cgi_site
from support.control import control
from support.server import Server
from support.tls import site_keys
from support.waiting import until

WAITING = 20


def running(server: Server) -> int:
    report = json.loads(control(server, "status", "--json", "--pid", str(server.pid)).stdout)
    return report["admission"]["running"]


def state(server: Server) -> str:
    return json.loads(control(server, "status", "--json", "--pid", str(server.pid)).stdout)["server"]["state"]


@pytest.fixture
def fill(start, site):
    """fill(listener): a server whose one worker has as many connections as it may, all of them busy at
    its first listener; the second one is `listener`."""
    site.program("waits.cgi", WAITS)
    site.file("page.txt", "page")

    def start_full(listener: str, *, server: str = 'shutdown_timeout = "10m"',
                   of_site: str = "") -> Server:
        made = start(config=cgi_site(site.root, site=of_site, server=f"""
workers = 1
worker_connections = 2
{server}
[[listen]]
address = "127.0.0.1:0"
[[listen]]
{listener}"""))
        for _ in range(2):
            made.connect().send(head("GET", "/waits.cgi"))
        assert until(lambda: running(made) == 2)
        return made

    return start_full


def ask(address) -> list[client.Connection]:
    """That many connections, each with a request."""
    connections = [client.Connection(address) for _ in range(WAITING)]
    for connection in connections:
        connection.send(head("GET", "/page.txt"))
    return connections


def statuses(connections: list[client.Connection]) -> list[int]:
    """Each is closed, which makes room for the next."""
    found = []
    for connection in connections:
        found.append(connection.read_response().status)
        connection.close()
    return found


@pytest.mark.parametrize("dispatch", ["round-robin", "kernel"])
@pytest.mark.parametrize("of", ["tcp", "unix"])
@pytest.mark.parametrize("how", ["quit", "reload"])
@pytest.mark.kills_worker  # a reload replaces it
def test_who_waits_is_served_before_the_listener_ends(fill, site, tmp_path, how, of, dispatch):
    """By `quit` all of them end, by a reload the one that is gone from the configuration."""
    path = f"{tmp_path}/web"
    address = "127.0.0.1:0" if of == "tcp" else f"unix:{path}"
    server = fill(f'address = "{address}"', server=f'dispatch = "{dispatch}"\nshutdown_timeout = "10m"')
    held = list(server.connections)
    with ExitStack() as stack:
        waiting = [stack.enter_context(each)
                   for each in ask(("127.0.0.1", server.ports()[1]) if of == "tcp" else path)]
        if how == "quit":
            server.signal(signal.SIGQUIT)
            assert until(lambda: state(server) == "finishing")
        else:
            file = server.temporary.parent / "cgisrv.toml"
            before, _, after = file.read_text().rpartition(f'[[listen]]\naddress = "{address}"')
            file.write_text(before + after)
            assert control(server, "reload").returncode == 0
        site.file("go", "")
        assert statuses(held) == [200] * 2
        assert statuses(waiting) == [200] * WAITING
    if how == "quit":
        assert server.popen.wait(25) == 0


@pytest.mark.kills_worker
def test_who_waits_at_a_listener_that_stays_is_for_the_new_workers(fill, site):
    server = fill('address = "127.0.0.1:0"')
    held = list(server.connections)
    with ExitStack() as stack:
        waiting = [stack.enter_context(each) for each in ask(("127.0.0.1", server.ports()[1]))]
        assert control(server, "reload").returncode == 0
        assert statuses(waiting[:2]) == [200] * 2  # the old worker is still full
        assert running(server) == 2
        assert statuses(waiting[2:]) == [200] * (WAITING - 2)
        site.file("go", "")
        assert statuses(held) == [200] * 2


def test_the_same_with_tls(fill, site, authority):
    """Whose handshake has not begun."""
    server = fill('address = "127.0.0.1:0"\ntls = true', of_site=site_keys(authority.sign("demo", "localhost")))
    context = authority.context()
    found: list[int] = []

    def go_on(connection: client.Connection) -> None:
        connection.socket = context.wrap_socket(connection.socket, server_hostname="localhost")
        with connection:
            found.append(connection.request("GET", "/page.txt").status)

    clients = [threading.Thread(target=go_on, args=(client.Connection(("127.0.0.1", server.ports()[1])),))
               for _ in range(WAITING)]
    server.signal(signal.SIGQUIT)
    assert until(lambda: state(server) == "finishing")
    for each in clients:
        each.start()
    site.file("go", "")
    assert statuses(server.connections) == [200] * 2
    for each in clients:
        each.join(60)
    assert found == [200] * WAITING
    assert server.popen.wait(25) == 0


def test_the_wait_ends_with_shutdown_timeout(fill):
    server = fill('address = "127.0.0.1:0"', server='shutdown_timeout = "200ms"')
    with ExitStack() as stack:
        waiting = [stack.enter_context(each) for each in ask(("127.0.0.1", server.ports()[1]))]
        server.signal(signal.SIGQUIT)
        assert server.popen.wait(25) == 0
        assert all(connection.ended() for connection in waiting)
