"""The snippets of examples/sites for what watches machines, with the distribution's packages."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from support.drop_in import ELSEWHERE, FORM, Place, installed, needs_root
from support.munin import write_database, write_munin
from support.nagios import NAGIOS_COMMAND, NAGIOS_COOKIE, write_nagios
from support.passwords import ALICE
from support.xymon import running_xymon


def variables(**values: str | Path) -> str:
    """Of all programs, in place of what a package's own configuration says."""
    env = ", ".join(f'{name} = "{value}"' for name, value in values.items())
    return f"[cgi]\nenv = {{ {env} }}\n"


def assert_for_this_machine_alone(server, *targets: str) -> None:
    for target in targets:
        assert server.get(target, [*ELSEWHERE]).status == 403, target


# Nagios.


@pytest.fixture
def nagios(drop_in, place):
    """What a Nagios that runs has written."""
    data = place.folder / "nagios"
    write_nagios(data)
    place.own("nagios")
    return drop_in("nagios4", {"/etc/nagios4/passwords": place.passwords()},
                   variables(NAGIOS_CGI_CONFIG=data / "cgi.cfg"))


@installed("/usr/lib/cgi-bin/nagios4/status.cgi")
def test_nagios(nagios, place):
    pages = (("/nagios4/", b'src="main.php"'), ("/nagios4/side.php", b"/cgi-bin/nagios4/status.cgi"),
             ("/nagios4/stylesheets/common.css", b"{"), ("/nagios4/images/ack.gif", b"GIF8"),
             ("/cgi-bin/nagios4/status.cgi?host=all", b"no toner"),
             ("/nagios4/cgi-bin/status.cgi?host=all", b"no toner"))
    for target, has in pages:
        page = nagios.get(target, ALICE)
        assert page.status == 200 and has in page.body, (target, page)
        assert nagios.get(target).status == 401, target
        assert nagios.get(target, [*ALICE, *ELSEWHERE]).status == 403, target
        near = nagios.get(target, [*ALICE, ("X-Forwarded-For", "192.168.1.7")])
        assert near.status == 200, target
    assert nagios.get("/nagios4", ALICE).header("Location") == "/nagios4/"
    fields = [*FORM, ("Cookie", NAGIOS_COOKIE)]
    fifo = os.open(place.folder / "nagios/nagios.cmd", os.O_RDWR | os.O_NONBLOCK)
    try:
        for target in ("/cgi-bin/nagios4/cmd.cgi", "/nagios4/cgi-bin/cmd.cgi"):
            refused = nagios.request("POST", target, fields, NAGIOS_COMMAND)
            assert refused.status == 401, refused
            done = nagios.request("POST", target, [*fields, *ALICE], NAGIOS_COMMAND)
            assert b"successfully submitted" in done.body, done
        commands = os.read(fifo, 10000).decode().splitlines()
    finally:
        os.close(fifo)
    assert len(commands) == 2, commands
    assert all("SCHEDULE_FORCED_HOST_CHECK;printer" in command for command in commands), commands


# Xymon.


@installed("/usr/lib/xymon/cgi-bin/svcstatus.sh")
def test_xymon(drop_in, place):
    pages = place.copy("/var/lib/xymon/www", "pages")
    (pages / "xymon.html").write_text("all is <b>green</b>\n")
    place.own("secure")
    (place.folder / "secure/acknowledge.sh").symlink_to("/usr/lib/xymon/server/bin/acknowledge.cgi")
    with running_xymon(place.folder) as settings:
        server = drop_in("xymon", {"/usr/lib/xymon/cgi-bin/": f"{place.folder}/programs/",
                                   "/usr/lib/xymon/cgi-secure/": f"{place.folder}/secure/",
                                   "/var/lib/xymon/www/": f"{pages}/",
                                   "/etc/xymon/xymonpasswd": place.passwords()},
                         variables(**settings))
        program = "/xymon-cgi/svcstatus.sh?HOST=printer.example&SERVICE=toner"
        status = server.get(program)
        assert status.status == 200 and b"there is none left" in status.body, status
        assert server.get("/xymon/gifs/static/green.gif").header("Content-Type") == "image/gif"
        assert server.get("/xymon/").body == b"all is <b>green</b>\n"
        for old, new in (("bb", "xymon"), ("bb2", "nongreen"), ("bbnk", "critical")):
            moved = server.get(f"/xymon/{old}.html")
            assert (moved.status, moved.header("Location")) == (301, f"/xymon/{new}.html")
        target = "/xymon-seccgi/acknowledge.sh"
        assert server.get(target, [*ELSEWHERE]).status == 401
        for headers in ([], [*ELSEWHERE, *ALICE]):
            form = server.get(target, headers)
            assert form.status == 200 and b"<form" in form.body.lower(), form
        assert_for_this_machine_alone(server, "/xymon/", program)


