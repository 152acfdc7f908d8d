"""What is easy to believe of a connection and hard to prove: order, ends, framing on the wire."""

import re
import socket
import threading
import time

import pytest

from support.clauses import clause
from support.client import LAST_CHUNK, chunk, head
from support.programs import CAT, ENVIRONMENT, PLAIN
from support.waiting import until


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.program("slow.cgi", PLAIN + "sleep 0.$QUERY_STRING\n"
                        "printf 'slow %s' $QUERY_STRING\n")
    shared_site.program("cat.cgi", CAT)
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.file("quick.txt", "quick")
    shared_site.program("drips.cgi", PLAIN + "echo one\nsleep 1.5\necho two\nsleep 1.5\n"
                        "echo three\n")
    return shared_site


def raw_exchange(shared, request: bytes) -> bytes:
    """All that comes back for a request that ends its connection."""
    connection = shared.connect()
    connection.send(request)
    return connection.read_rest()


# Pipelining: RFC 9112 section 9.3.2.


@clause("rfc9112-9.3.2-pipelining")
def test_slow_answers_hold_back_the_quick_ones_behind_them(shared):
    """Each program takes less time than the one before it, and a file none at all."""
    connection = shared.connect()
    connection.send(b"".join(head("GET", f"/slow.cgi?{n}") + head("GET", "/quick.txt")
                             for n in (6, 4, 2)))
    for n in (6, 4, 2):
        assert connection.read_response().body == b"slow %d" % n
        assert connection.read_response().body == b"quick"


@clause("rfc9112-9.3.2-pipelining")
def test_bodies_among_pipelined_requests_stay_with_their_own(shared):
    """Of every framing and size, whatever the borders of packets are."""
    bodies = [b"", b"a", b"GET / HTTP/1.1\r\n\r\n", b"x" * 70_000, b"0\r\n\r\n", b"y" * 300_000]
    wire = b""
    for n, body in enumerate(bodies):
        wire += head("POST", "/cat.cgi", [("Content-Length", str(len(body)))]) + body
        wire += head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")])
        wire += (chunk(body) if body else b"") + LAST_CHUNK
        wire += head("GET", f"/quick.txt?{n}")
    connection = shared.connect()
    sender = threading.Thread(target=connection.send_pieces, args=(wire, 4093))
    sender.start()
    for body in bodies:
        assert connection.read_response().body == body
        assert connection.read_response().body == body
        assert connection.read_response().body == b"quick"
    sender.join(10)


# Ends: RFC 9112 section 9.6.


def test_205_has_no_content(shared, shared_site):
    """RFC 9110 section 15.3.6; but it is framed as any other."""
    shared_site.prints("reset.cgi", b"Status: 205 Reset Content\nContent-Type: text/plain\n\nhello")
    connection = shared.connect()
    for _ in range(2):
        connection.send(head("GET", "/reset.cgi"))
        response = connection.read_response()
        assert (response.status, response.body, response.complete) == (205, b"", True)
        assert response.header("Content-Length") == "0"


@clause("rfc9112-9.6-lingering-close")
def test_lingering_has_an_end(shared):
    """A client that sends on and on after a refusal does not hold its connection."""
    connection, began = shared.connect(), time.monotonic()
    connection.send(b"GARBAGE\r\n\r\n")
    assert connection.read_response().status == 400
    while time.monotonic() - began < 60 and connection.send_as_far_as_taken(b"x"):
        time.sleep(0.05)
    assert time.monotonic() - began < 60


@clause("rfc9112-9.6-lingering-close")
def test_refusal_is_followed_by_the_end_not_by_a_reset(shared):
    connection = shared.connect()
    connection.send(b"GARBAGE\r\n\r\n" + b"x" * 200_000)
    assert connection.read_rest().startswith(b"HTTP/1.1 400 ") and not connection.was_reset


