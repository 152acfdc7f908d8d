"""The guide's table of which location wins, asked of `cgisrv check --explain`."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.binary import BINARY, REPOSITORY

GUIDE = (REPOSITORY / "docs/guide.md").read_text()
ROW = re.compile(r"^\| `(/[^`]*)` \| (?:`([^`]+)`|the site itself) \| .*, ([1-7]) \|$", re.MULTILINE)


def test_the_table_of_the_guide_holds(tmp_path: Path):
    block = re.search(r"^```toml\n(# /etc/cgisrv/which\.toml\n.*?)^```$(.*?)^The keys of", GUIDE,
                      re.MULTILINE | re.DOTALL)
    file = tmp_path / "which.toml"
    file.write_text(block[1].replace("/srv/www", str(tmp_path)))
    rows = {path: location for path, location, _ in ROW.findall(block[2])}
    assert {rule for *_, rule in ROW.findall(block[2])} == set("1234567")
    assert set(re.findall('^match = "(.*)"', block[1], re.MULTILINE)) <= set(rows.values())
    asked = subprocess.run([BINARY, "check", "-c", file, "--explain", *rows], check=True, text=True,
                           capture_output=True).stdout
    answers = {}
    for said in asked.split("\n\n"):
        path = said.split("\n", 1)[0]
        first = re.search(rf": {re.escape(path)}: (?:location (.*?) answers|no location)", said)
        answers[path] = first[1] or "" if first else said
    assert answers == rows
