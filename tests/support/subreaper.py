"""Processes that have lost their parent become ours, and are reaped at once, as init would.

So a test sees what a server left running, and no server sees zombies that no real system would
leave it. Our own children, which are Popen's to wait for, are kept apart from adopted ones.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import threading

from support.processes import Process, children

PR_SET_CHILD_SUBREAPER = 36

_lock = threading.RLock()  # held while Popen makes a child that is not yet in _own
_own: dict[int, subprocess.Popen] = {}
_woken, _wake = os.pipe()
os.set_blocking(_wake, False)


def adopted() -> list[Process]:
    """Living children that are not our own. Reaps the dead among them."""
    with _lock:
        living = []
        for p in children(os.getpid()).values():
            if _is_own(p.pid):
                continue
            if p.state in "ZX":
                try:
                    os.waitpid(p.pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            else:
                living.append(p)
        return living


def _is_own(pid: int) -> bool:
    return pid in _own and _own[pid].returncode is None


def _child_ended(*_: object) -> None:
    """In a signal handler, perhaps within itself: no lock is safe there."""
    try:
        os.write(_wake, b"!")
    except BlockingIOError:
        pass  # it is awake


def _reap() -> None:
    while os.read(_woken, 4096):
        adopted()


def install() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    initialise = subprocess.Popen.__init__

    def initialise_and_remember(self: subprocess.Popen, *arguments, **more) -> None:
        with _lock:
            initialise(self, *arguments, **more)
            _own[self.pid] = self

    subprocess.Popen.__init__ = initialise_and_remember
    signal.signal(signal.SIGCHLD, _child_ended)
    threading.Thread(target=_reap, daemon=True, name="reaper").start()
