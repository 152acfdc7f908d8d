"""Bodies that stream: full duplex, bounded memory, back-pressure, prompt ends."""

import os
import signal
import struct
import threading
import time
import zlib

import pytest

from support.binary import sanitized, slowness
from support.clauses import clause
from support.client import LAST_CHUNK, chunk, head
from support.configuration import cgi_site
from support.processes import alive, peak_memory
from support.programs import CAT, ENVIRONMENT, PLAIN, environment_of
from support.waiting import until

GIGABYTE = 2**26 if sanitized() else 2**30
BLOCK = 256 * 1024
MEMORY_MAX = 16 * 2**20
# Writes as many blocks as QUERY_STRING says, the same ones as blocks() below.
GENERATE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static char block[262144];
int main(void) {
  unsigned long long n, count = strtoull(getenv("QUERY_STRING"), 0, 10);
  memset(block, 'x', sizeof block);
  printf("Content-Type: application/octet-stream\n\n");
  fflush(stdout);
  for (n = 0; n < count; n++) {
    memcpy(block, &n, sizeof n);
    for (size_t done = 0; done < sizeof block;) {
      ssize_t wrote = write(1, block + done, sizeof block - done);
      if (wrote <= 0) return 1;
      done += (size_t)wrote;
    }
  }
}
"""


def blocks(count: int):
    """Every block differs, so that one lost, doubled or out of its place changes the sum."""
    rest = b"x" * (BLOCK - 8)
    for n in range(count):
        yield struct.pack("<Q", n) + rest


def checksum(pieces) -> tuple[int, int]:
    crc = size = 0
    for piece in pieces:
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    return crc, size


@pytest.fixture
def streaming(start, site):
    site.program("cat.cgi", CAT)
    site.c_program("environment.cgi", ENVIRONMENT)

    def start_server(cgi: str = ""):
        return start(config=cgi_site(site.root, cgi=cgi, limits='body_size = "unlimited"'))

    return start_server


def memory_stays_flat(server) -> None:
    if not sanitized():
        peaks = {pid: peak_memory(pid) for pid in server.workers()}
        assert max(peaks.values()) < MEMORY_MAX, peaks


def in_thread(work, *arguments) -> threading.Thread:
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


# Large bodies.


@pytest.mark.plain
@clause("programs-memory")
@pytest.mark.slow
@pytest.mark.time_limit(150)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_gigabyte_through_cat_and_back(streaming, framing):
    server = streaming('chunked = "stream"')
    count = GIGABYTE // BLOCK if framing == "length" else GIGABYTE // BLOCK // 4
    connection = server.connect(timeout=60)
    sent: list[tuple[int, int]] = []

    def feed() -> None:
        def pieces():
            for block in blocks(count):
                connection.send(block if framing == "length" else chunk(block))
                yield block
        sent.append(checksum(pieces()))
        if framing == "chunked":
            connection.send(LAST_CHUNK)

    field = (("Content-Length", str(count * BLOCK)) if framing == "length"
             else ("Transfer-Encoding", "chunked"))
    connection.send(head("POST", "/cat.cgi", [field]))
    feeder = in_thread(feed)
    response = connection.read_final_head()
    assert response.status == 200
    received = checksum(connection.stream(response))
    feeder.join(30)
    assert response.complete and received == sent[0]
    memory_stays_flat(server)


@pytest.mark.plain
@clause("programs-memory")
@pytest.mark.slow
@pytest.mark.time_limit(120)
def test_download_of_a_gigabyte(streaming, site):
    site.c_program("generate.cgi", GENERATE)
    server = streaming()
    count = GIGABYTE // BLOCK
    connection = server.connect(timeout=60)
    connection.send(head("GET", f"/generate.cgi?{count}"))
    response = connection.read_final_head()
    received = checksum(connection.stream(response))
    assert response.complete and received == checksum(blocks(count))
    memory_stays_flat(server)


@pytest.mark.plain
@clause("programs-memory")
def test_slow_reader_holds_the_program_back(streaming, site):
    """Back-pressure: what the client does not read is not produced, let alone stored."""
    site.c_program("generate.cgi", GENERATE)
    server = streaming()
    connection = server.connect()
    connection.send(head("GET", "/generate.cgi?4000"))
    response = connection.read_final_head()
    time.sleep(1)
    memory_stays_flat(server)
    assert checksum(connection.stream(response)) == checksum(blocks(4000)) and response.complete


@pytest.mark.plain
def test_program_that_reads_slowly_holds_the_client_back(streaming, site):
    site.program("slow.cgi", PLAIN + "sleep 1\nexec wc -c\n")
    server = streaming()
    size = 50_000_000
    response = server.request("POST", "/slow.cgi", body=b"x" * size)
    assert int(response.body) == size
    memory_stays_flat(server)


# Programs that do not read and write in the order one would like.


@clause("programs-duplex")
def test_program_that_writes_10_mb_before_it_reads(streaming, site):
    site.program("first.cgi", "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\n\\n'\n"
                 "head -c 10000000 /dev/zero\nexec cat\n")
    server = streaming()
    connection = server.connect()
    body = b"y" * 10_000_000
    connection.send(head("POST", "/first.cgi", [("Content-Length", str(len(body)))]))
    feeder = in_thread(connection.send, body)
    response = connection.read_response()
    feeder.join(10)
    assert response.complete
    assert response.body == b"\0" * 10_000_000 + body


@clause("programs-duplex")
def test_program_that_ignores_a_10_mb_body(streaming, site):
    """The client sends all of it before it reads, as most do."""
    site.program("ignores.cgi", PLAIN + "printf ignored\n")
    server = streaming()
    connection = server.connect()
    connection.send(head("POST", "/ignores.cgi", [("Content-Length", "10000000")]))
    connection.send_as_far_as_taken(b"x" * 10_000_000)
    response = connection.read_response()
    assert response.status == 200 and response.body == b"ignored" and response.complete
    assert not connection.was_reset


@clause("programs-duplex")
def test_program_that_ignores_its_body_while_it_runs(streaming, site):
    site.program("ignores.cgi", PLAIN + "sleep 1\necho ignored\n")
    server = streaming()
    connection = server.connect()
    connection.send(head("POST", "/ignores.cgi", [("Content-Length", "10000000")]))
    feeder = in_thread(connection.send_as_far_as_taken, b"x" * 10_000_000)
    response = connection.read_response()
    assert response.body == b"ignored\n" and response.complete
    feeder.join(10)
    assert not feeder.is_alive()


def test_program_that_closes_its_input(streaming, site):
    """EPIPE on its input is no failure."""
    site.program("closes.cgi", PLAIN + "exec <&-\nsleep 0.3\necho closed\n")
    server = streaming()
    response = server.request("POST", "/closes.cgi", body=b"x" * 1_000_000)
    assert response.status == 200 and response.body == b"closed\n"


def test_program_that_reads_a_part(streaming, site):
    site.program("part.cgi", PLAIN + "head -c 3\n")
    server = streaming()
    connection = server.connect()
    assert connection.request("POST", "/part.cgi", body=b"hello").body == b"hel"
    if connection.silent(0.2):
        assert connection.request("POST", "/part.cgi", body=b"world").body == b"wor"


@clause("rfc3875-4.2-exact-length")
def test_input_ends_after_exactly_content_length(streaming):
    """RFC 3875 section 4.2, even when more is pipelined behind it."""
    server = streaming()
    connection = server.connect()
    connection.send((head("POST", "/cat.cgi", [("Content-Length", "5")]) + b"hello") * 3)
    for _ in range(3):
        assert connection.read_response().body == b"hello"


@clause("rfc3875-4.2-no-body")
@pytest.mark.parametrize("headers", [[], [("Content-Length", "0")]], ids=["none", "zero"])
def test_no_body_is_the_end_of_input_at_once(streaming, headers):
    server = streaming()
    response = server.get("/cat.cgi", headers)
    assert response.status == 200 and response.body == b""


@clause("programs-stderr")
def test_a_megabyte_of_stderr_before_the_header(streaming, site):
    """It neither blocks nor fills the log."""
    site.program("noisy.cgi", "#!/bin/sh\nseq 1 150000 >&2\n"
                 "printf 'Content-Type: text/plain\\n\\ndone'\n")
    server = streaming()
    response = server.get("/noisy.cgi")
    assert response.status == 200 and response.body == b"done"
    assert len(server.log()) < 4_000_000


@pytest.mark.plain
def test_a_line_of_stderr_without_end(streaming, site):
    site.program("noisy.cgi", "#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x >&2\n"
                 "printf 'Content-Type: text/plain\\n\\ndone'\n")
    server = streaming()
    assert server.get("/noisy.cgi").body == b"done"
    memory_stays_flat(server)


# When a response ends.


@clause("programs-grandchild")
@pytest.mark.parametrize("target, length", [("/background.cgi", 0), ("/background.cgi?length", 5)])
def test_background_child_that_holds_stdout(streaming, site, target, length):
    """The response ends when the program has, not when its grandchild gives the pipe back."""
    site.program("background.cgi", """#!/bin/sh
sleep 300 &
echo $! > pid
printf 'Content-Type: text/plain\\n'
[ -n "$QUERY_STRING" ] && printf 'Content-Length: 5\\n'
printf '\\nhello'
""")
    server = streaming()
    try:
        response = server.get(target)
        assert response.status == 200 and response.body == b"hello" and response.complete
    finally:
        pid = int((site.root / "pid").read_text())
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@clause("programs-grandchild")
@pytest.mark.parametrize("pause", [0, 0.02], ids=["quick client", "slow client"])
def test_background_child_that_writes_on(start, site, pause):
    """All that the program printed comes through, and then the response ends, however much more
    its grandchild has to say."""
    site.program("background.cgi", """#!/bin/sh
printf 'Content-Type: text/plain\\n\\nhello'
yes &
echo $! > pid
""")
    server = start(site)
    try:
        with server.connect() as connection:
            connection.send(head("GET", "/background.cgi"))
            response = connection.read_final_head()
            for piece in connection.stream(response):
                response.body += piece
                time.sleep(pause)
        assert response.status == 200 and b"hello" in response.body and response.complete
    finally:
        pid = int((site.root / "pid").read_text())
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


@clause("programs-grandchild")
def test_background_child_that_let_go_of_everything(streaming, site):
    site.program("background.cgi", PLAIN + "sleep 300 < /dev/null > /dev/null 2>&1 &\n"
                 "echo $! > pid\nprintf hello\n")
    server = streaming()
    try:
        assert server.get("/background.cgi").body == b"hello"
    finally:
        pid = int((site.root / "pid").read_text())
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_program_that_closes_stdout_and_goes_on(streaming, site):
    """The output has ended; the response need not wait for the program."""
    site.program("goes-on.cgi", PLAIN + "printf hello\n"
                 "exec >&-\nsleep 1\n: > finished\n")
    server = streaming()
    response = server.get("/goes-on.cgi")
    assert response.body == b"hello" and response.complete
    assert until(lambda: (site.root / "finished").exists(), 5), "ended before its time"


@pytest.mark.fault("41")
def test_program_whose_pipes_keep_its_packets_apart(streaming, site):
    """Each read takes no more than one write, even when the program has ended."""
    lines = [f"{n:0511d}\n" for n in range(12)]
    site.file("lines", "".join(lines))
    direct = "dd if=lines bs=512 oflag=direct status=none"
    site.program("direct.cgi", PLAIN + f"{direct} >&2\n{direct}\n")
    server = streaming()
    for _ in range(20):
        assert server.get("/direct.cgi").body == "".join(lines).encode()
    assert until(lambda: [server.log().count(line[-20:]) for line in lines] == [20] * 12, 5)


EVENTS = """#!/usr/bin/python3
import sys, time
sys.stdout.write("Content-Type: text/event-stream\\nCache-Control: no-cache\\n\\n")
for n in range(6):
    sys.stdout.write("data: %.6f\\n\\n" % time.monotonic())
    sys.stdout.flush()
    time.sleep(0.1)
"""


@pytest.mark.plain
def test_events_arrive_within_50_ms_of_being_written(streaming, site):
    """The best of some tries counts. The clock is the machine's, the same in both processes."""
    site.program("events.cgi", EVENTS)
    server = streaming()
    worst = []
    for _ in range(20):
        connection = server.connect()
        connection.send(head("GET", "/events.cgi"))
        response = connection.read_final_head()
        assert response.status == 200 and response.header("Content-Type") == "text/event-stream"
        late, pending = [], b""
        for piece in connection.stream(response):
            now = time.monotonic()
            pending += piece
            while b"\n\n" in pending:
                event, pending = pending.split(b"\n\n", 1)
                late.append(now - float(event.removeprefix(b"data: ")))
        assert response.complete and len(late) == 6
        worst.append(max(late))
        if worst[-1] < 0.05:
            break
    assert min(worst) < 0.05 * slowness(), worst


# Chunked uploads.


@pytest.mark.plain
@clause("rfc3875-4.2-chunked", "rfc3875-4.1.2-content-length")
@pytest.mark.parametrize("size", [0, 5, 100_000, 3_000_000])
def test_chunked_upload_is_spooled_and_has_its_length(streaming, site, size):
    """Past a megabyte it goes to a temporary file, of which nothing is left."""
    site.program("length.cgi", PLAIN + 'printf "%s " "$CONTENT_LENGTH"\nexec wc -c\n')
    server = streaming()
    connection = server.connect()
    connection.send(head("POST", "/length.cgi", [("Transfer-Encoding", "chunked")]))
    for start in range(0, size, 70_000):
        connection.send(chunk(b"x" * min(70_000, size - start)))
    connection.send(LAST_CHUNK)
    length, count = connection.read_response().text.split(" ", 1)
    assert int(count) == size and length == str(size)
    if size == 3_000_000:
        memory_stays_flat(server)


