"""One search over all machines: the id that a proxy has given a request is the request's, in logs, on
pages, and for programs; and nobody else can give it one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from support import client, fastcgi, http2, scgi
from support.admin import Admin
from support.backends import Asked, Backend, answer
from support.client import Response
from support.configuration import cgi_site
from support.programs import ENVIRONMENT, environment_of
from support.proxies import HAPROXY, nginx
from support.waiting import until

PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
OWN = r"[0-9a-f]{16}"
numbers = count()


def fresh() -> str:
    """An id that no other request has."""
    return f"front:{next(numbers)}_x-1.@+=#"


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    def echo(asked: Asked) -> None:
        if asked.read():
            said = "\0".join([f"{name}={value}" for name, value in asked.params.items()] + [""])
            asked.send(answer(b"Content-Type: text/plain\r\n\r\n" + said.encode("latin-1")))

    with Backend(tmp_path_factory.mktemp("backend") / "server.sock", echo) as server:
        yield server


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.program("fails.cgi", "#!/bin/sh\necho oh dear >&2\nexit 3\n")
    shared_site.program("turns.cgi", "#!/bin/sh\nprintf 'Location: /env.cgi\\n\\n'\n")
    return shared_site


@pytest.fixture(scope="module")
def shared_config(backend):
    return cgi_site("{root}", f'[[site.location]]\nmatch = "/behind/"\nfastcgi = "{backend.address}"\n',
                    server=f'trusted_proxies = ["{PROXY}", "unix"]\n'
                           '[[listen]]\naddress = "127.0.0.1:0"\nhttp2 = true\n'
                           '[[listen]]\naddress = "unix:{root}.fcgi"\nprotocol = "fastcgi"\n'
                           '[[listen]]\naddress = "unix:{root}.scgi"\nprotocol = "scgi"\n',
                    admin='listen = "127.0.0.1:0"\n',
                    log='access = { path = "{root}.access", format = "json" }\n')


# By which a request may come: ask(target, fields, source) by that.


def by_http1(shared, _site, target: str, fields: client.Headers, source: str = PROXY) -> Response:
    with client.Connection(("127.0.0.1", shared.port), source=source) as connection:
        return connection.request("GET", target, fields)


def by_http2(shared, _site, target: str, fields: client.Headers, source: str = PROXY) -> Response:
    with http2.Connection(client.Connection(("127.0.0.1", shared.port), source=source)) as connection:
        return connection.request("GET", target, fields)


def params(target: str, fields: client.Headers, source: str) -> dict[str, str]:
    """Parameters of the web server's own are in capitals; the others are fields of its client's."""
    def name_of(name: str) -> str:
        return name if name.isupper() else f"HTTP_{name.upper().replace('-', '_')}"

    return fastcgi.of_url(target, more={name_of(name): value for name, value in fields}, REMOTE_ADDR=source)


def by_fastcgi(_shared, site, target: str, fields: client.Headers, source: str = PROXY) -> Response:
    return fastcgi.ask(f"{site.root}.fcgi", params(target, fields, source))


def by_scgi(_shared, site, target: str, fields: client.Headers, source: str = PROXY) -> Response:
    return scgi.ask(f"{site.root}.scgi", params(target, fields, source))


HTTP = [by_http1, by_http2]
GATEWAYS = [by_fastcgi, by_scgi]
EVERYWHERE = [*HTTP, *GATEWAYS]


@pytest.fixture
def ask(shared, shared_site, way: Callable[..., Response]):
    return lambda *arguments, **more: way(shared, shared_site, *arguments, **more)


def entries(site, key: str) -> list[dict]:
    """Lines of the access log that have that id."""
    lines = Path(f"{site.root}.access").read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["request_id"] == key]


def own_id(environment: dict[str, str]) -> bool:
    assert environment["UNIQUE_ID"] == environment["REQUEST_ID"]
    return bool(re.fullmatch(OWN, environment["REQUEST_ID"]))


# What is taken.


@pytest.mark.parametrize("way", EVERYWHERE)
def test_one_search_finds_all_of_it(ask, shared, shared_site):
    key = fresh()
    page = ask("/fails.cgi", [("X-Request-ID", key), ("Accept", "text/html")])
    assert page.status == 502 and f"<code>{key}</code>" in page.text, page
    shared.wait_log(rf"\[{re.escape(key)}\] /fails\.cgi: stderr: oh dear")
    shared.wait_log(rf"warn .*\[{re.escape(key)}\] 502: .*/fails\.cgi: exit status 3")
    assert until(lambda: entries(shared_site, key)), Path(f"{shared_site.root}.access").read_text()
    assert [each["status"] for each in entries(shared_site, key)] == [502]
    admin = Admin(shared)
    assert until(lambda: [each["request_id"] for each in admin.json()["failures"]].count(key) == 1)
    found = environment_of(ask("/env.cgi", [("x-request-id", key), ("traceparent", PARENT)]))
    assert (found["REQUEST_ID"], found["UNIQUE_ID"], found["HTTP_X_REQUEST_ID"]) == (key, key, key)
    assert found["HTTP_TRACEPARENT"] == PARENT


@pytest.mark.parametrize("way", EVERYWHERE)
def test_a_trace_names_the_request_where_nothing_else_does(ask):
    found = environment_of(ask("/env.cgi", [("traceparent", PARENT), ("tracestate", "a=b")]))
    assert found["REQUEST_ID"] == TRACE and "HTTP_X_REQUEST_ID" not in found
    assert (found["HTTP_TRACEPARENT"], found["HTTP_TRACESTATE"]) == (PARENT, "a=b")
    assert "HTTP_TRACEPARENT" not in environment_of(ask("/env.cgi", [])), "none is invented"


@pytest.mark.parametrize("way", HTTP)
def test_of_several_the_proxy_s_is_the_last(ask):
    key = fresh()
    found = environment_of(ask("/env.cgi", [("X-Request-ID", "forged"), ("X-Request-ID", key)]))
    assert found["REQUEST_ID"] == found["HTTP_X_REQUEST_ID"] == key


@pytest.mark.parametrize("way", GATEWAYS)
def test_a_web_server_s_own_word_counts_whoever_its_client_is(ask, shared):
    for name in ("REQUEST_ID", "UNIQUE_ID"):
        key = fresh()
        found = environment_of(ask("/env.cgi", [(name, key), ("X-Request-ID", "client")], STRANGER))
        assert found["REQUEST_ID"] == found["UNIQUE_ID"] == key and "HTTP_X_REQUEST_ID" not in found
    found = environment_of(ask("/env.cgi", [("REQUEST_ID", "first"), ("UNIQUE_ID", "second")]))
    assert found["REQUEST_ID"] == "first"
    assert own_id(environment_of(ask("/env.cgi", [("REQUEST_ID", "../../etc")])))
    shared.wait_log(rf"info .*\[{OWN}\] the web server sent REQUEST_ID or UNIQUE_ID: \.\./\.\./etc, which is")


@pytest.mark.parametrize("way", GATEWAYS)
def test_a_refused_request_has_the_web_server_s_id_too(ask, shared, shared_site):
    key = fresh()
    page = ask("/env.cgi", [("REQUEST_ID", key), ("Host", "a b")], STRANGER)
    assert page.status == 400
    shared.wait_log(rf"\[{re.escape(key)}\] 400: malformed Host field")
    assert until(lambda: [each["status"] for each in entries(shared_site, key)] == [400])


@pytest.mark.parametrize("way", [way for way in EVERYWHERE if way not in GATEWAYS])
def test_a_local_redirect_keeps_it(ask, shared_site):
    """Which is the web server's to follow, where there is one."""
    key = fresh()
    found = environment_of(ask("/turns.cgi", [("X-Request-ID", key)]))
    assert found["REQUEST_ID"] == key and found["REDIRECT_URL"] == "/turns.cgi"
    assert until(lambda: entries(shared_site, key))


