"""Certificates: what is wrong with them, how they are replaced, and the one that the server makes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import client
from support.control import WRONG_CONFIGURATION, control
from support.tls import connect, plain_port, site_keys, tls_config
from support.waiting import until


@pytest.mark.kills_worker
def test_a_replaced_certificate_is_shown_after_a_reload(start, site, authority, context):
    pair = authority.sign("d", "localhost")
    server = start(config=tls_config(site.root, site_keys(pair)))
    site.file("page.html", "the page")

    def serial() -> str:
        with connect(server, context) as connection:
            certificate = connection.tls.getpeercert()
            assert certificate
            return str(certificate["serialNumber"])

    first = serial()
    with connect(server, context) as open_before:
        assert open_before.request("GET", "/page.html").status == 200
        authority.sign("d", "localhost")
        assert control(server, "reload").returncode == 0
        assert open_before.request("GET", "/page.html").status == 200
    second = serial()
    assert second != first
    good = pair[1].read_bytes()
    pair[1].write_bytes(authority.sign("other", "localhost")[1].read_bytes())
    refused = control(server, "reload")
    assert refused.returncode == WRONG_CONFIGURATION and "is not that of the certificate" in refused.stderr
    assert serial() == second
    server.signal(signal.SIGHUP)
    server.wait_log("nothing was changed")
    assert serial() == second
    pair[1].write_bytes(good)
    assert control(server, "reload").returncode == 0 and serial() == second


@pytest.mark.parametrize("keys, listen, message", [
    ("", "tls = true", r"12:7: 'tls': no \[\[site\]\] has a certificate"),
    ('tls = {{ certificate = "{a}", key = "{other_key}" }}', "tls = true", "is not that of"),
    ('tls = {{ certificate = "{key}", key = "{a}" }}', "tls = true", "perhaps exchanged"),
    ('tls = {{ certificate = "/nowhere", key = "{key}" }}', "tls = true", "cannot be read"),
    ('tls = [{{ certificate = "{a}", key = "{key}" }}, {{ certificate = "{a}", key = "{key}" }}]',
     "tls = true", "an ECDSA certificate already"),
    ('tls = {{ certificate = "{a}" }}', "tls = true", "'key'"), ("tls = true", "", "must be a table"),
    ('tls = {{ certificate = "{a}", key = "{key}" }}', "", r"note: .*nobody sees it"),
    ('server_name = ["a.example", "z.example"]\ntls = {{ certificate = "{a}", key = "{key}" }}',
     "tls = true", r"note: .*is not for z.example")])
def test_check_says_what_to_do(run, site, tmp_path, authority, keys, listen, message):
    certificate, key = authority.sign("e", "a.example")
    _, other_key = authority.sign("f", "a.example")
    file = tmp_path / "cgisrv.toml"
    keys = keys.format(a=certificate, key=key, other_key=other_key)
    file.write_text(f'[[site]]\nroot = "{site.root}"\n{keys}\n[[listen]]\naddress = ":8443"\n{listen}\n')
    done = run("check", "-c", file)
    message = re.sub(r"^\d+:\d+: ", "", message)
    assert re.search(message, done.stderr), done.stderr
    assert (done.returncode == 0) == message.startswith("note"), done


# What operators see.


def test_handshakes_and_dates_are_told(start, site, authority, context, tmp_path):
    site.file("page.html", "the page")
    log = tmp_path / "access.log"
    server = start(config=tls_config(site.root, site_keys(authority.sign("g", "localhost")))
                   + f"""[log.access]
