"""For test_moving_over: the configurations that a document shows, and servers that run by them."""

from __future__ import annotations

import http.client
import os
import pwd
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from support.binary import REPOSITORY
from support.processes import alive, descendants
from support.server import Server
from support.waiting import until

FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a document names and the test has in a folder of its own; all other paths are Debian's.
MOVED = re.compile(r"(?<![\w./-])/(?:srv|run|var|usr/lib/cgi-bin|usr/lib(?=[;$])|etc/cgisrv|"
                   r"etc/cgitrc|etc/gitweb\.conf|etc/\w+/tools\.htpasswd)(?![\w-])")
HOST = "tools.example.org"
USER = "www-data"  # whom servers and programs run as, when root tests
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LANG": "C.UTF-8"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Folder:
    """Everything of one pair: what is served, configurations, logs and sockets. All may enter."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="cgisrv-moving-"))
        self.path.chmod(0o755)

    def __truediv__(self, path: str) -> Path:
        return self.path / path.lstrip("/")

    def moved(self, text: str) -> str:
        return MOVED.sub(lambda found: f"{self.path}{found[0]}", text)

    def file(self, path: str, content: bytes | str, mode: int = 0o644) -> Path:
        file = self / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        os.utime(file, (1_577_934_245, 1_577_934_245))
        return file

    def give_away(self) -> None:
        if os.geteuid() == 0:
            user = pwd.getpwnam(USER)
            for each in [self.path, *self.path.rglob("*")]:
                os.chown(each, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


@dataclass
class Document:
    """One of docs/from-*.md: its files, by the name in their first line, and its tables."""

    name: str
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = (REPOSITORY / "docs" / self.name).read_text()

    def with_port(self, port: int, shown: int) -> Document:
        copy = Document(self.name)
        copy.text = self.text.replace(f":{shown}", f":{port}").replace(f" {shown} ", f" {port} ")
        return copy

    def blocks(self, first_line: str) -> list[str]:
        return [block for block in FENCE.findall(self.text) if re.match(first_line + r"\n", block)]

    def block(self, first_line: str) -> str:
        found = self.blocks(first_line)
        assert len(found) == 1, f"{self.name} has {len(found)} blocks that begin: {first_line}"
        return found[0]

    def file(self, path: str) -> str:
        return self.block("# " + re.escape(path))

    def table(self, heading: str) -> list[list[str]]:
        """The cells of each row of the table that follows a heading."""
        found = re.search(rf"^#+ {re.escape(heading)}\n(?:(?!#).*\n)*?\|[-:| ]+\|\n((?:\|.*\n)+)",
                          self.text, re.MULTILINE)
        assert found, f"{self.name} has no table below {heading!r}"
        return [[cell.strip() for cell in row.strip("|").split(" | ")]
                for row in found[1].splitlines()]


class Peer:
    """Another server, as an ordinary user, on a loopback port."""

    def __init__(self, folder: Folder, port: int):
        self.folder, self.port = folder, port
        self.started: list[subprocess.Popen] = []

    def start(self, *command: str | Path, cwd: str | Path = "/") -> None:
        identity = {}
        if os.geteuid() == 0:
            identity = {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
        with open(self.folder / "peer.log", "ab") as log:
            self.started.append(subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=ENVIRONMENT, cwd=cwd, **identity))

    def wait(self) -> None:
        def answers() -> bool:
            try:
                return bool(ask(self.port, "GET", "/hello.txt").status)
            except OSError:
                return False

        assert until(lambda: answers() or any(p.poll() is not None for p in self.started), 15)
        assert all(p.poll() is None for p in self.started), self.said()

    def said(self) -> str:
        logs = [self.folder / "peer.log", *(self.folder / "var/log").rglob("*.log")]
        return "\n".join(log.read_text(errors="replace") for log in logs if log.exists())

    def stop(self) -> None:
        """fcgiwrap leaves its processes behind."""
        family = [p for process in self.started for p in descendants(process.pid)]
        for process in reversed(self.started):
            process.terminate()
        for process in self.started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for p in family:
            if alive(p.pid):
                os.kill(p.pid, signal.SIGKILL)


def apache(document: Document, folder: Folder, port: int, site: str) -> Peer:
    """What Debian's /etc/apache2 says around a site is said here: modules, and where things are."""
    modules = Path("/usr/lib/apache2/modules")
    names = ["mpm_event", "authz_core", "authz_host", "alias", "dir", "mime", "env", "setenvif",
             "actions", "autoindex", "cgid", "proxy", "proxy_http", "proxy_fcgi",
             "proxy_scgi", "headers", "filter", "deflate", "auth_basic", "authn_core", "authn_file",
             "authz_user"]
    run = folder / "run" / str(port)
    run.mkdir(parents=True)
    main = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in names)
    main += f"""ServerName localhost
ServerRoot "{run}"
DefaultRuntimeDir "{run}"
PidFile "{run}/apache2.pid"
Listen 127.0.0.1:{port}
TypesConfig /etc/mime.types
ErrorLog "{folder / "var/log/apache2/error.log"}"
<Directory />
  AllowOverride None
  Require all denied
</Directory>
StartServers 1
ServerLimit 2
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{{Referer}}i\\" \\"%{{User-Agent}}i\\"" combined
"""
    text = folder.moved(document.file(site)).replace("*:80>", f"*:{port}>")
    file = folder.file(f"/etc/apache2/{port}.conf", main + text)
    folder.give_away()
    peer = Peer(folder, port)
    peer.start("/usr/sbin/apache2", "-D", "FOREGROUND", "-f", file)
    return peer


