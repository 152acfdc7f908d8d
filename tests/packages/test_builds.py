"""Other builds than those of CMakePresets.json: by CMake's own types, for another machine, without libraries."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.commands import run

SERVER_ALONE = ("-DCGISRV_TESTS=OFF", "-DCGISRV_EXAMPLES=OFF")
SIZE_MAX = 5_000_000  # of a static server
CROSS = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64")


def configured(folder: Path, *options: str) -> Path:
    run("cmake", "-S", REPOSITORY, "-B", folder, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *SERVER_ALONE, *options)
    return folder


@pytest.mark.fault("2a")
def test_warnings_are_no_errors_for_who_only_builds_it(tmp_path: Path):
    """Another compiler, or -O3, has others than a developer's preset."""
    build = configured(tmp_path / "build")
    commands = [each["command"] for each in json.loads((build / "compile_commands.json").read_text())]
    assert len(commands) > 20 and all("-Wall" in each and " -O3 " in each for each in commands)
    assert not [each for each in commands if "-Werror" in each]
    presets = json.loads((REPOSITORY / "CMakePresets.json").read_text())["configurePresets"]
    strict = {each["name"] for each in presets
              if each["cacheVariables"].get("CMAKE_COMPILE_WARNING_AS_ERROR") == "ON"}
    assert strict == {"sanitize", "lint"}


def commands_run(build: Path, target: str) -> set[str]:
    """The programs that a build of a target starts, as paths in the build folder or names."""
    found = set()
    for line in run("ninja", "-C", build, "-t", "commands", target).splitlines():
        for step in re.split(r"&&|;|\|", line):
            words = step.split()
            if words:
                found.add(os.path.normpath(build / words[0]) if "/" in words[0] else words[0])
    return found


@pytest.mark.fault("2c")
@pytest.mark.parametrize("cross", [False, True])
def test_a_build_runs_nothing_that_it_has_built(cross: bool, tmp_path: Path):
    """Or no machine could build for another one."""
    build = configured(tmp_path / "build", *(CROSS if cross else ()))
    ran = commands_run(build, "all") | commands_run(build, "installable")
    assert len(ran) > 2
    assert not [each for each in ran if each.startswith(str(build)) or each == "cgisrv"]


def test_what_stands_in_for_http2_compiles(tmp_path: Path):
    """A static build has no nghttp2 where there is no archive of it. One source tells."""
    build = configured(tmp_path / "build", "-DCGISRV_NGHTTP2_INCLUDE=OFF", "-DCMAKE_UNITY_BUILD=OFF")
    run("ninja", "-C", build, "src/CMakeFiles/cgisrv_http2.dir/http2/serve_without_nghttp2.cc.o")


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


@contextlib.contextmanager
def under_emulation(server: Path, site: Path) -> Iterator[str]:
    """The URL of the site. qemu-user runs no programs: it has not every clone(2)."""
    with subprocess.Popen(["qemu-aarch64", server, site, "-l", "127.0.0.1:0"], text=True, stdout=subprocess.PIPE,
                          env={**os.environ, "RUNTIME_DIRECTORY": str(site.parent)}) as process:
        yield re.search(r"http://\S+", process.stdout.readline())[0]
        process.terminate()
        assert process.wait(60) == 0


@pytest.mark.slow
@pytest.mark.fault("2c")
@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-g++") or not shutil.which("qemu-aarch64"),
                    reason="no cross compiler for arm64, or no qemu-user")
def test_a_cross_build_for_arm64(tmp_path: Path):
    """As docs/small-machines.md has it; the compiler is apt's g++-aarch64-linux-gnu."""
    build = tmp_path / "arm64"
    document = (REPOSITORY / "docs/small-machines.md").read_text()
    [command] = [each for each in re.findall(r"^cmake --preset .*\n(?: .*\n)*", document, re.MULTILINE)
                 if "build/arm64" in each]
    words = command.replace("\\\n", " ").replace("build/arm64", str(build)).split()
    run(*words, cwd=REPOSITORY)
    run("cmake", "--build", build, "--target", "installable")
    run("cmake", "--install", build, "--strip", "--prefix", tmp_path / "installed", "--component", "server")
    server = tmp_path / "installed/bin/cgisrv"
    said = run("aarch64-linux-gnu-readelf", "-h", "-d", server)
    assert "AArch64" in said and "NEEDED" not in said
    assert server.stat().st_size < SIZE_MAX
    (tmp_path / "site").mkdir()
    (tmp_path / "site/page.html").write_text("a page")
    with under_emulation(server, tmp_path / "site") as url:
        assert fetched(url + "page.html") == b"a page"


