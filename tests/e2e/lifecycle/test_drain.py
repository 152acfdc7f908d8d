"""A server that its administrator drains: load balancers and clients go elsewhere, nothing is lost, and
it can come back."""

import json
import signal
from contextlib import ExitStack

import pytest
from h2.errors import ErrorCodes as Error

from support import client, fastcgi
from support.agent import ask
from support.client import head
from support.configuration import cgi_site
from support.control import UNAVAILABLE, control
from support.frames import Conversation, request
from support.http2 import CLEAR
from support.migration import free_port
from support.tls import Connection as SecureConnection
from support.tls import site_keys
from support.waiting import until


def told(server, *command: str) -> str:
    done = control(server, *command)
    assert done.returncode == 0, done
    return done.stdout.strip()


def ends_after(connection) -> bool:
    answer = connection.request("GET", "/page.txt")
    assert answer.status == 200
    return answer.header("Connection") == "close"


def test_drained_and_back(with_admin, site):
    site.file("page.txt", "page")
    admin = with_admin()
    server = admin.server
    old = server.connect()
    assert not ends_after(old)
    assert told(server, "undrain") == "the server is not drained; nothing was changed"
    assert told(server, "drain").startswith("drained: requests are still served")
    answer = admin.get("/readyz")
    assert (answer.status, answer.text) == (503, "drained by the administrator\n")
    assert admin.get("/livez").status == 200
    assert ends_after(old) and ends_after(server.connect())
    assert told(server, "drain") == "the server is drained already; nothing was changed"
    assert json.loads(told(server, "status", "--json"))["server"]["state"] == "drained"
    assert " drained " in told(server, "status").splitlines()[0]
    assert admin.metrics()["cgisrv_drained"] == 1
    told(server, "reload")
    server.checkpoint(settle=True)
    assert admin.get("/readyz").text == "drained by the administrator\n"
    assert ends_after(server.connect())
    assert told(server, "drain", "--maintenance").startswith("drained")
    assert admin.get("/readyz").text == "drained by the administrator, for maintenance\n"
    assert told(server, "undrain").startswith("no longer drained")
    assert admin.get("/readyz").status == 200 and admin.metrics()["cgisrv_drained"] == 0
    assert not ends_after(server.connect())


def test_connections_of_http2_end_too(with_admin, site):
    site.file("page.txt", "page")
    server = with_admin(server=CLEAR).server
    there = Conversation(server.connect())
    there.send(request(path="/page.txt"))
    assert there.body(1) == b"page"
    told(server, "drain")
    there.send(request(path="/page.txt", stream=3))
    assert there.body(3) == b"page"
    assert there.closed_with() == Error.NO_ERROR


def test_without_an_admin_listener_nobody_hears_of_it(server):
    assert "[admin] has no listen" in told(server, "drain")


def test_a_server_that_ends_is_not_drained(with_admin):
    admin = with_admin(server='drain_delay = "10m"')
    admin.server.signal(signal.SIGQUIT)
    assert until(lambda: admin.get("/readyz").text == "leaving\n")
    for command, said in (("drain", "it need not be drained"), ("undrain", "cannot be taken back")):
        refused = control(admin.server, command)
        assert refused.returncode == UNAVAILABLE and said in refused.stderr, refused


def test_who_was_drained_for_long_enough_ends_at_once(with_admin):
    admin = with_admin(server='drain_delay = "1ms"')
    told(admin.server, "drain")
    assert told(admin.server, "quit", "--no-wait").startswith("finishing open requests")
    assert admin.server.popen.wait(10) == 0


def test_waiting_until_nobody_is_left(with_admin, site):
    server = with_admin().server
    connection = server.connect()
    connection.send(head("GET", "/waits.cgi"))
    assert until(lambda: json.loads(told(server, "status", "--json"))["admission"]["running"] == 1)
    late = control(server, "drain", "--wait", "0.3")
    assert late.returncode == UNAVAILABLE and "the server stays drained" in late.stderr, late
    site.file("go", "")
    answer = connection.read_response()
    assert (answer.status, answer.header("Connection")) == (200, "close")
    connection.close()
    assert told(server, "drain", "--wait").startswith("the server is drained already")
    report = json.loads(told(server, "status", "--json"))
    assert sum(worker["connections"] for worker in report["workers"]) == 0


