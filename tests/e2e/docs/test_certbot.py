"""certbot against an authority of our own (pebble): the configuration and commands of docs/tls.md."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import client, tls
from support.binary import BINARY, REPOSITORY
from support.clauses import clause
from support.configuration import complete
from support.tls import Authority
from support.waiting import until

PROGRAMS = ("certbot", "pebble", "pebble-challtestsrv")
pytestmark = pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason="no certbot, or no pebble")
PAGE = (REPOSITORY / "docs/tls.md").read_text()
NAMES = ["example.org", "www.example.org"]


def block(kind: str, beginning: str) -> str:
    (found,) = [text for text in re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
                if text.startswith(beginning)]
    return found


def free_port() -> int:
    """One that no connection gets meanwhile: they begin above these."""
    for port in random.sample(range(20000, 32000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except ConnectionRefusedError:
        return False
    return True


class Pebble:
    """The authority, which finds all hosts on this machine and asks them at `http_port`."""

    def __init__(self, folder: Path, authority: Authority, http_port: int):
        self.folder, self.authority = folder, authority
        self.port, dns, management = free_port(), free_port(), free_port()
        certificate, key = authority.sign("pebble", "localhost")
        settings = folder / "pebble.json"
        settings.write_text(json.dumps({"pebble": {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(certificate), "privateKey": str(key), "httpPort": http_port,
            "tlsPort": free_port(), "ocspResponderURL": "", "externalAccountBindingRequired": False}}))
        commands = [["pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-defaultIPv6", "",
                     "-management", f"127.0.0.1:{free_port()}", "-http01", "", "-https01", "",
                     "-tlsalpn01", ""],
                    ["pebble", "-config", str(settings), "-dnsserver", f"127.0.0.1:{dns}"]]
        with open(folder / "pebble.log", "wb") as log:
            self.started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                             # Else it refuses one request of twenty, to see it sent again.
                                             env={**os.environ, "PEBBLE_VA_NOSLEEP": "1",
                                                  "PEBBLE_WFE_NONCEREJECT": "0"})
                            for command in commands]
        assert until(lambda: answers(self.port)), (folder / "pebble.log").read_text()
        assert not [each for each in self.started if each.poll() is not None]
        self.management = management

    def root(self) -> ssl.SSLContext:
        """Of a client that trusts what it has signed."""
        context = ssl.create_default_context(cafile=str(self.authority.certificate))
        with socket.create_connection(("127.0.0.1", self.management), 60) as plain, \
                context.wrap_socket(plain, server_hostname="localhost") as asking:
            asking.sendall(b"GET /roots/0 HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: asking.recv(65536), b""))
        trusting = ssl.create_default_context(cadata=answer.partition(b"\r\n\r\n")[2].decode())
        return trusting

    def end(self) -> None:
        for each in self.started:
            each.kill()
            each.wait()


@pytest.fixture
def http_port() -> int:
    return free_port()


@pytest.fixture
def pebble(tmp_path: Path, authority: Authority, http_port: int) -> Iterator[Pebble]:
    made = Pebble(tmp_path, authority, http_port)
    yield made
    made.end()


@clause("rfc8555-8.3-challenge")
@pytest.mark.kills_worker
def test_a_certificate_is_fetched_and_renewed(start, site, tmp_path, pebble, authority, http_port):
    site.file("page.html", "the page")
    https_port = free_port()
    whole = block("toml", "[[listen]]\naddress = \":443\"").replace('":443"', f'"127.0.0.1:{https_port}"')
    whole = whole.replace('":80"', f'"127.0.0.1:{http_port}"').replace("/srv/www", str(site.root))
    whole = whole.replace("/etc/letsencrypt", f"{tmp_path}/letsencrypt")
    clear = re.sub(r"\A\[\[listen\]\]\n.*?\n\n", "", whole, flags=re.DOTALL)
    clear = re.sub(r"^tls = .*\n", "", clear, flags=re.MULTILINE)
    assert clear.count("[[listen]]") == 1 and "tls" not in clear
    server = start(config=clear)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "cgisrv").symlink_to(BINARY)

    def sh(command: str) -> None:
        """As the page shows it, but for certbot's own folders and the authority."""
        command = command.replace("/srv/www", str(site.root)).replace(
            "certbot ", f"certbot --config-dir {tmp_path}/letsencrypt --work-dir {tmp_path}/work "
            f"--logs-dir {tmp_path}/logs --server https://localhost:{pebble.port}/dir --agree-tos "
            "--register-unsafely-without-email --non-interactive ")
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=150, env={
            **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "NO_PROXY": "*", "no_proxy": "*",
            "REQUESTS_CA_BUNDLE": str(authority.certificate), "RUNTIME_DIRECTORY": str(server.runtime)})
        assert done.returncode == 0, done.stdout + done.stderr + (tmp_path / "pebble.log").read_text()

    def serial(context: ssl.SSLContext, name: str) -> str:
        with tls.Connection(("127.0.0.1", https_port), context, name) as connection:
            assert connection.request("GET", "/page.html", host=name).body == b"the page"
            shown = connection.tls.getpeercert()
            assert shown
            return str(shown["serialNumber"])

    sh(block("sh", "certbot certonly"))
    (tmp_path / "server0" / "cgisrv.toml").write_text(complete(whole))
    sh("cgisrv reload")
    server.checkpoint(settle=True)  # there is one more listener
    context = pebble.root()
    first = {serial(context, name) for name in NAMES}
    assert len(first) == 1
    with client.Connection(("127.0.0.1", http_port)) as connection:
        answer = connection.request("GET", "/page.html", host="example.org")
        assert answer.status == 301 and answer.header("Location").startswith("https://example.org")
    with tls.Connection(("127.0.0.1", https_port), context, "example.org") as before:
        assert before.request("GET", "/page.html", host="example.org").status == 200
        sh(block("sh", "certbot renew").replace("--dry-run", "--force-renewal --no-random-sleep-on-renew"))
        assert before.request("GET", "/page.html", host="example.org").status == 200
    second = {serial(context, name) for name in NAMES}
    assert len(second) == 1 and second != first
