"""TLS in front, and a password for git push alone: nginx and cgisrv as docs/guide.md configures them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import pytest

from support.binary import REPOSITORY
from support.commands import run
from support.migration import Folder, Peer, free_port
from support.waiting import until

pytestmark = [pytest.mark.fault("2k"),
              pytest.mark.skipif(not os.path.exists("/usr/sbin/nginx"), reason="nginx is not installed")]
GUIDE = (REPOSITORY / "docs/guide.md").read_text()
USER = "anna"
PASSWORD = "opensesame"
ENVIRONMENT = """
[[site.location]]
match = "=/env"
cgi = "{folder}/env"
remote_user = "X-Remote-User"
"""


def block(name: str) -> str:
    return re.search(rf"^```\w*\n(# {re.escape(name)}\n.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[1]


class Front:
    """Both servers; addresses by TLS and without."""

    def __init__(self, folder: Folder, peer: Peer, ports: tuple[int, int]):
        self.folder, self.peer = folder, peer
        self.plain, self.tls = (f"localhost:{port}" for port in ports)

    def curl(self, target: str, *options: str, scheme: str = "https") -> tuple[int, str]:
        host = self.tls if scheme == "https" else self.plain
        said = run("curl", "-sSk", "--noproxy", "*", "-m", "60", "-w", "\n%{http_code}", *options,
                   f"{scheme}://{host}{target}")
        text, _, status = said.rpartition("\n")
        return int(status), text

    def git(self, *words: object, succeeds: bool = True) -> str:
        done = subprocess.run(
            ["git", "-c", "http.sslVerify=false", *map(str, words)], capture_output=True, text=True,
            timeout=120, cwd=self.folder.path,
            env={"HOME": str(self.folder.path), "PATH": os.environ["PATH"], "GIT_TERMINAL_PROMPT": "0",
                 "GIT_CONFIG_NOSYSTEM": "1", "NO_PROXY": "*", "LC_ALL": "C",
                 **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                    for what, value in (("NAME", "A Tester"), ("EMAIL", "t@example.org"))}})
        assert (done.returncode == 0) is succeeds, done
        return done.stdout + done.stderr


def start_nginx(folder: Folder, ports: tuple[int, int]) -> Peer:
    live = folder / "etc/letsencrypt/live/git.example.org"
    live.mkdir(parents=True)
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-keyout", live / "privkey.pem", "-out", live / "fullchain.pem")
    folder.file("etc/nginx/git.htpasswd", f"{USER}:{run('openssl', 'passwd', '-6', PASSWORD)}")
    text = block("/etc/nginx/sites-available/git")
    text = text.replace("listen 80;", f"listen 127.0.0.1:{ports[0]};")
    text = text.replace("listen 443 ", f"listen 127.0.0.1:{ports[1]} ")
    text = re.sub(r"(?<=[ :])/(?=(?:etc|run)/)", f"{folder.path}/", text)
    temporary = "".join(f"{name}_temp_path {folder.path}/{name};\n"
                        for name in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
    (folder / "var/log").mkdir(parents=True)
    file = folder.file("etc/nginx/nginx.conf", f"""pid {folder.path}/nginx.pid;
