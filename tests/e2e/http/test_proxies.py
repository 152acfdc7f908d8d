"""Behind proxies: whose word is taken for whom, by fields and by the PROXY protocol."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct

import pytest

from support import client
from support.binary import REPOSITORY
from support.configuration import cgi_site
from support.programs import ENVIRONMENT, environment_of
from support.proxies import HAPROXY, Front, nginx
from support.waiting import until

PROXY = "127.0.0.2"  # trusted; 127.0.0.1 and the others are not
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
TRUSTED = f'trusted_proxies = ["{PROXY}", "10.0.0.0/8", "unix"]'


def configured(site, more: str = "", listen: str = "", log: str = "") -> str:
    return cgi_site(site.root, f'[[site.location]]\nmatch = "/inner/"\n'
                               f'allow = ["203.0.113.0/24", "local"]\n{more}',
                    server=f"{TRUSTED}\n{listen}", **({"log": log} if log else {}))


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.file("inner/page.html", "inner")
    return shared_site


@pytest.fixture(scope="module")
def shared_config():
    class Root:
        root = "{root}"
    return configured(Root, '[[site]]\nserver_name = ["b.example"]\nroot = "{root}"\n'
                            'public_url = "https://public.example:8443/"\n'
                            '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')


def ask(server, target: str, *fields: str, source: str = PROXY, host: str = "a.example",
        port: int = 0) -> client.Response:
    headers = [tuple(field.split(": ", 1)) for field in fields]
    with client.Connection(("127.0.0.1", port or server.port), source=source) as connection:
        return connection.request("GET", target, headers, host=host)


def environment(server, *fields: str, **more) -> dict[str, str]:
    response = ask(server, "/env.cgi", *fields, **more)
    assert response.status == 200, response
    return environment_of(response)


# What is believed.


@pytest.mark.parametrize("fields, address", [
    (["X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
    (["X-Forwarded-For: 127.0.0.1, 203.0.113.7"], "203.0.113.7"),
    (["X-Forwarded-For: 127.0.0.1", "X-Forwarded-For: 203.0.113.7, 10.1.2.3"], "203.0.113.7"),
    (['Forwarded: for="[2001:db8::1]:4711";proto=https'], "2001:db8::1"),
    (["Forwarded: for=203.0.113.7", "X-Forwarded-For: 203.0.113.7"], "203.0.113.7"),
    (["X-Forwarded-For: garbage, 203.0.113.7"], "203.0.113.7"),
    (["X-Forwarded-For: unknown"], ""), (["X-Forwarded-Proto: https"], ""), ([], PROXY)])
def test_the_client_is_whom_the_proxy_names(shared, fields, address):
    assert environment(shared, *fields)["REMOTE_ADDR"] == address


@pytest.mark.parametrize("field", ["X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.7",
                                   "X-Real-IP: 203.0.113.7", "X-Forwarded-Host: b.example",
                                   "X-Forwarded-Proto: https", "X-Forwarded-Port: 1",
                                   "X-Forwarded-Anything: x"])
def test_nobody_else_is_believed_anything(shared, field):
    for source in ("127.0.0.1", "127.0.0.3"):
        found = environment(shared, field, source=source)
        assert found["REMOTE_ADDR"] == source and "HTTPS" not in found
        assert found["SERVER_NAME"] == "a.example"
        assert found["SERVER_PORT"] == str(shared.port)
        assert not [name for name in found if "FORWARDED" in name or "REAL_IP" in name], found
        assert ask(shared, "/inner/page.html", field, source=source).status == 403


def test_programs_see_what_was_believed_and_no_more(shared):
    found = environment(shared, "X-Forwarded-For: 127.0.0.1, 203.0.113.7, 10.0.0.9",
                        "X-Forwarded-Proto: http, https, http", "X-Real-IP: 127.0.0.1",
                        "X-Forwarded-Server: front")
    assert found["HTTP_X_FORWARDED_FOR"] == "203.0.113.7, 10.0.0.9"
    assert found["HTTP_X_FORWARDED_PROTO"] == "https"
    assert found["HTTP_X_REAL_IP"] == "203.0.113.7"
    assert found["HTTP_X_FORWARDED_SERVER"] == "front"


@pytest.mark.parametrize("fields, name, port, https", [
    (["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https"], "a.example", "443", "on"),
    (["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: http"], "a.example", "80", None),
    (["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"],
     "a.example", "8443", "on"),
    (["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: C.example:444"],
     "c.example", "444", "on"),
    (["Forwarded: for=203.0.113.7;host=c.example;proto=https"], "c.example", "443", "on"),
    (["X-Forwarded-For: 203.0.113.7"], "a.example", None, None)])
def test_the_public_address_follows_the_proxy(shared, fields, name, port, https):
    found = environment(shared, *fields)
    assert (found["SERVER_NAME"], found["SERVER_PORT"], found.get("HTTPS")) == (
        name, port or str(shared.port), https)
    assert found["REQUEST_SCHEME"] == ("https" if https else "http")
    assert found["HTTP_HOST"].lower().split(":")[0] == name


def test_public_url_holds_where_no_proxy_says_otherwise(shared):
    direct = environment(shared, host="b.example", source="127.0.0.1")
    assert (direct["SERVER_NAME"], direct["SERVER_PORT"], direct["HTTPS"]) == (
        "public.example", "8443", "on")
    said = environment(shared, "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: http",
                       host="b.example")
    assert (said["SERVER_NAME"], said["SERVER_PORT"], said.get("HTTPS")) == (
        "public.example", "80", None)
    other = environment(shared, "X-Forwarded-For: 203.0.113.7", "X-Forwarded-Host: b.example")
    assert other["SERVER_NAME"] == "b.example" and other["HTTPS"] == "on"


@pytest.mark.parametrize("fields, said", [
    (["Forwarded: for=127.0.0.1", "X-Forwarded-For: 203.0.113.7"], "Forwarded says that 127.0.0.1"),
    (["Forwarded: for=203.0.113.7;proto=http", "X-Forwarded-Proto: https"], "X-Forwarded-Proto says"),
    (["X-Forwarded-For: 203.0.113.7, (null)"], "sent X-Forwarded-For: \\(null\\), which is not an"),
    (['Forwarded: for="203.0.113.7'], "a quoted text does not end"),
    (["X-Forwarded-For: 203.0.113.7", "X-Forwarded-Proto: gopher"], "not http or https")])
def test_what_cannot_be_believed_is_refused(shared, fields, said):
    response = ask(shared, "/env.cgi", *fields)
    assert response.status == 400 and "203.0.113.7" not in response.text, response
    shared.wait_log(f"400: .*{said}")


def test_rules_hold_for_the_client_and_not_for_its_proxy(shared):
    for client_address, status in (("203.0.113.7", 200), ("198.51.100.7", 403), ("unknown", 403),
                                   ("127.0.0.1", 200), ("10.0.0.9", 403)):
        response = ask(shared, "/inner/page.html", f"X-Forwarded-For: {client_address}")
        assert response.status == status, client_address
    assert ask(shared, "/inner/page.html", "X-Forwarded-Proto: https").status == 403
    assert ask(shared, "/inner/page.html").status == 200, "the proxy itself is of this machine"


def test_logs_and_limits_are_by_client(start, site, tmp_path):
    site.program("wait.cgi", "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n'\n"
                             f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done\n")
    site.c_program("env.cgi", ENVIRONMENT)
    log = tmp_path / "access.log"
    server = start(config=configured(
        site, log=f'access = {{ path = "{log}", format = "json" }}').replace(
            "cgi = true", 'cgi = true\nmax_running_per_client = 1\nqueue = { size = 0 }', 1))
    waiting = client.Connection(("127.0.0.1", server.port), source=PROXY)
    waiting.send(client.head("GET", "/wait.cgi", [("X-Forwarded-For", "203.0.113.1")]))
    assert waiting.read_head().status == 200
    assert ask(server, "/wait.cgi", "X-Forwarded-For: 203.0.113.1").status == 503
    # Another client of the same proxy has a place of its own.
    other = client.Connection(("127.0.0.1", server.port), source=PROXY)
    other.send(client.head("GET", "/wait.cgi", [("X-Forwarded-For", "203.0.113.2")]))
    assert other.read_head().status == 200
    (tmp_path / "go").touch()
    for connection in (waiting, other):
        connection.close()
    ask(server, "/env.cgi", source="127.0.0.1")

    def entries() -> list[dict]:
        return [json.loads(line) for line in log.read_text().splitlines()]

    assert until(lambda: len(entries()) == 4), log.read_text()
    seen = {(each["remote_address"], each["client_address"], each["proxy_address"])
            for each in entries()}
    assert seen == {("203.0.113.1", "203.0.113.1", PROXY), ("203.0.113.2", "203.0.113.2", PROXY),
                    ("127.0.0.1", "127.0.0.1", None)}


# The PROXY protocol.


def version2(command: int = 1, source: str = "203.0.113.7", rest: bytes = b"") -> bytes:
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    server = "2001:db8::80" if ":" in source else "192.0.2.80"
    ends = (socket.inet_pton(family, source) + socket.inet_pton(family, server)
            + struct.pack("!HH", 4711, 8080) + rest)
    return (SIGNATURE + bytes([0x20 | command, 0x21 if ":" in source else 0x11])
            + struct.pack("!H", len(ends)) + ends)


V1 = b"PROXY TCP4 203.0.113.7 192.0.2.80 4711 8080\r\n"
HEADERS = {
    "v1": (V1, "203.0.113.7"), "v1-six": (b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "2001:db8::1"),
    "unknown": (b"PROXY UNKNOWN\r\n", PROXY), "v2": (version2(), "203.0.113.7"),
    "v2-six": (version2(source="2001:db8::1"), "2001:db8::1"),
    "v2-fields": (version2(rest=b"\x03\0\4abcd\x20\0\1x"), "203.0.113.7"),
    "local": (version2(command=0), PROXY), "local-short": (SIGNATURE + b"\x20\0\0\0", PROXY)}


@pytest.fixture
def proxied(start, site):
    site.c_program("env.cgi", ENVIRONMENT)
    site.file("inner/page.html", "inner")
    return start(config=configured(
        site, listen='[[listen]]\naddress = "127.0.0.1:0"\nproxy_protocol = true\n'
                     '[limits]\nheader_timeout = "2s"\n'))


def say(server, data: bytes, target: str = "/env.cgi", fields: tuple = (), source: str = PROXY,
        pieces: int = 0) -> client.Response:
    with client.Connection(("127.0.0.1", server.port), source=source) as connection:
        whole = data + client.head("GET", target, fields, host="a.example")
        if pieces:
            connection.send_pieces(whole, pieces)
        else:
            connection.send(whole)
        return connection.read_response()


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("pieces", [0, 1])
def test_a_header_names_the_client(proxied, name, pieces):
    data, address = HEADERS[name]
    found = environment_of(say(proxied, data, pieces=pieces))
    assert found["REMOTE_ADDR"] == address
    if address == "203.0.113.7":
        assert (found["REMOTE_PORT"], found["SERVER_ADDR"], found["SERVER_PORT"]) == (
            "4711", "192.0.2.80", "8080")


def test_a_header_holds_for_the_whole_connection_and_its_rules(proxied):
    with client.Connection(("127.0.0.1", proxied.port), source=PROXY) as connection:
        connection.send(version2())
        for _ in range(3):
            assert connection.request("GET", "/inner/page.html").status == 200
    assert say(proxied, V1.replace(b"203.0.113.7", b"198.51.100.7"), "/inner/page.html").status == 403
    assert say(proxied, b"PROXY UNKNOWN\r\n", "/inner/page.html").status == 403, "it is not local"
    assert say(proxied, version2(command=0), "/inner/page.html").status == 200
    # Whom the header names is no proxy, and so is not believed.
    spoofing = say(proxied, V1, fields=[("X-Forwarded-For", "127.0.0.1")])
    found = environment_of(spoofing)
    assert found["REMOTE_ADDR"] == "203.0.113.7" and "HTTP_X_FORWARDED_FOR" not in found
    # One that is a proxy, is.
    chained = V1.replace(b"203.0.113.7", b"10.0.0.9")
    found = environment_of(say(proxied, chained, fields=[("X-Forwarded-For", "198.51.100.1")]))
    assert found["REMOTE_ADDR"] == "198.51.100.1"


@pytest.mark.parametrize("data, said", [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "does not begin as the PROXY protocol does"),
    (b"PROXY TCP4 203.0.113.7\r\n", "no two addresses"), (b"PROXY " + b"x" * 200, "107 bytes"),
    (SIGNATURE + b"\x21\x11\0\1x", "too short"), (SIGNATURE + b"\x31\x11\0\0", "version"),
    (SIGNATURE + b"\x21\x11\xff\xff", "4096"), (b"\x16\3\1\2\0", "does not begin"),
    (b"PROXY TC", "did not come in time")])
def test_anything_else_is_closed_with_one_line(proxied, data, said):
    with client.Connection(("127.0.0.1", proxied.port), source=PROXY) as connection:
        connection.send_as_far_as_taken(data)
        assert connection.ended(60)
    proxied.wait_log(f"warn .*{PROXY} sent no header of the PROXY protocol: .*{said}")
    assert len(re.findall("sent no header", proxied.log())) == 1, proxied.log()


def test_a_stranger_is_closed_before_anything_is_read(proxied):
    for data in (V1, b"", b"GET / HTTP/1.1\r\n\r\n"):
        with client.Connection(("127.0.0.1", proxied.port), source="127.0.0.3") as connection:
            connection.send_as_far_as_taken(data)
            assert connection.ended(60)
    proxied.wait_log("127.0.0.3 connected to 127.0.0.1:0 and is not in trusted_proxies")


def test_who_only_looks_leaves_no_line(proxied):
    client.Connection(("127.0.0.1", proxied.port), source=PROXY).close()
    assert environment_of(say(proxied, V1))["REMOTE_ADDR"] == "203.0.113.7"
    assert "PROXY" not in proxied.log()


@pytest.mark.kills_worker
def test_a_server_with_waiting_headers_ends(proxied):
    waiting = client.Connection(("127.0.0.1", proxied.port), source=PROXY)
    waiting.send(b"PROXY ")
    assert environment_of(say(proxied, V1))
    proxied.signal(signal.SIGQUIT)
    assert waiting.ended(60)


def test_proxy_protocol_needs_trusted_proxies(run, site, tmp_path):
    file = tmp_path / "cgisrv.toml"
    file.write_text('[[listen]]\naddress = "127.0.0.1:0"\nproxy_protocol = true\n'
                    f'[[site]]\nroot = "{site.root}"\n')
    result = run("check", "-c", file)
    assert result.returncode == 78 and f"{file}:3:" in result.stderr, result
    assert "trusted_proxies" in result.stderr


# Real proxies, by what they are told in the guide.


@pytest.mark.parametrize("send", ["send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"])
@pytest.mark.parametrize("mode", ["http", "tcp"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_haproxy_by_the_proxy_protocol(start, site, front, tmp_path, send, mode, kind):
    site.c_program("env.cgi", ENVIRONMENT)
    path = tmp_path / "cgisrv.sock"
    address = "127.0.0.1:0" if kind == "tcp" else f"unix:{path}"
    server = start(config=cgi_site(
        site.root, server='trusted_proxies = ["127.0.0.1", "unix"]\n'
                          f'[[listen]]\naddress = "{address}"\nproxy_protocol = true\n'))
    target = f"127.0.0.1:{server.port}" if kind == "tcp" else f"unix@{path}"
    proxy = front("haproxy", HAPROXY.replace("MODE", mode).replace("OPTIONS", "").replace(
        "SERVER", f"{target} {send}"), "-db", "-f")
    found = environment(server, source="127.0.0.9", port=proxy.port)
    assert (found["REMOTE_ADDR"], found["SERVER_PORT"]) == ("127.0.0.9", str(proxy.port))


def guide(first_line: str) -> str:
    """The block of the guide's part about proxies that begins so."""
    text = (REPOSITORY / "docs/guide.md").read_text().partition("\n## Behind a proxy\n")[2]
    found = re.search(rf"^```\w*\n({re.escape(first_line)}\n.*?)^```$", text,
                      re.MULTILINE | re.DOTALL)
    assert found, first_line
    return found[1]


