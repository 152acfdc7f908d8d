"""Requests by FastCGI: what comes of them, records in any form, and web servers that misbehave."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import fastcgi
from support.fastcgi import (COMPLETE, CONTENT_MAX, OVERLOADED, UNKNOWN_ROLE, Connection, Role, Type,
                             asks, begin, of_url, own_site, pairs, record, stream)
from support.processes import alive
from support.programs import PLAIN, environment_of
from support.waiting import until

CAT = "/cgi-bin/cat.cgi"


def sent(path: str, body: bytes, *, announced: int | None = None, **more: str) -> dict[str, str]:
    return of_url(path, "POST", CONTENT_LENGTH=str(len(body) if announced is None else announced), **more)


# A request and its answer.


def test_a_file_a_program_and_an_error(front):
    with Connection(front) as there:
        page = there.ask(of_url("/page.html"), keep=True)
        assert page.status == 200 and page.body == b"the page"
        assert page.header("Content-Length") == "8"
        assert not page.header("Date") and not page.header("Server"), "the web server has its own"
        assert there.ask(sent(CAT, b"body"), b"body", keep=True).body == b"body"
        assert there.ask(of_url("/none"), keep=True).status == 404
        assert there.ask(of_url("/page.html", "HEAD"), keep=True).body == b""
        large = there.ask(of_url("/large"))
        assert large.body == bytes(range(256)) * 4000
        assert there.is_closed()


def test_what_a_program_is_told(front):
    env = environment_of(fastcgi.ask(front, of_url(
        "/cgi-bin/env.cgi/more?a=b", HTTP_X_FORWARDED_FOR="203.0.113.9", HTTP_COOKIE="a=1", HTTPS="on",
        REMOTE_USER="alice", AUTH_TYPE="Digest", GIT_PROJECT_ROOT="/srv/git", CONFIGURED="there",
        LD_PRELOAD="/tmp/x.so", HTTP_PROXY="http://evil", DOCUMENT_ROOT="/elsewhere")))
    expected = {
        "REQUEST_METHOD": "GET", "REQUEST_URI": "/cgi-bin/env.cgi/more?a=b", "QUERY_STRING": "a=b",
        "SCRIPT_NAME": "/cgi-bin/env.cgi", "PATH_INFO": "/more", "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "4711", "SERVER_ADDR": "192.0.2.1", "SERVER_PORT": "80", "HTTPS": "on",
        "SERVER_NAME": "front.example", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
        "HTTP_X_FORWARDED_FOR": "203.0.113.9", "HTTP_COOKIE": "a=1", "REMOTE_USER": "alice",
        "AUTH_TYPE": "Digest", "GIT_PROJECT_ROOT": "/srv/git", "CONFIGURED": "here",
        "DOCUMENT_URI": "/cgi-bin/env.cgi/more"}
    assert {name: env.get(name) for name in expected} == expected
    assert not {"LD_PRELOAD", "HTTP_PROXY", "FCGI_ROLE", "CONTENT_LENGTH"} & env.keys()


def test_the_log_has_the_client_of_the_web_server(front, shared):
    fastcgi.ask(front, of_url("/page.html?logged", SERVER_PROTOCOL="HTTP/2.0", REMOTE_USER="alice"))
    shared.wait_log(r'^192\.0\.2\.7 - alice .*"GET /page.html\?logged HTTP/2.0" 200 8 ')


@pytest.mark.parametrize("length", ["known", "unknown"])
def test_a_body_of_any_length(front, length):
    body = bytes(range(256)) * 2000
    params = sent(CAT, body)
    if length == "unknown":
        params["CONTENT_LENGTH"] = ""
    assert fastcgi.ask(front, params, body).body == body


def test_no_body_is_no_body(front):
    env = environment_of(fastcgi.ask(front, of_url("/cgi-bin/env.cgi", CONTENT_LENGTH="")))
    assert "CONTENT_LENGTH" not in env
    env = environment_of(fastcgi.ask(front, of_url("/cgi-bin/env.cgi", CONTENT_LENGTH="0")))
    assert env["CONTENT_LENGTH"] == "0"


def test_rules_of_access_ask_for_the_client_of_the_web_server(front):
    assert fastcgi.ask(front, of_url("/local/x.cgi")).status == 403
    assert fastcgi.ask(front, of_url("/local/x.cgi", REMOTE_ADDR="127.0.0.1")).status == 200
    assert fastcgi.ask(front, of_url("/local/x.cgi", REMOTE_ADDR="")).status == 403


# Records.


@pytest.mark.parametrize("size", [1, 3, 8, 1000])
def test_records_come_in_pieces(front, size):
    with Connection(front) as there:
        there.send_pieces(asks(sent(CAT, b"x" * 99), b"x" * 99), size)
        assert there.answer().response.body == b"x" * 99


def test_streams_come_in_records_of_any_size(front):
    body = b"0123456789" * 20
    params = pairs(sent(CAT, body))
    with Connection(front) as there:
        there.send(begin(), stream(Type.PARAMS, params, size=1), stream(Type.STDIN, body, size=7))
        assert there.answer().response.body == body


def test_lengths_and_padding_at_their_limits(front):
    body = b"y" * (CONTENT_MAX + 1)
    params = sent(CAT, body, X127="a" * 127, X128="b" * 128, **{"X" * 200: "c"})
    with Connection(front) as there:
        there.send(begin(), record(Type.PARAMS, pairs(params), padding=255), record(Type.PARAMS, padding=255),
                   record(Type.STDIN, body[:CONTENT_MAX], padding=1), record(Type.STDIN, b"y", padding=7),
                   record(Type.STDIN, padding=255))
        assert there.answer().response.body == body


def test_requests_that_begin_together_have_the_time_of_programs(start, site):
    """However short that of a connection's first head is: it has come."""
    site.program("late.cgi", f"#!/bin/sh\nwhile [ ! -e {site.root}/go ]; do sleep 0.05; done\n"
                 "printf 'Content-Type: text/plain\\n\\nlate\\n'\n")
    start(config=own_site(site.root, '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n',
                          '[limits]\nheader_timeout = "1s"'))
    with Connection(f"{site.root}.fcgi") as there:
        there.send(asks(of_url("/late.cgi"), request=1, keep=True), asks(of_url("/late.cgi"), request=2, keep=True))
        there.socket.settimeout(1.5)  # nothing comes, and above all no end
        with pytest.raises(TimeoutError):
            there.socket.recv(1)
        there.socket.settimeout(60)
        site.file("go", "")
        assert [there.answer(each).response.body for each in (1, 2)] == [b"late\n"] * 2