def lighttpd(document: Document, folder: Folder, port: int, site: str) -> Peer:
    text = folder.moved(document.file(site))
    text = text.replace("server.port = 80\n", f'server.port = {port}\nserver.bind = "127.0.0.1"\n')
    file = folder.file(f"/etc/lighttpd/{port}.conf", text)
    folder.give_away()
    peer = Peer(folder, port)
    peer.start("/usr/sbin/lighttpd", "-D", "-f", file)
    return peer


def nginx(document: Document, folder: Folder, port: int, site: str) -> Peer:
    """fcgiwrap as its unit starts it, but for the socket, which it opens itself; and nginx with
    what Debian's /etc/nginx says around a site."""
    options = re.search('DAEMON_OPTS="(.*)"', document.file("/etc/default/fcgiwrap"))
    run = folder / "run" / str(port)
    run.mkdir(parents=True)
    text = folder.moved(document.file(site))
    text = text.replace("unix:" + folder.moved("/run/fcgiwrap.socket"), f"unix:{run}/fcgi")
    file = nginx_configuration(folder, port, text)
    folder.give_away()
    peer = Peer(folder, port)
    peer.start("/usr/sbin/fcgiwrap", *shlex.split(options[1]), "-s", f"unix:{run}/fcgi")
    if not until((run / "fcgi").exists):
        peer.stop()
        raise AssertionError(peer.said())
    start_nginx(peer, file)
    return peer


