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
from support.cluster_load import Load, drain, load_on, restart, trouble, undrain, upgrade
from support.haproxy import with_haproxy
from support.network import with_networks
from support.programs import environment_of
from support.waiting import until

pytestmark = [with_haproxy, with_networks,
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
    """Who chooses the id of a request, too: a client's own is replaced."""
    with cluster.connect() as client:
        found = environment_of(client.request("GET", "/environment.cgi", [("X-Request-ID", "mine")]))
    assert found["REMOTE_ADDR"] == CLIENT
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", found["REQUEST_ID"]), found
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


def test_a_node_that_is_drained_is_asked_nothing_and_ends_nothing(cluster):
    asked = cluster.hold(*names_of("request", 9))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    before, two = trouble(cluster), cluster.nodes["two"]
    with load_on(cluster) as load:
        load.wait_for(50)
        drain(cluster, two)
        assert "two" not in load.by_node(50)
        upgrade(two)  # which is no reason to come back
        assert "two" not in load.by_node(50)
        assert set(cluster.gate.names()) == set(asked)
        undrain(cluster, two)
        assert until(lambda: "two" in load.by_node(50))
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked)).values()) == {200}
    assert not load.faults
    assert trouble(cluster) == before


def test_a_node_that_is_busy_is_given_less(cluster):
    """Its places are taken, and waited for, by somebody of whom HAProxy does not know."""
    def weight(name: str) -> int:
        return cluster.count(name, "weight")

    with contextlib.ExitStack() as others:
        for number in range(4 * PLACES):
            with cluster.network.hosts["balancer"].entered():
                other = others.enter_context(Connection((NODES["two"], 8080)))
            other.send(b"PROXY UNKNOWN\r\n" + head("POST", f"/held.cgi?other{number}"))
        assert until(lambda: len(cluster.gate.names("two")) == PLACES)
        assert until(lambda: 2 * weight("two") <= min(weight("one"), weight("three"))), cluster.describe()
        before = {name: cluster.count(name, "stot") for name in NODES}
        asked = {}
        for count, name in enumerate(names_of("request", 20), 1):
            asked |= cluster.hold(name)
            assert until(lambda count=count: cluster.count(TOTAL, "scur") == count, pause=0.001)
        given = {name: cluster.count(name, "stot") - before[name] for name in NODES}
        assert 0 < given["two"] < 0.8 * min(given["one"], given["three"]), given
    assert until(lambda: set(cluster.gate.names()) == set(asked)), cluster.gate.held()
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked)).values()) == {200}


def test_the_page_has_what_haproxy_config_prints(cluster):
    """For each node, and with nothing to note but that it speaks about this machine."""
    shown = cluster.document.file("/etc/haproxy/haproxy.cfg").partition("\nbackend cgisrv\n")[2].splitlines()
    file = cluster.folder / "page.toml"
    file.write_text(cluster.document.file("/etc/cgisrv/cgisrv.toml").replace(
        "/srv/www", f"{cluster.folder}/site"))
    for name, node in cluster.nodes.items():
        done = node.run("haproxy-config", "-c", str(file), "--name", name, "--address", NODES[name])
        lines = [line for line in done.stdout.splitlines() if not line.lstrip().startswith("#")]
        assert (done.returncode, lines[0], done.stderr) == (0, "backend cgisrv", ""), done
        assert [line for line in shown if not line.startswith("  server ") or f" {name} " in line] == lines[1:]


def test_the_page_has_what_a_program_takes(cluster):
    script = cluster.document.block("cgisrv status --json .*")
    for name, node in cluster.nodes.items():
        until(lambda name=name: cluster.get("/node.cgi?x").text.startswith(name))
        said = node.run_script(script)
        assert re.search(r"/node\.cgi \d+ requests, 0\.\d+ s of a processor each, up to \d+ MB$", said,
                         re.MULTILINE), said


