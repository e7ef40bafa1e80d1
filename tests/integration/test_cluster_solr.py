"""Two Solr nodes, a ZooKeeper of their own, 2 shards x 2 replicas: one is killed while it serves and is written to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicomdex import steps_rebuild
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.posting import Poster
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_cores import cores
from dicomdex.adapters.work import WorkArea
from dicomdex.steps_documents import Dates, expected_records
from dicomdex.steps_index import begin, finish
from dicomdex.steps_promote import promote
from dicomdex.validate import content_rows
from dicomdex_local.ports import free_ports
from dicomdex_local.solr import SolrNode
from dicomdex_local.zookeeper import ZooKeeper
from tests.integration.waiting import wait_for
from tests.spark.built import BuiltLine, documents

Two = tuple[SolrNode, SolrNode]


@pytest.fixture
def two_nodes(tmp_path: Path, jars: Path) -> Iterator[Two]:
    zookeeper_port, *ports = free_ports(3)
    zookeeper = ZooKeeper(tmp_path / "zookeeper", jars / "solr", tmp_path / "secrets", zookeeper_port)
    nodes = tuple(
        SolrNode(tmp_path / f"solr{port}", jars / "solr", tmp_path / "secrets", port, zookeeper=zookeeper, heap="512m")
        for port in ports
    )
    try:
        zookeeper.start()
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_ready()
        yield nodes[0], nodes[1]
    finally:
        for engine in (*nodes, zookeeper):
            engine.stop()


class Asking:
    """Somebody who counts the documents behind the alias again and again; each answer, and each failure."""

    def __init__(self, line: BuiltLine) -> None:
        self.line = line
        self.answers: list[int] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def _ask_on(self) -> None:
        while not self._over.wait(0.05):  # twenty a second leave the nodes room to recover
            try:
                with Solr.of(self.line.settings) as solr:  # as a new program would: the first node is asked first
                    self.answers.append(solr.count(self.line.settings.alias))
            except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is looked for
                self.failures.append(repr(error))

    def __enter__(self) -> Asking:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def post_and_kill(line: BuiltLine, plan: dict[str, object], node: SolrNode) -> int:
    """Write all documents of the plan; the node is killed as soon as the first of them are posted."""
    name = str(plan["collection"])
    begun, applier = begin(line.settings, line.solr, name)
    built = documents(expected_records(line.catalog, plan["catalog_version"], plan["digests_version"], Dates()))
    poster = Poster(line.solr, name)

    def kill() -> None:
        wait_for("the first documents", lambda: poster.posted.documents, every=0.01)
        node.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    poster.column(built["body"].combine_chunks())
    killer.join()
    area = CollectionArea(WorkArea(line.settings.work), name)
    file = area.write_content(content_rows(*(built[name].combine_chunks() for name in ("id", "lo", "hi"))))
    finish(line.settings, line.solr, begun, applier, poster.posted.documents, [file])
    return len(built)


def test_no_document_and_no_query_is_lost_when_a_node_is_killed(two_nodes: Two, tmp_path: Path) -> None:
    first, second = two_nodes
    line = BuiltLine(tmp_path, first, "dicom", solr_shards=2, solr_replicas=2)
    line.settings = line.settings.model_copy(update={"solr_url": f"{first.base_url},{second.base_url}"})
    line.solr = Solr.of(line.settings)
    line.instances("2026-01-01", studies=50, each=4)
    line.rebuild("before")
    before = line.solr.count("dicom")

    with Asking(line) as asking:
        line.instances("2026-01-02", studies=60, each=100)
        plan = steps_rebuild.plan(line.settings, run_id="killed")
        steps_rebuild.create(line.settings, plan)
        written = post_and_kill(line, plan, first)
        with_one_node = line.solr.count(plan["collection"])
        first.start()
        assert steps_rebuild.check(line.settings, plan)["ok"]
        assert promote(line.settings, plan["collection"], run_id="killed")["ok"]
        wait_for("an answer of the new collection", lambda: written in asking.answers)

    assert asking.failures == []
    assert set(asking.answers) == {before, written}
    assert with_one_node == written
    assert_every_replica_has_all(line, str(plan["collection"]))
    line.solr.close()


def assert_every_replica_has_all(line: BuiltLine, collection: str) -> None:
    replicas = cores(line.solr, collection)
    by_shard: dict[str, set[int]] = {}
    for one in replicas:
        body = {"query": "*:*", "limit": 0, "params": {"distrib": "false"}}
        found = line.solr.request("POST", f"/{one.name}/query", node=one.node, json=body)["response"]["numFound"]
        by_shard.setdefault(one.shard, set()).add(found)
    assert len(replicas) == 4
    assert all(one.active for one in replicas)
    assert [len(counts) for counts in by_shard.values()] == [1, 1]
    assert sum(counts.pop() for counts in by_shard.values()) == line.solr.count(collection)
