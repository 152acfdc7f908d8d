"""The files whose tests run again over HTTP/2: see support/protocols.py."""

from __future__ import annotations

import re

import pytest

from support.binary import REPOSITORY
from support.clauses import clause
from support.protocols import AGAIN


@clause("http2-same-everywhere")
@pytest.mark.parametrize("file", AGAIN)
def test_those_that_run_once_are_there(file):
    """A name that is no test of the file any more excludes nothing."""
    tests = re.findall(r"^def (test_\w+)", (REPOSITORY / f"tests/e2e/{file}.py").read_text(), re.MULTILINE)
    assert set(AGAIN[file]) < set(tests)
