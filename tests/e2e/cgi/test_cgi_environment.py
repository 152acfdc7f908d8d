"""Meta-variables: RFC 3875 section 4.1, and the ones that everybody relies on."""

import os
import re

import pytest

from support.clauses import clause
from support.client import LAST_CHUNK, chunk, head
from support.configuration import cgi_site
from support.programs import ENVIRONMENT, environment_of


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.c_program("folder/environment.cgi", ENVIRONMENT)
    shared_site.c_program("cgi-bin/environment", ENVIRONMENT)
    shared_site.c_program("index/index.cgi", ENVIRONMENT)
    return shared_site


@pytest.fixture
def ask(shared):
    def get(target="/environment.cgi", headers=(), **more):
        return environment_of(shared.get(target, headers, **more))
    return get


@clause("rfc3875-4.1.4-gateway-interface", "rfc3875-4.1.8-remote-addr",
        "rfc3875-4.1.17-server-software", "rfc3875-4.1.7-query-string", "cgi-de-facto-variables")
def test_always_set(ask):
    environment = ask()
    assert environment["GATEWAY_INTERFACE"] == "CGI/1.1"
    assert environment["REQUEST_METHOD"] == "GET"
    assert environment["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environment["SERVER_SOFTWARE"].startswith("cgisrv/")
    assert environment["REMOTE_ADDR"] == "127.0.0.1"
    assert environment["QUERY_STRING"] == ""
    assert environment["SCRIPT_NAME"] == "/environment.cgi"
    assert environment["REQUEST_SCHEME"] == "http"
    assert environment["REDIRECT_STATUS"] == "200", "php-cgi does not run without it"
    assert "/bin" in environment["PATH"]


@clause("rfc3875-4.1.1-identity", "rfc3875-4.1.2-content-length", "rfc3875-4.1.3-content-type",
        "rfc3875-4.1.5-path-info", "rfc3875-4.1.6-path-translated")
def test_not_set_unless_they_apply(ask):
    """RFC 3875 sections 4.1.1 to 4.1.6, 4.1.11."""
    environment = ask()
    for name in ("CONTENT_LENGTH", "CONTENT_TYPE", "PATH_INFO", "PATH_TRANSLATED", "AUTH_TYPE",
                 "REMOTE_USER", "REMOTE_IDENT", "HTTPS", "REDIRECT_URL", "HTTP_CONNECTION"):
        assert not environment.get(name), name


@clause("rfc3875-4.1.15-server-port", "cgi-de-facto-variables")
def test_server_port_and_addresses(ask, shared):
    """RFC 3875 sections 4.1.8 and 4.1.15: the port of the connection, whatever Host says."""
    environment = ask(host="example.localhost:1234")
    assert environment["SERVER_ADDR"] == "127.0.0.1"
    assert environment["REMOTE_PORT"].isdigit()
    assert environment["SERVER_NAME"] == "example.localhost"
    assert environment["SERVER_PORT"] == str(shared.port)


@clause("rfc3875-4.1.14-server-name", "rfc3875-4.1.15-server-port")
@pytest.mark.parametrize("host, name", [("Example.localhost.:80", "example.localhost"), ("[::1]:80", "[::1]"),
                                        ("127.0.0.1", "127.0.0.1")])
def test_server_name_is_the_host_asked_for(ask, shared, host, name):
    """RFC 3875 section 4.1.14."""
    environment = ask(host=host)
    assert environment["SERVER_NAME"] == name
    assert environment["SERVER_PORT"] == str(shared.port)


@clause("rfc3875-4.1.14-server-name")
def test_server_name_without_host_is_the_address(ask):
    assert ask(version="HTTP/1.0", host=None)["SERVER_NAME"] == "127.0.0.1"


@clause("rfc3875-4.1.16-server-protocol")
def test_server_protocol_of_a_1_0_request(ask):
    """RFC 3875 section 4.1.16."""
    assert ask(version="HTTP/1.0")["SERVER_PROTOCOL"] == "HTTP/1.0"


@clause("rfc3875-4.1.12-request-method")
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_request_method(shared, method):
    """RFC 3875 section 4.1.12."""
    assert environment_of(shared.request(method, "/environment.cgi"))["REQUEST_METHOD"] == method


@clause("rfc3875-4.1.7-query-string")
@pytest.mark.parametrize("query", [
    "a=b&c=d", "", "a%20b+c%2", "?", "/../x?y", "a=%00", "-s", "%ADs", "'\"<>|^`{}"])
def test_query_string_is_raw(ask, query):
    """RFC 3875 section 4.1.7."""
    assert ask("/environment.cgi?" + query)["QUERY_STRING"] == query


@clause("cgi-de-facto-variables")
def test_request_uri_is_raw(ask):
    target = "/folder//../environment.cgi/a%20b%2Fc?d=%20"
    assert ask(target)["REQUEST_URI"] == target


@clause("rfc3875-4.1.13-script-name", "cgi-de-facto-variables")
def test_script_and_root(ask, shared_site):
    environment = ask("/folder/environment.cgi/info")
    root = os.path.realpath(shared_site.root)
    assert environment["SCRIPT_NAME"] == "/folder/environment.cgi"
    assert os.path.realpath(environment["SCRIPT_FILENAME"]) == f"{root}/folder/environment.cgi"
    assert os.path.realpath(environment["DOCUMENT_ROOT"]) == root
    assert not environment["DOCUMENT_ROOT"].endswith("/")


@clause("rfc3875-4.1.13-script-name")
def test_script_in_cgi_bin(ask):
    environment = ask("/cgi-bin/environment/a/b")
    assert environment["SCRIPT_NAME"] == "/cgi-bin/environment"
    assert environment["PATH_INFO"] == "/a/b"


@clause("rfc3875-4.1.13-script-name")
def test_index_program_is_named(ask):
    environment = ask("/index/?a=b")
    assert environment["SCRIPT_NAME"] == "/index/index.cgi"
    assert environment["QUERY_STRING"] == "a=b" and not environment.get("PATH_INFO")


@clause("rfc3875-4.1.5-path-info")
@pytest.mark.parametrize("sent, seen", [
    ("/", "/"), ("/a/b", "/a/b"), ("/a%20b", "/a b"), ("/a%2520b", "/a%20b"), ("/a%0ab", "/a\nb"),
    ("/a%2fb", "/a/b"), ("/a%2Fb/c", "/a/b/c"), ("/%e4%bd%a0", "/\xe4\xbd\xa0"), ("/a+b", "/a+b"),
    ("/a;b=c", "/a;b=c"), ("/environment.cgi", "/environment.cgi"), ("/a%3fb", "/a?b"),
    ("/" + "a" * 7000, "/" + "a" * 7000)],
    ids=lambda value: value[:20])
def test_path_info_is_decoded_once(ask, sent, seen):
    """RFC 3875 section 4.1.5."""
    assert ask("/environment.cgi" + sent)["PATH_INFO"] == seen


@clause("rfc3875-4.1.6-path-translated")
def test_path_translated_goes_with_path_info(ask, shared_site):
    """RFC 3875 section 4.1.6."""
    translated = ask("/environment.cgi/a/b")["PATH_TRANSLATED"]
    assert translated.endswith("/a/b")
    assert os.path.realpath(translated) == os.path.realpath(shared_site.root / "a/b")


# The body.


@clause("rfc3875-4.1.2-content-length", "rfc3875-4.1.3-content-type")
def test_content_length_and_type(shared):
    """RFC 3875 sections 4.1.2 and 4.1.3."""
    environment = environment_of(shared.request("POST", "/environment.cgi",
                                                [("Content-Type", "text/plain; a=b")], b"hello"))
    assert environment["CONTENT_LENGTH"] == "5"
    assert environment["CONTENT_TYPE"] == "text/plain; a=b"
    assert "HTTP_CONTENT_LENGTH" not in environment and "HTTP_CONTENT_TYPE" not in environment


@clause("rfc3875-4.1.3-content-type")
def test_no_content_type_is_made_up(shared):
    environment = environment_of(shared.request("POST", "/environment.cgi", body=b"hello"))
    assert "CONTENT_TYPE" not in environment


@clause("rfc3875-4.1.2-content-length")
def test_leading_zeros_of_the_length_are_not_passed_on(shared):
    environment = environment_of(shared.request("POST", "/environment.cgi",
                                                [("Content-Length", "0005")], b"hello"))
    assert environment["CONTENT_LENGTH"] == "5"


@clause("rfc3875-4.1.2-content-length")
def test_content_length_is_counted_after_de_chunking(shared):
    """RFC 3875 section 4.1.2: after the transfer codings are removed."""
    connection = shared.connect()
    connection.send(head("POST", "/environment.cgi", [("Transfer-Encoding", "chunked")])
                    + chunk(b"hello") + chunk(b"world!") + LAST_CHUNK)
    environment = environment_of(connection.read_response())
    assert environment["CONTENT_LENGTH"] == "11"
    assert "HTTP_TRANSFER_ENCODING" not in environment


# Fields as HTTP_*: RFC 3875 section 4.1.18.


@clause("rfc3875-4.1.18-fields")
def test_fields_become_variables(ask):
    environment = ask(headers=[
        ("X-Some-Field", "a b"), ("Accept", "text/html"), ("lower-case", "c"), ("X-9", "d"),
        ("User-Agent", "me"), ("Git-Protocol", "version=2"), ("Content-Encoding", "gzip")])
    assert environment["HTTP_X_SOME_FIELD"] == "a b"
    assert environment["HTTP_ACCEPT"] == "text/html"
    assert environment["HTTP_LOWER_CASE"] == "c"
    assert environment["HTTP_X_9"] == "d"
    assert environment["HTTP_USER_AGENT"] == "me"
    assert environment["HTTP_GIT_PROTOCOL"] == "version=2"
    assert environment["HTTP_CONTENT_ENCODING"] == "gzip"
    assert environment["HTTP_HOST"] == "localhost"


@clause("rfc3875-4.1.18-fields")
def test_same_names_are_merged_in_order(ask):
    environment = ask(headers=[("X-A", "1"), ("x-a", "2"), ("X-B", "b"), ("X-A", "3"),
                               ("Cookie", "a=1"), ("Cookie", "b=2")])
    assert environment["HTTP_X_A"] == "1, 2, 3"
    assert environment["HTTP_COOKIE"] == "a=1; b=2"


@clause("rfc3875-4.1.18-no-collisions")
@pytest.mark.parametrize("name", ["X_Forwarded-For", "X_Forwarded_For", "X.Forwarded-For",
                                  "X+Forwarded-For", "X~Forwarded-For", "X!Forwarded-For"])
def test_no_field_poses_as_another(ask, name):
    """X-Forwarded_For must not become HTTP_X_FORWARDED_FOR; with or without the real one."""
    environment = ask(headers=[(name, "evil"), ("X-Forwarded-For", "real"), (name, "evil")])
    assert environment["HTTP_X_FORWARDED_FOR"] == "real"
    assert "HTTP_X_FORWARDED_FOR" not in ask(headers=[(name, "evil")])


@clause("rfc3875-4.1.18-withheld", "cve2016-5385-httpoxy")
@pytest.mark.parametrize("name", [
    "Content_Length", "Content_Type", "Proxy", "PROXY", "Proxy-Authorization", "Authorization",
    "TE", "Keep-Alive", "Upgrade", "Proxy-Connection"])
def test_fields_that_never_become_variables(ask, name):
    """HTTP_PROXY steers HTTP clients in programs (httpoxy); hop-by-hop fields are not theirs."""
    environment = ask(headers=[(name, "evil")])
    assert "evil" not in environment.values()


@clause("rfc3875-9-no-spoofing")
@pytest.mark.parametrize("name", [
    "LD-PRELOAD", "PATH", "REDIRECT-STATUS", "REMOTE-USER", "AUTH-TYPE", "DOCUMENT-ROOT",
    "SCRIPT-FILENAME"])
def test_fields_cannot_set_other_variables(ask, name):
    environment, plain = ask(headers=[(name, "evil")]), ask()
    variable = name.replace("-", "_")
    assert environment.get(variable) == plain.get(variable)


@clause("rfc3875-9-no-spoofing")
def test_query_cannot_set_variables(ask):
    assert "LD_PRELOAD" not in ask("/environment.cgi?LD_PRELOAD=/evil.so")


@clause("rfc3875-4.1.18-withheld")
def test_connection_names_hop_by_hop_fields(ask):
    """RFC 9110 section 7.6.1: it never becomes a variable itself."""
    assert "HTTP_CONNECTION" not in ask(headers=[("Connection", "keep-alive")])


# Identity, and what the server keeps to itself.


@clause("cgi-de-facto-variables")
def test_request_id_is_unique(ask):
    identities = [ask()["REQUEST_ID"] for _ in range(20)]
    assert len(set(identities)) == 20
    environment = ask()
    assert environment["UNIQUE_ID"] == environment["REQUEST_ID"]
    assert re.fullmatch(r"[A-Za-z0-9_.@-]{6,64}", environment["REQUEST_ID"])


@clause("rfc3875-9-no-spoofing")
def test_nothing_comes_from_the_servers_own_environment(start, site):
    """The environment is an allow-list."""
    site.c_program("environment.cgi", ENVIRONMENT)
    server = start(site, environment={"SECRET_TOKEN": "s3cret", "LD_LIBRARY_PATH": "/nowhere",
                                      "HTTP_PROXY": "evil", "REMOTE_USER": "root"})
    environment = environment_of(server.get("/environment.cgi"))
    for name in ("SECRET_TOKEN", "LD_LIBRARY_PATH", "HTTP_PROXY", "REMOTE_USER", "TMPDIR", "HOME"):
        assert name not in environment


@clause("rfc3875-4.1.18-withheld", "rfc3875-4.1.1-identity")
def test_authorization_is_withheld_unless_configured(start, site):
    """RFC 3875 section 4.1.18."""
    site.c_program("environment.cgi", ENVIRONMENT)
    field = ("Authorization", "Basic bWU6cGFzcw==")
    server = start(config=cgi_site(site.root))
    assert "HTTP_AUTHORIZATION" not in environment_of(server.get("/environment.cgi", [field]))
    server = start(config=cgi_site(site.root, cgi="authorization = true"))
    environment = environment_of(server.get("/environment.cgi", [field]))
    assert environment["HTTP_AUTHORIZATION"] == field[1]
    assert "REMOTE_USER" not in environment and "AUTH_TYPE" not in environment


def test_remote_user_is_the_field_of_a_proxy(start, site):
    site.c_program("environment.cgi", ENVIRONMENT)
    field = ("X-Remote-User", "anna")
    server = start(config=cgi_site(site.root, 'remote_user = "X-Remote-User"'))

    def user(*fields: tuple[str, str]) -> str | None:
        return environment_of(server.get("/environment.cgi", fields)).get("REMOTE_USER")

    assert user(field) == "anna"
    assert user() is None and user(("Remote-User", "root")) is None
    assert user(("X_Remote_User", "root")) is None
    assert user(field, ("x-remote-user", "root")) is None, "one of them is not the proxy's"


@clause("rfc3875-9-no-spoofing")
def test_configured_variables(start, site):
    """The location's come after [cgi]'s, and none supersedes a computed one but PATH."""
    site.c_program("environment.cgi", ENVIRONMENT)
    server = start(config=cgi_site(
        site.root, 'env = { OURS = "location", HTTP_X_FIELD = "configured" }',
        cgi='env = { OURS = "cgi", THEIRS = "cgi", PATH = "/opt/bin" }'))
    environment = environment_of(server.get("/environment.cgi", [("X-Field", "sent")]))
    assert environment["OURS"] == "location" and environment["THEIRS"] == "cgi"
    assert environment["PATH"] == "/opt/bin"
    assert environment["REQUEST_METHOD"] == "GET"
    assert environment["SCRIPT_NAME"] == "/environment.cgi"
    assert environment["HTTP_X_FIELD"] == "sent"


@clause("rfc3875-4.1.8-remote-addr", "rfc3875-4.1.14-server-name")
def test_variables_over_a_unix_socket(start, site, tmp_path):
    site.c_program("environment.cgi", ENVIRONMENT)
    server = start(site, "-l", f"unix:{tmp_path}/socket")
    server.address_override = f"{tmp_path}/socket"
    environment = environment_of(server.get("/environment.cgi"))
    for name in ("REMOTE_ADDR", "SERVER_NAME", "SERVER_PORT", "REMOTE_PORT", "SERVER_ADDR"):
        assert name in environment, f"{name} must be set (RFC 3875), be it empty"
    assert environment["SERVER_NAME"] == "localhost"


def test_variables_over_ipv6(start, site):
    site.c_program("environment.cgi", ENVIRONMENT)
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    server = start(site, "-l", "[::1]:0")
    server.address_override = ("::1", server.port)
    environment = environment_of(server.get("/environment.cgi"))
    assert environment["REMOTE_ADDR"] == environment["SERVER_ADDR"] == "::1"
