"""Programs that people run, unmodified, by a server that starts them warm and by one that does not:
see cold_and_warm.py. Those that need more of a configuration are in test_debian_programs.py.
"""

import os
import subprocess
from pathlib import Path

import pytest

from support.cold_and_warm import Asked, Twins, assert_between
from support.waiting import until

GITWEB = Path("/usr/share/gitweb/gitweb.cgi")
GIT = Path("/usr/lib/git-core/git-http-backend")
CGIT = Path("/usr/lib/cgit/cgit.cgi")
AWSTATS = Path("/usr/lib/cgi-bin/awstats.pl")
MAN2HTML = Path("/usr/lib/cgi-bin/man/man2html")
PHP = Path("/usr/bin/php-cgi")


def installed(program: Path):
    return pytest.mark.skipif(not program.exists(), reason=f"{program} is not installed")


CONFIGURATION = """
[cgi]
start = "{start}"
[[site]]
root = "{root}"
[[site.location]]
match = "/program/"
cgi = "{program}"
env = {{ {variables} }}
[[site.location]]
match = "*.cgi"
cgi = true
"""


@pytest.fixture
def twins(start, site, tmp_path):
    def make(program: Path | str = "/bin/true", **variables: str) -> Twins:
        env = ", ".join(f'{n} = "{v}"' for n, v in variables.items())
        return Twins(start, tmp_path, lambda how: CONFIGURATION.format(
            start=how, root=site.root, program=program, variables=env))

    return make


# Git.


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Its folder: a bare repository of three commits and 300 tags."""
    folder = tmp_path_factory.mktemp("repositories")
    identity = {"GIT_CONFIG_GLOBAL": "/dev/null", "PATH": os.environ["PATH"],
                **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                   for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"),
                                       ("DATE", "2020-02-02T02:02:02Z"))}}

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", folder, *arguments], env=identity, check=True,
                              capture_output=True, text=True).stdout

    git("init", "-q", "-b", "main", "work")
    for n, text in enumerate(("first", "second <é>", "third & last")):
        (folder / "work" / f"file{n}.txt").write_text(f"{text}\n" * 100 * n)
        git("-C", "work", "add", ".")
        git("-C", "work", "commit", "-q", "-m", text)
    git("clone", "-q", "--bare", "work", "one.git")
    for n in range(300):
        git("-C", "one.git", "update-ref", f"refs/tags/v{n}", "main")
    return folder


@installed(GITWEB)
def test_gitweb(twins, repository, tmp_path):
    (tmp_path / "gitweb.conf").write_text(f"our $projectroot = '{repository}';\n"
                                          "$feature{'snapshot'}{'default'} = ['tgz'];\n")
    twins(GITWEB, GITWEB_CONFIG=str(tmp_path / "gitweb.conf")).assert_same(
        Asked("/program/", has=b"one.git"),
        Asked("/program/?p=one.git;a=summary", has=b"third &amp; last"),
        Asked("/program/?p=one.git;a=log", has="second &lt;é&gt;".encode()),
        Asked("/program/?p=one.git;a=commitdiff", has=b"file2.txt"),
        Asked("/program/?p=one.git;a=blob;f=file1.txt;hb=HEAD", has="é".encode()),
        Asked("/program/?p=one.git;a=tags", has=b"v299"),
        Asked("/program/?p=one.git;a=atom", has=b"<feed "),
        Asked("/program/?p=one.git;a=snapshot;h=HEAD;sf=tgz", has=b"\x1f\x8b"),
        Asked("/program/?p=none", status=404, has=b"No such project"))


@installed(CGIT)
def test_cgit(twins, repository, tmp_path):
    (tmp_path / "cgitrc").write_text(
        f"cache-size=0\nenable-http-clone=1\nvirtual-root=/program/\nsnapshots=tar\n"
        f"repo.url=one\nrepo.path={repository}/one.git\nrepo.desc=a test\n")
    twins(CGIT, CGIT_CONFIG=str(tmp_path / "cgitrc")).assert_same(
        Asked("/program/", has=b"a test"),
        Asked("/program/one/log/", has="second &lt;é&gt;".encode()),
        Asked("/program/one/diff/", has=b"file2.txt"),
        Asked("/program/one/refs/", has=b"v299"),
        Asked("/program/one/plain/file1.txt", has="é".encode()),
        Asked("/program/one/snapshot/one-main.tar", has=b"ustar"),
        Asked("/program/one/info/refs", has=b"refs/tags/v299"),
        Asked("/program/none/", status=404))


FETCH = (("Git-Protocol", "version=2"), ("Content-Type", "application/x-git-upload-pack-request"))


@installed(GIT)
def test_git_http_backend(twins, repository):
    """What git's own client makes of it is in test_git.py."""
    list_refs = b"0014command=ls-refs\n00010009peel\n000csymrefs\n0000"
    base = "/program/one.git"
    twins(GIT, GIT_PROJECT_ROOT=str(repository), GIT_HTTP_EXPORT_ALL="1").assert_same(
        Asked(f"{base}/info/refs?service=git-upload-pack", has=b"refs/tags/v299"),
        Asked(f"{base}/info/refs?service=git-upload-pack", headers=FETCH[:1], has=b"ls-refs"),
        Asked(f"{base}/git-upload-pack", list_refs, FETCH, has=b"refs/tags/v299"),
        Asked(f"{base}/HEAD", has=b"ref: refs/heads/main"),
        Asked(f"{base}/info/refs?service=git-receive-pack", status=403),
        Asked("/program/none.git/info/refs", status=404))


