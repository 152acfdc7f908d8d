"""`scgi` of a location, with a server played here."""

from __future__ import annotations

import pytest

from support.backends import Asked, Backend

HELLO = b"Status: 200 OK\r\nContent-Type: text/plain\r\n\r\nhello\n"


@pytest.fixture(scope="module")
def backend():
    with Backend(None, lambda asked: None) as server:  # by TCP
        yield server


@pytest.fixture(scope="module")
def shared_config(shared_site, backend):
    shared_site.file("a.py", "")
    shared_site.file("app/a.txt", "a file\n")
    return f"""
[[site]]
root = "{{root}}"
[[site.location]]
match = "/app/"
scgi = "{backend.address}"
header_timeout = "300ms"
[[site.location]]
match = "*.py"
scgi = "{backend.address}"
chunked = "stream"
"""


def echo(asked: Asked) -> None:
    if asked.read_scgi():
        lines = "".join(f"{name}={value}\n" for name, value in asked.params.items())
        asked.send(b"Content-Type: text/plain\r\n\r\n" + lines.encode("latin-1") + asked.body)


def test_what_it_is_told(shared, backend):
    backend.serve = echo
    told = shared.get("/app/a.txt?x=1").text.splitlines()
    assert told[:2] == ["CONTENT_LENGTH=0", "SCGI=1"]
    for line in ("SCRIPT_NAME=/app", "PATH_INFO=/a.txt", "QUERY_STRING=x=1", "REQUEST_METHOD=GET"):
        assert line in told
    assert any(line.endswith("/a.py") for line in shared.get("/a.py").text.splitlines()
               if line.startswith("SCRIPT_FILENAME="))


def test_bodies(shared, backend):
    """One of unknown length is collected first, whatever `chunked` says."""
    backend.serve = echo
    large = bytes(range(256)) * 10_000
    assert shared.request("POST", "/app/x", body=large).body.endswith(large)
    with shared.connect() as client:
        client.send(b"POST /a.py HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"5\r\nhello\r\n0\r\n\r\n")
        got = client.read_response("POST").text
        assert got.startswith("CONTENT_LENGTH=5\n") and got.endswith("hello")


def test_death_at_each_byte(shared, backend):
    """The end of the connection is that of the answer: what was announced tells whether it is whole."""
    whole = b"Content-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n"

    def serve(asked: Asked) -> None:
        if asked.read_scgi():
            asked.send(whole[:int(asked.params["QUERY_STRING"])])

    backend.serve = serve
    for size in range(len(whole) + 1):
        with shared.connect() as client:
            client.send(f"GET /app/?{size} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = client.read_head()
            if size < len(whole) - 6:
                assert head.status == 502, size
            elif size < len(whole):
                assert client.read_rest() == whole[-6:size], size
            else:
                assert client.read_exactly(6) == b"hello\n"


def test_failures(shared, backend):
    backend.serve = lambda asked: asked.read_scgi() and asked.send(b"no header\n")
    assert shared.get("/app/").status == 502
    backend.serve = lambda asked: asked.read_scgi() and asked.wait_for_end()
    assert shared.get("/app/").status == 504
    backend.serve = lambda asked: asked.read_scgi() and asked.send(HELLO)
    assert shared.get("/app/").text == "hello\n"
