"""Answers: their fields and ends, what comes before them, and answers that are cut short."""

from __future__ import annotations

import os
import signal

import pytest
from h2.errors import ErrorCodes as Error

from support.clauses import clause
from support.configuration import cgi_site
from support.frames import Kind, data, is_kind, request
from support.http2 import CLEAR, Connection
from support.programs import PLAIN
from support.waiting import until


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.prints("204.cgi", "Status: 204 No Content\n\n")
    shared_site.prints("304.cgi", "Status: 304 Not Modified\nETag: \"a\"\nContent-Type: text/html\n\n")
    shared_site.prints("empty.cgi", "Content-Type: text/plain\n\n")
    shared_site.prints("fields.cgi", "Content-Type: text/plain\nX-Upper-CASE: Value\nSet-Cookie: a=1\n"
                       "Set-Cookie: b=2\nConnection: close\nKeep-Alive: timeout=5\n"
                       "Proxy-Connection: close\nTransfer-Encoding: chunked\nUpgrade: h2c\n"
                       "TE: gzip\n\nthe text")
    shared_site.prints("less.cgi", "Content-Type: text/plain\nContent-Length: 100\n\nhalf")
    shared_site.prints("more.cgi", "Content-Type: text/plain\nContent-Length: 4\n\nhalf and more")
    shared_site.prints("bad.cgi", "no header\n")
    shared_site.prints("raises.cgi", "Content-Type: text/plain\n\nbegun\n", "kill -9 $$")
    shared_site.prints("nph-raw.cgi", "HTTP/1.0 222 Own\r\nContent-Type: text/plain\r\nX-Own: a\r\n\r\nraw")
    shared_site.prints("redirect.cgi", "Location: /page.html\n\n")
    shared_site.prints("away.cgi", "Location: http://elsewhere.example/\n\n")
    shared_site.prints("reason.cgi", "Status: 200 All Well\nContent-Type: text/plain\n\nok")
    shared_site.program("ignores.cgi", f"{PLAIN}echo answered\n")
    shared_site.program("flushes.cgi", f"{PLAIN}echo first\nwhile [ ! -e {shared_site.root}/go ]; do "
                        "sleep 0.02; done\necho second\n")
    return shared_site


@pytest.fixture
def there(shared):
    with Connection(shared.connect()) as connection:
        yield connection


# Fields.


