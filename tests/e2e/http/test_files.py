"""Static files: types, validators, preconditions, ranges, and no way out of the root."""

import email.utils
import hashlib
import os
import random
import re
import time

import pytest

from support.clauses import clause
from support.client import head
from support.processes import peak_memory

MTIME = 1_577_934_245  # Site.file() dates files back to here
MODIFIED = "Thu, 02 Jan 2020 03:04:05 GMT"
BEFORE = "Thu, 02 Jan 2020 03:04:04 GMT"
AFTER = "Thu, 02 Jan 2020 03:04:06 GMT"
HTML = [("Accept", "text/html")]
TEXT = b"0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.file("text.txt", TEXT)
    shared_site.file("empty.txt", b"")
    for name in ("page.html", "page.HTM", "style.css", "code.js", "code.mjs", "data.json",
                 "image.png", "image.svg", "photo.jpeg", "movie.mp4", "font.woff2", "paper.pdf",
                 "module.wasm", "unknown.zzz9", "noextension"):
        shared_site.file("types/" + name, b"x")
    shared_site.file("folder/index.html", "the index")
    shared_site.file("both/index.html", "not me")
    shared_site.prints("both/index.cgi", "Content-Type: text/plain\n\nthe program")
    shared_site.file(".secret", "SECRET")
    shared_site.file(".git/config", "SECRET")
    shared_site.file("folder/.htpasswd", "SECRET")
    shared_site.file("folder/.hidden/file", "SECRET")
    shared_site.file("../outside.txt", "SECRET")
    shared_site.file("../linked/file.txt", "linked")
    shared_site.file("list/b.txt", "bb")
    shared_site.file("list/a & <b>.txt", "a")
    shared_site.file("list/sub/c.txt", "c")
    shared_site.file("list/.dot", "SECRET")
    link = shared_site.root / "link"
    if not link.exists():
        link.symlink_to(shared_site.root.parent / "linked")
    return shared_site


def etag(shared) -> str:
    return shared.get("/text.txt").header("ETag")


def test_file_is_sent(shared):
    response = shared.get("/text.txt")
    assert response.status == 200 and response.body == TEXT
    assert response.header("Content-Length") == str(len(TEXT))
    assert response.header("Accept-Ranges") == "bytes"


def test_query_is_of_no_consequence(shared):
    assert shared.get("/text.txt?v=1").body == TEXT


def test_empty_file(shared):
    connection = shared.connect()
    for _ in range(2):
        response = connection.request("GET", "/empty.txt")
        assert response.status == 200 and response.header("Content-Length") == "0"


@pytest.mark.parametrize("name, content_type", [
    ("page.html", "text/html"), ("page.HTM", "text/html"),
    ("style.css", "text/css"), ("code.js", "text/javascript; charset=utf-8"),
    ("code.mjs", "text/javascript; charset=utf-8"), ("data.json", "application/json"),
    ("image.png", "image/png"), ("image.svg", "image/svg+xml"), ("photo.jpeg", "image/jpeg"),
    ("movie.mp4", "video/mp4"), ("font.woff2", "font/woff2"), ("paper.pdf", "application/pdf"),
    ("module.wasm", "application/wasm"), ("unknown.zzz9", "application/octet-stream"),
    ("noextension", "application/octet-stream")])
def test_types(shared, name, content_type):
    assert shared.get("/types/" + name).header("Content-Type") == content_type


@pytest.mark.fault("24")
@pytest.mark.parametrize("name, content_type", [
    *[(f"a.{ending}", "text/plain; charset=utf-8")
      for ending in ("log", "yaml", "yml", "ini", "toml", "conf", "cfg", "txt")],
    ("segment.ts", "video/mp2t"), ("stream.m3u8", "application/vnd.apple.mpegurl")])
def test_types_that_systems_lack_or_have_otherwise(shared, shared_site, name, content_type):
    shared_site.file("types/" + name, "a: b")
    response = shared.get("/types/" + name)
    assert response.status == 200 and response.header("Content-Type") == content_type


