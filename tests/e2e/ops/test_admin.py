"""The admin listener: health, metrics, /status.json, and the process that serves them."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import client
from support.admin import Admin, admin_site, under_way
from support.binary import BINARY, slowness
from support.client import head
from support.control import UNAVAILABLE, WRONG_CONFIGURATION
from support.processes import alive, process
from support.programs import PLAIN
from support.server import Server
from support.waiting import until

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
           "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"}

@pytest.fixture
def admin(start, site):
    site.program("hello.cgi", PLAIN + "echo hello\n")
    return Admin(start(site, "--admin", "127.0.0.1:0"))


# Health.


@pytest.mark.fault("36")
def test_body_size_holds_here_too(admin):
    with admin.connect() as connection:
        connection.send(head("GET", "/livez", [("Content-Length", "1000000000000")]))
        assert connection.read_response().status == 413


def test_alive_and_ready(admin):
    assert (admin.get("/livez").status, admin.get("/livez").text) == (200, "alive\n")
    assert (admin.get("/readyz").status, admin.get("/readyz").text) == (200, "ready\n")
    answer = admin.get("/livez", "HEAD")
    assert (answer.status, answer.body, answer.header("Content-Length")) == (200, b"", "6")


def test_not_alive_while_the_master_stands_still(admin):
    admin.server.signal(signal.SIGSTOP)
    try:
        answer = until(lambda: (seen := admin.get("/livez")).status == 503 and seen, 15)
        assert answer, "it never noticed"
        assert re.fullmatch(r"the master has shown no sign of life for \d+ s\n", answer.text)
        assert answer.header("Retry-After")
    finally:
        admin.server.signal(signal.SIGCONT)
    assert until(lambda: admin.get("/livez").status == 200)


def test_ready_while_every_place_is_taken_and_the_queue_is_full(with_admin, site):
    """What is too much is answered 503 by the server itself; taken out, it would soon have nothing to do."""
    admin = with_admin(cgi="max_running = 1\nqueue = { size = 2, timeout = \"60s\" }")
    with under_way(admin.server, 3) as connections:
        assert until(lambda: admin.json()["admission"]["waiting"] == 2)
        assert admin.server.get("/waits.cgi").status == 503
        assert admin.get("/readyz").status == 200 and admin.metrics()["cgisrv_ready"] == 1
        site.file("go", "")
        assert [c.read_response().status for c in connections] == [200] * 3


def test_not_ready_without_room_for_a_connection(with_admin):
    admin = with_admin(server="workers = 2\nworker_connections = 1")
    with under_way(admin.server, 2):
        assert until(lambda: "no worker has room" in admin.get("/readyz").text)
        assert admin.get("/readyz").status == 503
    assert until(lambda: admin.get("/readyz").status == 200)


def test_not_ready_while_it_drains(with_admin, site):
    admin = with_admin()
    with under_way(admin.server, 1) as (connection,):
        assert until(lambda: admin.json()["admission"]["running"] == 1)
        admin.server.signal(signal.SIGQUIT)
        assert until(lambda: admin.get("/readyz").status == 503)
        assert admin.get("/readyz").text == "finishing\n"
        assert admin.get("/livez").status == 200
        site.file("go", "")
        assert connection.read_response().status == 200
    assert admin.server.popen.wait(25) == 0
    with pytest.raises(ConnectionRefusedError):
        admin.connect()


# Figures.


def traffic(server: Server, admin: Admin, rounds: int) -> None:
    """Five requests a round, one of them of no site's, and one that fails."""
    for _ in range(rounds):
        with server.connect() as connection:
            for target in ("/hello.cgi", "/hello.cgi?x=1", "/files/a.txt", "/none", "/bad.cgi"):
                connection.request("GET", target, host="example.org")


@pytest.fixture
def busy(with_admin, site):
    """A server that has answered ten rounds of traffic()."""
    site.program("hello.cgi", PLAIN + "echo hello\n")
    site.program("bad.cgi", "#!/bin/sh\necho no such table >&2\nexit 3\n")
    site.file("files/a.txt", "text")
    admin = with_admin()
    threads = [threading.Thread(target=traffic, args=(admin.server, admin, 5)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    def is_over() -> bool:
        """Those of programs count when these have been reaped; then they give back their permits."""
        programs = admin.json()["programs"]
        return sum(p["finished"] for p in programs) == 30 and not any(p["running"] for p in programs)
    assert until(is_over)
    return admin


def test_metrics_are_what_was_sent(busy, site):
    seen = busy.metrics()

    def requests(location: str, status: int) -> float:
        return seen[f'cgisrv_requests_total{{site="example.org",location="{location}",'
                    f'status="{status}"}}']

    assert requests("*.cgi", 200) == 20
    assert requests("*.cgi", 502) == 10
    assert requests("/files/", 200) == 10
    assert requests("*", 404) == 10
    assert sum(v for name, v in seen.items() if name.startswith("cgisrv_requests_total")) == 50
    assert seen["cgisrv_request_duration_seconds_count"] == 50
    assert seen['cgisrv_request_duration_seconds_bucket{le="+Inf"}'] == 50
    assert 0 < seen["cgisrv_request_duration_seconds_sum"] < 50 * 10
    assert seen["cgisrv_connections_accepted_total"] == 10

    def program(metric: str, name: str, more: str = "") -> float:
        (value,) = [v for key, v in seen.items() if re.fullmatch(
            rf'{metric}{{program="{re.escape(str(site.root / name))}",id="\d+"{more}}}', key)]
        return value

    assert program("cgisrv_program_requests_total", "hello.cgi", ',outcome="answered"') == 20
    assert program("cgisrv_program_requests_total", "bad.cgi", ',outcome="exit-status"') == 10
    assert program("cgisrv_program_starts_total", "hello.cgi", ',start="cold"') == 20
    assert program("cgisrv_program_duration_seconds_count", "hello.cgi") == 20
    assert program("cgisrv_program_wait_seconds_count", "hello.cgi") == 20
    assert program("cgisrv_program_output_bytes_total", "hello.cgi") == 20 * 32
    assert program("cgisrv_program_cpu_seconds_total", "hello.cgi") > 0
    assert program("cgisrv_program_memory_peak_bytes", "hello.cgi") > 100_000
    assert program("cgisrv_program_running", "hello.cgi") == 0
    assert program("cgisrv_program_running_max", "hello.cgi") == len(os.sched_getaffinity(0)) + 1
    assert program("cgisrv_program_running_bound", "hello.cgi") == 256
    assert seen['cgisrv_workers{state="running"}'] == 2
    assert seen['cgisrv_lost_log_lines_total{log="access"}'] == 0


def test_histograms_of_metrics_add_up(busy):
    buckets: dict[str, list[float]] = {}
    for name, value in busy.metrics().items():
        if match := re.fullmatch(r"(.*)_bucket\{(.*?),?le=\"(.*)\"\}", name):
            buckets.setdefault(match[1] + match[2], []).append(value)
    assert len(buckets) == 1 + 2 * 2
    for name, values in buckets.items():
        assert len(values) == 11 and values == sorted(values), (name, values)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_no_complaint_while_there_is_traffic(busy):
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            traffic(busy.server, busy, 1)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for _ in range(3):
            text = busy.get("/metrics").body
            checked = subprocess.run(["promtool", "check", "metrics"], input=text,
                                     capture_output=True, timeout=60)
            assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b""), checked
    finally:
        over.set()
        thread.join()


def test_status_json_says_what_was_sent(busy):
    # An exchange is counted when it has ended, which its client may see first.
    assert until(lambda: busy.json()["totals"]["requests"] >= 50)
    seen = busy.json()
    totals = seen["totals"]
    assert totals["by_status"] == {"200": 30, "404": 10, "502": 10}
    assert (totals["requests"], totals["connections_accepted"]) == (50, 10)
    assert seen["server"]["pid"] == busy.server.pid and seen["server"]["state"] == "serving"
    assert {w["pid"] for w in seen["workers"]} == set(busy.server.workers())
    assert seen["interval_seconds"] == 5
    assert abs(seen["now_seconds"] - time.time()) < 60
    programs = {os.path.basename(p["file"]): p for p in seen["programs"]}
    assert (programs["bad.cgi"]["failed"], programs["hello.cgi"]["failed"]) == (10, 0)
    assert {p["start"] for p in programs.values()} == {"cold"}


def test_history_and_recent_figures_follow(busy):
    def history() -> list:
        return busy.json()["history"]

    assert until(lambda: sum(h["requests"] for h in history()) == 50, 20), history()
    traffic(busy.server, busy, 2)
    assert until(lambda: sum(h["requests"] for h in history()) == 60, 20), history()
    seen = busy.json()
    assert sum(h["failed"] for h in history()) == 12
    times = [h["time"] for h in seen["history"]]
    assert times == sorted(times)
    for each in seen["history"]:
        values = [each[f"p{share}_seconds"] for share in (50, 90, 99)]
        assert values == ([None] * 3 if each["requests"] == 0 else sorted(values)), each
    hello = next(p for p in seen["programs"] if p["file"].endswith("/hello.cgi"))
    assert hello["rate_per_second"] > 0
    assert 0 < hello["recent_p50_seconds"] <= hello["recent_p99_seconds"]
    bad = next(p for p in seen["programs"] if p["file"].endswith("/bad.cgi"))
    assert bad["recent_failed"] >= 2
    assert seen["recent"]["requests"] >= 10


@pytest.mark.fault("2j")
def test_a_bad_exit_after_an_answer_is_counted_apart(admin, site):
    """Many programs end so and mean nothing by it; but it may be a traceback in half a page."""
    site.program("dies.cgi", PLAIN + "echo half\nexit 1\n")

    def ask() -> dict:
        assert admin.server.get("/dies.cgi").status == 200
        return next(p for p in admin.json()["programs"] if p["file"].endswith("/dies.cgi"))

    assert until(lambda: ask()["recent_bad_exits"] > 0, 30, 0.3)
    program = ask()
    assert program["failed"] == 0 and set(program["outcomes"]) == {"bad-exit"}
    (count,) = [value for name, value in admin.metrics().items()
                if name.startswith("cgisrv_program_requests_total") and '"bad-exit"' in name]
    assert count >= program["outcomes"]["bad-exit"] > 1


def test_a_failure_is_told_with_its_diagnosis(admin, site):
    site.program("bad.cgi", "#!/bin/sh\necho no such table >&2\nexit 3\n")
    site.program("killed.cgi", PLAIN + "echo begun\nsleep 0.1\nkill -9 $$\n")
    site.program("short.cgi", "#!/bin/sh\nprintf 'Content-Type: a/b\\nContent-Length: 9\\n\\nabc'\n")
    site.program("itself.cgi", "#!/bin/sh\nprintf 'Status: 503\\n\\n'\n")
    server = admin.server
    target = "/bad.cgi?a=%22%3cb%3e&c=" + "x" * 300
    assert server.get(target).status == 502
    site.program("loop.cgi", "#!/bin/sh\nprintf 'Location: /loop.cgi\\n\\n'\n")
    for name in ("killed", "short", "itself", "loop"):
        server.raw(head("GET", f"/{name}.cgi", [("Connection", "close")]))
    assert server.get("/none.cgi").status == 404
    failures = until(lambda: (seen := admin.json()["failures"])[4:] and seen)
    assert failures, admin.json()["failures"]
    by_name = {os.path.basename(f["program"]): f for f in failures}
    assert len(by_name) == len(failures) == 5
    bad = by_name["bad.cgi"]
    assert bad["url"] == target[:200] and bad["status"] == 502
    assert bad["outcome"] == "exit-status" and bad["diagnosis"].endswith("no such table")
    assert f"[{bad['request_id']}]" in server.log() and bad["diagnosis"] in server.log()
    assert abs(bad["time"] - time.time()) < 60 and 0 < bad["duration_seconds"] < 10
    assert (by_name["killed.cgi"]["outcome"], by_name["killed.cgi"]["status"]) == ("signal", 200)
    assert "so that the response is cut" in by_name["killed.cgi"]["diagnosis"]
    short = by_name["short.cgi"]
    assert (short["outcome"], short["status"]) == ("too-short", 200)
    assert "ended 6 bytes short of its Content-Length" in short["diagnosis"]
    assert "is it a loop?" in by_name["loop.cgi"]["diagnosis"]
    assert "status 503 by itself" in by_name["itself.cgi"]["diagnosis"]


@pytest.mark.parametrize("log", ["access = \"off\"", ""])
def test_the_slowest_are_told(start, site, log):
    """Also where no access log is written."""
    site.program("hello.cgi", PLAIN + "echo hello\n")
    site.program("slow.cgi", PLAIN + "sleep 0.5\n")
    admin = Admin(start(config=admin_site(site.root, log=log)))
    server = admin.server
    for _ in range(30):
        assert server.get("/hello.cgi").status == 200
    assert server.get("/slow.cgi").status == 200
    slowest = until(lambda: (seen := admin.json()["slowest"])[0]["program"].endswith("slow.cgi")
                    and seen)
    assert slowest, admin.json()["slowest"]
    assert len(slowest) == 20
    durations = [s["duration_seconds"] for s in slowest]
    assert durations == sorted(durations, reverse=True) and durations[0] >= 0.5
    assert slowest[0]["cpu_seconds"] > 0 and slowest[0]["memory_peak_bytes"] > 100_000
    assert slowest[0]["url"] == "/slow.cgi" and slowest[0]["status"] == 200


def test_the_command_tells_the_totals_too(admin, run):
    assert admin.server.get("/hello.cgi").status == 200
    told = run("status", "--json", "--socket",
               str(admin.server.runtime / f"{admin.server.pid}.sock"))
    assert json.loads(told.stdout)["totals"]["by_status"] == {"200": 1}


@pytest.mark.expect_log("its zygote|started warm")
def test_zygotes_are_counted(start, site):
    site.program("warm.cgi", "#!/usr/bin/perl\nprint qq(Content-Type: text/plain\\n\\nhi\\n);\n")
    admin = Admin(start(site, "--admin", "127.0.0.1:0", "--warm"))

    def zygotes() -> int:
        admin.server.get("/warm.cgi")
        return admin.json()["programs"][0]["zygotes"]

    assert until(lambda: zygotes() == 1, 20 * slowness(), 0.1)
    assert admin.json()["programs"][0]["start"] == "warm"
    os.kill(admin.server.zygotes()[0], signal.SIGKILL)
    assert until(lambda: admin.json()["programs"][0]["zygotes"] == 0)


# Who may ask.


def test_only_hosts_that_are_meant(with_admin):
    admin = with_admin(admin='server_name = ["status.example.org"]')
    for host in ("localhost", "127.0.0.1:9180", "[::1]", "status.example.org:80"):
        assert admin.get("/livez", host=host).status == 200, host
    for path in ("/livez", "/status.json", "/metrics", "/status"):
        answer = admin.get(path, host="evil.example")
        assert answer.status == 421 and "server_name" in answer.text, answer


def test_only_reading(admin):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = admin.get("/status.json", method)
        assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD"), answer


def test_the_headers_keep_browsers_from_mischief(admin):
    for path in ("/status", "/status.json", "/metrics", "/livez", "/nothing"):
        answer = admin.get(path)
        for name, value in HEADERS.items():
            assert answer.header(name) == value, (path, name)
        policy = answer.header("Content-Security-Policy")
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert admin.get("/nothing").status == 404
    answer = admin.get("/")
    assert (answer.status, answer.header("Location")) == (302, "/status")


def test_what_clients_sent_is_data(admin, site):
    """Quotes, tags, control characters and bytes that are no UTF-8, in a path and a file's name."""
    os.rename(site.program("x.cgi", "#!/bin/sh\nexit 1\n"),
              os.fsencode(site.root) + b"/q\"<b>\xff.cgi")
    assert admin.server.get("/q%22%3cb%3e%ff.cgi").status == 502
    assert until(lambda: admin.json()["failures"])
    assert admin.json()["failures"][0]["program"].endswith(r'q"<b>\xff.cgi')
    assert any(r'q\"<b>\\xff.cgi"' in name for name in admin.metrics())


# Its process.


def test_there_is_none_unless_asked_for(start, site):
    assert start(site).admin() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_it_has_a_worker_s_rights(with_admin):
    admin = with_admin(server='user = "nobody"')
    with open(f"/proc/{admin.pid()}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NoNewPrivs"] == "1"


@pytest.mark.expect_log("the admin process has died")
def test_another_takes_its_place(admin):
    admin.server.get("/hello.cgi")
    assert until(lambda: admin.json()["history"], 20)
    first = admin.pid()
    os.kill(first, signal.SIGKILL)
    assert until(lambda: admin.pid() not in (0, first), 10)
    seen = admin.json()
    assert seen["totals"]["requests"] == 1
    assert sum(h["requests"] for h in seen["history"]) == 1
    assert admin.server.get("/hello.cgi").status == 200


@pytest.mark.kills_master
def test_it_ends_with_the_master(admin):
    pid = admin.pid()
    assert pid and process(pid).parent == admin.server.pid
    admin.server.signal(signal.SIGKILL)
    admin.server.popen.wait()
    assert until(lambda: not alive(pid))


@pytest.mark.expect_log("has no password, and whoever reaches it sees all")
def test_a_warning_where_everybody_may_ask(start, site):
    assert Admin(start(site, "--admin", "0.0.0.0:0")).get("/livez").status == 200


def test_on_a_unix_socket(start, site, tmp_path):
    path = tmp_path / "admin.sock"
    admin = Admin(start(site, "--admin", f"unix:{path}"))
    assert admin.get("/livez").text == "alive\n"
    assert admin.server.stop() == []
    assert not path.exists()


def test_an_address_that_is_taken(site, run):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(str(site.root), "-l", "127.0.0.1:0", "--admin", f"127.0.0.1:{port}")
    assert ended.returncode == UNAVAILABLE and f"127.0.0.1:{port}" in ended.stderr


def test_a_faulty_configuration(site, run, tmp_path):
    file = tmp_path / "cgisrv.toml"
    file.write_text(f'[[site]]\nroot = "{site.root}"\n[admin]\nlisten = "here"\nname = "x"\n')
    ended = run("check", "-c", str(file))
    assert ended.returncode == WRONG_CONFIGURATION
    assert "cgisrv.toml:4:" in ended.stderr and "unknown key 'name' in [admin]" in ended.stderr


# Clients that are up to no good.


def test_clients_that_do_not_read_or_are_slow_disturb_nobody(admin):
    """More of them than it has room for; everybody else is answered at once meanwhile."""
    server, idle = admin.server, []
    try:
        for number in range(150):
            connection = admin.connect()
            idle.append(connection)
            with contextlib.suppress(OSError):
                if number % 3 == 0:  # never reads
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
                    connection.send(head("GET", "/status.json") * 200)
                elif number % 3 == 1:  # never ends its request
                    connection.send(b"GET /livez HTTP/1.1\r\nX-A: ")
        began = time.monotonic()
        for _ in range(20):
            assert server.get("/hello.cgi").status == 200
            assert admin.get("/livez").status == 200
            assert admin.get("/readyz").status == 200
        assert time.monotonic() - began < 60 * slowness()
        assert len(os.listdir(f"/proc/{admin.pid()}/fd")) < 64 + 40
    finally:
        for connection in idle:
            connection.close()
    assert until(lambda: admin.get("/livez").status == 200)


def test_garbage_is_refused_and_the_process_lives(admin):
    pid = admin.pid()
    for data in (b"\0" * 5000, b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"/" * 20000 + b" HTTP/1.1\r\n\r\n",
                 head("GET", "/livez", [("X", "y" * 30000)]), head("GET", "*"),
                 head("GET", "http://localhost/livez", host="a b"),
                 head("POST", "/livez", [("Transfer-Encoding", "chunked")]) + b"zz\r\n"):
        with admin.connect() as connection:
            connection.send_as_far_as_taken(data)
            with contextlib.suppress(OSError):
                assert re.match(rb"HTTP/1.1 [45]\d\d ", connection.read_rest()), data[:40]
    assert admin.get("/livez").status == 200
    assert admin.pid() == pid


def test_a_library_can_read_it(admin):
    """Several requests on one connection."""
    connection = http.client.HTTPConnection(*admin.address)
    for path in ("/metrics", "/status.json", "/livez"):
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200 and answer.read()
    connection.close()


# Reload and upgrade.


def command(server: Server, verb: str) -> None:
    ended = subprocess.run([str(BINARY), verb, "--socket",
                            str(server.runtime / f"{server.pid}.sock")],
                           capture_output=True, text=True, timeout=60 * slowness())
    assert ended.returncode == 0, ended


@pytest.mark.kills_worker
def test_figures_outlive_a_reload(with_admin, site):
    """The listener stays open, another process answers, and what was counted goes on."""
    site.file("a.txt", "text")
    admin = with_admin()
    assert admin.server.get("/a.txt").status == 200
    assert until(lambda: sum(h["requests"] for h in admin.json()["history"]) == 1, 20)
    first = admin.pid()
    file = admin.server.stdout.parent / "cgisrv.toml"
    file.write_text(file.read_text().replace("[[site.location]]", "[[site.location]]", 1))
    command(admin.server, "reload")
    assert until(lambda: admin.pid() not in (0, first) and not alive(first))
    assert admin.server.get("/a.txt").status == 200
    assert until(lambda: admin.json()["totals"]["requests"] == 2)
    seen = admin.json()
    assert seen["server"]["generation"] == 2
    assert sum(h["requests"] for h in seen["history"]) >= 1
    assert admin.metrics()['cgisrv_reloads_total{result="done"}'] == 1
    file.write_text("nonsense\n")
    with pytest.raises(AssertionError):
        command(admin.server, "reload")
    assert admin.metrics()['cgisrv_reloads_total{result="failed"}'] == 1


@pytest.mark.kills_worker
def test_a_reload_moves_the_listener(with_admin, site):
    admin = with_admin()
    file = admin.server.stdout.parent / "cgisrv.toml"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = file.read_text()
    file.write_text(text.replace('[admin]\nlisten = "127.0.0.1:0"',
                                 f'[admin]\nlisten = "127.0.0.1:{port}"'))
    command(admin.server, "reload")
    before, admin.address = admin.address, ("127.0.0.1", port)
    assert until(lambda: admin.pid() and admin.get("/livez").status == 200)
    with pytest.raises(ConnectionRefusedError):
        client.Connection(before)
    file.write_text(re.sub(r'\[admin\]\nlisten = .*\n', "", text))
    command(admin.server, "reload")
    assert until(lambda: admin.pid() == 0)
    with pytest.raises(ConnectionRefusedError):
        admin.connect()


@pytest.mark.kills_worker
@pytest.mark.kills_master
def test_an_upgrade_hands_the_listener_over(with_admin, site):
    """Each request of a client that goes on asking is answered, by the old server or the new."""
    admin = with_admin()
    first, old = admin.pid(), admin.server.pid
    command(admin.server, "upgrade")
    assert until(lambda: not alive(first))
    seen = admin.json()["server"]
    assert seen["pid"] != old and seen["state"] == "serving"
    assert admin.server.popen.wait(25) == 0
    assert admin.get("/readyz").status == 200
    os.kill(seen["pid"], signal.SIGTERM)
    assert until(lambda: not alive(seen["pid"]))
