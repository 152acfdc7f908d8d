"""Programs that people use: curl, nghttp, h2load, git, and wget."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from support.clauses import clause
from support.tls import Authority, plain_port, site_keys, tls_config

BACKEND = "/usr/lib/git-core/git-http-backend"
WHOLE = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def shared_config(authority: Authority) -> str:
    return tls_config("{root}", site_keys(authority.sign("c", "localhost", "127.0.0.1")),
                      clear="http2 = true\n", more=f"""
[[site.location]]
match = "/git/"
cgi = "{BACKEND}"
env = {{ GIT_PROJECT_ROOT = "{{root}}", GIT_HTTP_EXPORT_ALL = "1" }}
body_size = "unlimited"
""")


@pytest.fixture
def run(shared, authority, tmp_path):
    """run("curl", ...): what it prints; {tls} and {clear} are where the server is."""
    places = {"tls": f"https://localhost:{shared.ports()[0]}",
              "clear": f"http://127.0.0.1:{plain_port(shared)}"}
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "NO_PROXY": "*", "LC_ALL": "C",
                   "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                   "GIT_SSL_CAINFO": str(authority.certificate),
                   "SSL_CERT_FILE": str(authority.certificate),
                   **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                      for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))}}

    def program(*arguments: str, **more: str) -> str:
        done = subprocess.run([each.format(**places) for each in arguments], cwd=tmp_path, text=True,
                              env={**environment, **more}, capture_output=True, timeout=120)
        assert done.returncode == 0, f"{arguments}: {done.stdout} {done.stderr}"
        return done.stdout + done.stderr

    return program


@clause("http2-clients")
@pytest.mark.parametrize("option, place, version", [
    ("--http2", "{tls}", "2"), ("--http1.1", "{tls}", "1.1"), ("--http1.0", "{tls}", "1.1"),
    ("--http2-prior-knowledge", "{clear}", "2"), ("--http1.1", "{clear}", "1.1"),
    ("--http2", "{clear}", "1.1")])  # it asks for an upgrade
def test_curl(run, authority, tmp_path, option, place, version):
    curl = ["curl", "-sS", option, "--cacert", str(authority.certificate), "-w", "%{{http_version}}"]
    assert run(*curl, f"{place}/page.html") == f"the page{version}"
    large = tmp_path / "large"
    large.write_bytes(WHOLE * 8)
    run(*curl, "--data-binary", f"@{large}", "-o", "back", f"{place}/cat.cgi")
    assert (tmp_path / "back").read_bytes() == large.read_bytes()


@clause("http2-clients")
def test_curl_asks_for_many_at_a_time(run, authority, tmp_path):
    said = run("curl", "-sS", "--http2", "--parallel", "--parallel-max", "50", "--cacert",
               str(authority.certificate), "-w", "%{{http_code}} %{{http_version}} %{{num_connects}}\n",
               "-o", "file-#1", "{tls}/large?[1-200]").split("\n")
    assert len([each for each in said if each.startswith("200 2 ")]) == 200
    assert all((tmp_path / f"file-{n}").read_bytes() == WHOLE for n in range(1, 201))


@clause("http2-clients")
@pytest.mark.parametrize("place", ["{tls}", "{clear}"])
def test_nghttp(run, place):
    """With all of its frames in its log, which tells of errors that others pass over."""
    said = run("nghttp", "-nv", "-y", f"{place}/page.html",
               f"{place}/env.cgi", f"{place}/large")
    assert said.count(":status: 200") == 3, said
    assert "error" not in said.lower().replace("error_code=no_error", ""), said


@clause("http2-clients")
@pytest.mark.parametrize("place", ["{tls}", "{clear}"])
def test_h2load(run, place):
    said = run("h2load", "-n", "1000", "-c", "10", "-m", "20", f"{place}/page.html", f"{place}/env.cgi")
    assert "1000 succeeded, 0 failed, 0 errored, 0 timeout" in said, said
    assert "1000 2xx, 0 3xx, 0 4xx, 0 5xx" in said, said


@clause("http2-clients")
def test_wget(run, authority):
    said = run("wget", "-nv", "-O", "-", "--ca-certificate", str(authority.certificate),
               "{tls}/page.html")
    assert said.startswith("the page"), said


@clause("http2-clients")
@pytest.mark.skipif(not os.path.exists(BACKEND), reason="git is not installed")
def test_git(run, shared_site, tmp_path):
    """Cloned, and pushed: a pack of some megabytes, by HTTP/2."""
    bare = shared_site.root / "project.git"
    run("git", "init", "-q", "--bare", "-b", "main", str(bare))
    run("git", "-C", str(bare), "config", "http.receivepack", "true")
    run("git", "clone", "-q", "{tls}/git/project.git", "first")
    (tmp_path / "first/large").write_bytes(os.urandom(3_000_000))
    run("git", "-C", "first", "add", ".")
    run("git", "-C", "first", "commit", "-q", "-m", "large")
    said = run("git", "-C", "first", "push", "-q", "origin", "HEAD:main", GIT_CURL_VERBOSE="1")
    assert re.search(r"using HTTP/?2|HTTP/2 200", said), said[-3000:]
    run("git", "clone", "-q", "-b", "main", "{tls}/git/project.git", "second")
    assert (tmp_path / "second/large").read_bytes() == (tmp_path / "first/large").read_bytes()
    run("git", "-C", "second", "fsck")
