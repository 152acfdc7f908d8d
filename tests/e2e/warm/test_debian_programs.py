"""Programs of the distribution, unmodified, served as docs/guide.md says: cold, and started warm.

See cold_and_warm.py for how both are compared, and recipe.py for how the guide is followed.
"""

import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from support.cold_and_warm import Asked, Twins
from support.nagios import NAGIOS_COMMAND, NAGIOS_COOKIE, write_nagios
from support.recipe import Recipe
from support.waiting import until
from support.warm import LOG, Warm
from support.xymon import running_xymon

HGWEB = Path("/usr/share/doc/mercurial-common/examples/hgweb.cgi")
CVSWEB = Path("/usr/lib/cgi-bin/cvsweb")
NAGIOS = Path("/usr/lib/cgi-bin/nagios4/status.cgi")
NAMAZU = Path("/usr/lib/cgi-bin/namazu.cgi")
MAPCACHE = Path("/usr/lib/cgi-bin/mapcache")
COLLECTION3 = Path("/usr/share/doc/collectd-core/examples/collection3/bin/index.cgi")
XYMON = Path("/usr/lib/xymon/cgi-bin/svcstatus.sh")
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


def installed(program: Path):
    return pytest.mark.skipif(not program.exists(), reason=f"{program} is not installed")


# Mercurial.


@pytest.fixture
def hg(tmp_path):
    """hg(...) without the reader's settings and proxies."""
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "HGRCPATH": "",
                   "HGPLAIN": "1", "HGUSER": "A Tester <tester@example.org>", "LC_ALL": "C.UTF-8"}

    def run(*arguments, cwd=tmp_path) -> str:
        result = subprocess.run(["hg", *map(str, arguments)], cwd=cwd, env=environment, text=True,
                                capture_output=True, timeout=60)
        assert result.returncode == 0, f"hg {arguments}: {result.stdout} {result.stderr}"
        return result.stdout

    return run


@pytest.fixture
def hgweb(hg, tmp_path):
    """The guide followed, and a repository of three commits."""
    recipe = Recipe("Mercurial", tmp_path)
    recipe.follow()
    with open(recipe.srv / "hg/hgweb.config", "a") as configuration:
        configuration.write("[web]\nallow-push = *\npush_ssl = false\nallow-archive = gz\n")
    project = recipe.srv / "hg/repositories/project"
    hg("init", project)
    for n, text in enumerate(("first", "second <é>", "third & last")):
        (project / f"file{n}.txt").write_text(f"{text}\n" * 100 * n)
        hg("commit", "-A", "-m", text, "-d", f"2020-02-02 02:0{n} +0000", cwd=project)
    return recipe


@installed(HGWEB)
@pytest.mark.time_limit(240)
def test_pages_of_hgweb(start, hgweb, tmp_path):
    Twins(start, tmp_path, hgweb.configuration).assert_same(
        Asked("/hg/", has=b"project"),
        Asked("/hg/project/", has=b"third &amp; last"),
        Asked("/hg/project/log", has="second &lt;é&gt;".encode()),
        Asked("/hg/project/rev/tip", has=b"file2.txt"),
        Asked("/hg/project/raw-file/tip/file1.txt", has="second <é>".encode()),
        Asked("/hg/project/archive/tip.tar.gz", has=b"\x1f\x8b"),
        Asked("/hg/static/style-paper.css", has=b"{"),
        Asked("/hg/none/", status=404, has=b"none"))


@installed(HGWEB)
@pytest.mark.slow
@pytest.mark.time_limit(240)
@pytest.mark.parametrize("how", ["cold", "warm"])
def test_hg_clones_pulls_and_pushes(start, hgweb, hg, tmp_path, how):
    """By its own client, which sends arguments in fields, and what it pushes in the body."""
    preload = re.search(r"`(warm = \{ preload = .* \})`", hgweb.text)
    server = start(config=LOG.format(log=tmp_path / "access")
                   + hgweb.configuration(how, preload[1] + "\n"))
    served = Warm(server, tmp_path / "access")
    if how == "warm":
        served.boot("/hg/project/")
    since = len(served.lines())
    url = f"http://127.0.0.1:{server.port}/hg/project"
    first, second = tmp_path / "first", tmp_path / "second"
    hg("clone", url, first)
    assert (first / "file1.txt").read_text() == "second <é>\n" * 100
    (first / "data").write_bytes(random.Random(1).randbytes(5_000_000))
    hg("commit", "-A", "-m", "data", cwd=first)
    hg("push", cwd=first)
    hg("verify", cwd=hgweb.srv / "hg/repositories/project")
    hg("clone", url, second)
    assert (second / "data").read_bytes() == (first / "data").read_bytes()
    (first / "data").write_text("small\n")
    hg("commit", "-m", "smaller", cwd=first)
    hg("push", cwd=first)
    hg("pull", "-u", cwd=second)
    assert (second / "data").read_text() == "small\n"
    assert until(lambda: not server.programs() and len(served.lines()) > since + 15)
    lines = served.lines()[since:]
    assert all(line[1:3] == ["200", how] for line in lines), lines


# CVSweb.