def nginx_configuration(folder: Folder, port: int, text: str) -> Path:
    """The whole file around servers that listen on port 80."""
    run = folder / "run" / str(port)
    run.mkdir(parents=True, exist_ok=True)
    temporary = "".join(f"  {name}_temp_path {run}/{name};\n" for name in
                        ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    main = f"""pid {run}/nginx.pid;
daemon off;
worker_processes 1;
events {{}}
http {{
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log {folder / "var/log/nginx/access.log"};
{temporary}{text.replace("listen 80;", f"listen 127.0.0.1:{port};")}}}
"""
    return folder.file(f"/etc/nginx/{port}.conf", main)


def start_nginx(peer: Peer, file: Path) -> None:
    peer.start("/usr/sbin/nginx", "-c", file, "-e", peer.folder / "var/log/nginx/error.log")


def python(document: Document, folder: Folder, port: int, site: str) -> Peer:
    command = document.block(r"cd /srv/www\npython3 -m http\.server .*").splitlines()[1]
    folder.give_away()
    peer = Peer(folder, port)
    words = shlex.split(command.replace("8000", str(port)))
    peer.start("/usr/bin/python3", *words[1:], cwd=folder / "srv/www")
    return peer


@dataclass(frozen=True)
class Move:
    document: str
    start: Callable[[Document, Folder, int, str], Peer]
    site: str = ""  # the name of its configuration
    front: str = ""  # and of the one that has it in front


MOVES = {
    "apache": Move("from-apache.md", apache, "/etc/apache2/sites-available/tools.conf",
                   "/etc/apache2/sites-available/front.conf"),
    "lighttpd": Move("from-lighttpd.md", lighttpd, "/etc/lighttpd/lighttpd.conf",
                     "/etc/lighttpd/front.conf"),
    "nginx": Move("from-nginx-fcgiwrap.md", nginx, "/etc/nginx/sites-available/tools",
                  "/etc/nginx/sites-available/front"),
    "python": Move("from-python-http-server.md", python),
}


def own_server(document: Document, folder: Folder, port: int, command: bool = True,
               behind: bool = False) -> Server:
    """cgisrv by the document's command, if it has one and that is wanted, else by its
    configuration; behind a proxy, with what is said of that."""
    commands = document.blocks(r"cgisrv /srv/www .*:8000")
    if commands and command:
        words = folder.moved(commands[0]).replace(":8000", f":{port}").split()[1:]
        return Server([*words, "--server-name", HOST], folder / f"server{port}")
    text = folder.moved(document.file("/etc/cgisrv/tools.toml"))
    text = re.sub(r'^address = ".*"', f'address = "127.0.0.1:{port}"', text, flags=re.MULTILINE)
    if os.geteuid() != 0:
        text = text.replace(f'user = "{USER}"\n', "")
    elif "user =" not in text:
        text += '[server]\nuser = "root"\n'
    if behind:
        trusted = '[server]\ntrusted_proxies = ["127.0.0.1"]\n'
        text = text.replace("[server]\n", trusted) if "[server]\n" in text else text + trusted
        cgi = "[cgi]\nremote_user = \"X-Remote-User\"\n"
        text = text.replace("[cgi]\n", cgi) if "[cgi]\n" in text else text + cgi
    file = folder.file(f"/etc/cgisrv/{port}.toml", text)
    return Server(["-c", str(file)], folder / f"server{port}")


# Requests.


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    client_port: int

    def all(self, name: str) -> list[str]:
        return self.headers.get_all(name) or []

    def own_page(self) -> bool:
        """Whether the server itself has written it: no program here prints these."""
        return self.status != 410 and not 200 <= self.status < 300

    def first_line(self) -> str:
        return (self.body.decode("utf-8", "replace").splitlines() or [""])[0].rstrip()

    def normalized(self, folder: str, port: int) -> Answer:
        """As if everything were where the document has it, on port 80."""
        body = self.body.replace(folder.encode(), b"")
        for number, name in ((port, b"80"), (self.client_port, b"CLIENT")):
            body = re.sub(rb"\b%d\b" % number, name, body)
        return replace(self, body=body)


def ask(port: int, method: str, target: str, headers: tuple[tuple[str, str], ...] = (),
        body: bytes | None = None, chunked: bool = False, source: str = "127.0.0.1") -> Answer:
    """By the client of Python's library, which takes what those servers write."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20,
                                            source_address=(source, 0))
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": HOST, **dict(headers)}.items():
            connection.putheader(name, value)
        if body is not None and not chunked and "Content-Length" not in dict(headers):
            connection.putheader("Content-Length", str(len(body)))
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders(iter([body]) if chunked else body, encode_chunked=chunked)
        client_port = connection.sock.getsockname()[1]
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read(), client_port)
    finally:
        connection.close()
