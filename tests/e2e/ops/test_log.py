"""What the log says: one access line for each request, request ids, and nothing raw."""

import json
import re
import threading
import time

import pytest

from support.client import head
from support.configuration import cgi_site
from support.passwords import QUICK, basic, password_file
from support.programs import ENVIRONMENT, environment_of
from support.waiting import until

HTML = ("Accept", "text/html")
COMBINED = (r'(?P<address>\S+) - (?P<user>\S+) '
            r'\[(?P<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] '
            r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-) '
            r'"(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)".*')


@pytest.fixture(scope="module")
def shared_site(shared_site):
    shared_site.file("text.txt", "hello")
    shared_site.c_program("environment.cgi", ENVIRONMENT)
    shared_site.program("speaks.cgi", "#!/bin/sh\necho one >&2\necho two >&2\n"
                        "printf 'Content-Type: text/plain\\n\\n%s' \"$REQUEST_ID\"\n")
    shared_site.program("fails.cgi", "#!/bin/sh\necho oh dear >&2\nexit 3\n")
    return shared_site


def access_lines(server) -> list[re.Match[str]]:
    return [m for line in server.log().splitlines() if (m := re.fullmatch(COMBINED, line))]


def one_line(server, count: int = 1) -> re.Match[str]:
    assert until(lambda: len(access_lines(server)) >= count, 5), server.log()
    time.sleep(0.05)
    assert len(access_lines(server)) == count, server.log()
    return access_lines(server)[-1]


def test_access_line_in_combined_format(shared):
    shared.get("/text.txt?a=b", [("Referer", "http://r/"), ("User-Agent", "me/1.0")])
    line = one_line(shared)
    assert line["address"] == "127.0.0.1" and line["user"] == "-"
    assert line["request"] == "GET /text.txt?a=b HTTP/1.1"
    assert line["status"] == "200" and line["bytes"] == "5"
    assert line["referer"] == "http://r/" and line["agent"] == "me/1.0"


def test_one_access_line_for_each_request(shared):
    connection = shared.connect()
    connection.send(head("GET", "/text.txt") + head("GET", "/missing")
                    + head("GET", "/environment.cgi"))
    for _ in range(3):
        connection.read_response()
    one_line(shared, 3)
    assert [m["status"] for m in access_lines(shared)] == ["200", "404", "200"]


def test_bytes_are_those_of_the_body(shared):
    response = shared.get("/environment.cgi")
    assert one_line(shared)["bytes"] == str(len(response.body))


@pytest.mark.fault("37")
@pytest.mark.parametrize("method, target", [("HEAD", "/text.txt"), ("GET", "/empty.txt")])
def test_an_empty_body_is_a_dash(shared, shared_site, method, target):
    """As the Common Log Format has it."""
    shared_site.file("empty.txt", "")
    shared.request(method, target)
    assert one_line(shared)["bytes"] == "-"


@pytest.mark.fault("6")
def test_the_user_of_a_proxy_is_in_the_access_log(start, site):
    """Of files too; what programs have as REMOTE_USER, in its own column whatever is in it."""
    site.file("text.txt", "hello")
    site.c_program("environment.cgi", ENVIRONMENT)
    config = cgi_site(site.root, cgi='remote_user = "X-Remote-User"')
    server = start(config=config)
    server.get("/text.txt", [("X-Remote-User", "anna")])
    assert one_line(server)["user"] == "anna"
    user = 'an" na\\x'
    environment = environment_of(server.get("/environment.cgi", [("X-Remote-User", user)]))
    assert environment["REMOTE_USER"] == user
    assert one_line(server, 2)["user"] == r"an\x22\x20na\x5cx"
    server.get("/text.txt", [("X-Remote-User", "anna"), ("X-Remote-User", "root")])
    assert one_line(server, 3)["user"] == "-"
    server = start(config=config + '[log]\naccess = { path = "stderr", format = "json" }\n')
    server.get("/text.txt", [("X-Remote-User", "an na")])
    line = server.wait_log(r'^\{"time".*$')[0]
    assert json.loads(line)["user"] == "an na"


def test_refused_request_is_logged_too(shared):
    shared.raw(b"GET /text.txt HTTP/1.1\r\n\r\n")
    assert one_line(shared)["status"] == "400"


