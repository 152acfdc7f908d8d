"""A plugin that notes which clauses a run of the tests has shown to hold, for tests/conformance."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.clauses import CLAUSES, clauses_of, source

TESTS = REPOSITORY / "tests"
NOTES = REPOSITORY / "build/clauses"  # a file for each folder of tests, and for those marked plain


class Record:
    """For every clause, its tests and how they went. Where tests run in several processes, their
    reports come together in the first."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):
        report = (yield).get_result()
        report.clauses, report.test = clauses_of(item), self.name(item)
        if report.failed:
            for key in report.clauses:
                report.sections.append(("clause", f"{source(key) or key}: {CLAUSES[key]}"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for key in getattr(report, "clauses", []):  # a process that crashed reports none
            outcomes = self.tests[key][report.test]
            if report.when == "call" or not report.passed:
                outcomes.add(report.outcome)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        folder = self.whole_folder(session)
        if folder is None or hasattr(session.config, "workerinput"):
            return
        NOTES.mkdir(parents=True, exist_ok=True)
        part = "-plain" if session.config.option.markexpr == "plain" else ""
        (NOTES / f"{folder.name}{part}.json").write_text(json.dumps({"binary": str(BINARY), "clauses": {
            key: {name: sorted(outcomes) for name, outcomes in tests.items()}
            for key, tests in self.tests.items()}}))

    @staticmethod
    def whole_folder(session: pytest.Session) -> Path | None:
        """The suite that was run as a whole; none, where some that prove a clause may be left out."""
        config = session.config
        option = config.option
        asked = [(config.invocation_params.dir / argument).resolve() for argument in config.args]
        some = (option.keyword or option.deselect or option.markexpr not in ("", "clause", "plain")
                or session.shouldfail or session.shouldstop)
        return asked[0] if len(asked) == 1 and asked[0].parent == TESTS and not some else None

    @staticmethod
    def name(item: pytest.Item) -> str:
        """As pytest takes it, in the folder tests."""
        return f"{item.path.relative_to(TESTS)}::{item.originalname}"
