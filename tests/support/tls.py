"""Certificates, and a client that speaks TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from support import client
from support.configuration import cgi_site
from support.server import Server


class Authority:
    """Signs certificates, by openssl(1)."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.certificate = folder / "root.pem"
        self.key = folder / "root.key"
        self._make(self.certificate, self.key, "root", "-addext", "basicConstraints=critical,CA:TRUE")

    def _make(self, certificate: Path, key: Path, name: str, *more: str, kind: str = "EC") -> None:
        which = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else [
            "-newkey", "rsa:2048"]
        subprocess.run(["openssl", "req", "-x509", *which, "-nodes", "-days", "30", "-subj",
                        f"/CN={name}", "-keyout", str(key), "-out", str(certificate), *more],
                       check=True, capture_output=True)

    def sign(self, name: str, *hosts: str, kind: str = "EC") -> tuple[Path, Path]:
        """Certificate and key, in NAME.pem and NAME.key; what was there is replaced in one step."""
        names = ",".join(("IP:" if host[0].isdigit() else "DNS:") + host for host in hosts)
        made = [self.folder / f"{name}.pem.new", self.folder / f"{name}.key.new"]
        self._make(*made, name, "-CA", str(self.certificate), "-CAkey", str(self.key), "-addext",
                   f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE", kind=kind)
        for path in made:
            path.replace(path.with_suffix(""))
        return made[0].with_suffix(""), made[1].with_suffix("")

    def context(self) -> ssl.SSLContext:
        """Of a client that trusts this authority alone."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        context.set_alpn_protocols(["http/1.1"])
        return context


def site_keys(*pairs: tuple[Path, Path]) -> str:
    """The key of a site for these certificates."""
    tables = [f'{{ certificate = "{certificate}", key = "{key}" }}' for certificate, key in pairs]
    return "tls = " + (tables[0] if len(tables) == 1 else f"[{', '.join(tables)}]") + "\n"


class Connection(client.Connection):
    """The same as the plain one, behind TLS."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, name: str = "localhost",
                 session: ssl.SSLSession | None = None, timeout: float = 60.0):
        super().__init__(address, timeout)
        self.was_cut = False  # the server has ended without close_notify
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname=name, session=session,
                                              suppress_ragged_eofs=False)
        except BaseException:
            self.socket.close()
            raise

    @property
    def tls(self) -> ssl.SSLSocket:
        assert isinstance(self.socket, ssl.SSLSocket)
        return self.socket

    def _fill(self) -> bool:
        try:
            return super()._fill()
        except ssl.SSLZeroReturnError:
            return False
        except ssl.SSLEOFError:
            self.was_cut = True
            return False

    def cut(self) -> None:
        """Ends the connection, and not TLS."""
        self.socket.shutdown(socket.SHUT_RDWR)
        socket.socket.close(self.socket)


def tls_config(root: Path | str, certificates: str, *, more: str = "", limits: str = "",
               server: str = "") -> str:
    return cgi_site(root, more, site=certificates, limits=limits,
                    server=f"{server}\n[[listen]]\naddress = '127.0.0.1:0'\ntls = true\n"
                           "[[listen]]\naddress = '127.0.0.1:0'\n")


def plain_port(server: Server) -> int:
    return server.ports()[1]


def connect(server: Server, context: ssl.SSLContext, name: str = "localhost", **more) -> Connection:
    connection = Connection(("127.0.0.1", server.ports()[0]), context, name, **more)
    server.connections.append(connection)
    return connection


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def context(authority: Authority) -> ssl.SSLContext:
    return authority.context()
