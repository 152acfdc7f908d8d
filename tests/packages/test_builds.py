"""Other builds than those of CMakePresets.json: by CMake's own types, for another machine, without libraries."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.commands import run

SERVER_ALONE = ("-DCGISRV_TESTS=OFF", "-DCGISRV_EXAMPLES=OFF")
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


@pytest.mark.slow
@pytest.mark.fault("2c")
@pytest.mark.skipif(not shutil.which("aarch64-linux-gnu-g++"), reason="no cross compiler for arm64")
def test_a_cross_build_for_arm64(tmp_path: Path):
    """As docs/small-machines.md has it; the compiler is apt's g++-aarch64-linux-gnu."""
    build = tmp_path / "arm64"
    document = (REPOSITORY / "docs/small-machines.md").read_text()
    [command] = [each for each in re.findall(r"^cmake -S .*\n(?: .*\n)*", document, re.MULTILINE)
                 if "build/arm64" in each]
    words = command.replace("\\\n", " ").replace("build/arm64", str(build)).split()
    run(*words, cwd=REPOSITORY)
    run("cmake", "--build", build, "--target", "installable")
    run("cmake", "--install", build, "--prefix", tmp_path / "installed", "--component", "server")
    said = run("aarch64-linux-gnu-readelf", "-h", "-d", tmp_path / "installed/bin/cgisrv")
    assert "AArch64" in said and "NEEDED" not in said


@pytest.fixture(scope="module")
def static_binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Not optimized: that is half of the time, and nothing here is about speed.
    build = configured(tmp_path_factory.mktemp("static") / "build", "-DCGISRV_STATIC=ON",
                       "-DCMAKE_CXX_FLAGS_RELEASE=-O0 -DNDEBUG")
    run("cmake", "--build", build, "--target", "cgisrv")
    return build / "cgisrv"


def copied(root: Path, name: str, file: str | Path) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, root / name)


def busybox(root: Path) -> None:
    """Debian's needs libc, which the server does not."""
    program = shutil.which("busybox")
    for library in re.findall(r"(/\S+) \(0x", run("ldd", program)):
        copied(root, library.lstrip("/"), library)
    copied(root, "bin/busybox", program)
    for name in ("sh", "echo", "id"):
        (root / "bin" / name).symlink_to("busybox")


@pytest.mark.slow
@pytest.mark.fault("2c")
@pytest.mark.skipif(os.geteuid() != 0, reason="chroot takes root")
@pytest.mark.skipif(not shutil.which("busybox"), reason="busybox is not installed")
def test_a_static_server_runs_where_only_busybox_is(static_binary: Path, tmp_path: Path):
    said = subprocess.run(["ldd", static_binary], capture_output=True, text=True)
    assert "statically linked" in said.stdout + said.stderr
    root = tmp_path / "root"
    busybox(root)
    copied(root, "bin/cgisrv", static_binary)
    site = root / "srv"
    site.mkdir()
    (site / "page.html").write_text("a page")
    (site / "who.cgi").write_text("#!/bin/sh\necho Content-Type: text/plain\necho\necho ran\n")
    (site / "who.cgi").chmod(0o755)
    for name in ("proc", "dev", "tmp", "run"):
        (root / name).mkdir()
    script = ('mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && '
              'exec chroot "$0" /bin/cgisrv /srv -l 127.0.0.1:0 -w 1')
    server = subprocess.Popen(["unshare", "--mount", "sh", "-c", script, root],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    try:
        line = server.stdout.readline()
        assert "http://" in line, server.communicate()
        url = line.split()[-1]
        for name, expected in (("page.html", b"a page"), ("who.cgi", b"ran\n")):
            with urllib.request.urlopen(url + name, timeout=30) as response:
                assert response.read() == expected
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert server.returncode == 0
