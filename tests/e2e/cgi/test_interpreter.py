"""Pages that are run by an interpreter which the configuration names: its own first line counts, and
not theirs."""

import re
import shlex
import subprocess

import pytest

from support.diagnosis import reason, works
from support.programs import PLAIN


@pytest.fixture(scope="module")
def shared_config(shared_site):
    shared_site.program("crlf", '#!/usr/bin/env sh\r\nexec /bin/sh "$1"\n')
    shared_site.program("lost", "#!/usr/bin/env no-such-shell\n")
    return """
[[site]]
root = "{root}"
[[site.location]]
match = "*.page"
interpreter = "/bin/sh"
[[site.location]]
match = "*.crlf"
interpreter = "{root}/crlf"
[[site.location]]
match = "*.lost"
interpreter = "{root}/lost"
"""


@pytest.mark.fault("24a")
@pytest.mark.parametrize("name, source, words", [
    ("env.page", "#!/usr/bin/env no-such-shell\necho boom >&2\nexit 127\n",
     "its standard error says why: boom$"),
    ("windows.page", "#!/bin/sh\r\necho boom >&2\nexit 3\n", "its standard error says why: boom$"),
    ("a.lost", "", "the first line of .*/lost has env look for 'no-such-shell', which is not in"),
    ("a.crlf", PLAIN, "its configured interpreter .*/crlf has Windows line ends; convert it: sed"),
])
def test_only_the_first_line_of_what_is_executed_counts(shared, shared_site, name, source, words):
    shared_site.program(name, source, 0o644)
    response = shared.get("/" + name)
    assert response.status == 502
    assert re.search(words, sentence := reason(shared, response)), sentence
    if remedy := re.search(r"convert it: (.*)$", sentence):
        subprocess.run(shlex.split(remedy[1]), check=True)
        works(shared, "/" + name)


def test_a_command_that_a_page_does_not_find(shared, shared_site):
    """Exit status 127 of a binary interpreter is no missing library of its own."""
    shared_site.program("missing.page", "no-such-program\nexit $?\n", 0o644)
    assert reason(shared, shared.get("/missing.page")).endswith("no-such-program: not found")
