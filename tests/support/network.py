"""Hosts with addresses of their own, joined by a switch: network namespaces. Nothing of it can be seen
from outside, so any number of tests may use the same addresses at once.

Each namespace lives as long as a process that holds it, which reads from a pipe of ours. So nothing is
left behind, however we end.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

import pytest

CLONE_NEWNET = 0x40000000
HOLDER = "ip link set lo up && echo ready && exec cat"

_libc = ctypes.CDLL(None, use_errno=True)


def _can_make_networks() -> bool:
    return os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"],
                                                capture_output=True).returncode == 0


with_networks = pytest.mark.skipif(not _can_make_networks(), reason="only root can make networks")


class Namespace:
    """A command that is started with `prefix` before it runs within."""

    def __init__(self) -> None:
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", HOLDER],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.holder.stdout and self.holder.stdout.readline() == b"ready\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.prefix = ("nsenter", f"--net={self.path}")

    def ip(self, *commands: str) -> None:
        done = subprocess.run([*self.prefix, "ip", "-batch", "-"], input="\n".join(commands),
                              capture_output=True, text=True)
        assert done.returncode == 0, (commands, done.stderr)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Sockets that this thread opens meanwhile are of this namespace, and stay so."""
        with open("/proc/thread-self/ns/net") as own, open(self.path) as other:
            _enter(other.fileno())
            try:
                yield
            finally:
                _enter(own.fileno())

    def close(self) -> None:
        assert self.holder.stdin and self.holder.stdout
        self.holder.stdin.close()
        self.holder.stdout.close()
        self.holder.wait(20)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """`addresses` by the names of the hosts, all within one /24."""

    def __init__(self, addresses: dict[str, str]):
        self.switch = Namespace()
        self.hosts = {name: Namespace() for name in addresses}
        self.switch.ip("link add switch type bridge", "link set switch up",
                       *(line for name, host in self.hosts.items() for line in (
                           f"link add {name} type veth peer name eth0 netns {host.holder.pid}",
                           f"link set {name} master switch up")))
        for name, address in addresses.items():
            self.hosts[name].ip(f"addr add {address}/24 dev eth0", "link set eth0 up")

    @contextlib.contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Its cable is out."""
        self.switch.ip(f"link set {name} down")
        try:
            yield
        finally:
            self.switch.ip(f"link set {name} up")

    def close(self) -> None:
        for each in (*self.hosts.values(), self.switch):
            each.close()
