"""`fastcgi` of a location: what a FastCGI server is told and what becomes of its answers, good and bad.
The server is played here; real ones are in test_php_fpm.py."""

from __future__ import annotations

import re
import socket
import threading

import pytest

from support.backends import HELLO, STDERR, STDOUT, VALUES_RESULT, Asked, Backend, answer, end, record
from support.processes import are_idle
from support.waiting import until


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    folder = tmp_path_factory.mktemp("backend")
    with Backend(folder / "server.sock", lambda asked: None) as server:
        yield server


@pytest.fixture(scope="module")
def shared_config(shared_site, backend, tmp_path_factory):
    for name in ("a.php", "short/a.php", "kept/a.php", "one/a.php", "one/b.php", "finish/a.php", "stream/a.php"):
        shared_site.file(name, "<?php")
    folder = tmp_path_factory.mktemp("nobody")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(folder / "left.sock"))
    (folder / "file").touch()
    return f"""
show_failures = true
[limits]
body_size = "100m"
[[site]]
root = "{{root}}"
[[site.location]]
match = "*.php"
fastcgi = "{backend.address}"
env = {{ CONFIGURED = "yes" }}
[[site.location]]
match = "/app/"
fastcgi = "{backend.address}"
[[site.location]]
match = "/short/*.php"
fastcgi = "{backend.address}"
header_timeout = "300ms"
idle_timeout = "300ms"
[[site.location]]
match = "/kept/*.php"
fastcgi = "{backend.address}"
keep_connections = 2
[[site.location]]
match = "/one/*.php"
fastcgi = "{backend.address}"
max_running = 1
queue = {{ size = 1, timeout = "200ms" }}
[[site.location]]
match = "/finish/*.php"
fastcgi = "{backend.address}"
on_disconnect = "finish"
[[site.location]]
match = "/stream/*.php"
fastcgi = "{backend.address}"
chunked = "stream"
[[site.location]]
match = "=/missing"
fastcgi = "unix:{folder}/missing.sock"
[[site.location]]
match = "=/left"
fastcgi = "unix:{folder}/left.sock"
[[site.location]]
match = "=/file"
fastcgi = "unix:{folder}/file"
""".replace("show_failures = true\n", "")


@pytest.fixture
def plays(backend):
    """plays(function): what the backend does with each connection from now on."""
    def play(serve) -> Backend:
        backend.serve = serve
        return backend

    yield play
    backend.hang_up()
    backend.serve = lambda asked: None
    problems, backend.problems = backend.problems, []
    assert not problems, problems


def says(data: bytes):
    def serve(asked: Asked) -> None:
        if asked.read():
            asked.send(data)

    return serve


def echo(asked: Asked) -> None:
    """The parameters, a line each, then the body."""
    if asked.read():
        lines = "".join(f"{name}={value}\n" for name, value in asked.params.items())
        asked.send(answer(b"Content-Type: text/plain\r\n\r\n" + lines.encode("latin-1") + asked.body))


# ---- what it is told ----


def test_what_it_is_told(shared, shared_site, plays):
    plays(echo)
    told = shared.get("/a.php/more/path?x=1&y", [("X-A", "1"), ("Proxy", "evil")]).text.splitlines()
    for line in ("SCRIPT_NAME=/a.php", f"SCRIPT_FILENAME={shared_site.root}/a.php", "PATH_INFO=/more/path",
                 "QUERY_STRING=x=1&y", f"DOCUMENT_ROOT={shared_site.root}", "REDIRECT_STATUS=200",
                 "REQUEST_METHOD=GET", "HTTP_X_A=1", "CONFIGURED=yes", "GATEWAY_INTERFACE=CGI/1.1",
                 "REQUEST_URI=/a.php/more/path?x=1&y", "REMOTE_ADDR=127.0.0.1"):
        assert line in told, (line, told)
    names = [line.split("=")[0] for line in told]
    assert "HTTP_PROXY" not in names and "PATH" not in names and "CONTENT_LENGTH" not in names
    assert len(names) == len(set(names))


