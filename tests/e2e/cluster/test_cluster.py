"""Three nodes behind HAProxy, as docs/many-machines.md has them: a node that leaves loses nothing, one
that dies loses what it was doing, and none is given more than it may run.

Everything is judged by who answered, by what ran where, and by what HAProxy says of its servers.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
from collections.abc import Iterator

import pytest

from support.client import Connection, head
from support.cluster import BACKEND, CLIENT, NODES, PLACES, TOTAL, Cluster
from support.cluster_load import Load, leave, load_on, restart, trouble, upgrade
from support.haproxy import PROGRAM
from support.network import can_make_networks
from support.programs import environment_of
from support.waiting import until

pytestmark = [pytest.mark.skipif(not PROGRAM.exists() or not can_make_networks(),
                                 reason="needs haproxy, and root for network namespaces"),
              pytest.mark.plain(only="it is about how servers work together, and needs three of them")]


def names_of(kind: str, count: int) -> list[str]:
    return [f"{kind}{i}" for i in range(count)]


def answers(asked: dict[str, Connection], names: set[str]) -> dict[str, int]:
    return {name: asked[name].read_response().status for name in names}


def failures(cluster: Cluster, name: str) -> list[int]:
    """What HAProxy counts of a node: connections and answers that failed, and those cut short."""
    return [cluster.count(name, column) for column in ("econ", "eresp", "hrsp_5xx", "srv_abrt")]


@contextlib.contextmanager
def load_that_fails_at(cluster: Cluster, dies: str) -> Iterator[Load]:
    """No request fails but those that were at that node. HAProxy closes a connection without a word if
    it has carried others before, so that the client asks again (RFC 9112 section 9.3.1)."""
    others = [name for name in NODES if name != dies]
    before = {name: failures(cluster, name) for name in others}
    with load_on(cluster) as load:
        load.wait_for(50)
        yield load
    cluster.get("/node.cgi?last")
    assert until(lambda: "?last " in cluster.balancer.log.read_text())
    log = cluster.balancer.log.read_text()
    for fault in load.faults:
        line = re.search(rf'{BACKEND}/(\S+) .*"{fault.method} /node\.cgi\?{fault.name} ', log)
        assert line[1] == dies if line else fault.is_first is False and "Closed" in fault.what, fault
    assert {name: failures(cluster, name) for name in others} == before, load.faults


def test_a_node_knows_the_client_and_believes_nobody_but_the_balancer(cluster):
    found = environment_of(cluster.get("/environment.cgi"))
    assert found["REMOTE_ADDR"] == CLIENT and found["REQUEST_ID"] == found["HTTP_X_REQUEST_ID"]
    assert until(lambda: f"{{{found['REQUEST_ID']}}}" in cluster.balancer.log.read_text())
    with cluster.network.hosts["client"].entered():
        stranger = Connection((NODES["one"], 8080))
    with stranger:
        stranger.send(head("GET", "/node.cgi"))
        assert stranger.ended()


def test_no_request_fails_while_each_node_is_upgraded_and_started_anew(cluster):
    """tests/soak/cluster does it for as long as 100 000 requests take."""
    before = trouble(cluster)
    with load_on(cluster) as load:
        for node in cluster.nodes.values():
            upgrade(node)
            load.wait_for(200)
            restart(cluster, node, load)
    assert not load.faults
    assert trouble(cluster) == before


def test_a_node_that_dies_fails_what_it_was_doing_and_no_more(cluster):
    asked = cluster.hold(*names_of("request", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    lost = set(cluster.gate.names("one"))
    assert lost and lost != set(asked), cluster.gate.held()
    with load_that_fails_at(cluster, "one") as load:
        cluster.nodes["one"].kill()
        assert set(answers(asked, lost).values()) == {502}
        assert until(lambda: cluster.is_out("one"))
        sent = cluster.count("one", "stot")
        assert "one" not in load.by_node(100)
        assert cluster.count("one", "stot") == sent
    assert set(cluster.gate.names()) == set(asked) - lost
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked) - lost).values()) == {200}


def test_what_may_be_asked_again_is_if_the_balancer_is_told_so(cluster):
    """A GET of which nothing has come yet; by another HAProxy beside the first."""
    with cluster.another_balancer() as port:
        posts = cluster.hold(*names_of("post", 6), port=port)
        gets = cluster.hold(*names_of("get", 6), method="GET", port=port)
        asked = posts | gets
        assert until(lambda: set(cluster.gate.names()) == set(asked))
        there = set(cluster.gate.names("three"))
        lost = there & set(posts)
        assert lost and lost != there, cluster.gate.held()
        cluster.nodes["three"].kill()
        assert set(answers(asked, lost).values()) == {502}
        assert until(lambda: set(cluster.gate.names()) == set(asked) - lost)
        assert not cluster.gate.names("three")
        cluster.gate.let_on(*cluster.gate.held())
        assert set(answers(asked, set(asked) - lost).values()) == {200}


def test_a_worker_that_dies_fails_what_it_was_doing_and_no_more(cluster):
    asked = cluster.hold(*names_of("post", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    worker = cluster.gate.held("two")[0].worker
    lost = {held.name for held in cluster.gate.held() if held.worker == worker}
    went_down = cluster.count("two", "chkdown")
    with load_that_fails_at(cluster, "two") as load:
        os.kill(worker, signal.SIGKILL)
        assert set(answers(asked, lost).values()) == {502}
        assert "two" in load.by_node(100)
    assert until(lambda: set(cluster.gate.names()) == set(asked) - lost), cluster.gate.held()
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked) - lost).values()) == {200}
    assert cluster.count("two", "chkdown") == went_down
    assert until(lambda: len(cluster.nodes["two"].workers()) == 2)


def test_connections_that_are_cut_end_their_programs_and_no_more(cluster):
    asked = cluster.hold(*names_of("post", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    lost = set(cluster.gate.names("three"))
    cluster.balancer.command(f"shutdown sessions server {BACKEND}/three")
    assert until(lambda: set(cluster.gate.names()) == set(asked) - lost), cluster.gate.held()
    assert set(answers(asked, lost).values()) == {502}
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked) - lost).values()) == {200}


def test_a_node_that_is_cut_off_is_left_alone_until_it_is_back(cluster):
    """And what it was doing is answered then."""
    asked = cluster.hold(*names_of("post", 6))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    assert cluster.gate.names("two")
    cluster.network.switch.ip("link set two down")
    assert until(lambda: cluster.is_out("two"))
    assert {cluster.get("/node.cgi?x").text.split()[0] for _ in range(20)} == {"one", "three"}
    cluster.gate.let_on(*cluster.gate.held())
    cluster.network.switch.ip("link set two up")
    assert set(answers(asked, set(asked)).values()) == {200}


def test_a_queue_before_all_nodes_is_in_order_and_no_node_has_too_many(cluster):
    """Of 200 clients that come one after the other, as many run as there are places for: when one node
    serves, and when the two others come to it."""
    for name in ("two", "three"):
        leave(cluster, cluster.nodes[name])
    names = names_of("client", 200)
    asked = {}
    for count, name in enumerate(names, 1):
        asked |= cluster.hold(name)
        assert until(lambda count=count: cluster.count(TOTAL, "scur") == count, pause=0.001)
    begun: set[str] = set()

    def begins(count: int) -> None:
        """So many run, none of which was behind one that HAProxy still has in its queue."""
        assert until(lambda: len(begun | set(cluster.gate.names())) == count, pause=0.001), \
            cluster.describe()
        begun.update(cluster.gate.names())
        assert begun <= set(names[: len(names) - cluster.count(TOTAL, "qcur")])

    for count, node in enumerate(cluster.nodes.values(), 1):
        if not node.master():
            node.start()
        begins(count * PLACES)
    while cluster.count(TOTAL, "qcur") > 0:
        cluster.gate.let_on(cluster.gate.held()[0])
        begins(len(begun) + 1)
    assert until(cluster.recovers), cluster.describe()
    assert set(answers(asked, set(asked)).values()) == {200}
    assert cluster.gate.most() == {name: PLACES for name in NODES}
