"""Clients of a cluster that ask all along, and forget no answer."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from support import client
from support.cluster import TOTAL, Cluster, Node
from support.processes import alive
from support.waiting import until

CLIENTS = 8
TROUBLE = ("econ", "eresp", "wretr", "wredis")  # HAProxy's counters: errors, and what it asked again

_numbers = itertools.count()


@dataclass(frozen=True)
class Fault:
    """A request that was not answered as it should be."""

    name: str
    method: str
    is_first: bool  # of its connection
    what: str


class Load:
    """Half of them keep their connection, and half of them post. Nothing is asked twice."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.answers: Counter[str] = Counter()  # by the node that gave them
        self.faults: list[Fault] = []
        self._ended = [0] * CLIENTS  # requests of each client, answered or not
        self._enough = threading.Event()
        self._number = next(_numbers)  # HAProxy's log has those of others, too
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True)
                         for i in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def count(self) -> int:
        with self._lock:
            return sum(self.answers.values())

    def wait_for(self, more: int) -> None:
        wanted = self.count() + more
        assert until(lambda: self.count() >= wanted, 60), (self.answers, self.faults)

    def by_node(self, more: int) -> Counter[str]:
        """Who gives the next answers to requests that are only made from now on."""
        begun = list(self._ended)
        assert until(lambda: all(now > then for now, then in zip(self._ended, begun))), self.faults
        with self._lock:
            before = Counter(self.answers)
        self.wait_for(more)
        with self._lock:
            return self.answers - before

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        keeps, method = number % 2 == 0, ("GET", "POST")[number // 2 % 2]
        connection, count = None, 0
        while not self._enough.is_set():
            count, is_first = count + 1, connection is None
            name = f"{self._number}-{number}-{count}"
            try:
                connection = connection or self.cluster.connect()
                body = b"x" if method == "POST" else b""
                response = connection.request(method, f"/node.cgi?{name}", body=body)
                node = self._check(response, method, name)
                with self._lock:
                    self.answers[node] += 1
                ends = not keeps or response.header("Connection") == "close"
            except (OSError, AssertionError) as fault:
                with self._lock:
                    self.faults.append(Fault(name, method, is_first, f"{type(fault).__name__}: {fault}"))
                ends = True
            self._ended[number] = count
            if ends and connection:
                connection.close()
                connection = None
        if connection:
            connection.close()

    @staticmethod
    def _check(response: client.Response, method: str, name: str) -> str:
        node, *rest = response.text.split() or [""]
        assert (response.status, response.complete, rest) == (200, True, [method, name]), response
        return node


@contextmanager
def load_on(cluster: Cluster) -> Iterator[Load]:
    load = Load(cluster)
    try:
        yield load
    finally:
        load.stop()


def trouble(cluster: Cluster) -> dict[str, int]:
    return {column: cluster.count(TOTAL, column) for column in TROUBLE}


# What administrators do.


def upgrade(node: Node) -> None:
    """The old master ends when its connections have."""
    node.put_binary()
    node.upgrade()


def drain(cluster: Cluster, node: Node) -> None:
    done = node.command("drain")
    assert done.returncode == 0 and until(lambda: cluster.is_out(node.name)), done


def undrain(cluster: Cluster, node: Node) -> None:
    done = node.command("undrain")
    assert done.returncode == 0 and until(lambda: cluster.is_up(node.name)), done


def leave(cluster: Cluster, node: Node, load: Load) -> None:
    """Ends when HAProxy has noticed, and has nothing under way there."""
    family = node.family()
    node.quit()
    assert until(lambda: cluster.is_out(node.name) and cluster.count(node.name, "scur") == 0)
    assert node.name not in load.by_node(30)
    node.quit()
    assert until(lambda: not any(alive(pid) for pid in family)), node.log.read_text()


def restart(cluster: Cluster, node: Node, load: Load) -> None:
    leave(cluster, node, load)
    node.start()
    assert until(lambda: cluster.is_up(node.name) and node.name in load.by_node(30))
