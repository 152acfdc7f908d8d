"""Requests by SCGI, and web servers that misbehave in it."""

from __future__ import annotations

import pytest

from support import scgi
from support.fastcgi import of_file, of_url
from support.processes import alive
from support.programs import PLAIN, environment_of
from support.scgi import Connection, head
from support.waiting import until

CAT = "/cgi-bin/cat.cgi"


@pytest.fixture
def door(shared, shared_site) -> str:
    return f"{shared_site.root}.scgi"


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_file_a_program_and_an_error(door, size):
    page = scgi.ask(door, of_url("/page.html"), size=size)
    assert page.body == b"the page" and page.header("Content-Length") == "8"
    assert scgi.ask(door, of_url(CAT, "POST"), b"the body" * 9, size).body == b"the body" * 9
    assert scgi.ask(door, of_url("/none"), size=size).status == 404


def test_large_bodies_and_files(door):
    body = bytes(range(256)) * 4000
    assert scgi.ask(door, of_url(CAT, "POST"), body).body == body
    assert scgi.ask(door, of_url("/large")).body == body


def test_what_a_program_is_told(door, shared_site):
    file = f"{shared_site.root}.outside/env"
    env = environment_of(scgi.ask(door, of_file(file, "/x/env", REMOTE_USER="alice")))
    assert env["SCRIPT_FILENAME"] == file and env["REMOTE_USER"] == "alice"
    assert env["REMOTE_ADDR"] == "192.0.2.7" and "SCGI" not in env


@pytest.mark.parametrize("wrong", [
    b"GET / HTTP/1.1\r\n\r\n", b"5;", b"01:a,", b"1:x;", b"0:,", b"7:SCGI\0001\0,", b"3:a\0b,",
    head(of_url("/page.html"))[:-1] + b";"], ids=range(8))
def test_what_is_no_scgi_is_closed(door, wrong):
    with Connection(door) as there:
        there.send(wrong)
        assert there.rest() == b""


def test_wrong_lengths_and_limits(door):
    with Connection(door) as there:
        there.send(b"999999:")
        assert b"Status: 431" in there.rest()
    with Connection(door) as there:
        there.send(head(of_url(CAT, "POST"), 3) + b"more than that")
        assert b"Status: 400" in there.rest()
    with Connection(door) as there:
        there.send(head(of_url("/page.html"), "x"))
        assert b"Status: 400" in there.rest()


def test_death_at_each_byte_harms_nobody(door, shared):
    whole = head(of_url(CAT, "POST"), 4) + b"body"
    for size in range(0, len(whole), 3):
        with Connection(door) as there:
            there.send(whole[:size])
    assert scgi.ask(door, of_url("/page.html")).status == 200
    assert until(lambda: not shared.programs())


def test_a_web_server_that_leaves_ends_its_program(door, shared_site):
    pid = shared_site.root / "pid3"
    shared_site.program("cgi-bin/stays3.cgi", f"{PLAIN}echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600\n")
    with Connection(door) as there:
        there.send(head(of_url("/cgi-bin/stays3.cgi")))
        assert until(pid.exists)
    assert until(lambda: not alive(int(pid.read_text())))
