"""php-fpm of Debian as an ordinary process on a unix socket: started, killed and started again by a test."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.drop_in import Place
from support.waiting import until

PROGRAMS = sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))
needs_php_fpm = pytest.mark.skipif(not PROGRAMS, reason="php-fpm is not installed")


class PhpFpm:
    """One pool. `folder` is reachable for every user; as root its processes are www-data's."""

    def __init__(self, folder: Path, *keys: str, children: int = 3):
        self.folder, self.socket = folder, folder / "php-fpm.sock"
        self.log = folder / "php-fpm.log"
        whose = ("user = www-data\ngroup = www-data\nlisten.owner = www-data\nlisten.group = www-data\n"
                 if os.geteuid() == 0 else "")
        self.file = folder / "php-fpm.conf"
        self.file.write_text(
            f"[global]\nerror_log = {self.log}\ndaemonize = no\n[www]\n{whose}listen = {self.socket}\n"
            f"pm = static\npm.max_children = {children}\ncatch_workers_output = yes\n"
            + "".join(f"{key}\n" for key in keys))
        self.process: subprocess.Popen | None = None
        self.start()

    @property
    def address(self) -> str:
        return f"unix:{self.socket}"

    def start(self) -> None:
        ready = self.log.read_text().count("ready to handle") if self.log.exists() else 0
        self.process = subprocess.Popen(
            [PROGRAMS[-1], "--nodaemonize", "--fpm-config", self.file], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert until(lambda: self.log.exists()
                     and self.log.read_text().count("ready to handle") > ready), self.log.read_text()

    def stop(self, by: int = signal.SIGTERM) -> None:
        self.process.send_signal(by)
        self.process.wait(30)


@pytest.fixture(params=["php-cgi", pytest.param("php-fpm", marks=needs_php_fpm)])
def either_php(request: pytest.FixtureRequest, place: Place) -> Iterator[None]:
    """The snippets of `place` have PHP run by php-cgi, as they stand, and by php-fpm."""
    if request.param == "php-cgi":
        yield
        return
    (place.folder / "fpm").mkdir()
    server = PhpFpm(place.folder / "fpm")
    place.php = f'fastcgi = "{server.address}"'
    yield
    server.stop()


@pytest.fixture(scope="module")
def php_fpm_folder() -> Iterator[Path]:
    """One that any user can reach, which pytest's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-fpm-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def php_fpm(php_fpm_folder: Path) -> Iterator[PhpFpm]:
    server = PhpFpm(php_fpm_folder)
    yield server
    server.stop()
