"""What a location does to its answers: headers, types, charset, cache."""

from __future__ import annotations

import email.utils

import pytest

from support.programs import PLAIN

CONFIG = """
[[site]]
root = "{root}"
headers = {{ "X-Frame-Options" = "DENY", "X-Powered-By" = false, Vary = {{ add = "Cookie" }} }}
types = {{ ".log" = "text/x-log", "*" = "text/plain", ".bin" = "application/x-own" }}
cache = {{ "text/html" = "5m", "image/*" = "30d", "application/x-own" = "no-store", "*" = "0s" }}
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/latin1/"
charset = "iso-8859-1"
cache = "1h"
headers = {{ "x-frame-options" = "SAMEORIGIN", Server = "another" }}
[[site.location]]
match = "/silent/"
charset = "none"
types = {{ ".log" = "application/x-log" }}
headers = {{ Server = false, "Link" = {{ add = "</a>; rel=up" }} }}
"""


@pytest.fixture
def server(start, site):
    for folder in ("", "latin1/", "silent/"):
        for name in ("a.html", "a.txt", "a.log", "a.png", "a.bin", "README"):
            site.file(folder + name, "content")
    site.program("own.cgi", "#!/bin/sh\nprintf 'X-Frame-Options: ALLOWALL\\nX-Powered-By: sh\\nVary: Accept\\n"
                            "Content-Type: text/html\\n\\nown'\n")
    return start(config=CONFIG.format(root=site.root))


@pytest.mark.parametrize("target, status", [
    ("/a.html", 200), ("/own.cgi", 200), ("/missing", 404), ("/latin1", 301), ("/.hidden", 404)])
def test_a_field_is_of_every_answer(server, target, status):
    response = server.get(target)
    assert response.status == status
    assert response.all("X-Frame-Options") == ["DENY"] and response.all("X-Powered-By") == []
    assert response.all("Vary")[-1] == "Cookie"
    assert response.header("Server").startswith("cgisrv/")


def test_one_is_added_beside_a_program_s_own(server):
    assert server.get("/own.cgi").all("Vary") == ["Accept", "Cookie"]


def test_a_location_changes_what_the_site_says(server):
    response = server.get("/latin1/a.html")
    assert response.all("X-Frame-Options") == ["SAMEORIGIN"] and response.all("Server") == ["another"]
    assert response.all("Vary") == ["Cookie"]
    response = server.get("/silent/a.html")
    assert response.all("X-Frame-Options") == ["DENY"] and response.all("Server") == []
    assert response.all("Link") == ["</a>; rel=up"] and response.all("Date") != []


@pytest.mark.parametrize("conditions, status", [
    ((("If-Modified-Since", "Sat, 01 Jan 2022 00:00:00 GMT"),), 304), ((("Range", "bytes=0-1"),), 206)])
def test_304_and_206_have_them_too(server, conditions, status):
    response = server.get("/a.html", conditions)
    assert response.status == status
    assert response.all("X-Frame-Options") == ["DENY"] and response.header("Cache-Control") == "max-age=300"


@pytest.mark.fault("24")
@pytest.mark.parametrize("target, content_type", [
    ("/a.html", "text/html"), ("/a.txt", "text/plain; charset=utf-8"),
    ("/a.log", "text/x-log; charset=utf-8"), ("/README", "text/plain; charset=utf-8"),
    ("/a.bin", "application/x-own"), ("/latin1/a.html", "text/html; charset=iso-8859-1"),
    ("/latin1/a.txt", "text/plain; charset=iso-8859-1"), ("/latin1/a.png", "image/png"),
    ("/silent/a.txt", "text/plain"), ("/silent/a.html", "text/html"),
    ("/silent/a.log", "application/x-log"), ("/silent/README", "text/plain")])
def test_types_and_charset(server, target, content_type):
    assert server.get(target).all("Content-Type") == [content_type]


@pytest.mark.parametrize("target, control, seconds", [
    ("/a.html", "max-age=300", 300), ("/a.png", "max-age=2592000", 2592000),
    ("/a.txt", "no-cache", None), ("/a.bin", "no-store", None), ("/latin1/a.png", "max-age=3600", 3600)])
def test_how_long_a_file_may_be_kept(server, target, control, seconds):
    response = server.get(target)
    assert response.all("Cache-Control") == [control]
    if seconds is None:
        assert response.header("Expires") is None
    else:
        date, expires = (email.utils.parsedate_to_datetime(response.header(name))
                         for name in ("Date", "Expires"))
        assert 0 <= abs((expires - date).total_seconds() - seconds) <= 1


def test_nobody_keeps_a_failure_or_a_program_s_answer_for_that(server):
    assert server.get("/missing.html").all("Cache-Control") == ["no-store"]
    assert server.get("/own.cgi").all("Cache-Control") == []
    assert server.get("/a.html", (("Range", "bytes=100-"),)).header("Cache-Control") is None


def test_without_the_keys_nothing_is_said(start, site):
    site.file("a.html", "content")
    site.program("a.cgi", PLAIN)
    server = start(site)
    names = {name for name, _ in server.get("/a.html").headers}
    assert names == {"ETag", "Last-Modified", "Accept-Ranges", "Content-Type", "Date", "Server",
                     "Content-Length"}


@pytest.mark.parametrize("line, said", [
    ('headers = { "Content-Length" = "1" }', "is the protocol's"),
    ('headers = { "Transfer-Encoding" = "x" }', "is the protocol's"),
    ('error_pages = { 200 = "/x" }', "is no failure's status"),
    ('cache = "soon"', "'cache' must be"), ('types = { log = "text/plain" }', "is no ending")])
def test_check_says_where_it_is_wrong(run, site, tmp_path, line, said):
    file = tmp_path / "wrong.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\n{line}\n')
    result = run("check", "-c", file)
    assert result.returncode == 78 and result.stderr.startswith(f"{file}:3:") and said in result.stderr
