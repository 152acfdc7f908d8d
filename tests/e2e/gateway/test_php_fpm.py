"""PHP by php-fpm of Debian, behind `fastcgi` of a location."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from support.php_fpm import PhpFpm, needs_php_fpm
from support.waiting import until

pytestmark = needs_php_fpm

PAGES = {
    "hello.php": '<?php header("Content-Type: text/plain"); echo "hello from " . php_sapi_name();',
    "seen.php": '<?php header("Content-Type: application/json");'
                ' echo json_encode(["server" => $_SERVER, "get" => $_GET, "post" => $_POST,'
                ' "input" => strlen(file_get_contents("php://input"))]);',
    "upload.php": '<?php header("Content-Type: text/plain"); $f = $_FILES["f"];'
                  ' echo $f["name"], " ", $f["size"], " ", md5_file($f["tmp_name"]);',
    "download.php": '<?php header("Content-Type: application/octet-stream");'
                    ' for ($i = 0; $i < 200; ++$i) echo str_repeat(chr($i), 65536);',
    "session.php": '<?php session_save_path("%(tmp)s"); session_start();'
                   ' $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];',
    "error.php": '<?php ini_set("display_errors", "0"); ini_set("log_errors", "1"); no_such_function();',
    "exit.php": '<?php echo "some"; exit(3);',
    "wait.php": '<?php ignore_user_abort(false); touch("%(tmp)s/waits"); '
                'while (!file_exists("%(tmp)s/go")) { usleep(10000); clearstatcache(); } echo "went";',
    "stream.php": '<?php header("Content-Type: text/plain"); while (ob_get_level()) ob_end_flush();'
                  ' echo "first"; flush();'
                  ' while (!file_exists("%(tmp)s/go")) { usleep(10000); clearstatcache(); } echo "second";',
    "kill.php": '<?php exec("kill -9 " . getmypid());',
    "status.php": '<?php http_response_code(418); echo "short and stout";',
    "redirect.php": '<?php header("Location: /hello.php");',
    "post.php": '<?php echo strlen(file_get_contents("php://input"));',
}


@pytest.fixture(scope="module")
def folder(php_fpm_folder):
    for name in ("www", "www/kept", "tmp", "www/closed"):
        (php_fpm_folder / name).mkdir(exist_ok=True)
    (php_fpm_folder / "tmp").chmod(0o777)
    for name, text in PAGES.items():
        for where in ("www", "www/kept"):
            (php_fpm_folder / where / name).write_text(text % {"tmp": php_fpm_folder / "tmp"}
                                                       if "%(" in text else text)
    (php_fpm_folder / "www/page.phtml").write_text(PAGES["hello.php"])
    (php_fpm_folder / "www/closed/a.php").write_text(PAGES["hello.php"])
    return php_fpm_folder


@pytest.fixture(scope="module")
def shared_config(folder, php_fpm):
    return f"""
