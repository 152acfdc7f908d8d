"""What goaccess (Debian's) reads of our access logs: every line, whatever clients sent."""

import json
import shutil
import subprocess
import time

import pytest

from support.binary import REPOSITORY
from support.client import Connection, head
from support.configuration import cgi_site
from support.waiting import until

pytestmark = pytest.mark.skipif(not shutil.which("goaccess"), reason="goaccess is not installed")

JSON_FORMAT = ('{"time":"%dT%t.%^","remote_address":"%h","host":"%v","request":"%r","status":"%s",'
               '"bytes_sent":"%b","duration_ms":"%L.%^","referer":"%R","user_agent":"%u"}')
ARGUMENTS = {
    "combined": ["--log-format=COMBINED"],
    "common": ["--log-format=COMMON"],
    "json": ["--log-format=" + JSON_FORMAT, "--date-format=%Y-%m-%d", "--time-format=%T"],
}
LISTEN = "".join(f'[[listen]]\naddress = "{host}:0"\n' for host in ("127.0.0.1", "[::1]"))
AGENTS = ['quote " inside', "back\\slash", "high \xe9\xff bytes", "tab\tinside",
          '" 200 0 "-" "fake', "\\", "x" * 3000, "%s%d%n", "{}[]", "-", ""]
TARGETS = ["/text.txt?%22%0a%00%ff", "/text.txt?a=b&c=[d]|{e}", "/text.txt?'--+%20%h",
           "/%2e%2e/%2e%2e/etc/passwd", "/missing" + "/x" * 500, "/text.txt?" + "y" * 2000, "/dir",
           '/text.txt?"quoted"', "/text.txt?back\\slash", "*", "/\xe9\xff"]


def ask_all(server, site) -> tuple[int, set[int]]:
    """All kinds of requests; how many lines there have to be, and with which status."""
    statuses = []

    def ask(*arguments, address=server.address, **more) -> None:
        with Connection(address) as connection:
            statuses.append(connection.request(*arguments, **more).status)

    for agent in AGENTS:
        ask("GET", "/text.txt", [("User-Agent", agent), ("Referer", "http://r/?" + agent)])
    for target in TARGETS:
        ask("GET", target)
    ask("HEAD", "/text.txt")
    ask("GET", "/text.txt", [("If-Modified-Since", "Sat, 01 Jan 2022 00:00:00 GMT")])
    ask("GET", "/text.txt", [("Range", "bytes=1-2")])
    ask("POST", "/echo.cgi", body=b"some\0thing" * 1000)
    ask("GET", "/fails.cgi")
    ask("BREW", "/text.txt")
    ask("GET", "/text.txt", host=None)
    ask("GET", "/text.txt", address=("::1", server.ports()[1]))
    ask("GET", "/text.txt", version="HTTP/1.0")
    with Connection(server.address) as connection:
        connection.send(head("GET", "/slow.cgi"))
        assert until((site.root / "begun").exists)
        time.sleep(0.1)
        connection.reset()
    server.raw(b"\x16\x03\x01\x02\x00\x01\xfc\x03\x03 is TLS\r\n\r\n")
    server.raw(b"GET /text.txt HTTP/1.1\r\nHost: a\x1b\r\n\r\n")
    return len(statuses) + 3, {*statuses, 499}


@pytest.fixture(params=list(ARGUMENTS))
def log(request, start, site, tmp_path):
    site.file("text.txt", "hello")
    site.file("dir/index.html", "hello")
    site.program("echo.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nexec cat\n")
    site.program("fails.cgi", "#!/bin/sh\nexit 3\n")
    site.program("slow.cgi", "#!/bin/sh\necho > begun\nsleep 30\n")
    path = tmp_path / "access.log"
    access = f'access = {{ path = "{path}", format = "{request.param}" }}'
    server = start(lines=2, config=LISTEN + cgi_site(site.root, log=access))
    count, statuses = ask_all(server, site)
    assert {200, 206, 301, 304, 400, 404, 499, 502} <= statuses, statuses
    assert until(lambda: path.read_bytes().count(b"\n") == count, 5), path.read_text()
    return path, request.param, count, statuses


def analyse(path, form: str) -> dict:
    report = path.with_suffix(".json")
    subprocess.run(["goaccess", str(path), *ARGUMENTS[form], "--no-global-config",
                    "--no-progress", "-o", str(report)], check=True, capture_output=True,
                   stdin=subprocess.DEVNULL, timeout=30)
    return json.loads(report.read_text())


def test_every_line_is_read(log):
    path, form, count, statuses = log
    report = analyse(path, form)
    general = report["general"]
    assert general["failed_requests"] == 0, path.read_text()
    assert general["total_requests"] == general["valid_requests"] == count
    assert {host["data"] for host in report["hosts"]["data"]} == {"127.0.0.1", "::1"}
    seen = {int(code["data"].split()[0]) for group in report["status_codes"]["data"]
            for code in group["items"]}
    assert seen >= statuses
    if form == "json":
        assert "localhost" in {host["data"] for host in report["vhosts"]["data"]}
        waited, = (page for page in report["requests"]["data"] if page["data"] == "/slow.cgi")
        assert waited["avgts"] > 1000, "microseconds, of what we write as milliseconds"


def test_a_line_that_is_not_ours_is_counted(log):
    """So a failure would be seen."""
    path, form, count, _ = log
    with open(path, "a") as file:
        file.write("17 lines were lost\n")
    assert analyse(path, form)["general"]["failed_requests"] == 1


def test_guide_says_how_to_call_it():
    guide = (REPOSITORY / "docs/guide.md").read_text()
    for arguments in ARGUMENTS.values():
        for argument in arguments:
            assert argument in guide.replace("'", "") or "COMMON" in argument, argument


def test_json_is_json(log):
    path, form, _, _ = log
    if form != "json":
        pytest.skip("only of json")
    for line in path.read_text().splitlines():
        assert line.isascii() and isinstance(json.loads(line)["status"], int)
