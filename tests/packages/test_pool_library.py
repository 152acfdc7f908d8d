"""The pool library as others use it: installed, from outside of this tree, by CMake and by pkg-config."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.commands import run

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(daytime LANGUAGES CXX)
find_package(cgisrv-pool {version} REQUIRED)
add_executable(daytime daytime.cc)
target_link_libraries(daytime PRIVATE cgisrv::pool)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "daytime"
    folder.mkdir()
    shutil.copy(REPOSITORY / "examples/daytime.cc", folder)
    return folder


def by_cmake(source: Path, prefix: Path) -> Path:
    (source / "CMakeLists.txt").write_text(PROJECT.format(version="0.1"))
    run("cmake", "-S", source, "-B", source / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", source / "build")
    return source / "build/daytime"


def by_pkg_config(source: Path, prefix: Path) -> Path:
    found = [file.parent for file in prefix.rglob("cgisrv-pool.pc")]
    assert len(found) == 1
    flags = run("pkg-config", "--cflags", "--libs", "cgisrv-pool",
                env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(found[0])}).split()
    program = source / "daytime"
    run("g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", source / "daytime.cc", "-o", program, *flags)
    return program


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answer_of(port: int) -> str:
    for _ in range(100):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                return connection.makefile().read()
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("nobody answers")


@pytest.mark.parametrize("build", [by_cmake, by_pkg_config])
def test_a_program_is_built_with_it_and_runs(build, source: Path, installed: Path, tmp_path: Path):
    moved = tmp_path / "elsewhere"  # nothing in it may name where it was
    shutil.copytree(installed, moved)
    program = build(source, moved)
    port = free_port()
    server = subprocess.Popen([program, f"127.0.0.1:{port}"])
    try:
        assert re.fullmatch(r"\w+, \w+ \d\d, \d{4} \d\d:\d\d:\d\d-\w+\n", answer_of(port))
    finally:
        server.terminate()
        assert server.wait(10) == 0


def test_another_minor_version_is_refused(source: Path, installed: Path):
    (source / "CMakeLists.txt").write_text(PROJECT.format(version="0.0"))
    done = subprocess.run(["cmake", "-S", source, "-B", source / "build",
                           f"-DCMAKE_PREFIX_PATH={installed}"], capture_output=True, text=True)
    assert done.returncode != 0
    assert re.search(r"compatible\s+with requested version", done.stderr), done.stderr
