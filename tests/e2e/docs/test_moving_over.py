"""docs/from-*.md: both configurations of each are served, by the other server and by cgisrv, and
the same requests sent to both. What differs must be in the document's tables, and must be as they
say; and each row of them must be seen here."""

from __future__ import annotations

import base64
import gzip
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.migration import (HOST, MOVES, Answer, Document, Folder, Peer, ask, free_port,
                               own_server)
from support.server import Server, finish
from support.waiting import until

# What a client goes by. Others differ as servers do: Date, Server, ETag, how a body is framed.
HEADERS = ("Content-Type", "Location", "Set-Cookie", "Last-Modified", "Content-Range", "X-Field")

# Those of /usr/lib/cgi-bin in each test, or of cgi-bin below the root.
PROGRAMS = {
    "env": "#!/usr/bin/perl\nread STDIN, my $body, $ENV{CONTENT_LENGTH} || 0;\n"
           "print qq(Content-Type: text/plain\\n\\n), map {qq($_=$ENV{$_}\\n)} sort keys %ENV;\n",
    "echo": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Field: a\\n\\n'\n"
            "echo \"$REQUEST_METHOD ${CONTENT_LENGTH-no length}\"\n"
            "case $REQUEST_METHOD in POST | PUT)\n"
            "  if [ \"$CONTENT_LENGTH\" ]; then head -c \"$CONTENT_LENGTH\"; else cat; fi\nesac\n",
    "args": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s arguments: %s\\n' $# \"$*\"\n",
    "away": "#!/bin/sh\nprintf 'Location: https://example.org/there\\n\\n'\n",
    "local": "#!/bin/sh\nprintf 'Location: /hello.txt\\n\\n'\n",
    "gone": "#!/bin/sh\nprintf 'Status: 410 Gone\\nContent-Type: text/plain\\n\\nno more\\n'\n",
    "cookies": "#!/bin/sh\nprintf 'Set-Cookie: a=1\\nSet-Cookie: b=2\\nContent-Type: a/b\\n\\n'\n",
    "fails": "#!/bin/sh\nexit 3\n",
    "silent": "#!/bin/sh\n",
    "headerless": "#!/bin/sh\necho hello\n",
    "finishes": "#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 3\\n\\nok\\n'\n"
                "sleep 0.3\ntouch \"$0.$QUERY_STRING\"\n",
}
SITE = {
    "index.html": "the index\n", "hello.txt": "hello\n", ".hidden": "hidden\n",
    "folder/index.html": "below\n", "empty/.keep": "", "picture.png": "PNG", "no-suffix": "?\n",
    "a b.txt": "a space\n",
    "tool.php": "<?php header('X-Field: php'); echo $_SERVER['REQUEST_METHOD'], ' ', "
                "$_SERVER['SCRIPT_NAME'], ' ', $_SERVER['PATH_INFO'] ?? '-', ' ', "
                "$_GET['a'] ?? '-', ' ', $_POST['b'] ?? '-';\n",
    "apps/data.txt": "data\n", "long.txt": "many words, " * 1000,
}


@dataclass(frozen=True)
class Case:
    target: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    chunked: bool = False
    note: str = ""  # where two cases have the same request line

    def __str__(self) -> str:
        return f"{self.method} {self.target}{self.note and ', ' + self.note}"


