"""`compress`: which answers are compressed, by what, and what that does to their heads."""

from __future__ import annotations

import os
import subprocess
import urllib.request
import zlib

import pytest

from support.clauses import clause
from support.client import head
from support.codings import ENDINGS, content_of, encode
from support.passwords import QUICK
from support.waiting import until

TEXT = b"".join(b"line %d of a text that repeats itself\n" % i for i in range(2000))
LONG = TEXT * 50  # more than fits into any buffer on its way
OTHER = TEXT[::-1]
GZIP = ("Accept-Encoding", "gzip")
ALL = ("Accept-Encoding", "gzip, deflate, br, zstd")
CONFIG = """
[[site]]
root = "{root}"
listing = true
compress = true
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/plain/"
compress = false
[[site.location]]
match = "/fields/"
headers = {{ Vary = "Cookie" }}
[[site.location]]
match = "/pinned/"
headers = {{ "Cache-Control" = "no-transform" }}
[log]
access = {{ path = "{log}", format = "{{target}} {{status}} {{bytes_sent}}" }}
"""


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("log") / "access"


@pytest.fixture(scope="module")
def shared_config(shared_site, log):
    return CONFIG.format(root=shared_site.root, log=log)


def stream(head: str, body: str = "cat text.txt") -> str:
    return f"#!/bin/sh\nprintf '{head}\\n\\n'\n{body}\n"


@pytest.fixture(scope="module")
def shared_site(shared_site):
    for name in ("text.txt", "page.html", "plain/text.txt", "fields/text.txt", "pinned/text.txt"):
        shared_site.file(name, TEXT)
    shared_site.file("long.txt", LONG)
    shared_site.file("short.txt", TEXT[:1023])
    shared_site.file("just.txt", TEXT[:1024])
    shared_site.file("photo.png", TEXT)
    for i in range(100):
        shared_site.file(f"list/file-{i}.txt", b"")
    for coding in ENDINGS:
        shared_site.file("beside.txt" + ENDINGS[coding], encode(coding, OTHER))
        shared_site.file("one.html", TEXT)
        shared_site.file(f"older{ENDINGS[coding]}/page.html", TEXT)
        shared_site.file(f"older{ENDINGS[coding]}/page.html{ENDINGS[coding]}", encode(coding, OTHER),
                         1_577_934_244)
    shared_site.file("beside.txt", TEXT)
    shared_site.file("one.html.gz", encode("gzip", OTHER))
    shared_site.file("photo.png.gz", encode("gzip", OTHER))
    shared_site.path("folder.html.gz").mkdir()
    shared_site.file("folder.html", TEXT)
    shared_site.program("stream.cgi", stream("Content-Type: text/plain"))
    shared_site.program("etag.cgi", stream('Content-Type: text/plain\\nETag: "own"\\nVary: Cookie'))
    shared_site.program("sized.cgi", stream(f"Content-Type: text/plain\\nContent-Length: {len(TEXT)}"))
    shared_site.program("too-short.cgi", stream(f"Content-Type: text/plain\\nContent-Length: {len(TEXT) + 1}"))
    shared_site.program("small.cgi", stream("Content-Type: text/plain\\nContent-Length: 2", "echo 1"))
    shared_site.program("encoded.cgi", stream("Content-Type: text/plain\\nContent-Encoding: x-own"))
    shared_site.program("part.cgi", stream("Status: 206\\nContent-Type: text/plain\\n"
                                           f"Content-Range: bytes 0-{len(TEXT) - 1}/{len(TEXT)}"))
    shared_site.program("transform.cgi", stream("Content-Type: text/plain\\nCache-Control: private, no-transform"))
    shared_site.program("image.cgi", stream("Content-Type: image/png"))
    shared_site.program("missing.cgi", stream("Status: 404\\nContent-Type: text/html"))
    shared_site.program("unmodified.cgi", stream('Status: 304\\nETag: "own"', ""))
    shared_site.program("nph-own.cgi", "#!/bin/sh\nprintf 'HTTP/1.1 200 OK\\r\\nContent-Type: text/plain\\r\\n\\r\\n'\n"
                                       "cat text.txt\n")
    return shared_site


# Which coding.