# Other programs of the distribution.


@installed(AWSTATS)
def test_awstats(twins, tmp_path):
    """A log that was read, and what was in it."""
    (tmp_path / "access.log").write_text("".join(
        f'127.0.0.{n} - - [0{n}/Feb/2020:02:02:02 +0000] "GET /{n} HTTP/1.1" 200 {n} "-" "Mozilla"\n'
        for n in range(1, 9)))
    (tmp_path / "awstats.test.conf").write_text(
        f'LogFile="{tmp_path}/access.log"\nLogFormat=1\nSiteDomain="example.org"\nDNSLookup=0\n'
        f'HostAliases="localhost"\nDirData="{tmp_path}"\nDirLang="/usr/share/awstats/lang"\n'
        "UseFramesWhenCGI=0\n")
    subprocess.run([AWSTATS, "-config=test", "-update", f"-configdir={tmp_path}"],
                   stdout=subprocess.DEVNULL, cwd=tmp_path, check=True)
    query = f"config=test&configdir={tmp_path}&year=2020&month=02"
    twins(AWSTATS, AWSTATS_ENABLE_CONFIG_DIR=str(tmp_path)).assert_same(
        Asked(f"/program/awstats.pl?{query}", has=b"Statistics for example.org"),
        Asked(f"/program/awstats.pl?{query}&output=alldomains", has=b"</html>"),
        Asked(f"/program/awstats.pl?{query}&lang=fr", has=b"Statistiques"),
        Asked("/program/awstats.pl?config=none", has=b"Error"))


@installed(MAN2HTML)
def test_man2html(twins, site):
    """By a link to it. It runs another program for the page, if that is installed."""
    (site.root / "man.cgi").symlink_to(MAN2HTML)
    twins().assert_same(
        Asked("/man.cgi", has=b"Main Contents"),
        Asked("/man.cgi?1+man2html", has=b"man2html"),
        Asked("/man.cgi?/etc/passwd", status=403, has=b"Only man pages allowed"))


# Programs in Python, of a kind that people have.

FORM = b"""--x\r
Content-Disposition: form-data; name="name"\r
\r
v\xc3\xa9\r
--x\r
Content-Disposition: form-data; name="file"; filename="f.bin"\r
Content-Type: application/octet-stream\r
\r
""" + bytes(range(256)) * 3000 + b"\r\n--x--\r\n"

