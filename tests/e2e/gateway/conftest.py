"""What the tests of gateways have in common: a site behind a web server, which the test plays."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.programs import CAT, ENVIRONMENT, PLAIN
from support.server import Server
from support.site import Site


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    """Below cgi-bin/ a location runs programs; `outside` is what `programs` of the listener names."""
    shared_site.c_program("cgi-bin/env.cgi", ENVIRONMENT)
    shared_site.c_program("twice/env.cgi", ENVIRONMENT)
    shared_site.program("cgi-bin/cat.cgi", CAT)
    shared_site.program("cgi-bin/where.cgi", f"{PLAIN}pwd\n")
    shared_site.program("cgi-bin/lengths.cgi", f"{PLAIN}wc -c\n")
    shared_site.program("cgi-bin/sink.cgi", f"{PLAIN}echo not read\n")
    shared_site.program("cgi-bin/denied.pl", f"{PLAIN}echo never\n")
    shared_site.program("cgi-bin/.hidden", f"{PLAIN}echo never\n")
    shared_site.program("local/x.cgi", f"{PLAIN}echo local\n")
    shared_site.program("locked/x.cgi", f"{PLAIN}echo locked\n")
    shared_site.program("plain/x.cgi", f"{PLAIN}echo never\n")
    shared_site.file("page.html", "the page")
    shared_site.file("large", bytes(range(256)) * 4000)
    outside = Path(f"{shared_site.root}.outside")
    outside.mkdir()
    other = Site(outside, shared_site.compile_c)
    other.c_program("env", ENVIRONMENT)
    other.program("sub/hello", f"{PLAIN}echo hello\n")
    other.program(".hidden", f"{PLAIN}echo never\n")
    (outside / "link-out").symlink_to("/bin/true")
    (outside / "link-in").symlink_to("sub/hello")
    (outside / "not-executable").write_text("text")
    return shared_site


@pytest.fixture(scope="module")
def shared_config() -> str:
    return """
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "unix:{root}.fcgi"
protocol = "fastcgi"
programs = ["{root}.outside/"]
[[listen]]
address = "unix:{root}.strict"
protocol = "fastcgi"
[[listen]]
address = "unix:{root}.told"
protocol = "fastcgi"
errors_to_web_server = true
[[listen]]
address = "unix:{root}.scgi"
protocol = "scgi"
programs = ["{root}.outside/"]
[limits]
max_streams = 10
header_timeout = "1h"
keepalive_timeout = "1h"
[[site]]
root = "{root}"
[[site.location]]
match = "/cgi-bin/"
cgi = true
env = { CONFIGURED = "here" }
[[site.location]]
match = "/sends/"
cgi = true
sendfile_roots = ["{root}"]
[[site.location]]
match = "=/twice/env.cgi"
cgi = true
env = { CONFIGURED = "0" }
[[site.location]]
match = "/one/"
cgi = "{root}/twice/env.cgi"
env = { CONFIGURED = "1" }
[[site.location]]
match = "/two/"
cgi = "{root}/twice/env.cgi"
env = { CONFIGURED = "2" }
[[site.location]]
match = "*.pl"
deny = true
[[site.location]]
match = "/local/"
cgi = true
allow = ["local"]
[[site.location]]
match = "/plain/"
cgi = false
"""


@pytest.fixture
def front(shared: Server, shared_site: Site) -> str:
    """The socket of a web server that may name programs outside of the site, too."""
    return f"{shared_site.root}.fcgi"


@pytest.fixture
def strict(shared: Server, shared_site: Site) -> str:
    """The same for what the site's locations run alone."""
    return f"{shared_site.root}.strict"