@pytest.fixture
def cvsweb(tmp_path):
    """It finds its configuration beside the path that it is run by, here a link."""
    recipe = Recipe("CVSweb", tmp_path, {str(CVSWEB): f"{tmp_path}/srv/cvs/cvsweb"})
    root, project = recipe.srv / "cvs/root", recipe.srv / "cvs/root/project"
    root.parent.mkdir()
    subprocess.run(["cvs", "-d", root, "init"], check=True)
    project.mkdir()
    for n, text in enumerate(("one\n", "one\ntwo\n"), 1):
        (project / "file.txt").write_text(text)
        subprocess.run(["ci", "-q", f"-d2020-02-0{n} 02:02:02Z", "-wtester", f"-mversion {n} <é>",
                        "-t-", "-l" if n == 1 else "-u", "file.txt"], cwd=project, check=True)
    (project / "file.txt").unlink()
    (recipe.srv / "cvs/cvsweb").symlink_to(CVSWEB)
    (recipe.srv / "cvs/cvsweb.conf").write_bytes(
        Path("/etc/cvsweb/cvsweb.conf").read_bytes().replace(b"/var/lib/cvs", bytes(root)))
    return recipe


@installed(CVSWEB)
@pytest.mark.time_limit(240)
def test_cvsweb(start, cvsweb, tmp_path):
    """Perl with -T, which runs rlog, rcsdiff and cvs for each page."""
    base = "/cgi-bin/cvsweb"
    Twins(start, tmp_path, cvsweb.configuration).assert_same(
        Asked(f"{base}/", has=b"CVS Repository"),
        Asked(f"{base}/project/", has=b"file.txt"),
        Asked(f"{base}/project/file.txt", has="version 2 &lt;é&gt;".encode()),
        Asked(f"{base}/project/file.txt?rev=1.2;content-type=text/x-cvsweb-markup", has=b"two"),
        Asked(f"{base}/project/file.txt.diff?r1=1.1;r2=1.2", has=b"\n one\n+two\n"),
        Asked(f"{base}/~checkout~/project/file.txt?rev=1.2", has=b"one\ntwo\n"),
        Asked(f"{base}/project/file.txt?annotate=1.2", has=b"tester"),
        Asked(f"{base}/none", status=404, has=b"no such file or directory"))


# Nagios.

ALICE = (("X-Remote-User", "alice"),)
NOBODY = (("X-Remote-User", ""),)


@pytest.fixture
def nagios(tmp_path):
    """What a Nagios that runs has written, and its command file."""
    recipe = Recipe("Nagios", tmp_path)
    recipe.follow()
    write_nagios(tmp_path / "nagios")
    return recipe


@pytest.fixture
def nagios_twins(start, nagios, tmp_path):
    return Twins(start, tmp_path, lambda how: nagios.configuration(
        how, 'remote_user = "X-Remote-User"\n', NAGIOS_CGI_CONFIG=f"{tmp_path}/nagios/cgi.cfg"))


@installed(NAGIOS)
def test_programs_of_nagios(nagios_twins):
    for program, query, has in (
            ("status.cgi", "host=all", b"no toner"),
            ("status.cgi", "hostgroup=all&style=summary", b"Service Status"),
            ("tac.cgi", "", b"1 Critical"),
            ("extinfo.cgi", "type=2&host=printer&service=PING", b"no toner"),
            ("showlog.cgi", "", b"SERVICE ALERT: printer;PING"),
            ("config.cgi", "type=hosts", b"192.0.2.7"),
            ("statusjson.cgi", "query=service&hostname=printer&servicedescription=PING",
             b'"plugin_output": "no toner"'),
            ("objectjson.cgi", "query=hostlist", b'"printer"')):
        target = f"/cgi-bin/nagios4/{program}?{query}"
        nagios_twins.assert_same(Asked(target, headers=ALICE, has=has))


@installed(NAGIOS)
def test_nagios_takes_a_command(nagios_twins, nagios, tmp_path):
    """From who may, by a form that it has made; it is written to a FIFO that Nagios would read."""
    posted = (*FORM, ("Cookie", NAGIOS_COOKIE))
    target = "/cgi-bin/nagios4/cmd.cgi"
    fifo = os.open(tmp_path / "nagios/nagios.cmd", os.O_RDWR | os.O_NONBLOCK)
    try:
        nagios_twins.assert_same(
            Asked(target, NAGIOS_COMMAND, posted + ALICE, has=b"successfully submitted"),
            Asked(target, NAGIOS_COMMAND, posted + NOBODY, has=b"not authorized"))
        lines = os.read(fifo, 10000).decode().splitlines()
    finally:
        os.close(fifo)
    assert len(lines) >= 3
    assert all(re.fullmatch(r"\[\d+\] SCHEDULE_FORCED_HOST_CHECK;printer;1896228122", line)
               for line in lines), lines


@installed(NAGIOS)
def test_pages_of_nagios(nagios_twins):
    """PHP beside programs in C; php-cgi is never warm."""
    for server in (nagios_twins.cold, nagios_twins.warm):
        frames = server.get("/nagios4/")
        assert frames.status == 200 and b'src="main.php"' in frames.body
        assert b"/cgi-bin/nagios4/status.cgi" in server.get("/nagios4/side.php").body
        style = server.get("/nagios4/stylesheets/common.css")
        assert style.status == 200 and b"{" in style.body


