"""Commands that must succeed."""

from __future__ import annotations

import subprocess


def run(*command: object, **more) -> str:
    """Its output; fails with what it said."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **more)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout
