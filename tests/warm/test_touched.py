"""Pages that children write to are copied with the fork: fewer page faults, and nothing else."""

import ctypes
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from support import zygote_driver
from support.waiting import until
from support.zygote_driver import Worker, Zygote, environment, plain

LEARNT_AFTER = 12  # requests at most: three children are learnt from, and some wait beside them
FAULTS = 8  # ru_minflt, in a run's usage

# Each keeps state of its own in memory that it shares with its zygote, and tells what it finds.
PERL = """#!/usr/bin/perl
use POSIX;
our @kept; BEGIN { @kept = map { "kept $_" } 1 .. 2000 }
my $before = join ',', @kept;
$_ .= "!$ENV{QUERY_STRING}" for @kept;
print "Content-Type: text/plain\\n\\n", length $before, ' ', join(',', @kept[0, 1999]), "\\n";
"""
PYTHON = """#!/usr/bin/python3
import json, os, urllib.parse
state = json.decoder.__dict__
print("Content-Type: text/plain\\n")
print(state.get("seen"), os.environ["QUERY_STRING"])
state["seen"] = os.environ["QUERY_STRING"]
"""
C = r"""
#include <stdio.h>
#include <stdlib.h>
static char kept[1 << 18] = {1};
int main(void) {
  long sum = 0;
  for (size_t i = 0; i < sizeof kept; i += 4096) sum += kept[i]++;
  printf("Content-Type: text/plain\n\n%ld %s\n", sum, getenv("QUERY_STRING"));
}
"""


@pytest.fixture(scope="session")
def rings() -> bool:
    """Whether this system lets processes have an io_uring."""
    parameters = ctypes.create_string_buffer(120)
    ring = ctypes.CDLL(None).syscall(425, 1, parameters)
    if ring >= 0:
        os.close(ring)
    return ring >= 0


@pytest.fixture(params=["perl", "python", "c"])
def script(request, program, tmp_path) -> Path:
    if request.param == "c":
        binary = tmp_path / "kept"
        subprocess.run(["gcc", "-O1", "-o", binary, "-x", "c", "-"], input=C.encode(), check=True)
        return binary
    return program(f"{request.param}.cgi", PERL if request.param == "perl" else PYTHON)


def mode_of(script: Path) -> str:
    return "main" if script.name == "kept" else "fork"


def has_pinned(zygote: Zygote) -> bool:
    folder = f"/proc/{zygote.pid}/fd"
    return any("io_uring" in os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder))


def learn(worker: Worker, zygote: Zygote, script: Path) -> None:
    for _ in range(LEARNT_AFTER):
        worker.run(zygote, script)
        if has_pinned(zygote):
            return


def test_requests_differ_in_nothing_once_their_pages_are_copied(rings, worker, script) -> None:
    with Zygote(script, mode=mode_of(script)) as zygote:
        for number in range(LEARNT_AFTER):
            variables = environment(QUERY_STRING=f"n={number}")
            assert worker.run(zygote, script, variables=variables) == plain(
                script, variables=variables)
        assert until(lambda: has_pinned(zygote) == rings)


def test_page_faults_become_fewer(rings, worker, script) -> None:
    if not rings:
        pytest.skip("no io_uring here")
    with Zygote(script, mode=mode_of(script), waiting=0) as zygote:
        first = worker.run(zygote, script).usage[FAULTS]
        learn(worker, zygote, script)
        assert until(lambda: has_pinned(zygote))
        assert worker.run(zygote, script).usage[FAULTS] < first * 0.6


def test_children_have_no_descriptor_of_it(rings, worker, program) -> None:
    lister = program("lister.cgi", "#!/usr/bin/python3\nimport os\n"
                     "print([os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
                     " if os.path.exists(f'/proc/self/fd/{n}')])\n")
    with Zygote(lister) as zygote:
        learn(worker, zygote, lister)
        assert has_pinned(zygote) == rings
        for _ in range(3):
            assert b"io_uring" not in worker.run(zygote, lister).stdout


@pytest.mark.parametrize("end", ["os._exit(3)", "os.kill(os.getpid(), 9)", "os.abort()",
                                 "os.fork() or os._exit(5); os.wait(); os._exit(4)",
                                 "os.execv('/bin/false', ['false'])"])
def test_a_child_may_end_in_any_way_while_it_is_observed(worker, program, end: str) -> None:
    script = program("end.cgi", f"#!/usr/bin/python3\nimport os, sys\nprint('x', flush=True)\n{end}\n")
    with Zygote(script, waiting=0) as zygote:
        for _ in range(4):
            assert worker.run(zygote, script) == plain(script)


def test_what_a_child_notes_cannot_harm_the_zygote(worker, program) -> None:
    """It finds what it shares with the zygote, and fills it with rubbish."""
    script = program("rubbish.cgi", """#!/usr/bin/python3
import os, re
with open("/proc/self/maps") as maps:
    shared = [(int(line[1], 16), int(line[2], 16))
              for line in re.finditer("^([0-9a-f]+)-([0-9a-f]+) rw-s", maps.read(), re.MULTILINE)]
with open("/proc/self/mem", "r+b", buffering=0) as memory:
    for begin, end in shared:
        memory.seek(begin)
        memory.write(b"\\x01\\0\\0\\0" + b"\\xff" * (end - begin - 4))
print(len(shared), flush=True)
os.kill(os.getpid(), 9)
""")
    with Zygote(script, waiting=0) as zygote:
        found = [int(worker.run(zygote, script).stdout) for _ in range(6)]
        assert max(found) == 1 and found[-1] == 0  # none is observed any more
        assert zygote.pid and Path(f"/proc/{zygote.pid}").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_a_zygote_may_do_without(worker, monkeypatch) -> None:
    """Where its user may lock no memory."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in (zygote_driver.SHIM, zygote_driver.BUILD / "warm.pl"):
            shutil.copy(file, folder)
        monkeypatch.setattr(zygote_driver, "BUILD", folder)
        monkeypatch.setattr(zygote_driver, "SHIM", folder / zygote_driver.SHIM.name)
        script = folder / "perl.cgi"
        script.write_text(PERL)
        script.chmod(0o755)
        limits = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, limits[1]))  # is inherited
        try:
            zygote = Zygote(script, user=65534)
        finally:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
        with zygote:
            for _ in range(LEARNT_AFTER):
                assert worker.run(zygote, script).stdout == plain(script).stdout
            assert not has_pinned(zygote)
