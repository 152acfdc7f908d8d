"""What the README promises a newcomer, done in a fresh clone: `./run`, and no other command before.
The clone is made, or is this tree where CGISRV_FRESH is set: a machine that has just cloned it need
not build it twice."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.binary import BUILD, REPOSITORY
from support.commands import run


class Running:
    """`./run DIR --warm` in a clone, when it serves."""

    def __init__(self, folder: Path):
        self.clone = REPOSITORY if "CGISRV_FRESH" in os.environ else folder / "clone"
        self.site = folder / "site"
        self.site.mkdir()
        (self.site / "hello.cgi").write_text(
            "#!/usr/bin/perl\nuse POSIX;\nprint qq(Content-Type: text/plain\\n\\nhello\\n);\n")
        (self.site / "hello.cgi").chmod(0o755)
        if self.clone != REPOSITORY:
            run("git", "clone", "--quiet", "--local", os.environ.get("CGISRV_CLONED", REPOSITORY), self.clone)
        (folder / "run").mkdir()
        self.environment = {**os.environ, "RUNTIME_DIRECTORY": str(folder / "run")}
        if shutil.which("ccache"):
            self.environment |= {"CMAKE_CXX_COMPILER_LAUNCHER": "ccache",
                                 "CMAKE_C_COMPILER_LAUNCHER": "ccache"}
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.server = subprocess.Popen(
                ["./run", self.site, "--warm", "-l", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                cwd=self.clone, env=self.environment, stdout=subprocess.PIPE, stderr=log, text=True)
        lines = [self.server.stdout.readline() for _ in range(2)]  # nothing, if it does not start
        urls = [re.search(r"http://\S+", line) for line in lines]
        assert all(urls), f"{lines}\n{self.log.read_text()}"
        self.url, self.admin = (url[0] for url in urls)
        self.binary = self.clone / "build/release/cgisrv"

    def command(self, *words: object) -> str:
        return run(self.binary, *words, env=self.environment)

    def get(self, url: str) -> str:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.read().decode()

    def programs(self) -> list[dict]:
        return json.loads(self.command("status", "--json"))["programs"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("fresh"))
    yield running
    running.server.terminate()
    assert running.server.wait(30) == 0
    running.server.stdout.close()


def test_an_earlier_program_is_no_answer_to_a_build_that_fails(tmp_path: Path):
    for name in ("run", "tools", "CMakePresets.json"):
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, tmp_path / name)
    (tmp_path / "CMakeLists.txt").write_text('message(FATAL_ERROR "broken")\n')
    earlier = tmp_path / "build/release/cgisrv"
    earlier.parent.mkdir(parents=True)
    shutil.copy("/bin/true", earlier)
    done = subprocess.run([tmp_path / "run", "--version"], capture_output=True, text=True)
    assert done.returncode == 70 and "The build has failed; its messages are above.\n" in done.stderr, done
    assert "broken" in done.stderr and not done.stdout


@pytest.mark.fresh
@pytest.mark.slow
@pytest.mark.fault("1")
def test_a_program_starts_warm(running: Running):
    deadline = time.monotonic() + 120
    while True:
        assert running.get(running.url + "hello.cgi") == "hello\n"
        (program,) = running.programs()
        if program["warm_starts"] > 0:
            return
        assert time.monotonic() < deadline, f"{program}\n{running.log.read_text()}"
        time.sleep(0.05)


@pytest.mark.fresh
@pytest.mark.slow
@pytest.mark.fault("1")
def test_a_program_is_found_fit_for_a_warm_start(running: Running):
    running.command("exec", "--verify", running.site / "hello.cgi")


@pytest.mark.fresh
@pytest.mark.slow
@pytest.mark.fault("1")
def test_all_else_that_a_command_line_asks_for(running: Running):
    page = running.get(running.admin)
    for part in re.findall(r'(?:href|src)="(status/[^"]+)"', page):
        assert running.get(running.admin.removesuffix("status") + part), part
    assert "cgisrv_workers" in running.get(running.admin.removesuffix("status") + "metrics")
    for shell in ("bash", "zsh", "fish"):
        assert "cgisrv" in running.command("completion", shell)
    assert "worker_connections" in running.command("reference")
    assert r"worker\_connections" in running.command("reference", "--scdoc")
    assert (running.clone / "build/release/site/cgi-bin/now.cgi").exists(), "the demo"
    assert "running" in running.command("status")


@pytest.mark.fresh
@pytest.mark.slow
@pytest.mark.fault("2")
def test_it_takes_little_room(running: Running):
    """Without debug information: with it, 74 MB of program in 440 MB of folder."""
    assert ".debug_info" not in run("readelf", "-S", "--wide", running.binary)
    assert running.binary.stat().st_size < 10_000_000
    files = [file for file in (running.clone / "build").rglob("*") if file.is_file() and not file.is_symlink()]
    assert sum(file.stat().st_blocks * 512 for file in files) < 150_000_000


@pytest.mark.fault("2")
def test_documents_say_how_a_package_is_made():
    readme = (REPOSITORY / "README.md").read_text()
    assert "docs/guide.md#the-debian-package" in readme
    guide = (REPOSITORY / "docs/guide.md").read_text()
    assert "DEB_BUILD_OPTIONS=nocheck dpkg-buildpackage --no-sign -b" in guide


# After ./run alone, or any other build of a part.


@pytest.fixture
def unbuilt(tmp_path: Path) -> Path:
    """The install scripts of this build, for a build folder in which only the server is there."""
    folder = tmp_path / "build"
    for script in BUILD.rglob("cmake_install.cmake"):
        copy = folder / script.relative_to(BUILD)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(script.read_text().replace(str(BUILD), str(folder)))
    (folder / "cgisrv").write_bytes(b"")
    return folder


@pytest.mark.fault("2b")
def test_what_is_not_built_is_said_before_anything_is_installed(unbuilt: Path, tmp_path: Path):
    prefix = tmp_path / "prefix"
    done = subprocess.run(["cmake", "--install", unbuilt, "--prefix", prefix], capture_output=True, text=True)
    assert done.returncode != 0
    said = re.sub(r"\s+", " ", done.stderr)
    assert "Nothing was installed, since this has not been built yet: libcgisrv-warm.so" in said
    assert f"cmake --build {unbuilt} --target installable" in said
    assert not prefix.exists()


@pytest.mark.fault("2b")
def test_missing_manual_pages_are_told(tmp_path: Path):
    """The build is configured where there is no scdoc."""
    done = subprocess.run(["cmake", "-S", REPOSITORY, "-B", tmp_path / "build", "-G", "Ninja",
                           "-DSCDOC=OFF",
                           "-DCGISRV_TESTS=OFF", "-DCGISRV_EXAMPLES=OFF"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "scdoc is not installed, so there will be no manual pages: apt-get install scdoc" in done.stderr


@pytest.mark.fault("2b")
def test_readme_says_how_to_install():
    readme = (REPOSITORY / "README.md").read_text()
    assert "--target installable" in readme and "--strip" in readme and "scdoc" in readme