@clause("rfc9112-9.6-lingering-close")
@pytest.mark.parametrize("version, fields, more", [
    ("HTTP/1.1", [("Connection", "close")], b"\r\n"),
    ("HTTP/1.1", [("Connection", "close")], head("GET", "/large.cgi")),
    ("HTTP/1.0", [], b"\r\n"),
], ids=["an empty line", "another request", "an empty line in 1.0"])
def test_what_comes_after_the_last_request_costs_no_answer(shared, shared_site, version, fields,
                                                           more):
    """To close with something unread is to reset, and what the client has not read is lost."""
    shared_site.program("large.cgi", "#!/bin/sh\nsleep 0.6\n"
                        "printf 'Content-Type: text/plain\\n\\n'\nexec head -c 1000000 /dev/zero\n")
    connection = shared.connect()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    connection.send(head("GET", "/large.cgi", fields, version=version))
    time.sleep(0.2)
    connection.send(more)
    time.sleep(0.8)
    response = connection.read_final_head()
    for piece in connection.stream(response):
        response.body += piece
        time.sleep(0.004)
    assert len(response.body) == 1_000_000 and response.complete
    assert connection.ended() and not connection.was_reset


@clause("rfc9112-9.6-half-close")
@pytest.mark.parametrize("framing", ["chunked", "close"])
def test_half_closed_client_gets_all_of_a_slow_answer(shared, framing):
    """`nc -N`: silences longer than half_close_timeout, but the client takes what is sent."""
    connection = shared.connect()
    # In one segment: it is what is sent after the end that shows whether the client still reads.
    connection.socket.send(head("GET", "/drips.cgi",
                                version="HTTP/1.1" if framing == "chunked" else "HTTP/1.0"),
                           socket.MSG_MORE)
    connection.half_close()
    response = connection.read_response()
    assert response.body == b"one\ntwo\nthree\n" and response.complete
    assert connection.ended()


@clause("programs-client-leaves")
def test_client_that_closes_while_a_program_is_silent(shared, shared_site):
    """A close looks like a half-close until something is sent: nobody waits for ever."""
    shared_site.program("silent.cgi", PLAIN + "echo once\nexec sleep 300\n")
    connection = shared.connect()
    connection.send(head("GET", "/silent.cgi"))
    response = connection.read_final_head()
    next(connection.stream(response))
    connection.close()
    assert until(lambda: not shared.programs()), shared.programs()


# Framing as it is on the wire: RFC 9112 section 6.


@clause("rfc9112-6.3-no-body")
@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("length", ["", "Content-Length: 5\n"], ids=["no length", "length"])
def test_nothing_follows_the_blank_line(shared, shared_site, status, version, length):
    shared_site.prints("status.cgi",
                       f"Status: {status} x\nContent-Type: text/plain\n{length}\nhello")
    data = raw_exchange(shared, head("GET", "/status.cgi", [("Connection", "close")],
                                     version=version))
    assert data.startswith(b"HTTP/1.1 %d " % status) and data.endswith(b"\r\n\r\n")
    assert data.count(b"\r\n\r\n") == 1 and b"Transfer-Encoding" not in data
    assert status != 204 or b"Content-Length" not in data


@clause("rfc9112-6.3-no-body", "rfc9110-9.3.2-head")
@pytest.mark.parametrize("target", ["/quick.txt", "/slow.cgi?1", "/missing", "/", "/cat.cgi"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_head_ends_at_the_blank_line(shared, target, version):
    data = raw_exchange(shared, head("HEAD", target, [("Connection", "close")], version=version))
    assert data.endswith(b"\r\n\r\n") and data.count(b"\r\n\r\n") == 1


@clause("rfc9112-6.1-no-coding-for-1.0", "rfc9112-6.2-one-framing")
@pytest.mark.parametrize("target", ["/quick.txt", "/slow.cgi?1", "/cat.cgi", "/missing", "/"])
@pytest.mark.parametrize("fields", [[], [("Connection", "keep-alive")], [("TE", "chunked")]],
                         ids=["", "keep-alive", "TE"])
def test_no_transfer_coding_to_a_1_0_client(shared, target, fields):
    connection = shared.connect()
    connection.send(head("GET", target, fields, version="HTTP/1.0"))
    response = connection.read_response()
    assert response.complete and not response.all("Transfer-Encoding")


@clause("rfc9112-6.1-no-coding-for-1.0")
def test_100_has_no_framing(shared):
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "1"), ("Expect", "100-continue")]))
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += connection.socket.recv(1)
    assert data == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"x")
    assert connection.read_response().body == b"x"


