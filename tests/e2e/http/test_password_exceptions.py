"""Who is not asked for a password where others are: by address, and by method."""

from __future__ import annotations

from pathlib import Path

import pytest

from support import client
from support.configuration import cgi_site
from support.fixtures import Start
from support.passwords import ALICE, QUICK, auth, basic, password_file
from support.server import Server
from support.site import Site

NEIGHBOUR = "127.0.0.2"
WHO = """#!/bin/sh
printf 'Content-Type: text/plain\\n\\n'
echo "$REQUEST_METHOD user=${REMOTE_USER-nobody} type=${AUTH_TYPE-none} ${HTTP_AUTHORIZATION+password}"
"""


@pytest.fixture(scope="module")
def shared_site(shared_site: Site) -> Site:
    for folder in ("near", "read", "both", "read/deep"):
        shared_site.program(f"{folder}/who.cgi", WHO)
        shared_site.file(f"{folder}/page.txt", "a page")
    shared_site.file("passwords", f"alice:{QUICK}\n")
    shared_site.path("link.txt").symlink_to("passwords")
    shared_site.prints("names.cgi", f"X-Sendfile: {shared_site.root}/passwords\n\n")
    password_file(shared_site.root.parent / "passwords", alice=QUICK)
    return shared_site


@pytest.fixture(scope="module")
def shared_config(shared_site: Site) -> str:
    file = shared_site.root.parent / "passwords"
    rules = {"/near/": auth(file, open_to='["127.0.0.1"]'), "/read/": auth(file, open_methods='["GET"]'),
             "/both/": auth(file, open_to='["127.0.0.1"]', open_methods='["OPTIONS"]'),
             "/read/deep/": auth(file), "=/link.txt": "auth = false",
             "=/kept/": auth(shared_site.root / "passwords")}
    locations = "".join(f'[[site.location]]\nmatch = "{match}"\n{rule}\n' for match, rule in rules.items())
    # What a program is told does not depend on whether the client had to log in.
    return cgi_site("{root}", f'authorization = true\nremote_user = "X-Remote-User"\n'
                    f'sendfile_roots = ["{{root}}"]\n{locations}',
                    site="listing = true", server='trusted_proxies = ["127.0.0.3"]')


def ask(server: Server, method: str, target: str, source: str = "127.0.0.1", headers=()) -> client.Response:
    with client.Connection(("127.0.0.1", server.port), source=source) as connection:
        return connection.request(method, target, headers=headers)


def test_an_address_or_a_password_is_enough(shared: Server) -> None:
    assert "POST user=nobody type=none" in ask(shared, "POST", "/near/who.cgi").text
    assert ask(shared, "GET", "/near/page.txt").text == "a page"
    for target in ("/near/who.cgi", "/near/page.txt"):
        assert ask(shared, "GET", target, NEIGHBOUR).status == 401
        assert ask(shared, "GET", target, NEIGHBOUR, basic("alice", "no")).status == 401
    assert "GET user=alice type=Basic" in ask(shared, "GET", "/near/who.cgi", NEIGHBOUR, ALICE).text


def test_everybody_reads_and_a_password_changes(shared: Server) -> None:
    assert "GET user=nobody" in ask(shared, "GET", "/read/who.cgi").text
    assert ask(shared, "HEAD", "/read/who.cgi").status == 200
    for method in ("POST", "PUT", "OPTIONS", "PROPFIND", "X-ANY"):
        answer = ask(shared, method, "/read/who.cgi")
        assert answer.status == 401 and answer.header("WWW-Authenticate"), method
        assert f"{method} user=alice" in ask(shared, method, "/read/who.cgi", headers=ALICE).text
    assert ask(shared, "GET", "/read/deep/who.cgi").status == 401, "a longer prefix has its own rule"


def test_either_exception_is_enough(shared: Server) -> None:
    assert ask(shared, "POST", "/both/who.cgi").status == 200
    assert ask(shared, "OPTIONS", "/both/who.cgi", NEIGHBOUR).status == 200
    assert ask(shared, "POST", "/both/who.cgi", NEIGHBOUR).status == 401


def test_whoever_is_not_asked_has_no_name_and_gives_no_password_away(shared: Server) -> None:
    """Neither does the field of a proxy name him, here where the server itself asks."""
    told = [*ALICE, ("X-Remote-User", "root")]
    assert ask(shared, "GET", "/read/who.cgi", headers=told).text.split() == ["GET", "user=nobody", "type=none"]
    wrong = basic("alice", "no")
    assert ask(shared, "GET", "/read/who.cgi", headers=wrong).status == 200, "it is not looked at"


def test_nobody_has_the_address_of_another(shared: Server) -> None:
    forged = [("X-Forwarded-For", "127.0.0.1")]
    assert ask(shared, "GET", "/near/page.txt", NEIGHBOUR, forged).status == 401
    assert ask(shared, "GET", "/near/page.txt", "127.0.0.3", forged).status == 200, "a trusted proxy says so"
    assert ask(shared, "GET", "/near/page.txt", "127.0.0.3", [("X-Forwarded-For", NEIGHBOUR)]).status == 401


def test_a_listing_names_what_its_reader_is_not_asked_for(shared: Server) -> None:
    assert all(name in ask(shared, "GET", "/").text for name in ("near/", "both/", "read/"))
    listed = ask(shared, "GET", "/", NEIGHBOUR).text
    assert "read/" in listed and "near/" not in listed and "both/" not in listed


def test_a_file_of_passwords_is_never_sent(shared: Server) -> None:
    for target in ("/passwords", "/link.txt", "//passwords", "/read/../passwords", "/names.cgi"):
        for headers in ([], ALICE):
            answer = ask(shared, "GET", target, headers=headers)
            assert answer.status == 404 and QUICK not in answer.text, target
    shared.wait_log("404: .*/passwords is a password or group file, which is never sent")


def test_an_open_folder_opens_nothing_by_a_local_redirect(start: Start, site: Site, tmp_path: Path) -> None:
    """A program that is free to read leads to one that is not, by the method that is asked for."""
    file = password_file(tmp_path / "passwords", alice=QUICK)
    site.program("to.cgi", '#!/bin/sh\nprintf "Location: /read/who.cgi\\n\\n"\n')
    site.program("read/who.cgi", WHO)
    rule = auth(file, open_methods='["OPTIONS"]')
    server = start(config=cgi_site(site.root, f'[[site.location]]\nmatch = "/read/"\n{rule}\n'))
    assert server.get("/to.cgi").status == 401
    assert server.get("/to.cgi", ALICE).status == 200


def test_a_local_redirect_gives_no_password_away(start: Start, site: Site, tmp_path: Path) -> None:
    """A program that is free to read leads to one where passwords are the program's to check."""
    file = password_file(tmp_path / "passwords", alice=QUICK)
    site.program("read/to.cgi", '#!/bin/sh\nprintf "Location: /own/who.cgi\\n\\n"\n')
    site.program("own/who.cgi", WHO)
    rule = auth(file, open_methods='["GET"]')
    server = start(config=cgi_site(
        site.root, f'[[site.location]]\nmatch = "/read/"\n{rule}\n'
        '[[site.location]]\nmatch = "/own/*.cgi"\ncgi = true\nauthorization = true\n'))
    assert "password" in server.get("/own/who.cgi", ALICE).text
    assert "password" not in server.get("/read/to.cgi", ALICE).text