@clause("rfc9113-8.2-answers", "rfc9113-8.2.2-connection-fields")
def test_fields_of_a_program(talk):
    there = talk()
    there.send(request(path="/fields.cgi"))
    assert there.body() == b"the text"
    sent = next(each for each in there.received if is_kind(each, Kind.HEADERS)).fields
    names = [name for name, _ in sent]
    assert names == [name.lower() for name in names] and names[0] == ":status"
    assert [pair for pair in sent if pair[0] in ("x-upper-case", "set-cookie")] == [
        ("x-upper-case", "Value"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]
    assert not {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "te"
                } & set(names), sent
    assert names.count("date") == 1


@clause("rfc9113-8.2-answers")
@pytest.mark.parametrize("target", ["/page.html", "/missing", "/bad.cgi", "/away.cgi", "/env.cgi", "/304.cgi",
                                    "/cat.cgi/../x%", "/"])
def test_answers_have_the_fields_of_http_1_1(shared, there, target):
    """But those of the connection, and in lower case."""
    old, new = shared.get(target), there.request("GET", target)
    assert (new.status, len(new.all("date"))) == (old.status, 1)
    assert not new.all("connection") and not new.all("transfer-encoding")
    assert {name.lower() for name, _ in old.headers} - {"connection", "transfer-encoding", "keep-alive"} \
        == {name for name, _ in new.headers}


def test_a_local_redirect_is_followed(there):
    assert there.request("GET", "/redirect.cgi").body == b"the page"


def test_a_reason_is_dropped(there):
    answer = there.request("GET", "/reason.cgi")
    assert answer.status == 200 and answer.body == b"ok"


def test_an_nph_program_is_answered_for(there):
    """What it prints is HTTP/1.x: it is read, or it is refused; it never comes through as it is."""
    answer = there.request("GET", "/nph-raw.cgi")
    assert (answer.status, answer.body) == (222, b"raw") or answer.status in (501, 502, 505)


# No content.


@clause("rfc9113-8.1-no-content")
@pytest.mark.parametrize("method, target", [
    ("HEAD", "/page.html"), ("HEAD", "/large"), ("HEAD", "/env.cgi"), ("HEAD", "/missing"),
    ("GET", "/204.cgi"), ("GET", "/304.cgi")])
def test_no_content(talk, method, target):
    there = talk()
    there.send(request(method, target))
    assert there.body() == b""
    there.send(request(path="/page.html", stream=3))
    assert there.body(3) == b"the page"


def test_an_empty_answer_ends(there):
    answer = there.request("GET", "/empty.cgi")
    assert answer.complete and answer.body == b""


@pytest.mark.parametrize("part", ["bytes=0-3", "bytes=-4", "bytes=2-2"])
def test_ranges(shared, there, part):
    old = shared.get("/page.html", [("Range", part)])
    new = there.request("GET", "/page.html", [("range", part)])
    assert (new.status, new.body, new.header("content-range")) == (
        206, old.body, old.header("Content-Range"))


# What comes before an answer.


@clause("rfc9113-8.1-interim")
def test_who_expects_it_is_told_to_go_on(there):
    number = there.begin("POST", "/cat.cgi", [("expect", "100-continue"), ("content-length", "5")], end=False)
    there.until(lambda: there.streams[number].interim)
    there.send(number, b"hello")
    answer = there.response(number)
    assert [each.status for each in answer.interim] == [100] and answer.body == b"hello"


@clause("rfc9113-8.1-interim")
def test_what_is_refused_is_not_told_to_go_on(there):
    number = there.begin("POST", "/missing", [("expect", "100-continue"), ("content-length", "5")], end=False)
    answer = there.response(number)
    assert answer.status == 404 and not answer.interim


def test_what_is_printed_comes_at_once(shared_site, there):
    (shared_site.root / "go").unlink(missing_ok=True)
    number = there.begin("GET", "/flushes.cgi")
    there.until(lambda: there.streams[number].body == b"first\n")
    (shared_site.root / "go").touch()
    assert there.response(number).body == b"first\nsecond\n"


# Before the request has ended.


@clause("rfc9113-8.1-early-answer")
@pytest.mark.parametrize("target, status", [("/missing", 404), ("/page.html", 405)])
def test_an_answer_before_the_end_of_the_request(talk, target, status):
    there = talk()
    there.send(request("POST", target, end=False))
    assert there.status() == status and there.body()
    assert there.reset_code() == Error.NO_ERROR
    there.send(data(b"x" * 100), data(b"", end=True), request(path="/page.html", stream=3))
    assert there.body(3) == b"the page"


@clause("rfc9113-8.1-early-answer")
def test_a_program_that_ignores_its_input(start, site):
    site.program("ignores.cgi", f"{PLAIN}echo answered\n")
    server = start(config=cgi_site(site.root, 'chunked = "stream"\nspool_memory = "0"', server=CLEAR))
    with Connection(server.connect()) as there:
        number = there.begin("POST", "/ignores.cgi", end=False)
        answer = there.response(number)
        assert answer.body == b"answered\n" and answer.complete
        there.until(lambda: there.streams[number].reset is not None)
        assert there.streams[number].reset == Error.NO_ERROR


# Cut short.


@clause("rfc9113-8.1-cut-short")
@pytest.mark.parametrize("target, body", [("/less.cgi", b"half"), ("/raises.cgi", b"begun\n")])
def test_an_answer_that_is_not_whole_is_reset(talk, target, body):
    there = talk()
    there.send(request(path=target))
    assert there.status() == 200
    assert there.reset_code() == Error.INTERNAL_ERROR
    assert there.so_far() == body
    assert not [each for each in there.received if each.stream_id == 1 and "END_STREAM" in each.flags]
    there.send(request(path="/page.html", stream=3))
    assert there.body(3) == b"the page"


def test_more_than_the_length_is_cut(there):
    answer = there.request("GET", "/more.cgi")
    assert answer.body == b"half" and answer.complete


@clause("rfc9113-8.1-cut-short")
@pytest.mark.kills_worker
def test_a_worker_that_dies_ends_no_answer_as_whole(start, site):
    site.program("flushes.cgi", f"{PLAIN}echo first\nexec sleep 300\n")
    server = start(config=cgi_site(site.root, server=f"workers = 1\n{CLEAR}"))
    with Connection(server.connect()) as there:
        number = there.begin("GET", "/flushes.cgi")
        there.until(lambda: there.streams[number].body == b"first\n")
        os.kill(server.workers()[0], signal.SIGKILL)
        assert not there.response(number).complete
    assert until(lambda: not server.programs())


# The log.


def test_the_access_log_names_the_protocol(start, site, tmp_path):
    site.file("page.html", "the page")
    log = tmp_path / "access.log"
    server = start(config=cgi_site(site.root, log=f'access = "{log}"', server=CLEAR))
    with Connection(server.connect()) as there:
        assert there.request("GET", "/page.html?a").status == 200
        number = there.begin("GET", "/page.html")
        there.cancel(number)
        assert until(lambda: log.read_text().count("\n") >= 1)
    assert '"GET /page.html?a HTTP/2.0" 200 8 ' in log.read_text()
