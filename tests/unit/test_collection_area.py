"""What the work area knows of a collection: the last word on a study counts, and nothing outlives its removal."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from dicomdex.adapters.collection_area import CollectionArea, planned
from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused
from dicomdex.validate import CONTENT_SCHEMA

Rows = list[tuple[str, int, int]]


@pytest.fixture
def area(tmp_path: Path) -> CollectionArea:
    return CollectionArea(WorkArea(tmp_path.as_uri()), "dicom_20260101T000000Z_x")


def table(rows: Rows) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(CONTENT_SCHEMA.names, row, strict=True)) for row in rows], CONTENT_SCHEMA)


def content(area: CollectionArea) -> Rows:
    return sorted(tuple(row.values()) for rows in area.content() for row in rows.to_pylist())


def test_of_a_study_the_rows_of_the_last_application_count(area: CollectionArea) -> None:
    assert not area.has_content()
    assert content(area) == []
    first = [area.write_content(table([("1.1", 1, 1), ("1.2", 2, 2)])), area.write_content(table([("1.3", 3, 3)]))]
    area.publish_content(first, None)
    area.write_content(table([("1.4", 4, 4)]))  # of a task that was run again: never published
    area.publish_content([area.write_content(table([("1.2", 5, 5)]))], ["1.2", "1.3"])
    assert content(area) == [("1.1", 1, 1), ("1.2", 5, 5)]  # 1.3 has no document any more
    area.publish_content([area.write_content(table([("1.2", 6, 6)]))], ["1.2"])
    assert content(area) == [("1.1", 1, 1), ("1.2", 6, 6)]
    area.publish_content([], None)
    assert area.has_content()
    assert content(area) == []


def test_a_removed_collection_leaves_nothing(area: CollectionArea) -> None:
    area.write_plan({"collection": area.name})
    area.write_verdict({"ok": True})
    area.publish_content([area.write_content(table([("1.1", 1, 1)]))], None)
    assert planned(area.work) == [{"collection": area.name}]
    area.remove()
    area.remove()
    assert (planned(area.work), area.has_content(), area.verdict()) == ([], False, {})


@pytest.mark.parametrize("name", ["", "..", "a/b", ".x", "a" * 201])
def test_a_name_that_is_none_reaches_no_path(area: CollectionArea, name: str) -> None:
    with pytest.raises(CollectionRefused):
        CollectionArea(area.work, name)
