"""The fixtures of tests/e2e, with their checks of what a server leaves behind, and faults to order.

Not for the sanitizers: they hold on to calls of the C library themselves.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

E2E = Path(__file__).parent.parent / "e2e"
sys.path.insert(0, str(E2E))
_spec = importlib.util.spec_from_file_location("e2e_conftest", E2E / "conftest.py")
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items()
                  if name.startswith("pytest_") or hasattr(value, "_pytestfixturefunction")})

from faults import Faults  # noqa: E402
from harness import CAT, WORKER, Server, Site  # noqa: E402


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(["gcc", "-O1", "-Wall", "-Werror", "-Wno-nonnull-compare", "-shared", "-fPIC",
                    "-o", path, Path(__file__).with_name("faults.c"), "-ldl"], check=True)
    return path


@pytest.fixture
def faults(tmp_path: Path, library: Path) -> Faults:
    return Faults(library, tmp_path / "plan")


CONFIG = """
[server]
workers = {workers}
heartbeat_timeout = "2s"
{server}
[cgi]
spool_memory = "16k"
grace = "1s"
[limits]
{limits}
[[site]]
root = "{root}"
listing = true
{of_site}
[[site.location]]
match = "*.cgi"
cgi = true
{rest}
"""


@pytest.fixture
def serve(start: Callable[..., Server], site: Site) -> Callable[..., Server]:
    """serve(faults, workers=1, server="", limits="", rest=""): a site of every kind of answer."""
    site.file("hello.txt", "hello")
    site.file("large", b"x" * 300_000)
    site.file("folder/a", "a")
    site.program("cat.cgi", CAT)
    site.c_program("worker.cgi", WORKER)

    def serve_site(faults: Faults | None = None, workers: int = 1, server: str = "",
                   limits: str = "", of_site: str = "", rest: str = "",
                   environment: dict[str, str] | None = None) -> Server:
        config = CONFIG.format(workers=workers, server=server, limits=limits, root=site.root,
                               of_site=of_site, rest=rest)
        return start(config=config, environment={**(faults.environment if faults else {}),
                                                 **(environment or {})})

    return serve_site
