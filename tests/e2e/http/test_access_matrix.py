"""Every rule of access against every way around it that was thought of: one server, a folder for each
rule, and the same files in each. docs/security.md has the table of what is tried here."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from support import client
from support.passwords import QUICK, password_file
from support.server import Server
from support.site import Site

SECRET = "what is kept"  # in every folder but open/
PLAIN = "what is for all"

# The keys of each folder, and the answer to whoever asks for something in it.
RULES = {
    "allow": ('allow = ["192.0.2.1"]', 403),
    "nobody": ("allow = []", 403),
    "auth": ("AUTH", 401),
    "method": ('AUTH open_methods = ["OPTIONS"]', 401),
    "near": ('AUTH open_to = ["192.0.2.1"]', 401),
    "deny": ("deny = true", 403),
    "hide": ('deny = "hide"', 404),
    "links": ('symlinks = "never"', 403),  # the files are links that lead out of the folder
    "files": ("cgi = false", 200),         # the secret is what a program would print, if it was run
}
# These hold for the file too, whatever path leads to it; the others are for paths.
FOLLOWING = ("allow", "nobody", "auth", "method", "near")

FILES = ("page.html", "now.cgi", "sub/index.cgi")


# What a location says of programs, as the program sees it.
LIMITS = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s %s %s' \"$(umask)\" \"$(ulimit -n)\" \"$SAID\"\n"


def print_in_two(words: str) -> str:
    """A program whose source does not have the words that it prints."""
    return f"#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s%s' '{words[:4]}' '{words[4:]}'\n"


def fill(site: Site, folder: str, words: str) -> None:
    for name in ("page.html", "index.html"):
        site.file(f"{folder}/{name}", "a page" if folder == "a/files" else words)
    for name in ("now.cgi", "sub/index.cgi"):
        site.program(f"{folder}/{name}", print_in_two(words))


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    for folder in RULES:
        if folder != "links":
            fill(shared_site, f"a/{folder}", SECRET)
    fill(shared_site, "a/open", PLAIN)
    fill(shared_site, "elsewhere", SECRET)
    for name in (*FILES, "index.html"):
        link = shared_site.path(f"a/links/{name}")
        link.symlink_to(os.path.relpath(shared_site.root / "elsewhere" / name, link.parent))
    for folder in (*RULES, "open"):
        shared_site.path(f"a/link-{folder}").symlink_to(folder)
    shared_site.program("a/to.cgi", '#!/bin/sh\nprintf "Location: %s\\n\\n" "$QUERY_STRING"\n')
    for name in ("now.cgi", "sub/index.cgi"):
        shared_site.program(f"a/limits/{name}", LIMITS)
    password_file(shared_site.root.parent / "passwords", alice=QUICK)
    return shared_site


def location(match: str, keys: str) -> str:
    return f"[[site.location]]\nmatch = '{match}'\n{keys}\n"


def rule(folder: str, passwords: Path) -> str:
    keys = RULES[folder][0] if folder in RULES else ""
    if not keys.startswith("AUTH"):
        return keys
    more = keys.removeprefix("AUTH").strip()
    return f'auth = {{ passwords = "{passwords}"{", " + more if more else ""} }}'


@pytest.fixture(scope="module")
def shared_config(shared_site: Site) -> str:
    folders = [*RULES, "open"]
    passwords = shared_site.root.parent / "passwords"
    runs = location("*.cgi", "cgi = true")
    first = "".join(
        location(f"/{each}/", rule(each, passwords))
        + location(f"/try-{each}/", f"try = ['/{each}/{{path}}']")
        + location(f"/page-{each}/", f"error_pages = {{ 404 = '/{each}/page.html' }}")
        + location(f"/files-{each}/", f"files = '{{root}}/a/{each}/'") for each in folders)
    # Of a program its own location says which links are followed.
    first += (location("/links/*.cgi", "cgi = true\nsymlinks = 'never'") + location("/limits/*.cgi", "cgi = true\numask = '027'\nrlimits = { nofile = 64 }\nenv = { SAID = 'x' }")
              + location("/try-limits/", "try = ['/limits/{path}']")
              + location("/page-limits/", "error_pages = { 404 = '/limits/now.cgi' }"))
    nested = "".join(f"[[site]]\nserver_name = ['{each}.example']\nroot = '{{root}}/a/{each}'\n{runs}"
                     for each in folders)
    return f"""