@clause("rfc9110-12.5.3-accept-encoding")
@pytest.mark.parametrize("accepted, coding", [
    ("gzip", "gzip"), ("gzip, deflate, br, zstd", "zstd"), ("gzip, br", "br"),
    ("br;q=0.5, gzip;q=0.8", "gzip"), ("br;q=0, gzip", "gzip"), ("*", "zstd"),
    ("*;q=0, zstd;q=0.1", "zstd"), ("X-GZIP", "gzip"), ("identity;q=0.5, gzip;q=0.6", "gzip")])
@pytest.mark.parametrize("target", ["/text.txt", "/stream.cgi"])
def test_the_client_s_choice_is_sent(shared, target, accepted, coding):
    response = shared.get(target, [("Accept-Encoding", accepted)])
    assert response.all("Content-Encoding") == [coding]
    assert content_of(response) == TEXT and len(response.body) < len(TEXT) / 4
    assert response.all("Content-Length") == [] and response.all("Vary") == ["Accept-Encoding"]


@clause("rfc9110-12.5.3-accept-encoding")
@pytest.mark.parametrize("accepted", [
    None, "", "deflate", "identity", "gzip;q=0", "*;q=0", "identity;q=1, gzip;q=0.5", "gzip;q=2",
    "identity;q=0"])
@pytest.mark.parametrize("target", ["/text.txt", "/stream.cgi"])
def test_who_takes_none_gets_the_bytes_as_they_are(shared, target, accepted):
    response = shared.get(target, [] if accepted is None else [("Accept-Encoding", accepted)])
    assert response.body == TEXT and response.all("Content-Encoding") == []
    assert response.all("Vary") == ["Accept-Encoding"]


def test_clients_that_are_used_decode_it(shared):
    url = f"http://127.0.0.1:{shared.address[1]}/long.txt"
    assert subprocess.run(["curl", "-s", "--compressed", url], capture_output=True, check=True).stdout == LONG
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip"})
    with urllib.request.urlopen(request) as response:
        assert zlib.decompress(response.read(), 16 + zlib.MAX_WBITS) == LONG


# Which answers.


@pytest.mark.parametrize("coding", ENDINGS)
@pytest.mark.parametrize("target", ["/long.txt", "/sized.cgi", "/list/", "/missing.cgi", "/just.txt", "/page.html"])
def test_text_of_any_kind_is_compressed(shared, target, coding):
    plain = shared.get(target)
    response = shared.get(target, [("Accept-Encoding", coding)])
    assert response.all("Content-Encoding") == [coding] and response.status == plain.status
    assert content_of(response) == plain.body
    assert response.header("Vary").endswith("Accept-Encoding")


@clause("rfc9110-8.4-left-alone")
@pytest.mark.parametrize("target", [
    "/plain/text.txt", "/pinned/text.txt", "/photo.png", "/small.cgi", "/part.cgi", "/transform.cgi",
    "/image.cgi", "/nph-own.cgi"])
def test_what_does_not_pay_or_must_not_be_is_left_alone(shared, target):
    plain, response = shared.get(target), shared.get(target, [ALL])
    assert response.body == plain.body and response.status == plain.status
    assert response.all("Content-Encoding") == [] and response.all("Vary") == []
    assert response.all("ETag") == plain.all("ETag")


@clause("rfc9110-8.4-left-alone")
def test_what_has_a_coding_gets_no_second_one(shared):
    response = shared.get("/encoded.cgi", [ALL])
    assert response.all("Content-Encoding") == ["x-own"] and response.body == TEXT


def test_a_short_file_is_left_alone(shared):
    response = shared.get("/short.txt", [ALL])
    assert response.body == TEXT[:1023] and not response.header("ETag").startswith("W/")


@clause("rfc9110-12.5.5-vary-encoding")
def test_vary_is_merged_with_what_is_there(shared):
    assert shared.get("/etag.cgi", [GZIP]).all("Vary") == ["Cookie, Accept-Encoding"]
    assert shared.get("/etag.cgi").all("Vary") == ["Cookie, Accept-Encoding"]
    assert shared.get("/fields/text.txt", [GZIP]).all("Vary") == ["Cookie, Accept-Encoding"]
    assert shared.get("/list/", [GZIP]).all("Vary") == ["Accept, Accept-Encoding"]


