"""The image: built from the Debian package that is tested, and run as packaging/image/config.json says. As PID 1
of any root: test_container.py."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.commands import run
from support.image import Container, Image
from support.waiting import until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="namespaces take root")]

SIZE_MAX = 60_000_000
COMPRESSED_MAX = 25_000_000
PROGRAMS = {
    "size.cgi": "wc -c",
    "who.cgi": "id -u; id -g; id -G",
    "rights.cgi": "grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):' /proc/$PPID/status",
    "write.cgi": "for folder in / /etc/cgisrv /srv/www /dev /tmp; do touch $folder/file && echo $folder; done",
    "orphan.cgi": "(setsid sh -c 'sleep 0.2' >/dev/null 2>&1 &)\necho left",
    "complaint.cgi": "echo 'a \"complaint\"' >&2\necho said",
    "applets.cgi": "for link in /usr/bin/*; do [ -x $link ] || echo $link; done; busybox --list",
    "wait.cgi": "echo begun\nuntil [ -e /tmp/go ]; do sleep 0.1; done\necho done",
}


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("container")
    site, drop_ins = folder / "site", folder / "conf.d"
    site.mkdir()
    drop_ins.mkdir()
    (site / "index.html").write_text("served")
    for name, text in PROGRAMS.items():
        (site / name).write_text(f"#!/bin/sh\necho 'Content-Type: text/plain'\necho\n{text}\n")
        (site / name).chmod(0o755)
    [shown] = re.findall(r"^# (\[admin]\n)# (.*\n)", (REPOSITORY / "packaging/image/cgisrv.toml").read_text(), re.M)
    (drop_ins / "admin.toml").write_text("".join(shown))
    container = Container(image, {site: "srv/www", drop_ins: "etc/cgisrv/conf.d"}, folder / "errors.log")
    yield container
    container.close()


def test_it_is_small(image: Image):
    size = sum(entry.size for entry in image.entries)
    assert size < SIZE_MAX, f"{size} bytes unpacked"
    assert image.path.stat().st_size < COMPRESSED_MAX


def test_git_does_not_make_it_large(image_with_git: Image):
    assert sum(entry.size for entry in image_with_git.entries) < SIZE_MAX
    assert image_with_git.path.stat().st_size < COMPRESSED_MAX


def test_it_says_what_it_is(image: Image):
    """By the names that registries and scanners read."""
    labels = image.config["Labels"]
    version = re.search(r"project\(cgisrv VERSION ([\d.]+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    prefix = "org.opencontainers.image."
    assert labels[prefix + "version"] == version and labels[prefix + "licenses"] == "MIT"
    assert {prefix + name for name in ("title", "description", "created", "revision")} <= set(labels)
    assert image.image["architecture"] == run("dpkg", "--print-architecture").strip()
    assert "VERSION_CODENAME=bookworm" in (image.root / "etc/os-release").read_text()


@pytest.mark.fault("2m")
def test_its_user_is_a_number(image: Image):
    """Or Kubernetes cannot tell that it is not root."""
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", image.config["User"])
    assert "www-data:x:33:33:" in (image.root / "etc/passwd").read_text()


def test_no_file_gains_rights_or_belongs_to_its_user(image: Image):
    for entry in image.entries:
        assert (entry.uid, entry.gid) == (0, 0) and not entry.mode & 0o6000, entry.name
        assert entry.issym() or entry.name == "tmp" or not entry.mode & 0o022 or entry.mode & 0o1000, entry.name


def test_every_package_in_it_is_known_to_scanners_and_has_its_licence(image: Image, image_with_git: Image):
    for each in (image, image_with_git):
        for record in (each.root / "var/lib/dpkg/status.d").iterdir():
            assert f"Package: {record.name}\n" in record.read_text()
            assert (each.root / "usr/share/doc" / record.name / "copyright").exists(), record.name


def test_no_library_is_missing(image: Image, image_with_git: Image):
    for each, programs in ((image, ["usr/bin/cgisrv"]),
                           (image_with_git, ["usr/bin/git", "usr/lib/git-core/git-http-backend",
                                             "usr/lib/cgit/cgit.cgi"])):
        there = {path.name for path in each.root.rglob("*.so*")}
        for program in programs:
            needed = re.findall(r"NEEDED.*\[(.*)]", run("readelf", "-d", each.root / program))
            assert needed and not set(needed) - there, program


@pytest.mark.fault("2m")
def test_it_serves_from_a_read_only_root_as_a_user_without_rights(container: Container):
    assert container.get("/") == "served"
    assert container.get("/who.cgi").split() == ["33", "33", "33"]
    rights = dict(line.split(":\t") for line in container.get("/rights.cgi").splitlines())
    assert rights.pop("NoNewPrivs") == "1" and len(rights) == 4
    assert {int(each, 16) for each in rights.values()} == {0}
    assert container.get("/write.cgi") == "/tmp\n"


@pytest.mark.fault("2m")
def test_a_large_body_of_unknown_length_arrives(container: Container, tmp_path: Path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * 5 * 1024 * 1024)
    said = container.get("/size.cgi", "-H", "Transfer-Encoding: chunked", "-H", "Content-Type: text/plain",
                         "--data-binary", f"@{body}")
    assert said.strip() == str(body.stat().st_size)


def test_it_is_healthy_by_its_own_check(container: Container):
    kind, *command = container.config["Healthcheck"]["Test"]
    assert kind == "CMD" and container.enter(*command) == 0


def test_a_drop_in_opens_the_listener_for_probes(container: Container):
    for probe in ("livez", "readyz", "metrics"):
        assert container.get(f"/{probe}", port=9180)


def test_it_logs_objects_alone(container: Container):
    assert container.get("/complaint.cgi") == "said\n"
    def lines() -> list[dict]:
        return [json.loads(line) for line in container.errors.read_text().splitlines()]
    assert until(lambda: any(each.get("target") == "/complaint.cgi" for each in lines()))
    [access] = [each for each in lines() if each.get("target") == "/complaint.cgi"]
    assert access["status"] == "200" or access["status"] == 200
    [error] = [each for each in lines() if 'a "complaint"' in each.get("message", "")]
    assert error["level"] == "notice" and error["request_id"] == access["request_id"]


def test_programs_find_what_the_image_promises(container: Container):
    """Each link leads to an applet that BusyBox has."""
    links = {path.name for path in Path(f"/proc/{container.pid()}/root/usr/bin").iterdir()
             if path.is_symlink() and os.readlink(path) == "busybox"}
    assert len(links) > 50 and not links - set(container.get("/applets.cgi").split())


def test_orphans_are_reaped(container: Container):
    def processes() -> int:
        return len(container.children_of(container.pid()))
    before = processes()
    for _ in range(5):
        assert container.get("/orphan.cgi") == "left\n"
    assert until(lambda: processes() == before)


def test_it_stops_in_time_and_finishes_what_is_open(container: Container):
    """The last one, since it ends the server. In time: a runtime kills after ten seconds, and the
    server kills what is still open after those of its configuration."""
    given = tomllib.loads((REPOSITORY / "packaging/image/cgisrv.toml").read_text())["server"]
    assert int(given["shutdown_timeout"].removesuffix("s")) < 10 and "drain_delay" not in given
    asking = subprocess.Popen(["nsenter", f"--target={container.pid()}", "--net", "curl", "-sSN",
                               "http://127.0.0.1:8080/wait.cgi"], stdout=subprocess.PIPE, text=True)
    assert asking.stdout.readline() == "begun\n"
    os.kill(container.pid(), getattr(signal, container.config["StopSignal"]))
    assert container.enter("touch", "/tmp/go") == 0
    assert asking.stdout.read() == "done\n" and asking.wait() == 0
    asking.stdout.close()
    assert container.runtime.wait(60) == 0


def test_git_and_cgit_are_served(image_with_git: Image, tmp_path: Path):
    repositories, work = tmp_path / "git", tmp_path / "work"
    author = ("-c", "user.name=A", "-c", "user.email=a@example")
    run("git", "init", "-q", work)
    run("git", *author, "commit", "-q", "--allow-empty", "-m", "the first commit", cwd=work)
    run("git", "clone", "-q", "--bare", work, repositories / "tool.git")
    container = Container(image_with_git, {repositories: "srv/git"}, tmp_path / "errors.log")
    try:
        cloned = container.from_outside("git", "clone", "-q", "http://127.0.0.1:8080/git/tool.git",
                                        tmp_path / "clone")
        assert cloned.returncode == 0, cloned.stderr + container.errors.read_text()
        assert "the first commit" in run("git", "log", cwd=tmp_path / "clone")
        assert "tool.git" in container.get("/cgit/")
        assert "the first commit" in container.get("/cgit/tool.git/log/")
        assert "cgit" in container.get("/cgit-css/cgit.css")
    finally:
        container.close()


def test_it_is_the_same_to_the_byte_when_made_again(image: Image, released: Path):
    """Of the same packages, by somebody who is not root."""
    labels = image.config["Labels"]
    environment = {**os.environ, "CGISRV_REVISION": labels["org.opencontainers.image.revision"],
                   "SOURCE_DATE_EPOCH": str(image.entries[0].mtime)}
    with tempfile.TemporaryDirectory() as name:  # which nobody else makes private again
        folder = Path(name)
        shutil.copytree(released.with_name("packages"), folder / "packages")
        [package] = released.glob("cgisrv_*.deb")
        shutil.copy(package, folder)
        run("chown", "-R", "nobody", folder)
        run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", REPOSITORY / "packaging/image/build",
            "-p", folder / "packages", "-o", folder / "image.tar", folder / package.name, env=environment)
        assert (folder / "image.tar").read_bytes() == image.path.read_bytes()