def test_connection_without_a_request_is_not_logged(shared):
    shared.connect().close()
    shared.get("/text.txt")
    one_line(shared)


def test_missing_fields_are_a_dash(shared):
    shared.get("/text.txt")
    line = one_line(shared)
    assert line["referer"] == "-" and line["agent"] == "-"


def test_client_that_left_is_logged(shared, shared_site):
    shared_site.program("slow.cgi", "#!/bin/sh\nsleep 30\n")
    connection = shared.connect()
    connection.send(head("GET", "/slow.cgi"))
    assert until(shared.programs)
    connection.reset()
    assert until(lambda: "/slow.cgi" in shared.log(), 5), "no line tells of it"


# Nothing raw: log readers are terminals and parsers.


@pytest.mark.parametrize("agent", [
    'quote " inside', "back\\slash", "high \xe9\xff bytes", "tab\tinside",
    '" 200 0 "-" "fake', "\\"])
def test_fields_are_escaped(shared, agent):
    shared.get("/text.txt", [("User-Agent", agent)])
    line = one_line(shared)
    assert line["status"] == "200" and line["bytes"] == "5"
    assert re.fullmatch(r"[\x20-\x7e]*", line[0]), line[0]


def test_control_bytes_of_a_refused_request_are_escaped(shared):
    shared.raw(b"GET /\x1b[31m\x07\x9b HTTP/1.1\r\nHost: a\x1b]0;title\x07\r\n\r\n")
    one_line(shared)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", shared.log()), shared.log()


def test_control_bytes_of_a_programs_stderr_are_escaped(shared, shared_site):
    shared_site.program("raw.cgi", "#!/bin/sh\nprintf 'a\\033[31mred\\007\\r\\n\\377end\\n' >&2\n"
                        "printf 'Content-Type: text/plain\\n\\nx'\n")
    shared.get("/raw.cgi")
    shared.wait_log("red")
    shared.wait_log("end")
    assert "\x1b" not in shared.log() and "\x07" not in shared.log()


def test_newline_of_a_path_makes_no_line_of_its_own(shared):
    shared.get("/environment.cgi/a%0a127.0.0.1%20-%20-%20fake")
    one_line(shared)
    assert not re.search(r"^127\.0\.0\.1 - - fake", shared.log(), re.M)


# Request ids.


def test_stderr_lines_carry_request_id_and_script(shared):
    identity = shared.get("/speaks.cgi").text
    assert re.fullmatch(r"\S{6,64}", identity)
    for word in ("one", "two"):
        line = shared.wait_log(rf"^.*\b{word}$")[0]
        assert identity in line and "speaks.cgi" in line, line


def test_each_request_has_its_own_id_also_on_one_connection(shared):
    connection = shared.connect()
    assert len({connection.request("GET", "/speaks.cgi").text for _ in range(10)}) == 10


@pytest.mark.fault("31")
def test_nobody_can_foresee_the_next_request_id(shared):
    """Who sees his own id knows nobody else's: no two differ by what two others differ by."""
    connection = shared.connect()
    ids = [int(connection.request("GET", "/speaks.cgi").text, 16) for _ in range(40)]
    differences = [(b - a) % 2**64 for a, b in zip(ids, ids[1:])]
    assert len(set(differences)) == len(differences)
    assert sum(min(d, 2**64 - d) < 2**40 for d in differences) == 0


@pytest.mark.fault("31")
def test_the_error_log_is_utf8_that_reads_as_what_it_is(shared, shared_site):
    """No terminal is driven, no line forged and no text turned around by what a program says."""
    shared_site.program("odd.cgi", b"#!/bin/sh\nprintf 'odd\\377|\\302\\233J|\\300\\257|\\342\\200\\256"
                        b"txt|gr\\303\\274n\\n' >&2\nprintf 'Content-Type: a/b\\n\\n'\n")
    shared.get("/odd.cgi")
    shared.wait_log(r"odd")
    log = shared.stderr.read_bytes()
    assert rb"odd\xff|\xc2\x9bJ|\xc0\xaf|\xe2\x80\xaetxt|gr" + "\u00fcn".encode() in log
    log.decode("utf-8")


