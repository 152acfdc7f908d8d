"""What `cgisrv check` says of backends, and what is known of their requests afterwards."""

from __future__ import annotations

import json
import os
import socket

import pytest

from support.backends import HELLO, Asked, Backend, answer
from support.configuration import complete
from support.waiting import until


def site_of(site, *, more: str = "", **addresses: str) -> str:
    """A location for each address, which is that of "*.NAME"."""
    locations = "".join(f'[[site.location]]\nmatch = "*.{name}"\nfastcgi = "{address}"\n{more}\n'
                        for name, address in addresses.items())
    return f'[[site]]\nroot = "{site.root}"\n{locations}'


@pytest.fixture
def config(tmp_path):
    def write(text: str):
        file = tmp_path / "cgisrv.toml"
        file.write_text(text)
        return file

    return write


def test_check_foresees_what_would_fail(run, site, config, tmp_path):
    (tmp_path / "file").touch()
    for name in ("open", "closed"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / name))
    os.chmod(tmp_path / "closed", 0o600)
    sockets = {"a": "none", "b": "file", "c": "closed"}
    file = config(site_of(site, **{name: f"unix:{tmp_path}/{path}" for name, path in sockets.items()})
                  + '[server]\nuser = "games"\n')
    done = run("check", "-c", file)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "location *.a: the FastCGI server" in said and "there is no such socket; start it" in said
    assert "that file is no socket" in said
    if os.geteuid() == 0:
        assert "user games may not connect to the FastCGI server" in said and "listen.owner" in said


def test_check_notes_a_port_at_which_nobody_listens(run, site, config):
    """One at which somebody does is connected to, and left."""
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        open_at, closed_at = (f"127.0.0.1:{each.getsockname()[1]}" for each in (there, closed))
        done = run("check", "-c", config(site_of(site, a=open_at, b=closed_at)))
    assert done.returncode == 0 and (f"note: as it is here, location *.b: the FastCGI server {closed_at} does not "
                                     "run: nobody listens there; start it") in done.stderr, done
    assert open_at not in done.stderr, done


def test_check_explains(run, site, config):
    site.file("a.php", "<?php")
    file = config(site_of(site, php="unix:/run/x.sock")
                  + '[[site.location]]\nmatch = "/app/"\nscgi = "127.0.0.1:4000"\n')
    done = run("check", "-c", file, "--explain", "/a.php/more")
    assert f"runs {site.root}/a.php by the FastCGI server unix:/run/x.sock" in done.stdout, done
    assert "PATH_INFO = /more" in done.stdout
    done = run("check", "-c", file, "--explain", "/app/a/b")
    assert "is passed to the SCGI server 127.0.0.1:4000" in done.stdout and "SCRIPT_NAME = /app" in done.stdout


def serve(asked: Asked) -> None:
    if asked.read():
        asked.send(answer(HELLO))


def test_what_is_logged(start, site, tmp_path):
    """The waits, the bytes and how it ended; what it cost is not known."""
    site.file("a.php", "<?php")
    log = tmp_path / "access.log"
    with Backend(tmp_path / "b.sock", serve) as backend:
        server = start(config=site_of(site, php=backend.address)
                       + f'[log]\naccess = {{ path = "{log}", format = "json" }}\n')
        assert server.request("POST", "/a.php", body=b"12345").text == "hello\n"
        assert until(lambda: log.exists() and log.read_text().endswith("\n"))
    line = json.loads(log.read_text().splitlines()[-1])
    assert line["status"] == 200 and line["outcome"] == "answered", line
    assert line["script"] == "/a.php"
    for name in ("queue_ms", "start_ms", "header_ms", "run_ms"):
        assert line[name] >= 0, line
    assert not {name for name in ("start", "exit", "cpu_user_ms") if line.get(name) is not None}, line


def test_its_status(start, site, run, tmp_path):
    """All files of a location are one program, which has the backend's name."""
    for name in ("a.php", "b.php"):
        site.file(name, "<?php")
    with Backend(tmp_path / "b.sock", serve) as backend:
        server = start(config=site_of(site, php=backend.address))
        for _ in range(3):
            for name in ("a.php", "b.php"):
                assert server.get(f"/{name}").status == 200
        done = run("status", "--json", "--socket", server.runtime / f"{server.pid}.sock")
        programs = json.loads(done.stdout)["programs"]
    assert [(each["file"], each["finished"], each["cold_starts"], each["running"]) for each in programs] == [
        (backend.address, 6, 0, 0)], programs


def test_exec(run, site, config, tmp_path):
    """A file that a backend runs is asked of it, as the server would."""
    file = site.file("a.php", "<?php")
    with Backend(tmp_path / "b.sock", serve) as backend:
        done = run("exec", "-c", config(complete(site_of(site, php=backend.address))), file)
        assert "hello" in done.stdout and f"the FastCGI server {backend.address}" in done.stdout, done
