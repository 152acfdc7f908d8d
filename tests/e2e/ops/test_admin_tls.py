"""The admin listener by https."""

from __future__ import annotations

import json
import re
import ssl
import time

import pytest

from support import client, tls
from support.control import control
from support.server import Server
from support.tls import Authority, site_keys
from support.waiting import until

CONFIG = """
[[site]]
root = "{root}"

[admin]
listen = "127.0.0.1:0"
{keys}
"""


@pytest.fixture
def served(start, site, authority: Authority) -> Server:
    return start(config=CONFIG.format(root=site.root, keys=site_keys(authority.sign("admin", "localhost"))))


def port_of(server: Server) -> int:
    return int(re.search(r"status page at https://127\.0\.0\.1:(\d+)/status", server.stdout.read_text())[1])


def connect(server: Server, context: ssl.SSLContext) -> tls.Connection:
    connection = tls.Connection(("127.0.0.1", port_of(server)), context, "localhost")
    server.connections.append(connection)
    return connection


def test_pages_metrics_and_health_are_served(served, context):
    with connect(served, context) as connection:
        for path, text in (("/status", "<html"), ("/status.json", "\"totals\""), ("/metrics", "cgisrv_up"),
                           ("/livez", ""), ("/readyz", "")):
            answer = connection.request("GET", path)
            assert answer.status == 200 and text in answer.text, path
        session = connection.tls.session
        (certificate,) = json.loads(connection.request("GET", "/status.json").text)["certificates"]
    assert certificate["file"].endswith("admin.pem")
    with tls.Connection(("127.0.0.1", port_of(served)), context, session=session) as connection:
        assert connection.request("GET", "/livez").status == 200 and connection.tls.session_reused
    with client.Connection(("127.0.0.1", port_of(served))) as connection:
        answer = connection.request("GET", "/status")
        assert answer.status == 400 and "https://" in answer.text
    assert control(served, "status").returncode == 0
    with served.connect() as connection:  # what it serves is in the clear as before
        assert connection.request("GET", "/nothing").status == 404


@pytest.mark.kills_worker
def test_a_replaced_certificate_is_read_by_a_reload(served, context, authority):
    def serial() -> str:
        with connect(served, context) as connection:
            assert connection.request("GET", "/livez").status == 200
            certificate = connection.tls.getpeercert()
            assert certificate
            return str(certificate["serialNumber"])

    first = serial()
    authority.sign("admin", "localhost")
    assert control(served, "reload").returncode == 0
    assert serial() != first


CONNECTIONS_MAX = 64  # of the admin listener


def test_who_has_not_shaken_hands_makes_room(served, context):
    """Each silent one beyond those that are held took another one's place, too."""
    with connect(served, context) as connection:
        assert connection.request("GET", "/livez").status == 200
        def silent(count: int) -> list[client.Connection]:
            return [client.Connection(("127.0.0.1", port_of(served))) for _ in range(count)]
        first = silent(CONNECTIONS_MAX - 1)
        time.sleep(1.5)  # from a second on they may go
        later = silent(3)
        assert until(lambda: sum(not each.silent(0.01) for each in first) >= 3)
        assert connection.request("GET", "/livez").status == 200
    for each in first + later:
        each.close()


@pytest.mark.parametrize("keys, message", [
    ('tls = {{ certificate = "/nowhere", key = "{key}" }}', "'tls': /nowhere cannot be read"),
    ('tls = {{ certificate = "{certificate}" }}', "'key'"),
    ('tls = {{ certificate = "{key}", key = "{certificate}" }}', "perhaps exchanged")])
def test_check_says_what_to_do(run, site, tmp_path, authority, keys, message):
    certificate, key = authority.sign("e", "localhost")
    file = tmp_path / "cgisrv.toml"
    file.write_text(CONFIG.format(root=site.root, keys=keys.format(certificate=certificate, key=key)))
    done = run("check", "-c", file)
    assert done.returncode != 0 and re.search(rf"cgisrv\.toml:7:\d+: .*{message}", done.stderr), done.stderr