FIELD_STORAGE = """#!/usr/bin/python3
import warnings
warnings.filterwarnings("ignore", category=DeprecationWarning)
import cgi, hashlib, html, os
form = cgi.FieldStorage()
print("Content-Type: text/html; charset=utf-8\\n")
print(os.environ["REQUEST_METHOD"], html.escape(ascii(form.getfirst("name"))), sorted(form.keys()))
if "file" in form:
    file = form["file"]
    print(hashlib.sha256(file.file.read()).hexdigest(), file.filename, file.headers)
"""


def test_form_of_python(twins, site):
    site.program("form.cgi", FIELD_STORAGE)
    twins().assert_same(
        Asked("/form.cgi", has=b"GET None []"),
        Asked("/form.cgi?name=%3Cb%3E&other=2", has=b"&lt;b&gt;"),
        Asked("/form.cgi", b"name=%C3%A9", (("Content-Type", "application/x-www-form-urlencoded"),),
              has=rb"POST &#x27;\xe9&#x27;"),
        Asked("/form.cgi", FORM, (("Content-Type", "multipart/form-data; boundary=x"),),
              has=b"f.bin"))


SQLITE = """#!/usr/bin/python3
import os, sqlite3
base = sqlite3.connect("visits.db", timeout=20)
with base:
    base.execute("create table if not exists visits (what text)")
    base.execute("insert into visits values (?)", (os.environ["QUERY_STRING"],))
print("Content-Type: text/plain\\n")
print(base.execute("select count(*), group_concat(what) from visits").fetchall())
base.execute("insert into visits values ('never committed')")
"""


def test_database_of_sqlite(twins, site):
    script = site.program("visits.cgi", SQLITE)
    twins().assert_same(
        Asked("/visits.cgi?a", has=b"(1, 'a')"), Asked("/visits.cgi?b", has=b"(2, 'a,b')"),
        Asked("/visits.cgi?c", has=b"(3, 'a,b,c')"),
        reset=lambda: (script.parent / "visits.db").unlink(missing_ok=True))
    assert not (script.parent / "visits.db-journal").exists()


VENV = """#!{interpreter}
import json, os, sys
import only_here
print("Content-Type: application/json\\n")
print(json.dumps([only_here.WORD, only_here.__file__, sys.prefix, sys.executable, sys.path,
                  sys.flags.isolated, sorted(os.environ), os.environ["QUERY_STRING"]]))
"""


@pytest.mark.parametrize("by_env", [False, True], ids=["path", "env"])
def test_virtual_environment(twins, site, tmp_path, by_env):
    """One that is named by its path, and one that env finds in the PATH of its location."""
    venv = tmp_path / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
    packages, = venv.glob("lib/python3*/site-packages")
    (packages / "only_here.py").write_text("WORD = 'in the environment'\n")
    script = site.program("program", VENV.format(
        interpreter="/usr/bin/env python3" if by_env else f"{venv}/bin/python3"))
    twins(script, PATH=f"{venv}/bin:/usr/bin:/bin").assert_same(
        Asked("/program/?a", has=f'"in the environment", "{packages}/only_here.py"'.encode()),
        Asked("/program/?b", has=b'"b"]'))


# What cannot be warm.


@installed(PHP)
def test_php_is_started_cold_and_the_log_says_so_once(twins, site):
    site.program("page.cgi", f"#!{PHP}\n<?php echo \"php $_SERVER[QUERY_STRING]\\n\";\n")
    both = twins()
    assert until(lambda: both.warm.get("/page.cgi?x").status == 200 and
                 both.warm.how("/page.cgi?x") == ["cold", "refused"], 10, 0.05)
    for _ in range(3):
        for target in ("/page.cgi?x", "/page.cgi?y"):
            plain, fallen = both.cold.get(target), both.warm.get(target)
            assert plain.body == f"php {target[-1]}\n".encode()
            assert_between(plain, fallen, both.cold.get(target))
            assert both.warm.how(target) == ["cold", "refused"]
    assert both.warm.server.log().count("started cold, not warm: ") == 1
    assert "PHP cannot be kept warm by this version" in both.warm.server.log()
    assert not both.warm.server.zygotes()
