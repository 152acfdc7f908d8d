"""The command line: what is printed, exit codes, signals, listeners."""

import os
import re
import signal
import socket
import threading
import time

import pytest

from client import Connection, head
from harness import BINARY, until
from processes import alive

SLOW = "#!/bin/sh\n: > started\nsleep 1.5\nprintf 'Content-Type: text/plain\\n\\ndone\\n'\n"


def test_help_fits_a_screen(run):
    result = run("--help")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert "--listen" in result.stdout and "--config" in result.stdout
    assert len(lines) <= 30, f"{len(lines)} lines"
    assert max(map(len, lines)) <= 80, [line for line in lines if len(line) > 80]


def test_version(run):
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"cgisrv \d+\.\d+\.\d+\S*\n", result.stdout), result.stdout


def test_unknown_flag_is_a_usage_error_64(run):
    result = run("--lisen", "127.0.0.1:0")
    assert result.returncode == 64, result
    assert "--lisen" in result.stderr


def test_warm_is_for_directories_64(run, site, tmp_path):
    file = tmp_path / "site.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\n')
    result = run("-c", file, "--warm")
    assert result.returncode == 64, result
    assert 'write start = "warm"' in result.stderr
    assert run("status", "--warm").returncode == 64


def test_malformed_address_is_a_usage_error_64(run, site):
    result = run(site.root, "-l", "127.0.0.1:99999")
    assert result.returncode == 64, result
    assert "99999" in result.stderr


def test_missing_directory_is_named(run, tmp_path):
    result = run(tmp_path / "nowhere", "-l", "127.0.0.1:0")
    assert result.returncode not in (0, -6, -11), result
    assert "nowhere" in result.stderr


def test_start_line_has_the_real_address(start, site):
    site.file("index.html", "hello")
    server = start(site)
    (line,) = server.start_lines()
    assert server.stdout.read_text().split("\n")[0] == line, "it is the first line"
    assert re.fullmatch(rf"cgisrv: serving (\S+) at http://127\.0\.0\.1:\d+/", line), line
    assert os.path.realpath(line.split()[2]) == os.path.realpath(site.root)
    assert server.get("/").body == b"hello"


