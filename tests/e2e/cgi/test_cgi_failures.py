"""Programs that fail: the status the client gets, and the sentence that the log has for it."""

import re

import pytest

from support.clauses import clause
from support.client import Connection, head
from support.configuration import cgi_site
from support.processes import alive
from support.programs import ENVIRONMENT
from support.waiting import until

HTML = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
PLAIN = "printf 'Content-Type: text/plain\\n\\n'"


@pytest.fixture
def fails(shared, shared_site):
    """fails("script") runs a shell script as a program."""

    def ask(script, name="fails.cgi", mode=0o755, headers=()):
        text = script if script.startswith("#!") else f"#!/bin/sh\n{script}\n"
        shared_site.program(name, text, mode)
        return shared.get("/" + name, headers)

    return ask


# Before the header.


@clause("rfc9110-15.5.5-missing")
@pytest.mark.parametrize("target", [
    "/missing.cgi", "/cgi-bin/missing", "/missing.cgi/info", "/missing"])
def test_missing_404(shared, target):
    assert shared.get(target).status == 404


@clause("rfc9110-15.5.4-not-executable")
@pytest.mark.parametrize("name", ["plain.cgi", "cgi-bin/plain"])
def test_not_executable_403_with_the_reason_in_the_log(shared, shared_site, name):
    shared_site.program(name, "#!/bin/sh\n# SECRET\n", mode=0o644)
    response = shared.get("/" + name)
    assert response.status == 403 and b"SECRET" not in response.body
    line = shared.wait_log(rf"(?m)^.*{name}.*execut.*$")[0]
    assert "chmod" in line or "executable" in line


@clause("rfc9110-15.6.3-bad-gateway")
def test_no_output_502(shared, fails):
    assert fails("exit 0").status == 502
    shared.wait_log("fails.cgi")


@clause("rfc9110-15.6.3-bad-gateway")
def test_exit_status_before_the_header_502(shared, fails):
    assert fails("exit 3").status == 502
    assert "3" in shared.wait_log(r"(?m)^.*fails\.cgi.*(status|exit).*$")[0]


@clause("rfc9110-15.6.3-bad-gateway")
def test_killed_before_the_header_502(shared, fails):
    assert fails("kill -SEGV $$").status == 502
    shared.wait_log(r"(?m)^.*fails\.cgi.*(SIGSEGV|signal 11).*$")


@clause("rfc9110-15.6.3-bad-gateway")
def test_closed_output_before_the_header_502(shared, fails):
    """It goes on running, but nothing can come any more."""
    assert fails("exec >&-\nsleep 1").status == 502


@clause("rfc9110-15.6.3-bad-gateway")
def test_ended_within_its_header_502(shared, fails):
    assert fails("printf 'Content-Type: text'").status == 502


def test_directory_and_device_are_no_programs(shared, shared_site):
    (shared_site.root / "folder.cgi").mkdir(exist_ok=True)
    assert shared.get("/folder.cgi").status in (301, 403, 404)
    assert shared.get("/folder.cgi/").status in (200, 403, 404)


# After the header: the client must see that the response is incomplete.


@clause("rfc9112-8-response-cut-short")
@pytest.mark.parametrize("end", ["kill -KILL $$", "kill -SEGV $$"])
def test_killed_after_the_header_is_not_completed(shared, shared_site, end):
    shared_site.program("dies.cgi", f"#!/bin/sh\n{PLAIN}\necho half\n{end}\n")
    connection = shared.connect()
    response = connection.request("GET", "/dies.cgi")
    assert response.status == 200 and response.body == b"half\n"
    assert response.header("Transfer-Encoding") == "chunked"
    assert not response.complete, "a last chunk was sent"
    assert connection.ended()
    shared.wait_log(r"dies\.cgi.*(signal|SIG)")


@clause("failures-exit-status")
def test_exit_status_after_a_full_response_is_only_logged(shared, shared_site):
    """The page is whole as far as anybody can tell."""
    shared_site.program("three.cgi", f"#!/bin/sh\n{PLAIN}\necho whole\nexit 3\n")
    response = shared.get("/three.cgi")
    assert response.status == 200 and response.body == b"whole\n"
    shared.wait_log(r"three\.cgi.*3")


# Time.


def timed(start, site, **options):
    lines = "\n".join(f'{name} = "{value}"' for name, value in options.items())
    return start(config=cgi_site(site.root, cgi=f'grace = "500ms"\n{lines}'))


@clause("rfc9110-15.6.5-gateway-timeout", "programs-limits")
def test_header_too_late_504(start, site):
    site.program("late.cgi", "#!/bin/sh\necho $$ > pid\nsleep 30\n")
    server = timed(start, site, header_timeout="1s")
    response = server.get("/late.cgi")
    assert response.status == 504 and response.complete
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 3), "it still runs"
    server.wait_log(r"late\.cgi.*(header_timeout|header|time)")


@clause("programs-limits")
def test_header_too_late_ends_the_whole_group(start, site):
    site.program("late.cgi", "#!/bin/sh\nsleep 300 &\necho $! > pid\nwait\n")
    server = timed(start, site, header_timeout="1s")
    assert server.get("/late.cgi").status == 504
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 3)


@clause("programs-limits")
def test_program_that_ignores_term_is_killed_after_its_grace(start, site):
    site.program("deaf.cgi", "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nsleep 30\nsleep 30\n")
    server = timed(start, site, header_timeout="1s")
    assert server.get("/deaf.cgi").status == 504
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 5)


@clause("rfc9112-8-response-cut-short", "programs-limits")
def test_idle_too_long_after_the_header_cuts_the_response(start, site):
    site.program("idle.cgi", f"#!/bin/sh\necho $$ > pid\n{PLAIN}\necho half\nsleep 30\n")
    server = timed(start, site, idle_timeout="1s")
    connection = server.connect()
    response = connection.request("GET", "/idle.cgi")
    assert response.status == 200 and response.body == b"half\n" and not response.complete
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 3)
    server.wait_log(r"idle\.cgi.*(idle_timeout|idle|time)")


def test_idle_starts_again_with_every_write(start, site):
    site.program("slow.cgi", f"#!/bin/sh\n{PLAIN}\n"
                 "for i in 1 2 3 4 5 6; do echo $i; sleep 0.4; done\n")
    server = timed(start, site, idle_timeout="1500ms")
    response = server.get("/slow.cgi")
    assert response.complete and response.body == b"1\n2\n3\n4\n5\n6\n"


@clause("programs-limits")
def test_total_time_cuts_a_program_that_prints_forever(start, site):
    site.program("forever.cgi", f"#!/bin/sh\necho $$ > pid\n{PLAIN}\n"
                 "while :; do echo more; sleep 0.1; done\n")
    server = timed(start, site, timeout="1s")
    response = server.get("/forever.cgi")
    assert response.status == 200 and not response.complete
    pid = int((site.root / "pid").read_text())
    assert until(lambda: not alive(pid), 3)


def test_location_has_time_limits_of_its_own(start, site):
    site.program("late.cgi", "#!/bin/sh\nsleep 1.5\nprintf 'Content-Type: text/plain\\n\\nlate'\n")
    site.program("hasty/late.cgi", "#!/bin/sh\nsleep 30\n")
    server = start(config=f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "/hasty/"
cgi = "hasty/"
header_timeout = "500ms"
[[site.location]]
match = "*.cgi"
cgi = true
""")
    assert server.get("/hasty/late.cgi").status == 504
    assert server.get("/late.cgi").body == b"late"


# Programs without a header.

BARE = "#!/bin/sh\nprintf '<h1>no header</h1>\\nmore\\n'\n"


def test_headerless_program_502_and_the_log_names_the_option(shared, shared_site):
    shared_site.program("bare.cgi", BARE)
    assert shared.get("/bare.cgi").status == 502
    shared.wait_log(r"(?s)bare\.cgi.*headerless|headerless.*bare\.cgi")


@pytest.fixture
def headerless(start, site):
    return start(config=cgi_site(site.root, 'headerless = "text/html; charset=utf-8"'))


def test_headerless_location_accepts_a_bare_page(headerless, site):
    site.program("bare.cgi", BARE)
    response = headerless.get("/bare.cgi")
    assert response.status == 200 and response.body == b"<h1>no header</h1>\nmore\n"
    assert response.header("Content-Type") == "text/html; charset=utf-8"
    assert response.complete


@pytest.mark.parametrize("page", [b"x", b"one line without end", b"\n\nempty lines first\n",
                                  b"\0\xff binary", b"x" * 200_000],
                         ids=["one byte", "one line", "empty lines", "binary", "200 kB"])
def test_headerless_pages_of_all_kinds(headerless, site, page):
    site.prints("bare.cgi", page)
    response = headerless.get("/bare.cgi")
    assert response.status == 200 and response.body == page


def test_headerless_location_still_reads_a_header(headerless, site):
    site.prints("proper.cgi", "Status: 404 Not Here\nContent-Type: text/plain\n\nhello")
    response = headerless.get("/proper.cgi")
    assert response.status == 404 and response.body == b"hello"
    assert response.header("Content-Type") == "text/plain"


def test_headerless_head_request(headerless, site):
    site.program("bare.cgi", BARE)
    response = headerless.request("HEAD", "/bare.cgi")
    assert response.status == 200 and response.header("Content-Type") == "text/html; charset=utf-8"


def test_headerless_program_that_prints_nothing_and_fails_502(headerless, site):
    site.program("bare.cgi", "#!/bin/sh\nexit 3\n")
    assert headerless.get("/bare.cgi").status == 502


# The page for the program's author: directory mode on loopback.


def test_failure_page_tells_the_reason(shared, fails):
    response = fails("echo oh dear >&2\nexit 3", headers=[HTML])
    assert response.status == 502 and response.header("Content-Type").startswith("text/html")
    assert "oh dear" in response.text, "the last of its stderr"
    assert re.search(r"exit(ed)?( with)? status 3|status 3", response.text)
    assert "/fails.cgi" in response.text
    assert "<html" in response.text and "<title>" in response.text


def test_failure_page_escapes(shared, fails):
    response = fails("echo '<script>alert(1)</script>' >&2\necho '<b>bold</b>'\nexit 3",
                     headers=[HTML])
    assert "<script>alert" not in response.text and "<b>bold" not in response.text
    assert "&lt;script&gt;" in response.text


def test_failure_page_is_plain_text_for_curl(shared, fails):
    for headers in ([("Accept", "*/*")], []):
        response = fails("echo oh dear >&2\nexit 3", headers=headers)
        assert response.header("Content-Type").startswith("text/plain")
        assert "oh dear" in response.text and "<" not in response.text.replace("<fails", "")


def test_failure_page_shows_only_the_last_of_a_long_stderr(shared, fails):
    response = fails("seq 1 100000 >&2\necho the end >&2\nexit 3")
    assert "the end" in response.text and len(response.body) < 100_000


def test_failure_page_shows_the_offending_output(shared, fails):
    response = fails("echo 'Traceback of sorts'")
    assert response.status == 502 and "Traceback of sorts" in response.text


def test_error_page_has_the_request_id(shared):
    response = shared.get("/missing", [HTML])
    assert response.status == 404 and response.header("Content-Type").startswith("text/html")
    assert "404" in response.text


def test_error_page_never_repeats_what_was_asked_unescaped(shared):
    response = shared.get("/%3Cscript%3Ealert(1)%3C/script%3E?<script>", [HTML])
    assert "<script>" not in response.text


def test_configured_server_keeps_the_reason_to_the_log(start, site):
    site.program("fails.cgi", "#!/bin/sh\necho oh dear >&2\nexit 3\n")
    server = start(config=cgi_site(site.root))
    response = server.get("/fails.cgi", [HTML])
    assert response.status == 502 and "oh dear" not in response.text
    assert str(site.root) not in response.text
    server.wait_log("oh dear")


def test_many_failures_do_not_wear_the_server_out(shared, shared_site):
    shared_site.program("fails.cgi", "#!/bin/sh\nexit 3\n")
    shared_site.program("unstartable.cgi", "#!/nonexistent/interpreter\n")
    with Connection(shared.address) as connection:
        for _ in range(100):
            assert connection.request("GET", "/fails.cgi").status == 502
            assert connection.request("GET", "/unstartable.cgi").status == 502


def test_failing_program_does_not_harm_its_neighbour(shared, shared_site):
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.program("fails.cgi", "#!/bin/sh\nexit 3\n")
    connection = shared.connect()
    connection.send((head("GET", "/fails.cgi") + head("GET", "/environment.cgi")) * 10)
    for _ in range(10):
        assert connection.read_response().status == 502
        assert connection.read_response().status == 200