def test_a_node_that_dies_fails_what_it_was_doing_and_no_more(cluster):
    asked = cluster.hold(*names_of("request", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    node = cluster.gate.held()[0].node
    lost = set(cluster.gate.names(node))
    assert lost != set(asked), cluster.describe()
    with load_that_fails_at(cluster, node) as load:
        cluster.nodes[node].kill()
        assert set(answers(asked, lost).values()) == {502}
        assert until(lambda: cluster.is_out(node))
        sent = cluster.count(node, "stot")
        assert node not in load.by_node(100)
        assert cluster.count(node, "stot") == sent
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
        node = next(held.node for held in cluster.gate.held() if held.name in gets)
        there = set(cluster.gate.names(node))
        lost = there & set(posts)
        cluster.nodes[node].kill()
        assert set(answers(asked, lost).values()) <= {502}
        assert until(lambda: set(cluster.gate.names()) == set(asked) - lost)
        assert not cluster.gate.names(node)
        cluster.gate.let_on(*cluster.gate.held())
        assert set(answers(asked, set(asked) - lost).values()) == {200}


def test_a_worker_that_dies_fails_what_it_was_doing_and_no_more(cluster):
    asked = cluster.hold(*names_of("post", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    node, worker = cluster.gate.held()[0].node, cluster.gate.held()[0].worker
    lost = {held.name for held in cluster.gate.held() if held.worker == worker}
    went_down = cluster.count(node, "chkdown")
    with load_that_fails_at(cluster, node) as load:
        os.kill(worker, signal.SIGKILL)
        assert set(answers(asked, lost).values()) == {502}
        assert until(lambda: node in load.by_node(30)), cluster.describe()
    assert until(lambda: set(cluster.gate.names()) == set(asked) - lost), cluster.gate.held()
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked) - lost).values()) == {200}
    assert cluster.count(node, "chkdown") == went_down
    assert until(lambda: len(cluster.nodes[node].workers()) == 2)


def test_connections_that_are_cut_end_their_programs_and_no_more(cluster):
    asked = cluster.hold(*names_of("post", 12))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    node = cluster.gate.held()[0].node
    lost = set(cluster.gate.names(node))
    cluster.balancer.command(f"shutdown sessions server {BACKEND}/{node}")
    assert until(lambda: set(cluster.gate.names()) == set(asked) - lost), cluster.gate.held()
    assert set(answers(asked, lost).values()) == {502}
    cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked) - lost).values()) == {200}


def test_a_node_that_is_cut_off_is_left_alone_until_it_is_back(cluster):
    """And what it was doing is answered then."""
    asked = cluster.hold(*names_of("post", 6))
    assert until(lambda: set(cluster.gate.names()) == set(asked))
    node = cluster.gate.held()[0].node
    with cluster.network.without(node):
        assert until(lambda: cluster.is_out(node))
        assert node not in {cluster.get("/node.cgi?x").text.split()[0] for _ in range(20)}
        cluster.gate.let_on(*cluster.gate.held())
    assert set(answers(asked, set(asked)).values()) == {200}


def test_a_queue_before_all_nodes_is_in_order_and_no_node_has_too_many(cluster):
    """Of 200 clients that come one after the other, as many run as there are places for: of one node,
    and of two and three when they are no longer drained."""
    for name in ("two", "three"):
        drain(cluster, cluster.nodes[name])
    names = names_of("client", 200)
    asked = {}
    for count, name in enumerate(names, 1):
        asked |= cluster.hold(name)
        assert until(lambda count=count: cluster.count(TOTAL, "scur") == count, pause=0.001)
    begun: set[str] = set()
    more: list[Connection] = []

    def begins(count: int) -> None:
        """So many run, none of which was behind one that HAProxy still has in its queue."""
        assert until(lambda: len(begun | set(cluster.gate.names())) == count, pause=0.001), \
            cluster.describe()
        begun.update(cluster.gate.names())
        assert begun <= set(names[: len(names) + len(more) - cluster.count(TOTAL, "qcur")])

    begins(PLACES)
    for name in ("two", "three"):
        undrain(cluster, cluster.nodes[name])
        # HAProxy looks into its queue when something ends at a node, and here nothing has begun yet.
        more.append(cluster.connect())
        more[-1].send(head("GET", "/node.cgi?more"))
        begins(len(begun) + PLACES)
    while cluster.count(TOTAL, "qcur") > len(more):
        cluster.gate.let_on(cluster.gate.held()[0])
        begins(len(begun) + 1)
    assert until(cluster.recovers), cluster.describe()
    assert set(answers(asked, set(asked)).values()) == {200}
    assert [each.read_response().status for each in more] == [200, 200]
    assert cluster.gate.most() == {name: PLACES for name in NODES}