def test_several_requests_at_a_time(front, shared_site):
    shared_site.program("cgi-bin/late.cgi",
                        f"{PLAIN}while [ ! -e {shared_site.root}/go ]; do sleep 0.05; done; echo late\n")
    with Connection(front) as there:
        there.send(asks(of_url("/cgi-bin/late.cgi"), request=7, keep=True),
                   begin(65535, keep=True), asks(sent(CAT, b"one"), b"one", request=2, keep=True),
                   stream(Type.PARAMS, pairs(sent(CAT, b"two")), 65535),
                   asks(of_url("/page.html"), request=3, keep=True))
        assert there.answer(3).response.body == b"the page"
        assert there.answer(2).response.body == b"one"
        there.send(stream(Type.STDIN, b"two", 65535))
        assert there.answer(65535).response.body == b"two"
        shared_site.file("go", "")
        assert there.answer(7).response.body == b"late\n"


def test_an_aborted_request_ends_its_program(front, shared_site):
    pid = shared_site.root / "pid"
    shared_site.program("cgi-bin/stays.cgi", f"{PLAIN}echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600\n")
    with Connection(front) as there:
        there.send(asks(of_url("/cgi-bin/stays.cgi"), keep=True))
        assert until(pid.exists)
        there.send(record(Type.ABORT_REQUEST))
        assert there.answer().status == COMPLETE
        assert until(lambda: not alive(int(pid.read_text())))
        assert there.ask(of_url("/page.html"), keep=True).status == 200, "the connection goes on"
        there.send(*[record(Type.ABORT_REQUEST)] * 3, begin(), record(Type.ABORT_REQUEST))
        assert there.answer().stdout == b"", "it had not even begun"