def copied(root: Path, name: str, file: str | Path) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, root / name)


def busybox(root: Path) -> None:
    """Debian's needs libc, which the server does not."""
    program = shutil.which("busybox")
    for library in re.findall(r"(/\S+) \(0x", run("ldd", program)):
        copied(root, library.lstrip("/"), library)
    copied(root, "bin/busybox", program)
    for name in ("sh", "echo", "id", "setsid", "sleep", "tail"):
        (root / "bin" / name).symlink_to("busybox")


class Board:
    """A root with BusyBox and the static server alone, in namespaces of its own."""

    def __init__(self, root: Path, server: Path):
        self.root = root
        busybox(root)
        copied(root, "usr/bin/cgisrv", server)
        copied(root, "etc/init.d/S80cgisrv", REPOSITORY / "packaging/busybox/S80cgisrv")
        site = root / "srv"
        site.mkdir()
        (site / "page.html").write_text("a page")
        (site / "who.cgi").write_text("#!/bin/sh\necho Content-Type: text/plain\necho\nid -un\n")
        (site / "who.cgi").chmod(0o755)
        for name in ("proc", "dev", "tmp", "run", "var/log", "etc/cgisrv"):
            (root / name).mkdir(parents=True)
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\nnogroup:x:65534:\n")
        (root / "etc/cgisrv/cgisrv.toml").write_text(
            'server = { workers = 1 }\n[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\nroot = "/srv"\n'
            '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')
        # Its first process has nothing else to do than to be there.
        script = ('mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && cd "$0" && echo ready && '
                  'exec chroot "$0" /bin/sleep 1000')
        self.first = subprocess.Popen(["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "sh", "-c",
                                       script, root], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.first.stdout.readline() == "ready\n"

    def run(self, *command: str) -> str:
        children = Path(f"/proc/{self.first.pid}/task/{self.first.pid}/children").read_text().split()
        return run("nsenter", f"--target={children[0]}", "--mount", "--pid", "chroot", self.root, *command,
                   env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, stdin=subprocess.DEVNULL)

    def close(self) -> None:
        self.first.kill()  # and all that is in it
        self.first.wait()
        self.first.stdout.close()


@pytest.mark.slow
def test_a_static_server_is_one_small_file(static_server: Path):
    said = subprocess.run(["ldd", static_server], capture_output=True, text=True)
    assert "statically linked" in said.stdout + said.stderr
    assert static_server.stat().st_size < SIZE_MAX


@pytest.mark.slow
@pytest.mark.fault("2c")
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed")
def test_a_static_server_runs_where_only_busybox_is(static_server: Path, tmp_path: Path):
    """Started and ended by packaging/busybox/S80cgisrv."""
    board = Board(tmp_path / "root", static_server)
    script = "/etc/init.d/S80cgisrv"
    try:
        board.run(script, "start")
        status = json.loads(board.run("/usr/bin/cgisrv", "status", "--json"))
        [url] = re.findall(r"http://[\d.:]+/", json.dumps(status))
        assert fetched(url + "page.html") == b"a page"
        assert fetched(url + "who.cgi") == b"nobody\n"
        board.run(script, "reload")
        assert fetched(url + "page.html") == b"a page"
        board.run(script, "stop")
        assert "cgisrv.toml: stopped" in (board.root / "var/log/cgisrv.log").read_text()
        (board.root / "etc/cgisrv/cgisrv.toml").write_text("[sever]\n")
        with pytest.raises(AssertionError, match="did you mean 'server'"):
            board.run(script, "start")
    finally:
        board.close()


def test_the_script_for_openrc_starts_nothing_that_is_wrong(tmp_path: Path):
    """OpenRC's part, which calls the functions, is played by the shell."""
    script = REPOSITORY / "packaging/openrc/cgisrv"
    def allowed(text: str) -> bool:
        (tmp_path / "cgisrv.toml").write_text(text)
        done = subprocess.run(["sh", "-euc", '. "$0"; command=$1; start_pre', script, BINARY], capture_output=True,
                              env={**os.environ, "CGISRV_CONFIG": str(tmp_path / "cgisrv.toml")})
        return done.returncode == 0
    assert allowed(f'[[listen]]\naddress = "127.0.0.1:0"\n[[site]]\nroot = "{tmp_path}"\n')
    assert not allowed("[sever]\n")
    [patience] = re.findall(r"QUIT/(\d+)/KILL", script.read_text())
    assert int(patience) > 30, "a stop is cut short before the default of shutdown_timeout"
