"""Three nodes behind HAProxy, each with a network of its own, by the configuration that
docs/many-machines.md shows."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from support import client, gate
from support.client import head
from support.commands import run
from support.haproxy import HAProxy
from support.migration import Document
from support.network import Network
from support.processes import Process, alive, descendants
from support.programs import ENVIRONMENT
from support.site import Site
from support.upgradable import Upgradable
from support.waiting import until

NODES = {"one": "192.0.2.11", "two": "192.0.2.12", "three": "192.0.2.13"}
BALANCER = "192.0.2.1"
CLIENT = "192.0.2.100"
PLACES = 16  # of each node: max_running of the document
BACKEND = "cgisrv"
TOTAL = "BACKEND"  # of its rows, the one of all nodes together

# Where it ran, and what it was asked.
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
int main(void) {
  printf("Content-Type: text/plain\n\n%s %s %s\n", getenv("NODE"), getenv("REQUEST_METHOD"),
         getenv("QUERY_STRING"));
}
"""


class Node(Upgradable):
    """`text` is its configuration, in which `folder` is all that is its own."""

    def __init__(self, folder: Path, name: str, text: str, prefix: tuple[str, ...]):
        folder.mkdir()
        folder.chmod(0o755)
        super().__init__(folder, 8080, "")
        self.name, self.configuration, self.prefix = name, text, prefix
        self.started: list[subprocess.Popen] = []
        self.write_configuration()
        self.start()

    def write_configuration(self, before: str = "", **_: object) -> None:
        self.config.write_text(before + self.configuration)

    def start(self) -> None:
        super().start()
        self.started.append(self.popen)

    def quit(self) -> None:
        """Begins to leave: it says so, and serves on. The second time it ends that."""
        done = self.command("quit", "--no-wait")
        assert done.returncode == 0, done

    def run_script(self, script: str) -> str:
        """In which `cgisrv` is this one."""
        path = f"{self.folder}:{self.environment['PATH']}"
        return run("sh", "-euc", script, env={**self.environment, "PATH": path})

    def family(self) -> list[int]:
        master = self.master()
        return [master, *(p.pid for p in descendants(master))] if master else []

    def programs(self) -> list[Process]:
        return [p for p in descendants(self.master()) if not p.name.startswith("cgisrv")]

    def kill(self) -> None:
        """Its master, which then can clear away nothing."""
        family = self.family()
        os.kill(family[0], signal.SIGKILL)
        assert until(lambda: not any(alive(pid) for pid in family)), self.log.read_text()
        for path in (self.folder / "run").iterdir():
            path.unlink()


