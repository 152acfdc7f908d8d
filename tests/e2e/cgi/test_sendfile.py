"""X-Sendfile: a program names a file, and the server sends it."""

from __future__ import annotations

import os

import pytest

from support.configuration import cgi_site

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "private"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.bin", "page.html", "deep/a.bin", "100% é.txt"):
        (folder / name).write_bytes(CONTENT)
        os.utime(folder / name, (1_577_934_245, 1_577_934_245))
    (folder / "empty").write_bytes(b"")
    (tmp_path / "outside").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "within").symlink_to("a.bin")
    (folder / "closed").write_bytes(b"x")
    return folder


@pytest.fixture
def named(start, site, files):
    """named(FILE, fields): what the server answers to a program that prints that."""
    server = start(config=cgi_site(site.root, f'sendfile_roots = ["{files}"]\n{{keys}}'.replace(
        "{keys}", 'cache = { "image/*" = "1h" }')))

    def ask(file, fields="", method="GET", headers=(), body=b""):
        site.prints("send.cgi", f"{fields}X-Sendfile: {file}\n\nthe body of the program")
        return server.request(method, "/send.cgi", headers, body)

    ask.server = server
    return ask


def test_the_file_is_sent_under_the_program_s_head(named, files):
    response = named(files / "a.bin", "Content-Type: image/x-own\nContent-Disposition: attachment\n"
                                      "Set-Cookie: a=1\nETag: \"program\"\nContent-Length: 3\n")
    assert response.status == 200 and response.body == CONTENT
    assert response.all("Content-Type") == ["image/x-own"] and response.all("Set-Cookie") == ["a=1"]
    assert response.header("Content-Disposition") == "attachment"
    assert response.all("Content-Length") == [str(len(CONTENT))] and response.all("Accept-Ranges") == ["bytes"]
    assert response.all("ETag") != ['"program"'] and len(response.all("ETag")) == 1
    assert response.all("Cache-Control") == ["max-age=3600"]
    assert not response.all("X-Sendfile")


def test_its_type_is_by_its_ending_unless_the_program_says_one(named, files):
    assert named(files / "page.html", "X-Own: 1\n").all("Content-Type") == ["text/html"]
    assert named(files / "empty").body == b""
    assert named(f"{files}//./100% é.txt").all("Content-Type") == ["text/plain; charset=utf-8"]


def test_ranges_and_conditions(named, files):
    first = named(files / "a.bin")
    etag = first.header("ETag")
    part = named(files / "a.bin", headers=(("Range", "bytes=10-19"),))
    assert part.status == 206 and part.body == CONTENT[10:20]
    assert named(files / "a.bin", headers=(("Range", "bytes=99999999-"),)).status == 416
    kept = named(files / "a.bin", "Set-Cookie: a=1\n", headers=(("If-None-Match", etag),))
    assert kept.status == 304 and kept.body == b"" and kept.header("ETag") == etag
    assert kept.all("Set-Cookie") == ["a=1"]
    since = (("If-Modified-Since", first.header("Last-Modified")),)
    assert named(files / "a.bin", headers=since).status == 304
    head = named(files / "a.bin", method="HEAD")
    assert head.status == 200 and head.body == b"" and head.header("Content-Length") == str(len(CONTENT))


def test_after_post_and_with_a_status_it_is_whole(named, files):
    response = named(files / "a.bin", method="POST", body=b"x", headers=(("Range", "bytes=0-1"),
                                                                        ("If-None-Match", "*")))
    assert response.status == 200 and response.body == CONTENT
    response = named(files / "page.html", "Status: 404 Not here\n", headers=(("Range", "bytes=0-1"),))
    assert response.status == 404 and response.body == CONTENT and response.reason == "Not here"


@pytest.mark.parametrize("name, status, said", [
    ("../outside", 502, r'holds "\.\."'), ("/etc/passwd", 502, "below none of sendfile_roots"),
    ("private/a.bin", 502, "no absolute path"), ("missing", 404, "does not exist"),
    ("deep", 403, "is not a regular file"), ("", 502, "below none|is empty")])
def test_what_is_refused(named, files, name, status, said):
    file = name if name.startswith(("/", "private")) else f"{files}/{name}"
    response = named(file)
    assert response.status == status and not response.all("X-Sendfile")
    assert str(files).encode() not in response.body and CONTENT[:64] not in response.body
    named.server.wait_log(said)


@pytest.mark.parametrize("links, inside, outside", [("follow", 200, 200), ("never", 403, 403),
                                                    ("owner", 200, 200)])
def test_links_are_followed_as_the_location_says(start, site, files, links, inside, outside):
    server = start(config=cgi_site(site.root, f'sendfile_roots = ["{files}"]\nsymlinks = "{links}"\n'))
    for name, status in (("within", inside), ("link", outside), ("a.bin", 200)):
        site.program(f"{name}.cgi", f"#!/bin/sh\nprintf 'X-Sendfile: {files}/{name}\\n\\n'\n")
        assert server.get(f"/{name}.cgi").status == status


@pytest.mark.skipif(os.geteuid() != 0, reason="files of another user take root")
def test_a_link_to_another_owner_s_file_is_not_followed(start, site, files, tmp_path):
    os.chown(tmp_path / "outside", 65534, -1)
    server = start(config=cgi_site(site.root, f'sendfile_roots = ["{files}"]\nsymlinks = "owner"\n'))
    site.program("link.cgi", f"#!/bin/sh\nprintf 'X-Sendfile: {files}/link\\n\\n'\n")
    assert server.get("/link.cgi").status == 403


def test_without_the_key_it_is_told_and_never_passed_on(start, site, files):
    server = start(config=cgi_site(site.root))
    site.prints("send.cgi", f"Content-Type: text/plain\nX-Sendfile: {files}/a.bin\n\nthe program's")
    response = server.get("/send.cgi")
    assert response.status == 200 and response.body == b"the program's"
    assert not response.all("X-Sendfile")
    server.wait_log("its X-Sendfile is not followed; set sendfile_roots")


def test_a_program_that_dies_sends_nothing(start, site, files):
    server = start(config=cgi_site(site.root, f'sendfile_roots = ["{files}"]\n'))
    site.prints("send.cgi", f"X-Sendfile: {files}/a.bin\n\n", "kill -9 $$")
    assert server.get("/send.cgi").status == 502


def test_a_connection_goes_on(named, files):
    with named.server.connect() as connection:
        named(files / "a.bin")  # makes the program
        for _ in range(3):
            assert connection.request("GET", "/send.cgi").body == CONTENT
