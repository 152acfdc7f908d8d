"""The command line: what is printed, exit codes, signals, listeners."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support.binary import BINARY
from support.client import Connection, head
from support.configuration import cgi_site, complete
from support.control import control
from support.processes import alive
from support.programs import ENVIRONMENT, environment_of
from support.waiting import until

OURSELVES = f"{Path('/proc/self/comm').read_text().strip()} (pid {os.getpid()})"
SLOW = "#!/bin/sh\n: > started\nsleep 1.5\nprintf 'Content-Type: text/plain\\n\\ndone\\n'\n"


def test_help_fits_a_screen(run):
    result = run("--help")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert "--listen" in result.stdout and "--config" in result.stdout
    assert len(lines) <= 30, f"{len(lines)} lines"
    assert max(map(len, lines)) <= 80, [line for line in lines if len(line) > 80]


def test_check_has_a_help_of_its_own(run):
    text = run("check", "--help").stdout
    assert text.startswith("Usage: cgisrv check -c FILE")
    for word in ("--config", "--explain URL", "may repeat", "--client ADDRESS", "--method NAME", "Exit status: 0 valid",
                 "Example:"):
        assert word in text, word
    assert "--listen" not in text and max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("words, same", [
    ("help", "--help"), ("help passwd", "passwd --help"), ("help exec", "exec --help")])
def test_help_is_a_word_too(run, words, same):
    result = run(*words.split())
    assert result.returncode == 0 and result.stdout == run(*same.split()).stdout, result


def test_a_directory_called_help_is_a_directory(run, site, monkeypatch):
    site.file("help/index.html", "hello")
    monkeypatch.chdir(site.root)
    assert "speaks to a server that runs already" in run("help", "status").stderr


def test_version(run):
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(r"cgisrv \d+\.\d+\.\d+\S*\n", result.stdout), result.stdout


def test_unknown_flag_is_a_usage_error_64(run):
    result = run("--lisen", "127.0.0.1:0")
    assert result.returncode == 64, result
    assert "--lisen" in result.stderr


@pytest.mark.fault("2e")
@pytest.mark.parametrize("words, hint", [
    ("--port 8000", "there is no option --port; did you mean: -l 127.0.0.1:8000"),
    ("--port=8000", "-l 127.0.0.1:8000"),
    ("-p 8000", "-l 127.0.0.1:8000"),
    ("--port", "-l 127.0.0.1:8000"),
    ("--bind 0.0.0.0", "-l 0.0.0.0:8888"),
    ("--bind 127.0.0.1 8000", "-l 127.0.0.1:8000$"),
    ("-b 127.0.0.1:8000", "-l 127.0.0.1:8000$"),
    ("-s unix:/tmp/x.sock", "did you mean: -l unix:/tmp/x.sock$"),
    ("-f 4 -s tcp:127.0.0.1:9000", "did you mean: "),
    ("-s tcp:127.0.0.1:9000", "did you mean: -l 127.0.0.1:9000$"),
    ("--cgi", "leave it out: executable files in cgi-bin/"),
    ("--fcgi :9000", "did you mean: --fastcgi :9000$"),
    ("--cgi-bin=/usr/lib/cgi-bin", '[[site.location]] with match = "/cgi-bin/" and cgi = '
                                   '"/usr/lib/cgi-bin/"'),
    ("--verbose", r'level = "debug" in [log.error]'),
    ("--agent", 'agent = ":9181" under [admin]'), ("--drain", "cgisrv drain"),
    ("--timeout 5", r"timeout, header_timeout and idle_timeout under [cgi]"),
    ("serve .", "there is no command or directory serve; leave it out: cgisrv [DIR]"),
    (". 8000", "8000 is one word too many; did you mean: -l 127.0.0.1:8000$"),
    ("-d /srv/www", "name the directory alone: cgisrv /srv/www"),
    ("--directory=/srv/www", "name the directory alone: cgisrv /srv/www"),
    ("-V", "cgisrv --version"),
    ("-v", "cgisrv --version"),
    ("version", "cgisrv --version"),
    ("help passwrd", "there is no command or directory passwrd; did you mean: cgisrv passwd$"),
    ("help nonsense", "there is no command nonsense$"),
    ("-f site.toml", "-c site.toml"),
    ("-t", "cgisrv check -c FILE"),
    ("-s reload", "cgisrv reload, quit or stop"),
    ("restart", "cgisrv reload, or cgisrv upgrade"),
    ("serve", "cgisrv [DIR]"),
    ("8000", "cgisrv -l 127.0.0.1:8000"),
    ("--daemon", "it stays in the foreground"),
    ("--user alice", 'user = "alice" in [server]'),
    ("--ssl", "did you mean: --tls"),
    ("--htp2", "--tls offers it"),
    ("--fastcgi", "--fastcgi needs a value: --fastcgi ADDR$"),
    ("--tls-cert x.pem", "docs/tls.md"),
    ("--lisen 127.0.0.1:0", "there is no option --lisen; did you mean: --listen"),
    ("--prot 8000", "there is no option --prot; did you mean: -l 127.0.0.1:8000$"),
    ("--direcotry /srv/www", "there is no option --direcotry; name the directory alone: cgisrv /srv/www"),
    ("--deamon", "it stays in the foreground"),
    ("--warmm", "did you mean: --warm$"),
    ("exec site.cgi --rwa", "did you mean: --raw"),
    ("exec site.cgi --cokie a=b", "did you mean: -H 'Cookie: a=b'"),
    ("passwd -c file alice", "leave it out: a file that is not there is made"),
    ("passwd -B file alice", "there is no option -B; leave it out: every hash is yescrypt"),
    ("passwd -nB alice", "there is no option -nB; leave it out: the line is written into FILE"),
    ("passwd -b file alice secret", "leave it out: the password is asked for"),
    ("passwd -D file alice", "there is no option -D; did you mean: --delete$"),
    ("passwd file alice --delte", "there is no option --delte; did you mean: --delete$"),
    ("exec site.cgi -d a=1&b", "printf %s 'a=1&b' | cgisrv exec SCRIPT -X POST"),
    ("exec site.cgi --data a=1", "printf %s a=1 | cgisrv exec SCRIPT -X POST"),
    ("exec site.cgi -v", "leave it out: the request, the response and all between are shown"),
    ("exec site.cgi -I", "did you mean: -X HEAD"),
    ("exec site.cgi -b id=7", "did you mean: -H 'Cookie: id=7'"),
    ("status --jsno", "did you mean: --json"),
    ("check site.toml", "check needs a file: did you mean: cgisrv check -c site.toml"),
    (". ..", "one directory only: .. is one word too many$"),
    ("check -c site.toml --explain / --client ::1 --client ::1", "--client may be given once$"),
    ("site.toml", "site.toml is a file; did you mean: cgisrv -c site.toml"),
    ("missing.toml", "there is no file missing.toml; to serve by one: cgisrv -c missing.toml"),
    ("site.cgi", "site.cgi is a file; .* cgisrv exec site.cgi"),
])
def test_a_word_of_another_server_gets_a_hint(run, site, monkeypatch, words, hint):
    site.file("site.toml", "[[site]]\n")
    site.program("site.cgi", SLOW)
    monkeypatch.chdir(site.root)
    result = run(*words.split())
    assert result.returncode == 64, result
    assert re.search(hint.replace("[", r"\["), result.stderr, re.MULTILINE), result.stderr
    assert result.stderr.endswith("\nTry: cgisrv --help\n")


@pytest.mark.fault("2d")
def test_what_a_directory_is_served_with(start, site, run, monkeypatch):
    monkeypatch.setenv("HANDED_ON", "from us")
    monkeypatch.setenv("KEPT_BACK", "not said")
    site.c_program("env.cgi", ENVIRONMENT)
    for folder in ("cgi-bin", "htbin"):
        site.program(f"{folder}/count.py", "#!/usr/bin/python3\nimport sys\nprint('Content-Type: "
                     "text/plain\\n')\nprint(len(sys.stdin.buffer.read()), end='')\n")
    site.program("htbin/not-executable.py", "print()\n", 0o644)
    options = ("-E", "HANDED_ON", "--setenv", "A=b=c", "--body-size", "12m")
    server = start(site, *options)
    variables = environment_of(server.get("/env.cgi"))
    assert variables["HANDED_ON"] == "from us" and variables["A"] == "b=c"
    assert "KEPT_BACK" not in variables and "HOME" not in variables
    body = b"x" * 12 * 1024 * 1024
    for folder in ("cgi-bin", "htbin"):
        assert server.request("POST", f"/{folder}/count.py", body=body).text == str(len(body))
    assert server.request("POST", "/htbin/count.py", body=body + b"x").status == 413
    assert server.get("/htbin/not-executable.py").status == 403
    shown = run("exec", site.root / "env.cgi", "--env", *options[:4])
    assert {"HANDED_ON=from us", "A=b=c"} <= set(shown.stdout.splitlines())
    assert run("exec", site.root / "htbin/count.py", "--env").stdout.count("SCRIPT_NAME=/htbin/") == 1


@pytest.mark.fault("2d")
@pytest.mark.parametrize("words, says", [
    ("-E NOT_SET_HERE", "it is not set here; write NOT_SET_HERE=VALUE"),
    ("-E SERVER_PORT=1", "it is computed for each request"),
    ("-E 1=2", "the name of a variable holds letters"),
    ("--body-size large", "write a size such as 100m, or unlimited"),
    ("-c site.toml -E A=b", 'in a configuration write env = { A = "..." }'),
    ("-c site.toml --body-size 1m", "in a configuration write body_size"),
    ("exec x.cgi -c site.toml -E A=b", "in a configuration write env"),
    ("status -E A=b", "status speaks to a server that runs already"),
])
def test_what_cannot_be_said_of_a_directory(run, words, says):
    result = run(*words.split())
    assert result.returncode == 64 and says in result.stderr, result


@pytest.mark.fault("2d")
@pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace takes root")
def test_every_interface_is_told_by_addresses_to_hand_out(tmp_path, site):
    """In a network namespace with one address more on its loopback interface."""
    output = subprocess.run(
        ["unshare", "--net", "sh", "-c", 'ip link set lo up; ip address add 192.0.2.7/32 dev lo; '
         'ip address add 2001:db8::7/128 dev lo; "$@" & sleep_pid=$!; '
         'for i in $(seq 200); do grep -qs "other machines.*2001" out && break; sleep 0.05; done; '
         'kill $sleep_pid; wait $sleep_pid', "sh", BINARY, site.root, "-w", "1",
         "-l", ":8000", "-l", "0.0.0.0:8001", "-l", "127.0.0.1:8002"],
        cwd=tmp_path, stdout=open(tmp_path / "out", "w"), stderr=subprocess.PIPE, text=True,
        env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path)}, timeout=30)
    assert (tmp_path / "out").read_text().splitlines() == [
        f"cgisrv: serving {site.root} at http://localhost:8000/",
        "cgisrv: for other machines: http://192.0.2.7:8000/",
        "cgisrv: for other machines: http://[2001:db8::7]:8000/",
        f"cgisrv: serving {site.root} at http://localhost:8001/",
        "cgisrv: for other machines: http://192.0.2.7:8001/",
        f"cgisrv: serving {site.root} at http://127.0.0.1:8002/"], output.stderr


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
    result = run(site.root, "-l", "/tmp/x.sock")
    assert result.returncode == 64 and "for a unix socket write unix:/tmp/x.sock" in result.stderr


@pytest.mark.parametrize("option", ["--listen", "--fastcgi", "--scgi", "--admin"])
@pytest.mark.parametrize("by_file", [False, True])
def test_the_option_is_named_that_an_address_came_by(run, site, tmp_path, option, by_file):
    what = [site.root]
    if by_file:
        (file := tmp_path / "site.toml").write_text(complete(f'[[site]]\nroot = "{site.root}"\n'))
        what = ["-c", file]
    listen = [] if option == "--listen" else ["-l", "127.0.0.1:0"]
    result = run(*what, *listen, option, "127.0.0.1:99999")
    assert result.returncode == 64 and "127.0.0.1:99999: no port" in result.stderr, result
    assert result.stderr.rstrip().endswith(f"({option})"), result
    with socket.create_server(("127.0.0.1", 0)) as other:
        result = run(*what, *listen, option, f"127.0.0.1:{other.getsockname()[1]}")
    assert result.returncode == 69 and result.stderr.rstrip().endswith(f"({option})"), result


def test_an_address_of_the_file_is_sought_there(run, site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        file = tmp_path / "site.toml"
        file.write_text(complete(f'[[site]]\nroot = "{site.root}"\n[[listen]]\n'
                                 f'address = "127.0.0.1:{other.getsockname()[1]}"\nprotocol = "fastcgi"\n'))
        result = run("-c", file)
    assert result.returncode == 69 and f"([[listen]] in {file})" in result.stderr, result


@pytest.mark.parametrize("option", ["--fastcgi", "--scgi"])
def test_who_may_name_programs_is_said(start, site, option):
    """Whoever reaches it, unless a configuration says who."""
    server = start(site, "-l", "127.0.0.1:0", option, ":0", lines=2)
    assert (f"cgisrv: note: whoever reaches :0 names programs, and the users for whom they run; write {option} "
            f"unix:/path or {option} 127.0.0.1:PORT, or a configuration") in server.log(everything=True)
    server = start(site, "-l", "127.0.0.1:0", option, "127.0.0.1:0", lines=2)
    assert "names programs" not in server.log(everything=True)


def test_missing_directory_is_named(run, tmp_path):
    result = run(tmp_path / "nowhere", "-l", "127.0.0.1:0")
    assert result.returncode not in (0, -6, -11), result
    assert "nowhere" in result.stderr


def test_start_line_has_the_real_address(start, site):
    site.file("index.html", "hello")
    server = start(site)
    (line,) = server.start_lines()
    assert server.stdout.read_text().split("\n")[0] == line, "it is the first line"
    assert re.fullmatch(r"cgisrv: serving (\S+) at http://127\.0\.0\.1:\d+/", line), line
    assert os.path.realpath(line.split()[2]) == os.path.realpath(site.root)
    assert server.get("/").body == b"hello"


def test_address_in_use_69_names_the_way_out(run, site):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(site.root, "-l", f"127.0.0.1:{port}")
    assert result.returncode == 69, result
    assert f"127.0.0.1:{port} is in use by {OURSELVES}; " in result.stderr
    assert "--listen" in result.stderr


def test_unix_socket_in_use_69_names_its_server(run, site, tmp_path):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "socket"))
        other.listen()
        result = run(site.root, "-l", f"unix:{tmp_path}/socket")
    assert result.returncode == 69, result
    assert f"unix:{tmp_path}/socket is in use by {OURSELVES}; " in result.stderr


def test_address_of_a_running_server_is_in_use_69(start, run, site):
    server = start(site)
    result = run(site.root, "-l", f"127.0.0.1:{server.port}")
    assert result.returncode == 69, result
    assert f"in use by cgisrv (pid {server.pid})" in result.stderr, "the master, whose workers listen too"
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


@pytest.mark.fault("2f")
def test_check_says_what_a_start_here_lacks(run, site, tmp_path):
    file = tmp_path / "good.toml"
    missing = tmp_path / "missing"
    file.write_text(GOOD.format(root=site.root) + f'[log]\naccess = "{missing}/access.log"\n'
                    f'[[listen]]\naddress = "unix:{missing}/socket"\n')
    result = run("check", "-c", file)
    assert result.returncode == 78 and "valid" not in result.stdout
    for key in ("[log] access", "[[listen]] address"):
        assert f"{file}: as it is here, it would not start: there is no folder " \
            f"{missing} for {key}" in result.stderr
    missing.mkdir()
    result = run("check", "-c", file)
    assert result.returncode == 0 and "valid" in result.stdout
    assert "would not start" not in result.stderr


def test_check_tells_of_roots_and_folders_in_one_pass(run, tmp_path):
    file = tmp_path / "two.toml"
    file.write_text('[[site]]\nroot = "no-root"\n[log]\naccess = "no-logs/access.log"\n')
    result = run("check", "-c", file)
    assert result.returncode == 78
    assert f"{tmp_path}/no-root does not exist" in result.stderr
    assert f"{file}: as it is here, it would not start: there is no folder {tmp_path}/no-logs" in result.stderr


def test_check_expects_a_folder_that_a_service_manager_makes(run, site, tmp_path):
    file = tmp_path / "good.toml"
    file.write_text(GOOD.format(root=site.root) +
                    '[[listen]]\naddress = "unix:/run/cgisrv-is-not-here/socket"\n')
    result = run("check", "-c", file)
    assert result.returncode == 0 and "valid" in result.stdout
    assert "note: as it is now, it would not start by hand: there is no folder" in result.stderr


def test_check_notes_who_has_an_address(run, site, tmp_path):
    file = tmp_path / "good.toml"
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "socket"))
        unix.listen()
        addresses = [f"127.0.0.1:{tcp.getsockname()[1]}", f"unix:{tmp_path}/socket"]
        file.write_text(GOOD.format(root=site.root).replace("127.0.0.1:0", addresses[0]) +
                        f'[admin]\nlisten = "{addresses[1]}"\n')
        result = run("check", "-c", file)
    assert result.returncode == 0 and "valid" in result.stdout
    for address in addresses:
        assert f"note: as it is now, it would not start: address {address} is in use by {OURSELVES}; " in result.stderr


def test_check_of_what_runs_has_no_note_of_its_own_address(start, run, site, tmp_path):
    """It is checked before a reload, mostly. Another configuration's server is in the way."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = GOOD.format(root=site.root).replace("127.0.0.1:0", f"127.0.0.1:{port}")
    server = start(config=text)
    result = control(server, "check", "-c", str(server.temporary.parent / "cgisrv.toml"))
    assert result.returncode == 0 and "in use" not in result.stderr
    other = tmp_path / "other.toml"
    other.write_text(text)
    result = run("check", "-c", other)
    assert result.returncode == 0 and f"in use by cgisrv (pid {server.pid})" in result.stderr


