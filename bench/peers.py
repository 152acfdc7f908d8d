"""The servers: a row for each, and one that runs."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import load
import processes

CONFIGURATIONS = Path(__file__).resolve().parent / "peers"
START_SECONDS = 10.0
RUNNING_SECONDS = 20.0  # for a thousand programs to be started


class Missing(Exception):
    """A server that is not installed or does not start, and why."""


@dataclass(frozen=True)
class Peer:
    name: str
    package: str  # whose version is told
    commands: tuple[tuple[str, ...], ...]  # {port}, {folder} and so on are filled in
    templates: tuple[str, ...] = ()  # into the server's folder, with @port@ and so on filled in
    programs: bool = True
    files: bool = False
    closes_unannounced: bool = False  # after each answer, though it is one of HTTP/1.1
    forks_to_serve: bool = False  # a process for each connection, which ends with it
    settings: tuple[tuple[str, str], ...] = ()  # of the templates, where they differ
    warm: bool = False  # programs are slow at first: they are asked for until they no longer are


APACHE = ("apache2", "-D", "FOREGROUND", "-f")
NGINX = ("nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "{folder}/error.log")

PEERS = (
    Peer("cgisrv", "", (("{tools}/cgisrv", "-c", "{folder}/cgisrv.toml"),), ("cgisrv.toml",),
         files=True),
    Peer("cgisrv-warm", "", (("{tools}/cgisrv", "-c", "{folder}/cgisrv.toml"),),
         ("cgisrv.toml",), settings=(("start", "warm"),), warm=True),
    Peer("lighttpd", "lighttpd", (("lighttpd", "-D", "-f", "{folder}/lighttpd.conf"),),
         ("lighttpd.conf",), files=True),
    Peer("nginx", "nginx", (NGINX,), ("nginx.conf",), programs=False, files=True),
    Peer("nginx+fcgiwrap", "fcgiwrap",
         (("fcgiwrap", "-c", "{fcgi_processes}", "-s", "unix:{folder}/fcgiwrap.sock"), NGINX),
         ("nginx.conf",)),
    Peer("apache-event", "apache2-bin", ((*APACHE, "{folder}/apache-event.conf"),),
         ("apache.conf", "apache-event.conf"), files=True),
    Peer("apache-prefork", "apache2-bin", ((*APACHE, "{folder}/apache-prefork.conf"),),
         ("apache.conf", "apache-prefork.conf")),
    Peer("go", "golang-go", (("{tools}/go-cgi", "127.0.0.1:{port}", "{site}"),)),
    Peer("busybox", "busybox",
         (("busybox", "httpd", "-f", "-p", "127.0.0.1:{port}", "-h", "{site}"),),
         closes_unannounced=True, forks_to_serve=True),
    Peer("h2o", "h2o", (("h2o", "-m", "worker", "-c", "{folder}/h2o.conf"),), ("h2o.conf",),
         programs=False, files=True),
)
# A site that uses every key, and the server that says the same.
NGINX_SITE = (*NGINX[:4], "{folder}/site-nginx.conf", *NGINX[5:])
SITES = (
    Peer("cgisrv", "", (("{tools}/cgisrv", "-c", "{folder}/site-cgisrv.toml"),),
         ("site-cgisrv.toml",)),
    Peer("nginx", "nginx", (NGINX_SITE,), ("site-nginx.conf",)),
    Peer("nginx, files kept open", "nginx", (NGINX_SITE,), ("site-nginx.conf",),
         settings=(("open_file_cache", "max=1000"),)),
)
# Both by https.
TLS = (
    Peer("cgisrv", "", (("{tools}/cgisrv", "-c", "{folder}/tls-cgisrv.toml"),), ("tls-cgisrv.toml",)),
    Peer("nginx", "nginx", ((*NGINX[:4], "{folder}/tls-nginx.conf", *NGINX[5:]),),
         ("tls-nginx.conf",)),
)
# PHP: php-fpm, and a server in front of it.
PHP_FPM = ("php-fpm8.2", "--nodaemonize", "--fpm-config", "{folder}/php-fpm.conf")
PHP = (
    Peer("cgisrv", "php-fpm", (PHP_FPM, ("{tools}/cgisrv", "-c", "{folder}/php-cgisrv.toml")),
         ("php-fpm.conf", "php-cgisrv.toml")),
    Peer("cgisrv, connections kept", "php-fpm",
         (PHP_FPM, ("{tools}/cgisrv", "-c", "{folder}/php-cgisrv.toml")),
         ("php-fpm.conf", "php-cgisrv.toml"), settings=(("keep", "8"),)),
    Peer("nginx", "nginx", (PHP_FPM, (*NGINX[:4], "{folder}/php-nginx.conf", *NGINX[5:])),
         ("php-fpm.conf", "php-nginx.conf")),
    Peer("apache-event", "apache2-bin", (PHP_FPM, (*APACHE, "{folder}/php-apache.conf")),
         ("php-fpm.conf", "apache.conf", "php-apache.conf")),
)
# Files by https, in both versions of HTTP; and those that run programs.
NGINX_HTTP2 = (*NGINX[:4], "{folder}/http2-nginx.conf", *NGINX[5:])
HTTP2 = (
    Peer("cgisrv", "", (("{tools}/cgisrv", "-c", "{folder}/http2-cgisrv.toml"),),
         ("http2-cgisrv.toml",), files=True),
    Peer("cgisrv-warm", "", (("{tools}/cgisrv", "-c", "{folder}/http2-cgisrv.toml"),),
         ("http2-cgisrv.toml",), settings=(("start", "warm"),), warm=True),
    Peer("nginx", "nginx", (NGINX_HTTP2,), ("http2-nginx.conf",), programs=False, files=True),
    Peer("nginx, files kept open", "nginx", (NGINX_HTTP2,), ("http2-nginx.conf",), programs=False,
         files=True, settings=(("open_file_cache", "max=1000"),)),
    Peer("nginx+fcgiwrap", "fcgiwrap",
         (("fcgiwrap", "-c", "{fcgi_processes}", "-s", "unix:{folder}/fcgiwrap.sock"), NGINX_HTTP2),
         ("http2-nginx.conf",)),
    Peer("h2o", "h2o", (("h2o", "-m", "worker", "-c", "{folder}/http2-h2o.conf"),),
         ("http2-h2o.conf",), programs=False, files=True),
)
# Programs behind nginx, and cgisrv alone; warm, too.
GATEWAY_CGISRV = (("{tools}/cgisrv", "-c", "{folder}/gateway-cgisrv.toml"), NGINX)
GATEWAY = (
    Peer("nginx + fcgiwrap", "fcgiwrap",
         (("fcgiwrap", "-c", "{fcgi_processes}", "-s", "unix:{folder}/fcgiwrap.sock"), NGINX), ("nginx.conf",)),
    *(Peer(f"{name}{', warm' if start == 'warm' else ''}", "nginx" if "nginx" in name else "", commands, templates,
           settings=(("start", start),), warm=start == "warm")
      for start in ("cold", "warm")
      for name, commands, templates in (
          ("nginx + cgisrv", GATEWAY_CGISRV, ("gateway-cgisrv.toml", "nginx.conf")),
          ("cgisrv", (("{tools}/cgisrv", "-c", "{folder}/cgisrv.toml"),), ("cgisrv.toml",)))),
)
# What templates are filled in with, unless a section wants it otherwise.
WORKERS = max(2, processes.cores())
SETTINGS = {"workers": str(WORKERS), "fcgi_processes": str(16 * WORKERS),
            "threads": str(64 * WORKERS), "dispatch": "round-robin", "running": '"auto"',
            "start": "cold", "open_file_cache": "off", "php_processes": str(8 * WORKERS), "keep": "0"}


def build_go(tools: Path, cache: Path) -> None:
    """The server in Go, if there is a compiler; that it is missing is told when it is started."""
    go = shutil.which("go")
    if go is not None:
        environment = processes.ENVIRONMENT | {"GOCACHE": str(cache), "GO111MODULE": "off",
                                               "HOME": str(cache)}
        subprocess.run([go, "build", "-o", tools / "go-cgi", CONFIGURATIONS / "go.go"],
                       env=environment, timeout=300, check=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A peer that is started in a folder of its own, which is empty before."""

    peer: Peer
    folder: Path
    site: Path
    tools: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def start(self) -> None:
        """Missing, when it cannot be had. Whatever was started is ended by stop() all the same."""
        processes.give_away(self.folder)
        values = {"port": str(self.port), "folder": str(self.folder), "site": str(self.site),
                  "tools": str(self.tools), **SETTINGS, **dict(self.peer.settings),
                  **self.settings}
        for name in self.peer.templates:
            text = (CONFIGURATIONS / name).read_text()
            text = re.sub(r"@(\w+)@", lambda found: values[found[1]], text)
            (self.folder / name).write_text(text)
        for command in self.peer.commands:
            program, *arguments = (word.format(**values) for word in command)
            path = shutil.which(program, path=processes.ENVIRONMENT["PATH"])
            if path is None:
                raise Missing(f"{program} is not installed")
            log = self.folder / "output.log"
            self.started.append(processes.start([path, *arguments], log))
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if any(process.poll() is not None for process in self.started):
                break
            try:
                if load.fetch(self.port, "/hello.txt")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.02)
        said = "".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))
        raise Missing(f"does not start: {' '.join(said.split())[-300:] or 'it says nothing'}")

    def processes(self) -> int:
        return sum(len(processes.family(process.pid)) for process in self.started)

    def wait_until_running(self, count: int) -> None:
        """Until there are so many processes, programs included."""
        end = time.monotonic() + RUNNING_SECONDS
        while (running := self.processes()) < count:
            if time.monotonic() > end:
                raise load.Fault(f"{running} processes instead of {count}")
            time.sleep(0.1)

    def stop(self) -> None:
        processes.end(self.started)
