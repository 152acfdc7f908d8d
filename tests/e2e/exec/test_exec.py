"""cgisrv exec: one program, run once as the server would, and shown."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from support.binary import BINARY, slowness
from support.exec_command import LIMITED, configure, section, seen, verdict
from support.processes import alive
from support.programs import CAT, ENVIRONMENT, PLAIN
from support.waiting import until

# The report.


def test_report_of_a_good_program(execute, site):
    script = site.program("cgi-bin/hello", PLAIN + "cat; echo; echo noticed >&2\n")
    result = execute(script, "/cgi-bin/hello/extra?x=1", "-H", "Cookie: a=b", "-X", "POST",
                     body=b"the body")
    assert result.returncode == 0 and result.stderr == b"", result
    assert section(result, "Request") == [
        "POST /cgi-bin/hello/extra?x=1 HTTP/1.1", "Host: 127.0.0.1:8888", "Cookie: a=b",
        "Content-Length: 8", "(8 bytes of body)"]
    program = dict(line.split(maxsplit=1) for line in section(result, "Program"))
    assert program["file"] == str(script) and program["directory"] == str(script.parent)
    assert program["run"] == "by     #!/bin/sh" and program["ended"] == "exit status 0"
    assert program["started"] == "cold"
    environment = section(result, "Environment")
    for variable in ("PATH_INFO=/extra", "QUERY_STRING=x=1", "HTTP_COOKIE=a=b", "CONTENT_LENGTH=8",
                     f"DOCUMENT_ROOT={site.root}"):
        assert variable in environment
    assert "--env" in environment[-1]
    assert section(result, "Standard error") == ["noticed"]
    response = section(result, "Response")
    assert response[0] == "HTTP/1.1 200 OK" and response[-2:] == ["", "the body"]
    assert len(section(result, "Time")) == 4
    assert "input      8 bytes" in section(result, "Resources")
    assert re.fullmatch(r"good: 200, 9 bytes in [\d.]+ (ms|s)", verdict(result))


def test_help_fits_a_terminal(run):
    result = run("exec", "--help")
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and "--raw" in result.stdout
    assert len(lines) <= 30 and max(map(len, lines)) <= 80


def test_control_bytes_and_binary_data_do_not_reach_the_terminal(execute, site):
    script = site.prints("p.cgi", b"Content-Type: text/plain\n\n\x1b[31mred\x1b[0m\n\xff\n")
    response = section(execute(script), "Response")
    assert response[-2:] == [r"\x1b[31mred\x1b[0m", r"\xff"]
    script = site.prints("b.cgi", b"Content-Type: image/png\n\n\x89PNG\r\n\x1a\n\0\0")
    result = execute(script)
    assert section(result, "Response")[-1] == "(10 bytes, binary; see --raw)"
    assert b"\0" not in result.stdout and result.returncode == 0


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen([str(BINARY), "exec", *map(str, arguments)], stdin=subprocess.DEVNULL,
                          stdout=theirs, stderr=theirs,
                          env={**os.environ, "TERM": "xterm", **environment}) as process:
        os.close(theirs)
        output = b""
        while True:
            try:
                output += os.read(ours, 65536)
            except OSError:  # EIO: the other end is closed
                break
        os.close(ours)
        assert process.wait() == 0, output
    return output.decode().replace("\r\n", "\n")


def test_colour_and_a_short_body_on_a_terminal_alone(execute, site):
    script = site.program("p.cgi", PLAIN + "seq 100\n")
    coloured = on_terminal(script)
    assert "\x1b[1mRequest\x1b[0m" in coloured and "good:\x1b[0m 200" in coloured
    assert "\n  40\n  (and 181 bytes more; see --raw)\n" in coloured
    plain = on_terminal(script, NO_COLOR="1")
    assert "\x1b" not in plain and "\n  40\n  (and" in plain
    assert b"\n  100\n" in execute(script).stdout and b"\x1b" not in execute(script).stdout


# What is asked for.


@pytest.mark.parametrize("name, inside, url", [
    ("cgi-bin/p", ".", "/cgi-bin/p"),
    ("cgi-bin/p", "cgi-bin", "/cgi-bin/p"),
    ("cgi-bin/deep/er/p", "cgi-bin/deep", "/cgi-bin/deep/er/p"),
    ("htbin/deep/p", ".", "/htbin/deep/p"),
    ("p.cgi", ".", "/p.cgi"),
    ("p q%.cgi", ".", "/p%20q%25.cgi"),
])
def test_url_is_found_by_the_script(execute, site, name, inside, url):
    script = site.program(name, PLAIN)
    relative = os.path.relpath(script, site.root / inside)
    value = seen(execute(relative, "--json", cwd=site.root / inside))
    assert value["request"]["target"] == url
    assert value["programs"][0]["environment"]["DOCUMENT_ROOT"] == str(site.root)


@pytest.mark.fault("2e")
def test_the_root_is_the_script_s_own_directory_wherever_one_is(execute, start, site, tmp_path):
    """`cgisrv site` and `cgisrv exec site/hello.cgi` agree on where the program is."""
    script = site.program("hello.cgi", PLAIN + 'echo "$SCRIPT_NAME $DOCUMENT_ROOT"\n')
    served = start(site).get("/hello.cgi").text
    (tmp_path / "away").mkdir()
    for folder in (tmp_path, site.root, tmp_path / "away"):
        value = seen(execute(os.path.relpath(script, folder), "--json", cwd=folder))
        assert value["response"]["body"] == served == f"/hello.cgi {site.root}\n"


@pytest.mark.parametrize("url, target, host, root", [
    ("?a=b&c", "/p.cgi?a=b&c", "127.0.0.1:8888", "sub"),
    ("/p.cgi/info", "/p.cgi/info", "127.0.0.1:8888", "sub"),
    ("/sub/p.cgi", "/sub/p.cgi", "127.0.0.1:8888", "."),
    ("http://example.org", "/p.cgi", "example.org", "sub"),
    ("http://example.org:80/p.cgi?x", "/p.cgi?x", "example.org:80", "sub"),
])
def test_url_may_be_given_in_part(execute, site, url, target, host, root):
    site.program("sub/p.cgi", PLAIN)
    value = seen(execute("sub/p.cgi", url, "--json", cwd=site.root))
    environment = value["programs"][0]["environment"]
    assert value["request"]["target"] == environment["REQUEST_URI"] == target
    assert environment["HTTP_HOST"] == host
    assert environment["DOCUMENT_ROOT"] == str((site.root / root).resolve())


@pytest.mark.parametrize("arguments, status, words", [
    ([], 64, "exec needs a program"),
    (["p.cgi", "/p.cgi", "third"], 64, "SCRIPT and URL"),
    (["p.cgi", "-H", "no header"], 64, "-H 'Name: value'"),
    (["p.cgi", "-H", "A: b\r\nC: d"], 64, "-H 'Name: value'"),
    (["p.cgi", "--raw", "--json"], 64, "--json"),
    (["p.cgi", "--listen", ":80"], 64, "exec does not listen"),
    (["p.cgi", "--warm"], 64, "starts programs cold"),
    (["p.cgi", "/other.cgi"], 64, "other.cgi"),
    (["p.cgi", "a=1"], 64, "a=1 is no URL; did you mean '?a=1'"),
    (["p.cgi", "p.cgi/more"], 64, "p.cgi/more is no URL; did you mean '/p.cgi/more'"),
    (["tools/plain.py", "/tools/plain.py"], 66,
     "/tools/plain.py would be sent as a file: programs are the executable files in cgi-bin/"),
    (["http://localhost/p.cgi?a"], 64, "is a URL; give the file first: cgisrv exec p.cgi"),
    (["/p.cgi"], 64, "give the file first: cgisrv exec p.cgi"),
    (["cgi-bin/ok.py", "/ok.py"], 64,
     "/ok.py does not lead to cgi-bin/ok.py; its URL is /cgi-bin/ok.py"),
    (["plain.py", "-c", "exec.toml"], 66, "no location of"),
    (["plain.py", "/plain.py", "-c", "exec.toml"], 66,
     "/plain.py would be sent as a file: the locations that run programs are *.cgi; give it"),
    (["p.cgi", "--bdoy"], 64, "--bdoy"),
    (["missing.cgi"], 66, "missing.cgi: No such file"),
    (["stop"], 66, "stop: No such file"),
    (["."], 66, "is a directory"),
    (["plain.py"], 66, "would be sent as a file"),
    (["text.py"], 66, "and make it executable (chmod a+x), to have it run"),
    (["p.cgi", "-c", "missing.toml"], 78, "missing.toml"),
])
def test_what_cannot_be_run_is_said_with_its_status(execute, site, arguments, status, words):
    for name in ("p.cgi", "other.cgi", "plain.py", "tools/plain.py", "cgi-bin/ok.py"):
        site.program(name, PLAIN)
    site.file("text.py", PLAIN)
    configure('[[site]]\nroot = "{root}"\n[[site.location]]\nmatch = "*.cgi"\ncgi = true\n', site,
              site.root)
    result = execute(*arguments, cwd=site.root)
    assert result.returncode == status, result
    assert words in result.stderr.decode() and result.stdout == b""


@pytest.mark.parametrize("size", [0, 5, 3_000_000])
@pytest.mark.parametrize("way", ["file", "pipe", "chunked"])
def test_body_is_standard_input(execute, site, tmp_path, size, way):
    script = site.program("p.cgi", CAT)
    body = (b"0123456789" * (size // 10 + 1))[:size]
    arguments = [str(BINARY), "exec", str(script), "--raw", "-X", "POST"]
    if way == "chunked":
        arguments += ["-H", "Transfer-Encoding: chunked"]
    (tmp_path / "body").write_bytes(b"before" + body)
    with open(tmp_path / "body", "rb") as file:
        os.lseek(file.fileno(), 6, os.SEEK_SET)
        options = {"stdin": file} if way == "file" else {"input": body}
        result = subprocess.run(arguments, capture_output=True, timeout=30, **options)
    assert result.returncode == 0, result.stderr
    assert result.stdout.partition(b"\n\n")[2] == body


def test_get_leaves_standard_input_alone(site):
    script = site.program("p.cgi", CAT)
    ours, theirs = os.pipe()  # never written to, never closed
    result = subprocess.run([str(BINARY), "exec", script, "--raw"], stdin=ours,
                            capture_output=True, timeout=20 * slowness())
    os.close(ours)
    os.close(theirs)
    assert result.returncode == 0 and result.stdout.endswith(b"\n\n")


# Good or bad.

FAILING = {
    "no shebang": (b"echo nothing\n", 0o755, "has no interpreter line"),
    "no such interpreter": (b"#!/nowhere/perl\n", 0o755, "/nowhere/perl does not exist"),
    "not executable": (b"#!/bin/sh\n", 0o644, "is not executable; run: chmod +x"),
    "no output": (b"#!/bin/sh\n", 0o755, "without any output"),
    "no header": (b"#!/bin/sh\necho '<p>hello'\n", 0o755, "does not begin with a CGI header"),
    "exit 3": (b"#!/bin/sh\necho why >&2\nexit 3\n", 0o755, "exit status 3 before it printed"),
    "signal": (b"#!/bin/sh\nkill -SEGV $$\n", 0o755, "killed by signal 11"),
    "cut": (PLAIN.encode() + b"echo begun; kill -KILL $$\n", 0o755, "the response is cut"),
    "short": (b"#!/bin/sh\nprintf 'Content-Type: text/plain\\nContent-Length: 9\\n\\nhello'\n",
              0o755, "4 bytes short of its Content-Length"),
    "time": (b"#!/bin/sh\nsleep 30\n", 0o755, "printed no header within 0.5 s (header_timeout)"),
}


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_told_in_the_servers_words(execute, start, site, tmp_path, name):
    text, mode, words = FAILING[name]
    script = site.program("cgi-bin/p", text, mode)
    config = configure(LIMITED, site, tmp_path)
    result = execute(script, "-c", config)
    assert result.returncode == 1, result
    assert verdict(result).startswith("bad: ") and words in verdict(result), result.stdout.decode()
    server = start(config=config.read_text())
    server.raw(b"GET /cgi-bin/p HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    line = server.wait_log(re.escape(words))
    (logged,) = [entry for entry in server.log().splitlines() if line[0] in entry]
    assert logged.endswith("] " + verdict(result).removeprefix("bad: "))


@pytest.mark.parametrize("output, then, good, words", [
    (b"Content-Type: text/plain\n\nhello", "", True, "200, 5 bytes"),
    (b"Status: 404 Not Found\nContent-Type: text/plain\n\nno", "", True, "404, 2 bytes"),
    (b"Location: http://example.org/\n\n", "", True, "302, 0 bytes"),
    (b"Status: 503 Busy\nContent-Type: text/plain\n\nno", "", False, "503: the program itself"),
    (b"Content-Type: text/plain\n\nhello", "exit 7", False, "200, but .*p.cgi: exit status 7"),
    (b"Location: /missing\n\n", "", False, "404: .*missing"),
    (b"Location: /p.cgi\n\n", "", False, "502: .*local redirects in a row"),
])
def test_verdict(execute, site, output, then, good, words):
    result = execute(site.prints("p.cgi", output, then))
    assert result.returncode == (0 if good else 1), result
    assert re.match(f"{'good' if good else 'bad'}: {words}", verdict(result)), verdict(result)


def test_what_the_server_refuses_is_bad(execute, site, tmp_path):
    script = site.program("cgi-bin/p", CAT)
    config = configure(LIMITED, site, tmp_path)
    result = execute(script, "-c", config, "-X", "POST", body=b"x" * 101)
    assert verdict(result).startswith(
        "bad: 413: a body of 101 bytes is more than body_size allows for /cgi-bin/p, 100 bytes; write "
        "more, such as body_size = \"200\", in its location or under [limits]")
    result = execute(script, "-c", config, "/cgi-bin/p?a b")
    assert verdict(result) == ("bad: 400: a space too many in the request line; "
                               '127.0.0.1 sent "GET /cgi-bin/p?a b HTTP/1.1"')
    result = execute(script, "-c", config, "-X", "TRACE")
    assert verdict(result) == "bad: 405: no program was run" and result.returncode == 1


def test_output_that_is_no_response_is_shown(execute, site, tmp_path):
    script = site.program("cgi-bin/p", "#!/bin/sh\necho 'hello, author'\n")
    result = execute(script, "-c", configure(LIMITED, site, tmp_path))
    assert section(result, "Standard output") == ["hello, author"]


# By configuration.


def test_options_of_the_location_apply(execute, site, tmp_path):
    site.program("cgi-bin/p", PLAIN + "ulimit -n; echo $COLOUR; echo $HTTP_AUTHORIZATION\n")
    config = configure(LIMITED + 'env = { COLOUR = "blue" }\nrlimits = { nofile = 77 }\n'
                       "authorization = true\n", site, tmp_path)
    value = seen(execute("cgi-bin/p", "-c", config, "--json", "-H", "Authorization: Basic x",
                         cwd=site.root))
    assert value["response"]["body"] == "77\nblue\nBasic x\n"


PLACES = """
[[listen]]
address = "127.0.0.1:8040"
[[site]]
root = "{root}/one"
[[site]]
server_name = ["*.example.org"]
root = "{root}/two"
[[site.location]]
match = "/tools/"
cgi = "{root}/outside/"
[[site.location]]
match = "/report/"
cgi = "{root}/single"
[[site.location]]
match = "*.py"
interpreter = "/usr/bin/python3"
"""


@pytest.mark.parametrize("name, mode, url, script_name", [
    ("outside/deep/p", 0o755, "/tools/deep/p", "/tools/deep/p"),
    ("single", 0o755, "/report/", "/report"),
    ("two/sub/p.py", 0o644, "/sub/p.py", "/sub/p.py"),
])
def test_script_is_found_in_the_locations(execute, site, tmp_path, name, mode, url, script_name):
    for folder in ("one", "two", "outside"):
        (site.root / folder).mkdir()
    site.program("single", PLAIN)
    code = "print('Content-Type: text/plain\\n')\n" if name.endswith(".py") else PLAIN
    script = site.program(name, code, mode)
    site.program("stranger", PLAIN)
    config = configure(PLACES, site, tmp_path)
    value = seen(execute(script, "-c", config, "--json"))
    assert value["request"]["target"] == url
    environment = value["programs"][0]["environment"]
    assert environment["SCRIPT_NAME"] == script_name
    assert environment["HTTP_HOST"] == "www.example.org:8040"
    assert environment["SERVER_PORT"] == "8040"
    asked = seen(execute(script, url, "-c", config, "--json"))  # the site is found by the path, too
    assert asked["programs"][0]["environment"]["HTTP_HOST"] == "www.example.org:8040"
    result = execute(site.root / "stranger", "-c", config)
    assert result.returncode == 66 and b"no location of" in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
def test_root_becomes_the_user_of_the_configuration(execute, site, tmp_path):
    script = site.program("cgi-bin/p", PLAIN + "id -un\n")
    config = configure('[server]\nuser = "nobody"\n' + LIMITED, site, tmp_path)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder != folder.parent and folder.stat().st_uid == os.getuid():
            folder.chmod(folder.stat().st_mode | 0o011)
    assert section(execute(script, "-c", config), "Response")[-1] == "nobody"
    config.write_text(config.read_text().replace('user = "nobody"', ""))
    assert section(execute(script, "-c", config), "Response")[-1] == "www-data"


# One thing alone.


def test_raw_is_what_the_program_prints_byte_for_byte(execute, site):
    output = b"Content-Type: x/y\r\n\r\n" + bytes(range(256)) * 5000
    result = execute(site.prints("p.cgi", output, "echo why >&2"), "--raw")
    assert result.returncode == 0 and result.stdout == output and result.stderr == b"why\n"
    result = execute(site.prints("p.cgi", b"nothing"), "--raw")
    assert result.returncode == 1 and result.stdout == b"nothing"
    assert result.stderr.startswith(b"cgisrv: bad: 502: ")


def test_env_is_the_environment_alone(execute, site):
    script = site.c_program("p.cgi", ENVIRONMENT)
    result = execute(script, "/p.cgi/a?b", "--env", "-H", "X-Y: z")
    lines = result.stdout.decode().splitlines()
    assert lines == sorted(lines) and "HTTP_X_Y=z" in lines and "PATH_INFO=/a" in lines
    assert result.returncode == 0 and result.stderr == b""


def test_json_keeps_bytes_that_are_no_text(execute, site):
    script = site.prints("p.cgi", b"Content-Type: x/y\nX-A: 1\nX-A: 2\n\n\xff\0", "echo '\"' >&2")
    value = seen(execute(script, "--json", "-H", "X-Latin: \u00e9".encode("latin-1")))
    response, program = value["response"], value["programs"][0]
    assert base64.b64decode(response["body_base64"]) == b"\xff\0" and "body" not in response
    assert [v for n, v in response["headers"] if n == "X-A"] == ["1", "2"]
    assert program["stderr"] == '"\n' and program["exit_status"] == 0 and program["signal"] is None
    assert program["start"] == "cold" and program["cold_reason"] is None
    assert base64.b64decode(program["environment"]["HTTP_X_LATIN_base64"]) == b"\xe9"
    assert program["bytes_out"] == program["output_bytes"] == len(script.with_suffix(
        ".cgi.output").read_bytes())
    assert 0 < program["start_ms"] <= value["total_ms"] and program["peak_rss_kib"] > 100


# Limits and ends.


@pytest.mark.plain(only="sanitizers take memory of their own")
def test_memory_is_bounded_whatever_is_printed(site, tmp_path):
    script = site.program("p.cgi", PLAIN + "head -c 100000000 /dev/zero | tr '\\0' x\n"
                          "head -c 10000000 /dev/zero >&2\n: > done\nwhile [ ! -e go ]; do :; done\n")
    with open(tmp_path / "out", "wb") as out:
        process = subprocess.Popen([str(BINARY), "exec", script, "--json"], stdout=out)
        assert until(lambda: (site.root / "done").exists(), 30)
        status = Path(f"/proc/{process.pid}/status").read_text()
        (site.root / "go").touch()
        assert process.wait(20) == 0
    assert int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) < 32 * 1024, status
    value = json.loads((tmp_path / "out").read_bytes())
    assert value["response"]["body_bytes"] == 100_000_000 and value["response"]["body_truncated"]
    assert value["response"]["body"] == "x" * (1 << 20)
    assert value["programs"][0]["stderr_bytes"] == 10_000_000


def test_interrupt_ends_the_programs_group_and_is_130(site):
    script = site.program("p.cgi", "#!/bin/sh\nsleep 100 & echo $! $$ > pids.new\n"
                          "echo so far >&2; mv pids.new pids\nwait\n")
    process = subprocess.Popen([str(BINARY), "exec", script], stdout=subprocess.PIPE)
    assert until(lambda: (site.root / "pids").exists())
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=5)[0].decode()
    assert process.returncode == 130
    assert output.endswith("\nbad: interrupted; the program was ended\n")
    assert "\nStandard error\n  so far\n" in output
    for pid in (site.root / "pids").read_text().split():
        assert until(lambda: not alive(int(pid)), 2), pid


def test_second_interrupt_does_not_wait_for_grace(site):
    script = site.program("p.cgi", "#!/bin/sh\ntrap ': > termed' TERM\nexec 2> /dev/null\n"
                          "echo $$ > pid.new; mv pid.new pid\nwhile :; do sleep 0.1; done\n")

    def seconds_until_killed(signals: int) -> float:
        for name in ("pid", "termed"):
            (site.root / name).unlink(missing_ok=True)
        process = subprocess.Popen([str(BINARY), "exec", script])
        assert until(lambda: (site.root / "pid").exists())
        process.send_signal(signal.SIGTERM)
        assert until(lambda: (site.root / "termed").exists())
        begin = time.monotonic()
        if signals == 2:
            process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
        assert not alive(int((site.root / "pid").read_text()))
        return time.monotonic() - begin

    graced = seconds_until_killed(signals=1)  # at least the second that a fast stop grants
    assert min(seconds_until_killed(signals=2) for _ in range(5)) < graced - 0.3


def test_program_that_works_on_after_its_output_is_waited_for(execute, site):
    script = site.program("p.cgi", PLAIN + "echo hello\nexec >&- 2>&-\nsleep 2\n: > done\n")
    result = execute(script)
    assert result.returncode == 0 and (site.root / "done").exists()
    assert "ended      unknown: it worked on after its output" in result.stdout.decode()


@pytest.mark.fault("22")
@pytest.mark.parametrize("field, words", [
    ("api_key: x", "the request's field api_key is not handed on: its name holds other characters"),
    ("Authorization: Basic eDp5",
     "the request's field Authorization is not handed on: authorization is not set"),
    ("Proxy: http://example.org/", "the request's field Proxy is not handed on: programs would take")])
def test_field_that_is_not_handed_on_is_told(execute, site, field, words):
    script = site.program("cgi-bin/p", PLAIN)
    result = execute(script, "-H", field, "-H", "X-Fine: y")
    assert result.returncode == 0
    [line] = section(result, "Log")
    assert words in line and "X-Fine" not in line
