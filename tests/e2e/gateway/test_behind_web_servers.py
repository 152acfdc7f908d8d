"""cgisrv behind nginx, Apache, lighttpd and Caddy, as docs/behind-*.md configure both: real programs, and
what each web server does in its own way."""

from __future__ import annotations

import os
import random
import re
import select
import shutil
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest

from support import client
from support.drop_in import Place
from support.fronts import KINDS, Front, start_front, stop_front
from support.migration import Folder
from support.munin import write_munin
from support.nagios import NAGIOS_COMMAND, NAGIOS_COOKIE, write_nagios
from support.passwords import ALICE
from support.processes import alive
from support.programs import CAT, ENVIRONMENT, PLAIN, environment_of
from support.visitor import Visitor
from support.waiting import until

BODY = random.Random(1).randbytes(900_000)  # nginx takes no more unless it is told
DATA = random.Random(2).randbytes(2_000_000)  # past http.postBuffer: a body without length
LATER = time.time() // 300 * 300 + 6000
MAP = """MAP
  NAME "here" SIZE 40 30 EXTENT 0 0 4 3 IMAGETYPE "png"
  LAYER NAME "points" TYPE POINT STATUS DEFAULT
    FEATURE POINTS 2 2 END END
    CLASS STYLE COLOR 200 0 0 SIZE 5 END END
  END
END
"""
MORE = """
[cgi]
env = {{ NAGIOS_CGI_CONFIG = "{folder}/nagios/cgi.cfg", MUNIN_CONFIG = "{munin}", MAPSERVER_CONFIG_FILE = "{folder}/mapserver.conf" }}
"""


class Data:
    """What all web servers have behind them, in turn."""

    def __init__(self, compile_c):
        self.folder = Folder()
        self.place = Place(self.folder.path)
        self.visitor = Visitor(self.folder / "visitor")
        self.fill_programs(compile_c(ENVIRONMENT))
        self.fill_git()
        write_nagios(self.folder / "nagios")
        self.munin = write_munin(self.place)

    def fill_programs(self, environment: Path) -> None:
        programs = self.folder / "usr/lib/cgi-bin"
        shutil.copytree("/usr/lib/cgi-bin/nagios4", programs / "nagios4")
        for name, file in (("env", environment), ("mapserv", "/usr/lib/cgi-bin/mapserv")):
            shutil.copy(file, programs / name)
        go = self.folder / "go"
        for name, text in (
                ("cat", CAT), ("count", f"{PLAIN}wc -c\n"),
                ("dies", f"{PLAIN}echo part; until [ -e {go} ]; do sleep 0.05; done; kill -9 $$\n"),
                ("fails", "#!/bin/sh\necho broken >&2; exit 3\n"),
                ("to", "#!/bin/sh\nprintf 'Set-Cookie: a=1\\nLocation: /%s\\n\\n' \"$QUERY_STRING\"\n"),
                ("streams", f"{PLAIN}echo first; until [ -e {go} ]; do sleep 0.05; done; echo last\n"),
                ("stays", f"{PLAIN}while echo $$; do sleep 0.05; done\n"),
                ("../../../srv/www/hello.cgi", f"{PLAIN}echo $SCRIPT_NAME $PATH_INFO\n")):
            self.folder.file(f"usr/lib/cgi-bin/{name}", text, 0o755)
        self.folder.file("srv/www/hello.txt", "hello")
        self.folder.file("srv/maps/here.map", MAP)
        self.folder.file("mapserver.conf", "CONFIG\nEND\n")

    def fill_git(self) -> None:
        bare = self.folder / "srv/git/project.git"
        bare.parent.mkdir()
        for words in (("init", "-q", "--bare", "-b", "main", bare),
                      ("-C", bare, "config", "http.receivepack", "true"),
                      ("init", "-q", "-b", "main", "work"),
                      ("-C", "work", "commit", "-q", "--allow-empty", "-m", "the first"),
                      ("-C", "work", "push", "-q", bare, "main")):
            self.visitor.must("git", *words)
        self.folder.file("etc/cgitrc", f"virtual-root=/cgit/\nscan-path={bare.parent}\n")