path = "{log}"
format = "{{tls_protocol}} {{tls_cipher}} {{target}}"
""")
    with connect(server, context) as connection:
        assert connection.request("GET", "/page.html").status == 200
        session, cipher = connection.tls.session, connection.tls.cipher()
        assert cipher
    with connect(server, context, session=session) as connection:
        assert connection.request("GET", "/page.html").status == 200
    with socket.create_connection(("127.0.0.1", server.ports()[0])) as odd:
        odd.sendall(b"\x16\x03\x01\0\x05hello")
        while odd.recv(4096):
            pass
    with client.Connection(("127.0.0.1", plain_port(server))) as connection:
        assert connection.request("GET", "/page.html").status == 200
    said = control(server, "status", "--json")
    report = json.loads(said.stdout)
    totals = report["totals"]
    assert (totals["tls_handshakes"], totals["tls_resumed"], totals["tls_failed"]) == (1, 1, 1)
    (certificate,) = report["certificates"]
    assert certificate["file"].endswith("g.pem") and 29 <= certificate["seconds_left"] / 86400 <= 30
    assert until(lambda: log.read_text().count("\n") == 3)
    assert log.read_text() == (f"TLSv1.3 {cipher[0]} /page.html\n" * 2) + "- - /page.html\n"


# Who has the key.


def private_number(key: Path) -> bytes:
    """That of an ECDSA key, as it stands in OpenSSL's memory: the lowest byte first."""
    text = subprocess.run(["openssl", "ec", "-in", key, "-noout", "-text"], check=True,
                          capture_output=True, text=True).stdout
    digits = re.sub(r"\s|:", "", text.partition("priv:")[2].partition("pub:")[0])
    return bytes.fromhex(digits)[-32:][::-1]


def holds(pid: int, secret: bytes) -> bool:
    """Whether the process has it in memory that it may write to."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            area, mode = line.split()[:2]
            if not mode.startswith("rw"):
                continue
            begin, end = (int(number, 16) for number in area.split("-"))
            memory.seek(begin)
            with contextlib.suppress(OSError):  # it has no pages
                if secret in memory.read(end - begin):
                    return True
    return False


@pytest.mark.plain(only="sanitizers map terabytes, and keep what was freed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give rights away, and read memory")
def test_only_master_and_workers_have_the_key(start, authority, context):
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-"))  # that any user can reach
    folder.chmod(0o755)
    certificate, key = authority.sign("h", "localhost")
    assert key.stat().st_mode & 0o077 == 0
    passwords = folder / "passwords"
    passwords.write_text("alice:$apr1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa\n")
    (folder / "read.cgi").write_text(f"#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nid -un\n"
                                     f"cat {key} 2>&1\n")
    (folder / "read.cgi").chmod(0o755)
    try:
        server = start(config=tls_config(
            folder, site_keys((certificate, key)) + f'auth = {{ passwords = "{passwords}" }}\n',
            server='user = "nobody"', more='auth = false\nstart = "warm"\n')
            + '[admin]\nlisten = "127.0.0.1:0"\n')
        with connect(server, context) as connection:
            said = connection.request("GET", "/read.cgi").text
        assert said.startswith("nobody\n") and "PRIVATE" not in said, said
        secret = private_number(key)
        assert holds(server.pid, secret) and all(holds(pid, secret) for pid in server.workers())
        others = [server.admin(), server.zygote_manager(), server.password_checker()]
        assert all(others), others
        assert not [pid for pid in others if holds(pid, secret)]
    finally:
        shutil.rmtree(folder)


# A directory.


def test_a_directory_is_served_by_a_certificate_that_stays(start, site, tmp_path):
    site.file("page.html", "the page")
    state = tmp_path / "state"
    fingerprints = set()
    for _ in range(2):
        server = start(site, "--tls", environment={"XDG_STATE_HOME": str(state)})
        said = server.stdout.read_text()
        assert re.search(r"serving .* at https://127\.0\.0\.1:\d+/", said), said
        fingerprints.add(re.search(r"^  ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", said, re.MULTILINE)[1])
        context = ssl.create_default_context(cafile=str(state / "cgisrv" / "certificate.pem"))
        for name in ("localhost", "127.0.0.1"):
            with connect(server, context, name) as connection:
                assert connection.request("GET", "/page.html").body == b"the page"
                presented = connection.tls.getpeercert(binary_form=True)
                assert presented
                digest = hashlib.sha256(presented).hexdigest().upper()
                assert ":".join(re.findall("..", digest)) in fingerprints
    assert len(fingerprints) == 1
    assert (state / "cgisrv" / "key.pem").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_kept_is_told(run, site, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/none")
    done = run(site.root, "--tls", "-l", "127.0.0.1:0")
    assert done.returncode == 73 and "--tls" in done.stderr, done
