"""The fixtures of tests/e2e, with their checks of what a server leaves behind, and faults to order.

Not for the sanitizers: they hold on to calls of the C library themselves.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from support.configuration import cgi_site
from support.fault_injection import SOURCE, Faults
from support.programs import CAT, WORKER
from support.server import Server
from support.site import Site

pytest_plugins = ["support.fixtures", "support.service_manager", "support.upgradable"]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-Wno-nonnull-compare", "-shared", "-fPIC",
                    "-o", path, SOURCE, "-ldl"], check=True)
    return path


@pytest.fixture
def faults(tmp_path: Path, library: Path) -> Faults:
    return Faults(library, tmp_path / "plan")


@pytest.fixture
def serve(start: Callable[..., Server], site: Site, faults: Faults) -> Callable[..., Server]:
    """serve(workers=1, heartbeat="2s", server="", limits="", rest=""): a site of every kind of
    answer, and `faults` to order for it."""
    site.file("hello.txt", "hello")
    site.file("large", b"x" * 300_000)
    site.file("folder/a", "a")
    site.program("cat.cgi", CAT)
    site.c_program("worker.cgi", WORKER)

    def serve_site(workers: int = 1, heartbeat: str = "2s", server: str = "", limits: str = "",
                   of_site: str = "", rest: str = "",
                   environment: dict[str, str] | None = None) -> Server:
        config = cgi_site(
            site.root, rest, site=f"listing = true\n{of_site}", limits=limits,
            server=f'workers = {workers}\nheartbeat_timeout = "{heartbeat}"\n{server}',
            cgi='spool_memory = "16k"\ngrace = "1s"')
        made = start(config=config, environment={**faults.environment, **(environment or {})})
        made.faults = faults
        return made

    return serve_site
