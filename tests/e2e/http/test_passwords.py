"""Basic authentication: who is let in, what programs and logs are told, and ways around it."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from support import client
from support.configuration import cgi_site, complete
from support.fixtures import Start
from support.passwords import ALICE, ENDLESS, QUICK, auth, basic, htpasswd, password_file
from support.processes import process
from support.server import Server
from support.site import Site
from support.waiting import until

ENVIRONMENT = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nenv\n"


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    return password_file(tmp_path / "passwords", alice=QUICK, bob=QUICK)


@pytest.fixture
def guarded(start: Start, site: Site, passwords: Path) -> Server:
    """/private/ needs a password, the rest of the site does not."""
    site.file("private/page.txt", "secret words")
    site.file("open.txt", "open words")
    site.program("private/who.cgi", ENVIRONMENT)
    site.program("who.cgi", ENVIRONMENT)
    return start(config=cgi_site(site.root, f'[[site.location]]\nmatch = "/private/"\n'
                                 f'{auth(passwords)}\n'))


def variables(response) -> dict[str, str]:
    assert response.status == 200, response
    return dict(line.split("=", 1) for line in response.body.decode().splitlines() if "=" in line)


# Who is let in.

def test_a_listing_names_only_what_needs_no_other_password(start: Start, site: Site,
                                                           passwords: Path) -> None:
    for name in ("open.txt", "report.pdf", "private/page.txt", "private/secret.txt"):
        site.file(name, "words")
    rule = auth(passwords)
    server = start(config=f"""
