"""Who is let in: `allow` of sites and locations, and all the ways around it that were thought of."""

from __future__ import annotations

import json
import os

import pytest

from support import client
from support.configuration import cgi_site
from support.control import control

SECRET = "what is kept"
NEIGHBOUR = "127.0.0.2"  # as any address but 127.0.0.1, to a rule that names that one


@pytest.fixture(scope="module")
def shared_site(shared_site):
    """Below private/ everything holds SECRET; nothing else does."""
    shared_site.file("private/page.html", SECRET)
    shared_site.file("private/index.html", SECRET)
    shared_site.file("private/deep/below.txt", SECRET)
    for name in ("private/now.cgi", "private/sub/index.cgi"):
        shared_site.program(name, f"#!/bin/sh\nprintf 'Content-Type: a/b\\n\\n{SECRET}'\n")
    shared_site.file("public/page.html", "for all")
    shared_site.file("private.html", "another")
    shared_site.file("only.html", SECRET)
    shared_site.file("front/only.html", SECRET)
    shared_site.prints("to-private.cgi", "Location: /private/page.html\n\n")
    shared_site.prints("to-program.cgi", "Location: /private/now.cgi?x=y\n\n")
    shared_site.prints("to-index.cgi", "Location: /private/\n\n")
    shared_site.path("public/link").symlink_to("../private")
    shared_site.path("public/file.html").symlink_to("../private/page.html")
    return shared_site


@pytest.fixture(scope="module")
def shared_config():
    return """
[[site]]
server_name = ["a.example"]
root = "{root}"
index = ["index.cgi", "only.html", "index.html"]
listing = true
[[site.location]]
match = "/private/"
allow = ["127.0.0.1", "::1"]
[[site.location]]
match = "=/only.html"
allow = ["127.0.0.1"]
[[site.location]]
match = "=/front/only.html"
allow = ["127.0.0.1"]
[[site.location]]
match = "*.cgi"
cgi = true
[[site]]
server_name = ["b.example"]
root = "{root}"
[[site.location]]
match = "*.cgi"
cgi = true
[[site]]
server_name = ["c.example"]
root = "{root}/public"
"""


def ask(server, method: str, target: str, host: str = "a.example", source: str = NEIGHBOUR,
        **more: object) -> client.Response:
    with client.Connection(("127.0.0.1", server.port), source=source) as connection:
        return connection.request(method, target, host=host, **more)


def assert_refused(response: client.Response) -> None:
    assert SECRET not in response.text
    assert response.status in (400, 403, 404), response


# Each is tried by a client that may have none of it.
TRICKS = ["/private/page.html", "/private/", "/private", "/private/now.cgi", "/private/sub/",
          "/private/now.cgi/more", "/private/deep/below.txt", "/private/index.html",
          # slashes
          "//private/page.html", "/private//page.html", "///private///page.html",
          "/private/page.html/", "/private%2fpage.html", "/%2fprivate/page.html",
          "/public/..%2fprivate/page.html", "/private\\page.html",
          # escapes
          "/%70rivate/page.html", "/private/%70age.html", "/%70%72%69%76%61%74%65/page.html",
          "/private%00/page.html", "/private/page.html%00", "/%2570rivate/page.html",
          # dot segments
          "/./private/page.html", "/public/../private/page.html", "/private/./page.html",
          "/private/../private/page.html", "/public/%2e%2e/private/page.html",
          "/%2e/private/page.html", "/x/../private/page.html", "/private/deep/../page.html",
          # case, and what other systems leave away
          "/PRIVATE/page.html", "/Private/page.html", "/private./page.html", "/private /page.html",
          "/private;/page.html", "/private;x=y/page.html", "/private/page.html;x",
          "/private/page.html.", "/private/page.html::$DATA",
          # with a query or a fragment
          "/private/page.html?x", "/private/page.html?/public/", "/private/?x#y",
          # by other names
          "/public/link/page.html", "/public/link/", "/public/link/now.cgi", "/public/file.html",
          "/only.html", "/front/", "/front/only.html",
          # by programs
          "/to-private.cgi", "/to-program.cgi", "/to-index.cgi"]


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("target", TRICKS)
def test_no_spelling_leads_around_allow(shared, target, version):
    with client.Connection(("127.0.0.1", shared.port), source=NEIGHBOUR) as connection:
        connection.send(client.head("GET", target, host="a.example", version=version))
        assert_refused(connection.read_response())


