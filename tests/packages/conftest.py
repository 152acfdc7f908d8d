"""What is installed, and how: of the build that CGISRV names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.binary import BUILD, REPOSITORY
from support.commands import run
from support.image import Image


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cmake --install` into a folder of its own."""
    prefix = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", prefix)
    return prefix


def copy_sources(to: Path) -> Path:
    """The sources alone, as they are in this tree."""
    names = run("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=REPOSITORY).split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, to / name)
    return to


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that dpkg-buildpackage makes."""
    ready = os.environ.get("CGISRV_PACKAGES")
    if ready:
        return Path(ready)
    folder = tmp_path_factory.mktemp("debian")
    # Debug information, of which nothing is left in the packages, is a third of the time.
    options = {"DEB_BUILD_OPTIONS": f"nocheck noautodbgsym parallel={os.cpu_count()}",
               "DEB_CFLAGS_STRIP": "-g", "DEB_CXXFLAGS_STRIP": "-g"}
    run("dpkg-buildpackage", "--no-sign", cwd=copy_sources(folder / "cgisrv"), env={**os.environ, **options})
    return folder


@pytest.fixture(scope="session")
def static_server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the preset, stripped."""
    ready = os.environ.get("CGISRV_STATIC_SERVER")
    if ready:
        return Path(ready)
    build = tmp_path_factory.mktemp("static")
    run("cmake", "--preset", "static", "-B", build, cwd=REPOSITORY)
    run("cmake", "--build", build, "--target", "cgisrv")
    run("strip", build / "cgisrv")
    return build / "cgisrv"


@pytest.fixture(scope="session")
def released(built: Path, static_server: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What packaging/release makes of a clean commit; it compiles nothing again."""
    folder = tmp_path_factory.mktemp("release")
    source = copy_sources(folder / "cgisrv")
    author = ("-c", "user.name=A", "-c", "user.email=a@example")
    run("git", "init", "-q", cwd=source)
    run("git", "add", "-A", cwd=source)
    run("git", *author, "commit", "-q", "-m", "as it is", cwd=source)
    ready = folder / "ready"
    ready.mkdir()
    for package in built.glob("*.deb"):
        (ready / package.name).symlink_to(package)
    architecture = run("dpkg", "--print-architecture").strip()
    (ready / f"cgisrv-static-{architecture}").symlink_to(static_server)
    run(source / "packaging/release", "-b", ready, "-o", folder / "out", "-p", folder / "packages")
    return folder / "out"


def image_of(released: Path, name: str, folder: Path) -> Image:
    [path] = released.glob(f"{name}-image-*.tar")
    return Image(path, folder)


@pytest.fixture(scope="session")
def image(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return image_of(released, "cgisrv", tmp_path_factory.mktemp("image") / "root")


@pytest.fixture(scope="session")
def image_with_git(released: Path, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return image_of(released, "cgisrv-git", tmp_path_factory.mktemp("image-git") / "root")
