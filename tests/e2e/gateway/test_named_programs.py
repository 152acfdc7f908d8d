"""Programs that a web server names by their file: which may be run, by whose options, and who is kept
out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from support import fastcgi, scgi
from support.fastcgi import of_file, of_url, own_site
from support.programs import PLAIN, environment_of
from support.waiting import until
from support.warm import Warm, warm_site


def told(front: str, params: dict[str, str]) -> dict[str, str]:
    return environment_of(fastcgi.ask(front, params))


# What the program is told.


def test_a_file_below_programs(front, shared_site):
    file = f"{shared_site.root}.outside/env"
    env = told(front, of_file(file, "/cgi-bin/env?a=b", DOCUMENT_ROOT="/usr/lib/"))
    assert env["SCRIPT_FILENAME"] == file and env["SCRIPT_NAME"] == "/cgi-bin/env"
    assert env["QUERY_STRING"] == "a=b" and "PATH_INFO" not in env
    assert env["DOCUMENT_ROOT"] == "/usr/lib"
    assert "CONFIGURED" not in env


@pytest.mark.parametrize("more", [
    {"SCRIPT_FILENAME": "{file}/more/x", "SCRIPT_NAME": "/b/env/more/x"},
    {"SCRIPT_FILENAME": "{file}", "SCRIPT_NAME": "/b/env", "PATH_INFO": "/more/x"},
    {"SCRIPT_FILENAME": "{file}/more/x", "SCRIPT_NAME": "/b/env", "PATH_INFO": "/more/x"},
    {"SCRIPT_FILENAME": "proxy:fcgi://localhost{file}/more/x", "SCRIPT_NAME": "/b/env/more/x"},
    {"SCRIPT_FILENAME": "{file}/more/x", "SCRIPT_NAME": ""},
    {"SCRIPT_FILENAME": "", "DOCUMENT_ROOT": "{folder}", "SCRIPT_NAME": "/env/more/x"}],
    ids=["as nginx without a split", "as nginx with one", "as lighttpd", "as Apache", "without a name",
         "by its root"])
def test_the_path_behind_the_file(front, shared_site, more):
    folder = f"{shared_site.root}.outside"
    params = of_file("", "/b/env/more/x") | {name: value.format(file=f"{folder}/env", folder=folder)
                                             for name, value in more.items()}
    env = told(front, params)
    assert env["SCRIPT_FILENAME"] == f"{folder}/env"
    assert env["PATH_INFO"] == "/more/x"
    assert env["SCRIPT_NAME"] in ("/b/env", "/env")


def test_what_a_head_asks_for_is_the_web_servers(front, strict, shared, shared_site):
    """Another path, or a file. Where a location says that cgisrv is to follow a file, it does."""
    outside = Path(f"{shared_site.root}.outside")
    page = f"{shared_site.root}/page.html"
    said = "#!/bin/sh\nprintf '%s: %s\\nSet-Cookie: a=1\\nContent-Length: 4\\n\\n' $HTTP_FIELD \"$HTTP_VALUE\"\n"
    named = shared_site.program("sends/says.cgi", said)
    other = outside / "says"
    shutil.copy(named, other)
    for file, field, value, status, shown in (
            (other, "Location", "/page.html?a b", 302, "/page.html?a%20b"),
            (other, "Location", "/../out", 302, "/../out"),
            (named, "Location", "/page.html", 302, "/page.html"),
            (other, "X-Accel-Redirect", "/page.html", 200, "/page.html"),
            (other, "X-Sendfile", page, 200, page), (named, "X-Sendfile", page, 200, None)):
        for method in ("GET", "HEAD"):
            answer = fastcgi.ask(strict if file == named else front, {
                **of_file(str(file), f"/sends/{file.name}"), "REQUEST_METHOD": method, "HTTP_FIELD": field,
                "HTTP_VALUE": value})
            assert (answer.status, answer.header(field), answer.header("Set-Cookie")) == (status, shown, "a=1")
            followed = method == "GET" and shown is None
            assert answer.body == (b"the page" if followed else b"")
    assert shared.get("/sends/says.cgi", [("Field", "Location"), ("Value", "/page.html")]).text == "the page"


def test_of_two_locations_the_one_that_was_asked_for(strict, shared_site):
    """Both run the same program, as two trees of repositories do."""
    file = f"{shared_site.root}/twice/env.cgi"
    for target, value in (("/one/x", "1"), ("/two/x", "2"), ("/twice/env.cgi", "0")):
        env = told(strict, of_file(file, target))
        assert env["CONFIGURED"] == value, target


def test_a_long_path_behind_the_file(front, shared_site):
    for segments in (1500, 3000):
        rest = "/a" * segments
        env = told(front, of_file(f"{shared_site.root}.outside/env{rest}", f"/b/env{rest}"))
        assert env["PATH_INFO"] == rest and env["SCRIPT_NAME"] == "/b/env"


def test_the_working_directory(strict, shared_site):
    file = f"{shared_site.root}/cgi-bin/where.cgi"
    assert fastcgi.ask(strict, of_file(file)).text.strip() == f"{shared_site.root}/cgi-bin"
    assert fastcgi.ask(strict, of_file(file, FCGI_CHDIR="/usr/lib")).text.strip() == "/usr/lib"
    assert fastcgi.ask(strict, of_file(file, FCGI_CHDIR="-")).text.strip() == "/"
    assert fastcgi.ask(strict, of_file(file, FCGI_CHDIR="/none")).status == 502


# Which may be run.


def test_the_location_that_runs_it_gives_its_options(strict, front, shared_site):
    file = f"{shared_site.root}/cgi-bin/env.cgi"
    assert told(strict, of_file(file, "/x"))["CONFIGURED"] == "here"
    assert fastcgi.ask(front, of_file(file, "/x")).status == 403, "it is in no folder of programs"


def test_what_no_location_runs(strict, shared, shared_site):
    for file in (f"{shared_site.root}.outside/env", "/bin/true", f"{shared_site.root}/plain/x.cgi",
                 f"{shared_site.root}/page.html"):
        assert fastcgi.ask(strict, of_file(file)).status == 403, file
    shared.wait_log(r'403: no location runs /.*outside/env, .*cgi = "/.*outside/env".*or its folder, into programs')


def test_one_program_and_what_locations_name(start, site, run, tmp_path):
    """Beside a folder of programs: one of another folder; and what a location names, by its options."""
    for name in ("git/backend", "git/other", "single/tool", "single/beside", "below/of-folder", "x.cgi"):
        site.program(name, f"{PLAIN}echo \"{name} $OWN\"\n")
    config = f"""
