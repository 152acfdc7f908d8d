"""The snippets of examples/sites for git and Mercurial, with the distribution's packages."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.drop_in import installed
from support.visitor import Visitor

GIT_BACKEND = "/usr/lib/git-core/git-http-backend"
HGWEB = Path("/usr/share/doc/mercurial-common/examples/hgweb.cgi")
DATA = random.Random(1).randbytes(2_000_000)  # past http.postBuffer: a chunked body


@pytest.fixture
def visitor(place) -> Visitor:
    return Visitor(place.folder / "visitor")


@pytest.fixture
def repository(place, visitor) -> Path:
    """A bare one, that belongs to the user of the programs, with one commit."""
    bare = place.folder / "git/project.git"
    bare.parent.mkdir()
    visitor.must("git", "init", "-q", "--bare", "-b", "main", bare)
    (bare / "description").write_text("moles and <owls>\n")
    visitor.must("git", "init", "-q", "-b", "main", "work")
    (visitor.home / "work/mole.txt").write_text("The mole & the garden\n")
    visitor.must("git", "add", ".", cwd="work")
    visitor.must("git", "commit", "-q", "-m", "a <mole>", cwd="work")
    visitor.must("git", "push", "-q", bare, "main", cwd="work")
    place.own("git")
    return bare


@installed(GIT_BACKEND)
def test_git_asks_for_a_password_to_push_alone(drop_in, place, repository, visitor):
    server = drop_in("git", {"/srv/git": repository.parent,
                             "/etc/cgisrv/git-passwords": place.passwords()})
    url = f"127.0.0.1:{server.port}/git/project.git"
    visitor.must("git", "clone", "-q", f"http://{url}", "clone")
    (visitor.home / "clone/data").write_bytes(DATA)
    visitor.must("git", "add", ".", cwd="clone")
    visitor.must("git", "commit", "-q", "-m", "data", cwd="clone")
    nobody = visitor.run("git", "push", f"http://{url}", "main", cwd="clone")
    assert nobody.returncode != 0 and "could not read Username" in nobody.stderr, nobody
    wrong = visitor.run("git", "push", f"http://alice:rabbit@{url}", "main", cwd="clone")
    assert wrong.returncode != 0 and "401" in wrong.stderr, wrong
    visitor.must("git", "push", "-q", f"http://alice:wonderland@{url}", "main", cwd="clone")
    visitor.must("git", "clone", "-q", f"http://{url}", "second")
    assert (visitor.home / "second/data").read_bytes() == DATA
    # By whatever spelling: no other program answers behind it.
    for target in ("git-receive-pack", "%67it-receive-pack", "/git-receive-pack",
                   "x/..%2Fgit-receive-pack", "..%2Fproject.git%2Fgit-receive-pack"):
        answer = server.request("POST", f"/git/project.git/{target}", body=b"0000", headers=[
            ("Content-Type", "application/x-git-receive-pack-request")])
        assert answer.status in (400, 401, 404), (target, answer)
    # That of a repository that is GIT_PROJECT_ROOT itself.
    assert server.request("POST", "/git/git-receive-pack").status == 401


@installed("/usr/lib/cgit/cgit.cgi")
def test_cgit(drop_in, place, repository):
    cgitrc = place.folder / "cgitrc"
    cgitrc.write_text(f"{Path('/etc/cgitrc').read_text()}\nscan-path={repository.parent}\n")
    server = drop_in("cgit", {"/etc/cgitrc": cgitrc})
    to_it = server.get("/cgit")
    assert (to_it.status, to_it.header("Location")) == (302, "/cgit/")
    page = server.get("/cgit/")
    assert b"moles and &lt;owls&gt;" in page.body and b"href='/cgit-css/cgit.css'" in page.body
    assert b"a &lt;mole&gt;" in server.get("/cgit/project.git/log/").body
    assert server.get("/cgit/project.git/plain/mole.txt").body == b"The mole & the garden\n"
    assert server.get("/cgit/none/").status == 404
    assert server.get("/cgit-css/cgit.css").header("Content-Type").startswith("text/css")
    assert server.get("/cgit-css/cgit.png").body.startswith(b"\x89PNG")


@installed("/usr/share/gitweb/index.cgi")
def test_gitweb(drop_in, place, repository):
    settings = place.folder / "gitweb.conf"
    settings.write_text(f'$projectroot = "{repository.parent}";\n')
    server = drop_in("gitweb", {"/etc/gitweb.conf": settings})
    assert server.get("/gitweb").header("Location") == "/gitweb/"
    assert b"moles and &lt;owls&gt;" in server.get("/gitweb/").body
    assert b"a &lt;mole&gt;" in server.get("/gitweb/?p=project.git;a=shortlog").body
    blob = server.get("/gitweb/gitweb.cgi?p=project.git;a=blob_plain;f=mole.txt;hb=main")
    assert blob.body == b"The mole & the garden\n"
    assert server.get("/gitweb/static/gitweb.css").header("Content-Type").startswith("text/css")


@pytest.fixture
def hg_folder(place, visitor) -> Path:
    """As the head of the snippet says it."""
    folder = place.folder / "hg"
    (folder / "repositories").mkdir(parents=True)
    program = HGWEB.read_text().replace("/path/to/repo/or/config", f"{folder}/hgweb.config")
    (folder / "hgweb.cgi").write_text(program)
    (folder / "hgweb.cgi").chmod(0o755)
    lines = [line[4:] for line in place.snippet("mercurial", {}).splitlines()
             if line.startswith("#   ")]
    assert "[paths]" in lines and "[web]" in lines
    (folder / "hgweb.config").write_text("\n".join(lines).replace("/srv/hg", str(folder)))
    visitor.must("hg", "init", folder / "repositories/project")
    place.own("hg/repositories")
    return folder


@installed(str(HGWEB))
def test_mercurial_asks_for_a_password_to_push_alone(drop_in, place, hg_folder, visitor):
    server = drop_in("mercurial", {"/srv/hg": hg_folder,
                                   "/etc/cgisrv/hg-passwords": place.passwords()})
    host = f"127.0.0.1:{server.port}"
    visitor.must("hg", "clone", f"http://{host}/hg/project", "clone")
    (visitor.home / "clone/data").write_bytes(DATA)
    visitor.must("hg", "commit", "-A", "-m", "a <mole>", cwd="clone")
    for user in ("", "alice:rabbit@"):
        refused = visitor.run("hg", "push", f"http://{user}{host}/hg/project", cwd="clone")
        assert refused.returncode == 255 and "authorization" in refused.stderr, refused
    visitor.must("hg", "push", f"http://alice:wonderland@{host}/hg/project", cwd="clone")
    visitor.must("hg", "clone", f"http://{host}/hg/project", "second")
    assert (visitor.home / "second/data").read_bytes() == DATA
    assert b"a &lt;mole&gt;" in server.get("/hg/project/log").body