@pytest.mark.parametrize("target", ["/private/page.html", "/private/", "/private/now.cgi",
                                    "/public/link/page.html", "/public/file.html", "/only.html",
                                    "/front/", "/to-private.cgi", "/to-program.cgi",
                                    "/to-index.cgi", "/public/../private//%70age.html"])
def test_who_is_allowed_has_all_of_it(shared, target):
    response = ask(shared, "GET", target, source="127.0.0.1")
    assert response.status == 200 and response.text.strip() == SECRET, response


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
@pytest.mark.parametrize("target", ["/private/page.html", "/private/now.cgi", "/to-program.cgi"])
def test_no_method_leads_around_allow(shared, method, target):
    response = ask(shared, method, target)
    assert response.status == 403 and SECRET not in response.text, response


def test_the_rule_holds_for_parts_and_conditions(shared):
    for headers in ([("Range", "bytes=0-3")], [("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")],
                    [("If-None-Match", "*")], [("If-Match", '"x"')]):
        assert ask(shared, "GET", "/private/page.html", headers=headers).status == 403


@pytest.mark.parametrize("target", ["http://a.example/private/page.html",
                                    "HTTP://A.EXAMPLE:80/private/page.html",
                                    "http://a.example./private/page.html",
                                    "http://a.example//private/page.html"])
@pytest.mark.parametrize("host", ["a.example", "c.example", "other.example", ""])
def test_an_absolute_target_leads_to_the_same_rule(shared, target, host):
    assert ask(shared, "GET", target, host=host).status == 403


@pytest.mark.parametrize("host", ["a.example", "A.Example", "a.example.", "a.example:1",
                                  "unknown.example", "127.0.0.1", "b.example"])
def test_no_host_leads_around_allow(shared, host):
    """b.example has the same root, and says nothing of private/."""
    for target in ("/private/page.html", "/private/now.cgi", "/private/"):
        assert_refused(ask(shared, "GET", target, host=host))


def test_another_sites_root_leads_to_the_rule_too(shared):
    """c.example serves public/, and in it a link."""
    assert ask(shared, "GET", "/page.html", host="c.example").status == 200
    for target in ("/link/page.html", "/file.html"):
        assert ask(shared, "GET", target, host="c.example").status == 403
        allowed = ask(shared, "GET", target, host="c.example", source="127.0.0.1")
        assert allowed.text == SECRET


@pytest.mark.parametrize("headers", [[("X-Forwarded-For", "127.0.0.1")], [("Forwarded", "for=127.0.0.1")],
                                     [("X-Real-IP", "127.0.0.1")], [("X-Original-URL", "/public/")],
                                     [("X-Rewrite-URL", "/private/page.html")],
                                     [("X-HTTP-Method-Override", "HEAD")],
                                     [("Client-IP", "127.0.0.1")], [("True-Client-IP", "127.0.0.1")]])
def test_no_field_makes_an_address(shared, headers):
    assert ask(shared, "GET", "/private/page.html", headers=headers).status == 403


def test_the_log_says_which_rule(start, site):
    site.file("page.html", "page")
    site.file("x/page.html", "page")
    config = cgi_site(site.root, '[[site.location]]\nmatch = "/x/"\nallow = ["192.0.2.0/24", "local"]',
                      site='allow = ["198.51.100.0/24", "2001:db8::/32"]')
    server = start(config=config)
    assert ask(server, "GET", "/page.html").status == 403
    server.wait_log(r'notice .*403: 127\.0\.0\.2 is not let in by allow = \["198\.51\.100\.0/24", '
                    r'"2001:db8::/32"\] of site ')
    assert ask(server, "GET", "/x/page.html").status == 200, "it is local"
    refused = ask(server, "GET", "/x/page.html", headers=[("X-Forwarded-For", "192.0.2.1")])
    assert refused.status == 403, "a proxy asks, for somebody else"
    server.wait_log(r'403: 127\.0\.0\.2 is not let in by allow = \["192\.0\.2\.0/24", "local"\] '
                    r"of location /x/")


