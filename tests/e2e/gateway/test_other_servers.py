"""Behind Apache and lighttpd of Debian, which name a program in ways of their own."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from support import client
from support.migration import Folder, Peer, free_port
from support.programs import ENVIRONMENT, PLAIN, environment_of

LIGHTTPD = """
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{folder}/var/www"
server.modules = ("mod_alias", "mod_fastcgi")
alias.url = ("/cgi-bin/" => "{folder}/usr/lib/cgi-bin/")
fastcgi.server = ("/cgi-bin/" => (("socket" => "{folder}/run/door", "check-local" => "disable")))
"""
MODULES = ["mpm_event", "authz_core", "alias", "proxy", "proxy_fcgi"]
APACHE = """
ServerRoot /etc/apache2
{modules}
Listen 127.0.0.1:{port}
ServerName localhost
PidFile {folder}/apache.pid
ErrorLog {folder}/var/log/error.log
DocumentRoot {folder}/var/www
Alias /cgi-bin/ {folder}/usr/lib/cgi-bin/
<Directory {folder}/usr/lib/cgi-bin>
  SetHandler "proxy:unix:{folder}/run/door|fcgi://localhost"
</Directory>
"""


@dataclass
class Front:
    folder: Folder
    port: int

    def ask(self, method: str, target: str, body: bytes = b"") -> client.Response:
        with client.Connection(("127.0.0.1", self.port)) as connection:
            return connection.request(method, target, [("Connection", "close")], body)


def command(folder: Folder, server: str, port: int) -> list[str]:
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in MODULES)
    text = LIGHTTPD if server == "lighttpd" else APACHE
    file = folder.file("front.conf", text.format(folder=folder.path, port=port, modules=modules))
    options = ["-D", "-f"] if server == "lighttpd" else ["-DFOREGROUND", "-f"]
    return [f"/usr/sbin/{server}", *options, str(file)]


@pytest.fixture(params=["apache2", "lighttpd"])
def front(request, start, compile_c) -> Iterator[Front]:
    if not os.path.exists(f"/usr/sbin/{request.param}"):
        pytest.skip(f"{request.param} is not installed")
    folder = Folder()
    for name in ("run", "var/log", "usr/lib/cgi-bin"):
        (folder / name).mkdir(parents=True)
    folder.file("var/www/hello.txt", "hello")
    shutil.copy(compile_c(ENVIRONMENT), folder / "usr/lib/cgi-bin/env")
    folder.file("usr/lib/cgi-bin/count", f"{PLAIN}wc -c\n", 0o755)
    port = free_port()
    words = command(folder, request.param, port)
    folder.give_away()
    start(config=f"""
[[listen]]
address = "unix:{folder.path}/run/door"
protocol = "fastcgi"
mode = "0666"
programs = ["{folder.path}/usr/lib/cgi-bin/"]
[[site]]
root = "{folder.path}/var/www"
""")
    peer = Peer(folder, port)
    peer.start(*words)
    try:
        peer.wait()
        yield Front(folder, port)
    finally:
        peer.stop()
        shutil.rmtree(folder.path, ignore_errors=True)


def test_a_program_behind_it(front):
    env = environment_of(front.ask("GET", "/cgi-bin/env/more/x?a=b"))
    expected = {"SCRIPT_FILENAME": f"{front.folder.path}/usr/lib/cgi-bin/env", "SCRIPT_NAME": "/cgi-bin/env",
                "PATH_INFO": "/more/x", "QUERY_STRING": "a=b", "REQUEST_URI": "/cgi-bin/env/more/x?a=b",
                "REMOTE_ADDR": "127.0.0.1", "HTTP_HOST": "localhost"}
    assert {name: env.get(name) for name in expected} == expected
    assert re.fullmatch(r"\s*3000000\s*", front.ask("POST", "/cgi-bin/count", bytes(3_000_000)).text)
    assert front.ask("GET", "/cgi-bin/none").status == 404
