"""What docs/guide.md says of a program, done: its commands, its files, its configuration.

All of it is in a folder of the test's instead of /srv and /etc/cgisrv.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.binary import REPOSITORY

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"^`(/[^`]*)`[^\n]*:\n\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Recipe:
    """`moved`: what else is elsewhere, as the data of a program."""

    def __init__(self, heading: str, folder: Path, moved: dict[str, str] | None = None):
        guide = (REPOSITORY / "docs/guide.md").read_text()
        found = re.search(rf"^### {heading}\n(.*?)^##", guide, re.MULTILINE | re.DOTALL)
        assert found, f"docs/guide.md does not have {heading}"
        self.folder, self.moved, self.text = folder, moved or {}, found[1]
        self.srv, self.etc = folder / "srv", folder / "etc/cgisrv"
        (self.srv / "www").mkdir(parents=True)
        self.etc.mkdir(parents=True)

    def here(self, text: str) -> str:
        for path, other in self.moved.items():
            text = text.replace(path, other)
        return re.sub(r"(?<![\w/-])/(srv|etc/cgisrv)(?=/)", rf"{self.folder}/\1", text)

    def blocks(self, language: str) -> list[str]:
        return [self.here(text) for kind, text in FENCE.findall(self.text) if kind == language]

    def follow(self) -> None:
        for commands in self.blocks("sh"):
            subprocess.run(["sh", "-eu", "-c", commands], check=True, capture_output=True,
                           cwd=self.folder, timeout=120)
        for path, text in FILE.findall(self.text):
            Path(self.here(path)).write_text(self.here(text))

    def configuration(self, start: str = "cold", more: str = "", **variables: str) -> str:
        """Its programs are started so, and have these variables besides; `more` of [cgi]."""
        text, = self.blocks("toml")
        env = ", ".join(f'{name} = "{value}"' for name, value in variables.items())
        return f'[cgi]\nstart = "{start}"\nenv = {{ {env} }}\n{more}{text}'