@clause("rfc3875-4.2-chunked")
def test_spooled_body_is_intact(streaming):
    server = streaming()
    body = b"".join(blocks(20))
    connection = server.connect()
    connection.send(head("POST", "/cat.cgi", [("Transfer-Encoding", "chunked")]))
    for start in range(0, len(body), 100_001):
        connection.send(chunk(body[start : start + 100_001]))
    connection.send(LAST_CHUNK)
    assert connection.read_response().body == body
    assert connection.request("POST", "/cat.cgi", body=b"again").body == b"again"


@clause("rfc3875-4.2-chunked")
def test_chunked_upload_streams_without_a_length(streaming, site):
    site.program("echo.cgi", PLAIN + 'echo "${CONTENT_LENGTH-none}"\n'
                 'while read line; do echo "got $line"; done\n')
    server = streaming('chunked = "stream"')
    connection = server.connect()
    connection.send(head("POST", "/echo.cgi", [("Transfer-Encoding", "chunked")]) + chunk(b"one\n"))
    response = connection.read_final_head()
    body, received = connection.stream(response), b""
    while b"got one\n" not in received:
        received += next(body)
    connection.send(chunk(b"two\n") + LAST_CHUNK)
    received += b"".join(body)
    assert received == b"none\ngot one\ngot two\n" and response.complete


@clause("rfc3875-4.2-chunked", "rfc3875-4.1.2-content-length")
def test_streamed_environment_has_no_length(streaming):
    server = streaming('chunked = "stream"')
    connection = server.connect()
    connection.send(head("POST", "/environment.cgi", [("Transfer-Encoding", "chunked")])
                    + chunk(b"hello") + LAST_CHUNK)
    assert "CONTENT_LENGTH" not in environment_of(connection.read_response())


# Clients that go away.

# Reads its input to the end, and says so: after a body cut short it must not get that far.
READER = """#!/bin/sh
echo $$ > pid
cat > /dev/null
: > false-eof
printf 'Content-Type: text/plain\\n\\ndone'
"""


def started(site, name: str = "pid") -> int:
    path = site.root / name
    assert until(lambda: path.exists() and path.read_text().endswith("\n")), "not started"
    return int(path.read_text())


