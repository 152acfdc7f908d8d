"""What people complain of in fcgiwrap and its kin, behind nginx with cgisrv in its place.

Of the twenty, these have no test here: a chunked push of git and a request's variables for it (5, 6) are
in test_behind_web_servers.py, and that the ground is vanishing (20) is nothing that a test could show.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from support import client
from support.fronts import KINDS, Front
from support.migration import Folder, Peer, free_port, nginx_configuration, start_nginx
from support.passwords import ALICE
from support.processes import alive
from support.programs import ENVIRONMENT, PLAIN, environment_of
from support.server import Server, finish
from support.waiting import until
from support.warm import LOG, Warm

pytestmark = pytest.mark.skipif(not os.path.exists(KINDS["nginx"].program), reason="nginx is not installed")
WAITS = "echo $$ > {folder}/run/$QUERY_STRING; until [ -e {folder}/go ]; do sleep 0.02; done\n"
PROGRAMS = {
    "few/waits": PLAIN + WAITS + "echo done\n",
    "each/waits": PLAIN + WAITS + "echo done\n",
    "quick": f"{PLAIN}echo quick\n",
    "late/hangs": "#!/bin/sh\n" + WAITS,
    "stays": PLAIN + WAITS,
    "finishes/stays": PLAIN + WAITS + "touch {folder}/finished\n",
    "dies": "#!/bin/sh\nkill -9 $$\n",
    "leaves-a-child": f"{PLAIN}(until [ -e {{folder}}/go ]; do sleep 0.02; done) & echo done\n",
    "talks": "#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' '\\n' >&2\n" + PLAIN.split("\n", 1)[1] + "echo done\n",
    "no-shebang": "echo hello\n",
    "length": "#!/bin/sh\nprintf 'Content-Length: 5\\n\\nhello'\n",
    "lines": "#!/bin/sh\nprintf 'Status: 201 Made\\nX-Field: a\\n\\nbody'\n",
    "descriptors": f"{PLAIN}ls /proc/self/fd; cat; echo end\n",
    "warm/count.py": "#!/usr/bin/python3\nprint('Content-Type: text/plain\\n')\nprint('hello')\n",
}
CONFIG = """
[server]
workers = 2
user = "root"
[[listen]]
address = "unix:{folder}/run/cgisrv"
protocol = "fastcgi"
mode = "0666"
[cgi]
grace = "100ms"
[[site]]
root = "{folder}/www"
[[site.location]]
match = "/"
cgi = true
[[site.location]]
match = "/few/"
cgi = true
max_running = 2
queue = { size = 0 }
[[site.location]]
match = "/each/"
cgi = true
max_running_per_client = 1
queue = { size = 0 }
[[site.location]]
match = "/late/"
cgi = true
header_timeout = "200ms"
[[site.location]]
match = "/finishes/"
cgi = true
on_disconnect = "finish"
[[site.location]]
match = "/warm/"
cgi = true
start = "warm"
"""
NGINX = """
server {{
  listen 80;
  root {folder}/www;
  location / {{
    include /etc/nginx/fastcgi_params;
    fastcgi_param REMOTE_USER "";
    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
    fastcgi_buffering off;
    fastcgi_pass unix:{folder}/run/cgisrv;
  }}
  location = /hello.txt {{ }}
}}
"""


@pytest.fixture(scope="module")
def front(request: pytest.FixtureRequest, compile_c) -> Iterator[Front]:
    folder = Folder()
    for name in ("run", "var/log/nginx"):
        (folder / name).mkdir(parents=True)
    for name, text in PROGRAMS.items():
        folder.file(f"www/{name}", text.replace("{folder}", str(folder.path)), 0o755)
    folder.file("www/env", compile_c(ENVIRONMENT).read_bytes(), 0o755)
    folder.file("www/hello.txt", "hello")
    config = LOG.format(log=folder / "access.log") + CONFIG.replace("{folder}", str(folder.path))
    port = free_port()
    file = nginx_configuration(folder, port, NGINX.format(folder=folder.path))
    folder.give_away()
    if os.geteuid() != 0:
        config = config.replace('user = "root"\n', "")
    server = Server(["-c", str(folder.file("cgisrv.toml", config))], folder / "server")
    peer = Peer(folder, port)
    start_nginx(peer, file)
    peer.wait()
    yield Front("nginx", folder, [server], peer)
    peer.stop()
    finish(server, request.node)
    folder.remove()


@contextlib.contextmanager
def waiting(front: Front, path: str, *names: str, source: str | None = None) -> Iterator[list[int]]:
    """Requests for a program that waits; its process ids. Left, they are answered."""
    with contextlib.ExitStack() as stack:
        asked = [stack.enter_context(client.Connection(("127.0.0.1", front.peer.port), source=source))
                 for _ in names]
        for name, connection in zip(names, asked, strict=True):
            connection.send(client.head("GET", f"{path}?{name}"))
        yield [pid_of(front, name) for name in names]
        (front.folder / "go").touch()
        for connection in asked:
            assert b"done" in connection.read_response().body
    (front.folder / "go").unlink()


def pid_of(front: Front, name: str) -> int:
    file = front.folder / f"run/{name}"
    return int(until(lambda: file.exists() and file.read_text().strip()))


def test_1_2_3_4_8_a_program_has_its_places_and_no_more(front):
    """Neither a crawler nor a program that is stuck takes them from others; who finds none is told at once."""
    with waiting(front, "/few/waits", "a", "b"):
        refused = front.get("/few/waits?c")
        assert refused.status == 503 and int(refused.header("Retry-After")) > 0
        assert not (front.folder / "run/c").exists()
        assert front.get("/quick").text == "quick\n"
        assert front.get("/hello.txt").text == "hello"


def test_4_a_client_has_its_places_and_no_more(front):
    with waiting(front, "/each/waits", "d"):
        assert front.get("/each/waits?e").status == 503
        with waiting(front, "/each/waits", "f", source="127.0.0.2"):
            pass
        (front.folder / "go").touch()


def test_7_15_what_hangs_is_ended(front):
    assert front.get("/late/hangs?g").status == 504
    assert until(lambda: not alive(pid_of(front, "g")))


def test_15_a_client_that_leaves_ends_its_program_unless_it_is_to_finish(front):
    for path, name in (("/stays", "h"), ("/finishes/stays", "i")):
        with client.Connection(("127.0.0.1", front.peer.port)) as connection:
            connection.send(client.head("GET", f"{path}?{name}"))
            pid_of(front, name)
    assert until(lambda: not alive(pid_of(front, "h")))
    (front.folder / "go").touch()
    assert until((front.folder / "finished").exists)
    (front.folder / "go").unlink()


def test_9_who_dies_is_replaced(front):
    assert front.get("/dies").status == 502
    front.server.wait_log("signal 9|SIGKILL")
    assert front.get("/quick").status == 200


def test_10_a_child_that_holds_the_output_holds_up_nobody(front):
    assert front.get("/leaves-a-child").text == "done\n"
    (front.folder / "go").touch()
    assert until(lambda: not front.server.left_behind() and not front.server.programs())
    (front.folder / "go").unlink()


def test_11_12_standard_error_and_a_body_that_is_not_read_hang_nothing(front):
    assert front.get("/talks").text == "done\n"
    assert front.ask("POST", "/quick", body=bytes(900_000)).text == "quick\n"


def test_13_errors_are_told(front):
    front.server.checkpoint()
    assert front.get("/no-shebang").status == 502
    front.server.wait_log(r"502: .*/www/no-shebang.*#!")


def test_14_what_is_printed_is_sent_at_once(front):
    """The head alone, too: nginx would keep one whose record is padded."""
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("GET", "/stays?j"))
        assert connection.read_head().status == 200  # while it waits
        assert alive(pid_of(front, "j"))


def test_16_a_length_that_was_said_arrives_and_lines_may_end_in_lf(front):
    answer = front.get("/length")
    assert (answer.header("Content-Length"), answer.body) == ("5", b"hello")
    made = front.get("/lines")
    assert (made.status, made.header("X-Field"), made.body) == (201, "a", b"body")


def test_17_nobody_is_who_they_say(front):
    env = environment_of(front.get("/env", [*ALICE, ("Remote-User", "root"), ("Proxy", "http://evil/")]))
    assert not {"REMOTE_USER", "AUTH_TYPE", "HTTP_AUTHORIZATION", "HTTP_PROXY"} & set(env)


def test_18_all_variables_arrive_or_the_request_is_refused(front):
    fields = [(f"X-Field-{n}", str(n) * 60) for n in range(80)]
    env = environment_of(front.get("/env", fields))
    assert [env[f"HTTP_X_FIELD_{n}"] for n in range(80)] == [value for _, value in fields]
    many = [(f"X-Field-{n}", "v" * 200) for n in range(99)]
    assert front.get("/env", many).status == 431


def test_19_programs_inherit_nothing_and_their_input_ends(front):
    # ls has the folder open that it reads.
    assert front.ask("POST", "/descriptors", body=b"the body\n").text == "0\n1\n2\n3\nthe body\nend\n"
    assert front.get("/descriptors").text == "0\n1\n2\n3\nend\n"


def test_programs_start_warm(front):
    warm = Warm(front.server, front.folder / "access.log")
    front.server.address_override = ("127.0.0.1", front.peer.port)
    warm.boot("/warm/count.py")
    assert warm.how("/warm/count.py") == ["warm", "-"]


@pytest.mark.kills_worker
def test_9_a_worker_that_dies_is_replaced(front):
    first, *_ = workers = front.server.workers()
    os.kill(first, signal.SIGKILL)
    assert until(lambda: len(front.server.workers()) == len(workers) and first not in front.server.workers())
    for _ in range(8):
        assert front.get("/quick").text == "quick\n"
    front.server.checkpoint(settle=True)
