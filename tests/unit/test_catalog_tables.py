"""The catalog's Delta tables, on a real disk."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from dicomdex.adapters.catalog import Added, Catalog, Raced
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.resolve import DIGESTS_SCHEMA


class Tables:
    """A catalog on disk and the Parquet files to commit to it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "cat alog"
        self.catalog = Catalog(self.root.as_uri())

    def added(self, key: str, name: str, uids: Sequence[str]) -> Added:
        made = [
            {"file_id": f"{key}/{name}/{n}", "outcome": "record", "sop_instance_uid": u} for n, u in enumerate(uids)
        ]
        path = self.root / "files" / f"drop_key={key}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(made, schema=ROW_SCHEMA), path)
        return Added(f"drop_key={key}/{name}", path.stat().st_size, len(made), path.stat().st_mtime_ns // 1_000_000)

    def commit(self, key: str, seq: int, *added: Added) -> int:
        self.catalog.create().commit(key, seq, added, {"drop": key})
        return self.catalog.version()

    def ids(self, **where: Any) -> list[str]:
        return sorted(self.catalog.identity(**where)["file_id"].to_pylist())


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_a_catalog_that_is_not_there_is_empty_and_is_not_made_by_looking(tables: Tables) -> None:
    catalog = tables.catalog
    assert (catalog.version(), catalog.digests_version(), catalog.committed_seq("a")) == (-1, -1, None)
    assert len(catalog.identity()) == len(catalog.digests()) == 0
    assert catalog.drops() == catalog.changed_drops(-1, -1) == catalog.digests_since(-1, -1) == []
    assert not tables.root.exists()


def test_a_commit_replaces_its_drop_and_no_other(tables: Tables) -> None:
    first = tables.commit("a", 1, tables.added("a", "1.parquet", ["1.1", "1.2"]))
    second = tables.commit("b", 1, tables.added("b", "1.parquet", ["1.2"]))
    third = tables.commit("a", 2, tables.added("a", "2.parquet", ["1.1"]), tables.added("a", "3.parquet", ["1.3"]))
    assert tables.ids() == ["a/2.parquet/0", "a/3.parquet/0", "b/1.parquet/0"]
    assert tables.ids(drop="a") == ["a/2.parquet/0", "a/3.parquet/0"]
    assert tables.ids(sops=["1.2"]) == ["b/1.parquet/0"]
    assert tables.ids(sops=[]) == []
    assert tables.ids(version=first) == ["a/1.parquet/0", "a/1.parquet/1"]
    assert tables.ids(version=second, sops=["1.2"]) == ["a/1.parquet/1", "b/1.parquet/0"]
    assert (tables.catalog.committed_seq("a"), tables.catalog.committed_seq("b")) == (2, 1)
    assert tables.catalog.changed_drops(first, second) == ["b"]
    assert tables.catalog.changed_drops(second, third) == ["a"]
    assert tables.catalog.changed_drops(third, first) == ["a", "b"]
    assert tables.catalog.changed_drops(-1, third) == ["a", "b"]
    assert tables.catalog.changed_drops(third, third) == []


def test_a_drop_without_files_empties_its_partition_and_stays_committed(tables: Tables) -> None:
    before = tables.commit("a", 1, tables.added("a", "1.parquet", ["1.1"]))
    after = tables.commit("a", 2)
    assert tables.ids() == []
    assert tables.catalog.committed_seq("a") == 2
    assert tables.catalog.drops() == []
    assert tables.catalog.changed_drops(before, after) == ["a"]


def test_a_commit_against_a_state_that_another_commit_of_the_drop_has_changed_is_raced(tables: Tables) -> None:
    one, two = tables.catalog.create(), tables.catalog.create()
    one.commit("a", 1, [tables.added("a", "1.parquet", ["1.1"])], {})
    with pytest.raises(Raced):
        two.commit("a", 2, [tables.added("a", "2.parquet", ["1.2"])], {})
    assert tables.ids() == ["a/1.parquet/0"]


def test_commits_of_different_drops_do_not_race(tables: Tables) -> None:
    one, two = tables.catalog.create(), tables.catalog.create()
    one.commit("a", 1, [tables.added("a", "1.parquet", ["1.1"])], {})
    two.commit("b", 1, [tables.added("b", "1.parquet", ["1.2"])], {})
    assert tables.catalog.drops() == ["a", "b"]


def test_creators_at_once_all_succeed(tables: Tables) -> None:
    start = threading.Barrier(6)
    versions: list[int] = []

    def create() -> None:
        start.wait()
        versions.append(tables.catalog.create().version)

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert versions == [0] * 6


def test_the_table_asks_nothing_special_of_its_readers_and_keeps_its_log(tables: Tables) -> None:
    for seq in range(1, 26):  # past a checkpoint
        tables.commit("a", seq, tables.added("a", f"{seq}.parquet", [f"1.{seq}"]))
    table = DeltaTable(tables.catalog.files_url)
    assert table.protocol().min_reader_version == 1
    assert tables.ids() == ["a/25.parquet/0"]
    assert tables.ids(version=1) == ["a/1.parquet/0"]
    assert tables.catalog.committed_seq("a") == 25


def test_digests_are_appended_and_told_by_version(tables: Tables) -> None:
    catalog = tables.catalog
    catalog.create()
    versions = [catalog.digests_version()]
    for name in ("p", "q"):
        made = [{"file_id": name, "size": 1, "mtime": 2, "sha256": "x"}]
        catalog.append_digests(pa.Table.from_pylist(made, schema=DIGESTS_SCHEMA))
        versions.append(catalog.digests_version())
    catalog.append_digests(DIGESTS_SCHEMA.empty_table())
    assert catalog.digests_version() == versions[-1] == 2
    assert catalog.digests_since(versions[1], versions[2]) == ["q"]
    assert catalog.digests_since(-1, versions[2]) == ["p", "q"]
    assert catalog.digests_since(versions[2], versions[2]) == []
    assert sorted(catalog.digests()["file_id"].to_pylist()) == ["p", "q"]
    assert catalog.digests(["q", "z"])["file_id"].to_pylist() == ["q"]
    assert catalog.digests(version=1)["file_id"].to_pylist() == ["p"]
