"""HTTP/2 by clients of others: curl, nghttp and h2load, in the clear and by TLS."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from support.programs import CAT, PLAIN
from support.server import Server
from support.site import Site
from support.tls import Authority, site_keys
from support.waiting import until

BIG = os.urandom(3_000_000)  # more than a turn of the loop sends


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    shared_site.file("page.html", "the page")
    shared_site.file("big", BIG)
    shared_site.program("cat.cgi", CAT)
    shared_site.program("env.cgi", PLAIN + "exec env\n")
    shared_site.program("fail.cgi", "#!/bin/sh\necho 'no such thing' >&2\nexit 3\n")
    shared_site.program("short.cgi", "#!/bin/sh\nprintf 'Content-Length: 10\\n\\nabc'\n")
    shared_site.program("nph-a.cgi", "#!/bin/sh\nprintf 'HTTP/1.1 418 Teapot\\r\\nContent-Type: text/plain"
                        "\\r\\nConnection: close\\r\\nX-A: b\\r\\n\\r\\nshort and stout'\n")
    shared_site.program("nph-b.cgi", "#!/bin/sh\necho what is this\n")
    shared_site.program("nph-c.cgi", "#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked"
                        "\\r\\n\\r\\n0\\r\\n\\r\\n'\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config(authority: Authority) -> str:
    keys = site_keys(authority.sign("a", "localhost", "127.0.0.1"))
    return ("[[listen]]\naddress = '127.0.0.1:0'\nhttp2 = true\n"
            "[[listen]]\naddress = '127.0.0.1:0'\ntls = true\n"
            "[[listen]]\naddress = '127.0.0.1:0'\ntls = true\nhttp2 = false\n"
            "[[listen]]\naddress = '127.0.0.1:0'\n"
            f"[[site]]\nroot = '{{root}}'\n{keys}"
            "[[site.location]]\nmatch = '*.cgi'\ncgi = true\n[log]\naccess = 'stderr'\n")


IN_THE_CLEAR, BY_TLS, TLS_WITHOUT, CLEAR_WITHOUT = range(4)


def address(server: Server, listener: int) -> str:
    scheme = "https" if listener in (BY_TLS, TLS_WITHOUT) else "http"
    return f"{scheme}://127.0.0.1:{server.ports()[listener]}"


def curl(server: Server, target: str, *arguments: str, listener: int = IN_THE_CLEAR,
         data: bytes | None = None) -> tuple[str, bytes]:
    """The head and the content, by HTTP/2."""
    how = ["--http2-prior-knowledge"] if listener in (IN_THE_CLEAR, CLEAR_WITHOUT) else ["--http2", "-k"]
    posts = ["--data-binary", "@-"] if data is not None else []
    done = subprocess.run(["curl", "-s", "-m", "60", "-D", "/dev/stderr", *how, *posts, *arguments,
                           address(server, listener) + target], input=data or b"", capture_output=True,
                          timeout=90)
    return done.stderr.decode(), done.stdout


both = pytest.mark.parametrize("listener", [IN_THE_CLEAR, BY_TLS])


@both
def test_a_file(shared, listener):
    head, content = curl(shared, "/page.html", listener=listener)
    assert head.startswith("HTTP/2 200 \r\n") and content == b"the page"
    assert "content-length: 8\r\n" in head and "connection:" not in head


@both
def test_a_large_file_and_a_large_body(shared, listener):
    assert curl(shared, "/big", listener=listener)[1] == BIG
    assert curl(shared, "/cat.cgi", listener=listener, data=BIG)[1] == BIG
    assert curl(shared, "/cat.cgi", "-H", "Content-Length:", listener=listener, data=BIG)[1] == BIG


@both
def test_the_environment_of_a_program(shared, listener):
    _, content = curl(shared, "/env.cgi?a=b", "-b", "c=d", "-H", "TE: trailers", listener=listener)
    environment = dict(line.split("=", 1) for line in content.decode().splitlines())
    assert environment["SERVER_PROTOCOL"] == "HTTP/2.0"
    assert environment["HTTP_HOST"] == f"127.0.0.1:{shared.ports()[listener]}"
    assert environment["HTTP_COOKIE"] == "c=d"
    assert environment["QUERY_STRING"] == "a=b"
    assert ("HTTPS" in environment) == (listener == BY_TLS)
    assert not [name for name in environment if name.startswith("HTTP_:")]


def test_answers_without_content(shared):
    head, content = curl(shared, "/page.html", "-I")
    assert head.startswith("HTTP/2 200") and "content-length: 8\r\n" in head
    assert content == head.encode()  # curl prints the head there, and nothing came behind it
    assert curl(shared, "/env.cgi", "-I")[0].startswith("HTTP/2 200")
    assert curl(shared, "/none")[0].startswith("HTTP/2 404")
    assert curl(shared, "/", "-X", "CONNECT")[0] == ""  # curl makes none; the server goes on


def test_a_response_that_is_cut_is_reset(shared):
    done = subprocess.run(["curl", "-s", "--http2-prior-knowledge", address(shared, 0) + "/short.cgi"],
                          capture_output=True, timeout=60)
    assert done.returncode in (18, 92)  # cut short; an error of its stream
    assert curl(shared, "/fail.cgi")[0].startswith("HTTP/2 502")


def test_programs_that_print_a_response_of_http1(shared):
    head, content = curl(shared, "/nph-a.cgi")
    assert head.startswith("HTTP/2 418") and "x-a: b\r\n" in head and "connection" not in head
    assert content == b"short and stout"
    for name in ("b", "c"):
        assert curl(shared, f"/nph-{name}.cgi")[0].startswith("HTTP/2 502")
    shared.wait_log("prints its response in chunks")


def test_the_access_log_names_the_version(shared):
    curl(shared, "/page.html?logged")
    shared.wait_log(r'"GET /page.html\?logged HTTP/2.0" 200 8 ')


def test_where_it_is_not_offered(shared):
    head, content = curl(shared, "/page.html", listener=TLS_WITHOUT)
    assert head.startswith("HTTP/1.1 200") and content == b"the page"
    assert not curl(shared, "/page.html", listener=CLEAR_WITHOUT)[1]
    plain = subprocess.run(["curl", "-s", "--http1.1", address(shared, IN_THE_CLEAR) + "/page.html"],
                           capture_output=True, timeout=60)
    assert plain.stdout == b"the page"


@both
def test_many_at_once(shared, listener):
    for target in ("/page.html", "/env.cgi", "/big"):
        done = subprocess.run(["h2load", "-n", "200", "-c", "3", "-m", "20",
                               address(shared, listener) + target], capture_output=True, text=True, timeout=90)
        assert "200 succeeded, 0 failed" in done.stdout, done.stdout


def test_one_connection_for_many_files(shared):
    done = subprocess.run(["nghttp", "-ns", "-m", "20", address(shared, IN_THE_CLEAR) + "/big"],
                          capture_output=True, text=True, timeout=90)
    assert len(re.findall(r" 200 +2M +/big", done.stdout)) == 20, done.stdout


@pytest.mark.kills_worker
@pytest.mark.parametrize("how", ["HUP", "QUIT"])
def test_what_is_under_way_ends_well(start, site, how):
    """A reload and a stop: the request is answered, and the connection is told of its end."""
    site.program("wait.cgi", PLAIN + "echo begun; while [ ! -e go ]; do sleep 0.05; done; echo done\n")
    server = start(config=f"[[listen]]\naddress = '127.0.0.1:0'\nhttp2 = true\n[[site]]\nroot = '{site.root}'\n"
                          "[[site.location]]\nmatch = '*.cgi'\ncgi = true\n")
    with subprocess.Popen(["stdbuf", "-oL", "nghttp", "-v", f"http://127.0.0.1:{server.ports()[0]}/wait.cgi"],
                          stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        seen = []
        for line in client.stdout:
            seen.append(line)
            if line == "begun\n":
                server.signal({"HUP": 1, "QUIT": 3}[how])
            if "GOAWAY" in line:
                site.file("go", "")
        text = "".join(seen)
    assert "done\n" in text and "error_code=NO_ERROR" in text, text
    if how == "QUIT":
        assert until(lambda: server.popen.poll() is not None)
