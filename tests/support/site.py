"""The files and programs that a server serves."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path


class Site:
    """A folder of files and programs. Files are dated back: a fresh one has a weak ETag."""

    def __init__(self, root: Path, compile_c: Callable[[str], Path]):
        self.root = root
        self.compile_c = compile_c
        root.mkdir(parents=True, exist_ok=True)

    def path(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def file(self, name: str, content: bytes | str, mtime: float = 1_577_934_245) -> Path:
        path = self.path(name)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (mtime, mtime))
        return path

    def program(self, name: str, text: bytes | str, mode: int = 0o755) -> Path:
        path = self.path(name)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def c_program(self, name: str, source: str) -> Path:
        path = self.path(name)
        shutil.copy(self.compile_c(source), path)
        path.chmod(0o755)
        return path

    def prints(self, name: str, output: bytes | str, then: str = "") -> Path:
        """A program that prints exactly that and then does `then`, in shell."""
        output = output.encode() if isinstance(output, str) else output
        data = self.path(name + ".output")
        data.write_bytes(output)
        return self.program(name, f"#!/bin/sh\ncat {data}\n{then}\n")


def compile_into(folder: Path) -> Callable[[str], Path]:
    """Compiles C programs into that folder, each once, whoever else does the same there."""
    def compile_source(source: str) -> Path:
        path = folder / f"program-{hashlib.sha256(source.encode()).hexdigest()[:16]}"
        if not path.exists():
            own = path.with_suffix(f".{os.getpid()}.c")
            own.write_text(source)
            subprocess.run(["gcc", "-O1", "-o", own.with_suffix(""), own], check=True)
            own.with_suffix("").rename(path)
        return path

    return compile_source
