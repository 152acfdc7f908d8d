"""HTTP/2 over TLS: who gets it, which hosts a connection is for, and how it ends."""

from __future__ import annotations

import os
import ssl

import pytest

from support import http2, tls
from support.clauses import clause
from support.client import ProtocolError
from support.frames import PREFACE, Conversation, request, settings
from support.http2 import Connection
from support.programs import environment_of
from support.tls import Authority, connect, site_keys, tls_config

PAGE = "/page.html"


@pytest.fixture(scope="module")
def shared_config(authority: Authority) -> str:
    first = site_keys(authority.sign("a", "a.example", "localhost", "127.0.0.1"))
    second = site_keys(authority.sign("b", "b.example"))
    return tls_config("{root}", 'server_name = ["a.example"]\n' + first,
                      more='[[site]]\nserver_name = ["b.example"]\nroot = "{root}"\n' + second
                      + '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n')


@pytest.fixture
def context(context: ssl.SSLContext) -> ssl.SSLContext:
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


@pytest.fixture
def there(shared, context):
    with Connection(connect(shared, context)) as connection:
        yield connection


@clause("rfc9113-3.2-alpn")
@pytest.mark.parametrize("offered, chosen", [
    (["h2"], "h2"), (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["spdy/3", "h2"], "h2"),
    (["http/1.1"], "http/1.1"), (None, None)])
def test_who_offers_it_gets_it(shared, authority, offered, chosen):
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if offered:
        context.set_alpn_protocols(offered)
    with connect(shared, context) as wire:
        assert wire.tls.selected_alpn_protocol() == chosen
        by = Connection(wire) if chosen == "h2" else wire
        assert by.request("GET", PAGE).body == b"the page"


@clause("rfc9113-3.2-alpn")
def test_who_did_not_choose_it_does_not_get_it(shared, authority):
    with connect(shared, authority.context()) as wire:
        wire.send(PREFACE + settings() + request(path=PAGE))
        assert wire.read_response().status in (400, 505)


@clause("rfc9113-3.2-alpn")
def test_who_chose_it_speaks_it(shared, context):
    with connect(shared, context) as wire:
        with pytest.raises((ProtocolError, AssertionError)):
            wire.request("GET", PAGE)


@clause("rfc9113-3.2-alpn")
def test_it_may_be_turned_off(start, site, authority, context):
    site.file("page.html", "the page")
    config = tls_config(site.root, site_keys(authority.sign("off", "localhost")))
    server = start(config=config.replace("tls = true", "tls = true\nhttp2 = false", 1))
    with connect(server, context) as wire:
        assert wire.tls.selected_alpn_protocol() == "http/1.1"
        assert wire.request("GET", PAGE).body == b"the page"


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
                                           (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_versions_of_tls(shared, context, version, name):
    context.minimum_version = context.maximum_version = version
    with Connection(connect(shared, context)) as there:
        found = environment_of(there.request("GET", "/env.cgi"))
    assert found["SSL_PROTOCOL"] == name
    assert found["HTTPS"] == "on" and found["REQUEST_SCHEME"] == "https"
    assert found["SERVER_PROTOCOL"] == "HTTP/2.0" and found["SERVER_PORT"] == str(shared.ports()[0])


@clause("rfc9113-9.1.1-reuse")
def test_a_connection_is_for_the_hosts_of_its_certificate(shared, context):
    with Connection(connect(shared, context, "b.example")) as there:
        first, second, third = (there.begin("GET", PAGE, host=host)
                                for host in ("b.example", "a.example", "b.example"))
        assert [there.response(each).status for each in (first, second, third)] == [200, 421, 200]


@clause("rfc9113-8.3.1-scheme")
def test_another_scheme_is_misdirected(shared, context):
    there = Conversation(connect(shared, context))
    there.send(request(path=PAGE))  # of http
    assert there.refusal() == 421


def test_megabytes_to_and_fro(there):
    content = os.urandom(3_000_000)
    assert there.request("POST", "/cat.cgi", body=content).body == content


def test_many_at_a_time(there, shared_site):
    large = (shared_site.root / "large").read_bytes()
    numbers = [there.begin("GET", target) for target in ("/large", PAGE, "/env.cgi") * 10]
    answers = [there.response(each) for each in numbers]
    assert all(each.status == 200 and each.complete for each in answers)
    assert [each.body for each in answers[::3]] == [large] * 10


def test_it_ends_with_a_notice(shared, context):
    there = Conversation(connect(shared, context))
    there.send(PREFACE)  # no frame
    there.closed_with()
    assert isinstance(there.wire, tls.Connection) and not there.wire.was_cut and not there.wire.was_reset


@clause("http2-same-everywhere")
def test_directory_mode(start, site, tmp_path):
    site.file("page.html", "the page")
    server = start(site, "--tls", environment={"XDG_STATE_HOME": str(tmp_path / "state")})
    with Connection(connect(server, http2.trusting_anyone())) as there:
        assert there.request("GET", PAGE).body == b"the page"