[[site]]
root = "{site.root}"
listing = true
""" + "".join(f'[[site.location]]\nmatch = "{match}"\n{rule}\n'
              for match in ("=/report.pdf", "/private/", "=/private/secret.txt")))
    outside = server.get("/").text
    assert "open.txt" in outside and "report" not in outside and "private" not in outside
    inside = server.get("/private/", ALICE).text
    assert "page.txt" in inside and "secret.txt" not in inside



def test_without_a_password_the_client_is_asked_for_one(guarded: Server) -> None:
    answer = guarded.get("/private/page.txt")
    assert answer.status == 401
    assert answer.header("WWW-Authenticate") == 'Basic realm="Staff", charset="UTF-8"'
    assert answer.header("Cache-Control") == "no-store"
    assert b"secret" not in answer.body
    assert guarded.get("/open.txt").body == b"open words"


def test_with_the_right_password_the_client_is_answered(guarded: Server) -> None:
    for _ in range(3):
        assert guarded.get("/private/page.txt", ALICE).body == b"secret words"
    assert guarded.get("/private/page.txt", basic("bob", "wonderland")).status == 200


@pytest.mark.parametrize("field", [
    "Basic", "Basic !", "Basic " + base64.b64encode(b"alice").decode(),
    "Basic " + base64.b64encode(b"alice:wonderland\0").decode(),
    "Basic " + base64.b64encode(b":wonderland").decode(),
    "Bearer " + base64.b64encode(b"alice:wonderland").decode(),
    "Digest username=alice", "Basic " + "A" * 4000,
    basic("alice", "Wonderland")[0][1], basic("alice", "")[0][1], basic("Alice", "wonderland")[0][1],
    basic("carol", "wonderland")[0][1],
])
def test_wrong_or_malformed_is_401(guarded: Server, field: str) -> None:
    answer = guarded.get("/private/page.txt", [("Authorization", field)])
    assert answer.status == 401 and answer.header("WWW-Authenticate")
    assert b"secret" not in answer.body


def test_of_two_fields_none_counts(guarded: Server) -> None:
    assert guarded.get("/private/page.txt", ALICE + ALICE).status == 401


HASHES = {"bcrypt": ["-B"], "SHA-512": ["-5"], "SHA-256": ["-2"], "apr1": ["-m"], "SHA-1": ["-s"]}


@pytest.mark.parametrize("form", HASHES)
def test_hashes_of_htpasswd(start: Start, site: Site, tmp_path: Path, form: str) -> None:
    site.file("page.txt", "words")
    file = password_file(tmp_path / "p", alice=htpasswd(*HASHES[form]))
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{auth(file)}\n')
    assert server.get("/page.txt", ALICE).status == 200
    assert server.get("/page.txt", basic("alice", "wonderlanD")).status == 401


@pytest.mark.parametrize("form", ["-1", "-apr1", "-5", "-6"])
def test_hashes_of_openssl(start: Start, site: Site, tmp_path: Path, form: str) -> None:
    site.file("page.txt", "words")
    made = subprocess.run(["openssl", "passwd", form, "wonderland"], capture_output=True, text=True,
                          check=True).stdout.strip()
    server = start(config=f'[[site]]\nroot = "{site.root}"\n'
                   f'{auth(password_file(tmp_path / "p", alice=made))}\n')
    assert server.get("/page.txt", ALICE).status == 200
    assert server.get("/page.txt", basic("alice", "x")).status == 401


def test_users_and_groups(start: Start, site: Site, tmp_path: Path) -> None:
    site.file("page.txt", "words")
    file = password_file(tmp_path / "p", alice=QUICK, bob=QUICK, carol=QUICK)
    groups = tmp_path / "groups"
    groups.write_text("staff: bob\n")
    rule = auth(file, users='["alice", "@staff"]', groups=f'"{groups}"')
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{rule}\n')
    answers = [server.get("/page.txt", basic(user, "wonderland")).status
               for user in ("alice", "bob", "carol")]
    assert answers == [200, 200, 401]
    groups.write_text("staff: bob carol\n")
    assert server.get("/page.txt", basic("carol", "wonderland")).status == 200


def test_a_location_may_be_open_or_have_a_rule_of_its_own(start: Start, site: Site,
                                                          tmp_path: Path) -> None:
    for name in ("page.txt", "pub/page.txt", "pub/in/page.txt"):
        site.file(name, "words")
    all_users = password_file(tmp_path / "all", alice=QUICK, bob=QUICK)
    bob = password_file(tmp_path / "bob", bob=QUICK)
    server = start(config=f'''[[site]]
root = "{site.root}"
{auth(all_users)}
[[site.location]]
match = "/pub/"
auth = false
[[site.location]]
match = "/pub/in/"
{auth(bob)}
''')
    def statuses(path: str) -> list[int]:
        return [server.get(path, who).status
                for who in ([], ALICE, basic("bob", "wonderland"))]
    assert statuses("/page.txt") == [401, 200, 200]
    assert statuses("/pub/page.txt") == [200, 200, 200]
    assert statuses("/pub/in/page.txt") == [401, 401, 200]


# What programs and logs are told.

def test_programs_are_told_who_it_is_but_not_the_password(guarded: Server) -> None:
    env = variables(guarded.get("/private/who.cgi", ALICE))
    assert env["AUTH_TYPE"] == "Basic" and env["REMOTE_USER"] == "alice"
    assert "HTTP_AUTHORIZATION" not in env
    env = variables(guarded.get("/who.cgi", ALICE))
    assert not {"AUTH_TYPE", "REMOTE_USER", "HTTP_AUTHORIZATION"} & set(env)


def test_nothing_else_sets_the_user_or_hands_on_the_password(start: Start, site: Site,
                                                             passwords: Path) -> None:
    site.program("who.cgi", ENVIRONMENT)
    server = start(config=cgi_site(
        site.root, 'authorization = true\nremote_user = "X-Remote-User"', site=auth(passwords)))
    env = variables(server.get("/who.cgi", [*ALICE, ("X-Remote-User", "root")]))
    assert env["REMOTE_USER"] == "alice" and "HTTP_AUTHORIZATION" not in env
    refused = server.get("/who.cgi", [("X-Remote-User", "root")])
    assert refused.status == 401
    server.wait_log(r'- - \[.*"GET /who.cgi HTTP/1.1" 401 ')


def test_the_access_log_has_the_user_in_its_column(start: Start, site: Site,
                                                   tmp_path: Path) -> None:
    site.file("page.txt", "words")
    file = password_file(tmp_path / "p", **{"al ice": QUICK})
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{auth(file)}\n')
    server.get("/page.txt", basic("al ice", "wonderland"))
    server.get("/page.txt", basic("al ice", "no"))
    server.wait_log(r'^127\.0\.0\.1 - al\\x20ice \[.*"GET /page.txt HTTP/1.1" 200 ')
    server.wait_log(r'^127\.0\.0\.1 - - \[.*"GET /page.txt HTTP/1.1" 401 ')
    server.wait_log(r'401: wrong user or password: "al ice"; 127\.0\.0\.1 sent')
    assert "wonderland" not in server.log() and ALICE[0][1] not in server.log()


# Ways around it.

@pytest.mark.parametrize("target", [
    "/private/page.txt", "//private/page.txt", "/./private/page.txt", "/x/../private/page.txt",
    "/private//page.txt", "/%70rivate/page.txt", "/private%2Fpage.txt", "/private/%2e/page.txt",
    "/private", "/private/", "/private/nothing", "/private/who.cgi", "/private/who.cgi/info",
    "/private/page.txt?x", "/private/who.cgi%2Finfo",
])
def test_no_way_of_writing_the_path_is_open(guarded: Server, target: str) -> None:
    answer = guarded.get(target)
    assert answer.status in (400, 401), target
    assert b"secret" not in answer.body


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "TRACE"])
def test_no_method_is_open(guarded: Server, method: str) -> None:
    for target in ("/private/page.txt", "/private/who.cgi"):
        assert guarded.request(method, target).status == 401


def test_ranges_and_conditions_are_not_open(guarded: Server) -> None:
    tag = guarded.get("/private/page.txt", ALICE).header("ETag")
    for field in (("Range", "bytes=0-3"), ("If-None-Match", tag), ("If-Match", '"x"'),
                  ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT")):
        answer = guarded.get("/private/page.txt", [field])
        assert answer.status == 401 and b"secr" not in answer.body
    assert guarded.get("/private/page.txt", [*ALICE, ("Range", "bytes=0-3")]).status == 206


def test_an_index_needs_what_its_own_path_needs(start: Start, site: Site, passwords: Path) -> None:
    site.file("index.html", "front page")
    site.file("sub/index.html", "secret words")
    server = start(config=f'''[[site]]
root = "{site.root}"
[[site.location]]
match = "=/sub/index.html"
{auth(passwords)}
''')
    assert server.get("/sub/").status == 401
    assert server.get("/sub/", ALICE).body == b"secret words"
    assert server.get("/").status == 200


def test_a_local_redirect_needs_what_its_target_needs(guarded: Server, site: Site) -> None:
    site.prints("go.cgi", "Location: /private/page.txt\n\n")
    site.prints("private/out.cgi", "Location: /who.cgi\n\n")
    assert guarded.get("/go.cgi").status == 401
    assert guarded.get("/go.cgi", ALICE).body == b"secret words"
    assert guarded.get("/private/out.cgi").status == 401
    env = variables(guarded.get("/private/out.cgi", ALICE))
    assert env["REMOTE_USER"] == "alice" and "HTTP_AUTHORIZATION" not in env


def test_what_an_ending_runs_is_not_open(guarded: Server) -> None:
    """The location *.cgi answers below /private/, and says nothing of passwords."""
    assert guarded.get("/private/who.cgi").status == 401
    assert guarded.get("/private/who.cgi", ALICE).status == 200


def test_a_program_without_its_slash_is_not_open(start: Start, site: Site, passwords: Path) -> None:
    program = site.program("hook.cgi", ENVIRONMENT)
    server = start(config=f'''[[site]]
root = "{site.root}"
[[site.location]]
match = "/hook/"
cgi = "{program}"
{auth(passwords)}
''')
    for target in ("/hook", "/hook/", "/hook/x"):
        assert server.get(target).status == 401
        assert server.get(target, ALICE).status == 200


def test_another_site_has_its_own_rule(start: Start, site: Site, passwords: Path) -> None:
    site.file("page.txt", "words")
    other = site.path("other/page.txt").parent
    site.file("other/page.txt", "other words")
    server = start(config=f'''[[site]]
root = "{site.root}"
{auth(passwords)}
[[site]]
server_name = ["open.example"]
root = "{other}"
''')
    assert server.get("/page.txt").status == 401
    assert server.get("/page.txt", host="open.example").body == b"other words"


def test_a_link_or_another_site_leads_to_the_rule_too(start: Start, site: Site,
                                                      passwords: Path) -> None:
    site.file("private/page.txt", "secret words")
    site.path("link").symlink_to(site.path("private/page.txt"))
    site.path("folder").symlink_to(site.path("private/page.txt").parent)
    server = start(config=f'''[[site]]
root = "{site.root}"
[[site.location]]
match = "/private/"
{auth(passwords)}
[[site]]
server_name = ["other.example"]
root = "{site.root.parent}"
''')
    elsewhere = f"/{site.root.name}/private/page.txt"
    for target, host in (("/link", "x"), ("/folder/page.txt", "x"), (elsewhere, "other.example")):
        answer = server.get(target, host=host)
        assert answer.status == 401 and b"secret" not in answer.body, target
    assert server.get("/link", ALICE).body == b"secret words"
    assert server.get(elsewhere, ALICE, host="other.example").status == 200


def test_an_address_that_is_not_let_in_has_no_password_to_try(start: Start, site: Site,
                                                              passwords: Path) -> None:
    site.file("page.txt", "words")
    server = start(config=f'[[site]]\nroot = "{site.root}"\nallow = ["192.0.2.1"]\n'
                   f'{auth(passwords)}\n')
    assert server.get("/page.txt").status == 403
    assert server.get("/page.txt", ALICE).status == 403


def test_a_body_is_not_read_before_the_password(guarded: Server) -> None:
    answer = guarded.request("POST", "/private/who.cgi", body=b"x" * 100_000)
    assert answer.status == 401


# How it is checked.

def test_an_expensive_check_holds_up_nothing(start: Start, site: Site, tmp_path: Path,
                                             passwords: Path) -> None:
    """A request waits for a hash that takes a day; others are answered meanwhile, files, programs
    and other passwords."""
    site.file("slow/page.txt", "words")
    site.file("quick/page.txt", "words")
    site.file("page.txt", "words")
    site.program("who.cgi", ENVIRONMENT)
    slow = password_file(tmp_path / "slow", alice=ENDLESS)
    server = start(config=cgi_site(site.root, f'''[[site.location]]
match = "/slow/"
{auth(slow)}
[[site.location]]
match = "/quick/"
{auth(passwords)}
''', auth='timeout = "1h"\nprocesses = 2', server="workers = 1"))
    waiting = server.connect()
    waiting.send(f"GET /slow/page.txt HTTP/1.1\r\nHost: x\r\n"
                 f"Authorization: {ALICE[0][1]}\r\n\r\n".encode())
    assert until(lambda: len(server.hashers()) == 1)
    for _ in range(3):
        assert server.get("/page.txt").status == 200
        assert server.get("/who.cgi").status == 200
        assert server.get("/quick/page.txt", ALICE).status == 200
    assert waiting.silent(0.3)


def test_a_check_has_a_deadline(start: Start, site: Site, tmp_path: Path) -> None:
    site.file("page.txt", "words")
    slow = password_file(tmp_path / "slow", alice=ENDLESS)
    server = start(config=f'''[auth]
timeout = "300ms"
[[site]]
root = "{site.root}"
{auth(slow)}
''')
    answer = server.get("/page.txt", ALICE)
    assert answer.status == 503 and answer.header("Retry-After")
    server.wait_log("was not checked (in time|within)")
    assert until(lambda: not server.hashers())


def test_a_full_queue_is_503(start: Start, site: Site, tmp_path: Path) -> None:
    site.file("page.txt", "words")
    slow = password_file(tmp_path / "slow", alice=ENDLESS)
    server = start(config=f'''[server]
workers = 1
[auth]
timeout = "1h"
processes = 1
queue = 2
[[site]]
root = "{site.root}"
{auth(slow)}
''')
    waiting = []
    for number in range(2):
        waiting.append(server.connect())
        pair = basic("alice", str(number))[0][1]
        waiting[-1].send(f"GET /page.txt HTTP/1.1\r\nHost: x\r\nAuthorization: {pair}\r\n\r\n".encode())
    answer = None
    def refused() -> bool:
        nonlocal answer
        answer = server.get("/page.txt", basic("alice", "x"))
        return answer.status == 503
    assert until(refused)
    assert answer.header("Retry-After")
    server.wait_log("503: too many passwords wait")


def ticks_of(pid: int) -> int:
    """Of processor time."""
    found = process(pid)
    return found.ticks if found else 0


def test_who_has_guessed_gives_way_to_who_has_not(start: Start, site: Site, tmp_path: Path) -> None:
    """A crowd of guessers, each from an address of its own, had the queue for itself."""
    site.file("slow/page.txt", "words")
    site.file("quick/page.txt", "words")
    server = start(config=f'''[server]
workers = 1
[auth]
timeout = "1h"
processes = 1
queue = 4
[[site]]
root = "{site.root}"
[[site.location]]
match = "/slow/"
{auth(password_file(tmp_path / "slow", alice=ENDLESS))}
[[site.location]]
match = "/quick/"
{auth(password_file(tmp_path / "quick", alice=QUICK))}
''')

    def ask(source: str, target: str, password: str) -> client.Connection:
        there = client.Connection(server.address, source=source)
        server.connections.append(there)
        there.send(client.head("GET", target, basic("alice", password)))
        return there
    guessers = [f"127.0.0.{number}" for number in range(2, 6)]
    for each in guessers:
        assert ask(each, "/quick/page.txt", "guess").read_response().status == 401
    [hasher] = server.hashers()
    ticks = ticks_of(hasher)
    first = ask("127.0.0.10", "/slow/page.txt", "x")
    assert until(lambda: ticks_of(hasher) > ticks)  # the only hasher computes it, for ever
    waiting = [ask(each, "/slow/page.txt", "guess") for each in guessers]
    honest = ask("127.0.0.11", "/quick/page.txt", "wonderland")
    refused = until(lambda: [each for each in waiting if not each.silent(0.01)])
    assert [each.read_response().status for each in refused] == [503]
    for _ in range(2):
        assert until(server.hashers)
        [hasher] = server.hashers()
        os.kill(hasher, signal.SIGKILL)
        assert until(lambda hasher=hasher: hasher not in server.hashers())
    assert first.read_response().status == 500
    assert honest.read_response().status == 200


def test_a_client_that_leaves_takes_its_check_back(start: Start, site: Site,
                                                   tmp_path: Path) -> None:
    """The queue has one place: the next client gets it."""
    site.file("page.txt", "words")
    slow = password_file(tmp_path / "slow", alice=ENDLESS)
    server = start(config=f'''[server]
workers = 1
[auth]
timeout = "1h"
processes = 1
queue = 1
[[site]]
root = "{site.root}"
{auth(slow)}
''')
    for number in range(4):
        with_password = basic("alice", str(number))[0][1]
        connection = server.connect()
        connection.send(
            f"GET /page.txt HTTP/1.1\r\nHost: x\r\nAuthorization: {with_password}\r\n\r\n".encode())
        if number > 0:
            assert connection.silent(0.3)
        assert until(lambda: server.hashers())
        connection.close()
        server.wait_log(r'"GET /page.txt HTTP/1.1" 499')
        server.checkpoint()


def test_who_guesses_is_told_to_wait(start: Start, site: Site, passwords: Path) -> None:
    site.file("page.txt", "words")
    server = start(config=f'''[auth]
guesses = 3
guess_interval = "1h"
[[site]]
root = "{site.root}"
{auth(passwords)}
''')
    assert server.get("/page.txt", ALICE).status == 200
    assert [server.get("/page.txt", basic("alice", str(n))).status for n in range(3)] == [401] * 3
    answer = server.get("/page.txt", basic("bob", "wonderland"))
    assert answer.status == 429 and int(answer.header("Retry-After")) > 3000
    assert not answer.header("WWW-Authenticate")
    assert re.search(r"no password from your address is looked at for (5\dm \d+s|1h 0m)", answer.text), \
        "browsers do not show the field"
    server.wait_log(r"429: too many wrong passwords .*127\.0\.0\.1")
    # No password, none wrong: whoever has logged in goes on where a worker remembers it.
    assert server.get("/page.txt").status == 401


def test_files_are_read_again_when_they_change(guarded: Server, passwords: Path) -> None:
    assert guarded.get("/private/page.txt", ALICE).status == 200
    password_file(passwords, bob=QUICK)
    assert guarded.get("/private/page.txt", ALICE).status == 401
    assert guarded.get("/private/page.txt", basic("bob", "wonderland")).status == 200
    password_file(passwords, alice=QUICK)
    assert guarded.get("/private/page.txt", ALICE).status == 200


def test_a_broken_new_file_leaves_the_old_one_in_service(guarded: Server, passwords: Path) -> None:
    assert guarded.get("/private/page.txt", ALICE).status == 200
    password_file(passwords, alice="plain", bob="text")
    assert guarded.get("/private/page.txt", ALICE).status == 200
    guarded.wait_log(rf"{passwords}:1: user alice: .*not hashed.*; what was read before stays")
    passwords.unlink()
    assert guarded.get("/private/page.txt", ALICE).status == 200
    assert guarded.get("/private/page.txt", basic("alice", "no")).status == 401


def test_a_reload_forgets_and_has_the_new_rules(start: Start, site: Site, tmp_path: Path,
                                                passwords: Path) -> None:
    site.file("page.txt", "words")
    server = start(config=f'[[site]]\nroot = "{site.root}"\n{auth(passwords)}\n')
    assert server.get("/page.txt", ALICE).status == 200
    first = server.password_checker()
    file = Path(server.popen.args[2])
    bob = password_file(tmp_path / "bob", bob=QUICK)
    file.write_text(file.read_text().replace(str(passwords), str(bob)))
    server.signal(1)
    server.wait_log("reload")
    assert until(lambda: server.get("/page.txt", ALICE).status == 401)
    assert server.get("/page.txt", basic("bob", "wonderland")).status == 200
    assert until(lambda: server.password_checker() not in (0, first))
    server.checkpoint(settle=True)


def test_no_checker_runs_where_nobody_is_asked(server: Server) -> None:
    assert server.password_checker() == 0


def test_exec_takes_the_user_at_his_word(site: Site, tmp_path: Path, passwords: Path, run) -> None:
    program = site.program("who.cgi", ENVIRONMENT)
    config = tmp_path / "c.toml"
    config.write_text(complete(cgi_site(site.root, site=auth(passwords))))
    shown = run("exec", "-c", config, "--env", program, "-H", "Authorization: "
                + basic("zoe", "whatever")[0][1]).stdout
    assert "REMOTE_USER=zoe" in shown and "HTTP_AUTHORIZATION" not in shown
    assert "REMOTE_USER" not in run("exec", "-c", config, "--env", program).stdout