[[site]]
root = "{folder}/www"
[[site.location]]
match = "*.php"
fastcgi = "{php_fpm.address}"
body_size = "100m"
max_running = 3
[[site.location]]
match = "/kept/*.php"
fastcgi = "{php_fpm.address}"
keep_connections = 1
max_running = 3
[[site.location]]
match = "*.phtml"
fastcgi = "{php_fpm.address}"
"""


@pytest.fixture(autouse=True)
def no_go(folder):
    for name in ("go", "waits"):
        (folder / "tmp" / name).unlink(missing_ok=True)


def test_hello(shared):
    for _ in range(3):
        got = shared.get("/hello.php")
        assert (got.status, got.text) == (200, "hello from fpm-fcgi"), got
    assert shared.request("HEAD", "/hello.php").status == 200
    assert shared.get("/status.php").status == 418
    assert shared.get("/redirect.php").header("Location") == "/hello.php"


def test_what_it_sees(shared, folder):
    seen = json.loads(shared.get("/seen.php/path/info?a=1&b[]=2", [("X-Test", "yes")]).text)
    server = seen["server"]
    for name, value in {"SCRIPT_NAME": "/seen.php", "SCRIPT_FILENAME": f"{folder}/www/seen.php",
                        "PATH_INFO": "/path/info", "PHP_SELF": "/seen.php/path/info",
                        "DOCUMENT_ROOT": f"{folder}/www", "HTTP_X_TEST": "yes",
                        "REQUEST_URI": "/seen.php/path/info?a=1&b[]=2", "REQUEST_METHOD": "GET"}.items():
        assert server[name] == value, (name, server.get(name))
    assert seen["get"] == {"a": "1", "b": ["2"]}


def test_post(shared):
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    assert json.loads(shared.request("POST", "/seen.php", form, b"x=1&y=%C3%A9").text)["post"] == {
        "x": "1", "y": "é"}
    assert shared.request("POST", "/post.php", body=bytes(5 << 20)).text == str(5 << 20)
    with shared.connect() as client:
        client.send(b"POST /post.php HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n0\r\n\r\n")
        assert client.read_response("POST").text == "3"


def test_upload(shared):
    data = bytes(range(256)) * 4000
    body = (b'--b\r\nContent-Disposition: form-data; name="f"; filename="x.bin"\r\n\r\n' + data
            + b"\r\n--b--\r\n")
    got = shared.request("POST", "/upload.php", [("Content-Type", "multipart/form-data; boundary=b")], body)
    assert got.text == f"x.bin {len(data)} {hashlib.md5(data).hexdigest()}"


def test_download(shared):
    got = shared.get("/download.php")
    assert got.body == b"".join(bytes([i]) * 65536 for i in range(200))


def test_session(shared):
    first = shared.get("/session.php")
    cookie = first.header("Set-Cookie").split(";")[0]
    assert first.text == "1" and shared.get("/session.php", [("Cookie", cookie)]).text == "2"


def test_errors(shared):
    assert shared.get("/error.php").status == 500
    shared.wait_log(r"/error\.php: .*PHP Fatal error:  Uncaught Error: Call to undefined function")
    assert shared.get("/exit.php").text == "some"


def test_streams(shared, folder):
    with shared.connect() as client:
        client.send(b"GET /stream.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
        pieces = client.stream(client.read_head())
        assert next(pieces) == b"first"
        (folder / "tmp/go").touch()
        assert b"".join(pieces) == b"second"


def test_scripts_that_it_does_not_run(shared, folder):
    """Each has a page and a line that say why."""
    assert shared.get("/none.php").status == 404
    assert shared.get("/page.phtml").status == 404
    shared.wait_log(r"page\.phtml: php-fpm runs no file with such a name; match only \*\.php, or name the")
    if os.geteuid() == 0:
        (folder / "www/closed").chmod(0o700)
        assert shared.get("/closed/a.php").status == 404
        shared.wait_log(r"closed/a\.php: php-fpm does not find it, though it is there: php-fpm runs as another")


@pytest.mark.parametrize("page", ["/kill.php", "/kept/kill.php"])
def test_a_script_that_kills_its_process(shared, page):
    assert shared.get(page).status == 502
    shared.wait_log("closed the connection without an answer")
    assert until(lambda: shared.get("/hello.php").status == 200)


def test_kept_connections(shared, php_fpm):
    with shared.connect() as client:
        for _ in range(20):
            assert client.request("GET", "/kept/hello.php").text == "hello from fpm-fcgi"
    shared.checkpoint(settle=True)


def test_waiting_and_leaving(shared, folder):
    """A fourth waits here and not in the backlog, as max_running says."""
    clients = [shared.connect() for _ in range(4)]
    for client in clients:
        client.send(b"GET /wait.php HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert until((folder / "tmp/waits").exists)
    clients.pop().close()
    (folder / "tmp/go").touch()
    for client in clients:
        with client:
            assert client.read_response().text == "went"


def test_stopped_and_started_again(start, folder):
    """At once, and after what was under way: requests fail in words, and are answered again at once."""
    own = Path(tempfile.mkdtemp(prefix="cgisrv-fpm-"))
    own.chmod(0o755)
    fpm = PhpFpm(own)
    try:
        server = start(config=f'[[site]]\nroot = "{folder}/www"\n[[site.location]]\nmatch = "*.php"\n'
                              f'fastcgi = "{fpm.address}"\nkeep_connections = 2\n')
        for by in (signal.SIGQUIT, signal.SIGTERM):
            assert server.get("/hello.php").status == 200
            fpm.stop(by)
            assert until(lambda: server.get("/hello.php").status == 502)
            server.wait_log("the FastCGI server unix:.* does not run")
            fpm.start()
            assert server.get("/hello.php").text == "hello from fpm-fcgi"
        fpm.stop()
    finally:
        if fpm.process.poll() is None:
            fpm.stop()
        shutil.rmtree(own)
