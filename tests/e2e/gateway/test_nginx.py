"""In fcgiwrap's place behind nginx: the configuration that Debian's fcgiwrap documents, unchanged, and
what else is found in the wild."""

from __future__ import annotations

import os
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import client
from support.migration import Folder, Peer, free_port
from support.processes import alive
from support.programs import CAT, ENVIRONMENT, PLAIN, environment_of
from support.server import Server
from support.waiting import until

DOCUMENTED = Path("/usr/share/doc/fcgiwrap/examples/nginx.conf")
pytestmark = [pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed"),
              pytest.mark.skipif(not DOCUMENTED.exists(), reason="fcgiwrap is not installed")]
OTHERS = r"""
location ~ ^(/split/[^/]+)(/.*)?$ {
  include /etc/nginx/fastcgi_params;
  fastcgi_split_path_info ^(/split/[^/]+)(/.*)?$;
  fastcgi_param SCRIPT_FILENAME /usr/lib/cgi-bin/env;
  fastcgi_param PATH_INFO $fastcgi_path_info;
  fastcgi_param GIT_PROJECT_ROOT /srv/git;
  fastcgi_pass unix:/run/fcgiwrap.socket;
}
location /kept/ {
  include /etc/nginx/fastcgi.conf;
  fastcgi_param SCRIPT_FILENAME /usr/lib/cgi-bin/env;
  fastcgi_pass kept;
  fastcgi_keep_conn on;
}
location /unbuffered/ {
  include /etc/nginx/fastcgi_params;
  fastcgi_param SCRIPT_FILENAME /usr/lib/cgi-bin/cat;
  fastcgi_pass unix:/run/fcgiwrap.socket;
  fastcgi_request_buffering off;
  fastcgi_buffering off;
}
location /by-http/ {
  proxy_pass http://unix:/run/fcgiwrap.socket;
}
location /bare/ {
  fastcgi_param SCRIPT_FILENAME /usr/lib/cgi-bin/env;
  fastcgi_pass unix:/run/fcgiwrap.socket;
}
location /private/ {
  auth_basic private;
  auth_basic_user_file /usr/none;
}
location /by-root/ {
  root /usr/lib;
  rewrite ^/by-root/(.*)$ /cgi-bin/$1 break;
  include /etc/nginx/fastcgi_params;
  fastcgi_pass unix:/run/fcgiwrap.socket;
}
"""
# Of programs, by their name: the limit that each meets, and what the log says of it.
LIMITS = {"silent": ('idle_timeout = "300ms"', r"printed nothing within 0\.3 s \(idle_timeout\)"),
          "long": ('timeout = "500ms"', r"\(timeout\)"),
          "busy": ('rlimits = { cpu = "1s" }', "SIGXCPU|SIGKILL")}


@dataclass
class Front:
    folder: Folder
    server: Server
    port: int

    def ask(self, method: str, target: str, headers: client.Headers = (), body: bytes = b"") -> client.Response:
        with client.Connection(("127.0.0.1", self.port)) as connection:
            return connection.request(method, target, headers, body)

    def get(self, target: str, headers: client.Headers = ()) -> client.Response:
        return self.ask("GET", target, headers)