@pytest.fixture(scope="module")
def data(compile_c) -> Iterator[Data]:
    data = Data(compile_c)
    yield data
    data.folder.remove()


@pytest.fixture(scope="module", params=KINDS)
def front(request: pytest.FixtureRequest, data: Data) -> Iterator[Front]:
    if not os.path.exists(KINDS[request.param].program):
        pytest.skip(f"{request.param} is not installed")
    front = start_front(request.param, data.folder, MORE.format(folder=data.folder.path, munin=data.munin))
    yield front
    stop_front(front, request.node)


def hear(connection: client.Connection, pattern: bytes) -> re.Match[bytes]:
    said = b""
    while not (found := re.search(pattern, said)):
        some = connection.read_some()
        assert some, said
        said += some
    return found


def test_variables(front, data):
    env = environment_of(front.get("/cgi-bin/env/more/a%20b?c=%20d", [("X-Field", "e"), ("Proxy", "evil")]))
    expected = {"SCRIPT_NAME": "/cgi-bin/env", "PATH_INFO": "/more/a b", "QUERY_STRING": "c=%20d",
                "SCRIPT_FILENAME": f"{data.folder.path}/usr/lib/cgi-bin/env", "REQUEST_METHOD": "GET",
                "REMOTE_ADDR": "127.0.0.1", "HTTP_X_FIELD": "e",
                "GATEWAY_INTERFACE": "CGI/1.1"}
    assert {name: env.get(name) for name in expected} == expected
    assert "HTTP_PROXY" not in env and "REMOTE_USER" not in env
    env = environment_of(front.get("/cgi-bin/env", [*ALICE]))
    assert env["SCRIPT_NAME"] == "/cgi-bin/env" and "PATH_INFO" not in env
    assert "REMOTE_USER" not in env and "HTTP_AUTHORIZATION" not in env


def test_a_response_that_is_cut(front, data):
    """The web server's client learns that there was more to come, but not from Caddy 2.6, which only logs it."""
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("GET", "/cgi-bin/dies", [("Connection", "close")]))
        hear(connection, b"part\n")
        (data.folder / "go").touch()
        looks_whole = connection.read_rest().endswith(b"0\r\n\r\n")
        assert looks_whole == (front.name == "caddy")
    (data.folder / "go").unlink()
    front.server.wait_log("dies: .*killed by signal 9")


def test_bodies(front):
    assert front.ask("HEAD", "/cgi-bin/env").body == b""
    assert front.ask("POST", "/cgi-bin/cat", body=BODY).body == BODY
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("POST", "/cgi-bin/cat", [("Transfer-Encoding", "chunked")])
                        + client.chunk(b"hello") + client.LAST_CHUNK)
        assert connection.read_response().body == b"hello"


def test_failures(front):
    assert front.get("/cgi-bin/none").status == 404
    front.server.checkpoint()
    assert front.get("/cgi-bin/fails").status == 502
    front.server.wait_log("exit status 3")


def test_a_local_redirect_is_the_web_servers(front):
    """It has rules of access, and paths, that cgisrv does not know."""
    for method, body in (("GET", b""), ("HEAD", b""), ("POST", b"x")):
        answer = front.ask(method, "/cgi-bin/to?elsewhere/x", body=body)
        assert (answer.status, answer.header("Location")) == (302, "/elsewhere/x"), answer
        assert answer.header("Set-Cookie") == "a=1" and answer.body == b""


@pytest.mark.parametrize("folder", ["cgi-bin", "scgi-bin"])
def test_an_answer_before_all_of_the_body(front, folder):
    """The client sends no more once it has been told of a failure, as curl does. Apache then waits for it
    before it reads on."""
    if (front.name, folder) == ("caddy", "scgi-bin"):
        pytest.skip("Caddy speaks no SCGI")
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("POST", f"/{folder}/none", [("Content-Length", str(len(BODY)))]))
        for at in range(10):
            connection.send(BODY[at:at + 1])
            if select.select([connection.socket], [], [], 0.05)[0]:
                break
        else:
            connection.send(BODY[10:])
        answer = connection.read_response()
    assert answer.status == 404 and answer.complete, answer