@pytest.mark.parametrize("target", ["/text.txt", "/stream.cgi", "/sized.cgi", "/etag.cgi", "/photo.png",
                                    "/beside.txt", "/short.txt", "/small.cgi"])
@clause("rfc9110-9.3.2-head")
def test_head_has_the_fields_of_get(shared, target):
    def fields(method):
        return shared.request(method, target, [ALL]).without("Date", "Transfer-Encoding")
    assert fields("HEAD") == fields("GET")


# Validators, conditions and ranges.


@clause("rfc9110-8.8.3-encoded-etag")
@pytest.mark.parametrize("target", ["/text.txt", "/etag.cgi"])
def test_what_is_compressed_on_its_way_has_a_weak_etag(shared, target):
    plain, response = shared.get(target), shared.get(target, [GZIP])
    assert response.header("ETag") == "W/" + plain.header("ETag")
    assert response.all("Accept-Ranges") == []


@clause("rfc9110-8.8.3-encoded-etag")
@pytest.mark.parametrize("fields", [[GZIP], []])
def test_a_304_has_the_etag_of_its_answer_and_vary(shared, fields):
    for etag in {shared.get("/text.txt").header("ETag"), shared.get("/text.txt", fields).header("ETag")}:
        response = shared.get("/text.txt", [*fields, ("If-None-Match", etag)])
        assert response.status == 304 and response.all("Content-Encoding") == []
        assert response.all("ETag") == shared.get("/text.txt", fields).all("ETag")
        assert response.all("Vary") == ["Accept-Encoding"]
    response = shared.get("/unmodified.cgi", [GZIP])
    assert response.status == 304 and response.all("ETag") == ['W/"own"']
    assert response.all("Vary") == ["Accept-Encoding"]


def test_a_304_of_what_is_left_alone_stays_as_it_is(shared):
    for target in ("/photo.png", "/short.txt"):
        etag = shared.get(target).header("ETag")
        response = shared.get(target, [GZIP, ("If-None-Match", etag)])
        assert response.status == 304 and response.header("ETag") == etag


@clause("rfc9110-14.2-encoded-ranges")
def test_a_range_is_of_the_file_as_it_is(shared):
    strong = shared.get("/text.txt").header("ETag")
    for fields in ([], [("If-Range", strong)]):
        response = shared.get("/text.txt", [GZIP, ("Range", "bytes=10-19"), *fields])
        assert response.status == 206 and response.body == TEXT[10:20]
        assert response.all("Content-Encoding") == [] and response.header("ETag") == strong
        assert response.all("Vary") == ["Accept-Encoding"]
    response = shared.get("/text.txt", [GZIP, ("Range", "bytes=10-19"), ("If-Range", "W/" + strong)])
    assert response.status == 200 and response.body == TEXT


@clause("rfc9110-14.2-encoded-ranges")
def test_if_match_is_about_the_file_as_it_is(shared):
    strong = shared.get("/text.txt").header("ETag")
    response = shared.get("/text.txt", [GZIP, ("If-Match", strong)])
    assert response.status == 200 and response.body == TEXT and response.header("ETag") == strong
    assert shared.get("/text.txt", [GZIP, ("If-Match", "W/" + strong)]).status == 412


# Files that are compressed beforehand.


@clause("codings-beside")
@pytest.mark.parametrize("coding", ENDINGS)
def test_the_file_beside_it_is_sent(shared, shared_site, coding):
    beside = shared_site.path("beside.txt" + ENDINGS[coding]).read_bytes()
    response = shared.get("/beside.txt", [("Accept-Encoding", coding)])
    assert response.body == beside and response.all("Content-Encoding") == [coding]
    assert response.header("Content-Length") == str(len(beside))
    assert response.header("Content-Type") == "text/plain; charset=utf-8"
    assert response.all("Vary") == ["Accept-Encoding"]


@clause("codings-beside", "rfc9110-12.5.3-accept-encoding")
@pytest.mark.parametrize("accepted, coding", [
    ("gzip, deflate, br, zstd", "br"), ("gzip, zstd", "zstd"), ("br;q=0.5, gzip", "gzip"), ("br;q=0, gzip", "gzip")])
