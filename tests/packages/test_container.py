"""As PID 1, as in a container: whoever loses its parent there becomes the server's child, and only signals
that it asked for reach it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.commands import run

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace takes root")

PROGRAMS = {
    "first.cgi": "cat /proc/1/comm",
    # A grandchild whose parent is gone, which outlives the answer.
    "orphan.cgi": "(setsid sh -c 'sleep 0.3; exit 3' >/dev/null 2>&1 &)\necho left",
    "states.cgi": "cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -c1",
    "worker.cgi": "echo $PPID",
    "slow.cgi": "echo begun\nsleep 1\necho done",
    "stubborn.cgi": "trap '' TERM\necho begun\nwhile :; do sleep 0.1; done",
}


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Container:
    """The server, first process of its pid namespace."""

    def __init__(self, site: Path, *what: str):
        # The runtime that starts it, which does not look after its processes.
        self.runtime = subprocess.Popen(
            ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=SIGKILL", BINARY, *(what or [site]),
             "-l", "127.0.0.1:0", "-w", "2"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "RUNTIME_DIRECTORY": str(site.parent)})
        self.url = self.runtime.stdout.readline().split()[-1]
        children = Path(f"/proc/{self.runtime.pid}/task/{self.runtime.pid}/children")
        self.pid = int(children.read_text())

    def open(self, name: str):
        return urllib.request.urlopen(self.url + name, timeout=15)

    def get(self, name: str) -> str:
        with self.open(name) as response:
            return response.read().decode()

    def zombies(self) -> int:
        return self.get("states.cgi").split().count("Z")

    def processes(self) -> list[str]:
        """Its own and all below, by their state; from outside."""
        found, left = [], [self.pid]
        while left:
            pid = left.pop()
            try:
                found.append(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0])
                left += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                pass
        return found

    def stop(self, number: int) -> float:
        """The seconds that it took."""
        begun = time.monotonic()
        os.kill(self.pid, number)
        assert self.runtime.wait(15) == 0
        return time.monotonic() - begun


@pytest.fixture
def site(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    site.mkdir()
    for name, text in PROGRAMS.items():
        (site / name).write_text(f"#!/bin/sh\necho 'Content-Type: text/plain'\necho\n{text}\n")
        (site / name).chmod(0o755)
    return site


@contextlib.contextmanager
def running(container: Container) -> Iterator[Container]:
    try:
        yield container
    finally:
        container.runtime.kill()  # and all that is in it
        container.runtime.wait()
        container.runtime.stdout.close()


@pytest.fixture
def container(site: Path) -> Iterator[Container]:
    with running(Container(site)) as container:
        yield container


def test_it_is_the_first_process(container: Container):
    assert container.get("first.cgi") == "cgisrv\n"


def test_orphans_are_reaped(container: Container):
    before = len(container.processes())
    for _ in range(20):
        assert container.get("orphan.cgi") == "left\n"
    assert len(container.processes()) > before, "the orphans have not come to be"
    assert until(lambda: container.processes() == ["S"] * before), container.processes()
    assert container.zombies() == 0


def test_what_a_dead_worker_leaves_is_reaped(container: Container):
    with container.open("stubborn.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        workers = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
        for pid in map(int, workers):
            os.kill(pid, signal.SIGKILL)
        assert until(lambda: container.processes() == ["S"] * (1 + len(workers))), container.processes()
    assert container.zombies() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_in_time_whatever_runs(container: Container, number: int):
    """In time: a runtime kills all after ten seconds."""
    with container.open("stubborn.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        assert container.stop(number) < 9


def test_it_finishes_what_is_open_when_asked_to(container: Container):
    with container.open("slow.cgi") as streaming:
        assert streaming.readline() == b"begun\n"
        os.kill(container.pid, signal.SIGQUIT)
        assert streaming.read() == b"done\n"
    assert container.runtime.wait(15) == 0


def test_term_lets_it_finish_what_is_open_by_a_configuration(site: Path):
    """A runtime sends TERM, unless its image says otherwise."""
    file = site.parent / "cgisrv.toml"
    file.write_text(f'[server]\nuser = "root"\n[[site]]\nroot = "{site}"\n'
                    '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')
    with running(Container(site, "-c", str(file))) as container:
        with container.open("slow.cgi") as streaming:
            assert streaming.readline() == b"begun\n"
            os.kill(container.pid, signal.SIGTERM)
            assert streaming.read() == b"done\n"
        assert container.runtime.wait(15) == 0


# The image. Nothing here can build one; its parts are tried where they can be.

CONTAINERFILE = (REPOSITORY / "packaging/Containerfile").read_text()


def instruction(name: str) -> str:
    return re.search(rf"^{name} (.*)$", CONTAINERFILE, re.MULTILINE)[1]


def test_the_image_has_the_libraries_that_the_server_needs():
    needed = {line.split()[0] for line in run("ldd", BINARY).splitlines() if "=> /" in line}
    packages = re.findall(r"\bz?lib[a-z]*\d+(?:-\d+)*g?\b", CONTAINERFILE)
    of_base = run("dpkg", "-L", "libc6", "libcrypt1", "libstdc++6", "libgcc-s1")
    provided = {Path(line).name for line in (of_base + run("dpkg", "-L", *packages)).splitlines()}
    assert not needed - provided


def test_the_files_that_the_image_copies_are_there():
    for source in re.findall(r"^COPY (?!--from)(\S+) ", CONTAINERFILE, re.MULTILINE):
        assert (REPOSITORY / source).exists(), source


def as_the_images_user() -> list[str]:
    user, group = instruction("USER").split(":")
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]


def health_check() -> list[str]:
    return [str(BINARY), *json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])[1:]]


class Image:
    """Its site and configuration, in a folder of the test's that its user may enter."""

    def __init__(self, folder: Path, admin: bool = False):
        site = folder / "site"
        site.mkdir()
        (site / "index.html").write_text("served")
        (site / "size.cgi").write_text("#!/bin/sh\necho 'Content-Type: text/plain'\necho\nwc -c\n")
        (site / "size.cgi").chmod(0o755)
        text = (REPOSITORY / "packaging/etc/container.toml").read_text()
        if admin:
            text = re.sub(r"^# (?=\[admin]|listen = )", "", text, flags=re.MULTILINE)
        self.config = folder / "cgisrv.toml"
        self.config.write_text(re.sub('":(8080|9180)"', '"127.0.0.1:0"', text)
                               .replace("/srv/www", str(site)))
        for each in (folder, *folder.parents[:3]):
            each.chmod(each.stat().st_mode | 0o055)

    def command(self) -> list[str]:
        return [*as_the_images_user(), str(BINARY), "-c", str(self.config)]


