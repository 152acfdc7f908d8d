"""The server whose requests are counted: its processes, and requests that come one by one."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import load
import peers
import processes
import programs

PATIENCE_SECONDS = 120.0  # for what takes a moment, on a machine that is busy
POLL_SECONDS = 0.004
QUIET_POLLS = 3  # so often all processes are found asleep before the next request is sent
FILE_TIME = 1_700_000_000  # of all files: ETag and Last-Modified are as long in each run

CONFIGURATION = """\
[server]
workers = 1

[[listen]]
address = "127.0.0.1:{port}"

[limits]
keepalive_timeout = "1h"
keepalive_requests = 1000000000

[cgi]
header_timeout = "10m"
idle_timeout = "10m"

[[site]]
root = "{site}"

[[site.location]]
match = "/cold/"
cgi = true

{warm}
[log]
access = {{ path = "{access}", format = "{{script}} {{start}} {{minor_faults}}" }}
error = "{folder}/error.log"
"""
WARM = """\
[[site.location]]
match = "/warm/"
cgi = true
start = "warm"
warm = { zygotes = 1 }
"""
PROGRAMS = ("c-glibc", "perl", "python")
PROXIED = "X-Forwarded-For: 192.0.2.7"


@dataclass(frozen=True)
class Kind:
    """What is asked for."""

    name: str
    target: str
    answer: bytes  # a pattern
    program: str = ""
    is_warm: bool = False
    connects: bool = False  # a connection of its own for each request
    fields: tuple[str, ...] = ()  # of the request
    all_keys: bool = False  # of a site that uses all keys


def kind_of_program(name: str, start: str) -> Kind:
    words = {"c-glibc": "C", "perl": "Perl", "python": "Python"}
    return Kind(f"{start} {words[name]}", f"/{start}/{name}.cgi?{programs.QUERY}",
                programs.ANSWER, name, is_warm=start == "warm")


KINDS = (
    Kind("file", "/hello.txt", b"hello\n"),
    Kind("file, connection", "/hello.txt", b"hello\n", connects=True),
    *(kind_of_program(name, "cold") for name in PROGRAMS),
    *(kind_of_program(name, "warm") for name in PROGRAMS),
    Kind("file, all keys", "/hello.txt", b"hello\n", fields=(PROXIED,), all_keys=True),
    Kind("compressed, all keys", "/page.html", b"^\x1f\x8b",
         fields=(PROXIED, "Accept-Encoding: gzip"), all_keys=True),
)


def by_server(kinds: Sequence[Kind]) -> list[list[Kind]]:
    """Each part can be asked of one server: keys of one site cost requests of another, too."""
    parts = ([kind for kind in kinds if kind.all_keys is all_keys] for all_keys in (False, True))
    return [part for part in parts if part]


class Fault(Exception):
    """Why there is no count."""


def make_site(site: Path) -> None:
    for folder in ("cold", "warm"):
        (site / folder).mkdir(parents=True)
    programs.make_files(site)
    for program in programs.PROGRAMS:
        if program.name not in PROGRAMS:
            continue
        source = site / "cgi-bin" / f"{program.name}.cgi"
        source.parent.mkdir(exist_ok=True)
        if fault := program.make(site):
            raise Fault(f"{program.title}: {fault}")
        for folder in ("cold", "warm"):
            shutil.copy(source, site / folder)
    for path in site.rglob("*"):
        os.utime(path, (FILE_TIME, FILE_TIME))


def first_line(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").split("\n", 1)[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""  # has just ended


def state_of(pid: int) -> str:
    return first_line(f"/proc/{pid}/stat").rpartition(")")[2][1:2]


def faults_of(pid: int) -> int:
    """Of the process alone, without what it has waited for."""
    return int(first_line(f"/proc/{pid}/stat").rpartition(")")[2].split()[7])


def memory_of(pid: int) -> dict[str, int]:
    """smaps_rollup, in KiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(kib) for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def configuration_of_all_keys(port: int, site: Path, folder: Path) -> str:
    values = {"workers": "1", "port": str(port), "site": str(site), "folder": str(folder)}
    template = (peers.CONFIGURATIONS / "site-cgisrv.toml").read_text()
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], template)


class Server:
    """One worker. `logs`: has an access log; `warm`: starts programs warm, too; `all_keys`: its site
    is the one of `bench/run site`; `wrapper`: the words before the command; `environment`: more
    variables."""

    def __init__(self, folder: Path, binary: Path, site: Path, logs: bool = False,
                 warm: bool = True, all_keys: bool = False, wrapper: Sequence[str] = (),
                 environment: dict[str, str] | None = None):
        folder.mkdir()
        processes.give_away(folder)
        self.folder, self.port = folder, peers.free_port()
        self.access = folder / "access.log"
        text = configuration_of_all_keys(self.port, site, folder) if all_keys else \
            CONFIGURATION.format(port=self.port, site=site, access=self.access, folder=folder,
                                 warm=WARM if warm else "")
        if not logs:
            text = re.sub(r"^access = .*$", 'access = "off"', text, flags=re.MULTILINE)
        (folder / "cgisrv.toml").write_text(text)
        command = [*wrapper, str(binary), "-c", str(folder / "cgisrv.toml")]
        with open(folder / "output.log", "ab") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                start_new_session=True, env=processes.ENVIRONMENT | (environment or {}),
                **processes.identity())
        self.kept: socket.socket | None = None

    def __enter__(self) -> Server:
        try:
            self.await_start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        if self.kept:
            self.kept.close()
        processes.end([self.process])

    def await_start(self) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if load.fetch(self.port, "/hello.txt")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        said = "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))
        raise Fault(f"the server does not start: {' '.join(said.split())[-600:]}")

    # ---- processes

    def children(self, parent: int) -> list[int]:
        """Its processes have a thread each."""
        return [int(pid) for pid in first_line(f"/proc/{parent}/task/{parent}/children").split()]

    def family(self) -> list[int]:
        found = [self.process.pid]
        for pid in found:
            found += self.children(pid)
        return found

    def is_manager(self, pid: int) -> bool:
        return first_line(f"/proc/{pid}/comm") == "cgisrv-zygotes"

    def worker(self) -> int:
        """The helpers have names of their own."""
        return next(pid for pid in self.children(self.process.pid)
                    if not first_line(f"/proc/{pid}/comm").startswith("cgisrv-"))

    def zygotes(self) -> dict[str, int]:
        """By program. A zygote's arguments name the program; so do its children's."""
        found = {}
        for pid in [pid for parent in self.children(self.process.pid) if self.is_manager(parent)
                    for pid in self.children(parent)]:
            arguments = first_line(f"/proc/{pid}/cmdline")
            for name in PROGRAMS:
                if f"/{name}.cgi" in arguments:
                    found[name] = pid
        return found

    def await_quiet(self) -> None:
        """Until all that a request has caused is over: every process sleeps, and none comes or
        goes."""
        end = time.monotonic() + PATIENCE_SECONDS
        before, quiet = [], 0
        while quiet < QUIET_POLLS:
            if time.monotonic() > end:
                raise Fault("the server does not come to rest")
            time.sleep(POLL_SECONDS)
            family = self.family()
            asleep = all(state_of(pid) == "S" for pid in family)
            quiet = quiet + 1 if asleep and family == before else 0
            before = family

    # ---- requests

    def ask(self, kind: Kind) -> None:
        """One request and its answer, on the connection that is kept or on one of its own."""
        if kind.connects:
            status, answer = load.fetch(self.port, kind.target, kind.fields)
            head = b"HTTP/1.1 %d " % status
        else:
            if self.kept is None:
                self.kept = load.connect(self.port)
            self.kept.sendall(load.request(kind.target, fields=kind.fields))
            whole = load.read_answer(self.kept)
            head, answer = load.split(whole) or (whole, b"")
        if b" 200 " not in head[:16] or not re.search(kind.answer, answer):
            raise Fault(f"{kind.target}: {head[:40]!r}, {answer[:60]!r}")

    def ask_often(self, kind: Kind, count: int) -> list[float]:
        """Returns when each was sent, and when all was over."""
        times = []
        for _ in range(count):
            self.await_quiet()
            times.append(time.time())
            self.ask(kind)
        self.await_quiet()
        return [*times, time.time()]

    def warm_up(self, kinds: Sequence[Kind]) -> None:
        """Until each program has its zygote, and all that happens only once has happened."""
        end = time.monotonic() + PATIENCE_SECONDS
        wanted = {kind.program for kind in kinds if kind.is_warm}
        while not wanted <= self.zygotes().keys():
            if time.monotonic() > end:
                raise Fault(f"no zygote of {', '.join(wanted - self.zygotes().keys())}: "
                            + (self.folder / "error.log").read_text()[-600:])
            for kind in kinds:
                if kind.is_warm:
                    self.ask(kind)
            time.sleep(0.1)
        for kind in kinds:  # a zygote learns from its first children
            self.ask_often(kind, 12 if kind.is_warm else 4)


def built(root: Path, folder: Path) -> Path:
    """The binary that CGISRV names, or this tree's: a copy that the other user may read."""
    ours = os.environ.get("CGISRV")
    if not ours:
        done = subprocess.run(["sh", "-euc", ". tools/packages.sh; install_missing $build_packages; "
                               "build release cgisrv cgisrv_warm_shim >/dev/null"],
                              cwd=root, stdout=sys.stderr)
        if done.returncode != 0:
            raise Fault("cgisrv does not build; try ./run")
    binary = Path(ours or root / "build/release/cgisrv").resolve()
    folder.mkdir()
    for part in (binary, *(binary.parent / name for name in processes.WARM_PARTS)):
        shutil.copy(part, folder)
    return folder / binary.name