@pytest.mark.fault("24")
def test_a_page_says_its_own_charset(shared, shared_site):
    """What the server says would override it: HTML and CSS say it themselves."""
    page = '<meta charset="iso-8859-1"><title>café</title>'.encode("latin-1")
    for name, content_type in (("latin1.html", "text/html"), ("latin1.css", "text/css")):
        shared_site.file(name, page)
        response = shared.get("/" + name)
        assert response.header("Content-Type") == content_type and response.body == page


def test_names_with_escapes(shared, shared_site):
    shared_site.file("a b+c%.txt", "odd")
    shared_site.file("\u4f60\u597d.txt", "hello")
    assert shared.get("/a%20b+c%25.txt").body == b"odd"
    assert shared.get("/%e4%bd%a0%e5%a5%bd.txt").body == b"hello"
    assert shared.get("/%74ext.txt").body == TEXT


# Validators and preconditions: RFC 9110 sections 8.8 and 13.


@clause("rfc9110-8.8.2-last-modified", "rfc9110-5.6.7-dates")
def test_last_modified(shared):
    assert shared.get("/text.txt").header("Last-Modified") == MODIFIED


@clause("rfc9110-8.8.2-last-modified")
def test_last_modified_is_not_after_date(shared, shared_site):
    """RFC 9110 section 8.8.2.1."""
    shared_site.file("future.txt", "x", mtime=time.time() + 100_000)
    response = shared.get("/future.txt")
    modified = email.utils.parsedate_to_datetime(response.header("Last-Modified"))
    assert modified <= email.utils.parsedate_to_datetime(response.header("Date"))


@clause("rfc9110-8.8.3-etag")
def test_etag_is_strong_and_changes_with_the_file(shared, shared_site):
    shared_site.file("tag.txt", "one", mtime=1_000_000_000)
    first = shared.get("/tag.txt").header("ETag")
    assert re.fullmatch(r'"[!#-~]+"', first)
    assert shared.get("/tag.txt").header("ETag") == first
    shared_site.file("tag.txt", "two", mtime=1_000_000_001)
    assert shared.get("/tag.txt").header("ETag") != first


@pytest.mark.fault("31")
@clause("rfc9110-8.8.3-etag")
def test_etag_tells_nothing_of_the_disk(shared, shared_site):
    """A copy with its time has the same one, on whatever machine; another time, another one."""
    one = shared_site.file("one.txt", "the same", mtime=1_600_000_000.25)
    other = shared_site.file("other.txt", "the same", mtime=1_600_000_000.25)
    tags = [shared.get("/" + path.name).header("ETag") for path in (one, other)]
    assert tags[0] == tags[1] and one.stat().st_ino != other.stat().st_ino
    os.utime(other, (1_600_000_000.5, 1_600_000_000.5))  # within the same second
    assert shared.get("/other.txt").header("ETag") != tags[0]


@clause("rfc9110-8.8.3-etag")
def test_etag_of_a_fresh_file_is_weak(shared, shared_site):
    """It may change again within the clock's grain (RFC 9110 section 8.8.1)."""
    shared_site.file("fresh.txt", "x", mtime=time.time())
    assert shared.get("/fresh.txt").header("ETag").startswith('W/"')


