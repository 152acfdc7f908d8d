"""Somebody who uses git and Mercurial."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Visitor:
    """Somebody with a home of their own, without the reader's settings and proxies."""

    def __init__(self, home: Path):
        self.home = home
        home.mkdir()
        self.environment = {
            "HOME": str(home), "PATH": os.environ["PATH"], "NO_PROXY": "*", "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", "HGRCPATH": "", "HGPLAIN": "1",
            "HGUSER": "A Tester <tester@example.org>",
            **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
               for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))}}

    def run(self, *command: str | Path, cwd: str = ".") -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(each) for each in command], cwd=self.home / cwd, text=True,
                              env=self.environment, capture_output=True, timeout=60, check=False)

    def must(self, *command: str | Path, cwd: str = ".") -> str:
        done = self.run(*command, cwd=cwd)
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout
