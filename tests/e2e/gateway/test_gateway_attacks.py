"""Web servers that ask for what they should not get, or for more than their share."""

from __future__ import annotations

from support import fastcgi, scgi
from support.configuration import cgi_site
from support.fastcgi import COMPLETE, OVERLOADED, Connection, asks, of_file, of_url, own_site
from support.programs import PLAIN, environment_of


def test_what_was_judged_is_what_is_started(front, shared_site):
    """By its name without links: they may lead elsewhere a moment later."""
    folder = f"{shared_site.root}.outside"
    (shared_site.root / "way").symlink_to(folder)
    env = environment_of(fastcgi.ask(front, of_file(f"{shared_site.root}/way/env", "/x")))
    assert env["SCRIPT_FILENAME"] == f"{folder}/env"


def test_rules_of_a_location_hold_for_the_program_that_it_names(start, site, tmp_path):
    site.program("hidden/one", f"{PLAIN}echo one\n")
    site.program("hidden/two", f"{PLAIN}echo two\n")
    site.program("folder/inner/three", f"{PLAIN}echo three\n")
    (tmp_path / "passwords").write_text("alice:$apr1$x$2FX0r4eaRYl7OyKrKnDRf.\n")
    auth = f'auth = {{ passwords = "{tmp_path}/passwords" }}'
    start(config=own_site(site.root, f"""
[[site.location]]
match = "/one/"
cgi = "{site.root}/hidden/one"
{auth}
[[site.location]]
match = "=/two"
cgi = "{site.root}/hidden/two"
allow = ["192.0.2.77"]
[[site.location]]
match = "/cgi-bin/"
cgi = "{site.root}/folder/"
[[site.location]]
match = "/cgi-bin/inner/"
{auth}
"""))
    for file, status in (("hidden/one", 401), ("hidden/two", 403), ("folder/inner/three", 401)):
        params = of_file(f"{site.root}/{file}", "/elsewhere", REMOTE_ADDR="192.0.2.1")
        assert fastcgi.ask(f"{site.root}.fcgi", params).status == status, file


def test_the_name_that_the_web_server_gives_is_asked_about_too(front, shared_site):
    file = f"{shared_site.root}.outside/env"
    assert fastcgi.ask(front, of_file(file, "/x") | {"SCRIPT_NAME": "/local/x"}).status == 403


def test_parameters_are_no_code(front, shared_site):
    names = ("BASH_ENV", "ENV", "PERL5LIB", "PERL5OPT", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS",
             "BASH_FUNC_echo", "GIT_SSH_COMMAND", "GIT_CONFIG_COUNT", "PHPRC", "LD_PRELOAD", "IFS")
    file = f"{shared_site.root}.outside/env"
    env = environment_of(fastcgi.ask(front, of_file(file, "/x", **dict.fromkeys(names, "/tmp/x"), MINE="1")))
    assert env["MINE"] == "1" and not set(names) & set(env)


def test_many_parameters(front):
    """Each is compared with others: so many would keep a worker's clients waiting."""
    some = {f"V{number}": "" for number in range(900)}
    assert fastcgi.ask(front, of_url("/page.html", more=some)).status == 200
    more = {f"V{number}": "" for number in range(1001)}
    assert fastcgi.ask(front, of_url("/page.html", more=more)).status == 431


def test_a_connection_that_is_about_to_end_begins_nothing_beside(front, shared_site):
    with Connection(front) as there:
        there.send(*(asks(of_url("/cgi-bin/cat.cgi", "POST", CONTENT_LENGTH="4"), b"body", number, keep=number != 1)
                     for number in (1, 2)))
        assert there.answer(2).status == OVERLOADED
        first = there.answer(1)
        assert first.status == COMPLETE and first.response.body == b"body"
        assert there.is_closed()


def test_requests_beside_others_are_refused_where_descriptors_are_short(start, site):
    site.file("page.html", "the page")
    site.program("waits.cgi", f"{PLAIN}until [ -e {site.root}/go ]; do sleep 0.1; done\necho done\n")
    server = start(config=cgi_site(site.root, "max_running = 2", server="workers = 1\n") +
                   '\n[[listen]]\naddress = "127.0.0.1:0"\n' +
                   f'[[listen]]\naddress = "unix:{site.root}.fcgi"\nprotocol = "fastcgi"\n',
                   prefix=("prlimit", "--nofile=160"))
    numbers = range(1, 91)
    with Connection(f"{site.root}.fcgi") as there:
        there.send(*(asks(of_url("/waits.cgi"), request=number, keep=True) for number in numbers))
        assert there.answer(90).status == OVERLOADED
        server.wait_log("requests beside others of their connection are refused")
        assert server.get("/page.html").body == b"the page"
        site.file("go", "")
        answers = [there.answer(number) for number in numbers[:-1]]
        done = [each for each in answers if each.status == COMPLETE]
        assert 50 < len(done) < 89 and all(each.response.body == b"done\n" for each in done)
        # Their places are free again.
        again = range(101, 101 + len(done))
        there.send(*(asks(of_url("/page.html"), request=number, keep=True) for number in again))
        assert {there.answer(number).status for number in again} == {COMPLETE}


def test_scgi_without_a_length_has_no_body(shared_site, shared):
    with scgi.Connection(f"{shared_site.root}.scgi") as there:
        there.send(scgi.head(of_url("/cgi-bin/lengths.cgi", "POST"), "") + b"smuggled")
        assert there.response().text.split() == ["0"]
