"""What the tests of clusters have in common: three nodes, their network, and HAProxy before them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.cluster import Cluster
from support.waiting import until


@pytest.fixture(scope="module")
def one_cluster(compile_c: Callable[[str], Path]) -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="cgisrv-cluster-"))
    folder.chmod(0o755)
    cluster = Cluster(folder, compile_c)
    yield cluster
    faults = cluster.close()
    logs = "".join(node.log.read_text()[-3000:] for node in cluster.nodes.values())
    shutil.rmtree(folder)
    assert not faults, "\n".join([*faults, logs])


@pytest.fixture
def cluster(one_cluster: Cluster) -> Iterator[Cluster]:
    """One for a whole file: each test has to leave it as it was."""
    yield one_cluster
    for node in one_cluster.nodes.values():
        if not node.master():
            node.start()
    assert until(one_cluster.recovers), one_cluster.describe()
    for node in one_cluster.nodes.values():
        assert until(lambda node=node: not node.programs()), node.programs()