AGE = ("If-Modified-Since", "Thu, 02 Jan 2020 10:00:00 GMT")
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)
FILES = [
    Case("/"), Case("/hello.txt"), Case("/hello.txt", "HEAD"), Case("/missing.txt"),
    Case("/hello.txt", headers=(("Range", "bytes=2-4"),), note="a range"),
    Case("/hello.txt", headers=(AGE,), note="not modified"), Case("/hello.txt", "POST", body=b"a"),
    Case("/folder"), Case("/folder/"), Case("/empty/"), Case("/.hidden"), Case("/picture.png"),
    Case("/no-suffix"), Case("/a%20b.txt"), Case("/hello.txt/more"),
]
PROGRAM_CASES = [
    Case("/cgi-bin/echo"), Case("/cgi-bin/echo", "POST", body=b"x" * 70_000),
    Case("/cgi-bin/echo", "POST", body=b"chunks", chunked=True, note="chunked"),
    Case("/cgi-bin/echo", "HEAD"), Case("/cgi-bin/echo", "PUT", body=b"put"),
    Case("/cgi-bin/echo", "DELETE"), Case("/cgi-bin/args?a+b"), Case("/cgi-bin/away"),
    Case("/cgi-bin/local"), Case("/cgi-bin/gone"), Case("/cgi-bin/cookies"),
    Case("/cgi-bin/fails"), Case("/cgi-bin/silent"), Case("/cgi-bin/headerless"),
    Case("/cgi-bin/missing"), Case("/cgi-bin/data"), Case("/cgi-bin/"),
]
VARIABLES = [
    Case("/cgi-bin/env"), Case("/cgi-bin/env?a=b&c=%20d"), Case("/cgi-bin/env/a/b%20c?x=1"),
    Case("/cgi-bin/env", "POST", FORM, b"a=b"),
    Case("/cgi-bin/env", headers=(
        ("Authorization", "Basic YTpi"), ("Proxy", "http://example.org/"), ("Cookie", "a=b"),
        ("User-Agent", "test"), ("X-Long-Name", "1"), ("Accept", "text/html")), note="more fields"),
]
AWSTATS = [Case("/cgi-bin/awstats.pl?config=tools&month=01&year=2026"),
           Case("/cgi-bin/awstats.pl?config=tools&month=01&year=2026&output=urldetail")]
CGIT = [Case("/cgit/"), Case("/cgit/project.git/"), Case("/cgit/project.git/log/?q=first"),
        Case("/cgit/project.git/plain/file"), Case("/cgit/cgit.css")]
PHP = [Case("/tool.php?a=1"), Case("/tool.php/more"), Case("/tool.php", "POST", FORM, b"b=2")]
REAL = {
    "apache": [*AWSTATS, *PHP, Case("/gitweb/"), Case("/gitweb/?p=project.git;a=summary"),
               Case("/gitweb/?p=project.git;a=log"), Case("/gitweb/static/gitweb.css"),
               Case("/apps/now.cgi/more?a=b"), Case("/apps/now.pl"), Case("/apps/data.txt")],
    "lighttpd": [*AWSTATS, *PHP, *CGIT, Case("/apps/now.cgi/more?a=b"), Case("/apps/now.pl")],
    "nginx": [*AWSTATS, *CGIT],
}
ACCESS_LOGS = {"apache": "apache2/tools-access.log", "lighttpd": "lighttpd/access.log",
               "nginx": "nginx/tools-access.log"}
SPELLED = {"apache": "Apache", "lighttpd": "lighttpd", "nginx": "nginx"}
# Of these, what programs print of the time.
CHANGES = re.compile(rb"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?( [+(]\w+\)?)?|\d\d:\d\d(:\d\d)?"
                     rb"|\d+ min\.")


class Pair:
    """Both servers, and what differs between them by the document."""

    def __init__(self, name: str, document: Document, folder: Folder, peer: Peer, own: Server):
        self.name, self.document, self.folder = name, document, folder
        self.ports = (peer.port, own.port)

    def both(self, case: Case) -> list[Answer]:
        return [ask(port, case.method, case.target, case.headers, case.body, case.chunked)
                .normalized(str(self.folder.path), port) for port in self.ports]

    def variables(self, case: Case) -> list[dict[str, str]]:
        told = []
        for answer in self.both(case):
            assert answer.status == 200, answer.body
            told.append(dict(line.split("=", 1) for line in answer.body.decode().splitlines()))
        return told


