"""The configuration of a server that is tested."""

from __future__ import annotations

import os
import re
from pathlib import Path


def cgi_site(root: Path | str, location: str = "", *, site: str = "", **sections: str) -> str:
    """A site whose *.cgi are programs: a test says what differs. `location` is of those programs, and
    may be followed by more locations, `site` of the site; each other argument is a section of its
    name: cgi_site(site.root, 'start = "warm"', cgi='grace = "1s"')."""
    tables = "".join(f"[{name}]\n{lines}\n" for name, lines in sections.items() if lines)
    return f"""{tables}[[site]]
root = "{root}"
{site}
[[site.location]]
match = "*.cgi"
cgi = true
{location}
"""


def directory_site(root: Path | str) -> str:
    """What directory mode serves, but for the page that tells a program's author why it failed."""
    matches = ["/cgi-bin/", "/htbin/", "*.cgi"]
    return f'[[site]]\nroot = "{root}"\nlisting = true\n' + "".join(
        f'[[site.location]]\nmatch = "{match}"\ncgi = true\n' for match in matches)


def complete(config: str) -> str:
    """Adds [server] workers and user, and [[listen]], where a configuration has none."""
    if "[server]" not in config:
        config += "\n[server]\n"
    if not re.search(r"^workers", config, re.MULTILINE):
        config = config.replace("[server]", "[server]\nworkers = 2", 1)
    if os.geteuid() == 0 and not re.search(r"^user", config, re.MULTILINE):
        config = config.replace("[server]", '[server]\nuser = "root"', 1)
    if "[[listen]]" not in config:
        config += '\n[[listen]]\naddress = "127.0.0.1:0"\n'
    return config
