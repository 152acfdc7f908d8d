"""Which clauses a run of the tests has shown to hold, and the page that says so."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from clauses import CLAUSES, GROUPS, clauses_of, source
from harness import BINARY, REPOSITORY

FOLDER = Path(__file__).resolve().parent
# What the tests of tests/chaos have shown: they run first, and the end-to-end tests make the page.
ELSEWHERE = REPOSITORY / "build/clauses.json"
HOLDS, FAILS, NOT_RUN = "holds", "**fails**", "not run"

INTRODUCTION = """\
# Conformance

What cgisrv holds itself to, where that comes from, and the tests that show it. Where a source
leaves a choice, the line says what was chosen.

This page is made by a run of the tests: `CGISRV_UPDATE=1 ./test conformance`. Every run of
`./test conformance`, and of all tests, compares it with what it finds. The clauses stand in
`tests/e2e/clauses.py`.
"""


class Record:
    """A plugin that notes, for every clause, its tests and how they went."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.whole = True  # every test that proves a clause is part of this run
        self.makes_page = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config,
                                      items: list[pytest.Item]) -> None:
        for item in items:
            for key in clauses_of(item):
                self.tests[key][self.name(item)]  # noqa: B018 - that it is there
        asked = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
        self.whole &= len(asked) == 1 and asked[0].is_dir()
        self.makes_page = asked == [FOLDER]
        if self.makes_page:
            self.whole &= self.recall()

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.whole &= not any(map(clauses_of, items))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):
        report = (yield).get_result()
        for key in clauses_of(item):
            if report.when == "call" or not report.passed:
                self.tests[key][self.name(item)].add(report.outcome)
            if report.failed:
                report.sections.append(("clause", f"{source(key) or key}: {CLAUSES[key]}"))

    def recall(self) -> bool:
        """Adds what was shown elsewhere, if that was with this very binary."""
        if not ELSEWHERE.exists() or ELSEWHERE.stat().st_mtime < BINARY.stat().st_mtime:
            return False
        for key, tests in json.loads(ELSEWHERE.read_text()).items():
            for name, outcomes in tests.items():
                self.tests[key][name].update(outcomes)
        return True

    def pytest_sessionfinish(self) -> None:
        if self.whole and not self.makes_page:
            ELSEWHERE.parent.mkdir(exist_ok=True)
            ELSEWHERE.write_text(json.dumps({
                key: {name: sorted(outcomes) for name, outcomes in tests.items()}
                for key, tests in self.tests.items()}))

    @staticmethod
    def name(item: pytest.Item) -> str:
        folder = item.path.parent
        prefix = "" if folder == FOLDER else f"{folder.name}/"
        return f"{prefix}{item.path.stem}::{item.originalname}"

    def verdict(self, key: str) -> str:
        outcomes = set().union(*self.tests[key].values())
        if "failed" in outcomes:
            return FAILS
        return HOLDS if "passed" in outcomes else NOT_RUN

    def page(self) -> str:
        lines = [INTRODUCTION]
        for title, clauses in GROUPS.items():
            lines += [f"## {title}", "", "| clause | what it asks | tests | verdict |",
                      "|---|---|---|---|"]
            for key, text in clauses.items():
                tests = "<br>".join(f"`{name}`" for name in sorted(self.tests[key]))
                lines.append(f"| {source(key)} | {text} | {tests} | {self.verdict(key)} |")
            lines.append("")
        return "\n".join(lines)
