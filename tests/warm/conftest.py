"""Programs started warm and cold, and compared.

A test fails when a zygote does not retire, or anything that it started is still there.
"""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.zygote_driver import SHIM, Refused, Result, Worker, Zygote, plain

LIMIT_SECONDS = 60


def pytest_sessionstart(session: pytest.Session) -> None:
    if not SHIM.exists() and not session.config.option.collectonly:
        pytest.exit(f"{SHIM} is not there: build it, or name the server's with CGISRV", returncode=2)
    # A plain start inherits what we ignore (nohup, a job in the background); a zygote does not.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def children() -> set[int]:
    return set(map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()))


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """Nothing may hang, and nothing may be left."""
    def expire(*_: object) -> None:
        raise TimeoutError(f"test took longer than {LIMIT_SECONDS} s")

    before, fds = children(), set(os.listdir("/proc/self/fd"))
    previous = signal.signal(signal.SIGALRM, expire)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
    assert children() <= before
    assert set(os.listdir("/proc/self/fd")) <= fds


@pytest.fixture
def worker(tidy: None) -> Iterator[Worker]:
    with Worker() as one:
        yield one


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str, str], Path]:
    """program("name.cgi", text): an executable file."""
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """compiled(source, *arguments): a native program."""
    folder = tmp_path_factory.mktemp("native")

    def compile_source(source: str, *arguments: str) -> Path:
        path = folder / f"program{len(list(folder.iterdir()))}"
        path.with_suffix(".c").write_text(source)
        subprocess.run(["gcc", "-O1", "-o", path, path.with_suffix(".c"), *arguments], check=True)
        return path

    return compile_source


@pytest.fixture
def same(worker: Worker) -> Callable[..., Result]:
    """same(script, stdin, ...): runs it cold once and warm twice; all three are equal, but
    for where something is in memory, what time it is, and what `mask` finds in the output."""
    def compare(script: Path, stdin: bytes | None = b"", *, boot: dict | None = None,
                mask: bytes | None = None, **request) -> Result:
        chance = re.compile(rb"0x[0-9a-f]{6,}|\w{3} \w{3} [ \d]\d [\d:]{8} 20[2-9]\d"
                            + (b"|" + mask if mask else b""))

        def masked(result: Result) -> Result:
            return dataclasses.replace(result, stdout=chance.sub(b"...", result.stdout),
                                       stderr=chance.sub(b"...", result.stderr))

        cold = masked(plain(script, stdin, **request))
        with Zygote(script, **(boot or {})) as zygote:
            for _ in range(2):
                assert masked(worker.run(zygote, script, stdin, **request)) == cold
        return cold

    return compare


@pytest.fixture
def refused(tidy: None) -> Callable[..., str]:
    """Why a program does not become a zygote."""
    def refuse(script: Path, **boot) -> str:
        with pytest.raises(Refused) as caught, Zygote(script, **boot):
            pass
        return str(caught.value)

    return refuse
