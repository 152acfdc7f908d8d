"""One client's doings are not the others' business: turns, places, descriptors, memory, names.

Judged by counts and by who is answered, never by how fast.
"""

import json
import os
import re
import resource
import signal
import socket
import subprocess
import time
from pathlib import Path
from textwrap import dedent

import pytest

from support.binary import BINARY
from support.client import LAST_CHUNK, Connection, chunk, head
from support.configuration import cgi_site
from support.programs import CAT, PLAIN
from support.tls import Authority, site_keys
from support.waiting import until

STATISTICS = "/proc/{}/io"


def writes_of(pid: int) -> int:
    """How many calls that write it has made."""
    with open(STATISTICS.format(pid)) as lines:
        return int(re.search(r"syscw: (\d+)", lines.read())[1])


# Turns.


@pytest.mark.fault("9")
@pytest.mark.parametrize("chunked", ["spool", "stream"])
def test_tiny_chunks_are_put_together(start, site, chunked):
    """It was a write(2) for each of them."""
    site.program("count.cgi", PLAIN + "wc -c\n")
    server = start(config=cgi_site(site.root, server="workers = 1",
                                   cgi=f'chunked = "{chunked}"'))
    worker = server.workers()[0]
    chunks = 100_000
    before = writes_of(worker)
    with server.connect() as connection:
        connection.send(head("POST", "/count.cgi", [("Transfer-Encoding", "chunked")])
                        + chunk(b"x") * chunks + LAST_CHUNK)
        response = connection.read_response()
    assert response.status == 200 and int(response.body) == chunks
    assert writes_of(worker) - before < chunks / 10


@pytest.mark.fault("9")
def test_flood_of_lines_on_standard_error_is_bounded(start, site):
    """Each line of the log is a call of its own."""
    site.program("flood.cgi", PLAIN + "echo done\nyes '' | head -c 60000 >&2\n")
    server = start(site, "-w", "1")
    assert server.get("/flood.cgi").body == b"done\n"
    server.wait_log(r"more bytes of stderr were not logged")
    assert server.log().count("stderr:") <= 1000


@pytest.mark.fault("9")
def test_turn_that_is_too_long_is_told(start, site):
    """Or a worker that keeps everybody waiting looks as if all were well, until it is replaced."""
    server = start(config=configuration(site, 8, 'heartbeat_timeout = "8s"'))
    worker = server.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    time.sleep(4)  # over more than one heartbeat, and less than the master's patience
    os.kill(worker, signal.SIGCONT)
    server.wait_log(r"worker 0: one turn of its loop took \d+\.\d s, with 0\.\d s of processor time")
    assert server.workers() == [worker]


@pytest.mark.fault("9")
def test_a_file_does_not_wait_for_a_large_listing(start, site, tmp_path):
    """It was read in one turn. Dotfiles are looked at, too, and leave a page that is sent at once."""
    (site.root / "large").mkdir()
    for n in range(3000):
        (site.root / f"large/.{n}").touch()
    log = tmp_path / "access"
    server = start(config=cgi_site(site.root, site="listing = true", server="workers = 1",
                                   log=f"access = {{ path = '{log}', format = '{{target}}' }}"))
    worker = server.workers()[0]
    with server.connect() as lists, server.connect() as reads:
        for connection in (lists, reads):
            connection.request("GET", "/first")
        os.kill(worker, signal.SIGSTOP)
        try:
            assert until(lambda: "State:\tT" in Path(f"/proc/{worker}/status").read_text())
            lists.send(head("GET", "/large/"))
            reads.send(head("GET", "/second"))
        finally:
            os.kill(worker, signal.SIGCONT)
        assert reads.read_response().status == 404
        assert lists.read_response().status == 200
    assert until(lambda: log.read_text().count("\n") == 4)
    assert log.read_text().split()[2:] == ["/second", "/large/"]


# Places and descriptors.


def configuration(site, connections: int, server: str = "", **sections: str) -> str:
    return cgi_site(site.root, server=f"workers = 1\nworker_connections = {connections}\n{server}",
                    **sections)


@pytest.mark.fault("10")
def test_whoever_is_idle_for_longest_makes_room(start, site):
    """Idle connections held their places for all of keepalive_timeout."""
    site.file("index.html", "hello")
    server = start(config=configuration(site, 8))
    idle = []
    for _ in range(12):
        idle.append(server.connect())
        assert idle[-1].request("GET", "/").body == b"hello"
    assert all(connection.ended() for connection in idle[:4])
    assert idle[-1].request("GET", "/").body == b"hello"
    server.wait_log("connections or descriptors are short")


