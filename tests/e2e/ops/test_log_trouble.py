"""Logs that cannot be written: a full disk, a pipe that nobody reads, a stopped terminal. Requests
are answered as ever; lines are lost, counted, and told of when there is room again."""

import contextlib
import fcntl
import os
import pty
import socket
import subprocess
import termios
import time
from pathlib import Path

import pytest

from support.binary import slowness
from support.control import control
from support.log_traffic import LOST, Traffic, configuration, names, told_lost
from support.waiting import until

# Times, and seconds more, on a machine that others use too: who waits for a log waits for ever.
SLOWER_AT_MOST, SPARE_SECONDS = 5, 15
REQUESTS = 400


@pytest.fixture(autouse=True)
def text(site):
    site.file("text.txt", "hello")


def assert_unaffected(traffic: Traffic, healthy_seconds: float) -> None:
    """As many requests again take no longer, more or less; all are answered with 200."""
    assert traffic.ask(REQUESTS) < SLOWER_AT_MOST * healthy_seconds + SPARE_SECONDS * slowness()


def onto_stderr(descriptor: int):
    return lambda: os.dup2(descriptor, 2)


def drain(descriptor: int, seconds: float = 0.6) -> str:
    """All that is to be read, until there is nothing for so long."""
    os.set_blocking(descriptor, False)
    data, last = b"", time.monotonic()
    while time.monotonic() - last < seconds:
        with contextlib.suppress(BlockingIOError):
            data += os.read(descriptor, 1 << 16)
            last = time.monotonic()
            continue
        time.sleep(0.01)
    return data.decode()


# Full disks.


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder],
                             capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Takes what is left, and leaves some hundred bytes within a page that is there."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 4096):
            pass
    return filler


def test_disk_is_full(small_disk, start, site):
    """Each request has either its line or its place among those that were lost; no lines mix."""
    access, error = small_disk / "access.log", small_disk / "error.log"
    traffic = Traffic(start(config=configuration(site.root, access, error)))
    healthy = traffic.ask(REQUESTS)
    filler = fill(small_disk)
    assert_unaffected(traffic, healthy)
    filler.unlink()
    time.sleep(1.2)  # the loss is told of once in a second
    traffic.ask(20)
    assert until(lambda: str(traffic.count - 1) in names(access.read_text()), 5), "it goes on"
    whole, lost = names(access.read_text()), told_lost(error.read_text())
    assert lost > 300 and len(whole) + lost == traffic.count, (len(whole), lost, traffic.count)
    assert "lost: No space left on device" in error.read_text()
    others = len(access.read_text().splitlines()) - len(whole)
    assert others <= 1, "of a line that was cut there is a part, on a line of its own"


def test_disk_of_the_error_log_is_full(small_disk, start, site):
    """It says of itself what it lost."""
    site.program("speaks.cgi", "#!/bin/sh\necho spoke $QUERY_STRING >&2\n"
                 "printf 'Content-Type: text/plain\\n\\nx'\n")
    error = small_disk / "error.log"
    server = start(config=configuration(site.root, "off", error,
                                        '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n'))
    filler = fill(small_disk)
    count = 60
    for number in range(count):
        assert server.get(f"/speaks.cgi?{number}-{'x' * 200}").status == 200
    filler.unlink()
    time.sleep(0.2)
    assert server.get("/speaks.cgi?after").status == 200
    assert until(lambda: "spoke after" in error.read_text())
    assert "lines of this log were lost: No space left on device" in error.read_text()
    written = error.read_text().count("spoke ") - 1
    assert count - 1 <= written + told_lost(error.read_text(), "this") <= count + 1


def test_device_that_is_always_full(start, site):
    server = start(config=configuration(site.root, "/dev/full"))
    traffic = Traffic(server)
    assert_unaffected(traffic, traffic.ask(REQUESTS))
    server.wait_log("1 line of the access log was lost: No space left on device")
    assert len(LOST.findall(server.log())) == 1, "that is said once in a minute"


# Pipes and FIFOs.


class Pipe:
    """As the standard error of a server, whose end for reading is ours."""

    def __init__(self):
        self.reading, self.writing = os.pipe()

    def close(self) -> None:
        os.close(self.reading)
        if self.writing >= 0:
            os.close(self.writing)


@pytest.fixture
def pipe():
    pipe = Pipe()
    yield pipe
    pipe.close()


def may_not_open_anew(descriptor: int) -> None:
    """As a pipe that another user made: the server can neither open it by /proc nor change it."""
    import ctypes
    pr_capbset_drop, cap_dac_override = 24, 1
    os.dup2(descriptor, 2)
    os.fchmod(2, 0)
    ctypes.CDLL(None).prctl(pr_capbset_drop, cap_dac_override, 0, 0, 0)


