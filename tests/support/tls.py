"""Certificates, and a client that speaks TLS."""

from __future__ import annotations

import base64
import datetime
import math
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from support import client
from support.configuration import cgi_site
from support.server import Server


USAGES = {"clientAuth": x509.ExtendedKeyUsageOID.CLIENT_AUTH,
          "serverAuth": x509.ExtendedKeyUsageOID.SERVER_AUTH}


class LargeRsaKey:
    """Of many small primes, since to find two large ones takes minutes. Its form is that of PKCS #1."""

    def __init__(self, bits: int):
        primes: list[int] = []
        for _ in range(bits // 2048):
            numbers = rsa.generate_private_key(65537, 2048).private_numbers()
            primes += [numbers.p, numbers.q]
        halves = primes[::2], primes[1::2]
        p, q = map(math.prod, halves)
        of_p, of_q = (math.prod(each - 1 for each in half) for half in halves)
        d = pow(65537, -1, of_p * of_q)
        self.numbers = (0, p * q, 65537, d, p, q, d % of_p, d % of_q, pow(q, -1, p))

    def public_key(self) -> rsa.RSAPublicKey:
        return rsa.RSAPublicNumbers(self.numbers[2], self.numbers[1]).public_key()

    def private_bytes(self, *_: object) -> bytes:
        def der(tag: int, content: bytes) -> bytes:
            return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content
        integers = (each.to_bytes(each.bit_length() // 8 + 1, "big") for each in self.numbers)
        whole = der(0x30, b"".join(der(2, each) for each in integers))
        return (b"-----BEGIN RSA PRIVATE KEY-----\n" + base64.encodebytes(whole)
                + b"-----END RSA PRIVATE KEY-----\n")


class Authority:
    """Signs certificates, by openssl(1)."""

    def __init__(self, folder: Path, name: str = "root"):
        self.folder = folder
        self.certificate = folder / "root.pem"
        self.key = folder / "root.key"
        self._make(self.certificate, self.key, name, "-addext", "basicConstraints=critical,CA:TRUE")

    def _make(self, certificate: Path, key: Path, name: str, *more: str, kind: str = "EC",
              days: int = 30) -> None:
        which = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "EC" else [
            "-newkey", "rsa:2048"]
        subprocess.run(["openssl", "req", "-x509", *which, "-nodes", "-days", str(days), "-subj",
                        f"/CN={name}", "-keyout", str(key), "-out", str(certificate), *more],
                       check=True, capture_output=True)

    def sign(self, name: str, *hosts: str, kind: str = "EC", days: int = 30) -> tuple[Path, Path]:
        """Certificate and key, in NAME.pem and NAME.key; what was there is replaced in one step."""
        names = ",".join(("IP:" if host[0].isdigit() else "DNS:") + host for host in hosts)
        made = [self.folder / f"{name}.pem.new", self.folder / f"{name}.key.new"]
        self._make(*made, name, "-CA", str(self.certificate), "-CAkey", str(self.key), "-addext",
                   f"subjectAltName={names}", "-addext", "basicConstraints=CA:FALSE", kind=kind, days=days)
        for path in made:
            path.replace(path.with_suffix(""))
        return made[0].with_suffix(""), made[1].with_suffix("")

    def sign_client(self, name: str, *, names: list[str] | None = None, email: str = "",
                    days: int = 30, usage: str = "clientAuth", signed: bool = True,
                    key: LargeRsaKey | None = None) -> tuple[Path, Path]:
        """Those of a client. `days`: until it is over, which may be before now. `names`: all of its
        common names; `signed`: False for one that has signed itself."""
        now = datetime.datetime.now(datetime.timezone.utc)
        key = key or ec.generate_private_key(ec.SECP256R1())
        common = [x509.NameAttribute(x509.NameOID.COMMON_NAME, each) 
                  for each in ([name] if names is None else names)]
        subject = x509.Name(common)
        root = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        root_key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        builder = (x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
                   .issuer_name(root.subject if signed else subject)
                   .serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=40))
                   .not_valid_after(now + datetime.timedelta(days=days))
                   .add_extension(x509.ExtendedKeyUsage([USAGES[usage]]), critical=False))
        if email:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(email)]), False)
        made = builder.sign(root_key if signed else key, hashes.SHA256())
        paths = self.folder / f"client-{name}.pem", self.folder / f"client-{name}.key"
        paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(key.private_bytes(serialization.Encoding.PEM,
                                               serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        return paths

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
               server: str = "", clear: str = "") -> str:
    """`clear` is more of the listener without TLS, which is the second one."""
    return cgi_site(root, more, site=certificates, limits=limits,
                    server=f"{server}\n[[listen]]\naddress = '127.0.0.1:0'\ntls = true\n"
                           f"[[listen]]\naddress = '127.0.0.1:0'\n{clear}")


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