@pytest.mark.fault("10")
def test_silent_connections_make_room_too(start, site):
    site.file("index.html", "hello")
    server = start(config=configuration(site, 4, limits='header_timeout = "1h"'))
    silent = [server.connect() for _ in range(12)]
    silent[5].send(b"GET / HT")
    assert server.get("/").body == b"hello"


SLOW = {"sends no body": head("POST", "/hello.cgi", [("Content-Length", "1000")]),
        "sends no unwanted body": head("POST", "/index.html", [("Content-Length", "1000000")]),
        "reads nothing": head("GET", "/large")}


@pytest.mark.fault("10")
@pytest.mark.parametrize("request_head", SLOW.values(), ids=SLOW)
def test_who_is_slow_in_an_exchange_makes_room_at_last(start, site, request_head):
    """They were as busy as those whose programs run."""
    site.file("index.html", "hello")
    site.file("large", b"x" * 50_000_000)
    site.program("hello.cgi", PLAIN + "cat\n")
    server = start(config=configuration(
        site, 8, limits='body_timeout = "1h"\nsend_timeout = "1h"'))
    slow = [server.connect() for _ in range(12)]
    for connection in slow:
        connection.send(request_head)
    with server.connect(60.0) as connection:
        assert connection.request("GET", "/").body == b"hello"
    server.wait_log("connections or descriptors are short")


def test_who_has_not_shaken_hands_makes_room_for_all_others(start, site, tmp_path):
    """As long as there is one, nobody loses an exchange."""
    site.file("index.html", "hello")
    site.file("large", b"x" * 50_000_000)
    server = start(config=cgi_site(
        site.root, site=site_keys(Authority(tmp_path).sign("site", "localhost")),
        server='workers = 1\nworker_connections = 8\n[[listen]]\naddress = "127.0.0.1:0"\n'
               '[[listen]]\naddress = "127.0.0.1:0"\ntls = true\n',
        limits='header_timeout = "1h"\nsend_timeout = "1h"'))
    slow = server.connect()
    slow.send(head("GET", "/large"))
    shy = [Connection(("127.0.0.1", server.ports()[1])) for _ in range(7)]
    for each in shy:
        each.send(b"\x16\x03\x01\x02\x00\x01")  # the beginning of a record
    time.sleep(6)  # and by now the one that reads nothing may lose its place
    for _ in range(3):
        assert server.get("/").body == b"hello"
    assert slow.read_response().complete
    for each in shy:
        each.close()


def test_who_is_being_answered_keeps_its_place(start, site):
    site.file("index.html", "hello")
    site.program("slow.cgi", PLAIN + "echo begun\nread line\necho ended\n")
    server = start(config=configuration(site, 4, cgi='chunked = "stream"'))
    busy = [server.connect() for _ in range(3)]
    for connection in busy:
        connection.send(head("POST", "/slow.cgi", [("Transfer-Encoding", "chunked")]))
    assert until(lambda: len(server.programs()) >= 3)
    for _ in range(4):
        assert server.get("/").body == b"hello"
    for connection in busy:
        connection.send(chunk(b"\n") + LAST_CHUNK)
        assert connection.read_response().body == b"begun\nended\n"


def few_descriptors() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))


@pytest.mark.fault("10")
def test_silence_leaves_descriptors_for_programs(start, site):
    """256 descriptors, 400 silent clients: the programs of others were 503."""
    site.program("hello.cgi", PLAIN + "echo hello\n")
    server = start(site, "-w", "1", preexec=few_descriptors)
    client = server.connect()
    client.send(head("POST", "/hello.cgi", [("Transfer-Encoding", "chunked")]) + chunk(b"x"))
    silent = [server.connect() for _ in range(400)]
    client.send(LAST_CHUNK)
    assert client.read_response().body == b"hello\n"
    assert server.get("/hello.cgi").body == b"hello\n"
    assert len(silent) == 400


@pytest.mark.fault("10")
def test_limit_that_does_not_fit_is_told(start, site, tmp_path):
    config = configuration(site, 50_000)
    server = start(config=config, preexec=few_descriptors)
    said = r"worker_connections is 50000, but the limit of open descriptors, 256, is enough for \d+"
    server.wait_log(said)
    file = tmp_path / "check.toml"
    file.write_text(config)
    checked = subprocess.run([BINARY, "check", "-c", file], preexec_fn=few_descriptors,
                             capture_output=True, text=True)
    assert checked.returncode == 0 and re.search(said, checked.stderr), checked
    roomy = start(config=configuration(site, 100))
    assert "worker_connections" not in roomy.log(everything=True)


# Memory.


