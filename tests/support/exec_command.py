"""Running cgisrv exec, and reading what it shows."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.binary import BINARY, slowness
from support.site import Site

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def execute(site: Site) -> Run:
    def run(*arguments: str | bytes | Path, body: bytes | None = None, cwd: Path | None = None,
            environment: dict[str, str] | None = None,
            timeout: float = 20.0) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([BINARY, "exec", *arguments], capture_output=True,
                              input=b"" if body is None else body, cwd=cwd or site.root,
                              env={**os.environ, **(environment or {})},
                              timeout=timeout * slowness())

    return run


def seen(result: subprocess.CompletedProcess[bytes]) -> dict:
    """What --json printed."""
    assert result.stderr == b"", result
    value = json.loads(result.stdout)
    assert result.returncode == (0 if value["good"] else 1), value
    return value


def verdict(result: subprocess.CompletedProcess[bytes]) -> str:
    return result.stdout.decode().rstrip("\n").rsplit("\n", 1)[1]


def section(result: subprocess.CompletedProcess[bytes], title: str) -> list[str]:
    match = re.search(rf"^{title}\n((?:  .*\n)*)", result.stdout.decode(), re.MULTILINE)
    assert match, f"no section {title}: {result.stdout.decode()}"
    return [line[2:] for line in match[1].splitlines()]


LIMITED = """
[[site]]
root = "{root}"
[[site.location]]
match = "/cgi-bin/"
cgi = true
header_timeout = "500ms"
grace = "1s"
body_size = 100
"""


def configure(config: str, site, folder: Path) -> Path:
    if os.geteuid() == 0 and "user =" not in config:
        config = '[server]\nuser = "root"\n' + config
    file = folder / "exec.toml"
    file.write_text(config.replace("{root}", str(site.root)))
    return file