daemon off;
worker_processes 1;
events {{}}
http {{
access_log off;
{temporary}{text}}}
""")
    folder.give_away()
    peer = Peer(folder, ports[1])
    peer.start("/usr/sbin/nginx", "-c", file, "-e", folder / "var/log/error.log")
    return peer


@pytest.fixture
def front(start):
    folder = Folder()
    (folder / "run/cgisrv").mkdir(parents=True)
    (folder / "srv/www").mkdir(parents=True)
    folder.file("env", "#!/bin/sh\necho Content-Type: text/plain\necho\nenv\n", 0o755)
    repository = folder / "srv/git/project.git"
    run("git", "init", "-q", "--bare", "-b", "main", repository)
    text = re.sub(r'(?<=["\:])/(?=(?:run|srv)/)', f"{folder.path}/", block("/etc/cgisrv/git-push.toml"))
    folder.give_away()
    if os.geteuid() == 0:
        text = text.replace("[server]\n", '[server]\nuser = "www-data"\n', 1)
    text = f'[log]\naccess = "{folder.path}/access.log"\n' + text + ENVIRONMENT.format(folder=folder.path)
    start(config=text)
    ports = (free_port(), free_port())
    peer = start_nginx(folder, ports)
    front = Front(folder, peer, ports)
    try:
        assert until(lambda: subprocess.run(["curl", "-sk", "--noproxy", "*", f"https://{front.tls}/"],
                                            capture_output=True).returncode == 0, 30), peer.said()
        yield front
    finally:
        peer.stop()
        shutil.rmtree(folder.path, ignore_errors=True)


def test_who_pushes_needs_a_password_and_nobody_else(front):
    url = f"https://{front.tls}/git/project.git"
    front.git("clone", "-q", url, "work")
    for words in (("commit", "-q", "--allow-empty", "-m", "first"), ("branch", "-M", "main")):
        front.git("-C", "work", *words)
    assert "could not read Username" in front.git("-C", "work", "push", url, "main", succeeds=False)
    wrong = url.replace("://", f"://{USER}:wrong@")
    assert "Authentication failed" in front.git("-C", "work", "push", wrong, "main", succeeds=False)
    front.git("-C", "work", "push", "-q", url.replace("://", f"://{USER}:{PASSWORD}@"), "main")
    front.git("clone", "-q", url, "again")
    assert "first" in front.git("-C", "again", "log", "--oneline")
    log = (front.folder / "access.log").read_text()
    assert re.search(rf'^\S* - {USER} .*"POST /git/project\.git/git-receive-pack ', log, re.MULTILINE)


def test_programs_are_told_of_the_client_and_of_tls(front):
    """And only nginx says so: what a client claims of itself is not handed on."""
    claims = ("X-Forwarded-For: 192.0.2.66", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil",
              "X-Forwarded-Port: 1", "Forwarded: for=192.0.2.67;proto=http;host=evil")
    status, text = front.curl("/env", *(word for claim in claims for word in ("-H", claim)))
    port = front.tls.rpartition(":")[2]
    assert status == 200
    assert {"REMOTE_ADDR=127.0.0.1", "HTTPS=on", "REQUEST_SCHEME=https", "SERVER_NAME=localhost",
            f"SERVER_PORT={port}"} <= set(text.splitlines())
    assert "evil" not in text and "192.0.2." not in text


def test_a_name_that_nobody_has_checked_is_no_user(front):
    for options in (("-u", "root:x"), ("-H", "X-Remote-User: root"),
                    ("-u", "root:x", "-H", "X-Remote-User: root")):
        status, text = front.curl("/env", *options)
        assert status == 200 and "HTTP_X_FORWARDED_PROTO=https" in text
        assert "REMOTE_USER=" not in text.replace("HTTP_X_REMOTE_USER=", ""), text


@pytest.mark.parametrize("target", [
    "/git/project.git/info/refs?service=git-receive-pack",
    "/git/project.git/info/refs?service=git%2dreceive-pack",
    "/git/project.git/info/refs?service=git-upload-pack&service=git-receive-pack",
    "/git/project.git/git%2dreceive-pack", "/git/project.git/./git-receive-pack",
    "/git//project.git/git-receive-pack"])
def test_no_spelling_leads_to_a_push(front, target):
    post = () if "?" in target else ("--path-as-is", "-X", "POST", "-d", "", "-H",
                                     "Content-Type: application/x-git-receive-pack-request")
    status, text = front.curl(target, *post, "-u", "root:x")
    assert status in (401, 403) or "git-receive-pack" not in text, (status, text)


def test_without_tls_there_is_only_the_way_to_it(front):
    status, _ = front.curl("/git/project.git/info/refs", scheme="http")
    assert status == 301