def fill(folder: Folder) -> None:
    """What is served by either server."""
    for place in ("/usr/lib/cgi-bin", "/srv/www/cgi-bin", "/srv/www/htbin"):
        for name, text in PROGRAMS.items():
            folder.file(f"{place}/{name}", text, 0o755)
        folder.file(f"{place}/data", "not a program\n")
    fill_awstats(folder)
    for name, text in SITE.items():
        folder.file(f"/srv/www/{name}", text)
    now = "#!/usr/bin/perl\nprint qq(Content-Type: text/plain\\n\\n$ENV{SCRIPT_NAME} "
    folder.file("/srv/www/apps/now.cgi", now + "$ENV{PATH_INFO} $ENV{QUERY_STRING}\\n);\n", 0o755)
    folder.file("/srv/www/apps/now.pl", now + ");\n", 0o755)
    folder.file("/srv/files/a-file", "a file\n")
    folder.file("/etc/gitweb.conf", f'$projectroot = "{folder / "srv/git"}";\n')
    folder.file("/etc/cgitrc", "css=/cgit/cgit.css\nvirtual-root=/cgit/\n"
                f"scan-path={folder / 'srv/git'}\n")
    for name in ("apache2", "lighttpd", "nginx", "cgisrv"):
        (folder / "var/log" / name).mkdir(parents=True)
    repository = folder / "srv/git/project.git"
    repository.parent.mkdir(parents=True)
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null"}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "A", f"GIT_{who}_EMAIL": "a@example.org",
                        f"GIT_{who}_DATE": "2020-01-01T00:00:00Z"}
    script = """git init -q -b main work; cd work; echo content >file; git add file
                git commit -q -m first; git clone -q --bare . ../project.git; rm -r ../work"""
    subprocess.run(["sh", "-euc", script], cwd=repository.parent, check=True, env=environment)


