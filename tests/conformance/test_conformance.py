"""Does every clause have a test, and does docs/conformance.md say how they went?

After the tests of tests/chaos and tests/e2e, whose notes are read (e2e/conformance.py).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
from clauses import CLAUSES, GROUPS, source  # noqa: E402
from conformance import NOTES  # noqa: E402
from harness import BINARY, REPOSITORY  # noqa: E402

PAGE = REPOSITORY / "docs/conformance.md"
HOLDS, FAILS, NOT_RUN = "holds", "**fails**", "not run"
INTRODUCTION = """\
# Conformance

What cgisrv holds itself to, where that comes from, and the tests that show it. Where a source
leaves a choice, the line says what was chosen.

This page is made by a run of the tests: `CGISRV_UPDATE=1 ./test conformance`. Every run of
`./test conformance`, and of all tests, compares it with what it finds. The clauses stand in
`tests/e2e/clauses.py`.
"""

Tests = dict[str, set[str]]  # by name: how they went


@pytest.fixture(scope="module")
def shown() -> dict[str, Tests]:
    """For each clause its tests, by what was run last of this very binary."""
    found: dict[str, Tests] = {}
    for folder in ("chaos", "e2e"):
        notes = NOTES / f"{folder}.json"
        if not notes.exists() or notes.stat().st_mtime < BINARY.stat().st_mtime:
            pytest.skip(f"tests/{folder} has not been run with this binary")
        for key, tests in json.loads(notes.read_text()).items():
            found.setdefault(key, {}).update({name: set(went) for name, went in tests.items()})
    return found


def verdict(tests: Tests) -> str:
    outcomes = set().union(*tests.values())
    if "failed" in outcomes:
        return FAILS
    return HOLDS if "passed" in outcomes else NOT_RUN


def page_of(shown: dict[str, Tests]) -> str:
    lines = [INTRODUCTION]
    for title, clauses in GROUPS.items():
        lines += [f"## {title}", "", "| clause | what it asks | tests | verdict |",
                  "|---|---|---|---|"]
        for key, text in clauses.items():
            tests = shown.get(key, {})
            names = "<br>".join(f"`{name}`" for name in sorted(tests))
            lines.append(f"| {source(key)} | {text} | {names} | {verdict(tests)} |")
        lines.append("")
    return "\n".join(lines)


def test_every_clause_has_a_test(shown):
    assert [key for key in CLAUSES if key not in shown] == []


def test_page_says_what_the_tests_say(shown):
    page = page_of(shown)
    if os.environ.get("CGISRV_UPDATE"):
        PAGE.write_text(page)
    assert FAILS not in page
    differing = [line for line in page.splitlines() if line not in PAGE.read_text().splitlines()]
    assert page == PAGE.read_text(), "\n".join(
        ["docs/conformance.md is stale; run: CGISRV_UPDATE=1 ./test conformance", *differing])
