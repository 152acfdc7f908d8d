"""Who may connect to a unix socket that the server makes: `mode`, `owner`, `group`, and their defaults."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import scgi
from support.binary import BINARY
from support.fastcgi import of_url
from support.programs import PLAIN
from support.server import Server

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives sockets away and is several users")


@pytest.fixture
def folder() -> Iterator[Path]:
    """That everybody may enter."""
    path = Path(tempfile.mkdtemp(prefix="cgisrv-rights-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def rights(path: Path) -> tuple[str, str, int]:
    status = path.stat()
    assert stat.S_ISSOCK(status.st_mode)
    return (pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid).gr_name,
            stat.S_IMODE(status.st_mode))


def may_connect(user: str, path: Path) -> bool:
    script = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    done = subprocess.run(["/usr/bin/python3", "-c", script, path], user=user,
                          group=pwd.getpwnam(user).pw_gid, extra_groups=[], capture_output=True, text=True)
    assert done.returncode == 0 or "PermissionError" in done.stderr, done
    return done.returncode == 0


@as_root
@pytest.mark.kills_worker  # a reload replaces them
def test_listeners_of_root(start, site, folder):
    site.root.mkdir(exist_ok=True)
    server = start(config=f"""
[server]
user = "www-data"
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "unix:{folder}/http"
[[listen]]
address = "unix:{folder}/fastcgi"
protocol = "fastcgi"
[[listen]]
address = "unix:{folder}/scgi"
protocol = "scgi"
mode = "0620"
owner = "daemon"
group = "nogroup"
[[site]]
root = "{site.root}"
""")
    assert rights(folder / "http") == ("root", "root", 0o666)
    assert rights(folder / "fastcgi") == ("root", "www-data", 0o660)
    assert rights(folder / "scgi") == ("daemon", "nogroup", 0o620)
    for name, users in {"http": "www-data nobody daemon", "fastcgi": "www-data", "scgi": "nobody daemon"}.items():
        assert [user for user in ("www-data", "nobody", "daemon")
                if may_connect(user, folder / name)] == users.split(), name
    # A socket that is kept is not changed, which is said.
    file = server.stdout.parent / "cgisrv.toml"
    file.write_text(file.read_text().replace('"0620"', '"0660"'))
    server.signal(1)
    server.wait_log("reloaded ")
    assert rights(folder / "scgi") == ("daemon", "nogroup", 0o620)
    said = [line for line in server.log().splitlines() if "keeps the permissions" in line]
    assert len(said) == 1 and f"unix:{folder}/scgi keeps" in said[0], said


def test_a_directory_as_an_ordinary_user(folder):
    """Its programs are for its user; who is to give them to others has to belong to their group."""
    user = pwd.getpwnam("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
    group = grp.getgrgid(user.pw_gid).gr_name
    binary = Path(shutil.copy(BINARY, folder / "cgisrv"))
    for name in ("site", "run"):
        (folder / name).mkdir()
        os.chown(folder / name, user.pw_uid, user.pw_gid)
    program = folder / "site/x.cgi"
    program.write_text(f"{PLAIN}echo hello\n")
    program.chmod(0o755)
    become = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    door = folder / "run/door"

    def preexec() -> None:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

    server = Server([str(folder / "site"), "--scgi", f"unix:{door}", "-l", "127.0.0.1:0", "-w", "1"], folder, lines=2,
                    environment={"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": str(folder / "run")},
                    preexec=preexec, binary=binary)
    try:
        assert rights(door) == (user.pw_name, group, 0o660)
        assert scgi.ask(str(door), of_url("/x.cgi")).text == "hello\n"
    finally:
        assert server.stop() == []
        server.end()
    file = folder / "run/root.toml"
    file.write_text(f'[[listen]]\naddress = "unix:{door}"\nprotocol = "scgi"\ngroup = "root"\n'
                    f'[[site]]\nroot = "{folder}/site"\n')
    done = subprocess.run([str(binary), "-c", str(file)], capture_output=True, text=True, **become)
    assert done.returncode != 0
    assert "start as root (a service also needs CAP_CHOWN), or name a group that this user" in done.stderr, done
    assert not door.exists()


def test_a_web_server_that_may_be_kept_out_is_noted(run, site, tmp_path):
    site.root.mkdir(exist_ok=True)
    file = tmp_path / "door.toml"
    file.write_text(f'[server]\nuser = "{pwd.getpwuid(os.geteuid()).pw_name}"\n'
                    f'[[listen]]\naddress = "unix:{tmp_path}/door"\nprotocol = "fastcgi"\n'
                    f'[[site]]\nroot = "{site.root}"\n')
    assert 'name its group: group = "www-data"' in run("check", "-c", file).stderr
    file.write_text(file.read_text().replace('protocol', 'mode = "0666"\nprotocol'))
    assert "name its group" not in run("check", "-c", file).stderr
