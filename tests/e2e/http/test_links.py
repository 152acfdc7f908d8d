"""Symbolic links and dotted folders: what of them is served, and that nothing slips in between."""

import os
import threading
import time

import pytest

from support.clauses import clause
from support.programs import ENVIRONMENT, PLAIN, environment_of

SECRET = "SECRET"
STRANGER = 12345  # a user id that owns nothing else

CONFIG = """
[[site]]
root = "{root}"
{site}
listing = true
[[site.location]]
match = "/programs/"
cgi = "{root}/../programs/"
[[site.location]]
match = "/single/"
cgi = "{root}/single-link"
[[site.location]]
match = "/open/"
symlinks = "follow"
[[site.location]]
match = "*.cgi"
cgi = true
[[site.location]]
match = "*.txt-run"
interpreter = "/bin/cat"
"""

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def linked(site):
    """Links of every kind, beside what they lead to."""
    site.file("text.txt", "text")
    site.file("index.html", "top")
    site.file("folder/text.txt", "inside")
    site.file("folder/index.html", "the index")
    site.file("../outside/text.txt", "outside")
    site.file("../outside/index.html", "outside index")
    site.program("run.cgi", PLAIN + "printf ran; cat beside.txt\n")
    site.file("beside.txt", " beside")
    site.program("../outside/run.cgi", PLAIN + "printf outside; cat beside.txt\n")
    site.file("../outside/beside.txt", " beside it")
    site.program("../programs/plain", PLAIN + "printf plain\n")
    site.c_program("../programs/environment", ENVIRONMENT)
    (site.root / "open").mkdir()
    (site.root / "listed").mkdir()
    site.file("listed/real.txt", "real")
    for name, to in {
            "link.txt": "text.txt", "absolute.txt": site.root / "text.txt",
            "out.txt": "../outside/text.txt", "out": "../outside", "inner": "folder",
            "link.cgi": "run.cgi", "out.cgi": "../outside/run.cgi", "broken": "nowhere",
            "circle": "circle", "chain.txt": "link.txt", "folder/up.txt": "../text.txt",
            "single-link": "run.cgi", "open/link.txt": "../text.txt",
            "listed/link.txt": "real.txt", "../programs/link": "plain",
            "link.txt-run": "text.txt"}.items():
        (site.root / name).symlink_to(to)
    return site


def serve(start, site, symlinks: str):
    return start(config=CONFIG.format(root=site.root, site=f'symlinks = "{symlinks}"'))


LINKED = ["/link.txt", "/absolute.txt", "/out.txt", "/out/text.txt", "/out/", "/inner/text.txt",
          "/inner/", "/chain.txt", "/folder/up.txt", "/link.cgi", "/out.cgi", "/out/run.cgi",
          "/programs/link", "/link.txt-run"]
UNLINKED = ["/text.txt", "/", "/folder/text.txt", "/folder/", "/run.cgi", "/programs/plain",
            "/single/", "/open/link.txt"]


@clause("paths-links-followed")
def test_follow(start, linked):
    server = serve(start, linked, "follow")
    for target in LINKED + UNLINKED:
        assert server.get(target).status in (200, 502 if target.endswith("-run") else 200), target
    assert server.get("/out.cgi").body == b"outside beside", "it runs where its link is"


@clause("paths-links-never")
def test_never(start, linked):
    server = serve(start, linked, "never")
    for target in LINKED:
        assert server.get(target).status == 403, target
    for target in UNLINKED:
        assert server.get(target).status == 200, target
    assert server.get("/run.cgi").body == b"ran beside"
    assert server.get("/broken").status == server.get("/circle").status == 403
    server.wait_log(r"link\.txt.*symbolic link.*symlinks")
    server.wait_log(r"link\.cgi.*symbolic link.*symlinks")


@clause("paths-links-never")
def test_never_hides_links_from_listings(start, linked):
    assert "link.txt" not in serve(start, linked, "never").get("/listed/").text
    listing = serve(start, linked, "follow").get("/listed/").text
    assert "link.txt" in listing and "real.txt" in listing


@needs_root
@pytest.mark.fault("31")
@clause("paths-links-owner")
def test_owner_hides_what_may_not_be_followed_from_listings(start, linked):
    """Neither size nor date of a file that is 403."""
    (linked.root / "listed/stolen.txt").symlink_to("../../outside/text.txt")
    os.chown(linked.root / "listed/stolen.txt", STRANGER, STRANGER, follow_symlinks=False)
    server = serve(start, linked, "owner")
    assert server.get("/listed/stolen.txt").status == 403
    listing = server.get("/listed/").text
    assert "stolen.txt" not in listing and "link.txt" in listing and "real.txt" in listing


@clause("paths-links-never")
def test_links_above_the_root_are_the_administrators(start, linked, tmp_path):
    (tmp_path / "alias").symlink_to(linked.root)
    server = start(config=CONFIG.format(root=tmp_path / "alias", site='symlinks = "never"'))
    assert server.get("/text.txt").body == b"text" and server.get("/link.txt").status == 403


@clause("paths-links-owner")
def test_owner_follows_ones_own(start, linked):
    """Everything here is of one user, the one who runs the tests."""
    server = serve(start, linked, "owner")
    for target in LINKED + UNLINKED:
        assert server.get(target).status in (200, 502 if target.endswith("-run") else 200), target
    assert server.get("/out.cgi").body == b"outside beside it", "it runs where it is itself"
    assert server.get("/broken").status == 404 and server.get("/circle").status == 403