def test_of_several_files_the_smallest_kind_is_sent(shared, accepted, coding):
    assert shared.get("/beside.txt", [("Accept-Encoding", accepted)]).all("Content-Encoding") == [coding]


@clause("codings-beside")
def test_whichever_there_is_goes_before_compressing(shared):
    response = shared.get("/one.html", [ALL])
    assert response.all("Content-Encoding") == ["gzip"] and content_of(response) == OTHER
    assert content_of(shared.get("/one.html", [("Accept-Encoding", "br")])) == TEXT
    assert shared.get("/one.html").body == TEXT


@clause("codings-beside")
@pytest.mark.parametrize("coding", ENDINGS)
def test_one_that_is_older_is_not_sent(shared, coding):
    response = shared.get(f"/older{ENDINGS[coding]}/page.html", [("Accept-Encoding", coding)])
    assert content_of(response) == TEXT


def test_a_folder_of_that_name_is_no_such_file(shared):
    assert content_of(shared.get("/folder.html", [GZIP])) == TEXT


def test_of_what_is_no_text_the_file_itself_is_sent(shared):
    assert shared.get("/photo.png", [GZIP]).body == TEXT
    archive = shared.get("/one.html.gz", [GZIP])
    assert archive.all("Content-Encoding") == [] and archive.header("Content-Type") == "application/gzip"


@clause("rfc9110-8.8.3-encoded-etag", "rfc9110-14.2-encoded-ranges")
def test_it_has_validators_and_ranges_of_its_own(shared):
    plain, response = shared.get("/beside.txt"), shared.get("/beside.txt", [GZIP])
    etag = response.header("ETag")
    assert etag != plain.header("ETag") and not etag.startswith("W/")
    part = shared.get("/beside.txt", [GZIP, ("Range", "bytes=10-19"), ("If-Range", etag)])
    assert part.status == 206 and part.body == response.body[10:20]
    assert part.all("Content-Encoding") == ["gzip"] and part.header("ETag") == etag
    unmodified = shared.get("/beside.txt", [GZIP, ("If-None-Match", etag)])
    assert unmodified.status == 304 and unmodified.all("Vary") == ["Accept-Encoding"]
    assert unmodified.header("ETag") == etag and unmodified.all("Content-Encoding") == []
    assert shared.get("/beside.txt", [GZIP, ("If-Match", etag)]).status == 200
    assert shared.get("/beside.txt", [GZIP, ("If-Match", plain.header("ETag"))]).status == 412
    parts = shared.get("/beside.txt", [GZIP, ("Range", "bytes=0-1, 9-10")])
    assert parts.status == 206 and parts.all("Content-Encoding") == [] and TEXT[9:11] in parts.body


@clause("codings-beside")
@pytest.mark.parametrize("coding, command", [
    ("br", ["brotli", "-k", "-f"]), ("zstd", ["zstd", "-19", "-k", "-f", "-q"]), ("gzip", ["gzip", "-9", "-k", "-f"])])
def test_what_the_tools_make_is_sent(shared, shared_site, coding, command):
    """As the guide has it, of a file whose time has a fraction: not all tools keep that."""
    file = shared_site.file(f"made-{coding}.txt", TEXT, 1_577_934_245.75)
    subprocess.run([*command, file], check=True)
    response = shared.get(f"/made-{coding}.txt", [("Accept-Encoding", coding)])
    assert response.body == shared_site.path(file.name + ENDINGS[coding]).read_bytes()
    assert content_of(response) == TEXT


def test_links_are_followed_as_the_site_says(start, site):
    site.file("page.html", TEXT)
    site.file("elsewhere", encode("gzip", OTHER))
    os.symlink("elsewhere", site.path("page.html.gz"))
    for links, content in (("follow", OTHER), ("never", TEXT)):
        server = start(config=f'[[site]]\nroot = "{site.root}"\ncompress = true\nsymlinks = "{links}"\n')
        assert content_of(server.get("/page.html", [GZIP])) == content


