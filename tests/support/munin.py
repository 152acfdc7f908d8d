"""What a Munin that runs has written: an hour of one machine's load, and its pages."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from support.drop_in import Place

MUNIN_DATA = """version 2.0.73
localdomain;machine.example:use_node_name yes
localdomain;machine.example:address 192.0.2.7
localdomain;machine.example:load.graph_title Load average
localdomain;machine.example:load.graph_vlabel load
localdomain;machine.example:load.graph_category system
localdomain;machine.example:load.load.label load
localdomain;machine.example:load.load.update_rate 300
"""


def write_munin(place: Place) -> Path:
    """What its cron job has left: a database of an hour, and pages; its configuration."""
    for name in ("db", "log", "run", "tmp", "pages"):
        place.own(f"munin/{name}")
    munin = place.folder / "munin"
    settings = munin / "munin.conf"
    settings.write_text(
        f"dbdir {munin}/db\nhtmldir {munin}/pages\nlogdir {munin}/log\nrundir {munin}/run\n"
        f"cgitmpdir {munin}/tmp\ntmpldir /etc/munin/templates\nstaticdir /etc/munin/static\n"
        "graph_strategy cgi\n[localdomain;machine.example]\naddress 192.0.2.7\n")
    (munin / "db/datafile").write_text(MUNIN_DATA)
    stored = place.run("/usr/share/munin/munin-datafile2storable", munin / "db/datafile", text=False)
    (munin / "db/datafile.storable").write_bytes(stored)
    (munin / "db/localdomain").mkdir()
    write_database(munin / "db/localdomain/machine.example-load-load-g.rrd",
                   ["DS:42:GAUGE:600:0:U"],
                   [f"RRA:{kind}:0.5:1:600" for kind in ("AVERAGE", "MIN", "MAX")])
    place.own("munin")
    for step in ("munin-limits", "munin-html"):
        place.run(f"/usr/share/munin/{step}", "--config", settings)
    return settings


def write_database(path: Path, sources: list[str], archives: list[str]) -> None:
    """Of round robin, with a value each five minutes for the last hour."""
    step = 300
    now = int(time.time()) // step * step
    subprocess.run(["rrdtool", "create", path, "--start", str(now - 13 * step), "--step", str(step),
                    *sources, *archives], check=True)
    for n in range(12):
        values = ":".join(str(n % 5) for _ in sources)
        subprocess.run(["rrdtool", "update", path, f"{now - (12 - n) * step}:{values}"], check=True)