def score(pid: int | str) -> int:
    with open(f"/proc/{pid}/oom_score_adj") as file:
        return int(file.read())


@pytest.mark.fault("28")
def test_memory_is_taken_from_programs_first_and_from_the_master_last(start, site):
    """/proc/PID/oom_score_adj: the kernel ends the highest first."""
    site.program("cold.cgi", PLAIN + "cat /proc/self/oom_score_adj\n")
    site.program("warm.py.cgi", "#!/usr/bin/python3\n"
                 "print('Content-Type: text/plain\\n')\n"
                 "print(open('/proc/self/oom_score_adj').read())\n")
    server = start(site, "--warm", "--admin", "127.0.0.1:0")
    given = score(server.pid)
    assert until(lambda: server.admin() and server.zygote_manager())
    parts = [*server.workers(), server.admin(), server.zygote_manager()]
    assert until(lambda: {score(pid) for pid in parts} == {min(1000, given + 100)})
    assert int(server.get("/cold.cgi").body) == min(1000, given + 400)
    assert server.get("/warm.py.cgi").status == 200
    server.settle_warm()
    assert int(server.get("/warm.py.cgi").body) == min(1000, given + 400)
    assert {score(pid) for pid in server.zygotes()} == {min(1000, given + 400)}
    assert {score(pid) for pid in parts} == {min(1000, given + 100)}, "raised for a moment only"
    assert score(server.pid) == given == score("self")


# Who sent what was refused.

REFUSED = {
    "control byte": (b"GET /a\x01b?c HTTP/1.1\r\nHost: x\r\n\r\n", r"GET /a\\x01b\?c HTTP/1.1"),
    "no version": (b"GET /nothing\r\n\r\n", r"GET /nothing"),
    "field": (b"GET /field HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", r"GET /field HTTP/1.1"),
    "expectation": (b"GET /expects HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n",
                    r"GET /expects HTTP/1.1"),
    "wrong case": (b"get /case HTTP/1.1\r\nHost: x\r\n\r\n", r"get /case HTTP/1.1"),
    "quotes": (b'GET /" - forged HTTP/1.1\r\nHost: x\r\n\r\n', r"GET /\\x22 - forged HTTP/1.1"),
}


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.file("index.html", "hello")
    shared_site.program("cat.cgi", CAT)
    shared_site.program("name.cgi", PLAIN + "printf %s \"$SERVER_NAME\"\n")
    shared_site.program("fails.cgi", "#!/bin/sh\necho 'a secret' >&2\nexit 1\n")
    return shared_site


@pytest.mark.fault("5")
@pytest.mark.parametrize("what", REFUSED)
def test_refused_request_is_in_the_logs(shared, what):
    """Both said only that there was one."""
    data, line = REFUSED[what]
    answer = shared.raw(data)
    status = int(answer.split()[1])
    assert 400 <= status <= 501
    shared.wait_log(rf'127\.0\.0\.1 - - \[.*\] "{line}" {status} ')
    shared.wait_log(rf'{status}: .*; 127\.0\.0\.1 sent "{line}"')
    assert " warn " not in shared.log()


@pytest.mark.fault("5")
def test_refused_request_in_json(start, site):
    server = start(config=dedent(f'''
        [[site]]
        root = "{site.root}"
        [log]
        access = {{ path = "stderr", format = "json" }}
    '''))
    server.raw(REFUSED["expectation"][0])
    line = server.wait_log(r'^\{"time".*"status":417.*$')[0]
    entry = json.loads(line)
    assert entry["request"] == "GET /expects HTTP/1.1"
    assert (entry["method"], entry["target"]) == ("GET", "/expects")


@pytest.mark.fault("5")
def test_unknown_method_is_no_warning(shared):
    assert shared.request("BREW", "/index.html").status == 501
    assert shared.request("QUERY", "/index.html").status == 405
    shared.wait_log(r'"QUERY /index.html HTTP/1.1" 405')
    assert " warn " not in shared.log()


PROTOCOLS = {
    "TLS": bytes.fromhex("16030100c2010000be0303") + b"\n" * 20,
    "FastCGI": bytes.fromhex("0101000100080000") + b"\0\1\0\0\0\0\0\0",
    "SCGI": b"70:CONTENT_LENGTH\0000\0SCGI\0001\0",
    "PROXY protocol": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "the PROXY protocol": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u6\r\n",
}


@pytest.mark.fault("2l")
@pytest.mark.parametrize("spoken", PROTOCOLS)
def test_another_protocol_is_named(shared, spoken):
    """In the log and to whoever reads the answer."""
    answer = shared.raw(PROTOCOLS[spoken]).decode()
    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 505 "))
    assert f"{spoken} " in answer.split("\r\n\r\n", 1)[1]
    shared.wait_log(rf"(400|505): .*{spoken}.* was spoken")