[[listen]]
address = "unix:{site.root}.fcgi"
protocol = "fastcgi"
programs = ["{site.root}/git/backend"]
[[site]]
root = "{tmp_path}"
[[site.location]]
match = "/tool/"
cgi = "{site.root}/single/tool"
env = {{ OWN = "own" }}
[[site.location]]
match = "/below/"
cgi = "{site.root}/below/"
[[site]]
server_name = ["other.test"]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
"""
    server = start(config=config)

    def asked(name: str) -> tuple[int, str]:
        answer = fastcgi.ask(f"{site.root}.fcgi", of_file(f"{site.root}/{name}"))
        return answer.status, answer.text.strip() if answer.status == 200 else ""

    assert asked("git/backend") == (200, "git/backend")
    assert asked("single/tool") == (200, "single/tool own")
    assert asked("below/of-folder") == (200, "below/of-folder")
    for name in ("git/other", "single/beside", "x.cgi", "git", "git/"):
        assert asked(name) == (403, ""), name
    server.wait_log(r'403: neither programs nor a location names /.*/git/other, which .* add "/.*/git/other", or its '
                    "folder, to programs")
    (tmp_path / "site.toml").write_text(f'[server]\nuser = "root"\n{config}')
    tried = run("exec", "-c", tmp_path / "site.toml", site.root / "git/backend")
    assert "a web server may name it (programs of a [[listen]]): try it without -c" in tried.stderr


def test_what_stops_a_web_server_is_noted(run, site, tmp_path):
    site.file("page.html", "a page")
    file = tmp_path / "site.toml"
    file.write_text(f"""
[[listen]]
address = "unix:{site.root}.fcgi"
protocol = "fastcgi"
mode = "0600"
[[site]]
root = "{site.root}"
""")
    said = run("check", "-c", file)
    assert said.returncode == 0
    assert f'note: {file}:3: with mode = "0600" the owner of unix:{site.root}.fcgi alone' in said.stderr
    assert f"note: {file}:3: nothing that a web server asks for at unix:{site.root}.fcgi is run" in said.stderr


@pytest.mark.parametrize("file, status", [
    ("{out}/../site.outside/env", 403), ("{out}/./env", 403), ("relative", 403), ("/", 403), ("{out}", 403),
    ("{out}/", 403), ("{out}/sub", 403), ("{out}/none", 404), ("{out}/none/env", 404),
    ("{out}/link-out", 403), ("{out}/not-executable", 403), ("{out}/.hidden", 403), ("/bin/true", 403),
    ("/bin/true/{out}/env", 403), ("{out}/env/../../../bin/true", 403), ("/dev/null", 403),
    ("/proc/self/exe", 403), ("{root}/cgi-bin/.hidden", 403), ("{root}/cgi-bin/denied.pl", 403),
    ("{out}x/env", 404), ("//bin/true", 403)])
def test_tricks(front, shared_site, file, status):
    named = file.format(out=f"{shared_site.root}.outside", root=shared_site.root)
    assert fastcgi.ask(front, of_file(named)).status == status, named


def test_a_link_inside(front, shared_site):
    answer = fastcgi.ask(front, of_file(f"{shared_site.root}.outside/link-in"))
    assert answer.text == "hello\n"


def test_a_nul_names_nothing(front, shared_site):
    assert fastcgi.ask(front, of_file(f"{shared_site.root}.outside/env\0.cgi")).status == 400


def test_a_hostile_client_cannot_choose_the_program(front, shared_site):
    """Its fields come as HTTP_*, whatever they are called."""
    file = f"{shared_site.root}.outside/sub/hello"
    answer = fastcgi.ask(front, of_file(file, HTTP_SCRIPT_FILENAME="/bin/true", HTTP_DOCUMENT_ROOT="/bin"))
    assert answer.text == "hello\n"


# Who is kept out.


def test_rules_of_the_location_that_runs_it_hold(strict, front, shared_site):
    file = f"{shared_site.root}/local/x.cgi"
    for address in (strict, front):
        assert fastcgi.ask(address, of_file(file, "/elsewhere")).status == 403
        assert fastcgi.ask(address, of_file(file, "/local/x.cgi")).status == 403
    assert fastcgi.ask(strict, of_file(file, "/elsewhere", REMOTE_ADDR="127.0.0.1")).text == "local\n"


def test_rules_of_the_path_that_was_asked_for_hold(front, shared_site):
    file = f"{shared_site.root}.outside/env"
    assert fastcgi.ask(front, of_file(file, "/local/")).status == 403
    assert fastcgi.ask(front, of_file(file, "/x.pl")).status == 403


@pytest.mark.parametrize("name", ["//local/x", "///local/x", "local/x", "/local//x"])
def test_rules_hold_however_its_name_is_written(front, shared_site, name):
    """By a web server that has not merged slashes."""
    file = f"{shared_site.root}.outside/env"
    assert fastcgi.ask(front, of_file(file, "/elsewhere") | {"SCRIPT_NAME": name}).status == 403


def test_passwords_are_the_servers_own_to_check(start, site, run, tmp_path):
    site.program("locked/x.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\necho \"$REMOTE_USER\"\n")
    (tmp_path / "passwords").write_text("alice:$apr1$x$2FX0r4eaRYl7OyKrKnDRf.\n")
    start(config=own_site(site.root, f"""
