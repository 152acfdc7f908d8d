"""Password files for tests, and how a client sends a password."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

# Hashed once by SHA-1: tests that are about something else lose no time with it.
QUICK = "{SHA}tiY7sUhYKUwI5L3866kDY+ENcrQ="  # wonderland
# A bcrypt of cost 31 takes a day: whoever waits for it waits for something else.
ENDLESS = "$2y$31$sqy2KDxeFERJGmD9kFei8e2oer1RniAX60BnQuX62NwuZLiMrhIde"


def basic(user: str, password: str) -> list[tuple[str, str]]:
    """The field that a browser sends."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return [("Authorization", f"Basic {pair}")]


ALICE = basic("alice", "wonderland")


def password_file(path: Path, **hashes: str) -> Path:
    """Written beside, then moved into place, as whoever cares does it."""
    new = path.with_suffix(".new")
    new.write_text("".join(f"{user}:{each}\n" for user, each in hashes.items()))
    new.chmod(0o640)
    os.replace(new, path)
    return path


def htpasswd(*options: str, password: str = "wonderland") -> str:
    """A hash as Apache's htpasswd makes it."""
    line = subprocess.run(["htpasswd", "-nb", *options, "alice", password], capture_output=True,
                          text=True, check=True).stdout
    return line.split("\n")[0].partition(":")[2]


def auth(passwords: Path, **more: str) -> str:
    """The key of a site or a location."""
    keys = {"realm": '"Staff"', "passwords": f'"{passwords}"', **more}
    return f"auth = {{ {', '.join(f'{name} = {value}' for name, value in keys.items())} }}"
