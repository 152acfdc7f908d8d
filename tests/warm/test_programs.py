"""Programs that people run, warm and plain."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.zygote_driver import CONSTANT, Zygote, environment, plain

GITWEB = Path("/usr/share/gitweb/gitweb.cgi")
AWSTATS = Path("/usr/lib/cgi-bin/awstats.pl")


def installed(program: Path):
    return pytest.mark.skipif(not program.exists(), reason=f"{program} is not installed")


def post(body: bytes, kind: str) -> dict[str, str]:
    return environment(REQUEST_METHOD="POST", CONTENT_TYPE=kind, CONTENT_LENGTH=str(len(body)))


@pytest.fixture(scope="module")
def gitweb(tmp_path_factory):
    """The variables of a gitweb with one repository, of two commits."""
    folder = tmp_path_factory.mktemp("repositories")
    identity = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": CONSTANT["PATH"],
                **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                   for what, value in (("NAME", "N"), ("EMAIL", "n@example.org"),
                                       ("DATE", "2020-02-02T02:02:02Z"))}}
    for command in (["init", "-q", "-b", "main", "one.git"],
                    *(["-C", "one.git", "commit", "-q", "--allow-empty", "-m", text]
                      for text in ("first", "second <é>"))):
        subprocess.run(["git", *command], cwd=folder, env=identity, check=True)
    (folder / "gitweb.conf").write_text(f"our $projectroot = '{folder}';")
    return {**CONSTANT, "GITWEB_CONFIG": str(folder / "gitweb.conf")}


@installed(GITWEB)
@pytest.mark.parametrize("query", ["", "p=one.git/.git;a=log", "p=one.git/.git;a=commitdiff", "p=none",
                                   "p=one.git/.git;a=atom"])
def test_gitweb(same, gitweb, query):
    result = same(GITWEB, variables={**environment(QUERY_STRING=query), **gitweb},
                  boot={"constant": gitweb})
    assert result.status == 0 and b"Content-Type: " in result.stdout


@installed(AWSTATS)
def test_awstats(same, tmp_path):
    """Reads a log, then shows what was in it: a long program that has all of itself in one file."""
    (tmp_path / "access.log").write_text("".join(
        f'127.0.0.{n} - - [0{n}/Feb/2020:02:02:02 +0000] "GET /{n} HTTP/1.1" 200 {n} "-" "Mozilla"\n'
        for n in range(1, 9)))
    (tmp_path / "awstats.test.conf").write_text(
        f'LogFile="{tmp_path}/access.log"\nLogFormat=1\nSiteDomain="example.org"\nDNSLookup=0\n'
        f'HostAliases="localhost"\nDirData="{tmp_path}"\nDirLang="/usr/share/awstats/lang"\n')
    update = subprocess.run([AWSTATS, "-config=test", "-update", f"-configdir={tmp_path}"],
                            capture_output=True, cwd=tmp_path, check=False)
    assert b"Found 8 new qualified records" in update.stdout, update
    constant = {**CONSTANT, "AWSTATS_ENABLE_CONFIG_DIR": str(tmp_path)}
    query = f"config=test&configdir={tmp_path}&year=2020&month=02"
    result = same(AWSTATS, boot={"constant": constant}, mask=rb"(Last-Modified|Expires): .*",
                  variables={**environment(QUERY_STRING=query), **constant})
    assert result.status == 0 and b"Statistics for example.org" in result.stdout


FORM = b"""--x\r
Content-Disposition: form-data; name="name"\r
\r
v\xc3\xa9\r
--x\r
Content-Disposition: form-data; name="file"; filename="f.bin"\r
Content-Type: application/octet-stream\r
\r
""" + bytes(range(256)) * 300 + b"\r\n--x--\r\n"

CGI_PM = """#!/usr/bin/perl
use strict; use warnings;
use CGI qw(:standard); use CGI::Carp qw(fatalsToBrowser);
print header(-charset => 'utf-8', -cookie => cookie(-name => 'n', -value => 'v')), start_html('t');
print h1(escapeHTML(param('name') // 'none')), p(scalar(cookie('x') // 'no cookie')), request_method();
if (my $file = upload('file')) { local $/; my $all = <$file>; print length $all, ' ', ref $file }
print end_html; die 'at the end' if (param('name') // '') eq 'die';
"""


@pytest.mark.parametrize("stdin, variables", [
    (b"", environment(QUERY_STRING="name=<b>")),
    (b"name=%C3%A9&other=1", post(b"name=%C3%A9&other=1", "application/x-www-form-urlencoded")),
    (FORM, post(FORM, "multipart/form-data; boundary=x")),
    (b"", environment(QUERY_STRING="name=die"))], ids=["query", "form", "upload", "fatal"])
def test_cgi_pm(program, same, stdin, variables):
    result = same(program("form.cgi", CGI_PM), stdin, variables=variables,
                  mask=rb"Date: .*")
    assert b"<h1>" in result.stdout


FIELD_STORAGE = """#!/usr/bin/python3
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
import cgi, cgitb, html, http.cookies, os
cgitb.enable(format="text")
form = cgi.FieldStorage()
cookies = http.cookies.SimpleCookie(os.environ.get("HTTP_COOKIE"))
print("Content-Type: text/html; charset=utf-8\\n")
print(html.escape(ascii(form.getfirst("name"))), sorted(form.keys()), cookies["x"].value)
if "file" in form:
    print(len(form["file"].file.read()), form["file"].filename, form["file"].headers)
"""


@pytest.mark.parametrize("stdin, variables", [
    (b"", environment(QUERY_STRING="name=<b>&other=2")),
    (b"name=%C3%A9", post(b"name=%C3%A9", "application/x-www-form-urlencoded")),
    (FORM, post(FORM, "multipart/form-data; boundary=x"))], ids=["query", "form", "upload"])
def test_form_of_python(program, same, stdin, variables):
    assert same(program("form.cgi", FIELD_STORAGE), stdin, variables=variables).status == 0


SQLITE = """#!/usr/bin/python3
import datetime, os, sqlite3
from contextlib import closing
base = sqlite3.connect("counter.db")
base.execute("create table if not exists visits (who text, at text)")
with base:
    base.execute("insert into visits values (?, ?)", (os.environ["REMOTE_ADDR"],
                 datetime.datetime.now().isoformat()))
print("Content-Type: text/plain\\n")
with closing(base.execute("select who, count(*) from visits group by who")) as rows:
    print(list(rows))
base.execute("insert into visits values ('never committed', '')")
"""


def test_database_of_sqlite(program, worker):
    script = program("count.cgi", SQLITE)
    with Zygote(script) as zygote:
        outputs = [run() for run in (lambda: plain(script), lambda: worker.run(zygote, script)) * 3]
    for count, result in enumerate(outputs, 1):
        assert result.stdout.endswith(f"[('127.0.0.1', {count})]\n".encode()), result
    assert not os.path.exists(script.parent / "counter.db-journal")


WSGI = """#!/usr/bin/python3
from wsgiref.handlers import CGIHandler
from urllib.parse import parse_qs
import logging, json
logging.basicConfig(format="%(levelname)s %(message)s")
def application(environ, start_response):
    if environ["QUERY_STRING"] == "fail": raise ValueError("asked for")
    logging.warning("for %s", environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "application/json")])
    yield json.dumps([parse_qs(environ["QUERY_STRING"]), environ["wsgi.multiprocess"]]).encode()
CGIHandler().run(application)
"""


@pytest.mark.parametrize("query", ["a=1&a=2&b=%20", "fail"])
def test_wsgi(program, same, query):
    result = same(program("wsgi.cgi", WSGI), variables=environment(QUERY_STRING=query))
    assert re.match(rb"Status: (200 OK|500 )", result.stdout)
