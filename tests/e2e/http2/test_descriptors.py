"""A hundred requests of one connection take as many descriptors as a hundred connections do."""

from __future__ import annotations

from h2.errors import ErrorCodes

from support.configuration import cgi_site
from support.frames import Conversation, request
from support.http2 import CLEAR, Connection
from support.programs import PLAIN

DESCRIPTORS = 160
PLACES = 76  # four fifths of what is left of them beside the worker's own
ASKED = 90


def test_requests_beside_others_are_refused_where_descriptors_are_short(start, site):
    site.file("page.html", "the page")
    site.program("waits.cgi", f"{PLAIN}until [ -e {site.root}/go ]; do sleep 0.1; done\necho done\n")
    server = start(config=cgi_site(site.root, "max_running = 2", server=f"workers = 1\n{CLEAR}"),
                   prefix=("prlimit", f"--nofile={DESCRIPTORS}"))
    there = Conversation(server.connect())
    numbers = range(1, 2 * ASKED, 2)
    there.send(*(request(path="/waits.cgi", stream=number) for number in numbers))
    assert {there.reset_code(number) for number in numbers[PLACES:]} == {ErrorCodes.REFUSED_STREAM}
    server.wait_log("requests beside others of their connection are refused")

    # The first one of a connection always may.
    assert server.get("/page.html").body == b"the page"
    with Connection(server.connect()) as other:
        assert other.request("GET", "/page.html").body == b"the page"

    site.file("go", "")
    for number in numbers[:PLACES]:
        assert there.body(number) == b"done\n"
    again = range(2 * ASKED + 1, 2 * ASKED + 2 * PLACES, 2)
    there.send(*(request(path="/page.html", stream=number) for number in again))
    assert {there.body(number) for number in again} == {b"the page"}
