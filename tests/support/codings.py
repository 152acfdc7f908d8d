"""What a client makes of a content coding: by zlib, and by the command line tools of the others."""

from __future__ import annotations

import subprocess
import zlib

from support.client import Response

ENDINGS = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
COMMANDS = {"br": ["brotli", "-c"], "zstd": ["zstd", "-q", "-c"], "gzip": ["gzip", "-n", "-c"]}


def encode(coding: str, content: bytes) -> bytes:
    return subprocess.run(COMMANDS[coding], input=content, capture_output=True, check=True).stdout


def decode(coding: str, encoded: bytes) -> bytes:
    """Fails if it is not whole, or is followed by something."""
    if coding == "gzip":
        stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        content = stream.decompress(encoded)
        assert stream.eof and not stream.unused_data
        return content
    return subprocess.run([*COMMANDS[coding], "-d"], input=encoded, capture_output=True,
                          check=True).stdout


def content_of(response: Response) -> bytes:
    """Of an answer that is compressed."""
    (coding,) = response.all("Content-Encoding")
    assert response.complete
    return decode(coding, response.body)
