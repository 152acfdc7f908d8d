"""git over HTTP through the distribution's git-http-backend, by git's own client."""

import os
import random
import shutil
import subprocess

import pytest

from support.waiting import until
from support.warm import LOG, Warm

BACKEND = "/usr/lib/git-core/git-http-backend"
pytestmark = pytest.mark.skipif(not os.path.exists(BACKEND) or not shutil.which("git"),
                                reason="git is not installed")
REFS = 500


@pytest.fixture
def git(tmp_path):
    """git(...) in a home of its own, without the reader's settings and proxies."""
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1",
                   "GIT_TERMINAL_PROMPT": "0", "NO_PROXY": "*", "LC_ALL": "C",
                   **{f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER")
                      for what, value in (("NAME", "A Tester"), ("EMAIL", "tester@example.org"))}}

    def run(*arguments, cwd=tmp_path, **more):
        result = subprocess.run(["git", *map(str, arguments)], cwd=cwd, env=environment, text=True,
                                capture_output=True, timeout=60, **more)
        assert result.returncode == 0, f"git {arguments}: {result.stderr}"
        return result.stdout

    return run


@pytest.fixture
def repository(git, tmp_path):
    """A bare repository with 500 refs."""
    path = tmp_path / "repositories" / "project.git"
    git("init", "-q", "--bare", "-b", "main", path)
    tree = git("hash-object", "-w", "-t", "tree", "--stdin", cwd=path, input="").strip()
    commit = git("commit-tree", tree, "-m", "first", cwd=path).strip()
    updates = [f"create refs/heads/main {commit}"]
    updates += [f"create refs/heads/topic/{n} {commit}" for n in range(REFS // 2)]
    updates += [f"create refs/tags/v{n} {commit}" for n in range(REFS // 2 - 1)]
    git("update-ref", "--stdin", cwd=path, input="\n".join(updates) + "\n")
    git("config", "http.receivepack", "true", cwd=path)
    return path


@pytest.fixture(params=["cold", "warm"])
def url(request, start, site, repository, tmp_path):
    """Warm, each of git's requests has been so: the log is asked at the end."""
    server = start(config=LOG.format(log=tmp_path / "access") + f"""
[[site]]
root = "{site.root}"
[[site.location]]
match = "/git/"
cgi = "{BACKEND}"
start = "{request.param}"
env = {{ GIT_PROJECT_ROOT = "{repository.parent}", GIT_HTTP_EXPORT_ALL = "1" }}
body_size = "unlimited"
""")
    served = Warm(server, tmp_path / "access")
    if request.param == "warm":
        served.boot("/git/project.git/HEAD")
    since = len(served.lines())
    yield f"http://127.0.0.1:{server.port}/git/project.git"
    until(lambda: not server.programs() and len(served.lines()) > since)
    lines = served.lines()[since:]
    assert lines and all(line[2] == request.param for line in lines), lines


@pytest.mark.parametrize("version", [0, 2])
def test_ls_remote_of_500_refs(git, url, version):
    """Version 2 needs Git-Protocol as HTTP_GIT_PROTOCOL."""
    refs = git("-c", f"protocol.version={version}", "ls-remote", "--refs", url)
    assert len(refs.splitlines()) == REFS


@pytest.mark.parametrize("version", [0, 2])
def test_clone_with_500_refs(git, url, tmp_path, version):
    git("-c", f"protocol.version={version}", "clone", "-q", "--mirror", url, tmp_path / "clone")
    refs = git("for-each-ref", cwd=tmp_path / "clone").splitlines()
    assert len(refs) == REFS
    git("fsck", "--strict", cwd=tmp_path / "clone")


def test_fetch_with_a_compressed_request(git, url, repository, tmp_path):
    """git sends its long lists of what it has with Content-Encoding: gzip."""

    def child_of(parent, message, ref, cwd):
        commit = git("commit-tree", f"{parent}^{{tree}}", "-p", parent, "-m", message, cwd=cwd)
        git("update-ref", ref, commit.strip(), cwd=cwd)
        return commit.strip()

    git("clone", "-q", url, tmp_path / "clone")
    head = git("rev-parse", "main", cwd=repository).strip()
    for n in range(60):
        child_of(head, f"local {n}", f"refs/heads/local{n}", tmp_path / "clone")
    commit = child_of(head, "remote", "refs/heads/main", repository)
    git("fetch", "-q", "origin", cwd=tmp_path / "clone")
    assert git("rev-parse", "origin/main", cwd=tmp_path / "clone").strip() == commit


def test_push_of_5_mb_of_random_data(git, url, repository, tmp_path):
    """Past http.postBuffer git sends a chunked body."""
    clone = tmp_path / "clone"
    git("clone", "-q", url, clone)
    (clone / "data").write_bytes(random.Random(1).randbytes(5_000_000))
    git("add", "data", cwd=clone)
    git("commit", "-q", "-m", "data", cwd=clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    assert git("rev-parse", "main", cwd=repository) == git("rev-parse", "HEAD", cwd=clone)
    git("fsck", "--strict", cwd=repository)
    git("clone", "-q", url, tmp_path / "second")
    assert (tmp_path / "second/data").read_bytes() == (clone / "data").read_bytes()


def test_small_push_by_length(git, url, repository, tmp_path):
    clone = tmp_path / "clone"
    git("clone", "-q", url, clone)
    git("commit", "-q", "--allow-empty", "-m", "small", cwd=clone)
    git("push", "-q", "origin", "HEAD:main", cwd=clone)
    assert git("rev-parse", "main", cwd=repository) == git("rev-parse", "HEAD", cwd=clone)


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_agrees(url):
    """curl checks framing and lengths by itself, and says so with its exit code."""
    curl = ["curl", "-sSf", "--noproxy", "*", "--max-time", "20"]
    for extra in ([], ["--http1.0"], ["-H", "Git-Protocol: version=2"]):
        subprocess.run([*curl, *extra, f"{url}/info/refs?service=git-upload-pack"], check=True,
                       stdout=subprocess.DEVNULL)
    missing = subprocess.run([*curl, f"{url}/../nothing.git/info/refs"], capture_output=True)
    assert missing.returncode == 22, "HTTP error"
