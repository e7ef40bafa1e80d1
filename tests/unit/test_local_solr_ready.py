"""When a Solr node is ready."""

import httpx
import pytest

from dicomdex_local.solr_ready import LOOKS_NEEDED, Look, look

HERE = "http://solr/solr"


def of(state, node=HERE):
    return {"shards": {"s1": {"replicas": {"r1": {"state": state, "base_url": node}}}}}


REPLICA = of("active")


class Node:
    """A node that answers as it is told to."""

    def __init__(self, collections=None, tlog=3, live=("here",), select=200):
        self.cluster = {"collections": collections or {}, "live_nodes": list(live)}
        self.metrics = {f"solr.core.{name}": {"TLOG.state": tlog} for name in collections or {}}
        self.select = select

    def __call__(self, request):
        if request.url.path.endswith("/select"):
            return httpx.Response(self.select, json={})
        if request.url.path.endswith("/metrics"):
            return httpx.Response(200, json={"metrics": self.metrics})
        return httpx.Response(200, json={"cluster": self.cluster})


def seen(answer):
    with httpx.Client(base_url=f"{HERE}/", transport=httpx.MockTransport(answer)) as client:
        return look(client)


def test_a_node_without_collections_is_ready_at_one_look():
    assert seen(Node()) is Look.EMPTY
    assert LOOKS_NEEDED[Look.EMPTY] == 1


def test_a_node_with_a_collection_must_agree_three_times():
    assert seen(Node({"c": REPLICA})) is Look.READY
    assert LOOKS_NEEDED[Look.READY] == 3


def test_the_replicas_of_another_node_are_not_waited_for():
    other = Node({"c": of("down", node="http://other/solr")})
    other.metrics = {}
    assert seen(other) is not Look.NOT_YET


@pytest.mark.parametrize(
    "node",
    [
        Node({"c": of("down")}),
        Node({"c": REPLICA}, tlog=1),
        Node({"c": REPLICA}, live=()),
        Node({"c": REPLICA}, select=404),
    ],
    ids=["replica down", "log replayed", "no live node", "core not loaded"],
)
def test_half_started_is_not_yet_ready(node):
    assert seen(node) is Look.NOT_YET


def test_a_node_that_could_not_start_is_told_from_one_that_is_starting():
    assert seen(lambda _: httpx.Response(404, text="Error: CoreContainer has shut down.")) is Look.FAILED
    assert seen(lambda _: httpx.Response(404, text="not found")) is Look.NOT_YET


def test_a_wrong_password_is_not_waited_for():
    assert seen(lambda _: httpx.Response(401)) is Look.LOCKED_OUT


def test_a_node_that_does_not_listen_is_not_yet_ready():
    def refused(request):
        raise httpx.ConnectError("refused", request=request)

    assert seen(refused) is Look.NOT_YET