PRECONDITIONS = {
    "rfc9110-13.1.2-if-none-match": [
        ({"If-None-Match": "{tag}"}, 304), ({"If-None-Match": "W/{tag}"}, 304),
        ({"If-None-Match": '"other", {tag}'}, 304), ({"If-None-Match": "*"}, 304),
        ({"If-None-Match": '"other"'}, 200), ({"If-None-Match": "{bare}"}, 200)],
    "rfc9110-13.1.1-if-match": [
        ({"If-Match": "{tag}"}, 200), ({"If-Match": "*"}, 200),
        ({"If-Match": '"other", {tag}'}, 200), ({"If-Match": '"other"'}, 412),
        ({"If-Match": "W/{tag}"}, 412)],
    "rfc9110-13.1.3-if-modified-since": [
        ({"If-Modified-Since": MODIFIED}, 304), ({"If-Modified-Since": AFTER}, 304),
        ({"If-Modified-Since": BEFORE}, 200), ({"If-Modified-Since": "nonsense"}, 200)],
    "conditions-future-dates": [
        ({"If-Modified-Since": "Thu, 02 Jan 2120 03:04:05 GMT"}, 200)],
    "rfc9110-5.6.7-dates": [
        ({"If-Modified-Since": "Thursday, 02-Jan-20 03:04:05 GMT"}, 304),
        ({"If-Modified-Since": "Thu Jan  2 03:04:05 2020"}, 304)],
    "rfc9110-13.1.4-if-unmodified-since": [
        ({"If-Unmodified-Since": MODIFIED}, 200), ({"If-Unmodified-Since": BEFORE}, 412),
        ({"If-Unmodified-Since": "nonsense"}, 200)],
    "rfc9110-13.2.2-order": [
        ({"If-None-Match": '"other"', "If-Modified-Since": MODIFIED}, 200),
        ({"If-None-Match": "{tag}", "If-Modified-Since": BEFORE}, 304),
        ({"If-Match": "{tag}", "If-Unmodified-Since": BEFORE}, 200),
        ({"If-Match": '"other"', "If-None-Match": "{tag}"}, 412),
        ({"If-Match": "{tag}", "If-None-Match": "{tag}"}, 304),
        ({"If-Unmodified-Since": BEFORE, "If-None-Match": "{tag}"}, 412)],
}


@pytest.mark.parametrize("headers, status", [
    pytest.param(headers, status, id=f"{key}: {headers}"[:100], marks=clause(key))
    for key, table in PRECONDITIONS.items() for headers, status in table])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_preconditions(shared, method, headers, status):
    tag = etag(shared)
    fields = [(name, value.replace("{tag}", tag).replace("{bare}", tag.strip('"')))
              for name, value in headers.items()]
    connection = shared.connect()
    response = connection.request(method, "/text.txt", fields)
    assert response.status == status
    if status == 304:
        assert response.header("ETag") == tag and response.header("Date")
        assert not response.all("Content-Type") and response.body == b""
    assert connection.request("GET", "/empty.txt").status == 200


# Ranges: RFC 9110 section 14.


@clause("rfc9110-14.1.2-byte-ranges")
@pytest.mark.parametrize("value, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-9", 0, 9), ("bytes=10-", 10, 35), ("bytes=-5", 31, 35),
    ("bytes=30-1000", 30, 35), ("bytes=-1000", 0, 35), ("bytes=0-", 0, 35), ("bytes=35-35", 35, 35),
    ("BYTES=1-2", 1, 2), ("bytes=0-99999999999999999999", 0, 35), ("bytes= 1-2", 1, 2)])
def test_single_range_206(shared, value, first, last):
    response = shared.get("/text.txt", [("Range", value)])
    assert response.status == 206 and response.body == TEXT[first : last + 1]
    assert response.header("Content-Range") == f"bytes {first}-{last}/36"
    assert response.header("Content-Length") == str(last - first + 1)
    assert response.header("ETag") and response.header("Last-Modified")


@clause("rfc9110-15.5.17-unsatisfiable")
@pytest.mark.parametrize("value", [
    "bytes=36-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999-"])
def test_unsatisfiable_range_416(shared, value):
    response = shared.get("/text.txt", [("Range", value)])
    assert response.status == 416 and response.header("Content-Range") == "bytes */36"


def test_range_of_an_empty_file(shared):
    assert shared.get("/empty.txt", [("Range", "bytes=0-")]).status in (200, 416)


@clause("rfc9110-14.2-range")
@pytest.mark.parametrize("value", [
    "items=0-1", "bytes=5-1", "bytes=a-b", "bytes=", "bytes", "bytes=1", "bytes=1-2-3", "bytes=--1",
    "bytes=0x1-2"])
def test_other_units_and_nonsense_are_ignored(shared, value):
    response = shared.get("/text.txt", [("Range", value)])
    assert response.status == 200 and response.body == TEXT


