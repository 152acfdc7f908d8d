"""Starts servers for tests, and fails every test that leaves something behind.

A test fails on: a leaked descriptor in the master or a worker; a process of the server's that is
still there, zombies included; a worker that died; a line in the log that tells of a bug; a server
that does not stop within ten seconds of SIGTERM. Markers take a part of that back where a test is
about it; see tests/pytest.ini.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import clause_results, subreaper
from support.binary import BINARY, sanitized, slowness
from support.protocols import HTTP1, configured, directory, protocols_of
from support.server import Server, finish
from support.site import Site, compile_into


def pytest_configure(config: pytest.Config) -> None:
    subreaper.install()
    config.pluginmanager.register(clause_results.Record(), "clause_results")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_sessionstart(session: pytest.Session) -> None:
    if not BINARY.exists() and not session.config.option.collectonly:
        pytest.exit(f"{BINARY} is not there: build it, or name another with CGISRV", returncode=2)


LIMIT_SECONDS = 180  # so that nothing hangs; no test is to take so long


# What everything else stands on goes first, so that the first failure is the telling one.
ORDER = ["test_start", "test_config", "test_http_request", "test_connection", "test_smuggling",
         "test_files", "test_links", "test_semantics", "test_cgi_environment", "test_cgi_response",
         "test_cgi_failures", "test_diagnosis", "test_cgi_process", "test_life_cycle",
         "test_cgi_streams", "test_pool", "test_admission", "test_pressure", "test_accounting",
         "test_clients", "test_status"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> tuple[int, str]:
        name = item.path.stem
        if name in ORDER:
            return ORDER.index(name), name
        return len(ORDER), name

    items.sort(key=place)
    for item in items:
        if (marker := item.get_closest_marker("plain")) and marker.args:
            raise pytest.UsageError(f"{item.nodeid}: mark.plain has no effect with {marker.args}; "
                                    f"write only={marker.args[0]!r}")
    for item in items if sanitized() else []:
        if reason := (marker := item.get_closest_marker("plain")) and marker.kwargs.get("only"):
            item.add_marker(pytest.mark.skip(reason=reason))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    protocols = protocols_of(metafunc) if "protocol" in metafunc.fixturenames else []
    if protocols:
        metafunc.parametrize("protocol", protocols, indirect=True, scope="module")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Nothing may hang the suite: SIGALRM interrupts whatever a test waits for."""
    marker = item.get_closest_marker("time_limit")
    limit = max(marker.args[0] if marker else 0, LIMIT_SECONDS)

    def expire(*_: object) -> None:
        raise TimeoutError(f"test took longer than {limit} s")

    previous = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, limit * slowness())
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, previous)


# Fixtures.


@pytest.fixture(scope="module")
def protocol(request: pytest.FixtureRequest) -> str:
    """By which a server's get() and request() speak: support/protocols.py."""
    return getattr(request, "param", HTTP1)


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Compiles a C program, once for each source; of tests that run side by side, one does."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "programs"
    folder.mkdir(exist_ok=True)
    return compile_into(folder)


@pytest.fixture
def site(tmp_path: Path, compile_c: Callable[[str], Path]) -> Site:
    return Site(tmp_path / "site", compile_c)


Start = Callable[..., Server]


@pytest.fixture
def start(request: pytest.FixtureRequest, tmp_path: Path, protocol: str) -> Iterator[Start]:
    """start(site, "-w", "3"): directory mode, start(config="..."): by configuration.

    A configuration needs no [[listen]] and no number of workers; both are added when missing.
    """
    servers: list[Server] = []

    def start_server(site: Site | None = None, *arguments: str, config: str | None = None,
                     **more) -> Server:
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        if config is None and not arguments and site is not None:
            config = directory(str(site.root), protocol)
        if config is not None:
            file = folder / "cgisrv.toml"
            file.write_text(configured(config, protocol))
            command = ["-c", str(file), *arguments]
        else:
            assert site is not None
            command = [str(site.root), *arguments]
            if "-l" not in arguments and "--listen" not in arguments:
                command += ["-l", "127.0.0.1:0"]
            if "-w" not in arguments and "--workers" not in arguments:
                command += ["-w", "2"]
        server = Server(command, folder, **more)
        server.protocol = protocol
        servers.append(server)
        return server

    yield start_server
    faults = []
    for server in servers:
        try:
            finish(server, request.node)
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n\n".join(faults)


@pytest.fixture
def server(start: Start, site: Site) -> Server:
    """The site in directory mode; write files and programs before or after."""
    return start(site)


# One server for a whole file, where a table of small cases would start hundreds. Each test still
# checks what it left behind.


@pytest.fixture(scope="module")
def shared_site(tmp_path_factory: pytest.TempPathFactory,
                compile_c: Callable[[str], Path]) -> Site:
    return Site(tmp_path_factory.mktemp("shared") / "site", compile_c)


@pytest.fixture(scope="module")
def shared_config() -> str | None:
    """Override in a file whose shared server needs a configuration; {root} is the site's."""
    return None


@pytest.fixture(scope="module")
def shared_server(request: pytest.FixtureRequest, shared_site: Site, shared_config: str | None,
                  protocol: str) -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-test-"))
    config = shared_config or directory(str(shared_site.root), protocol)
    if config is None:
        command = [str(shared_site.root), "-l", "127.0.0.1:0", "-w", "2"]
    else:
        file = folder / "cgisrv.toml"
        file.write_text(configured(config.replace("{root}", str(shared_site.root)), protocol))
        command = ["-c", str(file)]
    server = Server(command, folder)
    server.protocol = protocol
    yield server
    try:
        finish(server, request.node)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def shared(request: pytest.FixtureRequest, shared_server: Server) -> Iterator[Server]:
    assert shared_server.popen.poll() is None, "an earlier test ended the shared server"
    shared_server.checkpoint()
    yield shared_server
    faults = shared_server.verify(request.node)
    assert not faults, "\n".join(faults + ["", "the log:", shared_server.log()[-8000:]])


@pytest.fixture
def run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the binary to its end and returns what it printed."""

    def run_binary(*arguments: str | Path,
                   timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
        return subprocess.run([str(BINARY), *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout * slowness())

    return run_binary
