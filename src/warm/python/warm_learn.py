"""Finds out which modules are worth to be preloaded, for cgisrv exec --verify. Who executes this sets
path, a file that gets a line for each module ("kept", "bad", or "new": imported by the request), and
load, the part that loads."""

import os
import sys
import time

path = load = None


def tell(line):
    with open(path, "a") as file:
        file.write(f"{line}\n")


def held():
    """What is open that requests could not share, and threads."""
    links = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.add(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    return {link for link in links if ":" in link}, len(os.listdir("/proc/self/task"))


def propose(names):
    """Imports what is named as far as that leaves nothing behind but modules, and tells which these
    are, with the time that each takes: what the ones before have not loaded already."""
    for name in names:
        if name in sys.modules:
            continue
        known, sizes, had, began = set(sys.modules), load.said(), held(), time.process_time()
        try:
            __import__(name)
            is_good = True
        except BaseException:
            is_good = False
        took = int((time.process_time() - began) * 1e6)
        if load.said() != sizes or os.environ._data.reason:
            load.unsay(sizes)
            os.environ._data.reason = None
            is_good = False
        if held() != had:  # which ends this zygote; the next is tried without it
            return tell(f"bad {name} 0")
        if is_good:
            tell(f"kept {name} {took}")
        else:
            for module in set(sys.modules) - known:
                del sys.modules[module]


def watch_imports():
    """From now on what is imported by no other import is added to the list that is returned."""
    bootstrap, roots, depth = sys.modules["_frozen_importlib"], [], 0
    load_unlocked = bootstrap._load_unlocked

    def load_one(spec):
        nonlocal depth
        if depth == 0:
            roots.append(spec.name)
        depth += 1
        try:
            return load_unlocked(spec)
        finally:
            depth -= 1

    bootstrap._load_unlocked = load_one
    return roots


def tell_new(roots):
    for name in roots:
        if name in sys.modules and all(part.isidentifier() for part in name.split(".")):
            tell(f"new {name} 0")