SECRETS = """
[[site]]
root = "{root}"
compress = true
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "/kept/"
allow = ["192.0.2.1"]
[[site.location]]
match = "/asked/"
auth = {{ passwords = "{passwords}" }}
[[site.location]]
match = "=/asked/own.html"
auth = false
[[site.location]]
match = "/denied/*.gz"
deny = true
"""


@clause("codings-beside")
def test_one_that_its_own_path_would_not_give_is_not_sent(start, site):
    """Links, and names, lead around no rule: what stands beside a file has rules of its own."""
    secret = encode("gzip", OTHER)
    passwords = site.root.parent / "passwords"
    passwords.write_text(f"alice:{QUICK}\n")
    os.utime(passwords, (1_577_934_245, 1_577_934_245))
    for name in ("kept/secret.gz", "asked/secret.gz", "asked/own.html.gz", "denied/page.html.gz"):
        site.file(name, secret)
    for name, target in (("a", "kept/secret.gz"), ("b", "asked/secret.gz"), ("c", "run.cgi"),
                         ("d", passwords)):
        site.file(f"{name}.html", TEXT)
        os.symlink(target, site.path(f"{name}.html.gz"))
    site.program("run.cgi", "#!/bin/sh\nexit 1\n")
    site.file("asked/own.html", TEXT)
    site.file("denied/page.html", TEXT)
    site.file("index.html", TEXT)
    site.file("index.html.gz", secret)
    server = start(config=SECRETS.format(root=site.root, passwords=passwords))
    for target in ("/a.html", "/b.html", "/c.html", "/d.html", "/asked/own.html", "/denied/page.html"):
        assert content_of(server.get(target, [GZIP])) == TEXT, target
    for target in ("/", "/index.html"):
        assert server.get(target, [GZIP]).body == secret


# Streams.


@clause("codings-streams")
@pytest.mark.parametrize("kind", ["text/plain", "text/event-stream"])
def test_what_a_program_prints_arrives_at_once(shared, shared_site, kind):
    go = shared_site.path("go")
    go.unlink(missing_ok=True)
    shared_site.program("slow.cgi", stream(
        f"Content-Type: {kind}", f"echo one\nwhile [ ! -e '{go}' ]; do sleep 0.05; done\necho two"))
    connection = shared.connect()
    connection.send(head("GET", "/slow.cgi", [GZIP]))
    response = connection.read_final_head()
    decoder, content = zlib.decompressobj(16 + zlib.MAX_WBITS), b""
    for piece in connection.stream(response):
        content += decoder.decompress(piece)
        if content == b"one\n":
            go.touch()
    assert content == b"one\ntwo\n" and decoder.eof and response.complete


def test_http_1_0_gets_it_until_the_connection_ends(shared):
    response = shared.get("/stream.cgi", [GZIP], version="HTTP/1.0")
    assert response.all("Transfer-Encoding") == [] and response.header("Connection") == "close"
    assert content_of(response) == TEXT


def test_a_program_that_prints_less_than_it_said_is_seen_to(shared):
    response = shared.get("/too-short.cgi", [GZIP])
    assert response.all("Content-Encoding") == ["gzip"] and not response.complete
    assert zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(response.body) == TEXT


def test_the_log_has_the_bytes_that_were_sent(shared, log):
    for target in ("/text.txt?logged", "/stream.cgi?logged", "/beside.txt?logged"):
        sent = len(shared.get(target, [GZIP]).body)
        assert until(lambda: f"{target} 200 {sent}\n" in log.read_text()), log.read_text()


# Administrators.


def test_explain_names_it(run, site, tmp_path):
    for name in ("page.html", "page.html.zst", "page.html.gz"):
        site.file(name, TEXT)
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\ncompress = true\n'
                    '[[site.location]]\nmatch = "/off/"\ncompress = false\n')
    site.file("off/page.html", TEXT)
    text = run("check", "-c", file, "--explain", "/page.html").stdout
    assert f"{file}:3:   is compressed for clients that take it, if it is text or like it\n" in text
    assert f"{site.root}/page.html.zst is there for those that take zstd\n" in text
    assert "page.html.gz is there" in text and "page.html.br" not in text
    assert "compressed" not in run("check", "-c", file, "--explain", "/off/page.html").stdout