def nginx_configuration(folder: Folder, port: int) -> str:
    locations = re.sub(r"(?<=[\s:])/(?=(?:usr/lib|run)/?\b)", f"{folder.path}/", DOCUMENTED.read_text() + OTHERS)
    temporary = "".join(f"{name}_temp_path {folder.path}/{name};\n"
                        for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    return f"""pid {folder.path}/nginx.pid;
daemon off;
worker_processes 1;
events {{}}
http {{
access_log off;
client_max_body_size 0;
{temporary}
upstream kept {{ server unix:{folder.path}/run/fcgiwrap.socket; keepalive 4; }}
server {{
listen 127.0.0.1:{port};
server_name example.org;
root {folder.path}/var/www;
{locations}
}}
}}
"""


@pytest.fixture
def front(start, compile_c) -> Iterator[Front]:
    folder = Folder()
    for name in ("run", "var/log", "usr/lib/cgi-bin"):
        (folder / name).mkdir(parents=True)
    folder.file("var/www/hello.txt", "hello")
    shutil.copy(compile_c(ENVIRONMENT), folder / "usr/lib/cgi-bin/env")
    folder.file("usr/lib/cgi-bin/cat", CAT, 0o755)
    folder.file("usr/lib/cgi-bin/count", f"{PLAIN}wc -c\n", 0o755)
    pid = folder / "usr/lib/cgi-bin/pid"
    folder.file("usr/lib/cgi-bin/stays", f"{PLAIN}echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600\n", 0o755)
    computes = f"sh -c 'while :; do :; done' & echo $$ $! > {pid}.new; mv {pid}.new {pid}; while :; do :; done\n"
    folder.file("usr/lib/cgi-bin/computes", f"#!/bin/sh\n{computes}", 0o755)
    for name in LIMITS:
        folder.file(f"usr/lib/cgi-bin/{name}", f"{PLAIN}echo part\n{computes}", 0o755)
    for name, more in (("nph-teapot", ""), ("nph-chunks", "Transfer-Encoding: chunked\\r\\n")):
        folder.file(f"usr/lib/cgi-bin/{name}", "#!/bin/sh\nprintf 'HTTP/1.1 418 A Teapot\\r\\nX-Kind: pot\\r\\n"
                    f"Content-Type: text/plain\\r\\n{more}\\r\\nshort and stout'\n", 0o755)
    folder.file("usr/lib/cgi-bin/fails", "#!/bin/sh\necho broken >&2; exit 3\n", 0o755)
    folder.file("usr/lib/cgi-bin/unread", f"{PLAIN}echo unread\n", 0o755)
    folder.file("usr/lib/cgi-bin/locked", f"{PLAIN}echo never\n")
    for name, field in (("to", "Location"), ("accel", "Content-Length: 5\\nX-Accel-Redirect")):
        folder.file(f"usr/lib/cgi-bin/{name}", f"#!/bin/sh\nprintf '{field}: /%s\\n\\n' $QUERY_STRING\n", 0o755)
    folder.file("var/www/private/secret", "secret")
    port = free_port()
    file = folder.file("etc/nginx.conf", nginx_configuration(folder, port))
    folder.give_away()
    server = start(config=f"""
[[listen]]
address = "unix:{folder.path}/run/fcgiwrap.socket"
protocol = "fastcgi"
mode = "0666"
programs = ["{folder.path}/usr/lib/cgi-bin/"]
errors_to_web_server = true
[limits]
body_size = "20m"
header_timeout = "1h"
keepalive_timeout = "1h"
[[site]]
root = "{folder.path}/var/www"
""" + "".join(f'''[[site.location]]
match = "=/{name}"
cgi = "{folder.path}/usr/lib/cgi-bin/{name}"
{limit}
''' for name, (limit, _) in LIMITS.items()))
    peer = Peer(folder, port)
    peer.start("/usr/sbin/nginx", "-c", file, "-e", folder / "var/log/error.log")
    try:
        peer.wait()
        yield Front(folder, server, port)
    finally:
        peer.stop()
        shutil.rmtree(folder.path, ignore_errors=True)


def test_nginx_as_fcgiwrap_documents_it(front):
    base = f"{front.folder.path}/usr/lib"
    env = environment_of(front.get("/cgi-bin/env?a=b", [("X-Forwarded-For", "203.0.113.9")]))
    expected = {"SCRIPT_FILENAME": f"{base}/cgi-bin/env", "SCRIPT_NAME": "/cgi-bin/env", "QUERY_STRING": "a=b",
                "REQUEST_URI": "/cgi-bin/env?a=b", "DOCUMENT_ROOT": base, "REMOTE_ADDR": "127.0.0.1",
                "SERVER_NAME": "example.org", "SERVER_PORT": str(front.port), "REQUEST_METHOD": "GET",
                "HTTP_X_FORWARDED_FOR": "203.0.113.9", "GATEWAY_INTERFACE": "CGI/1.1"}
    assert {name: env.get(name) for name in expected} == expected
    env = environment_of(front.get("/cgi-bin/env/more/x"))
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == ("/cgi-bin/env", "/more/x")
    assert front.get("/cgi-bin/none").status == 404
    assert front.ask("HEAD", "/cgi-bin/env").body == b""
    body = os.urandom(1_000_000)
    assert front.ask("POST", "/cgi-bin/cat", body=body).body == body
    # nginx stops sending the body when a response begins; this one begins at once.
    assert front.ask("POST", "/cgi-bin/count", body=bytes(20_000_000)).body == b"20000000\n"
    assert front.get("/cgi-bin/fails").status == 502
    front.server.wait_log("exit status 3")
    errors = front.folder / "var/log/error.log"
    assert until(lambda: 'FastCGI sent in stderr: "broken"' in errors.read_text()), errors.read_text()


def test_nginx_in_other_ways(front):
    env = environment_of(front.get("/split/project/info/refs?service=git"))
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == ("/split/project", "/info/refs")
    assert env["GIT_PROJECT_ROOT"] == "/srv/git"
    for _ in range(20):
        assert environment_of(front.get("/kept/"))["SCRIPT_NAME"] == "/kept/"
    env = environment_of(front.get("/by-root/env/more"))
    assert (env["SCRIPT_NAME"], env["PATH_INFO"]) == ("/cgi-bin/env", "/more")
    body = os.urandom(1_000_000)
    assert front.ask("POST", "/unbuffered/", body=body).body == body
    with client.Connection(("127.0.0.1", front.port)) as connection:
        connection.send(client.head("POST", "/unbuffered/", [("Transfer-Encoding", "chunked")])
                        + b"5\r\nhello\r\n0\r\n\r\n")
        assert connection.read_response().body == b"hello"


def test_what_is_wrong_in_its_configuration_is_named(front):
    door, programs = f"unix:{front.folder.path}/run/fcgiwrap.socket", f"{front.folder.path}/usr/lib/cgi-bin"
    for target, status, line in (
            ("/by-root/none", 404, f"404: {programs}/none does not exist; the web server has sent no SCRIPT_FILENAME"),
            ("/bare/", 400, r"400: .*no REQUEST_METHOD; nginx does by include fastcgi_params"),
            ("/cgi-bin/", 403, f"403: {programs}/ is a directory, and no program; .*fastcgi_index"),
            ("/by-http/", 502, f"a web server speaks HTTP at the FastCGI listener {door}: let it .*fastcgi_pass")):
        assert front.get(target).status == status, target
        front.server.wait_log(line)


def test_why_a_request_has_failed_is_in_the_log_of_nginx(front):
    errors = front.folder / "var/log/error.log"
    for name, line in (("none", r"404: .*/none does not exist"), ("locked", "403: .* chmod"),
                       ("fails", r"502: .*exit status 3")):
        front.get(f"/cgi-bin/{name}")
        assert until(lambda line=line: re.search(rf"FastCGI sent in stderr: .*\[\S+\] {line}", errors.read_text(),
                                                 re.DOTALL)), errors.read_text()


def test_an_answer_before_all_of_the_body(front):
    """nginx sends no more of it then, and waits for the end of the connection."""
    errors = front.folder / "var/log/error.log"
    for name, size, status in (("none", 300_000, 404), ("locked", 300_000, 403), ("fails", 9_000_000, 502),
                               ("unread", 9_000_000, 200), ("cat", 30_000_000, 413)):
        answer = front.ask("POST", f"/cgi-bin/{name}", body=bytes(size))
        assert answer.status == status and answer.complete, (name, answer)
    assert "timed out" not in errors.read_text()


def test_a_local_redirect_leads_round_no_rule_of_nginx(front):
    answer = front.get("/cgi-bin/to?private/secret")
    assert (answer.status, answer.header("Location")) == (302, "/private/secret")
    assert front.get("/cgi-bin/accel?hello.txt").body == b"hello"


def test_a_client_that_leaves_nginx_ends_its_program(front):
    pid = front.folder / "usr/lib/cgi-bin/pid"
    with socket.create_connection(("127.0.0.1", front.port)) as there:
        there.sendall(client.head("GET", "/cgi-bin/stays"))
        assert until(pid.exists)
    assert until(lambda: not alive(int(pid.read_text())))


def test_a_client_that_leaves_nginx_ends_what_still_computes(front):
    """Before it has printed anything, and with what it has started."""
    pid = front.folder / "usr/lib/cgi-bin/pid"
    with socket.create_connection(("127.0.0.1", front.port)) as there:
        there.sendall(client.head("GET", "/cgi-bin/computes"))
        assert until(pid.exists)
    for each in pid.read_text().split():
        assert until(lambda each=each: not alive(int(each)))


@pytest.mark.parametrize("name", LIMITS)
def test_output_that_ends_at_a_limit_is_cut_by_nginx_too(front, name):
    """Its client learns that there was more to come, if nginx passes on any of it; and all of the program's
    group is gone."""
    with client.Connection(("127.0.0.1", front.port)) as there:
        there.send(client.head("GET", f"/cgi-bin/{name}", [("Connection", "close")]))
        assert not there.read_rest().endswith(b"0\r\n\r\n")
    front.server.wait_log(LIMITS[name][1])
    errors = front.folder / "var/log/error.log"
    assert until(lambda: "unsupported FastCGI protocol version: 0" in errors.read_text()), errors.read_text()
    for each in (front.folder / "usr/lib/cgi-bin/pid").read_text().split():
        assert until(lambda each=each: not alive(int(each)))


def test_an_nph_program(front):
    """Its status line is for a client, and nginx is none: it becomes a Status."""
    answer = front.get("/cgi-bin/nph-teapot")
    assert (answer.status, answer.header("X-Kind"), answer.body) == (418, "pot", b"short and stout")
    assert front.get("/cgi-bin/nph-chunks").status == 502
    front.server.wait_log("nph-chunks: the program prints its response in chunks")
