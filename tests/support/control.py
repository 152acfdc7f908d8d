"""Commands to a server that runs."""

from __future__ import annotations

import os
import subprocess

from support.binary import BINARY, slowness
from support.server import Server

USAGE, UNAVAILABLE, WRONG_CONFIGURATION = 64, 69, 78  # exit statuses


def control(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """control(server, "reload")"""
    return subprocess.run([str(BINARY), *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60 * slowness(),
                          env={**os.environ, "RUNTIME_DIRECTORY": str(server.runtime)})
