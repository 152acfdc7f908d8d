"""What a configuration says of the header that a program prints."""

import pytest

PLAIN = "Content-Type: text/plain\n"


@pytest.fixture(scope="module")
def shared_config() -> str:
    return """
[[site]]
root = "{root}"
[[site.location]]
match = "/typed/"
cgi = true
headerless = "text/html; charset=utf-8"
[[site.location]]
match = "/small/"
cgi = true
response_header_fields = 10
response_header_size = "1k"
"""


@pytest.mark.fault("15")
@pytest.mark.parametrize("head, type", [
    ("Set-Cookie: a=1\n", "text/html; charset=utf-8"), ("Status: 404\n", "text/html; charset=utf-8"),
    ("Content-Type: a/b\n", "a/b"), ("Status: 204\n", None), ("Status: 304\n", None),
    ("Location: http://example.org/\n", None)])
def test_headerless_supplies_a_type_that_is_missing(shared, shared_site, head, type):
    shared_site.prints("typed/it.cgi", head + "\n")
    assert shared.get("/typed/it.cgi").header("Content-Type") == type


@pytest.mark.fault("16")
@pytest.mark.parametrize("fields, status, words", [
    (["X: 1"] * 9, 200, None),
    (["X: 1"] * 10, 502, r"more than 10 fields \(response_header_fields\)"),
    (["X: " + "y" * 900], 200, None),
    (["X: " + "y" * 1024], 502, r"longer than 1024 bytes \(response_header_size\)")])
def test_limits_of_a_header(shared, shared_site, fields, status, words):
    shared_site.prints("small/it.cgi", PLAIN + "".join(field + "\n" for field in fields) + "\n")
    assert shared.get("/small/it.cgi").status == status
    if words:
        shared.wait_log(words)
