"""HAProxy's agent-check, by plain sockets and by the real one, and what `cgisrv haproxy-config` prints."""

import contextlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.admin import Admin, admin_site, under_way
from support.agent import address_of_agent, ask
from support.binary import BINARY
from support.client import Connection, head
from support.configuration import cgi_site
from support.control import control
from support.haproxy import accepts, haproxy, with_haproxy
from support.migration import free_port
from support.programs import PLAIN
from support.site import Site, compile_into
from support.tls import site_keys
from support.waiting import until


def weight(line: str) -> int:
    found = re.fullmatch(r"up ready (\d+)%", line)
    assert found, line
    return int(found[1])


@pytest.fixture
def short():
    """A folder whose name fits into the address of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-lb-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_weight_falls_with_what_runs_and_waits(with_admin, site):
    """Whatever else the machine does, that is at most as much as all places taken."""
    admin = with_admin(admin='agent = "127.0.0.1:0"', cgi="max_running = 1")
    agent = address_of_agent(admin)
    assert weight(ask(agent)) >= 50
    with under_way(admin.server, 4) as connections:
        assert until(lambda: admin.json()["admission"]["waiting"] == 3)
        assert until(lambda: weight(ask(agent)) <= 25, 60)
        site.file("go", "")
        assert [each.read_response().status for each in connections] == [200] * 4
    assert until(lambda: weight(ask(agent)) >= 50, 60)


def test_weight_rises_as_programs_become_warm(with_admin, site):
    """Or with time, whichever is sooner."""
    site.program("warm.cgi", "#!/usr/bin/perl\nprint qq(Content-Type: text/plain\n\nwarm);\n")
    admin = with_admin(admin='agent = "127.0.0.1:0"', cgi='start = "warm"')
    agent = address_of_agent(admin)
    first = weight(ask(agent))
    assert first <= 100 * max(0.1, admin.json()["server"]["uptime_seconds"] / 60) + 3
    assert admin.server.get("/warm.cgi").text == "warm"
    assert until(lambda: any(program["zygotes"] for program in admin.json()["programs"]))
    admin.server.settle_warm()
    assert weight(ask(agent)) >= 50


def test_states(with_admin, site):
    admin = with_admin(admin='agent = "127.0.0.1:0"', server='drain_delay = "10m"')
    agent = address_of_agent(admin)
    control(admin.server, "drain")
    assert ask(agent) == "up drain #drained by the administrator"
    control(admin.server, "drain", "--maintenance")
    assert ask(agent) == "up maint #drained by the administrator, for maintenance"
    control(admin.server, "undrain")
    assert ask(agent).startswith("up ready ")
    admin.server.signal(signal.SIGSTOP)
    try:
        assert until(lambda: ask(agent).startswith("down #the master has shown no sign of life"))
    finally:
        admin.server.signal(signal.SIGCONT)
    admin.server.signal(signal.SIGQUIT)
    assert until(lambda: ask(agent) == "up drain #leaving")
    with under_way(admin.server, 1) as (connection,):
        assert until(lambda: admin.json()["admission"]["running"] == 1)
        admin.server.signal(signal.SIGQUIT)
        assert until(lambda: ask(agent) == "down #finishing")
        site.file("go", "")
        assert connection.read_response().status == 200
    assert admin.server.popen.wait(25) == 0


def test_clients_that_do_not_go_hold_up_nobody(with_admin, short):
    """Nor those that send something; by a unix socket too, and over a reload."""
    admin = with_admin(admin=f'agent = "unix:{short}/agent"')
    agent = address_of_agent(admin)
    with contextlib.ExitStack() as silent:
        for _ in range(100):
            connection = silent.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(agent)
        assert weight(ask(agent, b"cgisrv\n" * 2000)) >= 50
    assert control(admin.server, "reload").returncode == 0
    admin.server.checkpoint(settle=True)
    assert weight(ask(agent)) >= 50


def lines_for(admins: list[Admin]) -> list[str]:
    return [f"server s{i} 127.0.0.1:{admin.server.port} weight 100 check inter 100ms "
            f"port {admin.address[1]} agent-check agent-inter 100ms "
            f"agent-port {address_of_agent(admin)[1]}" for i, admin in enumerate(admins)]


@with_haproxy
def test_haproxy_obeys(start, tmp_path, short):
    admins = []
    for name in ("one", "two"):
        own = Site(tmp_path / name, compile_into(tmp_path))
        own.program("name.cgi", PLAIN + f"echo {name}\n")
        admins.append(Admin(start(config=admin_site(own.root, admin='agent = "127.0.0.1:0"'))))

    def names(count: int = 20) -> set[str]:
        found = set()
        for _ in range(count):
            with Connection(proxy.web) as connection:
                answer = connection.request("GET", "/name.cgi")
                assert answer.status == 200
                found.add(answer.text.strip())
        return found

    with haproxy(short, "option httpchk GET /readyz", *lines_for(admins)) as proxy:
        assert until(lambda: set(proxy.column("status").values()) == {"UP"})
        assert until(lambda: set(proxy.column("last_agt").values()) == {"via agent : up"})
        assert all(50 <= int(each) <= 100 for each in proxy.column("weight").values())
        assert names() == {"one", "two"}
        control(admins[0].server, "drain")
        assert until(lambda: proxy.column("status")["s0"].startswith(("DRAIN", "DOWN")))
        before = proxy.column("stot")["s0"]
        assert names() == {"two"} and proxy.column("stot")["s0"] == before
        control(admins[0].server, "undrain")
        assert until(lambda: proxy.column("status")["s0"] == "UP")
        assert names() == {"one", "two"}
        control(admins[0].server, "drain", "--maintenance")
        assert until(lambda: proxy.column("status")["s0"].startswith("MAINT"))
        assert names() == {"two"}
        control(admins[0].server, "undrain")
        assert until(lambda: proxy.column("status")["s0"] == "UP")
        assert names() == {"one", "two"}


# What HAProxy needs.

ADMIN = '[admin]\nlisten = ":9180"\nagent = ":9181"\n'
TRUSTED = 'trusted_proxies = ["127.0.0.1"]\n'


def configuration(folder: Path, *, server: str = "", listen: str = 'address = ":8080"', admin: str = ADMIN,
                  location: str = "", drain_delay: str = "10s") -> Path:
    (folder / "site").mkdir(exist_ok=True)
    file = folder / "cgisrv.toml"
    file.write_text(f'[server]\ndrain_delay = "{drain_delay}"\n{server}\n[[listen]]\n{listen}\n{admin}\n[[site]]\nroot = "{folder}/site"\n'
                    f'[[site.location]]\nmatch = "*.cgi"\ncgi = true\n{location}\n')
    return file


def backend_of(file: Path) -> tuple[str, str, str]:
    """Its text, the words of its server, and the notes."""
    done = subprocess.run([BINARY, "haproxy-config", "-c", file, "--address", "192.0.2.1", "--name", "one"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done
    return done.stdout, re.search(r"^  server (.*)$", done.stdout, re.MULTILINE)[1], done.stderr


CASES = {
    "everything": ({"server": TRUSTED},
                   "one 192.0.2.1:8080 maxconn 256 check inter 2s fall 2 rise 1 port 9180 agent-check "
                   "agent-inter 2s agent-port 9181", []),
    "fixed places": ({"server": TRUSTED, "location": "max_running = 8"}, "maxconn 10 ", []),
    "no more than all together": ({"server": TRUSTED + "max_running = 100"}, "maxconn 100 ", []),
    "no more than the queue takes": ({"server": TRUSTED, "location": "queue = { size = 20 }"},
                                     "maxconn 20 ", []),
    "without a queue": ({"server": TRUSTED, "location": "max_running = 8\nqueue = { size = 0 }"},
                        "maxconn 8 ", []),
    "a proxy's header": ({"server": TRUSTED, "listen": 'address = ":8080"\nproxy_protocol = true'},
                         " send-proxy-v2", ["request_ids = true"]),
    "a proxy that names requests": ({"server": TRUSTED, "listen": 'address = ":8080"\nproxy_protocol = true\n'
                                                                  'request_ids = true'}, " send-proxy-v2", []),
    "gone before HAProxy notices": ({"server": TRUSTED, "drain_delay": "4s"}, "one ", ['drain_delay = "10s"']),
    "without anybody to ask": ({"server": TRUSTED, "admin": ""}, "check inter 2s fall 2 rise 1",
                               ['listen = ":9180"', 'agent = ":9181"']),
    "nobody trusted": ({}, "one ", ["trusted_proxies ="]),
    "this machine alone": ({"server": TRUSTED, "listen": 'address = "127.0.0.1:8080"',
                            "admin": '[admin]\nlisten = "127.0.0.1:9180"\nagent = "127.0.0.1:9181"'},
                           "one 127.0.0.1:8080 maxconn 256 check inter 2s fall 2 rise 1 addr 127.0.0.1 "
                           "port 9180 agent-check agent-inter 2s agent-port 9181 agent-addr 127.0.0.1",
                           ["a HAProxy on another machine does not reach"] * 3),
    "IPv6": ({"server": TRUSTED, "listen": 'address = "[::1]:8080"',
              "admin": '[admin]\nlisten = "[::1]:9180"\nagent = "[::1]:9181"'},
             " addr [::1] port 9180 agent-check agent-inter 2s agent-port 9181 agent-addr [::1]",
             ["does not reach"] * 3),
    "unix sockets": ({"server": 'trusted_proxies = ["unix"]', "listen": 'address = "unix:/run/x.sock"',
                      "admin": '[admin]\nlisten = "unix:/run/y.sock"\nagent = "unix:/run/z.sock"'},
                     "one unix@/run/x.sock maxconn", ["no unix socket for /readyz", "agent ="]),
    "of a service manager": ({"server": TRUSTED, "listen": 'address = "fd:http"'}, "one 192.0.2.1:80 ",
                             ['"fd:http" is not known here']),
}


@with_haproxy
@pytest.mark.parametrize("name", CASES)
def test_haproxy_takes_what_is_printed_for_it(tmp_path, name):
    sections, words, lacking = CASES[name]
    text, server, notes = backend_of(configuration(tmp_path, **sections))
    assert words in server
    assert notes.count("note: ") >= len(lacking) and all(each in notes for each in lacking), notes
    assert lacking or not notes, notes
    assert not accepts(tmp_path, text)


@with_haproxy
@pytest.mark.parametrize("more, names", [("", True), ("proxy_protocol = true", False),
                                         ("proxy_protocol = true\nrequest_ids = true", True)])
def test_haproxy_names_requests_where_it_may(tmp_path, more, names):
    text = backend_of(configuration(tmp_path, server=TRUSTED, listen=f'address = ":8080"\n{more}'))[0]
    assert ("  http-request set-header X-Request-ID %[unique-id]\n" in text) == names
    assert not accepts(tmp_path, text)


@with_haproxy
def test_haproxy_takes_what_is_printed_for_tls(tmp_path, authority):
    pair = site_keys(authority.sign("site", "site.example"))
    file = configuration(tmp_path, server=TRUSTED, listen='address = ":8443"\ntls = true', admin=ADMIN + pair)
    file.write_text(file.read_text().replace("[[site]]\n", f"[[site]]\n{pair}"))
    text, server, notes = backend_of(file)
    assert " ssl verify required ca-file @system-ca sni req.hdr(host)" in server and " check-ssl" in server
    assert not notes and not accepts(tmp_path, text)


def test_limits_of_time_are_beyond_the_servers_own(tmp_path):
    file = configuration(tmp_path, location='header_timeout = "2m"\nqueue = { timeout = "20s" }')
    text = backend_of(file)[0]
    assert "  timeout server 145s\n" in text and "  timeout queue 20s\n" in text
    file = configuration(tmp_path, location='idle_timeout = "unlimited"')
    assert "  timeout server 1d\n" in backend_of(file)[0]


def test_a_web_servers_listener_is_not_for_haproxy(tmp_path):
    file = configuration(tmp_path, listen='address = "unix:/run/x.sock"\nprotocol = "fastcgi"')
    done = subprocess.run([BINARY, "haproxy-config", "-c", file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (78, "") and "no [[listen]] speaks HTTP" in done.stderr


@with_haproxy
def test_behind_it_a_program_ends_with_its_client_and_who_has_left_is_not_served(start, short, site):
    """By the backend as it is printed: one place, three requests whose clients have left, and one that stays."""
    port = free_port()
    site.program("note.cgi", PLAIN + f'echo "$QUERY_STRING" >>{short}/begun\n[ "$QUERY_STRING" = last ] || exec sleep 600\n')
    server = start(config=cgi_site(site.root, server=f'max_running = 1\n{TRUSTED}\n[[listen]]\naddress = "127.0.0.1:{port}"',
                                   cgi='timeout = "unlimited"'))
    (short / "begun").touch(mode=0o666)
    made = subprocess.run([BINARY, "haproxy-config", "-c", server.temporary.parent / "cgisrv.toml", "--address",
                           "127.0.0.1"], capture_output=True, text=True)
    assert made.returncode == 0, made
    backend = re.sub(r" maxconn \d+", " maxconn 1", made.stdout)
    [needed] = re.findall(r"^# `(.*)` belongs into `defaults`", made.stdout, re.MULTILINE)
    with haproxy(short, backend=backend.replace("%[unique-id]", "%[uuid()]"), defaults=needed) as driven:
        def ask(query: str) -> Connection:
            connection = Connection(driven.web)
            connection.send(head("GET", f"/note.cgi?{query}"))
            return connection

        def queued() -> int:
            return int(driven.rows("cgisrv")["BACKEND"]["qcur"])

        gone = [ask("first")]
        assert until(lambda: (short / "begun").read_text() == "first\n")
        gone += [ask("second"), ask("third")]
        assert until(lambda: queued() == 2)
        last = ask("last")
        assert until(lambda: queued() == 3)
        for connection in gone[1:]:
            connection.close()
        assert until(lambda: queued() == 1)
        gone[0].close()
        assert last.read_response().status == 200
        last.close()
    assert (short / "begun").read_text() == "first\nlast\n"
