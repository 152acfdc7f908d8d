"""cgisrv passwd, --auth, and what start and check say of password files."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios
from pathlib import Path

import pytest

from support.binary import BINARY
from support.client import Connection
from support.fixtures import Start
from support.passwords import ALICE, QUICK, auth, basic, password_file
from support.site import Site


def passwd(*arguments: str | Path, line: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BINARY), "passwd", *map(str, arguments)], input=line,
                          capture_output=True, text=True, timeout=60)


def test_makes_a_file_and_changes_it(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    assert passwd(file, "alice", line="wonderland\n").returncode == 0
    assert file.stat().st_mode & 0o777 == 0o640
    first = file.read_text()
    assert first.startswith("alice:$y$") and "wonderland" not in first
    assert passwd(file, "bob", line="builder\n").returncode == 0
    file.write_text("# ours\n" + file.read_text())
    assert passwd(file, "alice", line="other\n").returncode == 0
    lines = file.read_text().splitlines()
    assert lines[0] == "# ours" and [each.split(":")[0] for each in lines[1:]] == ["alice", "bob"]
    assert lines[1] not in first
    assert passwd(file, "bob", "--delete").returncode == 0
    assert "bob" not in file.read_text()
    assert os.listdir(tmp_path) == ["passwords"]


def test_keeps_mode_owner_and_link(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text(f"alice:{QUICK}\n")
    real.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(real, 33, 33)
    before = real.stat()
    link = tmp_path / "link"
    link.symlink_to(real)
    assert passwd(link, "bob", line="x\n").returncode == 0
    after = real.stat()
    assert link.is_symlink() and "bob" in real.read_text()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)


def test_does_not_wait_for_the_other_end_of_a_fifo(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    answer = passwd(tmp_path / "fifo", "alice", line="wonderland\n")
    assert answer.returncode == 73
    assert f"cannot read {tmp_path}/fifo: it is not a regular file but a FIFO; name a regular one" in answer.stderr
    assert os.listdir(tmp_path) == ["fifo"]


@pytest.mark.parametrize("arguments, line, status, words", [
    (["FILE", "alice"], "", 66, "empty"),
    (["FILE", "alice"], "a\tb\n", 66, "control character"),
    (["FILE", "alice"], "x" * 600 + "\n", 66, "more than 511 bytes"),
    (["FILE", "a:b"], "x\n", 64, "colon"),
    (["FILE"], "x\n", 64, "needs a file and a user"),
    (["FILE", "nobody", "--delete"], "", 66, "no user nobody"),
    (["/nowhere/at/all", "alice"], "x\n", 73, "no file can be made"),
    (["FILE", "alice", "--warm"], "x\n", 64, "FILE and USER"),
])
def test_refusals_say_why(tmp_path: Path, arguments: list[str], line: str, status: int,
                          words: str) -> None:
    file = tmp_path / "passwords"
    done = passwd(*[file if each == "FILE" else each for each in arguments], line=line)
    assert done.returncode == status and words in done.stderr, done
    assert os.listdir(tmp_path) == []


class Terminal:
    """Runs a command at a terminal of its own, and types."""

    def __init__(self, *command: str | Path):
        self.master, end = pty.openpty()
        # Popen's, since the reaper of strays takes any other child.
        self.process = subprocess.Popen(
            command, stdin=end, stdout=end, stderr=end, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(end)
        self.shown = b""

    def wait_for(self, words: bytes) -> None:
        while words not in self.shown:
            self.shown += os.read(self.master, 4096)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        try:
            while piece := os.read(self.master, 4096):
                self.shown += piece
        except OSError:
            pass  # the terminal's other end is closed
        os.close(self.master)
        return self.process.wait(60)


def test_at_a_terminal_it_asks_twice_and_shows_nothing(tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    for second, status in (("wonderland", 0), ("wonderlanD", 66)):
        terminal = Terminal(BINARY, "passwd", file, "alice")
        terminal.wait_for(b"Password for alice: ")
        terminal.type("wonderland\n")
        terminal.wait_for(b"again: ")
        terminal.type(second + "\n")
        assert terminal.end() == status
        assert b"wonderland" not in terminal.shown
    assert b"differ" in terminal.shown


def test_what_it_writes_lets_in(start: Start, site: Site, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    passwd(file, "zoë", line="pässword wörd\n")
    site.file("page.txt", "words")
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{auth(file)}\n')
    assert server.get("/page.txt", basic("zoë", "pässword wörd")).status == 200
    assert server.get("/page.txt", basic("zoë", "passwort")).status == 401
    passwd(file, "zoë", line="other\n")
    assert server.get("/page.txt", basic("zoë", "pässword wörd")).status == 401
    assert server.get("/page.txt", basic("zoë", "other")).status == 200


# The configuration.

@pytest.mark.parametrize("line, words", [
    ("alice", "there is no colon"),
    ("alice:wonderland", "not hashed"),
    ("alice:rqXexS6ZhobKA", "DES"),
    ("alice:$2y$05$short", "cut short"),
    ("alice:{SSHA}abc", "{SSHA}"),
])
def test_a_broken_password_file_is_told_before_the_start(run, site: Site, tmp_path: Path,
                                                         line: str, words: str) -> None:
    file = tmp_path / "passwords"
    file.write_text(f"bob:{QUICK}\n{line}\n")
    config = tmp_path / "c.toml"
    config.write_text(f'[[site]]\nroot = "{site.root}"\n{auth(file)}\n')
    for command in (["check", "-c", config], ["-c", config]):
        done = run(*command)
        assert done.returncode == 78
        assert f"{file}:2: " in done.stderr and words in done.stderr, done.stderr


@pytest.mark.parametrize("rule, words", [
    ("auth = true", 'a table such as { passwords = "/path" }, or false'),
    ("auth = {}", 'write passwords = "/path"'),
    ('auth = { passwords = "nothing" }', "make it with: cgisrv passwd"),
    ('auth = { passwords = "p", users = ["@staff"] }', "groups ="),
    ('auth = { passwords = "p", users = ["@staff"], groups = "g" }', "no group staff"),
    ('auth = { passwords = "p", users = ["a:b"] }', "colon"),
    ('auth = { passwords = "p", userfile = "p" }', "unknown key"),
    ('auth_basic = "x"', "auth = { passwords"),
])
def test_a_wrong_rule_is_told(run, site: Site, tmp_path: Path, rule: str, words: str) -> None:
    password_file(tmp_path / "p", alice=QUICK)
    (tmp_path / "g").write_text("others: alice\n")
    config = tmp_path / "c.toml"
    config.write_text(f'[[site]]\nroot = "{site.root}"\n{rule}\n')
    done = run("check", "-c", config)
    assert done.returncode == 78 and words in done.stderr, done.stderr
    assert f"{config}:" in done.stderr


def test_check_notes_what_is_unwise(run, site: Site, tmp_path: Path) -> None:
    file = password_file(tmp_path / "p", alice=QUICK)
    file.chmod(0o644)
    config = tmp_path / "c.toml"
    text = f'[[site]]\nroot = "{site.root}"\n{auth(file)}\n[[listen]]\naddress = '
    config.write_text(text + '":8080"\n')
    notes = run("check", "-c", config).stderr
    assert "chmod 640" in notes and "in the clear" in notes and "{SHA} hash of alice" in notes
    config.write_text(text + '"127.0.0.1:8080"\n')
    assert "in the clear" not in run("check", "-c", config).stderr
    # Who comes in the clear is sent to https before anybody asks.
    config.write_text(text.replace("auth =", "redirect_to_https = true\nauth =") + '":8080"\n')
    assert "in the clear" not in run("check", "-c", config).stderr
    if os.geteuid() == 0:
        file.chmod(0o600)
        config.write_text('[server]\nuser = "www-data"\n' + text + '"127.0.0.1:8080"\n')
        assert "cannot be read by the user www-data" in run("check", "-c", config).stderr


def test_check_notes_users_who_have_no_password(run, site: Site, tmp_path: Path) -> None:
    file = password_file(tmp_path / "p", alice=QUICK)
    (tmp_path / "g").write_text("staff: alice\nguests: zoe\n")
    config = tmp_path / "c.toml"

    def notes(users: str) -> str:
        rule = auth(file, users=users, groups=f'"{tmp_path}/g"')
        config.write_text(f'[[site]]\nroot = "{site.root}"\n[[site.location]]\nmatch = "/x/"\n{rule}\n')
        done = run("check", "-c", config)
        assert done.returncode == 0
        return "\n".join(line for line in done.stderr.splitlines() if "'users'" in line)

    assert notes('["alice", "@staff"]') == ""
    assert notes('["staff"]') == f"note: {config}:5: 'users': {file} has no user staff; the group is written \"@staff\""
    assert notes('["bob"]') == (f"note: {config}:5: 'users': {file} has no user bob; cgisrv passwd {file} bob adds "
                                "one; a group is written with @ before its name")
    assert notes('["@guests"]') == f"note: {config}:5: 'users': {file} has nobody of the group @guests"


# --auth.

def test_directory_mode_lets_in_one_user(site: Site, tmp_path: Path) -> None:
    site.file("page.txt", "words")
    server = subprocess.Popen(
        [str(BINARY), str(site.root), "-l", "127.0.0.1:0", "-w", "1", "--auth", "alice"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)})
    try:
        server.stdin.write("wonderland\n")
        server.stdin.flush()
        port = int(server.stdout.readline().strip().rstrip("/").rsplit(":", 1)[1])
        def status(fields) -> int:
            with Connection(("127.0.0.1", port)) as connection:
                return connection.request("GET", "/page.txt", fields).status
        assert status([]) == 401
        assert status(ALICE) == 200
        assert status(basic("bob", "wonderland")) == 401
        upgrade = subprocess.run([str(BINARY), "upgrade", "--pid", str(server.pid)],
                                 capture_output=True, text=True,
                                 env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)})
        assert upgrade.returncode == 69 and "--auth" in upgrade.stdout + upgrade.stderr
    finally:
        server.terminate()
        server.communicate(timeout=60)
    assert server.returncode == 0


@pytest.mark.parametrize("arguments, line, status, words", [
    (["--auth", "alice"], "", 66, "empty"),
    (["--auth", "a:b"], "x\n", 64, "colon"),
    (["--auth", "alice", "-c", "FILE"], "x\n", 64, "auth = {"),
])
def test_auth_without_a_password_does_not_start(site: Site, tmp_path: Path, arguments, line, status,
                                                words) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\n')
    arguments = [str(file) if each == "FILE" else each for each in arguments]
    if "-c" not in arguments:
        arguments = [str(site.root), *arguments]
    done = subprocess.run([str(BINARY), *arguments], input=line, capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == status and words in done.stderr