class Cluster:
    def __init__(self, folder: Path, compile_c: Callable[[str], Path]):
        self.folder, self.nodes = folder, {}
        self.document = Document("many-machines.md")
        try:
            self.begin(compile_c)
            assert until(self.is_well), self.describe()
        except BaseException:
            self.end()
            raise

    def begin(self, compile_c: Callable[[str], Path]) -> None:
        folder = self.folder
        site = Site(folder / "site", compile_c)
        site.c_program("node.cgi", PROGRAM)
        site.c_program("held.cgi", gate.PROGRAM)
        site.c_program("environment.cgi", ENVIRONMENT)
        self.gate = gate.Gate(folder / "gate")
        self.network = Network({"balancer": BALANCER, "client": CLIENT, **NODES})
        for name in NODES:
            self.nodes[name] = Node(folder / name, name, self.node_text(name),
                                    self.network.hosts[name].prefix)
        self.balancer = HAProxy(folder, self.balancer_text(folder), folder / "stats",
                                self.network.hosts["balancer"].prefix)

    def node_text(self, name: str) -> str:
        """Nobody has to wait for it by the clock."""
        own = (f'[server]\nworkers = 2\nuser = "nobody"\npid_file = "{self.folder}/{name}/run/pid"\n'
               f'runtime_dir = "{self.folder}/{name}/run"\n')
        text = self.document.file("/etc/cgisrv/cgisrv.toml").replace("[server]\n", own)
        text = text.replace('"/srv/www"', f'"{self.folder}/site"')
        text = text.replace('drain_delay = "10s"', 'drain_delay = "10m"')
        return (f'[cgi]\nmax_running = {PLACES}\n'
                f'env = {{ NODE = "{name}", GATE = "{self.folder}/gate" }}\n{text}')

    def balancer_text(self, folder: Path) -> str:
        """Checks come more often, and the log is a file."""
        text = self.document.file("/etc/haproxy/haproxy.cfg")
        text = text.replace("/run/haproxy/admin.sock", f"{folder}/stats")
        text = text.replace("inter 2s", "inter 200ms")
        text = re.sub(r"^  (user|group) haproxy\n", "", text, flags=re.MULTILINE)
        return text.replace("log /dev/log local0", "log stdout format raw local0")

    # How it is.

    def states(self) -> dict[str, str]:
        return {name: row["status"] for name, row in self.balancer.rows(BACKEND).items()}

    def is_up(self, name: str) -> bool:
        return self.states()[name] == "UP"

    def is_out(self, name: str) -> bool:
        """HAProxy gives it nothing new."""
        return self.states()[name].split()[0] in ("DOWN", "DRAIN", "MAINT")

    def count(self, name: str, column: str) -> int:
        """A figure of HAProxy's: of a node, or of all: TOTAL."""
        return int(self.balancer.rows(BACKEND)[name][column] or 0)

    def describe(self) -> str:
        """For a test that fails."""
        rows = [f"{name}: {row['status']} weight={row['weight']} agent={row['last_agt']} "
                f"scur={row['scur']} qcur={row['qcur']}"
                for name, row in self.balancer.rows(BACKEND).items()]
        status = [node.command("status").stdout for node in self.nodes.values() if node.master()]
        return "\n".join([*rows, str(self.gate.held()), *status])

    def is_well(self) -> bool:
        """Each node is asked again, and nothing is under way."""
        rows = self.balancer.rows(BACKEND)
        return all(rows[name]["status"] == "UP" for name in NODES) and not self.gate.held() and \
            all(row["scur"] == row["qcur"] == "0" for row in rows.values())

    def recovers(self) -> bool:
        self.gate.let_on(*self.gate.held())
        return self.is_well()

    # What it is asked.

    def connect(self, port: int = 80) -> client.Connection:
        with self.network.hosts["client"].entered():
            return client.Connection((BALANCER, port))

    def get(self, target: str) -> client.Response:
        with self.connect() as connection:
            return connection.request("GET", target)

    def hold(self, *names: str, method: str = "POST", port: int = 80) -> dict[str, client.Connection]:
        """Asks for programs that run until they are let on, one after the other."""
        asked = {}
        for name in names:
            asked[name] = self.connect(port)
            asked[name].send(head(method, f"/held.cgi?{name}"))
        return asked

    @contextlib.contextmanager
    def another_balancer(self) -> Iterator[int]:
        """One that asks again what it may; its port."""
        (folder := self.folder / "again").mkdir()
        text = self.balancer_text(folder).replace("bind :80", "bind :81").replace(
            "  retry-on conn-failure\n", self.document.block("  retry-on .*"))
        balancer = HAProxy(folder, text, folder / "stats", self.network.hosts["balancer"].prefix)
        try:
            yield 81
        finally:
            balancer.stop()

    # Its end.

    def end(self) -> None:
        """By force, what could not begin."""
        for pid in [pid for node in self.nodes.values() for pid in node.family()]:
            os.kill(pid, signal.SIGKILL)
        if hasattr(self, "balancer"):
            self.balancer.stop()

    def close(self) -> list[str]:
        with contextlib.ExitStack() as ending:
            for each in (self.network, self.gate):
                ending.callback(each.close)
            self.balancer.stop()
            families = [pid for node in self.nodes.values() for pid in node.family()]
            for node in self.nodes.values():
                for _ in range(2 if node.master() else 0):
                    node.quit()
            families += [popen.pid for node in self.nodes.values() for popen in node.started]
            until(lambda: not any(alive(pid) for pid in families), 30)
            return [f"{node.name}: {fault}" for node in self.nodes.values() for fault in node.stop()]
