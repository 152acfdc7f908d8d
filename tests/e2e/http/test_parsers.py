"""What is tested without a server, by programs that are built beside it."""

import subprocess

from support.binary import BINARY
from support.clauses import clause


def passes(program):
    path = BINARY.parent / "tests" / program
    assert path.exists(), f"cmake --build {BINARY.parent} --target {path.name}"
    result = subprocess.run([path, "--gtest_brief=1"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


@clause("faults-fuzz")
def test_corpora_are_replayed():
    passes("fuzz/fuzz_test")


@clause("rfc9112-11.2-second-opinions")
def test_other_parsers_read_the_same_heads():
    passes("differential/differential_test")
