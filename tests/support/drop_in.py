"""A file of examples/sites, dropped into the service of the Debian package.

That is packaging/etc/cgisrv.toml with another port, root and log. Of the snippet only what a test
names is moved elsewhere. As root the master drops to www-data, as the service does.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.configuration import complete
from support.passwords import QUICK, password_file
from support.server import Server, finish

SNIPPETS = REPOSITORY / "examples/sites"
AS_ROOT = os.geteuid() == 0
# A client elsewhere, by the proxy on this machine that the tests trust.
ELSEWHERE = (("X-Forwarded-For", "192.0.2.7"),)
TRUSTED = '[server]\ntrusted_proxies = ["127.0.0.1"]\n'
FORM = (("Content-Type", "application/x-www-form-urlencoded"),)


class Place:
    """A folder that www-data may enter, for the configuration and for the data of one package."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.php = ""  # the line for what runs PHP, in place of that of php-cgi
        folder.chmod(0o755)
        for name in ("etc/conf.d", "etc/locations.d", "www", "tmp", "server"):
            (folder / name).mkdir(parents=True)
        (folder / "tmp").chmod(0o1777)

    def run(self, *command: str | Path, user: str = "www-data", **more) -> str:
        """As the user of the programs; its output. Without root, as whoever runs the tests."""
        whose = {"user": user, "group": user, "extra_groups": []} if AS_ROOT else {}
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                       **more.pop("env", {})}
        done = subprocess.run([str(each) for each in command], **{
            "env": environment, "cwd": self.folder, "capture_output": True, "text": True,
            "timeout": 120, **whose, **more})
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout

    def own(self, *names: str, user: str = "www-data") -> Path:
        """Folders that the user may write to, made if they are missing; the last of them."""
        for name in names:
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            if AS_ROOT:
                subprocess.run(["chown", "-R", f"{user}:{user}", self.folder / name], check=True)
        return self.folder / names[-1]

    def copy(self, source: str, name: str) -> Path:
        """Of a folder of the package, its links and owners kept."""
        subprocess.run(["cp", "-a", source, self.folder / name], check=True)
        return self.folder / name

    def passwords(self, *users: str) -> Path:
        """Of alice and these; for the user of the programs, and nobody else."""
        path = password_file(self.folder / "passwords", **dict.fromkeys(("alice", *users), QUICK))
        if AS_ROOT:
            shutil.chown(path, group="www-data")
        return path

    def snippet(self, name: str, moved: dict[str, Path | str]) -> str:
        """`moved`: paths of the snippet, and where they are here."""
        text = (SNIPPETS / f"{name}.toml").read_text()
        for path, other in sorted(moved.items(), reverse=True):
            assert f'"{path}' in text, f"{name}.toml says nothing of {path}"
            text = text.replace(f'"{path}', f'"{other}')
        by_cgi = 'interpreter = "/usr/bin/php-cgi"'
        assert not self.php or by_cgi in text
        return text.replace(by_cgi, self.php or by_cgi)

    def configuration(self, name: str, moved: dict[str, Path | str], more: str) -> Path:
        """The main file; `more` is of a file in conf.d, with TRUSTED."""
        etc = self.folder / "etc"
        text = (REPOSITORY / "packaging/etc/cgisrv.toml").read_text()
        for said, here in (('":80"', '"127.0.0.1:0"'), ("/var/www/html", f"{self.folder}/www"),
                           ("/var/log/cgisrv", str(self.folder))):
            assert text.count(said) == 1
            text = text.replace(said, here)
        if not AS_ROOT:
            text = re.sub("^user = .*\n", "", text, flags=re.MULTILINE)
        (etc / "cgisrv.toml").write_text(complete(text))
        (etc / "conf.d/test.toml").write_text(TRUSTED + more)
        (etc / f"locations.d/{name}.toml").write_text(self.snippet(name, moved))
        return etc / "cgisrv.toml"

    def serve(self, name: str, moved: dict[str, Path | str] | None = None, more: str = "") -> Server:
        file = self.configuration(name, moved or {}, more)
        return Server(["-c", str(file)], self.folder / "server",
                      environment={"TMPDIR": str(self.folder / "tmp")})


@pytest.fixture
def place() -> Iterator[Place]:
    """One that any user can reach, which pytest's own folder is not."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-site-"))
    yield Place(folder)
    shutil.rmtree(folder)


@pytest.fixture
def drop_in(request: pytest.FixtureRequest, place: Place) -> Iterator:
    """drop_in(name, moved, more): serves that snippet; fails the test on what is left behind."""
    servers: list[Server] = []

    def serve(name: str, moved: dict[str, Path | str] | None = None, more: str = "") -> Server:
        servers.append(place.serve(name, moved, more))
        return servers[-1]

    yield serve
    for server in servers:
        finish(server, request.node)


needs_root = pytest.mark.skipif(not AS_ROOT, reason="only root becomes other users, and reads theirs")


def installed(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not Path(program).exists(), reason=f"{program} is not installed")