[[site.location]]
match = "/locked/"
cgi = true
auth = {{ passwords = "{tmp_path}/passwords" }}
"""))
    for params in (of_url("/locked/x.cgi", REMOTE_USER="alice", AUTH_TYPE="Basic"),
                   of_file(f"{site.root}/locked/x.cgi", "/elsewhere", REMOTE_USER="alice")):
        assert fastcgi.ask(f"{site.root}.fcgi", params).status == 401


def test_the_log_names_the_program(front, shared, shared_site):
    fastcgi.ask(front, of_file("/bin/true", "/the-named"))
    line = shared.wait_log(r"403: .*/bin/true, which a web server has named.*")
    assert re.search("programs", line[0])


# Without a file.


def test_a_directory_by_one_command(start, site):
    site.program("tool", f"{PLAIN}echo tool\n")
    site.program("x.cgi", f"{PLAIN}echo routed\n")
    start(site, "--fastcgi", f"unix:{site.root}.fcgi", "--scgi", f"unix:{site.root}.scgi")
    assert fastcgi.ask(f"{site.root}.fcgi", of_file(f"{site.root}/tool")).text == "tool\n"
    assert fastcgi.ask(f"{site.root}.fcgi", of_url("/x.cgi")).text == "routed\n"
    assert fastcgi.ask(f"{site.root}.fcgi", of_file("/bin/true")).status == 403
    assert scgi.ask(f"{site.root}.scgi", of_file(f"{site.root}/tool")).text == "tool\n"


def test_a_door_for_everybody_is_noted(run, site, tmp_path):
    file = tmp_path / "open.toml"
    file.write_text(f"""
[[listen]]
address = "0.0.0.0:0"
protocol = "fastcgi"
[[listen]]
address = "127.0.0.1:0"
protocol = "scgi"
[[site]]
root = "{site.root}"
""")
    site.root.mkdir(exist_ok=True)
    said = run("check", "-c", file)
    assert "whoever reaches 0.0.0.0:0 names programs" in said.stderr
    assert "whoever reaches 127" not in said.stderr


# Programs that start warm.


def test_a_named_program_starts_warm(start, site, tmp_path):
    program = site.program("x.cgi", "#!/usr/bin/python3\nimport os\nprint('Content-Type: text/plain\\n')\n"
                           "print(os.environ['SCRIPT_NAME'], os.environ.get('OWN'))\n")
    warm = Warm(start(config=warm_site(site.root, tmp_path / "access", listen=f"""
address = "127.0.0.1:0"
[[listen]]
address = "unix:{site.root}.fcgi"
protocol = "fastcgi"
""").replace("[listen]", "[[listen]]", 1)), tmp_path / "access")
    params = of_file(str(program), "/cgi-bin/named", DOCUMENT_ROOT="/usr/lib", REMOTE_USER="alice")

    def is_warm() -> bool:
        assert fastcgi.ask(f"{site.root}.fcgi", params).text == "/cgi-bin/named None\n"
        return warm.how("/cgi-bin/named") == ["warm", "-"]

    assert until(is_warm)
    warm.server.checkpoint(settle=True)
    assert fastcgi.ask(f"{site.root}.fcgi", {**params, "OWN": "x"}).text == "/cgi-bin/named x\n"
    assert warm.how("/cgi-bin/named") == ["cold", "variables"]