def test_a_web_server_that_leaves_ends_its_programs(front, shared_site):
    pid = shared_site.root / "pid2"
    shared_site.program("cgi-bin/stays2.cgi", f"{PLAIN}echo $$ > {pid}.new; mv {pid}.new {pid}; sleep 600\n")
    with Connection(front) as there:
        there.send(asks(of_url("/cgi-bin/stays2.cgi"), keep=True))
        assert until(pid.exists)
    assert until(lambda: not alive(int(pid.read_text())))


def test_standard_error_where_it_is_asked_for(front, shared_site):
    shared_site.program("cgi-bin/complains.cgi", f"#!/bin/sh\necho first >&2\n{PLAIN}echo body\necho last >&2\n")
    with Connection(f"{shared_site.root}.told") as told, Connection(front) as other:
        for _ in range(2):
            told.send(asks(of_url("/cgi-bin/complains.cgi"), keep=True))
            answer = told.answer()
            assert (answer.response.text, answer.stderr) == ("body\n", b"first\nlast\n")
            assert answer.ended == {Type.STDOUT, Type.STDERR}
        told.send(asks(of_url("/page.html"), keep=True))
        assert told.answer().ended == {Type.STDOUT}
        told.send(asks(of_url("/none"), keep=True))
        assert re.fullmatch(rb"\[\S+\] 404: .*none.*\n", told.answer().stderr), "why it has failed"
        other.send(asks(of_url("/cgi-bin/complains.cgi")))
        answer = other.answer()
        assert (answer.response.text, answer.stderr, answer.ended) == ("body\n", b"", {Type.STDOUT})


def test_standard_error_waits_for_no_web_server(shared, shared_site):
    shared_site.program("cgi-bin/floods.cgi",
                        f"#!/bin/sh\nhead -c 8000000 /dev/zero >&2\n{PLAIN}echo $$\nexec sleep 600\n")
    with Connection(f"{shared_site.root}.told") as there:
        there.send(asks(of_url("/cgi-bin/floods.cgi")))
        assert until(lambda: any("sleep" in each.name for each in shared.programs())), "all is written"
        there.send(record(Type.ABORT_REQUEST))
        assert 0 < len(there.answer().stderr) < 8_000_000


def test_values_types_and_roles(front):
    with Connection(front) as there:
        there.send(record(Type.GET_VALUES, pairs({"FCGI_MAX_REQS": "", "FCGI_MPXS_CONNS": "", "X": ""}), 0))
        assert there.read() == Type.GET_VALUES_RESULT
        assert there.values == {"FCGI_MAX_REQS": "10", "FCGI_MPXS_CONNS": "1"}
        there.send(record(77, b"what?", 0), record(Type.END_REQUEST, bytes(8), 0))
        assert there.read() == there.read() == Type.UNKNOWN_TYPE and there.unknown == [77, 3]
        for role in (Role.AUTHORIZER, Role.FILTER, 0, 999):
            there.send(begin(role=role, keep=True), stream(Type.PARAMS, b"x"), stream(Type.STDIN, b""))
            assert there.answer().status == UNKNOWN_ROLE
        assert there.ask(of_url("/page.html")).status == 200


