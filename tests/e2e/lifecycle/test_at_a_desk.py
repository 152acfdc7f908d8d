"""What directory mode does for a person at a desk: a QR code for the phone, a browser that opens."""

import os
import pty
import re
import subprocess

import pytest

from support.binary import BINARY
from support.waiting import until

BLOCKS = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def read_from(master: int) -> str:
    """All that was written to the terminal, whose other side is closed."""
    output = b""
    try:
        while piece := os.read(master, 65536):
            output += piece
    except OSError:  # EIO
        pass
    return output.decode()


def picture(drawn: list[str], pixels: int = 8) -> bytes:
    """Those lines of half blocks as a PGM file (pgm(5)), dark on light as their colours say."""
    rows = []
    for line in drawn:
        cells = [BLOCKS[character] for character in line]
        rows += [[cell[half] for cell in cells] for half in (0, 1)]
    wide = [bytes(0 if dark else 255 for dark in row for _ in range(pixels)) for row in rows]
    size = f"P5 {len(rows[0]) * pixels} {len(rows) * pixels} 255\n"
    return size.encode() + b"".join(row * pixels for row in wide)


@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
def test_a_phone_reads_the_address_from_the_terminal(tmp_path, site):
    """In a network namespace with one address more, read by a real decoder."""
    master, slave = pty.openpty()
    server = subprocess.Popen(
        ["unshare", "--net", "sh", "-c",
         'ip link set lo up; ip address add 192.0.2.7/32 dev lo; exec "$@"', "sh",
         BINARY, site.root, "-w", "1", "-l", ":8000"],
        stdout=slave, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
        env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)})
    os.close(slave)
    shown = os.read(master, 65536).decode()  # it obeys once it has said everything
    server.terminate()
    shown += read_from(master)
    os.close(master)
    _, complaint = server.communicate(timeout=60)
    drawn = re.findall(r"^\x1b\[30;107m([ ▀▄█]+)\x1b\[0m\r?$", shown, re.MULTILINE)
    assert drawn and len({len(line) for line in drawn}) == 1, (shown, complaint)
    (tmp_path / "code.pgm").write_bytes(picture(drawn))
    decoded = subprocess.run(["zbarimg", "-q", "--raw", tmp_path / "code.pgm"],
                             capture_output=True, text=True)
    assert decoded.stdout == "http://192.0.2.7:8000/\n", decoded.stderr


def serve_and_open(site, tmp_path, browser: str, *options: str) -> subprocess.Popen:
    return subprocess.Popen(
        [str(BINARY), site.root, "-w", "1", "--open", *options], stdin=subprocess.DEVNULL,
        stdout=open(tmp_path / "out", "w"), stderr=open(tmp_path / "errors", "w"),
        env={"PATH": "/nowhere", "RUNTIME_DIRECTORY": str(tmp_path), "BROWSER": browser})


@pytest.fixture
def opened(tmp_path):
    """Where a browser that is a script writes its arguments, and that script's name."""
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >{tmp_path}/opened.new\n'
                      f'/bin/mv {tmp_path}/opened.new {tmp_path}/opened\n')
    script.chmod(0o755)
    return tmp_path / "opened", str(script)


def test_the_first_page_opens_in_the_named_browser(tmp_path, site, opened):
    shown, script = opened
    server = serve_and_open(site, tmp_path, f"/not/there:{script}", "-l", "127.0.0.1:0",
                            "-l", f"unix:{tmp_path}/socket")
    try:
        assert until(shown.exists), (tmp_path / "errors").read_text()
        address = re.search(r"at (http://127\.0\.0\.1:\d+/)", (tmp_path / "out").read_text())[1]
        assert shown.read_text() == address + "|"
    finally:
        server.terminate()
        assert server.wait(20) == 0


@pytest.mark.parametrize("listen, says", [
    ("127.0.0.1:0", r"no browser found: open http://127\.0\.0\.1:\d+/ by hand, or name one in "
                    r"\$BROWSER"),
    ("unix:{}/socket", "--open: a browser cannot reach a unix socket; listen on a port too")])
def test_what_cannot_be_opened_is_said_and_the_server_serves(tmp_path, site, listen, says):
    server = serve_and_open(site, tmp_path, "", "-l", listen.format(tmp_path))
    try:
        assert until(lambda: re.search(says, (tmp_path / "errors").read_text()))
        assert "serving" in (tmp_path / "out").read_text()
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_open_is_for_a_server_that_starts_64(tmp_path):
    result = subprocess.run([BINARY, "status", "--open"], capture_output=True, text=True)
    assert result.returncode == 64 and "status speaks to a server that runs" in result.stderr