# Namazu.


@pytest.fixture
def namazu(tmp_path):
    recipe = Recipe("Namazu", tmp_path)
    recipe.follow()
    for name in ("mole", "owl"):
        (recipe.srv / f"www/{name}.html").write_text(
            f"<html><head><title>The {name}</title></head>\n"
            f"<body>The {name} and a garden</body></html>")
    (recipe.srv / "search").mkdir()
    index = re.search(r"`(mknmz [^`]*)`", recipe.text)
    subprocess.run(recipe.here(index[1]).split(), check=True, capture_output=True)
    return recipe


@installed(NAMAZU)
def test_namazu(start, namazu, tmp_path):
    twins = Twins(start, tmp_path, namazu.configuration)
    twins.assert_same(
        Asked("/search/?query=garden", has=b'<a href="/mole.html">The mole</a>'),
        Asked("/search/?query=mole+not+owl&max=10&result=short&sort=score", has=b"/mole.html"),
        Asked("/search/?query=nothing+like+it", has=b"No document matching"),
        Asked("/search/?query=%22the+owl%22", has=b"/owl.html"),
        Asked("/search/", has=b'<form method="get"'))
    assert b"a garden" in twins.warm.get("/owl.html").body


# Xymon.


@pytest.fixture
def xymon(tmp_path):
    recipe = Recipe("Xymon", tmp_path, {"/usr/lib/xymon/cgi-bin/": f"{tmp_path}/programs/"})
    with running_xymon(tmp_path) as variables:
        yield recipe, variables


@installed(XYMON)
def test_xymon(start, xymon, tmp_path):
    recipe, variables = xymon
    twins = Twins(start, tmp_path, lambda how: recipe.configuration(how, **variables))
    for target, has in (
            ("svcstatus.sh?HOST=printer.example&SERVICE=toner", b"there is none left"),
            ("history.sh?HISTFILE=printer,example.toner&ENTRIES=50&IP=192.0.2.7", b"2020"),
            ("columndoc.sh?cpu", b"status of the system processor")):
        twins.assert_same(Asked(f"/xymon-cgi/{target}", has=has))


# MapCache.


@installed(MAPCACHE)
def test_mapcache(start, tmp_path):
    """A program for FastCGI, which runs as CGI where its input is no socket. It has one tile."""
    recipe = Recipe("MapCache", tmp_path)
    (recipe.srv / "map").mkdir()
    recipe.follow()
    png = b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(20_000)
    tile = recipe.srv / "map/cache/world/WGS84/00/000/000/001/000/000/000.png"
    tile.parent.mkdir(parents=True)
    tile.write_bytes(png)
    Twins(start, tmp_path, recipe.configuration).assert_same(
        Asked("/mapcache/wmts?SERVICE=WMTS&REQUEST=GetCapabilities", has=b"<ows:Title>world<"),
        Asked("/mapcache/tms/1.0.0/world@WGS84/0/1/0.png", has=png),
        Asked("/mapcache/wmts/1.0.0/world/default/WGS84/0/0/1.png", has=png),
        Asked("/mapcache/?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetCapabilities", has=b"world"),
        Asked("/mapcache/none", status=400, has=b"no service"))


# collectd.


@pytest.fixture
def collection3(tmp_path):
    """With one database: the load of a machine for a quarter of an hour."""
    recipe = Recipe("collectd", tmp_path)
    recipe.follow()
    database = recipe.srv / "rrd/machine.example/load/load.rrd"
    database.parent.mkdir(parents=True)
    begin, step = 1580608800, 10
    subprocess.run(["rrdtool", "create", database, "--start", str(begin), "--step", str(step),
                    *(f"DS:{term}term:GAUGE:20:0:100" for term in ("short", "mid", "long")),
                    *(f"RRA:{kind}:0.5:1:400" for kind in ("AVERAGE", "MIN", "MAX"))], check=True)
    subprocess.run(["rrdtool", "update", database,
                    *(f"{begin + n * step}:{n % 7}:{n % 5}:3" for n in range(1, 90))], check=True)
    return recipe


@installed(COLLECTION3)
@pytest.mark.time_limit(240)
def test_collection3(start, collection3, tmp_path):
    """Perl that looks for its modules beside SCRIPT_FILENAME, in a BEGIN block."""
    twins = Twins(start, tmp_path, collection3.configuration)
    twins.assert_same(
        Asked("/collectd/bin/index.cgi", has=b"machine.example"),
        Asked("/collectd/bin/index.cgi?action=show_selection;hostname=machine.example;plugin=load",
              has=b"graph.cgi?hostname=machine.example"))
    twins.assert_same(Asked("/collectd/bin/graph.cgi?hostname=machine.example;plugin=load;"
                            "type=load;begin=1580608800;end=1580609600", has=b"\x89PNG"))
    assert twins.cold.get("/collectd/share/style.css").status == 200