def parts_of(response) -> list[tuple[str, bytes]]:
    match = re.fullmatch(r'multipart/byteranges; *boundary="?([^"]+)"?',
                         response.header("Content-Type"))
    assert match, response.header("Content-Type")
    pieces = response.body.split(b"\r\n--" + match[1].encode())
    assert pieces[0] == b"" and pieces[-1] in (b"--", b"--\r\n")
    found = []
    for piece in pieces[1:-1]:
        fields, body = piece.removeprefix(b"\r\n").split(b"\r\n\r\n", 1)
        found.append((re.search(rb"(?i)content-range: (.*?)\r?$", fields, re.M)[1].decode(), body))
        assert b"text/plain" in fields
    return found


@clause("rfc9110-14.6-multipart")
def test_several_ranges(shared):
    """RFC 9110 section 14.6."""
    connection = shared.connect()
    response = connection.request("GET", "/text.txt", [("Range", "bytes=0-1, 10-12,-2")])
    assert response.status == 206 and response.complete and not response.all("Content-Range")
    assert parts_of(response) == [("bytes 0-1/36", b"01"), ("bytes 10-12/36", b"abc"),
                                  ("bytes 34-35/36", b"yz")]
    assert connection.request("GET", "/empty.txt").status == 200


@pytest.mark.fault("33")
@clause("rfc9110-15.3.7.2-order")
@pytest.mark.parametrize("asked, sent", [
    ("-2,10-12,0-1", ["34-35", "10-12", "0-1"]),
    ("20-21,99-,5-6", ["20-21", "5-6"]),
    ("20-25,0-1,22-30", ["20-30", "0-1"]),
    ("8-9,30-31,0-7", ["0-9", "30-31"])])
def test_parts_come_as_they_were_asked_for(shared, asked, sent):
    """What overlaps or touches is one part, in the place of the first."""
    response = shared.get("/text.txt", [("Range", f"bytes={asked}")])
    bounds = [tuple(map(int, part.split("-"))) for part in sent]
    assert parts_of(response) == [(f"bytes {first}-{last}/36", TEXT[first:last + 1])
                                  for first, last in bounds]


@pytest.mark.fault("32")
@clause("rfc9110-14.6-multipart", "rfc9110-15.3.7.2-order")
def test_two_hundred_ranges_and_a_line_end_before_the_first(shared, shared_site):
    """As Apache has it; clients that mend a file from its changed parts go by both."""
    content = bytes(n * n % 251 for n in range(400_000))
    shared_site.file("scattered.txt", content)
    firsts = [(n * 37 % 200) * 2000 for n in range(200)]
    ranges = ",".join(f"{first}-{first + 99}" for first in firsts)
    connection = shared.connect()
    response = connection.request("GET", "/scattered.txt", [("Range", "bytes=" + ranges)])
    assert response.status == 206 and response.complete
    assert response.body.startswith(b"\r\n--") and response.body.endswith(b"--\r\n")
    assert parts_of(response) == [(f"bytes {first}-{first + 99}/400000", content[first:first + 100])
                                  for first in firsts]
    more = connection.request("GET", "/scattered.txt", [("Range", "bytes=1-1," + ranges)])
    assert more.status == 200 and more.body == content


@clause("rfc9110-14.6-multipart")
def test_unsatisfiable_ones_among_several_are_left_out(shared):
    response = shared.get("/text.txt", [("Range", "bytes=0-1,100-200")])
    assert response.status == 206
    assert response.body == TEXT[:2] or parts_of(response) == [("bytes 0-1/36", TEXT[:2])]


@clause("rfc9110-14.2-many-ranges")
def test_overlapping_ranges_are_coalesced_or_refused(shared):
    """RFC 9110 section 14.2."""
    response = shared.get("/text.txt", [("Range", "bytes=0-20,5-10,10-30")])
    assert response.status in (200, 206, 416)
    assert len(response.body) <= len(TEXT) + 500