def test_address_in_use_69_names_the_way_out(run, site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(site.root, "-l", f"127.0.0.1:{port}")
    assert result.returncode == 69, result
    assert f"127.0.0.1:{port}" in result.stderr
    assert "in use" in result.stderr and "--listen" in result.stderr


def test_address_of_a_running_server_is_in_use_69(start, run, site):
    server = start(site)
    result = run(site.root, "-l", f"127.0.0.1:{server.port}")
    assert result.returncode == 69, result
    assert server.get("/").status in (200, 404)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may bind every port")
def test_privileged_port_is_77(run, site):
    result = run(site.root, "-l", "127.0.0.1:1")
    assert result.returncode == 77, result


def test_two_listeners_one_line_each(start, site):
    site.file("index.html", "hello")
    server = start(site, "-l", "127.0.0.1:0", "-l", "127.0.0.1:0", lines=2)
    first, second = server.ports()
    assert first != second
    for port in (first, second):
        server.port = port
        assert server.get("/").body == b"hello"


def test_ipv6_listener(start, site):
    site.file("index.html", "hello")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    server = start(site, "-l", "[::1]:0")
    assert f"http://[::1]:{server.port}/" in server.start_lines()[0]
    server.address_override = ("::1", server.port)
    assert server.get("/").body == b"hello"


def test_unix_listener(start, site, tmp_path):
    site.file("index.html", "hello")
    path = tmp_path / "socket"
    server = start(site, "-l", f"unix:{path}")
    assert str(path) in server.start_lines()[0]
    server.address_override = str(path)
    assert server.get("/").body == b"hello"


def test_unix_listener_of_a_server_that_does_not_start_leaves_no_file(run, site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        done = run(site.root, "-l", f"unix:{tmp_path}/socket", "-l", taken)
    assert done.returncode == 69 and taken in done.stderr, done
    assert not (tmp_path / "socket").exists()


@pytest.mark.kills_master
def test_unix_listener_replaces_a_dead_servers_socket(start, site, tmp_path):
    site.file("index.html", "hello")
    path = tmp_path / "socket"
    dead = start(site, "-l", f"unix:{path}")
    dead.signal(signal.SIGKILL)
    dead.popen.wait()
    until(lambda: not any(alive(pid) for pid in dead.baseline), 2)
    server = start(site, "-l", f"unix:{path}")
    server.address_override = str(path)
    assert server.get("/").body == b"hello"


# Configurations.

GOOD = """
[server]
workers = 2
[[listen]]
address = "127.0.0.1:0"
[[site]]
root = "{root}"
"""


def test_check_accepts_a_good_file(run, site, tmp_path):
    file = tmp_path / "good.toml"
    file.write_text(GOOD.format(root=site.root))
    result = run("check", "-c", file)
    assert result.returncode == 0, result


def test_check_says_what_a_start_here_lacks(run, site, tmp_path):
    file = tmp_path / "good.toml"
    missing = tmp_path / "missing"
    file.write_text(GOOD.format(root=site.root) + f'[log]\naccess = "{missing}/access.log"\n'
                    f'[[listen]]\naddress = "unix:{missing}/socket"\n')
    result = run("check", "-c", file)
    assert result.returncode == 0 and "valid" in result.stdout
    for key in ("[log] access", "[[listen]] address"):
        assert "note: as it is here, it would not start: there is no folder " \
            f"{missing} for {key}" in result.stderr
    assert ("[server] must say whom programs run as" in result.stderr) == (os.geteuid() == 0)
    missing.mkdir()
    assert "no folder" not in run("check", "-c", file).stderr


@pytest.mark.parametrize("word, meant", [("statsu", "status"), ("Check", "check")])
def test_a_command_with_a_slip_of_the_hand(run, word, meant):
    result = run(word, "-c", "cgisrv.toml")
    assert result.returncode == 64
    assert f"there is no command or directory {word}; did you mean: cgisrv {meant}" in result.stderr


def test_start_by_configuration_names_the_file(start, site):
    site.file("index.html", "hello")
    server = start(config=GOOD.format(root=site.root))
    assert re.fullmatch(r"cgisrv: serving \S+\.toml at http://127\.0\.0\.1:\d+/",
                        server.start_lines()[0])
    assert server.get("/").body == b"hello"


@pytest.mark.parametrize("wrong, line, word", [
    ("[server]\nwokers = 2\n", 2, "workers"),
    ("[server]\nworkers = \"many\"\n", 2, "workers"),
    ("[server]\nworkers = 1000000\n", 2, "workers"),
    ("[server]\nworkers = 2\ndispatch = \"round-robbin\"\n", 3, "round-robin"),
    ("[limits]\nheader_timeout = \"10 parsecs\"\n", 2, "header_timeout"),
    ("[sever]\n", 1, "server"),
    ("[server\nworkers = 2\n", 1, ""),
    ("[server]\nworkers = 2\n[[site]]\nroot = \"/nonexistent/folder\"\n", 4, "/nonexistent/folder"),
], ids=["unknown key", "wrong type", "out of range", "unknown value", "unit", "unknown table",
        "syntax", "missing folder"])
@pytest.mark.parametrize("command", [("check", "-c"), ("-c",)], ids=["check", "start"])
def test_wrong_configuration_78_with_place(run, tmp_path, command, wrong, line, word):
    file = tmp_path / "wrong.toml"
    file.write_text(wrong)
    result = run(*command, file)
    said = result.stdout + result.stderr
    assert result.returncode == 78, result
    assert re.search(rf"wrong\.toml:{line}:\d+: ", said), said
    assert word in said


def test_wrong_configuration_did_you_mean(run, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text("[server]\nwokers = 2\n")
    assert re.search(r"did you mean ['\"]?workers", run("check", "-c", file).stderr)


def test_missing_configuration_file_is_named(run, tmp_path):
    result = run("-c", tmp_path / "nowhere.toml")
    assert result.returncode in (66, 78), result
    assert "nowhere.toml" in result.stderr


# Stopping.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stops_fast_while_idle(start, site, number):
    site.file("index.html", "hello")
    server = start(site)
    idle = server.connect()
    assert idle.request("GET", "/").status == 200
    began = time.monotonic()
    server.signal(number)
    assert server.popen.wait(5) == 0
    assert time.monotonic() - began < 2
    assert idle.ended()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_stops_fast_and_ends_programs(start, site, number):
    site.program("sleep.cgi", "#!/bin/sh\necho $$ > pid\nsleep 60\n")
    server = start(site)
    waiting = server.connect()
    waiting.send(head("GET", "/sleep.cgi"))
    assert until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text())
    pid = int((site.root / "pid").read_text())
    server.signal(number)
    assert server.popen.wait(5) == 0
    assert until(lambda: not alive(pid), 1)


def test_stops_programs_that_ignore_term(start, site):
    site.program("deaf.cgi", "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nsleep 60\nsleep 60\n")
    server = start(config=f"""
[cgi]
grace = "500ms"
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
""")
    waiting = server.connect()
    waiting.send(head("GET", "/deaf.cgi"))
    assert until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text())
    pid = int((site.root / "pid").read_text())
    server.signal(signal.SIGTERM)
    assert server.popen.wait(5) == 0
    assert until(lambda: not alive(pid), 1)


def test_ctrl_c_reaches_the_whole_foreground_group(start, site):
    """A terminal sends SIGINT to master and workers alike; all of them stop, none complains."""
    server = start(site, preexec=os.setpgrp)
    workers = server.workers()
    os.killpg(server.pid, signal.SIGINT)
    assert server.popen.wait(5) == 0
    assert until(lambda: not any(map(alive, workers)), 1)
    assert " error " not in server.log()


def test_quit_finishes_an_open_request(start, site):
    site.program("slow.cgi", SLOW)
    server = start(site)
    slow, idle = server.connect(), server.connect()
    assert idle.request("GET", "/nothing").status == 404
    slow.send(head("GET", "/slow.cgi"))
    assert until(lambda: (site.root / "started").exists())
    server.signal(signal.SIGQUIT)
    assert until(lambda: not accepts(server.address), 2), "still accepts after SIGQUIT"
    response = slow.read_response()
    assert response.status == 200 and response.complete and response.body == b"done\n"
    assert response.header("Connection") == "close"
    assert slow.ended() and idle.ended()
    assert server.popen.wait(5) == 0


def test_quit_answers_a_request_that_has_come_by_then(start, site):
    site.file("index.html", "hello")
    server = start(site, "-w", "1")
    worker, = server.workers()
    with server.connect() as connection:
        assert connection.request("GET", "/").body == b"hello"
        os.kill(worker, signal.SIGSTOP)
        server.signal(signal.SIGQUIT)
        time.sleep(0.2)  # so that the worker hears of the end first; either way it answers
        connection.send(head("GET", "/"))
        os.kill(worker, signal.SIGCONT)
        response = connection.read_response()
    assert response.body == b"hello" and response.header("connection") == "close"
    assert server.popen.wait(5) == 0


def test_quit_does_not_wait_longer_than_shutdown_timeout(start, site):
    site.program("sleep.cgi", "#!/bin/sh\n: > started\nsleep 60\n")
    server = start(config=f"""
[server]
shutdown_timeout = "1s"
[[site]]
root = "{site.root}"
[[site.location]]
match = "*.cgi"
cgi = true
""")
    waiting = server.connect()
    waiting.send(head("GET", "/sleep.cgi"))
    assert until(lambda: (site.root / "started").exists())
    server.signal(signal.SIGQUIT)
    assert server.popen.wait(8) == 0


def test_stop_under_load(start, site):
    """No request that was answered is damaged by a stop; the others see the connection end."""
    site.file("data", b"x" * 10_000)
    server = start(site, "-w", "2")
    damaged: list[object] = []

    def ask() -> None:
        for _ in range(100_000):
            try:
                response = server.get("/data")
            except (OSError, AssertionError):
                return
            if response.complete and response.body != b"x" * 10_000:
                damaged.append(response)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    server.signal(signal.SIGTERM)
    assert server.popen.wait(5) == 0
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert not damaged


def test_second_start_on_the_same_port_at_once(start, site):
    """Connections in TIME_WAIT do not keep the port."""
    site.file("index.html", "hello")
    first = start(site)
    port = first.port
    connection = first.connect()
    connection.request("GET", "/", [("Connection", "close")])
    first.signal(signal.SIGTERM)
    assert first.popen.wait(5) == 0
    second = start(site, "-l", f"127.0.0.1:{port}")
    assert second.get("/").body == b"hello"


def accepts(address) -> bool:
    try:
        with Connection(address, 1):
            return True
    except OSError:
        return False


def test_binary_is_the_one_that_was_asked_for():
    assert os.access(BINARY, os.X_OK)


@pytest.mark.kills_worker  # it replaces them
def test_hangup_does_not_stop_a_server_with_a_configuration(start, site):
    """Whoever means "reload" must not lose the server."""
    site.file("page.txt", "here")
    server = start(config=f'[[site]]\nroot = "{site.root}"\n')
    server.signal(signal.SIGHUP)
    server.wait_log("reloaded ")
    assert server.get("/page.txt").body == b"here"