@clause("rfc9112-6.2-one-framing")
@pytest.mark.parametrize("output", [
    "Content-Length: 5\nTransfer-Encoding: chunked\n\nhello",
    "Transfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\n\r\n", "Content-Length: 5\n\nhello",
    "\nhello"], ids=["both", "coding", "length", "none"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_one_framing_whatever_a_program_prints(shared, shared_site, output, version):
    shared_site.prints("framing.cgi", "Content-Type: text/plain\n" + output)
    data = raw_exchange(shared, head("GET", "/framing.cgi", [("Connection", "close")],
                                     version=version))
    top = data.split(b"\r\n\r\n")[0].lower()
    assert not (b"content-length" in top and b"transfer-encoding" in top)


# Hop-by-hop fields from programs: RFC 9110 section 7.6.1.


@clause("rfc9110-7.6.1-hop-by-hop")
@pytest.mark.parametrize("length", ["", "Content-Length: 5\n"], ids=["no length", "length"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
def test_no_hop_by_hop_field_in_any_spelling(shared, shared_site, version, length):
    shared_site.prints("hop.cgi", "cOnnection: keep-alive, X-Mine\nKEEP-ALIVE: timeout=99\n"
                       "tRANSFER-eNCODING: gzip, chunked\nProxy-Connection: mine\nTE: mine\n"
                       "Trailer: X-Mine\nUPGRADE: mine\nProxy-Authenticate: mine\n"
                       f"Content-Type: a/b\n{length}\nhello")
    data = raw_exchange(shared, head("GET", "/hop.cgi", [("Connection", "close")], version=version))
    top = data.split(b"\r\n\r\n")[0].decode()
    fields = re.findall(r"(?mi)^(connection|keep-alive|transfer-encoding|proxy-connection|te"
                        r"|trailer|upgrade): *(.*?)\r?$", top)
    chunked = [("Transfer-Encoding", "chunked")] if version == "HTTP/1.1" and not length else []
    assert fields == chunked + [("Connection", "close")], top
    assert b"hello" in data and b"gzip" not in data


# Expectations: RFC 9110 section 10.1.1.


@clause("rfc9110-10.1.1-final-status-instead")
@pytest.mark.parametrize("name, status", [
    ("plain.cgi", 403), ("folder.cgi", 405), ("absent.cgi", 404)])
def test_no_100_where_no_program_will_run(shared, shared_site, name, status):
    shared_site.program("plain.cgi", PLAIN, 0o644)
    (shared_site.root / "folder.cgi").mkdir(exist_ok=True)
    connection = shared.connect()
    connection.send(head("POST", "/" + name, [("Content-Length", "5"), ("Expect", "100-continue")]))
    response = connection.read_response()
    assert response.status == status and not response.interim
    assert connection.ended()


@clause("rfc9110-10.1.1-continue")
def test_no_100_when_the_body_is_there_already(shared):
    """In one segment with the head, so that it is."""
    connection = shared.connect()
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "5"), ("Expect", "100-continue")])
                    + b"hello")
    response = connection.read_response()
    assert response.body == b"hello" and not response.interim


@clause("rfc9110-10.1.1-continue", "rfc9112-9.3.2-pipelining")
def test_100_comes_after_the_answer_to_the_request_before(shared):
    connection = shared.connect()
    connection.send(head("GET", "/slow.cgi?5") + head("POST", "/cat.cgi", [
        ("Content-Length", "5"), ("Expect", "100-continue")]))
    first = connection.read_response()
    assert first.body == b"slow 5" and not first.interim
    assert connection.read_head().status == 100
    connection.send(b"hello")
    assert connection.read_response().body == b"hello"


@clause("rfc9110-10.1.1-other-expectations")
@pytest.mark.parametrize("value", ["200-ok", "100-continue, 200-ok", "100-continue;q=1", "100"])
def test_expectations_beside_or_like_continue_are_417(shared, value):
    response = shared.request("POST", "/cat.cgi", [("Expect", value)], b"hello")
    assert response.status == 417 and not response.interim


@clause("rfc9110-10.1.1-ignored-in-1.0")
def test_any_expectation_is_ignored_in_1_0(shared):
    response = shared.request("POST", "/cat.cgi", [("Expect", "100-continue")], b"hello",
                              version="HTTP/1.0")
    assert response.status == 200 and response.body == b"hello" and not response.interim


@clause("rfc9112-9.6-half-close")
def test_fin_with_the_last_byte_of_a_body(shared):
    connection = shared.connect()
    connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
    connection.send(head("POST", "/cat.cgi", [("Content-Length", "300000")]) + b"x" * 300_000)
    connection.half_close()
    response = connection.read_response()
    assert response.complete and response.body == b"x" * 300_000