@pytest.mark.plain(only="the address sanitizer keeps what was freed")
@clause("rfc9110-14.2-many-ranges")
def test_a_thousand_ranges_cost_nothing(shared, shared_site):
    """Coalesced, ignored or refused (CVE-2011-3192); memory stays flat."""
    shared_site.file("large.bin", b"x" * 5_000_000)
    before = {pid: peak_memory(pid) for pid in shared.workers()}
    ranges = ",".join(f"{n * 3}-" for n in range(1000))
    response = shared.get("/large.bin", [("Range", "bytes=" + ranges)])
    assert response.status in (200, 206, 416) and len(response.body) <= 5_100_000
    scattered = ",".join(f"{n * 10}-{n * 10}" for n in range(1000))
    response = shared.get("/large.bin", [("Range", "bytes=" + scattered)])
    assert response.status in (200, 206, 416)
    after = {pid: peak_memory(pid) for pid in shared.workers()}
    assert all(after[pid] - before[pid] < 3_000_000 for pid in after), (before, after)


@clause("rfc9110-13.1.5-if-range")
@pytest.mark.parametrize("condition, status", [
    ("{tag}", 206), ('"other"', 200), ("W/{tag}", 200),
    (MODIFIED, 206), (BEFORE, 200), (AFTER, 200)])
def test_if_range(shared, condition, status):
    """RFC 9110 section 13.1.5: strong, and exact for dates."""
    value = condition.replace("{tag}", etag(shared))
    response = shared.get("/text.txt", [("Range", "bytes=0-1"), ("If-Range", value)])
    assert response.status == status


@clause("rfc9110-14.2-range")
def test_range_is_for_get_only(shared):
    """RFC 9110 section 14.2."""
    response = shared.request("HEAD", "/text.txt", [("Range", "bytes=0-1")])
    assert response.status == 200 and response.header("Content-Length") == "36"


@clause("rfc9110-13.2.2-order")
def test_precondition_comes_before_range(shared):
    response = shared.get("/text.txt", [("Range", "bytes=0-1"), ("If-None-Match", etag(shared))])
    assert response.status == 304


# Folders.


def test_index(shared):
    assert shared.get("/folder/").body == b"the index"
    assert shared.get("/both/").body == b"the program", "index.cgi comes before index.html"


@clause("rfc9110-15.4.2-directory")
@pytest.mark.parametrize("target, location", [
    ("/folder", "/folder/"), ("/folder?a=b", "/folder/?a=b"), ("/%66older", "/folder/")])
def test_folder_without_its_slash_301(shared, target, location):
    response = shared.get(target)
    assert response.status == 301
    assert re.fullmatch(r"(http://localhost(:\d+)?)?" + re.escape(location),
                        response.header("Location"))


@clause("rfc9110-15.4.2-directory")
def test_slash_redirect_stays_on_this_server(shared, shared_site):
    """//evil.example would name another host."""
    shared_site.file("evil.example/index.html", "x")
    response = shared.get("//evil.example")
    assert not (response.header("Location") or "").startswith("//")


def test_file_with_a_slash_is_no_folder(shared):
    assert shared.get("/text.txt/").status == 404


def test_listing(shared):
    response = shared.get("/list/", HTML)
    assert response.status == 200 and response.header("Content-Type").startswith("text/html")
    assert "b.txt" in response.text and "sub/" in response.text
    assert "a &amp; &lt;b&gt;.txt" in response.text and "<b>.txt" not in response.text
    assert "SECRET" not in response.text and ".dot" not in response.text
    hrefs = re.findall(r'href="([^"]+)"', response.text)
    assert any(re.search(r"a(%20|\+)(&amp;|%26)", h) for h in hrefs), hrefs


def test_listing_is_sorted(shared, shared_site):
    for name, size in (("x.txt", 300), ("y.txt", 20), ("z.txt", 1000)):
        shared_site.file("sorted/" + name, b"x" * size)

    def order(query):
        text = shared.get("/sorted/" + query, HTML).text
        return sorted("xyz", key=lambda n: text.index(n + ".txt"))

    assert order("") == ["x", "y", "z"] and order("?-name") == ["z", "y", "x"]
    assert order("?size") == ["y", "x", "z"] and order("?-size") == ["z", "x", "y"]


def test_listing_as_plain_text(shared):
    response = shared.get("/list/")
    assert response.header("Content-Type").startswith("text/plain")
    assert "b.txt" in response.text and "<html" not in response.text


