"""The gate says no, says why, and the alias has not moved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from dicomdex import steps_rebuild
from dicomdex.adapters.solr_cores import core_documents, cores
from dicomdex.errors import CollectionRefused
from dicomdex.index import BUCKETS, hashed
from dicomdex.steps_promote import promote, roll_back
from dicomdex.steps_retire import retire
from dicomdex.validate import verdict_table
from dicomdex_local.solr import SolrNode
from tests.spark.built import BuiltLine, alias_for, instance

DAY, LATER = "2026-01-01", "2026-01-02"
STUDY, VICTIM = "1.2.3", "1.2.3!i.1.2.3.1.4"


@pytest.fixture
def make_line(tmp_path: Path, node: SolrNode) -> Callable[..., BuiltLine]:
    """Lines with an alias of their own; copies of one day come again on the next."""

    def make(**settings: int) -> BuiltLine:
        line = BuiltLine(tmp_path, node, alias_for(str(tmp_path)), **settings)
        line.instances(DAY, 5, each=6)
        line.commit(LATER, [instance(LATER, STUDY, number) for number in range(4, 8)])
        return line

    return make


def red(line: BuiltLine, name: str) -> str:
    """What a promote says that must not happen; nobody sees another collection than before."""
    before = line.shown_name()
    said = promote(line.settings, name)
    assert not said["ok"]
    assert not said["promoted"]
    assert line.shown_name() == before
    assert line.solr.collection(name).properties["verdict"] == "red"
    return str(said["sentence"])


def test_documents_deleted_added_and_altered_by_hand_are_named(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    name = line.build()["collection"]
    solr = line.solr
    (before,) = [one for one in solr.export(name, ["digest_lo", "digest_hi", "bucket"]) if one["id"] == VICTIM]
    solr.delete(name, [VICTIM])
    solr.commit(name)
    said = red(line, name)
    assert f"ids of documents: expected 44, found 43; missing {VICTIM}" in said
    assert "instance documents of 2026-01-01: expected 30, found 29" in said
    added = {"id": "9.9!i.9.9.9", "level": "instance", "study": "9.9", "drop": [DAY], "Modality": "CT"}
    numbers = dict(zip(("bucket", "id_lo", "id_hi"), hashed(added["id"]), strict=True))
    solr.post(name, orjson.dumps([{**added, **numbers}]))
    solr.commit(name)
    said = red(line, name)  # the counts are right again
    assert f"missing {VICTIM}; extra 9.9!i.9.9.9" in said
    assert "documents written by others: expected 0, found 1; different 9.9!i.9.9.9" in said
    solr.delete(name, ["9.9!i.9.9.9"])
    wrong = {**before, "level": "instance", "study": STUDY, "digest_lo": before["digest_lo"] ^ 1}
    solr.post(name, orjson.dumps([{**wrong, **dict(zip(("id_lo", "id_hi"), hashed(VICTIM)[1:], strict=True))}]))
    solr.commit(name)
    assert f"content of documents: expected 44, found 43; different {VICTIM}" in red(line, name)


def test_a_field_altered_inside_solr_is_seen_though_its_digest_is_not(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    name = line.build()["collection"]
    line.solr.post(name, orjson.dumps([{"id": VICTIM, "StudyDescription": {"set": "another"}}]))
    line.solr.commit(name)
    assert red(line, name) == f"documents written by others: expected 0, found 1; different {VICTIM}"


def test_a_replica_out_of_step_is_named_with_its_documents(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line(solr_shards=2, solr_replicas=2)
    name = line.build()["collection"]
    assert promote(line.settings, name)["ok"]
    follower = next(core for core in cores(line.solr, name) if not core.leader)
    (gone, *_) = core_documents(line.solr, follower, range(BUCKETS), ["id", "_version_"])
    alone = {"update.distrib": "FROMLEADER", "distrib.from": f"{follower.node}/x/", "wt": "json"}
    where = f"/{follower.name}/update"
    version = -(gone["_version_"] + 1)
    delete = {"delete": {"id": gone["id"]}}
    line.solr.request("POST", where, node=follower.node, params={**alone, "_version_": version}, json=delete)
    line.solr.request("POST", where, node=follower.node, params={**alone, "commit": "true"}, json={})
    said = red(line, name)
    assert f"replica {follower.name}: expected" in said
    assert f"missing {gone['id']}" in said


def test_a_drop_that_is_half_applied_is_named(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    first = line.rebuild("first")
    line.commit("2026-01-03", [instance("2026-01-03", "1.2.9", number) for number in range(3)])
    second = line.build("second")
    line.solr.set_properties(second["collection"], catalog_version=line.catalog.version() - 1)
    said = steps_rebuild.check(line.settings, second)["sentence"]
    assert "extra 1.2.9!i.1.2.9.1.0, 1.2.9!i.1.2.9.1.1, 1.2.9!i.1.2.9.1.2, 1.2.9!s.1.2.9.1, 1.2.9!study" in said
    assert "instance documents of 2026-01-03: expected 0, found 3" in said
    assert line.shown_name() == first


def test_a_collection_that_has_lost_too_much_is_refused_unless_forced(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    first = line.rebuild("first")
    line.instances(DAY, 1, each=6)
    line.commit(LATER, [])
    small = line.build("small")["collection"]
    assert red(line, small) == "at least 95% of the 44 documents shown: expected 42, found 8"
    assert line.shown_name() == first
    assert promote(line.settings, small, force=True)["promoted"]


def test_a_collection_that_is_behind_or_half_built_is_never_shown(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    old = line.build("old")["collection"]
    line.instances(DAY, 6, each=6)
    plan = steps_rebuild.plan(line.settings, run_id="next", ended=["old"])
    steps_rebuild.create(line.settings, plan)
    with pytest.raises(CollectionRefused, match="half-built"):
        promote(line.settings, plan["collection"])
    line.index(plan)
    assert promote(line.settings, plan["collection"])["promoted"]
    with pytest.raises(CollectionRefused, match="apply first"):
        promote(line.settings, old)
    with pytest.raises(CollectionRefused, match="there is no collection"):
        promote(line.settings, "nothing")


def test_the_verdict_is_one_table_for_people(make_line: Callable[..., BuiltLine]) -> None:
    line = make_line()
    plan = line.build()
    said = steps_rebuild.check(line.settings, plan)
    table = verdict_table(said["checks"])
    assert said["ok"]
    assert all(row.endswith("  ok") for row in table[1:])
    assert any(row.startswith("ids of documents ") for row in table)


def test_a_rebuild_that_failed_never_takes_the_place_of_the_collection_to_go_back_to(
    make_line: Callable[..., BuiltLine],
) -> None:
    line = make_line()
    first, second = line.rebuild("first"), line.rebuild("second")
    failed = line.build("failed")["collection"]
    line.solr.delete(failed, [VICTIM])
    line.solr.commit(failed)
    assert red(line, failed)
    assert retire(line.settings)["kept"] == [failed, second, first]  # its run holds the alias still
    steps_rebuild.release(line.settings, "failed")
    assert retire(line.settings)["retired"] == [failed]
    assert roll_back(line.settings)["collection"] == first
    assert retire(line.settings, keep=1)["retired"] == [first]
