"""Extraction of one batch: the entries of a manifest -> two Parquet files in the work area."""

from __future__ import annotations

import io
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicomdex.adapters.child_limits import Limits
from dicomdex.adapters.children import BatchChild, EntryFailed, Slice
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.drop import directory_of
from dicomdex.errors import DropError, at
from dicomdex.extract.batch import Chunk, Placement
from dicomdex.extract.row import ROW_SCHEMA, file_id
from dicomdex.settings import Settings

# Identity columns of a row group are read without its headers; 5,000 headers of 7 KB are 35 MB.
_ROW_GROUP = 10_000


def extract(settings: Settings, batch: Mapping[str, Any], *, run_id: str, attempt: str | int) -> dict[str, Any]:
    """Read a batch of a listing in a child program and write its rows, in files of this call's own: late writers do
    no harm.

    A storage error is raised (OSError naming drop and file_id) for the caller to try again; DropError when files are
    gone because their whole drop is; ReadingFailed when the child does not start.
    """
    key, seq, number = str(batch["drop"]), int(batch["listing_seq"]), int(batch["batch"])
    work = WorkArea(settings.work)
    entries = work.entries(key, seq, number)
    placed = Placement(key, work.accepted(key, seq).manifest_id, seq, number, run_id)
    chunks = _read(settings, Slice(settings.landing, placed, entries, reads=settings.reads))
    rows, rejects = (_table(batches) for batches in zip(*((c.kept, c.rejects) for c in chunks), strict=True))
    _check_standing(settings, key, rejects, len(entries))
    name = f"{number:05d}-{re.sub(r'[^A-Za-z0-9_.]', '_', str(attempt))}-{secrets.token_hex(4)}"
    tables = ((f"{name}.parquet", rows), (f"{name}.rejects.parquet", rejects))
    files = [_write(work, key, seq, file, table) for file, table in tables if len(table)]
    crashpoint("extract-written")
    return {"batch": number, "files": files, **_counted(rows, rejects), "bytes": sum(entry.size for entry in entries)}


def _read(settings: Settings, wanted: Slice) -> list[Chunk]:
    key = wanted.placed.drop_key
    try:
        with BatchChild(Limits(stall=settings.reading_stall)) as child:
            return child.read(wanted)
    except EntryFailed as failed:
        error = failed.error
        where = f"drop {key}" + (f", file {file_id(key, failed.path)}" if failed.path else "")
        raise at(error, where) from None


def _table(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=ROW_SCHEMA)


def _counted(rows: pa.Table, rejects: pa.Table) -> dict[str, Any]:
    outcomes = Counter(rows["outcome"].to_pylist())
    ignored = zip(rows["outcome"].to_pylist(), rows["reason"].to_pylist(), strict=True)
    return {
        "rows": len(rows) + len(rejects),
        "entries": rows["member"].null_count + rejects["member"].null_count,
        "records": outcomes["record"],
        "rejects": dict(Counter(sorted(rejects["reason"].to_pylist()))),
        "ignored": dict(Counter(sorted(rule for outcome, rule in ignored if outcome == "ignored"))),
    }


def _write(work: WorkArea, key: str, seq: int, name: str, table: pa.Table) -> dict[str, Any]:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", row_group_size=_ROW_GROUP)
    content = sink.getvalue()
    work.storage.write_atomic(work.path(key, seq, name), content)
    return {"name": name, "rows": len(table), "size": len(content)}


def _check_standing(settings: Settings, key: str, rejects: pa.Table, files: int) -> None:
    """A file that vanished is a reject; a drop that vanished stops the run."""
    vanished = len(pc.unique(rejects.filter(pc.equal(rejects["reason"], "vanished"))["path"]))
    if vanished and not _stands(storage(settings.landing), key):
        raise DropError(f"drop {key} gone after {files - vanished} of {files} files of a batch")


def _stands(landing: Storage, key: str) -> bool:
    try:
        landing.children(directory_of(key))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
