"""What packaging/release makes, of the packages and the static server that the other tests are about."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
import yaml

from support.binary import REPOSITORY
from support.commands import run

VERSION = re.search(r"project\(cgisrv VERSION ([\d.]+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]
PACKAGE = {"SPDXID", "name", "versionInfo", "downloadLocation", "filesAnalyzed", "licenseConcluded",
           "licenseDeclared", "copyrightText"}
OF_DOCUMENT = {"spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages",
               "relationships"}


@pytest.fixture(scope="module")
def document(released: Path) -> dict:
    return json.loads((released / f"cgisrv-{VERSION}.spdx.json").read_text())


@pytest.mark.slow
def test_all_is_there_and_nothing_else(released: Path):
    architecture = run("dpkg", "--print-architecture").strip()
    assert {path.name for path in released.iterdir()} == {
        "SHA256SUMS", f"cgisrv-{VERSION}.tar.xz", f"cgisrv-{VERSION}.spdx.json",
        f"cgisrv_{VERSION}_{architecture}.deb", f"libcgisrv-pool-dev_{VERSION}_{architecture}.deb",
        f"cgisrv-{VERSION}-linux-{architecture}.tar.xz", f"cgisrv-image-{VERSION}-{architecture}.tar",
        f"cgisrv-git-image-{VERSION}-{architecture}.tar"}


@pytest.mark.slow
def test_the_sums_are_of_all_files(released: Path):
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=released)
    listed = re.findall(r"^[0-9a-f]{64}  (.*)$", (released / "SHA256SUMS").read_text(), re.MULTILINE)
    assert sorted([*listed, "SHA256SUMS"]) == sorted(path.name for path in released.iterdir())


@pytest.mark.slow
def test_the_sources_are_those_of_the_commit(released: Path):
    with tarfile.open(released / f"cgisrv-{VERSION}.tar.xz") as archive:
        names = set(archive.getnames())
        text = archive.extractfile(f"cgisrv-{VERSION}/CMakeLists.txt").read().decode()
    assert f"project(cgisrv VERSION {VERSION}" in text
    assert f"cgisrv-{VERSION}/packaging/release" in names and not [name for name in names if "/build/" in name]


@pytest.mark.slow
def test_the_static_archive_has_what_a_small_machine_needs(released: Path, tmp_path: Path):
    [archive] = released.glob("cgisrv-*-linux-*.tar.xz")
    run("tar", "-x", "-C", tmp_path, "-f", archive)
    folder = tmp_path / archive.name.removesuffix(".tar.xz")
    assert run(folder / "cgisrv", "--version").startswith(f"cgisrv {VERSION}")
    for name in ("openrc/cgisrv", "busybox/S80cgisrv", "LICENSE", "small-machines.md"):
        assert (folder / name).is_file(), name


@pytest.mark.slow
def test_the_list_of_contents_is_spdx(document: dict, released: Path):
    """As far as a validator goes: fields, identifiers, and that all hangs together."""
    assert set(document) == OF_DOCUMENT
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["creationInfo"]["created"])
    assert all(re.match(r"(Tool|Organization|Person): ", each) for each in document["creationInfo"]["creators"])
    identifiers = [each["SPDXID"] for each in document["packages"]] + [document["SPDXID"]]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", each) for each in identifiers)
    assert all(PACKAGE <= set(each) and each["versionInfo"] for each in document["packages"])
    reached = set()
    for each in document["relationships"]:
        assert each["relationshipType"] in ("DESCRIBES", "CONTAINS", "STATIC_LINK")
        assert each["spdxElementId"] in identifiers and each["relatedSpdxElement"] in identifiers
        reached.add(each["relatedSpdxElement"])
    assert reached == set(identifiers) - {"SPDXRef-DOCUMENT"}
    sums = dict(reversed(line.split("  ")) for line in (released / "SHA256SUMS").read_text().splitlines())
    own = {each["name"]: each["checksums"][0]["checksumValue"] for each in document["packages"] if "checksums" in each}
    assert own == {name: of for name, of in sums.items() if not name.endswith(".spdx.json")}


def contents(document: dict, name: str, relationship: str) -> dict[str, dict]:
    packages = {each["SPDXID"]: each for each in document["packages"]}
    [own] = [each["SPDXID"] for each in document["packages"] if re.fullmatch(name, each["name"])]
    inside = [packages[each["relatedSpdxElement"]] for each in document["relationships"]
              if (each["spdxElementId"], each["relationshipType"]) == (own, relationship)]
    return {each["name"]: each for each in inside}


@pytest.mark.slow
def test_the_list_names_what_is_inside(document: dict, image, image_with_git):
    for name, each in (("cgisrv-image-.*", image), ("cgisrv-git-image-.*", image_with_git)):
        records = {record.name for record in (each.root / "var/lib/dpkg/status.d").iterdir()} - {"cgisrv"}
        inside = contents(document, name, "CONTAINS")
        assert {name for name in inside if not name.startswith("cgisrv_")} == records
        assert re.match(r"pkg:deb/debian/libc6@2\.\d+", inside["libc6"]["externalRefs"][0]["referenceLocator"])
    linked = contents(document, r"cgisrv-.*-linux-.*\.tar\.xz", "STATIC_LINK")
    assert {"libc6-dev", "libfmt-dev", "node-llhttp", "libjs-chart.js", "libnghttp2-dev"} <= set(linked)
    assert "libc6-dev" not in contents(document, "cgisrv_.*deb", "STATIC_LINK")


def test_a_release_is_of_a_commit(tmp_path: Path):
    """Not of what lies about in a folder; and a tag is on the version that it names."""
    for name in ("packaging/release", "CMakeLists.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((REPOSITORY / name).read_bytes())
    (tmp_path / "packaging/release").chmod(0o755)
    author = ("-c", "user.name=A", "-c", "user.email=a@example")
    out = tmp_path.with_name("out")
    def refused() -> str:
        done = subprocess.run([tmp_path / "packaging/release", "-o", out], capture_output=True, text=True)
        assert done.returncode != 0
        return done.stderr
    run("git", "init", "-q", cwd=tmp_path)
    assert "not committed" in refused()
    run("git", "add", "-A", cwd=tmp_path)
    run("git", *author, "commit", "-q", "-m", "all", cwd=tmp_path)
    run("git", "tag", "v99.0.0", cwd=tmp_path)
    assert f"the tag v99.0.0 is on version {VERSION}" in refused()


def test_the_workflow_is_that_command():
    """With no more rights than it needs, and on tags of versions alone."""
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/release.yml").read_text())
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML reads `on` so
    assert workflow["permissions"] == {}
    [build, publish] = (workflow["jobs"][name] for name in ("build", "publish"))
    assert build["permissions"] == {"contents": "read"}
    assert set(publish["permissions"]) == {"contents", "id-token", "attestations"}
    commands = [step["run"] for step in build["steps"] if "run" in step]
    assert [each for each in commands if re.search(r"^packaging/release .*amd64 arm64$", each, re.MULTILINE)]
    assert not [each for each in commands if "dpkg-buildpackage" in each or "cmake" in each]