def test_what_is_about_no_request_is_ignored(front):
    with Connection(front) as there:
        there.send(record(Type.ABORT_REQUEST, request=9), stream(Type.STDIN, b"x", 9),
                   stream(Type.PARAMS, b"x", 9), record(Type.DATA, b"x", 9))
        assert there.ask(of_url("/page.html")).status == 200


def test_more_requests_at_a_time_than_max_streams(front):
    with Connection(front) as there:
        there.send(*(begin(number, keep=True) for number in range(1, 12)))
        assert there.answer(11).status == OVERLOADED
        there.send(*(stream(Type.PARAMS, pairs(of_url("/page.html")), number) + stream(Type.STDIN, b"", number)
                     for number in range(1, 11)))
        assert [there.answer(number).response.status for number in range(1, 11)] == [200] * 10


def test_thousands_of_ids_one_after_the_other(front):
    with Connection(front) as there:
        for first in range(1, 3001, 10):
            numbers = range(first, first + 10)
            there.send(*(asks(of_url("/page.html"), request=number, keep=True) for number in numbers))
            assert all(there.answer(number).response.status == 200 for number in numbers)


# Parameters.


def test_parameters_up_to_the_limits(front):
    url = "/page.html?" + "q" * 7000
    assert fastcgi.ask(front, of_url(url, HTTP_X="x" * 8000)).status == 200
    assert fastcgi.ask(front, of_url("/" + "q" * 8200)).status == 414
    assert fastcgi.ask(front, of_url("/page.html", HTTP_X="x" * 9000, HTTP_Y="y" * 9000)).status == 431


def test_parameters_that_never_end(front):
    with Connection(front) as there:
        there.send(begin(keep=True))
        for _ in range(70):
            there.send(record(Type.PARAMS, pairs({"X": "x" * 1000})))
        assert there.answer().response.status == 431
        assert there.ask(of_url("/page.html")).status == 200


