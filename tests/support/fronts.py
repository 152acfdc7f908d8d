"""Web servers with cgisrv behind them, as docs/behind-*.md configure both."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from support import client
from support.migration import (USER, Document, Folder, Peer, apache, free_port, lighttpd,
                               nginx_configuration, start_nginx)
from support.passwords import QUICK, htpasswd
from support.server import Server, finish


class Front:
    """A web server, and the two cgisrv behind it: by a file, and by one command."""

    def __init__(self, name: str, folder: Folder, own: list[Server], peer: Peer):
        self.name, self.folder, self.own, self.peer = name, folder, own, peer

    @property
    def server(self) -> Server:
        return self.own[0]

    def ask(self, method: str, target: str, headers: client.Headers = (), body: bytes = b"",
            source: str | None = None) -> client.Response:
        with client.Connection(("127.0.0.1", self.peer.port), source=source) as connection:
            return connection.request(method, target, headers, body)

    def get(self, target: str, headers: client.Headers = ()) -> client.Response:
        return self.ask("GET", target, headers)


def moved(folder: Folder, text: str) -> str:
    """As Folder.moved(), of what stands behind a name or a brace, too."""
    for path in ("/etc/nginx/snippets/", "/etc/caddy/tools.passwords"):
        text = text.replace(path, f"{folder.path}{path}")
    text = re.sub(r"(?<=[a-z/])(?=/(?:usr/lib/cgi-bin|run/cgisrv-(?:web|site))/)", str(folder.path), text)
    return re.sub(r"(?<= )/usr/lib/cgi-bin(?= )", f"{folder.path}/usr/lib/cgi-bin", folder.moved(text))


def behind_nginx(document: Document, folder: Folder, port: int) -> Peer:
    snippet = "/etc/nginx/snippets/cgisrv.conf"
    folder.file(snippet, moved(folder, document.file(snippet)))
    folder.file("/etc/nginx/tools.htpasswd", f"alice:{QUICK}\n")
    text = moved(folder, document.file("/etc/nginx/sites-available/programs"))
    file = nginx_configuration(folder, port, text)
    folder.give_away()
    peer = Peer(folder, port)
    start_nginx(peer, file)
    return peer


class Moved(Document):
    """A document whose files are elsewhere already."""

    def __init__(self, document: Document, folder: Folder):
        super().__init__(document.name)
        self.folder = folder

    def file(self, path: str) -> str:
        return moved(self.folder, super().file(path))


def behind_apache(document: Document, folder: Folder, port: int) -> Peer:
    folder.file("/etc/apache2/tools.htpasswd", f"alice:{QUICK}\n")
    return apache(Moved(document, folder), folder, port, "/etc/apache2/sites-available/programs.conf")


def behind_lighttpd(document: Document, folder: Folder, port: int) -> Peer:
    folder.file("/etc/lighttpd/tools.htpasswd", f"alice:{QUICK}\n")
    return lighttpd(Moved(document, folder), folder, port, "/etc/lighttpd/programs.conf")


def behind_caddy(document: Document, folder: Folder, port: int) -> Peer:
    """Without its own port for administration, certificates and home."""
    folder.file("/etc/caddy/tools.passwords", f"alice {htpasswd('-B', '-C', '4')}\n")
    text = moved(folder, document.file("/etc/caddy/Caddyfile"))
    text = text.replace("tools.example.org {\n", f"http://:{port} {{\n\tbind 127.0.0.1\n")
    options = (f"{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {folder.path}/caddy\n}}\n")
    file = folder.file("/etc/caddy/Caddyfile", options + text)
    folder.give_away()
    peer = Peer(folder, port)
    peer.start("/usr/bin/env", f"HOME={folder.path}", f"XDG_DATA_HOME={folder.path}", "caddy", "run",
               "--config", file, "--adapter", "caddyfile")
    return peer


@dataclass(frozen=True)
class Kind:
    start: Callable[[Document, Folder, int], Peer]
    program: str  # that is there when the server is installed


KINDS = {"nginx": Kind(behind_nginx, "/usr/sbin/nginx"), "apache": Kind(behind_apache, "/usr/sbin/apache2"),
         "lighttpd": Kind(behind_lighttpd, "/usr/sbin/lighttpd"), "caddy": Kind(behind_caddy, "/usr/bin/caddy")}


def in_group() -> None:
    """Whoever starts it is of the web server's group, to which its socket belongs then."""
    if os.geteuid() == 0:
        os.setgid(pwd.getpwnam(USER).pw_gid)


def start_own(document: Document, folder: Folder, more: str) -> list[Server]:
    """cgisrv by the document's file, with `more`, and by its command."""
    text = moved(folder, document.file("/etc/cgisrv/programs.toml"))
    user = f'user = "{USER}"\n'
    assert user in text
    if os.geteuid() != 0:
        text = text.replace(user, "")
    file = folder.file("/etc/cgisrv/programs.toml", text.replace("[server]\n", "[server]\nworkers = 2\n") + more)
    command = moved(folder, document.block("cgisrv --fastcgi .*")).split()[1:]
    return [Server(["-c", str(file)], folder / document.name / "file", lines=text.count("[[listen]]")),
            Server([*command, "-w", "1"], folder / document.name / "command",
                   preexec=in_group)]


def start_front(name: str, folder: Folder, more: str) -> Front:
    """Both stand in `folder` and serve what is there."""
    document = Document(f"behind-{name}.md")
    for path in (f"var/log/{name.replace('apache', 'apache2')}", "run/cgisrv-web", "run/cgisrv-site"):
        (folder / path).mkdir(parents=True, exist_ok=True)
    folder.give_away()
    own = start_own(document, folder, more)
    front = Front(name, folder, own, KINDS[name].start(document, folder, free_port()))
    front.peer.wait()
    return front



def stop_front(front: Front, node: pytest.Item) -> None:
    front.peer.stop()  # which has connections to the others
    faults = []
    for server in front.own:
        try:
            finish(server, node)
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n\n".join(faults)
