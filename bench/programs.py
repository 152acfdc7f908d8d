"""The programs that are run, each of which answers with the time and its query."""

from __future__ import annotations

import base64
import gzip
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).resolve().parent / "programs"
QUERY = "x=42"
ANSWER = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ x=42\n"  # what every one of them must answer


@dataclass(frozen=True)
class Program:
    name: str
    title: str
    source: str
    compile: tuple[str, ...] = ()  # how to compile it; a script is copied
    libraries: tuple[str, ...] = ()

    @property
    def fork_loop(self) -> str:
        """The tool that forks it in a loop, if it can be: natively, by a library that is loaded
        into it, else by its own interpreter."""
        if self.compile:
            return "" if "-static" in self.compile else "bench_limit"
        return {".py": "fork_limit.py", ".pl": "fork_limit.pl"}.get(Path(self.source).suffix, "")

    @property
    def path(self) -> str:
        return f"/cgi-bin/{self.name}.cgi"

    def make(self, site: Path) -> str:
        """Puts it into the site. Returns why that cannot be done, or nothing."""
        source, target = SOURCES / self.source, site / self.path[1:]
        if self.compile:
            command = [*self.compile, "-O2", "-o", target, source, *self.libraries]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            except FileNotFoundError:
                return f"{self.compile[0]} is not installed"
            if done.returncode != 0:
                return f"does not compile: {done.stderr.strip()[-500:]}"
        else:
            interpreter = source.read_text().split("\n", 1)[0][2:]
            if not Path(interpreter).exists():
                return f"{interpreter} is not installed"
            shutil.copyfile(source, target)
        target.chmod(0o755)
        return ""


PROGRAMS = (
    Program("c-musl", "C, musl, static", "now.c", ("musl-gcc", "-static")),
    Program("c-glibc", "C, glibc", "now.c", ("gcc",)),
    Program("cxx-openssl", "C++, OpenSSL, zlib", "now.cc", ("g++", "-std=c++17"),
            ("-lssl", "-lcrypto", "-lz")),
    Program("sh", "sh and date", "now.sh"),
    Program("perl", "Perl, POSIX", "now.pl"),
    Program("python", "Python, json, urllib", "now.py"),
)
COMPUTE = Program("compute", "computes 50 ms", "compute.c", ("musl-gcc", "-static"))
NAP = Program("nap", "sleeps 100 ms", "nap.c", ("musl-gcc", "-static"))
SLEEP = Program("sleep", "a program that sleeps", "sleep.c", ("musl-gcc", "-static"))

FILES = {"6 B": "/hello.txt", "10 KB": "/10k.bin", "1 MB": "/1m.bin"}
USER, PASSWORD = "user", "secret"


def make_files(site: Path) -> None:
    (site / "cgi-bin").mkdir(parents=True)
    for folder in (site, site / "private", site / "pages"):
        folder.mkdir(exist_ok=True)
        (folder / "hello.txt").write_bytes(b"hello\n")
    # The cheapest hash that all servers know: what is compared is the rest.
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (site.parent / "passwords").write_text(f"{USER}:{{SHA}}{digest}\n")
    page = b"".join(b"<p>%d squared is %d.\n" % (n, n * n) for n in range(200))
    (site / "page.html").write_bytes(page)
    (site / "page.html.gz").write_bytes(gzip.compress(page))
    (site / "10k.bin").write_bytes(bytes(range(256)) * 40)
    (site / "1m.bin").write_bytes(bytes(range(256)) * 4096)