def fill_awstats(folder: Folder) -> None:
    """It looks for its configuration beside itself, too."""
    program, data = folder / "/usr/lib/cgi-bin/awstats.pl", folder / "var/lib/awstats"
    program.symlink_to("/usr/lib/cgi-bin/awstats.pl")
    log = folder.file("/var/lib/awstats/sample.txt", "".join(
        f'192.0.2.{n} - - [01/Jan/2026:00:00:{n:02d} +0000] "GET /page{n} HTTP/1.1" 200 {n} "-" '
        '"Mozilla/5.0"\n' for n in range(1, 30)))
    folder.file("/usr/lib/cgi-bin/awstats.tools.conf",
                f'LogFile="{log}"\nLogFormat=1\nSiteDomain="{HOST}"\nDirData="{data}"\n'
                'UseFramesWhenCGI=0\n')
    done = subprocess.run([program, "-config=tools", "-update"], capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"]}, timeout=30)
    assert "29 new qualified records" in done.stdout, done


@pytest.fixture(scope="module", params=MOVES)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    name, folder = request.param, Folder()
    move = MOVES[name]
    document = Document(move.document)
    servers = []
    try:
        fill(folder)
        for script in document.blocks("mkdir .*"):
            subprocess.run(["sh", "-euc", folder.moved(script)], check=True)
        peer = move.start(document, folder, free_port(), move.site)
        servers.append(peer)
        peer.wait()
        own = own_server(document, folder, free_port())
        servers.append(own)
        yield Pair(name, document, folder, peer, own)
        finish(own, request.node)
    finally:
        for server in servers:
            server.stop()
        folder.remove()


# Python's has one site, no limits, no log but the terminal, and is no proxy.
servers = pytest.mark.parametrize("pair", [name for name, move in MOVES.items() if move.front],
                                  indirect=True, scope="module")


def fits(cell: str, value: str | None) -> bool:
    """A cell is `exactly this`, `so it begins...`, "set", "empty" or "none"."""
    code = re.fullmatch(r"`(.+)`", cell)
    if not code:
        return {"set": value is not None, "empty": value == "", "none": value is None}[cell]
    if value is None:
        return False
    return value.startswith(code[1][:-3]) if code[1].endswith("...") else value == code[1]


Difference = tuple[str, str | None, str | None]  # of what, theirs and ours


def compare(found: set[Difference], rows: list[list[str]]) -> None:
    """Each difference has its row, and each row a difference."""
    def row_of(difference: Difference) -> int | None:
        name, theirs, ours = difference
        return next((i for i, (cell, their_cell, our_cell, *_) in enumerate(rows)
                     if cell == f"`{name}`" and fits(their_cell, theirs) and fits(our_cell, ours)),
                    None)

    seen = {difference: row_of(difference) for difference in found}
    unlisted = sorted(str(difference) for difference, row in seen.items() if row is None)
    unseen = [str(row) for i, row in enumerate(rows) if i not in seen.values()]
    assert not unlisted and not unseen, "\n".join(
        ["not in the table:", *unlisted, "in the table, and not so:", *unseen])


def cases_of(pair: Pair) -> list[Case]:
    """The server of Python hangs on a body whose length it is not told."""
    return [case for case in FILES + PROGRAM_CASES if not (case.chunked and pair.name == "python")]


def test_answers(pair):
    """Status and body."""
    found = set()
    for case in cases_of(pair):
        theirs, ours = pair.both(case)
        if theirs.status != ours.status:
            found.add((str(case), str(theirs.status), str(ours.status)))
        elif not theirs.own_page() and theirs.body != ours.body:
            found.add((str(case), *(f"{answer.status}: {answer.first_line()}".rstrip()
                                    for answer in (theirs, ours))))
    compare(found, pair.document.table("Answers that differ"))


def test_fields(pair):
    """Where the answer is the same otherwise. An error's page is each server's own."""
    found = set()
    for case in cases_of(pair):
        theirs, ours = pair.both(case)
        if theirs.status != ours.status or not theirs.own_page() and theirs.body != ours.body:
            continue
        for name in ["Location"] if theirs.own_page() else HEADERS:
            values = [", ".join(answer.all(name)).replace(f":{port}/", "/") or None
                      for answer, port in zip((theirs, ours), pair.ports, strict=True)]
            if values[0] != values[1]:
                found.add((name, *values))
    compare(found, pair.document.table("Fields that differ"))


def test_variables(pair):
    found = set()
    for case in VARIABLES:
        theirs, ours = pair.variables(case)
        found |= {(name, theirs.get(name), ours.get(name)) for name in {*theirs, *ours}
                  if theirs.get(name) != ours.get(name)}
    compare(found, pair.document.table("Variables that differ"))


@servers
def test_real_programs(pair):
    for case in REAL[pair.name]:
        theirs, ours = pair.both(case)
        assert (theirs.status, ours.status) == (200, 200), f"{case}: {theirs} {ours}"
        assert CHANGES.sub(b"", theirs.body) == CHANGES.sub(b"", ours.body), case
        assert theirs.body
        if case in AWSTATS:
            assert f"Statistics for {HOST} (2026-01)" in ours.body.decode()


@servers
def test_clone(pair, tmp_path):
    for port in pair.ports:
        subprocess.run(["git", "clone", "-q", f"http://127.0.0.1:{port}/git/project.git",
                        tmp_path / str(port)], check=True)
        assert (tmp_path / str(port) / "file").read_text() == "content\n"


@servers
def test_sites(pair):
    for answer in pair.both(Case("/", headers=(("Host", "files.example.org"),))):
        assert answer.status == 200 and b"a-file" in answer.body


@servers
def test_body_limit(pair):
    """20 MiB in each document; the body itself need not be sent."""
    for length, statuses in ((21 << 20, [413, 413]), (10, [200, 200])):
        case = Case("/cgi-bin/echo", "POST", (("Content-Length", str(length)),), b"0123456789")
        assert [answer.status for answer in pair.both(case)] == statuses


def test_a_program_that_stated_its_length_finishes(pair):
    """lighttpd ends it, as its document says."""
    theirs, ours = (f"finishes.{port}" for port in pair.ports)
    for port in pair.ports:
        answer = ask(port, "GET", f"/cgi-bin/finishes?{port}")
        assert (answer.status, answer.body) == (200, b"ok\n")

    def finished() -> set[str]:
        return {file.name for file in pair.folder.path.rglob("finishes.*")}

    expected = {ours} if pair.name == "lighttpd" else {theirs, ours}
    assert until(lambda: finished() >= expected)
    assert finished() == expected


@servers
def test_access_log(pair):
    """The last line of each is the same, but for the time and, with Apache, the bytes."""
    case = Case("/hello.txt?logged", headers=(("User-Agent", "a client"), ("Referer", "http://x/")))
    pair.both(case)
    folder = pair.folder / "var/log"
    logs = [folder / ACCESS_LOGS[pair.name], *(folder / "cgisrv").glob("*access.log")]
    assert len(logs) == 2

    def line(log: Path) -> str:
        found = until(lambda: [line for line in log.read_text().splitlines() if "logged" in line])
        assert found, log
        text = re.sub(r"\[.*?\]", "", found[-1])
        return re.sub(r'(" \d+ )\d+', r"\1", text) if pair.name == "apache" else text

    theirs, ours = map(line, logs)
    assert theirs.replace(f" {HOST} ", " - ") == ours


def test_configuration_in_the_place_of_python(tmp_path, request):
    """Its document has a command first; this is for what is in htbin."""
    folder = Folder()
    try:
        fill(folder)
        own = own_server(Document("from-python-http-server.md"), folder, free_port(), command=False)
        answers = [ask(own.port, "GET", target) for target in ("/htbin/gone", "/cgi-bin/gone")]
        assert [answer.status for answer in answers] == [410, 410]
        assert b"a-file" not in ask(own.port, "GET", "/empty/").body
        finish(own, request.node)
    finally:
        folder.remove()


# With the other server in front.


PASSWORD = "anna:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\n"  # "secret", for htpasswd


@pytest.fixture(scope="module")
def front(request: pytest.FixtureRequest, pair: Pair) -> Iterator[tuple[int, int]]:
    """The ports of cgisrv and of the other server in front of it."""
    move, folder = MOVES[pair.name], pair.folder
    for place in ("apache2", "lighttpd", "nginx"):
        folder.file(f"/etc/{place}/tools.htpasswd", PASSWORD)
    folder.file("/usr/lib/cgi-bin/private/env", PROGRAMS["env"], 0o755)
    port = free_port()
    own = own_server(pair.document, folder, port, behind=True)
    peer = None
    try:
        peer = move.start(pair.document.with_port(port, 8080), folder, free_port(), move.front)
        peer.wait()
        yield port, peer.port
        peer.stop()  # which has connections to it
        finish(own, request.node)
    finally:
        if peer:
            peer.stop()
        own.stop()


PLACES = {"the client's": "127.0.0.2", "the proxy's": "127.0.0.1"}


@servers
def test_variables_behind(pair, front):
    told = []
    for port, shown in zip(front, ("80", "8080"), strict=True):
        answer = ask(port, "GET", "/cgi-bin/env", source="127.0.0.2")
        text = re.sub(rf"\b{front[0]}\b", shown, answer.body.decode())
        told.append(dict(line.split("=", 1) for line in text.splitlines()))
    without, behind = told
    rows = [[f"`{PLACES[cell]}`" if cell in PLACES else cell for cell in row] for row in
            pair.document.table(f"What programs see behind {SPELLED[pair.name]}")]
    own = {"REQUEST_ID", "UNIQUE_ID", "REMOTE_PORT"}
    compare({(name, without.get(name), behind.get(name)) for name in {*without, *behind} - own
             if without.get(name) != behind.get(name)}, rows)


@servers
def test_password_in_front(pair, front):
    target = "/cgi-bin/private/env"
    forged = ("X-Remote-User", "root")
    assert ask(front[1], "GET", target, (forged,)).status == 401
    basic = ("Authorization", "Basic " + base64.b64encode(b"anna:secret").decode())
    for name in (target, "/cgi-bin/env"):
        if pair.name == "lighttpd":  # it cannot say who it is, as its document says
            answer = ask(front[1], "GET", name, (basic,))
            assert answer.status == 200 and b"HTTP_AUTHORIZATION=Basic" in answer.body
        else:
            answer = ask(front[1], "GET", name, (basic, forged))
            expected = [b"REMOTE_USER=anna"] if name == target else []
            assert re.findall(rb"^REMOTE_USER=.*", answer.body, re.MULTILINE) == expected


@servers
def test_compression_in_front(pair, front):
    answer = ask(front[1], "GET", "/long.txt", (("Accept-Encoding", "gzip"),))
    assert answer.all("Content-Encoding") == ["gzip"]
    assert gzip.decompress(answer.body) == SITE["long.txt"].encode()