# Chunks.


@pytest.mark.fault("34")
def test_chunks_may_be_signed(shared):
    """As object stores' clients sign them."""
    signature = b";chunk-signature=" + b"0a" * 32
    body = b"".join(chunk(b"data", signature) for _ in range(50))
    with shared.connect() as connection:
        connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")]) + body
                        + b"0" + signature + b"\r\n\r\n")
        response = connection.read_response()
    assert response.status == 200 and response.body == b"data" * 50


@pytest.mark.fault("34", "39")
@pytest.mark.parametrize("body, reason", [
    (chunk(b"x", b";" + b"e" * 2000), "chunk extensions of more than 1024 bytes in one chunk"),
    (chunk(b"x", b";" + b"e" * 1000) * 20, "chunk extensions that are too much for so small a body"),
    (chunk(b"hello", b";"), "a malformed chunk extension"),
    (chunk(b"hello", b";bad[=x"), "a malformed chunk extension"),
], ids=["of one chunk", "of all", "empty", "no token"])
def test_chunks_that_are_refused(shared, body, reason):
    with shared.connect() as connection:
        connection.send_as_far_as_taken(
            head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")]) + body + LAST_CHUNK)
        response = connection.read_response()
    assert response.status == 400 and reason in response.text
    shared.wait_log(re.escape(reason) + '; 127.0.0.1 sent "POST /cat.cgi HTTP/1.1"')


# Names of hosts.


@pytest.mark.fault("39")
def test_empty_host_is_400(shared):
    assert shared.raw(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert shared.raw(b"GET / HTTP/1.0\r\nHost:\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.fault("39")
@pytest.mark.parametrize("host", ["LocalHost", "localhost.", "LOCALHOST.:80"])
def test_server_name_has_one_spelling(shared, host):
    assert shared.get("/name.cgi", host=host).body == b"localhost"


@pytest.mark.fault("13")
@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example",
                                  "127.1.evil.example:80"])
def test_directory_is_served_under_own_names_alone(shared, host):
    """Or a page of theirs reads it, once its own name leads here."""
    response = shared.get("/", host=host)
    assert response.status == 421 and "hello" not in response.text
    assert f"--server-name {host.removesuffix(':80')}" in response.text
    assert shared.get(f"http://{host}/", host="localhost").status == 421


@pytest.mark.fault("13")
def test_names_of_this_machine_are_answered(shared):
    for host in ("localhost", "x.localhost:80", "127.0.0.1", "[::1]:80", "192.0.2.1", "intranet",
                 socket.gethostname(), f"{socket.gethostname().split('.')[0]}.local"):
        assert shared.get("/", host=host).status == 200, host


@pytest.mark.fault("13")
def test_other_names_can_be_said(start, site, run):
    site.file("index.html", "hello")
    server = start(site, "--server-name", "tools.example.org", "--server-name", "*.example.net")
    for host in ("tools.example.org", "TOOLS.example.org.:8000", "a.example.net", "localhost"):
        assert server.get("/", host=host).status == 200, host
    assert server.get("/", host="example.net").status == 421
    assert run("-c", "x.toml", "--server-name", "a").returncode == 64


@pytest.mark.fault("13")
def test_unix_socket_and_configuration_answer_for_any_name(start, site, tmp_path):
    site.file("index.html", "hello")
    server = start(site, "-l", f"unix:{tmp_path}/socket")
    server.address_override = f"{tmp_path}/socket"
    assert server.get("/", host="public.example").status == 200
    configured = start(config=f'[[site]]\nroot = "{site.root}"\n')
    assert configured.get("/", host="public.example").status == 200


@pytest.mark.fault("13")
@pytest.mark.parametrize("field", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Via",
                                   "X-Real-IP"])
def test_reasons_are_not_for_those_who_come_by_a_proxy(shared, shared_site, field):
    response = shared.get("/fails.cgi", [(field, "192.0.2.7")])
    assert response.status == 502
    assert "a secret" not in response.text and str(shared_site.root) not in response.text
    assert "a secret" in shared.get("/fails.cgi").text


@pytest.mark.fault("13")
def test_reasons_are_not_for_other_names(start, site):
    site.program("fails.cgi", "#!/bin/sh\necho 'a secret' >&2\nexit 1\n")
    server = start(site, "--server-name", "public.example")
    assert "a secret" not in server.get("/fails.cgi", host="public.example").text
    assert "a secret" in server.get("/fails.cgi", host="localhost").text
