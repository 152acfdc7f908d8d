"""Logs that are moved away and opened anew, by USR1 and by `cgisrv reopen`: no line is lost."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from support.binary import BINARY, REPOSITORY
from support.client import head
from support.control import control
from support.log_traffic import Load, configuration, names
from support.processes import descriptors
from support.waiting import until

CANNOT_CREATE = 73
SPEAKS = "#!/bin/sh\necho \"spoke: $QUERY_STRING\" >&2\nprintf 'Content-Type: text/plain\\n\\nx'\n"
PROGRAMS = '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n'


@pytest.fixture
def tmp_path():
    """One that any user can reach, which pytest's own is not."""
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


class Logs:
    def __init__(self, folder: Path):
        self.folder, self.access, self.error = folder, folder / "access.log", folder / "error.log"
        self.moved = 0
        folder.mkdir()

    def move(self) -> None:
        self.moved += 1
        for log in (self.access, self.error):
            log.rename(log.with_suffix(f".{self.moved}"))

    def there(self) -> bool:
        return self.access.exists() and self.error.exists()

    def text(self, stem: str) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob(f"{stem}.*")))


@pytest.fixture
def logs(tmp_path):
    return Logs(tmp_path / "logs")


@pytest.fixture
def server(start, site, logs):
    site.file("text.txt", "hello")
    site.program("speaks.cgi", SPEAKS)
    return start(config=configuration(site.root, logs.access, logs.error, PROGRAMS))


def ask_both(server, name: str) -> None:
    """A line for each of the logs."""
    assert server.get(f"/text.txt?{name}").status == 200
    assert server.get(f"/speaks.cgi?{name}").status == 200


def assert_written(logs: Logs, name: str) -> None:
    assert until(lambda: f"text.txt?{name} " in logs.access.read_text()
                 and f"spoke: {name}\n" in logs.error.read_text(), 5), (
        f"{logs.access.read_text()}\n{logs.error.read_text()}")


def test_reopen(server, logs):
    ask_both(server, "before")
    assert_written(logs, "before")
    logs.move()
    ask_both(server, "moved")  # still there: a log has no other name yet
    assert until(lambda: "spoke: moved" in (logs.folder / "error.1").read_text()
                 and "/speaks.cgi?moved" in (logs.folder / "access.1").read_text())
    old = {path: path.stat().st_size for path in logs.folder.iterdir()}
    result = control(server, "reopen")
    assert result.returncode == 0 and "opened again" in result.stdout, result
    assert logs.there(), "there are new ones when the command has returned"
    for worker in range(4):
        ask_both(server, f"after{worker}")
        assert_written(logs, f"after{worker}")
    sizes = {path: path.stat().st_size for path in old}
    assert sizes[logs.folder / "access.1"] == old[logs.folder / "access.1"]
    assert "opened again" in logs.error.read_text(), "the new log says so"
    assert "spoke: after" not in (logs.folder / "error.1").read_text()


def test_signal(server, logs):
    logs.move()
    server.signal(signal.SIGUSR1)
    assert until(logs.there)
    assert until(lambda: "opened again" in logs.error.read_text())
    ask_both(server, "after")
    assert_written(logs, "after")


def test_worker_that_was_never_heard_of_the_last_one(server, logs):
    """One that writes nothing between two of them finds the second."""
    for _ in range(3):
        logs.move()
        assert control(server, "reopen").returncode == 0
    ask_both(server, "after")
    assert_written(logs, "after")


@pytest.mark.kills_worker
def test_worker_that_is_started_later(server, logs):
    logs.move()
    assert control(server, "reopen").returncode == 0
    first = server.workers()
    for worker in first:
        os.kill(worker, signal.SIGKILL)
    assert until(lambda: len(server.workers()) == 2 and not set(first) & set(server.workers()))
    ask_both(server, "after")
    assert_written(logs, "after")
    logs.move()
    assert control(server, "reopen").returncode == 0
    ask_both(server, "again")
    assert_written(logs, "again")


@pytest.mark.parametrize("which", ["access", "error"])
def test_all_or_nothing(server, logs, which):
    """One of them cannot be opened: both stay what they were."""
    logs.move()
    getattr(logs, which).mkdir()
    result = control(server, "reopen")
    assert result.returncode == CANNOT_CREATE, result
    assert f"{which}.log: Is a directory" in result.stderr
    ask_both(server, "stays")
    old = [logs.folder / "access.1", logs.folder / "error.1"]
    assert until(lambda: all("stays" in path.read_text() for path in old))
    assert "Is a directory" in old[1].read_text(), "the log says why"
    getattr(logs, which).rmdir()
    assert control(server, "reopen").returncode == 0
    ask_both(server, "after")
    assert_written(logs, "after")


