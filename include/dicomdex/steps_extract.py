"""Extraction of one batch: the entries of a manifest -> two Parquet files in the work area."""

from __future__ import annotations

import io
import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.drop import directory_of
from dicomdex.entry import ByteSource, NotRegular
from dicomdex.errors import DropError
from dicomdex.extract.batch import Placement, read_batch
from dicomdex.extract.row import file_id
from dicomdex.manifest import ManifestEntry
from dicomdex.settings import Settings

_ABSENT = (FileNotFoundError, NotADirectoryError, NotRegular)
# Identity columns of a row group are read without its headers; 5,000 headers of 7 KB are 35 MB.
_ROW_GROUP = 10_000


def extract(
    settings: Settings, batch: Mapping[str, Any], *, run_id: str, attempt: str | int, landing: Storage | None = None
) -> dict[str, Any]:
    """Read a batch of a listing and write its rows. Every call writes files of its own: late writers do no harm.

    A storage error is raised (OSError naming drop and file_id) for the caller to try again; DropError when files are
    gone because their whole drop is.
    """
    key, seq, number = str(batch["drop"]), int(batch["listing_seq"]), int(batch["batch"])
    landing, work = landing or storage(settings.landing), WorkArea(settings.work)
    entries = work.entries(key, seq, number)
    placed = Placement(key, work.accepted(key, seq).manifest_id, seq, number, run_id)
    rows, rejects = read_batch(entries, _opener(landing, key), placed)
    _check_standing(landing, key, rejects, len(entries))
    name = f"{number:05d}-{re.sub(r'[^A-Za-z0-9_.]', '_', str(attempt))}-{secrets.token_hex(4)}"
    tables = ((f"{name}.parquet", rows), (f"{name}.rejects.parquet", rejects))
    files = [_write(work, key, seq, file, table) for file, table in tables if len(table)]
    return {"batch": number, "files": files, **_counted(rows, rejects), "bytes": sum(entry.size for entry in entries)}


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


def _check_standing(landing: Storage, key: str, rejects: pa.Table, files: int) -> None:
    """A file that vanished is a reject; a drop that vanished stops the run."""
    vanished = rejects["reason"].to_pylist().count("vanished")
    if vanished and not _stands(landing, key):
        raise DropError(f"drop {key} gone after {files - vanished} of {files} files of a batch")


def _stands(landing: Storage, key: str) -> bool:
    try:
        landing.children(directory_of(key))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _opener(landing: Storage, key: str) -> Callable[[ManifestEntry], AbstractContextManager[ByteSource]]:
    """Opens an entry; a storage error is raised again, from opening as from reading, with drop and file_id in it."""

    @contextmanager
    def open_entry(entry: ManifestEntry) -> Iterator[ByteSource]:
        try:
            with landing.open(entry.path) as source:
                yield source
        except _ABSENT:
            raise
        except OSError as error:
            where = f"drop {key}, file {file_id(key, entry.path)}"
            raise OSError(error.errno, f"{error.strerror or type(error).__name__} ({where})") from None

    return open_entry
