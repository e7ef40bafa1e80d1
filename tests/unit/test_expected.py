"""What a collection must hold, counted in parts: the same as of one record after another. Collisions do no harm."""

from __future__ import annotations

import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicomdex.adapters import catalog as adapter
from dicomdex.adapters.catalog import Added, Catalog
from dicomdex.expected import DRAWN, ExpectedDocuments, named
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.index import BUCKETS, hashed
from dicomdex.resolve import DIGESTS_SCHEMA
from dicomdex.steps_documents import Dates, copies, expected_records
from dicomdex.steps_golden import COUNTED, Answers
from dicomdex.validate import DOCUMENT_LEVELS, Hashes, hashes
from tests.spark.rows import files_table, record

DROPS = ("2026-01-01", "2026-01-02", "2026-01-03")
ROWS = 3_000
PART_ROWS = 250
DATES = Dates(date(2025, 2, 1), date(2025, 9, 30))
ALIKE = ("study", "series", "patient_id", "header_digest")
Row = dict[str, Any]


def made_rows() -> list[Row]:
    """Records of 60 studies in three drops: one in six comes again, alike or not; some files that are no records."""
    draw, rows = random.Random(7), []
    for number in range(ROWS):
        study, drop = draw.randrange(60), draw.choice(DROPS)
        if number > 10 and draw.random() < 1 / 6:
            first = draw.choice(rows)
            own = {name: first[name] for name in (*ALIKE, "modality", "sop_class_uid", "study_date")}
            own |= draw.choice(({}, {}, {"patient_id": "P2"}, {"header_digest": "bb"}, {"study": "9.9"}))
            rows.append(record(drop, f"{drop}/{number}", first["sop_instance_uid"], **own))
            continue
        day = None if study % 7 == 0 else date(2025, 1, 1) + timedelta(days=6 * study + draw.randrange(2))
        own = {"modality": draw.choice(("CT", "MR", None)), "sop_class_uid": f"1.2.{study % 3}", "study_date": day}
        series = f"1.{study}.{draw.randrange(9)}"
        rows.append(record(drop, f"{drop}/{number}", f"{series}.{number}", study=f"1.{study}", series=series, **own))
    rows += [record(DROPS[0], f"no {n}", "", outcome="reject", sop_instance_uid=None, study=None) for n in range(50)]
    return rows


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return made_rows()