def test_request_id_of_the_error_page_is_in_the_log(shared):
    response = shared.get("/fails.cgi", [HTML])
    line = shared.wait_log(r"^.*oh dear.*$")[0]
    identities = [word for word in re.findall(r"[A-Za-z0-9_.@-]{6,64}", line)
                  if word in response.text and re.search(r"\d", word) and "fails" not in word]
    assert identities, f"no id of {line!r} is on the page"


def test_request_id_of_the_program_is_the_logs(shared, shared_site):
    shared_site.program("both.cgi", "#!/bin/sh\necho here >&2\n"
                        "echo $REQUEST_ID > identity\nexit 3\n")
    response = shared.get("/both.cgi")
    identity = (shared_site.root / "identity").read_text().strip()
    assert identity in response.text, "on the page"
    assert identity in shared.wait_log(r"^.*\bhere$")[0], "in the log"


def test_log_lines_have_time_level_and_process(shared):
    shared.get("/fails.cgi")
    shared.wait_log(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
                    r"(debug|info|notice|warn|error) \[\d+\] .*oh dear")


def test_lines_are_whole_under_load(shared):
    """One write for each: lines of several workers never mix."""
    def ask() -> None:
        with shared.connect() as connection:
            for _ in range(100):
                connection.request("GET", "/text.txt", [("User-Agent", "x" * 300)])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    one_line(shared, 400)
    assert all("x" * 300 in line for line in shared.log().splitlines() if "GET /text.txt" in line)


@pytest.mark.fault("22")
def test_field_that_programs_are_not_given_is_told_once(server, site):
    """By each worker, for each name; clients choose names, so that it ends with the 32nd."""
    site.program("it.cgi", "#!/bin/sh\necho Status: 204\necho\n")
    with server.connect() as connection:  # one worker
        for _ in range(2):
            connection.request("GET", "/it.cgi", [("api_key", "x"), ("X-Fine", "y")])
        assert server.log().count("the request's field api_key is not handed on: its name") == 1
        assert "X-Fine" not in server.log()
        for number in range(100):
            connection.request("GET", "/it.cgi", [(f"x_{number}", "x")])
    assert server.log().count(" is not handed on: ") == 32


@pytest.mark.fault("38")
def test_program_without_a_name_of_its_own_is_named_by_its_file(start, site, tmp_path):
    """One that answers for a whole site: SCRIPT_NAME is empty there."""
    program = site.program("app", "#!/bin/sh\necho complaint >&2\nprintf 'Status: 204\\n\\n'\n")
    access = tmp_path / "access.json"
    server = start(config=f'''
[log]
access = {{ path = "{access}", format = "json" }}
[[site]]
root = "{site.root}"
[[site.location]]
match = "/"
cgi = "app"
''')
    assert server.get("/anything").status == 204
    server.wait_log(rf"\] {re.escape(str(program))}: stderr: complaint$")
    assert until(lambda: access.exists() and access.read_text())
    assert json.loads(access.read_text())["script"] == str(program)


def test_why_somebody_was_kept_out_is_a_notice(start, site, tmp_path):
    """And so in a log that leaves out what clients get wrong all day."""
    site.program("run.cgi", "#!/bin/sh\n").chmod(0o644)
    site.file("private.txt", "words")
    log = tmp_path / "error.log"
    users = password_file(tmp_path / "users", alice=QUICK)
    server = start(config=cgi_site(site.root, log=f'error = {{ path = "{log}", level = "notice" }}') + f'''
[[site.location]]
match = "=/private.txt"
auth = {{ passwords = "{users}" }}
[[site.location]]
match = "=/local.txt"
allow = ["192.0.2.1"]
''')
    assert server.get("/missing").status == 404
    assert server.get("/private.txt").status == 401
    assert server.get("/private.txt", basic("alice", "wrong")).status == 401
    assert server.get("/local.txt").status == 403
    assert server.get("/run.cgi").status == 403
    assert until(lambda: "is not executable" in log.read_text())
    said = log.read_text()
    assert 'wrong user or password: "alice"' in said and "allow" in said
    assert "missing" not in said and "no password was sent" not in said
