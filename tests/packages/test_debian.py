"""The Debian packages: built as a distribution builds them, judged by lintian, and used."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from support.binary import REPOSITORY
from support.commands import run

HERE = Path(__file__).parent
# Records that dpkg, man and logrotate keep of what has been.
RECORDS = re.compile(r"/var/lib/(dpkg|logrotate)/|/var/log/dpkg.log$|/var/cache/(man|ldconfig)/|/etc/ld.so.cache$"
                     # and what the test itself has put out of the way
                     r"|/var/www\b|/usr/lib/cgi-bin\b")


def packages(built: Path) -> list[Path]:
    found = [file for file in built.glob("*.deb") if "-dbgsym_" not in file.name]
    assert {file.name.partition("_")[0] for file in found} == {"cgisrv", "libcgisrv-pool-dev"}
    return found


def test_versions_agree():
    version = re.search(r"project\(cgisrv VERSION ([\d.]+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
    assert run("dpkg-parsechangelog", "-S", "Version", cwd=REPOSITORY).strip() == version


def test_what_the_build_needs_is_what_is_installed_for_it():
    control = (REPOSITORY / "debian/control").read_text()
    needed = re.findall(r"^ ([\w.+-]+)", re.search(r"Build-Depends:\n(( .*\n)*)", control)[1], re.MULTILINE)
    script = ". tools/packages.sh; echo $build_packages $package_packages; echo $test_packages"
    build, test = (line.split() for line in run("sh", "-c", script, cwd=REPOSITORY).splitlines())
    debhelper = {"debhelper-compat"}
    assert set(needed) - set(build) - set(test) == debhelper
    assert set(build) - set(needed) - {"g++"} <= set(run(
        "sh", "-c", ". tools/packages.sh; echo $package_packages", cwd=REPOSITORY).split())


@pytest.mark.fault("2g")
def test_a_fresh_package_has_a_page_to_answer_with():
    """And no package that is upgraded puts it there, nor where a site has an index."""
    assert "packaging/site/index.html usr/share/cgisrv/default-site" in (
        REPOSITORY / "debian/cgisrv.install").read_text()
    page = (REPOSITORY / "packaging/site/index.html").read_text()
    assert "/var/www/html" in page and "/etc/cgisrv/cgisrv.toml" in page
    fresh = re.search(r"if (.*); then\n.*default-site/index.html",
                      (REPOSITORY / "debian/cgisrv.postinst").read_text())[1]
    assert '-z "$2"' in fresh and "! -e /var/www/html/index.html" in fresh


@pytest.mark.slow
def test_lintian_has_nothing_against_them(built: Path):
    changes = next(built.glob("*.changes"))
    done = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0",
                           changes], capture_output=True, text=True)
    assert done.returncode == 0 and not re.search("^[EW]: ", done.stdout, re.MULTILINE), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.fault("2g")  # the fresh package's first page: use_packages
@pytest.mark.skipif(os.geteuid() != 0, reason="installing takes root")
def test_they_are_installed_used_and_purged(built: Path, tmp_path: Path):
    changes = tmp_path / "changes"
    done = subprocess.run([HERE / "in_overlay", changes, HERE / "use_packages", *packages(built)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    left = [path for path in changes.read_text().splitlines() if not RECORDS.match(path)]
    assert not left