@clause("rfc9112-8-body-cut-short")
@pytest.mark.parametrize("leave", ["close", "reset", "half_close"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_body_cut_short_ends_the_program_without_a_false_end(streaming, site, framing, leave):
    """RFC 9112 section 8: an incomplete request is not processed as if it were complete."""
    site.program("reader.cgi", READER)
    server = streaming('chunked = "stream"\nspool_memory = 0')
    connection = server.connect()
    if framing == "length":
        connection.send(head("POST", "/reader.cgi", [("Content-Length", "1000")]) + b"x" * 100)
    else:
        connection.send(head("POST", "/reader.cgi", [("Transfer-Encoding", "chunked")])
                        + chunk(b"x" * 100))
    pid = started(site)
    getattr(connection, leave)()
    assert until(lambda: not alive(pid), 5), "it still runs"
    assert not (site.root / "false-eof").exists()


@clause("rfc9112-8-body-cut-short")
def test_malformed_chunk_in_a_streamed_body_ends_the_program(streaming, site):
    site.program("reader.cgi", READER)
    server = streaming('chunked = "stream"')
    connection = server.connect()
    connection.send(head("POST", "/reader.cgi", [("Transfer-Encoding", "chunked")]) + chunk(b"x"))
    pid = started(site)
    connection.send(b"zz\r\n")
    data = connection.read_rest()
    assert data[:12] in (b"", b"HTTP/1.1 400")
    assert until(lambda: not alive(pid), 5) and not (site.root / "false-eof").exists()


@clause("rfc9112-8-body-cut-short")
def test_spooled_body_cut_short_starts_nothing(streaming, site):
    site.program("reader.cgi", READER)
    server = streaming()
    for size in (100, 2_000_000):
        connection = server.connect()
        connection.send(head("POST", "/reader.cgi", [("Transfer-Encoding", "chunked")])
                        + chunk(b"x" * size))
        connection.close()
    time.sleep(0.3)
    assert not (site.root / "pid").exists()


GROUP = """#!/bin/sh
sleep 300 &
echo $! > grandchild
echo $$ > pid
printf 'Content-Type: text/plain\\n\\n'
"""


@pytest.mark.plain
@clause("programs-client-leaves")
@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])  # of HEAD's response nothing is left to wait for
@pytest.mark.parametrize("body", ["while :; do echo more; done", "echo once; wait"],
                         ids=["writes for ever", "is silent"])
def test_client_that_leaves_takes_the_whole_group_with_it(streaming, site, leave, method, body):
    """Within a second of its going; the best of some tries counts."""
    site.program("group.cgi", GROUP + body + "\n")
    server = streaming()
    took = []
    for _ in range(20):
        for name in ("pid", "grandchild"):
            (site.root / name).unlink(missing_ok=True)
        connection = server.connect()
        connection.send(head(method, "/group.cgi"))
        assert connection.read_final_head().status == 200
        pids = [started(site, name) for name in ("pid", "grandchild")]
        getattr(connection, leave)()
        began = time.monotonic()
        assert until(lambda: not any(map(alive, pids)), 10), "still running"
        took.append(time.monotonic() - began)
        if took[-1] < 1:
            break
    assert min(took) < 1 * slowness(), took


@clause("programs-client-leaves")
def test_client_that_leaves_before_the_header(streaming, site):
    site.program("late.cgi", GROUP.replace("printf", "wait; printf"))
    server = streaming()
    connection = server.connect()
    connection.send(head("GET", "/late.cgi"))
    pids = [started(site, name) for name in ("pid", "grandchild")]
    connection.close()
    assert until(lambda: not any(map(alive, pids)), 5), "still running"


def test_many_clients_that_leave(streaming, site):
    site.program("forever.cgi", PLAIN + "while :; do echo more; done\n")
    server = streaming()
    for n in range(30):
        connection = server.connect()
        connection.send(head("GET", "/forever.cgi"))
        if n % 3:
            connection.read_final_head()
        connection.reset() if n % 2 else connection.close()
    assert until(lambda: not server.programs(), 10), server.programs()
