"""Real proxies of HTTP in front of a server, each on a port of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.migration import free_port
from support.waiting import until

# MODE, OPTIONS and SERVER are a test's.
HAPROXY = """
global
  user root
defaults
  mode MODE
  timeout connect 30s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:PORT
  default_backend cgisrv
backend cgisrv
  OPTIONS
  server one SERVER
"""


class Front:
    def __init__(self, folder: Path, command: list[str], port: int):
        self.port = port
        self.file = folder / "front.log"
        self.log = open(self.file, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, cwd=folder)
        assert until(self.listens, 30), self.file.read_text()

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def nginx(folder: Path, text: str) -> str:
    """Its configuration, with `text` as what is in http."""
    temporary = "".join(f"{name}_temp_path {folder}/{name};\n" for name in
                        ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    return f"""
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
access_log off;
{temporary}{text}}}
"""


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Callable[..., Front]]:
    """front(program, configuration, *arguments): PORT in the text is a port that is free."""
    fronts = []

    def start_front(program: str, text: str, *arguments: str) -> Front:
        path = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
        if path is None:
            pytest.skip(f"{program} is not installed")
        port = free_port()
        file = tmp_path / f"{program}.conf"
        file.write_text(text.replace("PORT", str(port)))
        fronts.append(Front(tmp_path, [path, *arguments, str(file)], port))
        return fronts[-1]

    yield start_front
    for each in fronts:
        each.stop()