[auth]
guesses = "off"
[[site]]
server_name = ["a.example"]
root = "{{root}}/a"
index = ["index.html", "index.cgi"]
{runs}{first}{location("=/", "listing = true")}{location("~^/regex/([a-z]+)/(.*)$", "files = '{root}/a/{1}/{2}'")}
[[site]]
server_name = ["around.example"]
root = "{{root}}"
{runs}{nested}"""


class Request(NamedTuple):
    target: str
    host: str = "a.example"
    method: str = "GET"
    headers: list[tuple[str, str]] = []
    version: str = "HTTP/1.1"


Way = Callable[[str, str], Request]


def ways_of_one_address(*formats: str) -> dict[str, Way]:
    return {form: lambda folder, file, form=form: Request(form.format(d=folder, f=file, first=folder[0],
                                                                      hex=f"%{ord(folder[0]):02X}",
                                                                      rest=folder[1:], up=folder.upper()))
            for form in formats}


def with_header(name: str, value: str) -> Way:
    return lambda folder, file: Request(f"/{folder}/{file}", headers=[(name, value)])


# They lead to the file where no rule is in the way: open/ shows it.
LEADING: dict[str, Way] = {
    **ways_of_one_address(
        "/{d}/{f}", "//{d}//{f}", "/./{d}/{f}", "/{d}/./{f}", "/x/../{d}/{f}", "/open/../{d}/{f}",
        "/{hex}{rest}/{f}", "/{d}/sub/../{f}", "/{d}/{f}?/open/{f}",
        "/to.cgi?/{d}/{f}", "/to.cgi?/./{d}//{f}", "/to.cgi?/{hex}{rest}/{f}",
        "/try-{d}/{f}", "/to.cgi?/try-{d}/{f}"),
    "by HTTP/1.0": lambda folder, file: Request(f"/{folder}/{file}", version="HTTP/1.0"),
    "an absolute target": lambda folder, file: Request(f"http://a.example/{folder}/{file}",
                                                       host="around.example"),
    "a host that nobody has": lambda folder, file: Request(f"/{folder}/{file}", host="unknown.example"),
    "the host with a dot": lambda folder, file: Request(f"/{folder}/{file}", host="A.EXAMPLE.:81"),
    "a range": with_header("Range", "bytes=0-99"),
    "a condition": with_header("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "the address of a proxy": with_header("X-Forwarded-For", "192.0.2.1"),
    "the address in Forwarded": with_header("Forwarded", "for=192.0.2.1;host=open.example"),
    "another address for a rewriter": with_header("X-Original-URL", "/open/page.html"),
    "another method for a program": with_header("X-HTTP-Method-Override", "OPTIONS"),
    "a user from nowhere": with_header("X-Remote-User", "alice"),
    "half a password": with_header("Authorization", "Basic YWxpY2U6"),
}

# These lead to the file by another path.
BY_FILE: dict[str, Way] = {
    **ways_of_one_address("/link-{d}/{f}", "/files-{d}/{f}", "/to.cgi?/link-{d}/{f}"),
    "another site whose root holds it": lambda folder, file: Request(f"/a/{folder}/{file}",
                                                                     host="around.example"),
    "a site in the folder": lambda folder, file: Request(f"/{file}", host=f"{folder}.example"),
}

# And these to nothing, or not to the whole of it; but they might.
OTHERS: dict[str, Way] = {
    **ways_of_one_address(
        "/open/%2e%2e/{d}/{f}", "/%2e/{d}/{f}", "/{d}%2F{f}", "/%2F{d}/{f}", "/{d}/%2e%2F{f}", "/{d}\\{f}", "/{d}/{f}/", "/{d}/{f}/x", "/{d}/{f}%00",
        "/{d}%00/{f}", "/{d}/{f}.", "/{d}./{f}", "/{d};x/{f}", "/{d}/{f};x", "/{up}/{f}", "/{d}/{f}~",
        "/{d}/%252e/{f}", "/%25{rest}/{f}", "/{d}/{f}%0A", "/{d}/..;/{d}/{f}", "/open/now.cgi/../../{d}/{f}",
        "/open/now.cgi/..%2F..%2F{d}/{f}", "/to.cgi?/x/../../{d}/{f}", "/page-{d}/none", "/{d}/{f}?x#y",
        "/{d}", "/{d}/", "/{d}/sub/", "/{d}/sub", "/"),
    **{f"method {method}": lambda folder, file, method=method: Request(f"/{folder}/{file}", method=method)
       for method in ("HEAD", "POST", "PUT", "DELETE", "PROPFIND", "TRACE", "X-ANY", "get")},
}


def ask(server: Server, request: Request) -> client.Response:
    with client.Connection(("127.0.0.1", server.port)) as connection:
        connection.send(client.head(request.method, request.target, request.headers, host=request.host,
                                    version=request.version))
        return connection.read_response(request.method)


def kept(server: Server, request: Request) -> client.Response:
    answer = ask(server, request)
    assert SECRET not in answer.text and SECRET not in str(answer.headers), request
    return answer


@pytest.mark.parametrize("way", LEADING)
def test_a_way_that_leads_there_meets_the_rule(shared: Server, way: str) -> None:
    for file in FILES:
        assert PLAIN in ask(shared, LEADING[way]("open", file)).text, "it leads nowhere: it tries nothing"
        for folder, (_, refused) in RULES.items():
            answer = kept(shared, LEADING[way](folder, file))
            assert answer.status == refused or (refused, answer.status) == (200, 206), (folder, file)


@pytest.mark.parametrize("way", BY_FILE)
def test_a_rule_of_access_holds_by_another_path(shared: Server, way: str) -> None:
    for file in FILES:
        assert PLAIN in ask(shared, BY_FILE[way]("open", file)).text, "it leads nowhere: it tries nothing"
        for folder in FOLLOWING:
            assert kept(shared, BY_FILE[way](folder, file)).status == RULES[folder][1], (folder, file)


@pytest.mark.parametrize("way", OTHERS)
def test_no_other_way_leads_there(shared: Server, way: str) -> None:
    for file in FILES[:2]:
        for folder in RULES:
            answer = kept(shared, OTHERS[way](folder, file))
            assert folder == "files" or way == "/" or answer.status >= 400 or (
                folder == "links" and answer.status == 301), (folder, file, answer)


def test_a_request_behind_another_meets_the_rule(shared: Server) -> None:
    """Pipelined, on one connection: what was let in before opens nothing."""
    with client.Connection(("127.0.0.1", shared.port)) as connection:
        for folder in RULES:
            connection.send(client.head("GET", "/open/page.html", host="a.example")
                            + client.head("GET", f"/{folder}/now.cgi", host="a.example"))
            assert PLAIN in connection.read_response().text
            answer = connection.read_response()
            assert answer.status == RULES[folder][1] and SECRET not in answer.text, folder


def test_files_of_a_regular_expression_have_the_rules_of_their_folder(shared: Server) -> None:
    assert PLAIN in ask(shared, Request("/regex/open/page.html")).text
    for folder in FOLLOWING:
        assert kept(shared, Request(f"/regex/{folder}/page.html")).status == RULES[folder][1], folder


@pytest.mark.parametrize("target", [
    "/limits/now.cgi", "/limits/now.cgi/x", "//limits//now.cgi", "/limits/%6Eow.cgi", "/limits/sub/",
    "/to.cgi?/limits/now.cgi", "/to.cgi?/limits/sub/", "/try-limits/now.cgi", "/page-limits/none"])
def test_limits_of_a_program_hold_by_every_way(shared: Server, target: str) -> None:
    assert ask(shared, Request(target)).text == "0027 64 x"


def test_a_listing_names_what_may_be_had(shared: Server) -> None:
    listed = ask(shared, Request("/")).text.split()
    assert {"open/", "links/", "files/"} <= set(listed)
    for folder in (*FOLLOWING, "deny", "hide"):
        assert f"{folder}/" not in listed, folder


def test_the_page_of_an_error_is_what_may_be_had(shared: Server) -> None:
    """Where open/ has a page for 404, this is shown."""
    answer = ask(shared, Request("/page-open/none"))
    assert answer.status == 404 and PLAIN in answer.text