@pytest.mark.time_limit(90)
def test_nobody_keeps_a_file_that_was_moved(start, site, logs):
    """Not even who has nothing to say: once it is removed, its room on the disk is to be free."""
    site.program("warm.py", "#!/usr/bin/python3\nprint('Content-Type: text/plain\\n\\nx')\n")
    more = ('[[site.location]]\nmatch = "*.py"\ncgi = true\nstart = "warm"\n'
            '[admin]\nlisten = "127.0.0.1:0"\n')
    server = start(config=configuration(site.root, logs.access, logs.error, more))
    assert server.get("/warm.py").status == 200
    server.settle_warm()
    logs.move()
    assert control(server, "reopen").returncode == 0
    moved = {str(logs.folder / "access.1"), str(logs.folder / "error.1")}
    processes = [server.pid, server.zygote_manager(), server.admin(), *server.workers()]
    assert until(lambda: not any(moved & set(descriptors(pid).values()) for pid in processes), 15), (
        [descriptors(pid) for pid in processes])


def begin_slow(server, site, query: str = ""):
    """A request whose program runs until there is a file "go"."""
    site.program("slow.cgi", f"#!/bin/sh\nuntil test -e {site.root}/go; do sleep 0.05; done\n"
                 "printf 'Content-Type: text/plain\\n\\nx'\n")
    slow = server.connect()
    slow.send(head("GET", f"/slow.cgi{query}"))
    assert until(server.programs)
    return slow


@pytest.mark.kills_worker
def test_after_a_reload(server, site, logs, tmp_path):
    """Other names by another configuration; requests that began by the old one end in its log."""
    slow = begin_slow(server, site, "?began-before")
    config = tmp_path / "server0" / "cgisrv.toml"
    config.write_text(config.read_text().replace("access.log", "other.log")
                      .replace("error.log", "mistakes.log"))
    assert control(server, "reload").returncode == 0
    old, old_access, old_error = logs.folder, logs.access, logs.error
    logs.access, logs.error = old / "other.log", old / "mistakes.log"
    ask_both(server, "reloaded")
    assert_written(logs, "reloaded")
    logs.move()
    old_access.rename(old / "moved")
    assert control(server, "reopen").returncode == 0
    ask_both(server, "reopened")
    assert_written(logs, "reopened")
    (site.root / "go").touch()
    assert slow.read_response().status == 200
    assert until(lambda: "began-before" in old_access.read_text()), "it was opened anew, too"
    assert "began-before" not in (old / "moved").read_text()
    assert "reloaded" not in old_error.read_text()


@pytest.mark.kills_worker
def test_folder_of_before_a_reload_that_is_gone(server, site, logs, tmp_path):
    """It keeps nobody from rotating the logs that are there now."""
    slow = begin_slow(server, site)
    config = tmp_path / "server0" / "cgisrv.toml"
    old, new = logs.folder, Logs(tmp_path / "elsewhere")
    config.write_text(config.read_text().replace(str(old), str(new.folder)))
    assert control(server, "reload").returncode == 0
    shutil.rmtree(old)
    new.move()
    result = control(server, "reopen")
    assert result.returncode == 0, result
    ask_both(server, "reopened")
    assert_written(new, "reopened")
    assert "an access log of before the last reload stays as it is" in new.text("error")
    (site.root / "go").touch()
    assert slow.read_response().status == 200


def test_zygote_manager_of_warm_programs(start, site, logs):
    """What it says goes to the new file, too."""
    site.file("text.txt", "hello")
    more = PROGRAMS + 'start = "warm"\n'
    server = start(config=configuration(site.root, logs.access, logs.error, more))
    logs.move()
    assert control(server, "reopen").returncode == 0
    site.program("plain.cgi", SPEAKS)
    server.get("/plain.cgi")
    assert until(lambda: f"[{server.zygote_manager()}]" in logs.error.read_text(), 10), (
        logs.error.read_text())
    assert f"[{server.zygote_manager()}]" not in (logs.folder / "error.1").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_folder_that_workers_may_not_write_to(start, site, logs):
    site.file("text.txt", "hello")
    logs.folder.chmod(0o700)
    config = configuration(site.root, logs.access, logs.error) + '[server]\nuser = "nobody"\n'
    server = start(config=config)
    logs.move()
    assert control(server, "reopen").returncode == 0
    assert server.get("/text.txt?after").status == 200
    assert until(lambda: "text.txt?after" in logs.access.read_text())
    assert logs.access.stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