@pytest.mark.parametrize("params", [b"\x05\x05ab", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80", b"\x01"])
def test_parameters_whose_lengths_are_wrong(front, params):
    with Connection(front) as there:
        there.send(begin(), stream(Type.PARAMS, params), stream(Type.STDIN, b""))
        assert there.answer().response.status == 400


@pytest.mark.parametrize("name, value, status", [
    ("REQUEST_METHOD", "", 400), ("REQUEST_METHOD", "get", 501), ("REQUEST_URI", "/a b", 400),
    ("HTTP_X", "a\r\nb", 400), ("HTTP_HOST", "a/b", 400), ("X", "a\0b", 400), ("QUERY_STRING", "a\nb", 400),
    ("CONTENT_LENGTH", "x", 400), ("REQUEST_URI", "/%00", 400), ("REQUEST_URI", "/../x", 400)])
def test_what_a_client_may_not_say(front, name, value, status):
    assert fastcgi.ask(front, {**of_url("/page.html"), name: value}).status == status


# Bodies that are not as announced, and web servers that break the protocol.


@pytest.mark.parametrize("announced", [3, 11])
def test_a_body_of_another_length_reaches_no_program_whole(front, announced):
    answer = fastcgi.ask(front, sent(CAT, b"0123456789", announced=announced), b"0123456789")
    assert answer.status == 400


def test_a_body_that_nobody_reads(front):
    body = b"x" * 3_000_000
    assert fastcgi.ask(front, sent("/cgi-bin/sink.cgi", body), body).body == b"not read\n"
    assert fastcgi.ask(front, sent("/page.html", body), body).status == 405
    assert fastcgi.ask(front, sent(CAT, b"", announced=20_000_000)).status == 413


def test_an_answer_is_held_back_until_all_of_the_body_is_there(front):
    body = b"x" * 300_000
    half = [record(Type.STDIN, body[:50_000])] * 3
    with Connection(front) as there:
        there.send(begin(keep=True), stream(Type.PARAMS, pairs(sent("/none", body))), *half)
        for _ in range(2):  # it has seen the request before the second
            there.send(record(Type.GET_VALUES, request=0))
            assert there.read() == Type.GET_VALUES_RESULT
        there.send(*half, record(Type.STDIN))
        kinds = [there.read() for _ in range(3)]
        assert kinds == [Type.STDOUT, Type.STDOUT, Type.END_REQUEST], "head and body are one record"
        assert there.answer().response.status == 404
        assert there.ask(of_url("/page.html"), keep=True).status == 200


def test_an_answer_waits_for_no_large_body(front):
    with Connection(front) as there:
        there.send(begin(), stream(Type.PARAMS, pairs(sent(CAT, b"", announced=300_000_000))),
                   record(Type.STDIN, b"x" * 60_000)[:30_000])
        assert there.answer().response.status == 413
        assert there.is_closed(), "though a record has begun"


@pytest.mark.parametrize("wrong", [
    record(Type.PARAMS, version=2), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01\x02",
    begin(0), begin() + begin(), record(Type.BEGIN_REQUEST, b"\0\1"),
    begin() + record(Type.STDIN, b"x"),
    asks(sent(CAT, b"x")) + record(Type.PARAMS, b"x"),
    begin() + stream(Type.PARAMS, pairs(sent("/cgi-bin/lengths.cgi", b"", announced=5)))
    + stream(Type.STDIN, b"x") + record(Type.STDIN, b"y")], ids=range(9))
def test_what_breaks_the_protocol_ends_the_connection(front, shared, wrong):
    with Connection(front) as there:
        try:
            there.send(wrong)
        except BrokenPipeError:
            pass
        assert there.is_closed()
    assert fastcgi.ask(front, of_url("/page.html")).status == 200


def test_death_at_each_byte_harms_nobody(front, shared):
    whole = asks(sent(CAT, b"body"), b"body", keep=True)
    with Connection(front) as other:
        for size in range(0, len(whole), 3):
            with Connection(front) as there:
                there.send(whole[:size])
        assert other.ask(of_url("/page.html"), keep=True).status == 200
    assert until(lambda: not shared.programs())


def test_a_web_server_that_is_silent_loses_its_connection(start, site):
    server = start(config=f"""
[[listen]]
address = "unix:{site.root}.fcgi"
protocol = "fastcgi"
[limits]
header_timeout = "200ms"
body_timeout = "200ms"
keepalive_timeout = "1h"
[[site]]
root = "{site.root}"
""")
    for beginning in (b"", b"\x01", begin(), begin() + record(Type.PARAMS, b"\x01"),
                      begin() + stream(Type.PARAMS, pairs(of_url("/")))):
        with Connection(f"{site.root}.fcgi") as there:
            there.send(beginning)
            assert there.is_closed()
    assert server.wait_log("header_timeout")
    with Connection(f"{site.root}.fcgi") as there:
        there.send(begin(), stream(Type.PARAMS, pairs(sent("/none", b"body"))), record(Type.STDIN, b"bo")[:-1])
        assert there.answer().response.status == 404, "though the rest of the body does not come"
        assert there.is_closed()


def test_a_slow_reader_holds_up_nobody_else(front):
    with Connection(front) as slow:
        slow.send(asks(of_url("/large"), request=1, keep=True), asks(of_url("/large"), request=2, keep=True))
        assert fastcgi.ask(front, of_url("/page.html")).status == 200
        assert len(slow.answer(2).response.body) == len(slow.answer(1).response.body) == 1_024_000


def test_both_directions_at_a_time(front, shared_site):
    """A program that answers as it reads: what comes back is read while the body is still being sent."""
    piece = os.urandom(40_000)
    with Connection(front) as there, ThreadPoolExecutor() as threads:
        there.send(begin(), stream(Type.PARAMS, pairs(sent(CAT, b"", announced=8_000_000))))
        sending = threads.submit(there.send, *[record(Type.STDIN, piece)] * 200, record(Type.STDIN))
        assert there.answer().response.body == piece * 200
        sending.result()