@pytest.mark.parametrize("foreign", [False, True], ids=["own", "foreign"])
def test_pipe_is_not_read(pipe, start, site, foreign):
    preexec = (lambda: may_not_open_anew(pipe.writing)) if foreign else onto_stderr(pipe.writing)
    server = start(config=configuration(site.root, "stderr"), preexec=preexec)
    traffic = Traffic(server)
    healthy = traffic.ask(20)
    drain(pipe.reading)
    healthy = traffic.ask(50) * REQUESTS / 50
    assert_unaffected(traffic, healthy)
    before = drain(pipe.reading)
    assert len(names(before)) < traffic.count - 20
    time.sleep(1.1)
    last = traffic.count
    traffic.ask(5)
    after = before + drain(pipe.reading)
    assert names(after)[-5:] == [str(last + i) for i in range(5)], "it goes on"
    assert told_lost(after) > 0 and "nobody reads it" in after
    assert told_lost(after) + len(names(after)) + 20 == traffic.count
    assert fcntl.fcntl(pipe.writing, fcntl.F_GETFL) & os.O_NONBLOCK == 0, "it is not ours alone"


def test_lines_longer_than_a_pipe_takes_at_once(pipe, start, site):
    """A part of a line may be there; the next begins on a line of its own."""
    server = start(config=configuration(site.root, "stderr"), preexec=onto_stderr(pipe.writing))
    traffic = Traffic(server, "\xe9" * 1020)  # each of which becomes four
    traffic.ask(30)
    text = drain(pipe.reading)
    time.sleep(1.1)
    traffic.ask(3)
    text += drain(pipe.reading)
    assert names(text)[-3:] == ["30", "31", "32"]
    assert told_lost(text) + len(names(text)) == traffic.count


def test_reader_of_a_pipe_goes(start, site):
    reading, writing = os.pipe()
    server = start(config=configuration(site.root, "stderr"), preexec=onto_stderr(writing))
    os.close(writing)
    traffic = Traffic(server)
    healthy = traffic.ask(REQUESTS // 10) * 10
    os.close(reading)
    assert_unaffected(traffic, healthy)
    assert len(server.workers()) == 2


def test_fifo_without_a_reader(tmp_path, start, site):
    """It hinders neither the start nor requests; who comes to read finds what it holds."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    server = start(config=configuration(site.root, fifo))
    traffic = Traffic(server)
    assert_unaffected(traffic, traffic.ask(REQUESTS))
    server.wait_log("lost: nobody reads it, or not fast enough")
    assert control(server, "reopen").returncode == 0, "nor opening it anew"
    reading = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert names(drain(reading))[:3] == ["0", "1", "2"]
        time.sleep(1.1)
        traffic.ask(10)
        text = drain(reading)
        assert names(text) == [str(2 * REQUESTS + i) for i in range(10)], text
    finally:
        os.close(reading)


# Terminals and sockets.


@pytest.mark.parametrize("stopped", [False, True], ids=["full", "stopped"])
def test_terminal(start, site, stopped):
    master, slave = pty.openpty()
    try:
        server = start(config=configuration(site.root, "stderr"), preexec=onto_stderr(slave))
        traffic = Traffic(server)
        healthy = traffic.ask(2) * REQUESTS / 2
        drain(master)
        if stopped:
            termios.tcflow(slave, termios.TCOOFF)
        assert_unaffected(traffic, healthy)
        assert len(server.workers()) == 2
        if stopped:
            termios.tcflow(slave, termios.TCOON)
        before = drain(master)  # on a slow machine, with what was lost
        time.sleep(1.1)
        traffic.ask(1)
        text = drain(master).replace("\r\n", "\n")
        assert names(text) == [str(traffic.count - 1)] and told_lost(before + text) > 0, text
    finally:
        os.close(master)
        os.close(slave)


def test_socket_is_not_read(start, site):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 40_000)
        server = start(config=configuration(site.root, "stderr"),
                       preexec=onto_stderr(theirs.fileno()))
        traffic = Traffic(server)
        healthy = traffic.ask(10) * REQUESTS / 10
        assert_unaffected(traffic, healthy)
        text = drain(ours.fileno())
        time.sleep(1.1)
        traffic.ask(1)
        text += drain(ours.fileno())
        assert names(text)[-1] == str(traffic.count - 1)
        assert told_lost(text) > 0 and told_lost(text) + len(names(text)) == traffic.count
        assert theirs.getblocking()


# Systemd's journal.


def journal(start, site, matches: bool) -> list[str]:
    site.program("speaks.cgi", "#!/bin/sh\necho spoke >&2\n"
                 "printf 'Content-Type: text/plain\\n\\nx'\n")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        status = os.fstat(theirs.fileno())
        stream = f"{status.st_dev}:{status.st_ino + (not matches)}"
        more = '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n'
        server = start(config=configuration(site.root, "stderr", more=more),
                       preexec=onto_stderr(theirs.fileno()),
                       environment={"JOURNAL_STREAM": stream})
        assert server.get("/speaks.cgi").status == 200
        assert server.get("/missing.cgi").status == 404
        return drain(ours.fileno()).splitlines()


def test_journal_takes_priorities(start, site):
    """And knows the time."""
    lines = journal(start, site, matches=True)
    assert all(line.startswith("<") for line in lines), lines
    assert "<6>/speaks.cgi 200 -" in lines and "<6>/missing.cgi 404 -" in lines
    spoke, = (line for line in lines if line.endswith("spoke"))
    assert spoke.startswith("<5>[") and "Z notice" not in spoke


def test_another_stream_is_not_the_journals(start, site):
    lines = journal(start, site, matches=False)
    assert "/speaks.cgi 200 -" in lines and not any(line.startswith("<") for line in lines), lines