def connections_of(server) -> tuple[int, int]:
    """All of them, and those on which something is under way."""
    workers = json.loads(told(server, "status", "--json"))["workers"]
    return (sum(worker["connections"] for worker in workers),
            sum(worker["connections_busy"] for worker in workers))


def test_connections_without_a_request_are_not_waited_for(start, site, authority, tmp_path):
    """Silent ones, idle ones, and a handshake that does not go on, of each protocol. All are kept for
    longer than the test takes."""
    site.file("page.txt", "page")
    gateway = f"{tmp_path}/fcgi"
    server = start(config=cgi_site(
        site.root, site=site_keys(authority.sign("demo", "localhost")),
        limits='header_timeout = "10m"\nkeepalive_timeout = "10m"',
        server=f"""{CLEAR}
[[listen]]
address = "127.0.0.1:0"
tls = true
[[listen]]
address = "unix:{gateway}"
protocol = "fastcgi"
"""))
    secure = ("127.0.0.1", server.ports()[1])
    with ExitStack() as stack:
        def connect(address, kind=client.Connection, *more):
            return stack.enter_context(kind(address, *more))

        idle = connect(server.address)
        assert idle.request("GET", "/page.txt").status == 200
        in_streams = Conversation(connect(server.address))
        in_streams.send(request(path="/page.txt"))
        assert in_streams.body(1) == b"page"
        assert connect(secure, SecureConnection, authority.context()).request("GET", "/page.txt").status == 200
        by_fastcgi = connect(gateway, fastcgi.Connection)
        by_fastcgi.send(fastcgi.asks(fastcgi.of_url("/page.txt"), keep=True))
        assert by_fastcgi.answer().response.body == b"page"
        connect(server.address)
        Conversation(connect(server.address))
        connect(secure, SecureConnection, authority.context())
        connect(secure)
        connect(gateway, fastcgi.Connection)
        begun = connect(server.address)
        begun.send(b"GET /page.txt HTTP/1.1\r\n")
        assert until(lambda: connections_of(server) == (10, 0)), connections_of(server)
        assert told(server, "drain", "--wait").startswith("drained")
        assert connections_of(server) == (10, 0)
        begun.send(b"Host: localhost\r\n\r\n")
        assert begun.read_response().header("Connection") == "close"


def test_a_response_that_is_not_taken_is_waited_for(with_admin, site):
    site.file("large.bin", bytes(32 << 20))
    server = with_admin().server
    connection = server.connect()
    connection.send(head("GET", "/large.bin"))
    response = connection.read_head()
    late = control(server, "drain", "--wait", "0.5")
    assert late.returncode == UNAVAILABLE and "the server stays drained" in late.stderr, late
    assert sum(map(len, connection.stream(response))) == 32 << 20
    connection.close()
    assert told(server, "drain", "--wait").startswith("the server is drained already")


def test_it_stays_drained_over_an_upgrade(upgradable_server):
    server, ports = upgradable_server, (free_port(), free_port())
    admin = f'[admin]\nlisten = "127.0.0.1:{ports[0]}"\nagent = "127.0.0.1:{ports[1]}"\n'
    server.write_configuration(admin, generation=1)
    assert server.by_configuration("reload").returncode == 0
    assert server.by_configuration("drain", "--maintenance").returncode == 0
    assert ask(("127.0.0.1", ports[1])).startswith("up maint #drained by the administrator")
    server.upgrade()
    assert server.popen.wait(25) == 0
    assert ask(("127.0.0.1", ports[1])).startswith("up maint #drained by the administrator")
    assert server.get("/file.txt").header("Connection") == "close"
    assert server.command("undrain").returncode == 0
    assert ask(("127.0.0.1", ports[1])).startswith("up ready ")


@pytest.mark.parametrize("again", [False, True])
def test_term_can_mean_quit(with_admin, site, again):
    """As it does in a container. Who sends a second one has no patience left."""
    admin = with_admin(server='on_term = "quit"\ndrain_delay = "1ms"', cgi='grace = "100ms"')
    connection = admin.server.connect()
    connection.send(head("GET", "/waits.cgi"))
    assert until(lambda: admin.json()["admission"]["running"] == 1)
    admin.server.signal(signal.SIGTERM)
    assert until(lambda: admin.get("/readyz").text == "finishing\n")
    if again:
        admin.server.signal(signal.SIGTERM)
    else:
        site.file("go", "")
        assert connection.read_response().status == 200
    connection.close()
    assert admin.server.popen.wait(25) == 0
