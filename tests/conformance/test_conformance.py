"""Does every clause have a test, and does docs/conformance.md say how they went?

After the tests of tests/chaos and tests/e2e, whose notes are read (support/clause_results.py).
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.clause_results import NOTES
from support.clauses import CLAUSES, GROUPS, source

PAGE = REPOSITORY / "docs/conformance.md"
HOLDS, FAILS, NOT_RUN = "holds", "**fails**", "not run"
INTRODUCTION = """\
# Conformance

What cgisrv holds itself to, where that comes from, and the tests that show it. Where a source
leaves a choice, the line says what was chosen.

This page is made by a run of the tests: `CGISRV_UPDATE=1 ./test conformance`. Every run of
`./test conformance`, and of all tests, compares it with what it finds. The clauses stand in
`tests/support/clauses.py`.
"""

Tests = dict[str, set[str]]  # by name: how they went


@pytest.fixture(scope="module")
def shown() -> dict[str, Tests]:
    """For each clause its tests, by what was run last, of the binaries as they are now. Those with
    sanitizers leave out a few tests of tests/e2e, which the plain one has passed then."""
    found: dict[str, Tests] = defaultdict(lambda: defaultdict(set))
    chaos, e2e, plain = map(notes_of, ("chaos", "e2e", "e2e-plain"))
    if not chaos or not e2e:
        pytest.fail("tests/chaos and tests/e2e have not been run with the binaries as they are now")
    for notes in [chaos, e2e, plain if plain and plain["binary"] != e2e["binary"] else None]:
        for key, tests in notes["clauses"].items() if notes else ():
            for name, went in tests.items():
                found[key][name] |= set(went)
    return found


def notes_of(name: str) -> dict | None:
    file = NOTES / f"{name}.json"
    notes = json.loads(file.read_text()) if file.exists() else {}
    binary = Path(notes.get("binary", "/nowhere"))
    return notes if binary.exists() and file.stat().st_mtime > binary.stat().st_mtime else None


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
