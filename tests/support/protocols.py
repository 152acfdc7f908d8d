"""What an administrator can configure works the same whichever protocol a request came by: tests that
run again over HTTP/2, unchanged, when `server.get()` and `server.request()` speak it.

What they send as bytes, by `server.connect()` or `server.raw()`, is HTTP/1.1 all the same.
"""

from __future__ import annotations

import pytest

from support.configuration import complete, directory_site

HTTP1, HTTP2 = "HTTP/1.1", "HTTP/2"

# Files of tests/e2e; and of these the tests that run once, with what of HTTP/1.1 they ask.
AGAIN: dict[str, dict[str, str]] = {
    "cgi/test_cgi_environment": {
        "test_always_set": "SERVER_PROTOCOL",
        "test_fields_that_never_become_variables": "TE, which may have but one value",
        "test_variables_over_a_unix_socket": "an address on the command line",
        "test_variables_over_ipv6": "an address on the command line",
    },
    "cgi/test_cgi_response": {
        "test_status": "the reason",
        "test_local_redirect_of_an_absolute_target": "a target with a host",
        "test_local_redirect_is_logged_as_it_was_asked_for": "the protocol in the log",
    },
    "cgi/test_cgi_response_keys": {},
    "gateway/test_scgi_backend": {"test_bodies": "a body without a length"},
    "http/test_access": {},
    "http/test_answers": {"test_without_the_keys_nothing_is_said": "names of fields as they are written"},
    "http/test_compression": {
        "test_what_does_not_pay_or_must_not_be_is_left_alone":
            "a program that writes HTTP/1.1 itself: its output is taken apart and put together",
    },
    "http/test_files": {"test_programs_are_listed_for_their_author": "directory mode"},
    "http/test_links": {},
    "http/test_locations": {},
    "http/test_semantics": {"test_304_of_a_file": "names of fields as they are written"},
    "http/test_targets": {},
}


def protocols_of(metafunc: pytest.Metafunc) -> list[str]:
    """Of a test; none where its file is not one of those."""
    path = metafunc.definition.path
    once = AGAIN.get(f"{path.parent.name}/{path.stem}")
    if once is None:
        return []
    return [HTTP1] if metafunc.definition.name in once else [HTTP1, HTTP2]


def configured(config: str, protocol: str) -> str:
    """So that the first port speaks HTTP/2, too, where that is asked for."""
    config = complete(config)
    return config.replace("[[listen]]", "[[listen]]\nhttp2 = true", 1) if protocol == HTTP2 else config


def directory(root: str, protocol: str) -> str | None:
    """What directory mode is, as a configuration; none, where it may be itself."""
    return directory_site(root) if protocol == HTTP2 else None