def test_a_listing_names_only_what_may_be_had(start, site):
    site.file("a.txt", "a")
    site.file("b.txt", "b")
    site.file("below/c.txt", "c")
    config = f"""
[[site]]
root = "{site.root}"
listing = true
[[site.location]]
match = "=/b.txt"
allow = ["127.0.0.1"]
[[site.location]]
match = "/below/"
allow = ["127.0.0.1"]
"""
    server = start(config=config)
    all_of_it = ask(server, "GET", "/", source="127.0.0.1").text
    some = ask(server, "GET", "/").text
    assert "a.txt" in some and "b.txt" not in some and "below" not in some
    assert "b.txt" in all_of_it and "below" in all_of_it


def test_unix_sockets_and_both_families(start, site, tmp_path):
    site.file("unix/page.html", "page")
    site.file("local/page.html", "page")
    site.file("six/page.html", "page")
    path = tmp_path / "server.sock"
    locations = "".join(f'[[site.location]]\nmatch = "/{name}/"\nallow = {json.dumps(allow)}\n'
                        for name, allow in {"unix": ["unix"], "local": ["local"],
                                            "six": ["::/0"]}.items())
    server = start(config=f"""
[[listen]]
address = "127.0.0.1:0"
[[listen]]
address = "unix:{path}"
[[listen]]
address = "[::1]:0"
[[site]]
root = "{site.root}"
{locations}""", lines=3)
    four, six = server.ports()

    def statuses(address) -> list[int]:
        found = []
        for name in ("unix", "local", "six"):
            with client.Connection(address) as connection:
                found.append(connection.request("GET", f"/{name}/page.html").status)
        return found

    assert statuses(("127.0.0.1", four)) == [403, 200, 403]
    assert statuses(str(path)) == [200, 200, 403]
    assert statuses(("::1", six)) == [403, 200, 200]


@pytest.mark.kills_worker  # a reload replaces them
def test_allow_is_obeyed_again_after_a_reload(start, site):
    site.file("page.html", "page")
    server = start(config=cgi_site(site.root, site='allow = ["all"]'))
    assert ask(server, "GET", "/page.html").status == 200
    file = server.temporary.parent / "cgisrv.toml"
    file.write_text(file.read_text().replace('"all"', '"127.0.0.1"'))
    assert control(server, "reload").returncode == 0
    assert ask(server, "GET", "/page.html").status == 403
    assert ask(server, "GET", "/page.html", source="127.0.0.1").status == 200


@pytest.mark.parametrize("value, told", [
    ('["192.0.2.1/24"]', 'write "192.0.2.0/24" for the network, or "192.0.2.1" alone'),
    ('["10."]', 'write "192.0.2.7", "192.0.2.0/24"'), ('["example.org"]', "names are not looked up"),
    ('["10.0.0.0/255.0.0.0"]', "number of bits"), ('"local"', "a list of addresses"),
    ("[1]", "must be")])
def test_mistakes_have_a_line_and_a_remedy(run, site, tmp_path, value, told):
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\nallow = {value}\n')
    result = run("check", "-c", file)
    assert result.returncode == 78 and f"{file}:3:" in result.stderr and told in result.stderr, result
    assert os.path.exists(file)


def test_exec_is_for_whoever_may_execute(run, site, tmp_path):
    """The administrator tries a program that no client may have."""
    site.program("now.cgi", "#!/bin/sh\nprintf 'Content-Type: a/b\\n\\nran'\n")
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[server]\nuser = "root"\n{cgi_site(site.root, site="allow = []")}'
                    if os.geteuid() == 0 else cgi_site(site.root, site="allow = []"))
    result = run("exec", "-c", file, site.path("now.cgi"))
    assert "ran" in result.stdout, result
