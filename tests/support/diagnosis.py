"""Why a program failed, as the log has it."""

from __future__ import annotations

import re

from support.client import Response
from support.server import Server


def reason(server: Server, response: Response) -> str:
    """The sentence as the log has it, of the request that was answered so."""
    identity = re.search(r"[0-9a-f]{16}", response.text[response.text.index("equest id"):])[0]
    line = server.wait_log(rf"\[{identity}\] {response.status}: (.*)$")
    return line[1]


def works(server: Server, target: str) -> None:
    assert server.get(target).status == 200
