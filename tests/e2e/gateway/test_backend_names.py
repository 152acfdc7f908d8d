"""`fastcgi = "php:9000"`: the host of a backend by its name, as containers have it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest

from support.backends import HELLO, Asked, Backend, answer
from support.binary import BINARY, slowness
from support.configuration import complete
from support.network import Namespace, with_networks

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="/etc/hosts of one's own takes root"),
              pytest.mark.skipif(not os.path.exists("/etc/nsswitch.conf"), reason="it cannot be replaced")]
WITHIN = """for name in hosts nsswitch.conf resolv.conf; do
  [ ! -e "$0/$name" ] || mount --bind "$0/$name" "/etc/$name" || exit 99
done
exec "$@"
"""


class Names:
    """What a command finds in /etc that is started with `prefix` before it."""

    def __init__(self, folder, ways: str = "files"):
        folder.mkdir()
        self.hosts = folder / "hosts"
        (folder / "nsswitch.conf").write_text(f"hosts: {ways}\n")
        self.prefix = ("unshare", "--mount", "sh", "-c", WITHIN, str(folder))

    def are(self, *lines: str) -> None:
        self.hosts.write_text("".join(f"{line}\n" for line in lines))

    def run(self, *arguments) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.prefix, str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60 * slowness())


@pytest.fixture
def names(tmp_path):
    names = Names(tmp_path / "etc")
    names.are("127.0.0.1 php.test php", "::1 php.test")
    return names


def serve(asked: Asked) -> None:
    if asked.read():
        asked.send(answer(HELLO))


@pytest.fixture
def backend():
    with Backend(None, serve) as server:
        yield server


def site_of(site, backend, name="php.test") -> str:
    site.file("a.php", "<?php")
    port = backend.address.rpartition(":")[2]
    return f'[[site]]\nroot = "{site.root}"\n[[site.location]]\nmatch = "*.php"\nfastcgi = "{name}:{port}"\n'


@pytest.fixture
def config(tmp_path):
    def write(text: str):
        file = tmp_path / "cgisrv.toml"
        file.write_text(complete(text))
        return file

    return write


@pytest.mark.parametrize("user", ["root", "games"])
def test_all_of_its_addresses_are_tried(start, site, names, backend, user):
    """It listens on one of the two."""
    config = site_of(site, backend).replace("*.php", "/app/")  # where no file is looked for
    server = start(config=f'{config}[server]\nuser = "{user}"\n', prefix=names.prefix)
    assert server.get("/app/").text == "hello\n"


def test_a_host_that_has_moved(start, run, site, names, backend):
    """Its name is looked up again by a reload."""
    names.are("127.0.0.2 php.test")
    server = start(config=site_of(site, backend), prefix=names.prefix)
    port = backend.address.rpartition(":")[2]
    assert server.get("/a.php").status == 502
    server.wait_log(f"php.test:{port} does not run: nobody listens there; .*; that name was 127.0.0.2:{port} when "
                    "the configuration was read: if that has changed, run cgisrv reload")
    names.are("127.0.0.1 php.test")
    done = run("reload", "--socket", server.runtime / f"{server.pid}.sock")
    assert done.returncode == 0, done
    server.checkpoint(settle=True)
    assert server.get("/a.php").text == "hello\n"
    names.are("127.0.0.1 other")
    done = run("reload", "--socket", server.runtime / f"{server.pid}.sock")
    assert done.returncode == 69 and "the host php.test cannot be looked up" in done.stderr, done
    assert server.get("/a.php").text == "hello\n"


def test_a_name_that_nobody_knows(site, names, backend, config):
    file = config(site_of(site, backend, "pph.test"))
    line = file.read_text().splitlines().index(f'fastcgi = "pph.test:{backend.address.rpartition(":")[2]}"') + 1
    said = f"{file}:{line}: 'fastcgi': pph.test:"
    why = ("the host pph.test cannot be looked up: Name or service not known; start what has that name first, or "
           'write an address, such as "127.0.0.1:9000"')
    done = names.run("-c", file)
    assert done.returncode == 69 and said in done.stderr and why in done.stderr, done
    done = names.run("check", "-c", file)
    assert done.returncode == 0 and "as it is now, it would not start: " + said in done.stderr, done


def test_check_and_exec(site, names, backend, config):
    file = config(site_of(site, backend))
    done = names.run("check", "-c", file)
    assert done.returncode == 0 and "php.test" not in done.stdout + done.stderr, done
    done = names.run("exec", "-c", file, site.root / "a.php")
    assert "hello" in done.stdout and "the FastCGI server php.test:" in done.stdout, done


@with_networks
def test_a_server_of_names_that_is_silent(start, run, site, backend, tmp_path):
    """A reload fails, and changes nothing. Nobody waits for it meanwhile, nor loses anything."""
    network = Namespace()
    names = Names(tmp_path / "etc", "files dns")
    names.are("127.0.0.1 php.test")
    (tmp_path / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
    with network.entered():
        silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        silent.bind(("127.0.0.1", 53))
        server = start(config=site_of(site, backend), prefix=(*network.prefix, *names.prefix))
        names.are("127.0.0.1 other")
        for _ in range(5):  # on a slow machine five seconds may pass before the answer
            reload = subprocess.Popen([BINARY, "reload", "--socket", server.runtime / f"{server.pid}.sock"],
                                      stderr=subprocess.PIPE, text=True)
            assert silent.recv(512)
            with network.entered():
                assert server.get("/nowhere").status == 404
            if went_on := reload.poll() is None:
                break
            reload.communicate()
        assert went_on, "it held up a new connection"
        said = reload.communicate()[1]
        assert reload.returncode == 69 and "php.test cannot be looked up: there was no answer in time" in said
        assert "nothing was changed" in said
        os.kill(server.pid, signal.SIGHUP)
        assert silent.recv(512)
        assert not server.stop()
        assert "was killed" not in server.log(), "the workers had no time to end"
    finally:
        silent.close()
        network.close()
