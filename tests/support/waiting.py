"""Waiting for an event, with a limit that no machine is too slow for."""

from __future__ import annotations

import time
from collections.abc import Callable

from support.binary import slowness

PATIENCE_SECONDS = 20.0  # for what should take no time, on a machine that is slow and busy besides


def until(condition: Callable[[], object], seconds: float = PATIENCE_SECONDS,
          pause: float = 0.01) -> object:
    """Polls until `condition()` is true, and returns what it returned last. It may take its time: a
    test that fails by how fast a machine is says nothing of the server."""
    deadline = time.monotonic() + max(seconds, PATIENCE_SECONDS) * slowness()
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(pause)
    return result
