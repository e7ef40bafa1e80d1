"""File rows -> Arrow, in chunks: what was found in the entries of a manifest, with the place of each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pyarrow as pa

from dicomdex.extract.members import Found
from dicomdex.extract.reader import UID
from dicomdex.extract.reading import Reading
from dicomdex.extract.row import FILES_SCHEMA, PROMOTED_FIELDS, ROW_SCHEMA, file_id
from dicomdex.manifest import ManifestEntry

CHUNK_ROWS = 1_000
CHUNK_BYTES = 16 << 20  # of headers: what a chunk costs must stay small beside the 300 MB a file may
# Columns that a Reading has under the same name.
_READ = (
    "outcome", "reason", "detail", "header", "header_digest", "pixel_offset", "pixel_length", "frame_offsets", "parser",
)  # fmt: skip
_PROMOTED = tuple(field.name for field in PROMOTED_FIELDS)


@dataclass(frozen=True)
class Placement:
    """Where a batch belongs: the part of every row that the bytes do not decide.

    `prefix` is put before every path: the command line shows absolute paths, a drop those below the landing area.
    """

    drop_key: str
    manifest_id: str
    listing_seq: int
    batch: int
    run_id: str
    prefix: str = ""


@dataclass(frozen=True)
class Chunk:
    """Rows of one chunk (ROW_SCHEMA): those that are no rejects, the rejects; and, if wanted, all of them as NDJSON."""

    kept: pa.RecordBatch
    rejects: pa.RecordBatch
    lines: bytes = b""


class Rows:
    """Gathers rows until a chunk of them is full. One Arrow array a column costs a fifth of one dict a row."""

    def __init__(self, placed: Placement, *, ndjson: bool = False) -> None:
        self._placed = placed
        self._ndjson = ndjson
        self._now = datetime.now(UTC)
        self._kept: list[tuple[ManifestEntry, Found]] = []
        self._rejects: list[tuple[ManifestEntry, Found]] = []
        self._bytes = 0

    def add(self, entry: ManifestEntry, found: Found) -> None:
        """Take what was found in one entry or member."""
        (self._rejects if found.reading.outcome == "reject" else self._kept).append((entry, found))
        self._bytes += len(found.reading.header or "")

    @property
    def full(self) -> bool:
        """Whether the chunk should be taken now."""
        return len(self._kept) + len(self._rejects) >= CHUNK_ROWS or self._bytes >= CHUNK_BYTES

    def take(self) -> Chunk:
        """The rows gathered since the last time."""
        kept, rejects = (self._columns(rows) for rows in (self._kept, self._rejects))
        self._kept, self._rejects, self._bytes = [], [], 0
        lines = b"".join(line for columns in (kept, rejects) for line in self._lines(columns)) if self._ndjson else b""
        return Chunk(_batch(kept), _batch(rejects), lines)

    def _columns(self, rows: Sequence[tuple[ManifestEntry, Found]]) -> dict[str, list[Any]]:
        placed, count = self._placed, len(rows)
        entries, found = [entry for entry, _ in rows], [one for _, one in rows]
        readings = [one.reading for one in found]
        promoted = [reading.columns for reading in readings]
        keys = [_keys(reading, placed.drop_key) for reading in readings]
        paths = [placed.prefix + entry.path for entry in entries]
        members = [one.member for one in found]
        return {
            "file_id": [file_id(placed.drop_key, path, member) for path, member in zip(paths, members, strict=True)],
            "path": paths,
            "member": members,
            "size": [one.size for one in found],
            "mtime": [entry.mtime for entry in entries],
            **{name: [getattr(reading, name) for reading in readings] for name in _READ},
            "warnings": [list(key[2]) for key in keys],
            "study": [key[0] for key in keys],
            "series": [key[1] for key in keys],
            **{name: [columns.get(name) for columns in promoted] for name in _PROMOTED},
            "manifest_id": [placed.manifest_id] * count,
            "listing_seq": [placed.listing_seq] * count,
            "batch": [placed.batch] * count,
            "run_id": [placed.run_id] * count,
            "extracted_at": [self._now] * count,
        }

    def _lines(self, columns: dict[str, list[Any]]) -> Iterator[bytes]:
        """One JSON object a row under the catalog's column names; the header goes in as the JSON that it is."""
        columns = {**columns, "drop_key": [self._placed.drop_key] * len(columns["path"])}
        columns["header"] = [header and orjson.Fragment(header) for header in columns["header"]]
        for values in zip(*(columns[name] for name in FILES_SCHEMA.names), strict=True):
            yield orjson.dumps(dict(zip(FILES_SCHEMA.names, values, strict=True)), option=orjson.OPT_APPEND_NEWLINE)


def _batch(columns: dict[str, list[Any]]) -> pa.RecordBatch:
    arrays = [pa.array(columns[field.name], field.type) for field in ROW_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=ROW_SCHEMA)


def _keys(reading: Reading, drop_key: str) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Study, series and warnings of a row: the keys a record hangs under, `none.<hash>` where a UID can't serve."""
    if reading.outcome != "record":
        return None, None, reading.warnings
    columns = reading.columns
    study, series = (_usable(columns.get(name)) for name in ("study_instance_uid", "series_instance_uid"))
    if study and series:
        return study, series, reading.warnings
    text = f"{columns.get('patient_id') or ''}\0{drop_key}"
    none = "none." + hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]
    missing = (rule for rule, uid in (("no_study", study), ("no_series", series)) if not uid)
    return study or none, series or none, (*reading.warnings, *missing)


def _usable(uid: str | None) -> str | None:
    return uid if uid is not None and UID(uid) else None