FORGED = ["X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.8", "X-Forwarded-Port: 1",
          "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Request-ID: forged",
          "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]


def assert_right(server, proxy: Front) -> None:
    """What a client forges does not come through the proxy."""
    for forged in ([], FORGED):
        found = environment(server, *forged, source="127.0.0.9", port=proxy.port)
        assert found["REMOTE_ADDR"] == found["HTTP_X_FORWARDED_FOR"] == "127.0.0.9", found
        assert found["SERVER_NAME"] == "a.example" and "HTTPS" not in found, found
        assert found["SERVER_PORT"] == "80" and "HTTP_FORWARDED" not in found, found
        assert found["REQUEST_ID"] == found["HTTP_X_REQUEST_ID"] != "forged", found


def test_haproxy_as_the_guide_has_it(start, site, front):
    site.c_program("env.cgi", ENVIRONMENT)
    server = start(config=cgi_site(site.root, server='trusted_proxies = ["127.0.0.1"]'))
    text = guide("defaults").replace("bind :80", "bind 127.0.0.1:PORT")
    assert "127.0.0.1:8080" in text
    assert_right(server, front("haproxy", "global\n  user root\n" + text.replace(
        "127.0.0.1:8080", f"127.0.0.1:{server.port}"), "-db", "-f"))


@pytest.fixture
def on_unix(start, site, tmp_path):
    site.c_program("env.cgi", ENVIRONMENT)
    site.file("page.html", "page")
    return start(config=cgi_site(site.root, server='trusted_proxies = ["unix"]\n[[listen]]\n'
                                                   f'address = "unix:{tmp_path}/cgisrv.sock"\n'))


def test_nginx_as_the_guide_has_it(on_unix, front, tmp_path):
    text = guide("upstream cgisrv {").replace("listen 80;", "listen 127.0.0.1:PORT;")
    text = text.replace("/run/cgisrv/cgisrv.sock", f"{tmp_path}/cgisrv.sock")
    assert_right(on_unix, front("nginx", nginx(tmp_path, text), "-c"))


def test_apache_as_the_guide_has_it(on_unix, front, tmp_path):
    modules = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
                      for name in ("mpm_event", "authz_core", "headers", "proxy", "proxy_http", "unique_id"))
    text = guide("ProxyPreserveHost On").replace("/run/cgisrv/cgisrv.sock",
                                                 f"{tmp_path}/cgisrv.sock")
    assert_right(on_unix, front("apache2", f"""
{modules}
ServerName localhost
ServerRoot "{tmp_path}"
DefaultRuntimeDir "{tmp_path}"
PidFile "{tmp_path}/apache2.pid"
ErrorLog "{tmp_path}/apache2.log"
User www-data
Listen 127.0.0.1:PORT
{text}""", "-D", "FOREGROUND", "-f"))
