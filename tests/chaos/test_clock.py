"""The wall clock jumps, as it does when a machine finds its time server late: nothing may care."""

import contextlib
import ssl
import time
from email.utils import parsedate_to_datetime

import pytest

from support import client, tls
from support.clauses import clause
from support.client import head
from support.fault_injection import assert_well, no_spin
from support.passwords import ALICE, ENDLESS, QUICK, auth, basic, password_file
from support.stages import STAGES, Stages
from support.tls import Authority, site_keys
from support.waiting import until

HOUR = 3600
YEAR = 365 * 24 * HOUR


@clause("faults-clock")
@pytest.mark.parametrize("jump", [HOUR, -HOUR, YEAR, -YEAR, 30 * YEAR], ids=str)
def test_jump_in_the_middle_of_everything(serve, faults, site, jump):
    """No deadline is early or late, nobody is replaced, and the dates are the new ones."""
    stages = Stages(site)
    site.program("second.cgi", "#!/bin/sh\nsleep 1\nprintf 'Content-Type: text/plain\\n\\nx'\n")
    server = serve(limits='header_timeout = "2s"')
    worker, = server.workers()
    assert_well(server)  # the library has made its plan
    began = time.monotonic()
    held = {stage.name: stages.reach(server, stage)[0] for stage in STAGES}
    slow = server.connect()
    slow.send(head("GET", "/second.cgi"))
    faults.move_wall_clock(jump)
    with no_spin(server, server.pid, worker, per_second=1000):  # two clients are fed without end
        response = held["keep-alive"].request("GET", "/hello.txt")
        shown = parsedate_to_datetime(response.header("Date")).timestamp()
        assert abs(shown - (time.time() + jump)) < HOUR / 2
        assert slow.read_response().body == b"x"
        assert b" 408 " in held["in-head"].read_rest()
        assert time.monotonic() - began >= 2
    assert held["body-streaming"].silent(0.1)
    assert held["program-started"].silent(0.1)
    time.sleep(1)  # longer than between two heartbeats
    assert server.workers() == [worker]
    assert_well(server)
    faults.move_wall_clock(0)
    assert_well(server)
    assert held["keep-alive"].request("GET", "/hello.txt").body == b"hello"


@clause("faults-clock")
@pytest.mark.parametrize("jump", [YEAR, -YEAR], ids=str)
def test_jump_in_handshakes_and_checks_of_passwords(serve, faults, site, tmp_path, jump):
    """What has begun goes on, and who was let in stays so."""
    authority = Authority(tmp_path)
    site.file("quick/page.txt", "quick")
    site.file("slow/page.txt", "slow")
    rules = {name: auth(password_file(tmp_path / name, alice=value))
             for name, value in (("quick", QUICK), ("slow", ENDLESS))}
    server = serve(of_site=site_keys(authority.sign("site", "localhost")),
                   server='[[listen]]\naddress = "127.0.0.1:0"\n'
                          '[[listen]]\naddress = "127.0.0.1:0"\ntls = true\n',
                   rest="".join(f'[[site.location]]\nmatch = "/{name}/"\n{rule}\n'
                                for name, rule in rules.items()))
    secure = ("127.0.0.1", server.ports()[1])
    context = authority.context()
    assert server.get("/quick/page.txt", ALICE).status == 200
    begun = client.Connection(secure)
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = context.wrap_bio(received, sent, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    hello = sent.read()
    begun.send(hello[:100])
    waits = server.connect()
    waits.send(head("GET", "/slow/page.txt", ALICE))
    with tls.Connection(secure, context) as kept:
        assert kept.request("GET", "/hello.txt").body == b"hello"
        session = kept.tls.session
        faults.move_wall_clock(jump)
        assert kept.request("GET", "/hello.txt").body == b"hello"
    with tls.Connection(secure, context, session=session) as again:
        assert again.request("GET", "/hello.txt").body == b"hello"
    begun.send(hello[100:])
    is_done = False
    while not is_done:
        received.write(begun.socket.recv(65_536))
        with contextlib.suppress(ssl.SSLWantReadError):
            half.do_handshake()
            is_done = True
    assert server.get("/quick/page.txt", ALICE).status == 200
    assert server.get("/quick/page.txt", basic("alice", "guess")).status == 401
    assert waits.silent(0.5)
    begun.close()
    waits.close()
    faults.move_wall_clock(0)
    assert_well(server)


def test_file_from_the_future(serve, site):
    """As after a jump back: its Last-Modified is not past the Date (RFC 9110 section 8.8.2.1)."""
    site.file("new", "new", mtime=time.time() + YEAR)
    server = serve()
    response = server.get("/new")
    date, modified = (parsedate_to_datetime(response.header(name))
                      for name in ("Date", "Last-Modified"))
    assert modified <= date
    assert until(lambda: server.get("/new").status == 200)