@needs_root
@clause("paths-links-owner")
def test_owner_does_not_follow_a_strangers(start, linked):
    server = serve(start, linked, "owner")
    for name in ("link.txt", "absolute.txt", "out.txt", "out", "inner", "link.cgi", "out.cgi"):
        os.chown(linked.root / name, STRANGER, STRANGER, follow_symlinks=False)
    for target in ("/link.txt", "/absolute.txt", "/out.txt", "/out/text.txt", "/out/",
                   "/inner/text.txt", "/link.cgi", "/out.cgi", "/out/run.cgi"):
        assert server.get(target).status == 403, target
    # A stranger's link to a stranger's file is nobody else's affair.
    os.chown(linked.root / "text.txt", STRANGER, STRANGER)
    assert server.get("/link.txt").body == b"text"
    assert server.get("/chain.txt").status == 403, "root's link, but a stranger's file"


@clause("paths-links-never")
def test_parameter_is_checked(run, tmp_path):
    file = tmp_path / "wrong.toml"
    file.write_text(f'[[site]]\nroot = "{tmp_path}"\nsymlinks = "ownr"\n')
    done = run("check", "-c", file)
    assert done.returncode == 78 and 'did you mean "owner"' in done.stderr


# The moment between the look and the use.


def swapping(path, *others):
    """Makes `path` each of the others in turn, by rename, until told to stop."""
    stop = threading.Event()

    def swap() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            new = path.with_name(f"{path.name}.new")
            others[n % len(others)](new)
            os.rename(new, path)

    thread = threading.Thread(target=swap)
    thread.start()
    return lambda: (stop.set(), thread.join())


@clause("paths-checked-is-sent")
@pytest.mark.parametrize("symlinks", ["never", pytest.param("owner", marks=needs_root)])
def test_file_swapped_for_a_link_is_never_followed(start, linked, symlinks):
    linked.file("../outside/secret.txt", SECRET)

    def harmless(path) -> None:
        path.write_text("harmless")

    def link(path) -> None:
        path.symlink_to("../outside/secret.txt")
        if symlinks == "owner":
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)

    server = serve(start, linked, symlinks)
    target = linked.root / "swapped.txt"
    harmless(target)
    stop = swapping(target, harmless, link)
    try:
        seen = set()
        connection = server.connect()
        asked, deadline = 0, time.monotonic() + 30
        # On a busy machine the other thread may rest for long.
        while asked < 2000 or not seen >= {200, 403} and time.monotonic() < deadline:
            response = connection.request("GET", "/swapped.txt")
            seen.add(response.status)
            assert SECRET not in response.text
            asked += 1
            if response.header("connection") == "close":
                connection = server.connect()
    finally:
        stop()
    assert seen >= {200, 403}, seen


@clause("paths-checked-is-sent")
def test_folder_swapped_for_a_link_is_never_followed(start, linked):
    """Programs too: not the last name of the path changes, but one before it."""
    linked.program("../outside/in.cgi", PLAIN + f"printf {SECRET}\n")
    linked.file("../outside/in.txt", SECRET)

    def folder(path) -> None:
        path.mkdir()
        (path / "in.txt").write_text("harmless")
        (path / "in.cgi").write_text(PLAIN + "printf harmless\n")
        (path / "in.cgi").chmod(0o755)

    folder(linked.root / "real")
    (linked.root / "alias").symlink_to("../outside")
    server = serve(start, linked, "never")
    stop, names = threading.Event(), [linked.root / n for n in ("real", "alias", "swapped")]
    names[0].rename(names[2])

    def swap() -> None:
        while not stop.is_set():
            names[2].rename(names[0])
            names[1].rename(names[2])
            names[2].rename(names[1])
            names[0].rename(names[2])

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        connection, seen = server.connect(), set()
        for n in range(1500):
            response = connection.request("GET", f"/swapped/in.{'txt' if n % 3 else 'cgi'}")
            seen.add(response.body if response.status == 200 else response.status)
            assert SECRET not in response.text, response
    finally:
        stop.set()
        thread.join()
    assert b"harmless" in seen and seen & {403, 404}, seen


# Dotted folders.


@clause("rfc8615-3-well-known")
def test_well_known_is_served(start, site):
    site.file(".well-known/acme-challenge/token", "token")
    site.c_program(".well-known/program.cgi", ENVIRONMENT)
    server = start(site)
    assert server.get("/.well-known/acme-challenge/token").body == b"token"
    environment = environment_of(server.get("/.well-known/program.cgi/info"))
    assert environment["SCRIPT_NAME"] == "/.well-known/program.cgi"
    assert environment["PATH_INFO"] == "/info"


@clause("paths-dotfiles", "rfc8615-3-well-known")
@pytest.mark.parametrize("name", [
    ".well-known/.secret", ".well-known/.git/config", ".well-knownx/file", ".well-known.txt",
    "folder/.well-known/file", ".Well-Known/file"])
def test_other_dotted_names_stay_hidden(start, site, name):
    site.file(name, SECRET)
    site.file(".well-known/file", "shown")
    assert start(site).get("/" + name).status == 404


@pytest.mark.parametrize("to", ["run.cgi", "../programs/plain", "single-link", "cat.txt-run"])
def test_link_to_a_program_does_not_show_its_source(start, linked, to):
    """A file that is run under its own path is sent under no other."""
    linked.file("cat.txt-run", "shown by an interpreter")
    (linked.root / "source.txt").symlink_to(to)
    server = start(config=CONFIG.format(root=linked.root, site=""))
    response = server.get("/source.txt")
    assert response.status == 403, response
    server.wait_log(r"source\.txt belongs to the programs of location .*; its source is not sent")


def test_link_to_an_executable_that_nothing_runs_is_sent(start, linked):
    linked.program("tool.sh", "#!/bin/sh\n")
    (linked.root / "tool.txt").symlink_to("tool.sh")
    server = start(config=CONFIG.format(root=linked.root, site=""))
    assert server.get("/tool.txt").body == b"#!/bin/sh\n"
