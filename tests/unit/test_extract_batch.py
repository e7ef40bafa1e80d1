"""Rows of a batch: place, columns, the keys a record hangs under, chunks, and the same rows as NDJSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from dicomdex.extract.batch import CHUNK_BYTES, CHUNK_ROWS, Chunk, Placement, Rows
from dicomdex.extract.members import Found
from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading
from dicomdex.extract.row import FILES_SCHEMA, ROW_SCHEMA, file_id
from dicomdex.manifest import ManifestEntry
from tests.factories import MemorySource, element, identity, image, part10, place

PLACED = Placement("2026-01-01", "m1", 3, 7, "manual__1")
RECORD = part10(identity(), place(), image())


def entry(path: str, size: int = 0) -> ManifestEntry:
    return ManifestEntry(f"2026-01-01/{path}", size, 5, "file", None, 7)


def chunk_of(*contents: bytes, placed: Placement = PLACED, ndjson: bool = False) -> Chunk:
    """The rows of files of these contents, named a, b, c."""
    rows = Rows(placed, ndjson=ndjson)
    for name, content in zip("abc", contents, strict=False):
        rows.add(entry(name, len(content)), Found(None, len(content), read(MemorySource(content))))
    return rows.take()


def test_a_record_carries_its_place_its_columns_and_its_parser() -> None:
    before = datetime.now(UTC)
    chunk = chunk_of(RECORD)
    assert chunk.kept.schema == ROW_SCHEMA == chunk.rejects.schema
    [row] = chunk.kept.to_pylist()
    assert row["file_id"] == file_id("2026-01-01", "2026-01-01/a")
    assert (row["path"], row["member"], row["size"], row["mtime"]) == ("2026-01-01/a", None, len(RECORD), 5)
    assert (row["outcome"], row["reason"], row["parser"]) == ("record", None, read(MemorySource(RECORD)).parser)
    assert (row["study"], row["series"], row["sop_instance_uid"]) == ("1.2.3", "1.2.3.1", "1.2.3.4")
    assert (row["manifest_id"], row["listing_seq"], row["batch"], row["run_id"]) == ("m1", 3, 7, "manual__1")
    assert row["frame_offsets"] == [row["pixel_offset"]]
    assert before <= row["extracted_at"] <= datetime.now(UTC)


def test_a_row_has_what_its_reading_has_in_every_column() -> None:
    reading = read(MemorySource(RECORD))
    [row] = chunk_of(RECORD).kept.to_pylist()
    promoted = {name: row[name] for name in reading.columns}
    assert promoted == {name: list(v) if isinstance(v, tuple) else v for name, v in reading.columns.items()}
    for name in ("header", "header_digest", "pixel_offset", "pixel_length", "detail"):
        assert row[name] == getattr(reading, name)


def test_rejects_are_rows_of_their_own_table() -> None:
    chunk = chunk_of(RECORD, b"", b"Dear Sirs, " * 50)
    assert [row["path"] for row in chunk.kept.to_pylist()] == ["2026-01-01/a"]
    assert [(r["path"], r["reason"]) for r in chunk.rejects.to_pylist()] == [
        ("2026-01-01/b", "empty"),
        ("2026-01-01/c", "not_dicom"),
    ]
    assert chunk.rejects["study"].to_pylist() == [None, None]


def test_a_member_has_the_path_of_its_archive_and_an_id_of_its_own() -> None:
    rows = Rows(PLACED)
    rows.add(entry("a.zip", 900), Found("x/y.dcm", 300, read(MemorySource(RECORD))))
    [row] = rows.take().kept.to_pylist()
    assert (row["path"], row["member"], row["size"]) == ("2026-01-01/a.zip", "x/y.dcm", 300)
    assert row["file_id"] == file_id("2026-01-01", "2026-01-01/a.zip", "x/y.dcm")


def test_without_study_or_series_uid_a_record_hangs_under_a_key_of_patient_and_drop() -> None:
    bare = part10(identity(), element(0x00100020, "LO", "P1"), image())
    odd = part10(identity(), place(study="../1", series=""), image())
    other = part10(identity(), element(0x00100020, "LO", "P2"), image())
    a, b, c = chunk_of(bare, odd, other).kept.to_pylist()
    assert a["study"] == b["study"] != c["study"]
    assert a["study"].startswith("none.")
    assert len(a["study"]) == len("none.") + 16
    assert b["study_instance_uid"] == "../1"
    assert {"no_study", "no_series"} <= set(a["warnings"])
    assert {"no_study", "no_series"} <= set(b["warnings"])


@pytest.mark.parametrize("content", [RECORD, b""])
def test_a_line_of_ndjson_is_its_row_with_the_header_as_an_object(content: bytes) -> None:
    chunk = chunk_of(content, ndjson=True)
    [row] = [*chunk.kept.to_pylist(), *chunk.rejects.to_pylist()]
    [line] = chunk.lines.splitlines()
    told: dict[str, Any] = json.loads(line)
    assert list(told) == FILES_SCHEMA.names
    assert told.pop("drop_key") == "2026-01-01"
    assert told.pop("header") == (row["header"] and json.loads(row["header"]))
    assert datetime.fromisoformat(told.pop("extracted_at")) == row["extracted_at"]
    plain = {name: value for name, value in row.items() if name not in ("header", "extracted_at")}
    assert told == json.loads(json.dumps(plain, default=str))


def test_a_prefix_stands_before_every_path() -> None:
    [row] = chunk_of(RECORD, placed=Placement("", "", 0, 0, "", prefix="/mnt/")).kept.to_pylist()
    assert row["path"] == "/mnt/2026-01-01/a"
    assert row["file_id"] == file_id("", "/mnt/2026-01-01/a")


def test_a_chunk_is_full_by_rows_or_by_bytes_of_headers_and_taken_once() -> None:
    few, many = Rows(PLACED), Rows(PLACED)
    few.add(entry("a"), Found(None, 0, Reading("record", header=" " * CHUNK_BYTES)))
    assert few.full
    for n in range(CHUNK_ROWS):
        assert not many.full
        many.add(entry(f"{n:05d}"), Found(None, 0, Reading("ignored", "dotfile")))
    assert many.full
    taken = many.take().kept
    assert taken["path"].to_pylist() == [f"2026-01-01/{n:05d}" for n in range(CHUNK_ROWS)]
    assert not many.full
    assert many.take() == Chunk(pa.RecordBatch.from_pylist([], ROW_SCHEMA), pa.RecordBatch.from_pylist([], ROW_SCHEMA))
