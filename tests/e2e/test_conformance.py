"""The last test: does every clause have a test, and does docs/conformance.md say how they went?"""

import os

import pytest

import conformance
from clauses import CLAUSES
from harness import REPOSITORY

pytestmark = pytest.mark.clause  # of none, but to be run with those that are
PAGE = REPOSITORY / "docs/conformance.md"


@pytest.fixture
def record(request):
    record = request.config.pluginmanager.get_plugin("conformance")
    if not record.whole:
        pytest.skip("only some of the tests were run, or those of tests/chaos with another binary")
    return record


def test_every_clause_has_a_test(record):
    assert [key for key in CLAUSES if key not in record.tests] == []


def test_page_says_what_the_tests_say(record):
    page = record.page()
    if os.environ.get("CGISRV_UPDATE"):
        PAGE.write_text(page)
    assert conformance.FAILS not in page
    differing = [line for line in page.splitlines() if line not in PAGE.read_text().splitlines()]
    assert page == PAGE.read_text(), "\n".join(
        ["docs/conformance.md is stale; run: CGISRV_UPDATE=1 ./test conformance", *differing])
