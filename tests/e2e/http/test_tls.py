"""TLS: certificates by name, versions, resumption, what is cut and what has ended, and the way there."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess

import pytest

from support import client, tls
from support.clauses import cases, clause
from support.programs import CAT, ENVIRONMENT, PLAIN, WORKER, environment_of
from support.site import Site
from support.tls import Authority, connect, plain_port, site_keys, tls_config

BIG = 3 * 1024 * 1024


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.c_program("worker.cgi", WORKER)
    shared_site.program("cat.cgi", CAT)
    shared_site.program("ends.cgi", PLAIN + "echo all\n")
    shared_site.program("begins.cgi", PLAIN + "echo begun; kill -9 $$\n")
    shared_site.file("page.html", "the page")
    shared_site.file("big", os.urandom(BIG))
    shared_site.file(".well-known/acme-challenge/token", "proof")
    return shared_site


@pytest.fixture(scope="module")
def shared_config(authority: Authority) -> str:
    first = site_keys(authority.sign("a", "a.example", "localhost", "127.0.0.1"),
                      authority.sign("a-rsa", "a.example", "localhost", "127.0.0.1", kind="RSA"))
    second = site_keys(authority.sign("b", "b.example"))
    return tls_config("{root}", 'server_name = ["a.example"]\n' + first,
                      more='[[site]]\nserver_name = ["b.example"]\nroot = "{root}"\n' + second
                      + 'redirect_to_https = true\n[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')


def common_name(connection: tls.Connection) -> str:
    certificate = connection.tls.getpeercert()
    assert certificate
    return dict(pair[0] for pair in certificate["subject"])["commonName"]


def s_client(server, *arguments: str, text: str = "") -> str:
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports()[0]}",
                           *arguments], input=text, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


# What it shows, and to whom.


@clause("rfc6066-3-server-name")
@pytest.mark.parametrize("name, shown", [("a.example", "a"), ("localhost", "a"), ("b.example", "b")])
def test_each_host_has_its_certificate(shared, context, name, shown):
    with connect(shared, context, name) as connection:
        assert common_name(connection) == shown
        assert connection.request("GET", "/page.html", host=name).body == b"the page"


@clause("rfc6066-3-server-name")
def test_a_host_of_no_site_sees_the_first_certificate(shared, context):
    context.check_hostname = False
    with connect(shared, context, "elsewhere.example") as connection:
        assert common_name(connection) == "a"


def test_rsa_and_ecdsa_stand_side_by_side(shared, context):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    for kind, shown in (("RSA", "a-rsa"), ("ECDSA", "a")):
        context.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        with connect(shared, context) as connection:
            assert common_name(connection) == shown


@clause("rfc9325-3.1-versions", "rfc9325-3.3-compression", "rfc7301-3.2-protocol")
@pytest.mark.parametrize("version, name", [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_openssl_speaks_both_versions(shared, authority, version, name):
    said = s_client(shared, version, "-servername", "b.example", "-CAfile", str(authority.certificate),
                    "-verify_return_error", "-alpn", "h2,http/1.1")
    assert "Verify return code: 0 (ok)" in said and f"New, {name}" in said, said
    assert "ALPN protocol: h2" in said, said
    assert "Compression: NONE" in said and "Secure Renegotiation IS supported" in said \
        or version == "-tls1_3", said


WEAK = {"rfc9325-3.1-versions": ["-tls1 -cipher DEFAULT@SECLEVEL=0", "-tls1_1 -cipher DEFAULT@SECLEVEL=0"],
        "rfc9325-4.1-ciphers": [f"-tls1_2 -cipher {cipher}" for cipher in (
            "AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256")],
        "rfc7301-3.2-protocol": ["-alpn spdy/3"]}


@cases({key: {each: each for each in all_of} for key, all_of in WEAK.items()}, "arguments")
def test_what_is_weak_is_refused(shared, arguments):
    said = s_client(shared, *arguments.split())
    assert "alert" in said and "Cipher is (NONE)" in said, said


@clause("rfc9325-3.5-renegotiation")
def test_nobody_may_renegotiate(shared):
    assert "no renegotiation" in s_client(shared, "-tls1_2", text="R\n")


@clause("rfc8446-2.3-early-data")
def test_no_early_data_is_offered(shared):
    assert "Max Early Data: 0" in s_client(shared, "-tls1_3", "-ign_eof",
                                           text="GET / HTTP/1.0\r\n\r\n")


# Resumption.


@clause("rfc8446-4.6.1-resumption")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_by_any_worker(shared, context, version):
    context.minimum_version = context.maximum_version = version
    with connect(shared, context) as first:
        workers = {first.request("GET", "/worker.cgi").body}
        session = first.tls.session
    for _ in range(20):
        with connect(shared, context, session=session) as connection:
            workers.add(connection.request("GET", "/worker.cgi").body)
            assert connection.tls.session_reused
            session = connection.tls.session
        if len(workers) == 2:
            break
    assert len(workers) == 2


@clause("rfc8446-4.6.1-resumption")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name, shown, is_resumed", [("localhost", "a", True), ("b.example", "b", False)])
def test_a_session_is_resumed_for_the_names_of_its_site(shared, context, version, name, shown,
                                                        is_resumed):
    context.minimum_version = context.maximum_version = version
    with connect(shared, context, "a.example") as first:
        assert first.request("GET", "/page.html", host="a.example").status == 200
        session = first.tls.session
    with connect(shared, context, name, session=session) as connection:
        assert connection.tls.session_reused == is_resumed and common_name(connection) == shown
        assert connection.request("GET", "/page.html", host=name).status == 200
        found = environment_of(connection.request("GET", "/env.cgi", host=name))
        assert found["SSL_TLS_SNI"] == name


def test_openssl_reconnects_by_its_ticket(shared):
    said = s_client(shared, "-tls1_2", "-reconnect")
    assert said.count("\nReused, TLSv1.2") == 5, said


# Requests.


def test_programs_are_told_of_tls(shared, context):
    with connect(shared, context, "b.example") as connection:
        found = environment_of(connection.request("GET", "/env.cgi", host="b.example"))
    assert found["HTTPS"] == "on" and found["REQUEST_SCHEME"] == "https"
    assert found["SERVER_PORT"] == str(shared.ports()[0]) and found["SERVER_NAME"] == "b.example"
    assert found["SSL_PROTOCOL"] == "TLSv1.3" and found["SSL_CIPHER"].startswith("TLS_")
    assert found["SSL_TLS_SNI"] == "b.example"
    with client.Connection(("127.0.0.1", plain_port(shared))) as connection:
        found = environment_of(connection.request("GET", "/env.cgi"))
    assert found["REQUEST_SCHEME"] == "http"
    assert not [name for name in found if name.startswith(("SSL_", "HTTPS"))]


def test_requests_follow_each_other_and_may_be_sent_ahead(shared, context):
    with connect(shared, context) as connection:
        for _ in range(5):
            assert connection.request("GET", "/page.html").body == b"the page"
        ask = client.head("GET", "/page.html")
        connection.send(ask * 20 + client.head("POST", "/cat.cgi", [("Content-Length", "5")]) + b"hello")
        for _ in range(20):
            assert connection.read_response().body == b"the page"
        assert connection.read_response("POST").body == b"hello"


def test_large_bodies_pass_both_ways(shared, shared_site, context):
    big = (shared_site.root / "big").read_bytes()
    with connect(shared, context) as connection:
        assert connection.request("GET", "/big").body == big
        answer = connection.request("POST", "/cat.cgi", body=big)
        assert hashlib.sha256(answer.body).digest() == hashlib.sha256(big).digest()
        connection.send(client.head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")])
                        + b"".join(client.chunk(big[at:at + 50_000])
                                   for at in range(0, 1_000_000, 50_000)) + client.LAST_CHUNK)
        assert connection.read_response("POST").body == big[:1_000_000]


def test_a_request_may_come_byte_by_byte(shared, context):
    with connect(shared, context) as connection:
        connection.send_pieces(client.head("POST", "/cat.cgi", [("Content-Length", "100")]) + b"x" * 100)
        assert connection.read_response("POST").body == b"x" * 100


def test_curl_and_git_are_served(shared, shared_site, authority):
    repository = shared_site.root / "repository"
    if not repository.exists():
        subprocess.run(["git", "init", "-q", "-b", "main", repository], check=True)
        subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", repository,
                        "commit", "-q", "--allow-empty", "-m", "first"], check=True)
        subprocess.run(["git", "clone", "-q", "--bare", repository, shared_site.root / "bare"],
                       check=True)
        subprocess.run(["git", "-C", shared_site.root / "bare", "update-server-info"], check=True)
    url = f"https://localhost:{shared.ports()[0]}"
    said = subprocess.run(["curl", "-sS", "--cacert", authority.certificate, "-w", "%{http_version}",
                           f"{url}/page.html"], capture_output=True, text=True, check=True)
    assert said.stdout == "the page2"
    subprocess.run(["git", "clone", "-q", f"{url}/bare", shared_site.root / f"clone{os.getpid()}"],
                   env={**os.environ, "GIT_SSL_CAINFO": str(authority.certificate)}, check=True)


# Ends and cuts.


@clause("rfc8446-6.1-close")
def test_an_answer_without_length_ends_with_a_notice(shared, context):
    with connect(shared, context) as connection:
        connection.send(client.head("GET", "/ends.cgi", version="HTTP/1.0"))
        assert connection.read_rest().endswith(b"\r\n\r\nall\n")
        assert not connection.was_cut and not connection.was_reset


@clause("rfc8446-6.1-close")
@pytest.mark.expect_log(r"killed|SIGKILL")
def test_an_answer_that_breaks_off_has_no_such_end(shared, context):
    with connect(shared, context) as connection:
        connection.send(client.head("GET", "/begins.cgi", version="HTTP/1.0"))
        assert b"begun" in connection.read_rest()
        assert connection.was_cut or connection.was_reset


@clause("rfc8446-6.1-close")
def test_a_body_that_is_cut_reaches_no_program(shared, shared_site, context):
    ran = shared_site.root / "ran"
    shared_site.program("takes.cgi", PLAIN + f"cat > {ran}\n")
    for ends_politely in (False, True):
        with connect(shared, context) as connection:
            assert connection.request("GET", "/page.html").status == 200
            connection.send(client.head("POST", "/takes.cgi", [("Content-Length", "1000")]) + b"half")
            if ends_politely:
                connection.tls.setblocking(False)
                with contextlib.suppress(ssl.SSLError):  # it does not wait for the other end
                    connection.tls.unwrap()
            else:
                connection.cut()
        shared.wait_log("cut short")
        shared.checkpoint()
    assert not ran.exists()


# The wrong door.


@clause("rfc9110-4.2.2-cleartext")
def test_plain_http_is_told_of_https(shared):
    with client.Connection(("127.0.0.1", shared.ports()[0])) as connection:
        answer = connection.request("GET", "/page.html")
    assert answer.status == 400 and "https://" in answer.text
    assert answer.header("Connection") == "close"


@clause("rfc9110-4.2.2-cleartext")
def test_no_request_in_the_clear_is_carried_out(shared, shared_site):
    ran = shared_site.root / "ran-in-the-clear"
    shared_site.program("mark.cgi", PLAIN + f"touch {ran}\n")
    with client.Connection(("127.0.0.1", shared.ports()[0])) as connection:
        connection.send(client.head("POST", "/mark.cgi", [("Content-Length", "0")]) * 3)
        assert connection.read_rest().count(b"HTTP/1.1 ") == 1
    assert not ran.exists()


@pytest.mark.parametrize("method, target, host, status, location", [
    ("GET", "/page.html", "b.example", 301, "https://b.example:{port}/page.html"),
    ("HEAD", "/x%20y?a=b%26c", "b.example:80", 301, "https://b.example:{port}/x%20y?a=b%26c"),
    ("POST", "/env.cgi", "b.example", 308, "https://b.example:{port}/env.cgi"),
    ("GET", "/.well-known/acme-challenge/token", "b.example", 200, None),
    ("GET", "/.well-known/acme-challenge/../../page.html", "b.example", 301,
     "https://b.example:{port}/.well-known/acme-challenge/../../page.html"),
    ("GET", "/page.html", "a.example", 200, None)])
def test_a_site_may_send_to_https(shared, method, target, host, status, location):
    with client.Connection(("127.0.0.1", plain_port(shared))) as connection:
        answer = connection.request(method, target, host=host)
    assert answer.status == status, answer
    assert answer.header("Location") == (location and location.format(port=shared.ports()[0]))


def test_over_tls_nobody_is_sent_on(shared, context):
    with connect(shared, context, "b.example") as connection:
        assert connection.request("GET", "/page.html", host="b.example").status == 200


@clause("rfc9110-15.5.20-other-certificate")
def test_a_connection_is_for_the_hosts_of_its_certificate(shared, context):
    with connect(shared, context, "b.example") as connection:
        answer = connection.request("GET", "/page.html", host="a.example")
        assert answer.status == 421
        assert connection.request("GET", "/page.html", host="b.example").status == 200


# Slow ones, and many.


def hello(context: ssl.SSLContext) -> bytes:
    """What a client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def test_slow_handshakes_hold_up_nobody(shared, context):
    begun = hello(context)
    slow = [socket.create_connection(("127.0.0.1", shared.ports()[0])) for _ in range(200)]
    try:
        for number, each in enumerate(slow):
            each.sendall(begun[:1 + number % len(begun)])
        with connect(shared, context) as connection:
            for _ in range(50):
                assert connection.request("GET", "/page.html").status == 200
                for each in slow[:4]:
                    with contextlib.suppress(OSError):  # it has been refused by now
                        each.sendall(b"\0")
    finally:
        for each in slow:
            each.close()


def test_a_handshake_has_a_deadline(start, site, authority, context):
    server = start(config=tls_config(site.root, site_keys(authority.sign("c", "localhost")),
                                     limits='header_timeout = "300ms"'))
    begun = hello(context)
    for beginning in (b"", begun[:20], begun):
        with socket.create_connection(("127.0.0.1", server.ports()[0]), timeout=60) as slow:
            slow.sendall(beginning)
            while slow.recv(4096):
                pass


def test_who_leaves_in_a_handshake_is_let_go_at_once(start, site, authority):
    server = start(config=tls_config(site.root, site_keys(authority.sign("d", "localhost")),
                                     limits='header_timeout = "1h"'))
    with socket.create_connection(("127.0.0.1", server.ports()[0]), 60) as leaving:
        leaving.sendall(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a record
        leaving.shutdown(socket.SHUT_WR)
        assert leaving.recv(1) == b""
