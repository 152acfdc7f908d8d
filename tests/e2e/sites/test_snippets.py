"""What all snippets of examples/sites have in common; the other files here serve each of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.drop_in import SNIPPETS

NAMES = sorted(path.stem for path in SNIPPETS.glob("*.toml"))


def test_each_is_served_by_a_test_and_told_in_the_guide_for_apache():
    served = {name for path in Path(__file__).parent.glob("test_*.py")
              for name in re.findall(r'drop_in\("([\w-]+)"', path.read_text())}
    page = (REPOSITORY / "docs/from-apache.md").read_text()
    told = re.findall(r"^\| [\w-]+: `([\w-]+)\.toml` \|", page, re.MULTILINE)
    assert NAMES == sorted(served) == sorted(told)


@pytest.mark.parametrize("name", NAMES)
def test_its_head_says_what_it_serves_what_apache_was_told_and_where_to_put_it(name):
    head = re.match(r"(#.*\n)+\n\[\[location\]\]\n", (SNIPPETS / f"{name}.toml").read_text())
    assert head, f"{name}.toml does not begin with a comment and a location"
    for words in (r"\bPackages? ", "Apache file", "Copy this to /etc/cgisrv/locations.d/"):
        assert re.search(words, head[0]), f"the head of {name}.toml does not say {words!r}"
