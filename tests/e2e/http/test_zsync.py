"""zsync, which mends an old copy of a file by ranges of the new one, against a real server."""

import os
import random
import re
import subprocess

import pytest

from support.binary import slowness
from support.clauses import clause

BLOCK = 2048


def content(changed: set[int], blocks: int) -> bytes:
    """The same but for the blocks that have changed."""
    pieces = []
    for block in range(blocks):
        numbers = random.Random(-block if block in changed else block + 1)
        pieces.append(numbers.randbytes(BLOCK))
    return b"".join(pieces)


@pytest.mark.fault("32", "33")
@clause("rfc9110-14.6-multipart", "rfc9110-14.2-many-ranges")
@pytest.mark.parametrize("changed", [set(range(1, 600, 40)), set(range(1, 600, 5))],
                         ids=["15 places", "120 places"])
def test_zsync_fetches_what_has_changed_and_no_more(start, site, tmp_path, changed):
    new = content(changed, 600)
    file = site.file("new.bin", new)
    subprocess.run(["zsyncmake", "-b", str(BLOCK), "-u", "new.bin", "-o", "new.bin.zsync", file],
                   cwd=site.root, check=True, capture_output=True)
    client = tmp_path / "client"
    client.mkdir()
    (client / "old.bin").write_bytes(content(set(), 600))
    server = start(site)
    done = subprocess.run(
        ["zsync", "-i", "old.bin", "-o", "fetched.bin",
         f"http://127.0.0.1:{server.port}/new.bin.zsync"],
        cwd=client, capture_output=True, text=True, timeout=40 * slowness(),
        env={name: value for name, value in os.environ.items() if "proxy" not in name.lower()})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (client / "fetched.bin").read_bytes() == new
    local, fetched = map(int, re.search(r"used (\d+) local, fetched (\d+)", done.stdout).groups())
    # A block at each place, and now and then one beside it.
    assert fetched <= 3 * BLOCK * len(changed) and local + fetched >= len(new)
    parts = server.wait_log(r'"GET /new\.bin HTTP/1\.1" (\d+) (\d+)')
    assert parts[1] == "206"