# Munin.


@installed("/usr/lib/munin/cgi/munin-cgi-graph")
def test_munin(drop_in, place):
    settings = write_munin(place)
    server = drop_in("munin", {"/var/cache/munin/www/": f"{settings.parent}/pages/"},
                     variables(MUNIN_CONFIG=settings))
    assert b"machine.example" in server.get("/munin/").body
    page = server.get("/munin/localdomain/machine.example/load.html")
    graph = "/munin-cgi/munin-cgi-graph/localdomain/machine.example/load-day.png"
    assert page.status == 200 and graph in page.text, page
    assert server.get("/munin/static/style-new.css").header("Content-Type").startswith("text/css")
    picture = server.get(graph)
    assert picture.status == 200 and picture.body.startswith(b"\x89PNG") and picture.complete, picture
    assert server.get(graph.replace("machine", "none")).status == 404
    (settings.parent / "pages/link").symlink_to("/etc/hostname")
    assert server.get("/munin/link").status == 403
    assert_for_this_machine_alone(server, "/munin/", graph)


# SmokePing.


def write_smokeping(place: Place) -> tuple[Path, Path]:
    """The package's own configuration for folders of the test's; the program by it, and the files
    beside it."""
    settings = place.copy("/etc/smokeping", "settings")
    place.own("data/Local", "data/__cgi", "images", "run")
    for file in (settings / "config", *(settings / "config.d").iterdir()):
        text = file.read_text()
        for path, here in (("/etc/smokeping", settings), ("/var/lib/smokeping", place.folder / "data"),
                           ("/var/cache/smokeping/images", place.folder / "images"),
                           ("/run/smokeping", place.folder / "run")):
            text = text.replace(path, str(here))
        file.write_text(text)
    archives = re.findall(r"^ *(\w+) +([\d.]+) +(\d+) +(\d+)$",
                          (settings / "config.d/Database").read_text(), re.MULTILINE)
    write_database(place.folder / "data/Local/LocalMachine.rrd",
                   ["DS:uptime:GAUGE:600:0:U", "DS:loss:GAUGE:600:0:20", "DS:median:GAUGE:600:0:U",
                    *(f"DS:ping{n}:GAUGE:600:0:U" for n in range(1, 21))],
                   [":".join(("RRA", *each)) for each in archives])
    place.own("settings", "data")
    program = place.folder / "smokeping.cgi"
    packaged = Path("/usr/lib/cgi-bin/smokeping.cgi").read_text()
    program.write_text(packaged.replace("/etc/smokeping/config", f"{settings}/config"))
    program.chmod(0o755)
    (place.folder / "share/smokeping").mkdir(parents=True)
    (place.folder / "share/javascript").symlink_to("/usr/share/javascript")
    files = place.copy("/usr/share/smokeping/www", "share/smokeping/www")
    (files / "images").unlink()
    (files / "images").symlink_to(place.folder / "images")
    return program, files


@installed("/usr/lib/cgi-bin/smokeping.cgi")
@needs_root
def test_smokeping(drop_in, place):
    program, files = write_smokeping(place)
    server = drop_in("smokeping", {"/usr/lib/cgi-bin/smokeping.cgi": program,
                                   "/usr/share/smokeping/www/": f"{files}/"})
    assert server.get("/smokeping").header("Location") == "/smokeping/"
    assert server.get("/smokeping/").header("Location") == "/smokeping/smokeping.cgi"
    page = server.get("/smokeping/smokeping.cgi")
    assert page.status == 200 and b"Network Latency Grapher" in page.body, page
    target = server.get("/smokeping/smokeping.cgi?target=Local.LocalMachine")
    assert target.status == 200 and b"This host" in target.body, target
    pictures = re.findall(r'src="\.\./(smokeping/images/Local/[^"]*\.png)"', target.text, re.IGNORECASE)
    assert pictures, target.text
    for path in pictures:
        assert server.get(f"/{path}").body.startswith(b"\x89PNG"), path
    for path in ("css/smokeping-screen.css", "js/smokeping.js", "js/prototype/prototype.js"):
        assert server.get(f"/smokeping/{path}").status == 200, path