@pytest.mark.parametrize("way", EVERYWHERE)
def test_backends_keep_it(ask):
    key = fresh()
    told = environment_of(ask("/behind/", [("X-Request-ID", key), ("traceparent", PARENT)]))
    assert told["REQUEST_ID"] == told["HTTP_X_REQUEST_ID"] == key and told["HTTP_TRACEPARENT"] == PARENT


def test_requests_that_share_an_id_are_told_apart(shared, shared_site):
    """A proxy that tries again has one id for both."""
    key = fresh()
    for _ in range(3):
        assert by_http1(shared, shared_site, "/fails.cgi", [("X-Request-ID", key)]).status == 502
    assert until(lambda: len(entries(shared_site, key)) == 3)
    admin = Admin(shared)

    def failures() -> list[dict]:
        return [each for each in admin.json()["failures"] if each["request_id"] == key]

    assert until(lambda: len(failures()) == 3), failures()
    assert len({(each["time"], each["duration_seconds"]) for each in failures()}) == 3


# What is not.


@pytest.mark.parametrize("way", EVERYWHERE)
def test_nobody_else_names_a_request(ask, shared, shared_site):
    key = fresh()
    fields = [("X-Request-ID", key), ("traceparent", PARENT), ("tracestate", "a=b")]
    found = environment_of(ask("/env.cgi", fields, STRANGER))
    assert own_id(found) and not [name for name in found if "REQUEST_ID" in name[5:] or "TRACE" in name], found
    assert ask("/fails.cgi", fields, STRANGER).status == 502
    shared.wait_log(rf"\[{OWN}\] /fails\.cgi: stderr: oh dear")
    assert key not in shared.log() and TRACE not in shared.log()
    assert not entries(shared_site, key)