def test_a_program_is_heard_at_once(front, data):
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("GET", "/cgi-bin/streams"))
        hear(connection, rb"first\n")
        (data.folder / "go").touch()
        hear(connection, rb"last\n")
    (data.folder / "go").unlink()


def test_a_client_that_leaves_ends_its_program(front):
    """One that prints: Apache and lighttpd see that a client has left when they have something to send."""
    with client.Connection(("127.0.0.1", front.peer.port)) as connection:
        connection.send(client.head("GET", "/cgi-bin/stays"))
        pid = int(hear(connection, rb"\r\n\r\n(?:\w+\r\n)?(\d+)\n")[1])
    assert until(lambda: not alive(pid))


def test_one_command(front):
    assert front.get("/hello.cgi/more").text == "/hello.cgi /more\n"
    assert front.get("/hello.cgi").text == "/hello.cgi\n"


def test_scgi(front, data):
    if front.name == "caddy":
        assert b"Caddy speaks no SCGI" in Path("docs/behind-caddy.md").read_bytes()
        return
    env = environment_of(front.get("/scgi-bin/env/more?c"))
    assert (env["SCRIPT_NAME"], env["PATH_INFO"], env["QUERY_STRING"]) == ("/scgi-bin/env", "/more", "c")
    assert front.ask("POST", "/scgi-bin/cat", body=BODY).body == BODY


def test_git(front, data):
    visitor, url = data.visitor, f"http://127.0.0.1:{front.peer.port}/git/project.git"
    visitor.must("git", "clone", "-q", url, front.name)
    (visitor.home / front.name / "data").write_bytes(DATA + front.name.encode())
    for words in (("add", "."), ("commit", "-q", "-m", "data"),
                  ("push", "-q", "origin", f"main:{front.name}")):
        visitor.must("git", *words, cwd=front.name)
    visitor.must("git", "clone", "-q", "-b", front.name, url, f"{front.name}-2")
    assert (visitor.home / f"{front.name}-2/data").read_bytes() == DATA + front.name.encode()


def test_cgit(front):
    assert "project.git" in front.get("/cgit/").text
    log = front.get("/cgit/project.git/log/?q=first&qt=grep")
    assert log.status == 200 and "the first" in log.text, log


def test_nagios(front, data):
    status = "/cgi-bin/nagios4/status.cgi?host=all"
    assert front.get(status).status == 401
    page = front.get(status, ALICE)
    assert page.status == 200 and "no toner" in page.text, page
    fifo = os.open(data.folder / "nagios/nagios.cmd", os.O_RDWR | os.O_NONBLOCK)
    try:
        done = front.ask("POST", "/cgi-bin/nagios4/cmd.cgi", [
            *ALICE, ("Cookie", NAGIOS_COOKIE), ("Content-Type", "application/x-www-form-urlencoded")],
            NAGIOS_COMMAND)
        assert "successfully submitted" in done.text, done
        assert b"SCHEDULE_FORCED_HOST_CHECK;printer" in os.read(fifo, 10000)
    finally:
        os.close(fifo)


def test_munin(front, data):
    target = "/munin-cgi/munin-cgi-graph/localdomain/machine.example/load-day.png"
    picture = front.get(target)
    assert picture.status == 200 and picture.body.startswith(b"\x89PNG") and picture.complete, picture
    front.server.settle_warm()
    drawn, = (data.folder / "munin/tmp").rglob("load-day.png")
    os.utime(drawn, (LATER, LATER))  # as if the next period's data were in it
    again = front.get(target, [("If-Modified-Since", formatdate(LATER, usegmt=True))])
    assert (again.status, again.body) == (304, b"")
    assert front.get(target.replace("machine", "none")).status == 404


def test_mapserver(front):
    picture = front.get("/cgi-bin/mapserv?mode=map")
    assert picture.header("Content-Type") == "image/png" and picture.body.startswith(b"\x89PNG"), picture
