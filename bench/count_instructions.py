"""Instructions of the worker for each kind of request: valgrind's callgrind(1), asked by
requests of its own how far it has come."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from count_server import Fault, Kind, Server

# Turns, of which the least is taken, and requests in each. valgrind makes programs so slow that the
# worker watches some of them: one that it does not watch costs less.
TURNS = {"file": (4, 8), "program": (10, 1)}
MARK = Kind("mark", "/count", b"hello\n")  # see count_preload.c
HERE = Path(__file__).resolve().parent


def preload(folder: Path) -> Path:
    library = folder / "count_preload.so"
    done = subprocess.run(["gcc", "-O2", "-shared", "-fPIC", "-o", library,
                           HERE / "count_preload.c"], capture_output=True, text=True)
    if done.returncode != 0:
        raise Fault(f"count_preload.c does not compile: {done.stderr.strip()}")
    return library


def counted(server: Server, worker: int) -> int:
    """How many instructions the worker has executed since it was last asked, half of the two
    requests that ask for it included."""
    before = set(server.folder.glob(f"callgrind.{worker}.*"))
    server.ask(MARK)
    new = set(server.folder.glob(f"callgrind.{worker}.*")) - before
    if len(new) != 1:
        raise Fault(f"callgrind has written {len(new)} files instead of one")
    found = re.search(r"^(?:totals|summary): (\d+)", new.pop().read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def of_worker(folder: Path, binary: Path, site: Path, kinds: Sequence[Kind]) -> dict[str, int]:
    """Of a request, by the name of its kind: the mean of some. Not of warm ones: valgrind has no
    pidfd_open(2), without which there is no zygote manager."""
    kinds = [kind for kind in kinds if not kind.is_warm]
    all_keys = any(kind.all_keys for kind in kinds)
    folder.mkdir()
    library = preload(folder)
    home = folder / "callgrind"
    wrapper = ["valgrind", "--tool=callgrind", "--trace-children=no", "--vgdb=no", "--quiet",
               f"--callgrind-out-file={home}/callgrind.%p"]
    (site / MARK.target[1:]).write_bytes(b"hello\n")
    found = {}
    with Server(home, binary, site, warm=False, all_keys=all_keys, wrapper=wrapper,
                environment={"LD_PRELOAD": str(library)}) as server:
        server.warm_up(kinds)
        worker = server.worker()
        for kind in kinds:
            server.ask_often(kind, 2)
            counted(server, worker)
            turns, requests = TURNS["program" if kind.program else "file"]
            of_mark = min(counted(server, worker) for _ in range(4))
            counts = []
            for _ in range(turns):
                server.ask_often(kind, requests)
                counts.append(round((counted(server, worker) - of_mark) / requests))
            found[kind.name] = min(counts)
    return found
