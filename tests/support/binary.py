"""The binary that is tested, which CGISRV names, and how much slower than a plain one it is."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CGISRV", REPOSITORY / "build/release/cgisrv")).resolve()
BUILD = BINARY.parent


def sanitized() -> bool:
    """Whether the binary was built with sanitizers, which cost time and a lot of memory."""
    if not hasattr(sanitized, "answer"):
        sanitized.answer = BINARY.exists() and b"__asan_init" in BINARY.read_bytes()
    return sanitized.answer


def slowness() -> float:
    return 3.0 if sanitized() else 1.0
