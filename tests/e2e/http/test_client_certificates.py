"""Clients that show a certificate: what programs are told, who is let in, and whom nobody can pose as."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from support import client
from support.clauses import clause
from support.programs import ENVIRONMENT, environment_of
from support.site import Site
from support.tls import Authority, LargeRsaKey, connect, plain_port, site_keys, tls_config
from support.waiting import until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
SITE = "first.example"  # asks for certificates of `people`
OTHER = "second.example"  # asks for those of `strangers`, behind the same certificate
OPEN = "third.example"  # asks nobody, behind the same certificate


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("people"), "people")


@pytest.fixture(scope="module")
def strangers(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("strangers"), "strangers")


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    shared_site.c_program("env.cgi", ENVIRONMENT)
    shared_site.program("warm/env.pl", "#!/usr/bin/perl\nprint qq(Content-Type: text/plain\\n\\n);\n"
                        "print qq($_=$ENV{$_}\\n) for sort keys %ENV;\n")
    shared_site.program("early/env.pl", "#!/usr/bin/perl\nBEGIN { our $who = $ENV{SSL_CLIENT_S_DN_CN}; }\n"
                        "print qq(Content-Type: text/plain\\n\\n$who);\n")
    for folder in ("private", "alice", "either", "mail"):
        shared_site.c_program(f"{folder}/env.cgi", ENVIRONMENT)
        shared_site.file(f"{folder}/page.html", "for those with a certificate")
    shared_site.file("page.html", "the page")
    shared_site.file("passwords", "bob:" + subprocess.run(
        ["openssl", "passwd", "-apr1", "secret"], capture_output=True, text=True, check=True).stdout)
    return shared_site


@pytest.fixture(scope="module")
def shared_config(authority: Authority, people: Authority, strangers: Authority) -> str:
    keys = site_keys(authority.sign("sites", SITE, OTHER, OPEN))
    rules = {"private": 'certificate = "CN"', "alice": 'certificate = "CN", users = ["alice"]',
             "either": 'certificate = "CN", passwords = "{root}/passwords"',
             "mail": 'certificate = "email"'}
    locations = "".join(f'[[site.location]]\nmatch = "/{folder}/"\nauth = {{{{ {rule} }}}}\n'
                        for folder, rule in rules.items()).replace("{{", "{").replace("}}", "}")
    programs = '[[site.location]]\nmatch = "*.cgi"\ncgi = true\n'
    others = "".join(f'[[site]]\nserver_name = ["{name}"]\nroot = "{{root}}"\n{keys}{more}{programs}'
                     for name, more in ((OTHER, f'client_ca = "{strangers.certificate}"\n'), (OPEN, "")))
    warm = "".join(f'[[site.location]]\nmatch = "/{folder}/*.pl"\ncgi = true\nstart = "warm"\n'
                   for folder in ("warm", "early"))
    return tls_config("{root}", f'server_name = ["{SITE}"]\n{keys}client_ca = "{people.certificate}"\n',
                      more=warm + locations + others)


@pytest.fixture(params=VERSIONS, ids=["1.2", "1.3"])
def version(request) -> ssl.TLSVersion:
    return request.param


@pytest.fixture
def known(authority: Authority, people: Authority, version):
    """Makes the context of a client with a certificate by an authority, or without one."""
    def make(by: Authority | None = people, *, name: str = "alice", **more) -> ssl.SSLContext:
        context = authority.context()
        context.minimum_version = context.maximum_version = version
        if by is not None:
            context.load_cert_chain(*by.sign_client(name, **more))
        return context
    return make


last = SimpleNamespace(session=None, reused=False)  # of the last connection


def ask(server, context: ssl.SSLContext, path: str = "/env.cgi", *, sni: str = SITE, host: str = SITE,
        session=None, headers=()) -> client.Response:
    with connect(server, context, sni, session=session) as connection:
        answer = connection.request("GET", path, headers, host=host)
        last.session, last.reused = connection.tls.session, connection.tls.session_reused
    return answer


def serial_of(certificate: Path) -> str:
    said = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-serial"],
                          capture_output=True, text=True, check=True).stdout
    return said.strip().partition("=")[2]


def told(answer: client.Response) -> dict[str, str]:
    return {name: value for name, value in environment_of(answer).items()
            if name.startswith(("SSL_CLIENT", "REMOTE_USER", "AUTH_TYPE"))}


@clause("rfc8446-4.4.3-client-verified")
def test_programs_are_told_of_a_certificate(shared, known, people):
    context = known(email="alice@example.org")
    for resumed in (False, True):
        found = told(ask(shared, context, session=last.session if resumed else None))
        assert last.reused == resumed
        assert found.pop("SSL_CLIENT_M_SERIAL") == serial_of(people.folder / "client-alice.pem")
        assert re.fullmatch(r"\w{3} [ \d]\d [\d:]{8} 20\d\d GMT", found.pop("SSL_CLIENT_V_START"))
        assert re.fullmatch(r"\w{3} [ \d]\d [\d:]{8} 20\d\d GMT", found.pop("SSL_CLIENT_V_END"))
        assert found == {"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=alice",
                         "SSL_CLIENT_S_DN_CN": "alice", "SSL_CLIENT_I_DN": "CN=people",
                         "SSL_CLIENT_SAN_Email_0": "alice@example.org"}


@clause("rfc8446-4.4.2.4-client-certificate", "rfc8446-4.4.3-client-verified")
@pytest.mark.parametrize("case, verified", [
    ("none", "NONE"), ("of a stranger", "FAILED:unable to get local issuer certificate"),
    ("expired", "FAILED:certificate has expired"), ("of a server", "FAILED:unsuitable certificate purpose"),
    ("of its own", "FAILED:self-signed certificate")])
def test_nobody_is_believed_without_a_good_one(shared, known, strangers, people, case, verified):
    context = {"none": lambda: known(None), "of a stranger": lambda: known(strangers),
               "expired": lambda: known(name="expired", days=-1),
               "of a server": lambda: known(name="server", usage="serverAuth"),
               "of its own": lambda: known(strangers, name="self", signed=False)}[case]()
    forged = [(f"SSL-Client-{part}", "SUCCESS") for part in ("Verify", "S-DN", "S-DN-CN")] + [
        ("SSL_CLIENT_VERIFY", "SUCCESS"), ("X-SSL-Client-Verify", "SUCCESS"), ("Remote-User", "alice")]
    for resumed in (False, True):
        answer = ask(shared, context, headers=forged, session=last.session if resumed else None)
        assert told(answer) == {"SSL_CLIENT_VERIFY": verified} and last.reused == resumed
        refused = ask(shared, context, "/private/env.cgi", session=last.session)
        assert refused.status == 403 and "certificate" in refused.text
    with client.Connection(("127.0.0.1", plain_port(shared))) as connection:
        assert not told(connection.request("GET", "/env.cgi", forged, host=SITE))
        assert connection.request("GET", "/private/env.cgi", host=SITE).status == 403


@pytest.mark.parametrize("bits, is_taken", [(4096, True), (10240, False)])
def test_a_key_may_not_take_long_to_compute_with(shared, known, bits, is_taken):
    """The server does, before anybody knows who it is."""
    context = known(name="large", key=LargeRsaKey(bits))
    if is_taken:
        assert told(ask(shared, context))["SSL_CLIENT_VERIFY"] == "SUCCESS"
    else:
        with pytest.raises((OSError, client.Closed)):
            ask(shared, context)


@clause("rfc8446-4.4.3-client-verified")
def test_a_session_counts_where_it_was_begun(shared, known, strangers):
    mine = known()
    ask(shared, mine, sni=SITE)
    session = last.session
    found = told(ask(shared, mine, sni=OTHER, host=OTHER, session=session))
    assert not last.reused and found["SSL_CLIENT_VERIFY"].startswith("FAILED")
    assert told(ask(shared, mine, sni=OPEN, host=OPEN, session=session)) == {} and not last.reused
    theirs = known(strangers)
    ask(shared, theirs, sni=OTHER, host=OTHER)
    assert ask(shared, theirs, "/private/page.html", session=last.session).status == 403 and not last.reused
    nobody = known(None)
    assert ask(shared, nobody, sni=OPEN, host=OPEN).status == 200
    assert ask(shared, nobody, "/private/page.html", session=last.session).status == 403


@clause("rfc9110-15.5.20-other-certificate")
@pytest.mark.parametrize("sni, host", [(OPEN, SITE), (OTHER, SITE), (SITE, OTHER), (SITE, OPEN),
                                       (None, OTHER), (None, OPEN)])
def test_a_connection_that_asked_otherwise_is_misdirected(shared, known, sni, host):
    context = known()
    context.check_hostname = False
    assert ask(shared, context, "/page.html", sni=sni, host=host).status == 421


def test_whoever_names_no_host_is_asked_as_for_the_first_site(shared, known):
    context = known()
    context.check_hostname = False
    found = told(ask(shared, context, sni=None))
    assert found["SSL_CLIENT_VERIFY"] == "SUCCESS" and found["SSL_CLIENT_S_DN_CN"] == "alice"


def test_the_certificate_says_who_the_user_is(shared, known, people):
    alice, bob = known(email="alice@example.org"), known(name="bob")
    found = told(ask(shared, alice, "/private/env.cgi"))
    assert (found["REMOTE_USER"], found["AUTH_TYPE"]) == ("alice", "CLIENT_CERT")
    assert told(ask(shared, alice, "/mail/env.cgi"))["REMOTE_USER"] == "alice@example.org"
    assert ask(shared, bob, "/mail/page.html").status == 403  # it has no address
    assert ask(shared, alice, "/alice/page.html").status == 200
    refused = ask(shared, bob, "/alice/page.html")
    assert refused.status == 403 and "bob" in refused.text
    assert "REMOTE_USER" not in told(ask(shared, alice, "/env.cgi"))  # nobody asked


def test_a_password_does_as_well_where_both_count(shared, known):
    basic = [("Authorization", "Basic Ym9iOnNlY3JldA==")]
    assert told(ask(shared, known(), "/either/env.cgi"))["AUTH_TYPE"] == "CLIENT_CERT"
    nobody = known(None)
    assert ask(shared, nobody, "/either/env.cgi").status == 401
    found = told(ask(shared, nobody, "/either/env.cgi", headers=basic))
    assert (found["REMOTE_USER"], found["AUTH_TYPE"]) == ("bob", "Basic")


@pytest.mark.parametrize("names", [["alice", "bob"], ["al\0ice"], ["alice\n"], []])
def test_a_name_that_can_be_misread_is_nobodys(shared, known, people, names):
    refused = ask(shared, known(name="odd", names=names), "/private/page.html")
    assert refused.status == 403 and "does not name a user" in refused.text


def test_warm_programs_are_told_the_same(shared, known):
    assert until(lambda: ask(shared, known(None), "/warm/env.pl").status == 200
                 and "started warm" in shared.log(everything=True))
    shared.checkpoint(settle=True)  # it stays
    for name in ("alice", "bob"):
        lines = ask(shared, known(name=name), "/warm/env.pl").text.splitlines()
        assert f"SSL_CLIENT_S_DN_CN={name}" in lines and "SSL_CLIENT_VERIFY=SUCCESS" in lines
        assert ask(shared, known(name=name), "/early/env.pl").text == name
    lines = ask(shared, known(None), "/warm/env.pl").text.splitlines()
    assert "SSL_CLIENT_VERIFY=NONE" in lines and not [at for at in lines if "S_DN" in at]


def test_curl_shows_its_certificate(shared, authority, people):
    certificate, key = people.sign_client("alice")
    said = subprocess.run(
        ["curl", "-sS", "--cacert", authority.certificate, "--cert", certificate, "--key", key,
         "--resolve", f"{SITE}:{shared.ports()[0]}:127.0.0.1",
         f"https://{SITE}:{shared.ports()[0]}/private/page.html"], capture_output=True, text=True)
    assert said.stdout == "for those with a certificate", said


@pytest.mark.parametrize("keys, message", [
    ('client_ca = "/nowhere"', "'client_ca': /nowhere cannot be read"),
    ('client_ca = "{leaf}"', "'client_ca': certificate number 1 in .* is of no authority"),
    ('client_ca = "{key}"', "'client_ca': .* holds a key and no certificate"),
    ('auth = {{ certificate = "CN" }}', r"'certificate': .*write client_ca ="),
    ('client_ca = "{ca}"\nauth = {{ certificate = "CM" }}', '"CN"'),
    ('client_ca = "{ca}"\nauth = {{ users = ["alice"] }}', r"'auth': write passwords = "),
    ('client_ca = "{ca}"\nauth = {{ certificate = "CN", users = ["@staff"] }}', "'users': groups")])
def test_check_says_what_to_do(run, site, tmp_path, authority, people, keys, message):
    leaf, key = people.sign_client("alice")
    file = tmp_path / "cgisrv.toml"
    pair = site_keys(authority.sign("e", "a.example"))
    keys = keys.format(leaf=leaf, key=key, ca=people.certificate)
    file.write_text(f'[[listen]]\naddress = ":8443"\ntls = true\n[[site]]\nroot = "{site.root}"\n{pair}{keys}\n')
    done = run("check", "-c", file)
    assert done.returncode != 0 and re.search(rf"cgisrv\.toml:[78]:\d+: .*{message}", done.stderr), done.stderr


def test_the_log_has_the_user(start, site, authority, people, known, tmp_path):
    site.file("page.html", "the page")
    log = tmp_path / "access.log"
    server = start(config=tls_config(
        site.root, site_keys(authority.sign("g", SITE)) + f'client_ca = "{people.certificate}"\n'
        'auth = { certificate = "DN" }\n') + f'[log.access]\npath = "{log}"\nformat = "{{user}} {{status}}"\n')
    assert ask(server, known(), "/page.html").status == 200
    assert ask(server, known(None), "/page.html").status == 403
    assert until(lambda: log.read_text().splitlines() == ["CN=alice 200", "- 403"])
