"""The manifest: the frozen listing of a drop, cut into batches. Paths are relative to the landing area.

Its id is a digest of exactly path, size and mtime of every entry, so the same id means the same delivery.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.drop import listing_digest
from dicomdex.entry import Entry, Kind
from dicomdex.errors import ManifestError

# One mapped task a batch: Airflow refuses to map over more than 1,024 (`max_map_length`).
MAX_BATCHES = 1000
TEMPORARY = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", "._copying_", "~")
MANIFEST_SCHEMA = pa.schema(
    [
        pa.field("path", pa.string()),
        pa.field("size", pa.int64()),
        pa.field("mtime", pa.int64()),
        pa.field("kind", pa.string()),
        pa.field("rule", pa.string()),
        pa.field("batch", pa.int32()),
    ]
)


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One file of a drop as listed; `rule` is the ignore rule that its name met, `batch` where it is extracted."""

    path: str
    size: int
    mtime: int
    kind: Kind
    rule: str | None
    batch: int


@dataclass(frozen=True)
class Manifest:
    """All entries of a listing sorted by path, and their digest."""

    manifest_id: str
    entries: tuple[ManifestEntry, ...]

    @property
    def batches(self) -> list[dict[str, int]]:
        """Per batch its number, files and bytes."""
        found: list[dict[str, int]] = []
        for entry in self.entries:
            if entry.batch == len(found):
                found.append({"batch": entry.batch, "files": 0, "bytes": 0})
            found[entry.batch]["files"] += 1
            found[entry.batch]["bytes"] += entry.size
        return found


@dataclass(frozen=True)
class Accepted:
    """What `manifest.json` says of an accepted listing."""

    drop: str
    listing_seq: int
    manifest_id: str
    parser: str
    listed: int
    bytes: int
    batches: list[dict[str, int]]
    run_id: str = ""

    def same_result(self, other_id: str, parser: str) -> bool:
        """Whether extracting that manifest with that parser can give nothing else than this listing gave."""
        return (self.manifest_id, self.parser) == (other_id, parser)


def ignore_rule(path_in_drop: str, marker: str) -> str | None:
    """Rule by which a name is not read: `marker` (at the drop's root only), `dotfile`, `temporary`; else None."""
    if marker and path_in_drop == marker:
        return "marker"
    parts = path_in_drop.split("/")
    if any(part.startswith(".") for part in parts):
        return "dotfile"
    return "temporary" if parts[-1].lower().endswith(TEMPORARY) else None


def build(entries: Iterable[Entry], directory: str, *, marker: str, batch_files: int, batch_bytes: int) -> Manifest:
    """The manifest of a drop's listing. `directory` is the drop's, relative to the landing area."""
    listed = sorted(entries, key=lambda entry: entry.path)
    if any(before.path == after.path for before, after in pairwise(listed)):
        raise ManifestError("the storage listed one path twice")
    skip = len(directory) + 1
    rules = [ignore_rule(entry.path[skip:], marker) for entry in listed]
    sizes = [
        entry.size if rule is None and entry.kind == "file" else 0 for entry, rule in zip(listed, rules, strict=True)
    ]
    batches = cut(sizes, batch_files, batch_bytes)
    rows = zip(listed, rules, batches, strict=True)
    return Manifest(
        listing_digest(listed),
        tuple(ManifestEntry(e.path, e.size, e.mtime, e.kind, rule, batch) for e, rule, batch in rows),
    )


def cut(sizes: Sequence[int], batch_files: int, batch_bytes: int) -> list[int]:
    """Batch number of each of the files; limits are doubled until there are at most `MAX_BATCHES`."""
    while True:
        numbers, batch, files, size = [], 0, 0, 0
        for one in sizes:
            if files and (files == batch_files or size + one > batch_bytes):
                batch, files, size = batch + 1, 0, 0
            files, size = files + 1, size + one
            numbers.append(batch)
        if batch < MAX_BATCHES:
            return numbers
        batch_files, batch_bytes = 2 * batch_files, 2 * batch_bytes


def to_parquet(manifest: Manifest) -> bytes:
    """The manifest as a Parquet file, one row an entry."""
    columns = zip(*((e.path, e.size, e.mtime, e.kind, e.rule, e.batch) for e in manifest.entries), strict=True)
    arrays = list(columns) or [()] * len(MANIFEST_SCHEMA)
    table = pa.table([pa.array(a, f.type) for a, f in zip(arrays, MANIFEST_SCHEMA, strict=True)], MANIFEST_SCHEMA)
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=65_536)
    return sink.getvalue()


def entries_of(parquet: bytes, batch: int | None = None) -> list[ManifestEntry]:
    """The entries of one batch, or all; ManifestError when these bytes are no manifest."""
    filters = None if batch is None else [("batch", "=", batch)]
    try:
        table = pq.read_table(io.BytesIO(parquet), schema=MANIFEST_SCHEMA, filters=filters)
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"a manifest can't be read ({type(error).__name__})") from None
    return [ManifestEntry(*row) for row in zip(*(c.to_pylist() for c in table.columns), strict=True)]


def each_entry(parquet: bytes) -> Iterator[ManifestEntry]:
    """All entries, one after the other; ManifestError when these bytes are no manifest."""
    try:
        for part in pq.ParquetFile(io.BytesIO(parquet)).iter_batches(columns=MANIFEST_SCHEMA.names):
            yield from (ManifestEntry(*row) for row in zip(*(c.to_pylist() for c in part.columns), strict=True))
    except (pa.ArrowException, OSError) as error:
        raise ManifestError(f"a manifest can't be read ({type(error).__name__})") from None


def to_json(accepted: Accepted) -> bytes:
    """`manifest.json`."""
    return orjson.dumps(accepted)


def from_json(text: bytes) -> Accepted:
    """What `manifest.json` says; ManifestError when it is broken."""
    try:
        fields: dict[str, Any] = orjson.loads(text)
        return Accepted(**fields)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise ManifestError(f"manifest.json can't be read ({type(error).__name__})") from None