@pytest.mark.time_limit(180)
@pytest.mark.parametrize("how", ["signal", "command"])
def test_under_load(server, logs, how):
    """Moved twenty times: each request has one line, in one file, and none comes late."""
    loads = [Load(server, f"client{number}") for number in range(4)]
    with contextlib.ExitStack() as stack:
        for load in loads:
            stack.enter_context(load)
        for _ in range(20):
            assert until(lambda: logs.there() and logs.access.stat().st_size > 0, 20)
            logs.move()
            if how == "signal":
                server.signal(signal.SIGUSR1)
                time.sleep(0.1)
                continue
            old = logs.folder / f"access.{logs.moved}"
            result = control(server, "reopen")
            size = old.stat().st_size
            assert result.returncode == 0, result
            time.sleep(0.1)
            assert old.stat().st_size == size, "something came after the command had returned"
        assert until(lambda: logs.there() and logs.access.stat().st_size > 0, 20)
    asked = sorted(name for load in loads for name in load.answered)
    assert len(asked) > 1000
    assert until(lambda: len(logs.text("access").splitlines()) >= len(asked), 5)
    assert sorted(names(logs.text("access"))) == asked
    assert len(logs.text("access").splitlines()) == len(asked), "and nothing else"
    assert len(list(logs.folder.glob("access.*"))) == 21
    assert all(path.stat().st_size > 0 for path in logs.folder.glob("access.*"))
    assert "lost" not in logs.text("error")


@pytest.fixture
def packaged(server, logs, tmp_path):
    """logrotate(8) as the Debian package would have it work for this server."""
    if not shutil.which("logrotate", path="/usr/sbin:/usr/bin"):
        pytest.skip("logrotate is not installed")
    logs.folder.chmod(0o755)
    conf, state = tmp_path / "logrotate.conf", tmp_path / "logrotate.state"
    text = (REPOSITORY / "debian/cgisrv.logrotate").read_text()
    for theirs, ours in (("/var/log/cgisrv", logs.folder), ("/usr/bin/cgisrv", BINARY),
                         ("/etc/cgisrv/cgisrv.toml", server.stdout.parent / "cgisrv.toml"),
                         ("create 640 root adm", "create 640")):
        assert theirs in text
        text = text.replace(theirs, str(ours))
    conf.write_text(text)
    return lambda: subprocess.run(["/usr/sbin/logrotate", "-f", "-s", state, conf], text=True,
                                  capture_output=True, timeout=60,
                                  env={**os.environ, "RUNTIME_DIRECTORY": str(server.runtime)})


def test_logrotate_as_packaged(server, logs, packaged):
    ask_both(server, "first")
    assert_written(logs, "first")
    done = packaged()
    assert done.returncode == 0 and not done.stderr, done
    ask_both(server, "second")
    assert_written(logs, "second")
    assert names((logs.folder / "access.log.1").read_text()) == ["first"]


def test_logrotate_as_packaged_tells_of_a_server_that_does_not_answer(server, logs, packaged):
    ask_both(server, "first")
    assert_written(logs, "first")
    server.signal(signal.SIGSTOP)
    try:
        done = packaged()
    finally:
        server.signal(signal.SIGCONT)
    assert done.returncode != 0 and f"{server.pid}.sock" in done.stderr, done


def test_logrotate_as_packaged_is_content_without_a_server(server, logs, packaged):
    ask_both(server, "first")
    assert_written(logs, "first")
    server.signal(signal.SIGTERM)
    assert server.popen.wait(25) == 0
    done = packaged()
    assert done.returncode == 0 and not done.stderr, done
    assert names((logs.folder / "access.log.1").read_text()) == ["first"]


def test_logrotate(server, logs, tmp_path):
    """Debian's, with a configuration as it is for any server."""
    if not shutil.which("logrotate", path="/usr/sbin:/usr/bin"):
        pytest.skip("logrotate is not installed")
    logs.folder.chmod(0o755)
    conf, state = tmp_path / "logrotate.conf", tmp_path / "logrotate.state"
    conf.write_text(f"""
{logs.folder}/*.log {{
  rotate 5
  missingok
  notifempty
  sharedscripts
  postrotate
    kill -USR1 {server.pid}
  endscript
}}
""")
    ask_both(server, "first")
    assert_written(logs, "first")
    for turn in range(3):
        result = subprocess.run(["/usr/sbin/logrotate", "-f", "-s", str(state), str(conf)],
                                capture_output=True, text=True, timeout=30)
        assert result.returncode == 0, result
        assert until(logs.there)
        assert until(lambda: "opened again" in logs.error.read_text())
        ask_both(server, f"turn{turn}")
        assert_written(logs, f"turn{turn}")
    rotated = "".join((logs.folder / f"access.log.{n}").read_text() for n in (3, 2, 1))
    assert names(rotated) == ["first", "turn0", "turn1"]