def test_all_of_a_prefix(shared, plays):
    plays(echo)
    for target, info in (("/app/a/b.c", "/a/b.c"), ("/app/", "/"), ("/app", None), ("/app/.hidden", "/.hidden")):
        told = shared.get(target).text.splitlines()
        assert "SCRIPT_NAME=/app" in told, told
        assert [line for line in told if line.startswith("PATH_INFO")] == ([f"PATH_INFO={info}"] if info else [])
        assert not any(line.startswith(("SCRIPT_FILENAME", "PATH_TRANSLATED")) for line in told), told


def test_a_file_that_is_not_there(shared, plays):
    plays(echo)
    assert shared.get("/none.php").status == 404


def test_bodies(shared, plays):
    plays(echo)
    assert shared.request("POST", "/a.php", body=b"a=1").text.endswith("a=1")
    large = bytes(range(256)) * 20_000
    got = shared.request("POST", "/a.php", body=large)
    assert got.body.endswith(large) and f"CONTENT_LENGTH={len(large)}\n".encode() in got.body
    chunks = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
    with shared.connect() as client:
        client.send(b"POST /a.php HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        got = client.read_response("POST")
        assert got.text.endswith("hello world") and "CONTENT_LENGTH=11\n" in got.text
    with shared.connect() as client:
        client.send(b"POST /stream/a.php HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        got = client.read_response("POST")
        assert got.text.endswith("hello world") and "CONTENT_LENGTH" not in got.text


def test_both_ways_at_once(shared, plays):
    """What has come of a body is answered before the rest is sent."""
    def serve(asked: Asked) -> None:
        asked.read_head()
        asked.send(record(STDOUT, b"Content-Type: text/plain\r\n\r\n"))
        while (got := asked.read_record()) is not None and got[1]:
            asked.send(record(STDOUT, got[1]))
        asked.send(record(STDOUT) + end())

    plays(serve)
    with shared.connect() as client:
        client.send(b"POST /stream/a.php HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        head = client.read_head()
        assert head.status == 200
        pieces = client.stream(head, "POST")
        for piece in (b"one", b"two"):
            client.send(b"3\r\n%s\r\n" % piece)
            assert next(pieces) == piece
        client.send(b"0\r\n\r\n")
        assert b"".join(pieces) == b""


@pytest.mark.parametrize("large", [False, True])
def test_slow_readers_hold_little(shared, plays, large):
    """A client that takes nothing stops the backend; a backend that takes nothing stops the client."""
    sent = 0

    def serve(asked: Asked) -> None:
        nonlocal sent
        if large:
            asked.read_head()
            release.wait(60)
            asked.drop_body()
            asked.send(answer(HELLO))
            return
        asked.read()
        asked.send(record(STDOUT, b"Content-Type: text/plain\r\n\r\n"))
        for _ in range(1000):
            if not asked.send(record(STDOUT, bytes(65528))):
                return
            sent += 65528
        asked.send(record(STDOUT) + end())

    release = threading.Event()
    plays(serve)
    with shared.connect() as client:
        if large:
            length = 64 << 20
            client.send(f"POST /a.php HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
            client.socket.setblocking(False)
            taken = 0

            def push() -> bool:
                nonlocal taken
                try:
                    taken += client.socket.send(bytes(1 << 20))
                except BlockingIOError:
                    return are_idle(shared.workers())
                return False

            assert until(push) and taken < length / 2
            release.set()
            client.socket.settimeout(60)
            client.socket.sendall(bytes(length - taken))
            assert client.read_response("POST").text == "hello\n"
            return
        client.send(b"GET /a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        head = client.read_head()
        before = -1

        def stands() -> bool:
            nonlocal before
            before, now = sent, before
            return sent == now and sent > 0

        assert until(stands, pause=0.1) and sent < 32 << 20
        assert sum(len(piece) for piece in client.stream(head)) == 1000 * 65528


# ---- answers ----


def test_whole_answers(shared, plays):
    for data in (answer(HELLO), answer(HELLO, padding=255), answer(HELLO, errors=b"a word\n"),
                 b"".join(record(STDOUT, HELLO[i:i + 1], padding=i) for i in range(len(HELLO))) + end(),
                 record(VALUES_RESULT, b"", number=0) + answer(HELLO),
                 answer(b"Status: 200 OK\n" + HELLO.replace(b"\r", b""))):
        plays(says(data))
        got = shared.get("/a.php")
        assert (got.status, got.text) == (200, "hello\n"), data
    large = b"Content-Type: text/plain\r\n\r\n" + bytes(range(256)) * 4000
    plays(says(answer(large)))
    assert shared.get("/a.php").body == large[28:]


def test_answers_in_pieces(shared, plays):
    def serve(asked: Asked) -> None:
        if asked.read():
            asked.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            for byte in answer(HELLO, errors=b"a\nb", padding=3):
                asked.send(bytes([byte]))

    plays(serve)
    assert shared.get("/a.php").text == "hello\n"


def test_words_for_the_log(shared, plays):
    plays(says(answer(HELLO, errors=b"first line\nPHP message: second")))
    assert shared.get("/a.php").status == 200
    shared.wait_log(r"/a\.php: stderr: first line")
    shared.wait_log(r"/a\.php: stderr: PHP message: second")


def test_redirects(shared, shared_site, plays):
    shared_site.file("plain.txt", "a file\n")
    plays(says(answer(b"Location: /plain.txt\r\n\r\n")))
    assert shared.get("/a.php").text == "a file\n"
    plays(says(answer(b"Location: https://example.org/\r\n\r\n")))
    assert shared.get("/a.php").status == 302


def test_a_status_at_the_end(shared, plays):
    plays(says(answer(HELLO, application=255)))
    assert shared.get("/a.php").text == "hello\n"
    shared.wait_log(r"a\.php: it ended with status 255 after its response")
    plays(says(answer(b"", application=7)))
    assert shared.get("/a.php").status == 502
    shared.wait_log(r"a\.php: it ended with status 7 before it printed a header")


# ---- answers that are none ----


def test_death_at_each_byte(shared, plays):
    """The client sees a whole response, an error, or one that is cut; the next request is answered."""
    whole = answer(HELLO, errors=b"word\n", padding=2)
    last = len(whole)

    def serve(asked: Asked) -> None:
        if asked.read():
            asked.send(whole[:int(asked.params["QUERY_STRING"])])

    plays(serve)
    statuses = set()
    for size in range(last):
        with shared.connect() as client:
            client.send(f"GET /a.php?{size} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = client.read_head()
            statuses.add(head.status)
            if head.status == 200:
                rest = client.read_rest()
                assert b"0\r\n\r\n" not in rest, (size, rest)
            else:
                assert head.status == 502
    assert statuses == {200, 502}
    assert shared.get(f"/a.php?{last}").text == "hello\n"


@pytest.mark.parametrize("data, words", [
    (b"", "closed the connection without an answer"),
    (record(STDOUT, HELLO[:20]), "closed the connection within the header"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it speaks HTTP, not FastCGI"),
    (b"what?\n", r'does not speak FastCGI: its answer begins with "what\?'),
    (b"\x02" + record(STDOUT)[1:], "does not speak FastCGI"),
    (record(STDOUT, HELLO, number=7) + end(), "a record for a request 7 that it was never asked"),
    (record(STDOUT, HELLO, number=0) + end(), "a record for a request 0"),
    (record(4, b"") + end(), "a record of type 4, which is none of an answer's"),
    (record(99, b"x"), "a record of type 99"),
    (record(3, b"short"), "its record that ends a request is too short"),
    (end(), "ended without any output"),
    (end(protocol=2), "says that it is overloaded"),
    (end(protocol=3), "refuses the request"),
    (answer(b"no header at all\n"), "does not begin with a CGI header"),
])
def test_no_answer(shared, plays, data, words):
    plays(says(data))
    got = shared.get("/a.php")
    assert got.status == (503 if "overloaded" in words else 502), got
    shared.wait_log(words)


def test_records_after_the_head_are_wrong(shared, plays):
    """The response is cut, and the client can tell."""
    good = record(STDOUT, b"Content-Type: text/plain\r\n\r\nabc")
    for bad in (b"\0" * 8, record(STDOUT, b"x", number=9), record(11), record(3, b"")):
        plays(says(good + bad))
        with shared.connect() as client:
            client.send(b"GET /a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert client.read_head().status == 200
            assert not client.read_rest().endswith(b"0\r\n\r\n")


def test_less_than_it_announced(shared, plays):
    plays(says(answer(b"Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nshort")))
    with shared.connect() as client:
        client.send(b"GET /a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_head().status == 200
        assert client.read_rest() == b"short"
    shared.wait_log("its output ended 95 bytes short of its Content-Length")


@pytest.mark.parametrize("endless", [
    record(STDERR, b"e" * 65000 + b"\n"), record(STDERR, b"\n" * 65000), record(STDOUT) * 5000,
    record(VALUES_RESULT, b"x" * 60000, number=0), record(STDERR, b"x", padding=255) * 200],
    ids=["lines", "empty lines", "empty records", "values", "padding"])
def test_endless_words(shared, plays, endless):
    """They are no answer, do not fill the log, and keep nobody else waiting."""
    def serve(asked: Asked) -> None:
        asked.read()
        if asked.params["SCRIPT_NAME"] == "/a.php":
            asked.send(answer(HELLO))
        while asked.send(endless):
            pass

    plays(serve)
    with shared.connect() as client:
        client.send(b"GET /short/a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(5):
            assert shared.get("/a.php").text == "hello\n"
        assert client.read_response().status == 504
    assert len(shared.log()) < 1 << 20


def test_silence(shared, plays):
    plays(lambda asked: asked.read() and asked.wait_for_end())
    assert shared.get("/short/a.php").status == 504
    shared.wait_log(r"printed no header within 0\.3 s \(header_timeout\).*pm\.max_children")

    def stall(asked: Asked) -> None:
        asked.read()
        asked.send(record(STDOUT, b"Content-Type: text/plain\r\n\r\nabc"))
        asked.wait_for_end()

    plays(stall)
    with shared.connect() as client:
        client.send(b"GET /short/a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_head().status == 200
        assert not client.read_rest().endswith(b"0\r\n\r\n")
    shared.wait_log(r"printed nothing within 0\.3 s \(idle_timeout\)")


def test_a_body_that_nobody_reads(shared, plays):
    """The answer comes all the same, and the connection goes on."""
    def serve(asked: Asked) -> None:
        asked.read_head()
        asked.send(answer(HELLO))

    plays(serve)
    for _ in range(5):
        got = shared.request("POST", "/a.php", body=bytes(5 << 20))
        assert (got.status, got.text) == (200, "hello\n"), got


# ---- clients ----


def test_client_leaves(shared, plays):
    """Its connection is closed, so that the backend can know."""
    asking, ended = [], []

    def serve(asked: Asked) -> None:
        asked.read()
        asking.append(1)
        asked.wait_for_end()
        ended.append(1)

    plays(serve)
    with shared.connect() as client:
        client.send(b"GET /a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert until(lambda: asking)
    assert until(lambda: ended)


def test_finish_without_client(shared, plays):
    release, done = threading.Event(), threading.Event()

    def serve(asked: Asked) -> None:
        asked.read()
        asked.send(record(STDOUT, b"Content-Type: text/plain\r\n\r\n"))
        release.wait(60)
        if asked.send(record(STDOUT, bytes(65528)) * 50 + end()):
            done.set()

    plays(serve)
    with shared.connect() as client:
        client.send(b"GET /finish/a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_head().status == 200
    shared.wait_log("runs on, though its client has gone")
    release.set()
    assert done.wait(60)


def test_only_so_many_at_a_time(shared, plays):
    release, asking = threading.Event(), []

    def serve(asked: Asked) -> None:
        asked.read()
        asking.append(1)
        release.wait(60)
        asked.send(answer(HELLO))

    plays(serve)
    with shared.connect() as client:
        client.send(b"GET /one/a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert until(lambda: asking)
        refused = shared.get("/one/b.php")  # all of the location count together
        assert refused.status == 503 and refused.header("Retry-After")
        shared.wait_log(r"no place became free for it within 0\.2 s \(max_running 1, queue\.timeout\)")
        release.set()
        assert client.read_response().text == "hello\n"
    assert shared.get("/one/a.php").text == "hello\n" and len(asking) == 2


# ---- nobody there ----


@pytest.mark.parametrize("target, words", [
    ("/missing", "does not run, or listens elsewhere: there is no such socket; start it"),
    ("/left", "does not run: nobody listens there, though the socket is left; start it"),
    ("/file", "that file is no socket|does not run: nobody listens"),
])
def test_nobody_there(shared, target, words):
    assert shared.get(target).status == 502
    shared.wait_log(words)


def test_full_backlog(start, site, tmp_path):
    """Who finds no place in the backlog waits for one."""
    site.file("a.php", "<?php")
    path = tmp_path / "full.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(0)
        with socket.socket(socket.AF_UNIX) as first:
            first.connect(str(path))
            served = start(config=f'[[site]]\nroot = "{site.root}"\n[[site.location]]\nmatch = "*.php"\n'
                                  f'fastcgi = "unix:{path}"\n')
            with served.connect() as client:
                client.send(b"GET /a.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert client.silent(0.3)
                server.accept()[0].close()
                connection, _ = server.accept()
                asked = Asked(connection, 1, threading.Event())
                assert asked.read() and asked.send(answer(HELLO))
                assert client.read_response().text == "hello\n"
                asked.file.close()
                connection.close()


# ---- connections that are kept ----


def keeping(asked: Asked) -> None:
    """Its number, for each request of the connection."""
    while asked.read():
        asked.send(answer(b"Content-Type: text/plain\r\n\r\n%d" % asked.number))
        if not asked.keeps:
            return


def test_connections_are_kept(shared, plays):
    server = plays(keeping)
    with shared.connect() as client:  # one worker's
        first, second = (client.request("GET", "/kept/a.php").text for _ in range(2))
        assert first == second
        assert client.request("GET", "/a.php").text != first
    before = server.connections
    assert shared.get("/a.php").status == 200 and server.connections == before + 1
    shared.checkpoint(settle=True)


@pytest.mark.parametrize("method, body, again", [("GET", b"", True), ("POST", b"x=1", False)])
def test_a_kept_connection_that_dies(shared, plays, method, body, again):
    """Nothing is asked twice that may change something."""
    asked_for = []

    def serve(asked: Asked) -> None:
        if not asked.read():
            return
        asked_for.append(asked.params["REQUEST_METHOD"])
        asked.send(answer(HELLO))
        if asked.read():  # and dies of the second
            asked_for.append(asked.params["REQUEST_METHOD"])

    plays(serve)
    with shared.connect() as client:
        assert client.request("GET", "/kept/a.php").text == "hello\n"
        got = client.request(method, "/kept/a.php", body=body)
        assert got.status == (200 if again else 502), got
    assert asked_for == ["GET", method] + ([method] if again else [])
    shared.checkpoint(settle=True)


def test_a_kept_connection_that_was_closed(shared, plays):
    """The next request has another, whatever its method."""
    closed = []

    def serve(asked: Asked) -> None:
        if asked.read():
            asked.send(answer(HELLO))
            asked.socket.shutdown(socket.SHUT_RDWR)
            closed.append(asked.number)

    server = plays(serve)
    with shared.connect() as client:
        for count in range(20):
            before = server.connections
            assert until(lambda: len(closed) >= count)
            assert client.request("POST", "/kept/a.php", body=b"x").text == "hello\n"
            assert server.connections == before + 1


def test_dirty_connections_are_not_kept(shared, plays):
    def serve(asked: Asked) -> None:
        while asked.read():
            asked.send(answer(b"Content-Type: text/plain\r\n\r\n%d" % asked.number) + b"more")

    plays(serve)
    with shared.connect() as client:
        assert client.request("GET", "/kept/a.php").text != client.request("GET", "/kept/a.php").text


def test_reason_for_the_author(start, site):
    site.file("a.php", "<?php")
    server = start(config=f'[[site]]\nroot = "{site.root}"\n[[site.location]]\nmatch = "*.php"\n'
                          'fastcgi = "127.0.0.1:1"\n[log]\n')
    assert server.get("/a.php").status == 502
    server.wait_log(re.escape("/a.php: the FastCGI server 127.0.0.1:1 does not run: nobody listens there; start"))