@pytest.mark.parametrize("value", [
    "a b", 'a"b', "a\\b", "a]b", "../x", "-rf", "<b>", "a/b", "x" * 129, "\xc3\xa9", "$(id)", "a;b", "one,"])
def test_what_is_no_id_is_not_taken(shared, shared_site, value):
    found = environment_of(by_http1(shared, shared_site, "/env.cgi", [
        ("X-Request-ID", value), ("traceparent", PARENT)]))
    assert own_id(found) and "HTTP_X_REQUEST_ID" not in found
    line = shared.wait_log(rf"^.*\[{found['REQUEST_ID']}\] a trusted proxy sent X-Request-ID: .*$")[0]
    assert "is not taken as the request's id" in line and len(line) < 500


@pytest.mark.parametrize("value", [
    PARENT.upper(), f"{PARENT}-more", f"00-{'0' * 32}-00f067aa0ba902b7-01", "00-x", f"{PARENT}, {PARENT}"])
def test_a_traceparent_that_is_not_valid_names_nothing(shared, shared_site, value):
    assert own_id(environment_of(by_http1(shared, shared_site, "/env.cgi", [("traceparent", value)])))
    shared.wait_log(rf"\[{OWN}\] a trusted proxy sent traceparent: ")


def test_by_the_proxy_protocol_the_listener_says_whose_it_is(start, site):
    """The peer is the client then. In TCP mode fields are the client's own."""
    site.c_program("env.cgi", ENVIRONMENT)
    listen = '[[listen]]\naddress = "127.0.0.1:0"\nhttp2 = true\nproxy_protocol = true\n'
    server = start(config=cgi_site(
        site.root, server=f'trusted_proxies = ["{PROXY}"]\n{listen}{listen}request_ids = true\n'))
    said = [("X-Request-ID", "front-1"), ("X-Forwarded-Proto", "https")]

    def wire(port: int) -> client.Connection:
        connection = client.Connection(("127.0.0.1", port), source=PROXY)
        connection.send(b"PROXY TCP4 203.0.113.7 192.0.2.80 4711 8080\r\n")
        return connection

    for port, key in zip(server.ports(), (None, "front-1")):
        with wire(port) as connection, http2.Connection(wire(port)) as multiplexed:
            for one in (connection, multiplexed):
                found = environment_of(one.request("GET", "/env.cgi", said))
                assert found["REMOTE_ADDR"] == "203.0.113.7" and "HTTPS" not in found
                assert own_id(found) if key is None else found["REQUEST_ID"] == key
                assert found.get("HTTP_X_REQUEST_ID") == key