@pytest.mark.fault("31")
def test_a_name_in_a_listing_reads_as_what_it_is(shared, shared_site):
    """What turns the text around, or is not to be seen, is shown by its bytes."""
    shared_site.file("names/photo\u202egpj.exe", "x")
    shared_site.file("names/in\u200bvisible", "x")
    shared_site.file("names/\u05e9\u05dc\u05d5\u05dd.txt", "x")
    for headers in ((), HTML):
        text = shared.get("/names/", headers).text
        assert "photo\\xe2\\x80\\xaegpj.exe" in text and "\u202e" not in text
        assert "in\\xe2\\x80\\x8bvisible" in text and "\u05e9\u05dc\u05d5\u05dd.txt" in text
    link = re.search(r'href="([^"]*photo[^"]*)"', shared.get("/names/", HTML).text)[1]
    assert shared.get("/names/" + link.removeprefix("./")).body == b"x"


def test_programs_are_listed_for_their_author(start, site):
    site.program("cgi-bin/tool", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nit ran\\n'\n")
    server = start(site)
    folder = re.search(r'href="([^"]*cgi-bin/)"', server.get("/", HTML).text)[1]
    shown = server.get("/" + folder, HTML)
    assert shown.status == 200
    program = re.search(r'href="([^"]*tool)"', shown.text)[1]
    assert server.get(f"/cgi-bin/{program}").text == "it ran\n"


def test_no_programs_are_listed_by_configuration(start, site):
    site.program("cgi-bin/tool", "#!/bin/sh\necho\n")
    server = start(config=f"""
[[site]]
root = "{site.root}"
listing = true
[[site.location]]
match = "/cgi-bin/"
cgi = true
""")
    assert server.get("/cgi-bin/").status == 404


def test_no_listing_by_configuration_unless_asked_for(start, site):
    site.file("folder/a.txt", "a")
    configuration = f'[[site]]\nroot = "{site.root}"\n'
    assert start(config=configuration).get("/folder/").status in (403, 404)
    assert "a.txt" in start(config=configuration + "listing = true\n").get("/folder/").text


# No way out: every target here is answered with 400 or 404, or is not the secret.

WAYS_OUT = {
    "rfc3986-5.2.4-dot-segments": [
        "/../outside.txt", "/../../etc/passwd", "/folder/../../outside.txt", "/%2e%2e/outside.txt",
        "/%2E%2E/outside.txt", "/.%2e/outside.txt", "/%2e%2e%2foutside.txt", "/..%2foutside.txt",
        "/..%2Foutside.txt", "/folder/..%2f..%2foutside.txt", "/%252e%252e/outside.txt",
        "/%%32%65%%32%65/outside.txt", "/..;/outside.txt", "/..;a=b/outside.txt",
        "/..\\outside.txt", "/..%5coutside.txt", "/%5c../outside.txt",
        "/folder%5c..%5c..%5coutside.txt",
        "/..%00/outside.txt", "/text.txt%00.html", "/%00", "/%c0%ae%c0%ae/outside.txt",
        "/%e0%80%ae%e0%80%ae/outside.txt",
        "/%uff0e%uff0e/outside.txt", "/%u002e%u002e/outside.txt", "/./../outside.txt",
        "/.../outside.txt", "//../outside.txt", "/folder//../../outside.txt", "/..", "/%2e%2e",
        "/link/../../outside.txt", "/link/%2e%2e/outside.txt", "/cgi-bin/../../outside.txt",
        "/cgi-bin/..%2f..%2foutside.txt", "/types/%2e%2e/%2e%2e/outside.txt",
        "http://localhost/../outside.txt", "/" + "../" * 50 + "etc/passwd",
    ],
    "paths-dotfiles": [
        "/.secret", "/%2esecret", "/.git/config", "/.git/", "/.git", "/folder/.htpasswd",
        "/folder/.hidden/file", "/folder/%2ehidden/file", "/folder/../.secret", "/list/.dot",
    ],
}


@pytest.mark.parametrize("target", [
    pytest.param(target, marks=clause(key)) for key, targets in WAYS_OUT.items()
    for target in targets])
def test_no_way_out_of_the_root(shared, target):
    response = shared.get(target)
    assert response.status in (400, 404), response
    assert b"SECRET" not in response.body and b"root:" not in response.body


@clause("rfc3986-5.2.4-dot-segments")
@pytest.mark.parametrize("target", [
    "/folder/../text.txt", "/./text.txt", "//text.txt", "/folder//../text.txt",
    "/folder/./../text.txt", "/missing/../text.txt"])
def test_dot_segments_within_the_root(shared, target):
    """RFC 3986 section 5.2.4."""
    response = shared.get(target)
    assert response.status in (200, 301, 308) and (response.status != 200 or response.body == TEXT)


@clause("paths-links-followed")
def test_links_are_followed(shared, shared_site):
    """Those that the administrator placed, out of the root too."""
    assert shared.get("/link/file.txt").body == b"linked"
    assert shared.get("/link").status == 301


@clause("paths-special-files")
def test_broken_and_circular_links(shared, shared_site):
    for name, to in (("broken", "/nonexistent"), ("circle", "circle")):
        link = shared_site.root / name
        if not link.is_symlink():
            link.symlink_to(to)
        assert shared.get("/" + name).status in (403, 404)


@clause("paths-special-files")
def test_special_files_are_not_served(shared, shared_site):
    """A pipe would block the worker, a device never end."""
    pipe, zero = shared_site.root / "pipe", shared_site.root / "zero"
    if not pipe.exists():
        os.mkfifo(pipe)
        zero.symlink_to("/dev/zero")
    assert shared.get("/pipe").status in (403, 404)
    assert shared.get("/zero").status in (403, 404)
    assert shared.get("/text.txt").status == 200


def test_file_beside_a_program_is_not_run(shared, shared_site):
    """A script that is executable but matches no rule for programs is a file."""
    shared_site.program("script.sh", "#!/bin/sh\necho ran\n")
    assert shared.get("/script.sh").body == b"#!/bin/sh\necho ran\n"


# Methods.


@clause("rfc9110-15.5.6-allow")
def test_post_405_with_allow(shared):
    response = shared.request("POST", "/text.txt", body=b"x")
    assert response.status == 405
    assert {"GET", "HEAD"} <= {m.strip() for m in response.header("Allow").split(",")}


@clause("rfc9110-15.5.6-allow")
def test_options_of_a_file(shared):
    response = shared.request("OPTIONS", "/text.txt")
    assert response.status in (200, 204, 405) and "GET" in response.header("Allow")


# Large files.


@pytest.fixture(scope="module")
def large(shared_site):
    data = random.Random(1).randbytes(1 << 20) * 64
    shared_site.file("large.dat", data)
    return data


def test_large_file(shared, large):
    """By sendfile(2): the worker's memory does not grow with it."""
    before = max(peak_memory(pid) for pid in shared.workers())
    connection = shared.connect()
    connection.send(head("GET", "/large.dat"))
    response = connection.read_final_head()
    digest = hashlib.sha1()
    for piece in connection.stream(response):
        digest.update(piece)
    assert response.complete and digest.digest() == hashlib.sha1(large).digest()
    assert connection.request("GET", "/text.txt").body == TEXT
    assert max(peak_memory(pid) for pid in shared.workers()) - before < 4 << 20


def test_range_of_a_large_file(shared, large):
    response = shared.get("/large.dat", [("Range", "bytes=60000000-60999999")])
    assert response.status == 206 and response.body == large[60_000_000:61_000_000]


def test_file_that_shrinks_while_it_is_sent(shared, shared_site):
    """The client must see that it is incomplete, and the worker must not wait or spin for ever."""
    path = shared_site.file("shrinks.dat", b"x" * 50_000_000)
    connection = shared.connect()
    connection.send(head("GET", "/shrinks.dat"))
    response = connection.read_final_head()
    os.truncate(path, 1000)
    for _ in connection.stream(response):
        pass
    assert not response.complete and connection.ended()


def test_client_that_leaves_in_the_middle_of_a_file(shared, large):
    for n in range(20):
        connection = shared.connect()
        connection.send(head("GET", "/large.dat"))
        connection.socket.recv(1000)
        connection.reset() if n % 2 else connection.close()
    assert shared.get("/text.txt").body == TEXT