# collectd.

COLLECTION3 = "/usr/share/doc/collectd-core/examples/collection3/"


@installed(f"{COLLECTION3}bin/index.cgi")
def test_collectd(drop_in, place):
    pages = place.copy(COLLECTION3, "collection3")
    database = place.folder / "rrd/machine.example/load/load.rrd"
    database.parent.mkdir(parents=True)
    write_database(database, [f"DS:{term}term:GAUGE:600:0:100" for term in ("short", "mid", "long")],
                   [f"RRA:{kind}:0.5:1:600" for kind in ("AVERAGE", "MIN", "MAX")])
    settings = pages / "etc/collection.conf"
    settings.write_text(f'DataDir "{place.folder}/rrd"\n' + settings.read_text())
    server = drop_in("collectd", {f"{COLLECTION3}bin/": f"{pages}/bin/",
                                  f"{COLLECTION3}share/": f"{pages}/share/"})
    assert server.get("/collectd/").header("Location") == "/collectd/bin/index.cgi"
    assert b"machine.example" in server.get("/collectd/bin/index.cgi").body
    picture = server.get("/collectd/bin/graph.cgi?hostname=machine.example;plugin=load;type=load")
    assert picture.body.startswith(b"\x89PNG"), picture
    assert server.get("/collectd/share/style.css").status == 200
    for hidden in ("etc/collection.conf", "lib/Collectd/Config.pm", "bin/.htaccess", "README"):
        assert server.get(f"/collectd/{hidden}").status == 404, hidden


# RANCID.


@installed("/usr/lib/cgi-bin/lg/lg.cgi")
def test_rancid(drop_in, place):
    """A router that programs of the test's play: clogin(1) would log in to it."""
    data = place.own("lg")
    (data / "router.db").write_text("router.example;cisco;up\n")
    told = "printf 'router.example>%s\\nneighbor 192.0.2.7\\n' \"$5\""
    for name, text in (("ping", "exit 0"), ("clogin", f"# -noenable -f FILE -c COMMAND ROUTER\n{told}")):
        (data / name).write_text(f"#!/bin/sh\n{text}\n")
        (data / name).chmod(0o755)
    settings = data / "lg.conf"
    settings.write_text(
        Path("/etc/rancid/lg.conf").read_text().replace("/etc/rancid/", f"{data}/")
        .replace("/var/log/rancid", str(data)).replace("/var/cache/rancid-cgi", str(data))
        .replace('$ENV{PATH}="', f'$ENV{{PATH}}="{data}:'))
    programs = place.copy("/usr/lib/cgi-bin/lg", "programs")
    engine = programs / "lg.cgi"
    engine.write_text(engine.read_text().replace("/bin/ping", str(data / "ping")))
    server = drop_in("rancid", {"/usr/lib/cgi-bin/lg/": f"{programs}/"}, variables(LG_CONF=settings))
    assert server.get("/lg/").header("Location") == "/lg/lgform.cgi"
    for form in ("/lg/lgform.cgi", "/cgi-bin/lg/lgform.cgi"):
        page = server.get(form)
        assert page.status == 200 and b"router.example" in page.body, page
    answer = server.get("/lg/lg.cgi?query=summary&router=router.example:cisco&args=")
    assert answer.status == 200 and b"neighbor 192.0.2.7" in answer.body, answer
    assert b"lgform.cgi" in server.get("/rancid-cgi/index.html").body
    assert server.get("/lg/lgnotes.html").header("Content-Type").startswith("text/html")
    assert_for_this_machine_alone(server, "/lg/", "/lg/lgform.cgi", "/cgi-bin/lg/lg.cgi",
                                  "/lg/lgnotes.html", "/rancid-cgi/index.html")