def test_without_trusted_proxies_nothing_changes(start, site):
    """Programs see what the client has sent, and the request has its own id."""
    site.c_program("env.cgi", ENVIRONMENT)
    server = start(config=cgi_site(site.root))
    found = environment_of(server.get("/env.cgi", [("X-Request-ID", "theirs"), ("traceparent", PARENT)]))
    assert own_id(found)
    assert (found["HTTP_X_REQUEST_ID"], found["HTTP_TRACEPARENT"]) == ("theirs", PARENT)


# Real proxies: the same id in their log and in ours.


@pytest.fixture
def behind(start, site, tmp_path):
    site.program("tells.cgi", "#!/bin/sh\necho here >&2\n"
                              "printf 'Content-Type: text/plain\\n\\n%s' \"$REQUEST_ID\"\n")
    return start(config=cgi_site(site.root, server='trusted_proxies = ["127.0.0.1"]\n'
                                                   '[[listen]]\naddress = "127.0.0.1:0"\n'
                                                   f'[[listen]]\naddress = "unix:{tmp_path}/cgisrv.fcgi"\n'
                                                   'protocol = "fastcgi"\n',
                                 log=f'access = {{ path = "{tmp_path}/access.log", '
                                     'format = "{request_id} {status}" }\n'))


def assert_one_id(server, proxy, log: Path, tmp_path: Path, target: str = "/tells.cgi") -> None:
    with client.Connection(("127.0.0.1", proxy.port), source="127.0.0.9") as connection:
        keys = [connection.request("GET", target, [("X-Request-ID", "forged")]).text
                for _ in range(3)]
    assert len(set(keys)) == 3 and "forged" not in keys
    for key in keys:
        assert until(lambda: re.search(rf"^{key} 200$", log.read_text(), re.MULTILINE)), log.read_text()
        server.wait_log(rf"\[{key}\] /tells\.cgi: stderr: here")
        own = tmp_path / "access.log"
        assert until(lambda: f"{key} 200\n" in own.read_text()), own.read_text()


def test_haproxy_s_log_has_the_id(behind, front, tmp_path):
    text = HAPROXY.replace("MODE", "http\n  log stdout format raw local0\n  log-format \"%ID %ST\"")
    text = text.replace("  default_backend", "  unique-id-format %{+X}o\\ %ci:%cp_%fi:%fp_%Ts_%rt:%pid\n"
                                             "  unique-id-header X-Request-ID\n  default_backend")
    proxy = front("haproxy", text.replace("OPTIONS", "option forwardfor").replace(
        "SERVER", f"127.0.0.1:{behind.port}"), "-db", "-f")
    assert_one_id(behind, proxy, proxy.file, tmp_path)


def test_nginx_s_log_has_the_id(behind, site, front, tmp_path):
    log = tmp_path / "nginx-access.log"
    proxy = front("nginx", nginx(tmp_path, f"""
log_format ids '$request_id $status';
server {{
  listen 127.0.0.1:PORT;
  access_log {log} ids;
  location / {{
    proxy_pass http://127.0.0.1:{behind.port};
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Request-ID $request_id;
  }}
  location /by-fastcgi/ {{
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param REMOTE_ADDR $remote_addr;
    fastcgi_param SCRIPT_NAME /tells.cgi;
    fastcgi_param SCRIPT_FILENAME {site.root}/tells.cgi;
    fastcgi_param REQUEST_ID $request_id;
    fastcgi_pass unix:{tmp_path}/cgisrv.fcgi;
  }}
}}
"""), "-c")
    assert_one_id(behind, proxy, log, tmp_path)
    assert_one_id(behind, proxy, log, tmp_path, "/by-fastcgi/")