@pytest.mark.parametrize("word, meant", [("statsu", "status"), ("Check", "check"), ("stat", "status"),
                                         ("undr", "undrain"), ("compl", "completion")])
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
    assert server.popen.wait(25) == 0
    assert time.monotonic() - began < 20
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
    assert server.popen.wait(25) == 0
    assert until(lambda: not alive(pid), 1)


def test_stops_programs_that_ignore_term(start, site):
    site.program("deaf.cgi", "#!/bin/sh\ntrap '' TERM\necho $$ > pid\nsleep 60\nsleep 60\n")
    server = start(config=cgi_site(site.root, cgi='grace = "500ms"'))
    waiting = server.connect()
    waiting.send(head("GET", "/deaf.cgi"))
    assert until(lambda: (site.root / "pid").exists() and (site.root / "pid").read_text())
    pid = int((site.root / "pid").read_text())
    server.signal(signal.SIGTERM)
    assert server.popen.wait(25) == 0
    assert until(lambda: not alive(pid), 1)


def test_ctrl_c_reaches_the_whole_foreground_group(start, site):
    """A terminal sends SIGINT to master and workers alike; all of them stop, none complains."""
    server = start(site, preexec=os.setpgrp)
    workers = server.workers()
    os.killpg(server.pid, signal.SIGINT)
    assert server.popen.wait(25) == 0
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
    assert server.popen.wait(25) == 0


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
        assert until(lambda: connection.unacknowledged() == 0)
        os.kill(worker, signal.SIGCONT)
        response = connection.read_response()
    assert response.body == b"hello" and response.header("connection") == "close"
    assert server.popen.wait(25) == 0


def test_quit_does_not_wait_longer_than_shutdown_timeout(start, site):
    site.program("sleep.cgi", "#!/bin/sh\n: > started\nsleep 60\n")
    server = start(config=cgi_site(site.root, server='shutdown_timeout = "1s"'))
    waiting = server.connect()
    waiting.send(head("GET", "/sleep.cgi"))
    assert until(lambda: (site.root / "started").exists())
    server.signal(signal.SIGQUIT)
    assert server.popen.wait(25) == 0


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
    assert server.popen.wait(25) == 0
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
    assert first.popen.wait(25) == 0
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