@pytest.mark.fault("2m")
def test_the_images_user_is_a_number():
    """Or Kubernetes cannot tell that it is not root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", instruction("USER"))
    assert "USER 33:33" in CONTAINERFILE and "www-data:x:33:33:" in Path("/etc/passwd").read_text()


@pytest.mark.fault("2m")
def test_a_read_only_root_is_enough(tmp_path: Path):
    """With the image's user and health check; large bodies of unknown length arrive, too."""
    image = Image(tmp_path)
    runtime = subprocess.Popen([Path(__file__).parent / "in_read_only_root", *image.command()],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin"})
    try:
        url = runtime.stdout.readline().split()[-1]
        pid = Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children").read_text().strip()
        inside = ["nsenter", "--mount", "--pid", f"--target={pid}"]
        written = subprocess.run([*inside, "touch", tmp_path / "file"], capture_output=True, text=True)
        assert "Read-only file system" in written.stderr
        size = 5 * 1024 * 1024
        body = (b"x" * 65536 for _ in range(size // 65536))  # without a length: chunked
        request = urllib.request.Request(url + "size.cgi", data=body, method="POST",
                                         headers={"Content-Type": "application/octet-stream"})
        with urllib.request.urlopen(request, timeout=60) as response:
            assert response.read().strip() == str(size).encode()
        run(*inside, *as_the_images_user(), *health_check(), env={"PATH": "/usr/bin:/bin"})
        os.kill(int(pid), getattr(signal, instruction("STOPSIGNAL")))
        assert runtime.wait(15) == 0
    finally:
        # As its credentials change, the server no longer dies with its parent.
        for child in Path(f"/proc/{runtime.pid}/task/{runtime.pid}/children").read_text().split() \
                if runtime.poll() is None else ():
            os.kill(int(child), signal.SIGKILL)
        _, said = runtime.communicate(timeout=30)
    assert "error" not in said, said


@pytest.mark.fault("2m")
def test_the_images_admin_listener_answers_probes(tmp_path: Path):
    """As a comment of its configuration shows it."""
    image = Image(tmp_path, admin=True)
    runtime = tmp_path / "run"
    runtime.mkdir()
    shutil.chown(runtime, *map(int, instruction("USER").split(":")))
    server = subprocess.Popen(image.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True,
                              env={"RUNTIME_DIRECTORY": str(runtime), "PATH": "/usr/bin:/bin"})
    try:
        urls = [server.stdout.readline().split()[-1] for _ in range(2)]
        admin = urls[1].removesuffix("status")
        for probe in ("livez", "readyz", "metrics"):
            with urllib.request.urlopen(admin + probe, timeout=10) as response:
                assert response.status == 200
    finally:
        server.terminate()
        assert server.wait(15) == 0
        server.stdout.close()


def test_the_image_serves_is_healthy_and_stops_in_time(tmp_path: Path):
    """Its configuration, user, command, health check and stop signal; the folders are a test's."""
    image = Image(tmp_path)
    runtime = tmp_path / "run"
    runtime.mkdir()
    shutil.chown(runtime, *map(int, instruction("USER").split(":")))
    environment = {"RUNTIME_DIRECTORY": str(runtime), "PATH": "/usr/bin:/bin"}
    check = [*as_the_images_user(), *health_check()]
    server = subprocess.Popen(image.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        url = server.stdout.readline().split()[-1]
        with urllib.request.urlopen(url, timeout=10) as response:
            assert response.read() == b"served"
        run(*check, env=environment)
    finally:
        begun = time.monotonic()
        server.send_signal(getattr(signal, instruction("STOPSIGNAL")))
        assert server.wait(15) == 0
        server.stdout.close()
    assert time.monotonic() - begun < 9
    assert subprocess.run(check, env=environment, capture_output=True).returncode != 0, \
        "healthy without a server"
