"""An image that packaging/image/build has made, and a container of it: without docker, by namespaces."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path

from support.binary import REPOSITORY
from support.waiting import until

IN_IMAGE = REPOSITORY / "tests/packages/in_image"


class Image:
    """What is said of it, and its files, unpacked."""

    def __init__(self, path: Path, folder: Path):
        self.path, self.root = path, folder
        with tarfile.open(path) as archive:
            def blob(described: dict) -> bytes:
                return archive.extractfile("blobs/" + described["digest"].replace(":", "/")).read()
            self.index = json.load(archive.extractfile("index.json"))
            self.manifest = json.loads(blob(self.index["manifests"][0]))
            self.image = json.loads(blob(self.manifest["config"]))
            [layer] = self.manifest["layers"]
            self.layer = blob(layer)
        with tarfile.open(fileobj=io.BytesIO(self.layer)) as tree:
            self.entries = tree.getmembers()
            tree.extractall(folder, numeric_owner=True)
        self.config = self.image["config"]


class Container:
    """The image's command, run as the image says."""

    def __init__(self, image: Image, mounts: dict[Path, str], errors: Path):
        words = [f"{source}:{target}" for source, target in mounts.items()]
        self.config = image.config
        with errors.open("wb") as log:
            self.runtime = subprocess.Popen(
                [IN_IMAGE, image.root, *words, "--", *self.config["Entrypoint"], *self.config["Cmd"]],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self.errors = errors
        assert until(self.is_up), errors.read_text()

    def is_up(self) -> bool:
        """Whether its first process has become the server and listens."""
        if self.runtime.poll() is not None:
            raise AssertionError(self.errors.read_text())
        return bool(self.children_of(self.runtime.pid)) and self.curl("/").returncode == 0

    @staticmethod
    def children_of(pid: int) -> list[int]:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def pid(self) -> int:
        """Of its first process, seen from outside."""
        return self.children_of(self.runtime.pid)[0]

    def enter(self, *command: str) -> int:
        """As a runtime does for a health check: in its namespaces, as its user."""
        user, group = self.config["User"].split(":")
        done = subprocess.run(["nsenter", f"--target={self.pid()}", "--mount", "--pid", "--net", "--root",
                               f"--setuid={user}", f"--setgid={group}", *command],
                              capture_output=True, env={"PATH": "/usr/bin:/usr/sbin"})
        return done.returncode

    def curl(self, path: str, *options: str, port: int = 8080) -> subprocess.CompletedProcess:
        return self.from_outside("curl", "-sS", *options, f"http://127.0.0.1:{port}{path}")

    def get(self, path: str, *options: str, port: int = 8080) -> str:
        done = self.curl(path, "-f", *options, port=port)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def from_outside(self, *command: object, **more) -> subprocess.CompletedProcess:
        """By a program of this machine, in the container's network."""
        return subprocess.run(["nsenter", f"--target={self.pid()}", "--net", *command],
                              capture_output=True, text=True, **more)

    def close(self) -> None:
        self.runtime.kill()  # and all that is in it
        self.runtime.wait()
