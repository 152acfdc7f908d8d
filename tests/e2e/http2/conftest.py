"""What the tests of HTTP/2 have in common: a site, in the clear by prior knowledge, and conversations."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.configuration import cgi_site
from support.frames import PREFACE, Conversation, settings
from support.http2 import CLEAR
from support.programs import CAT, ENVIRONMENT, PLAIN
from support.server import Server
from support.site import Site


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.program("cat.cgi", CAT)
    shared_site.program("mark.cgi", f"{PLAIN}touch {shared_site.root}/ran\n")
    shared_site.file("page.html", "the page")
    shared_site.file("large", bytes(range(256)) * 1000)
    return shared_site


@pytest.fixture(scope="module")
def shared_config() -> str:
    return cgi_site("{root}", server=CLEAR)


Talk = Callable[..., Conversation]


@pytest.fixture
def talk(shared: Server) -> Talk:
    """talk(): a new conversation; talk(greeting): one that begins with other bytes."""
    def begun(greeting: bytes = PREFACE + settings()) -> Conversation:
        return Conversation(shared.connect(), greeting)
    return begun