@pytest.fixture
def catalog(rows: list[Row], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Their catalog, read in parts of some PART_ROWS."""
    monkeypatch.setattr(adapter, "PART_ROWS", PART_ROWS)
    made = Catalog((tmp_path / "cat").as_uri())
    for drop in DROPS:
        name = f"drop_key={drop}/1.parquet"
        path = Path(unquote(urlparse(made.files_url).path)) / name
        snapshot = made.create()
        path.parent.mkdir(parents=True)
        table = files_table([row for row in rows if row["drop_key"] == drop]).select(ROW_SCHEMA.names)
        pq.write_table(table, path, row_group_size=64)
        snapshot.commit(drop, 1, [Added(name, path.stat().st_size, len(table), 0)], {})
    known = [{**row, "sha256": "cc"} for row in digested(rows)]
    made.append_digests(pa.Table.from_pylist(known, schema=DIGESTS_SCHEMA))
    return made


def digested(rows: list[Row]) -> list[Row]:
    """The rows whose digest is known: three of four."""
    return [row for number, row in enumerate(rows) if number % 4]


def states(rows: list[Row]) -> dict[str, str]:
    """file_id -> state of every record, one SOP Instance UID after another."""
    found, known = {}, {row["file_id"] for row in digested(rows)}
    by_uid: dict[str, list[Row]] = {}
    for row in rows:
        if row["outcome"] == "record":
            by_uid.setdefault(row["sop_instance_uid"], []).append(row)
    for same in by_uid.values():
        first, *others = sorted(same, key=lambda row: (row["drop_key"], row["header_digest"], row["path"]))
        found[first["file_id"]] = "indexed"
        for row in others:
            proved = {row["file_id"], first["file_id"]} <= known
            alike = proved and all(row[name] == first[name] for name in (*ALIKE, "study_instance_uid"))
            found[row["file_id"]] = "duplicate" if alike else "conflict"
    return found


def within(rows: list[Row], dates: Dates) -> list[tuple[Row, str]]:
    """The records of the studies within the dates, with their states."""
    of = states(rows)
    records = [row for row in rows if row["outcome"] == "record"]
    first: dict[str, date] = {}
    for row in records:
        if row["study_date"]:
            first[row["study"]] = min(row["study_date"], first.get(row["study"], row["study_date"]))
    inside = {study for study, day in first.items() if (dates.first or day) <= day <= (dates.last or day)}
    return [(row, of[row["file_id"]]) for row in records if not dates.given or row["study"] in inside]


def documents_of(records: list[tuple[Row, str]]) -> dict[str, tuple[str, set[str]]]:
    """Id -> level and drops of the documents that the records must have."""
    found: dict[str, tuple[str, set[str]]] = {}
    for row, state in records:
        study, series, sop = (row[name] for name in ("study", "series", "sop_instance_uid"))
        names = {"copy": f"{study}!c.{row['file_id']}"}
        if state == "indexed":
            names = {"instance": f"{study}!i.{sop}", "series": f"{study}!s.{series}", "study": f"{study}!study"}
        for level, name in names.items():
            found.setdefault(name, (level, set()))[1].add(row["drop_key"])
    return found


@pytest.mark.parametrize("dates", [Dates(), DATES])
def test_counted_in_parts_it_is_what_one_record_after_another_gives(
    catalog: Catalog, rows: list[Row], dates: Dates
) -> None:
    records = expected_records(catalog, catalog.version(), catalog.digests_version(), dates)
    found, answers = ExpectedDocuments(1), Answers(pa.array([], pa.string()))
    for part in records:
        assert len(part) < PART_ROWS + 64
        found.add(part)
        answers.add(part)
    wanted = within(rows, dates)
    documents = documents_of(wanted)
    assert len(wanted) > 4 * PART_ROWS
    assert set(found.by_level().values()).isdisjoint({0})
    assert found.by_level() == {level: sum(one == level for one, _ in documents.values()) for level in DOCUMENT_LEVELS}
    assert found.by_drop() == {
        level: Counter(drop for one, drops in documents.values() if one == level for drop in drops)
        for level in DOCUMENT_LEVELS
    }
    assert (found.sums() == plain_sums(documents)).all()
    assert len(found.drawn()) == DRAWN
    assert set(found.drawn()) <= documents.keys()
    indexed = [row for row, state in wanted if state == "indexed"]
    for _, column in COUNTED:
        assert answers.counts[column] == Counter(row[column] for row in indexed if row[column])
    days = [row["study_date"] for row in indexed if row["study_date"]]
    assert answers.dates == {min(days), max(days)}


def plain_sums(ids: Any) -> np.ndarray:
    sums = np.zeros((BUCKETS, 3), dtype=np.int64)
    for one in map(hashed, ids):
        sums[one.bucket] += (1, one.lo, one.hi)
    return sums


def test_states_do_not_depend_on_where_the_parts_begin(catalog: Catalog, rows: list[Row]) -> None:
    found = pa.concat_tables(expected_records(catalog, catalog.version(), catalog.digests_version(), Dates()))
    wanted = states(rows)
    assert dict(zip(found["file_id"].to_pylist(), found["state"].to_pylist(), strict=True)) == wanted
    assert min(Counter(wanted.values()).values()) > 50


@pytest.mark.parametrize("values", [1, 8])
def test_uids_whose_hashes_collide_are_told_apart(catalog: Catalog, values: int) -> None:
    def colliding(uids: pa.Array) -> Hashes:
        return hashes(uids) % np.uint64(values)

    versions = (catalog.version(), catalog.digests_version())
    assert (
        copies(catalog, *versions, colliding).sort_by("file_id").equals(copies(catalog, *versions).sort_by("file_id"))
    )


def test_only_ids_of_the_buckets_asked_for_are_named(catalog: Catalog, rows: list[Row]) -> None:
    records = expected_records(catalog, catalog.version(), catalog.digests_version(), Dates())
    ids = documents_of(within(rows, Dates()))
    buckets = sorted({hashed(one).bucket for one in list(ids)[:5]})
    assert sorted(named(records, buckets).values()) == sorted(one for one in ids if hashed(one).bucket in buckets)
    assert named(records, []) == {}


def test_other_seeds_draw_other_ids_and_the_order_of_parts_does_not_matter(catalog: Catalog) -> None:
    parts = list(expected_records(catalog, catalog.version(), catalog.digests_version(), Dates()))

    def drawn(seed: int, order: list[pa.Table]) -> list[str]:
        found = ExpectedDocuments(seed)
        for part in order:
            found.add(part)
        return found.drawn()

    assert drawn(1, parts) == drawn(1, parts[::-1])
    assert set(drawn(1, parts)) != set(drawn(2, parts))


def test_instances_that_are_left_out_answer_no_question() -> None:
    columns = {"drop_key": "d", "study": "1", "series": "1.1", "state": "indexed", "sop_class_uid": "1.2"}
    days = [{"study_date": date(2026, 1, day), "sop_instance_uid": f"1.1.{day}", "modality": "CT"} for day in (1, 2, 3)]
    answers = Answers(pa.array(["1!i.1.1.3"]))
    answers.add(pa.Table.from_pylist([{**columns, **day} for day in days]))
    assert answers.counts["modality"] == {"CT": 2}
    assert answers.dates == {date(2026, 1, 1), date(2026, 1, 2)}


def test_of_a_catalog_that_is_not_there_nothing_is_expected(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path.as_uri())
    found = ExpectedDocuments(-1)
    for part in expected_records(catalog, -1, -1, DATES):
        found.add(part)
    assert found.by_level() == dict.fromkeys(DOCUMENT_LEVELS, 0)
    assert found.sums().sum() == len(found.drawn()) == catalog.count() == 0
