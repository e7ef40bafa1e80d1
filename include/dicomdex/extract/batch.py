"""One batch of a manifest -> file rows: one row an entry, always, in two Arrow tables (rejects in their own)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from dicomdex.entry import ByteSource, NotRegular
from dicomdex.extract.reader import PARSER, UID, read
from dicomdex.extract.reject import Reject
from dicomdex.extract.row import ROW_SCHEMA, Reading, file_id
from dicomdex.manifest import ManifestEntry

OpenFile = Callable[[ManifestEntry], AbstractContextManager[ByteSource]]

CHUNK_ROWS = 1_000
CHUNK_BYTES = 256 << 20  # of headers; an Arrow string array holds 2 GB
KIND_REJECTS = {"link": "not_regular", "other": "not_regular", "link_out": "outside_drop"}


@dataclass(frozen=True)
class Placement:
    """Where a batch belongs: the part of every row that the bytes do not decide."""

    drop_key: str
    manifest_id: str
    listing_seq: int
    batch: int
    run_id: str


class RowTable:
    """Rows gathered into an Arrow table, a chunk at a time, so that a batch's Python objects never pile up."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._chunks: list[pa.RecordBatch] = []

    def add(self, row: dict[str, Any]) -> None:
        """Take one row."""
        self._rows.append(row)
        self._bytes += len(row["header"] or "")
        if len(self._rows) >= CHUNK_ROWS or self._bytes >= CHUNK_BYTES:
            self._close_chunk()

    def table(self) -> pa.Table:
        """All rows, with `ROW_SCHEMA`."""
        self._close_chunk()
        return pa.Table.from_batches(self._chunks, schema=ROW_SCHEMA)

    def _close_chunk(self) -> None:
        if self._rows:
            self._chunks.append(pa.RecordBatch.from_pylist(self._rows, schema=ROW_SCHEMA))
            self._rows, self._bytes = [], 0


def read_batch(entries: Iterable[ManifestEntry], open_file: OpenFile, placed: Placement) -> tuple[pa.Table, pa.Table]:
    """(rows that are no rejects, rejects). An OSError of the storage propagates: the task is to be tried again."""
    kept, rejects = RowTable(), RowTable()
    now = datetime.now(UTC)
    for entry in entries:
        reading = read_entry(entry, open_file)
        row = _row(entry, reading, placed, now)
        (rejects if reading.outcome == "reject" else kept).add(row)
    return kept.table(), rejects.table()


def read_entry(entry: ManifestEntry, open_file: OpenFile) -> Reading:
    """What became of one entry; what the listing already decides is not opened."""
    if entry.rule is not None:
        return Reading("ignored", entry.rule)
    if entry.kind != "file":
        return _reject(KIND_REJECTS[entry.kind])
    try:
        with open_file(entry) as source:
            if _differs(entry, source):
                return _reject("changed")
            reading = read(source)
        with open_file(entry) as source:  # a writer at work while we read shows here
            return _reject("changed") if _differs(entry, source) else reading
    except NotRegular:
        return _reject("not_regular")
    except (FileNotFoundError, NotADirectoryError):
        return _reject("vanished")


def _differs(entry: ManifestEntry, source: ByteSource) -> bool:
    return (source.size, source.mtime) != (entry.size, entry.mtime)


def _reject(reason: str) -> Reading:
    return Reading("reject", reason, Reject(reason).detail, parser=PARSER)


def _row(entry: ManifestEntry, reading: Reading, placed: Placement, now: datetime) -> dict[str, Any]:
    if reading.outcome == "record":
        reading = _with_keys(reading, placed.drop_key)
    return {
        **reading.columns,
        "file_id": file_id(placed.drop_key, entry.path),
        "path": entry.path,
        "size": entry.size,
        "mtime": entry.mtime,
        "outcome": reading.outcome,
        "reason": reading.reason,
        "detail": reading.detail,
        "warnings": list(reading.warnings),
        "header": reading.header,
        "header_digest": reading.header_digest,
        "pixel_offset": reading.pixel_offset,
        "pixel_length": reading.pixel_length,
        "frame_offsets": reading.frame_offsets,
        "parser": reading.parser,
        "manifest_id": placed.manifest_id,
        "listing_seq": placed.listing_seq,
        "batch": placed.batch,
        "run_id": placed.run_id,
        "extracted_at": now,
    }


def _with_keys(reading: Reading, drop_key: str) -> Reading:
    """Add the keys a record hangs under: its study and series, or `none.<hash>` where their UIDs can't serve."""
    columns, warnings = dict(reading.columns), list(reading.warnings)
    for level in ("study", "series"):
        uid = columns.get(f"{level}_instance_uid")
        if uid is not None and UID(uid):
            columns[level] = uid
            continue
        text = f"{columns.get('patient_id') or ''}\0{drop_key}"
        columns[level] = "none." + hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
        warnings.append(f"no_{level}")
    return replace(reading, columns=columns, warnings=tuple(warnings))
