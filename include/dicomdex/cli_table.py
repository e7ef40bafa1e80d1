"""The work of `dicomdex extract`: list, read with several children, write, and settle what became of every file."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console

from dicomdex.adapters.children import Children, EntryFailed
from dicomdex.adapters.storage import storage
from dicomdex.catalog import ledger_of, summary_line
from dicomdex.cli_errors import CannotGoOn
from dicomdex.cli_listing import Listing
from dicomdex.cli_output import Output
from dicomdex.cli_progress import Shown
from dicomdex.extract.batch import Chunk
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.resolve import DIGESTS_SCHEMA, IDENTITY_COLUMNS, candidates, resolve

_KEPT = [name for name in IDENTITY_COLUMNS if name != "drop_key"] + ["parser"]


def write_table(paths: Sequence[Path], out: Path, children: int, *, ndjson: bool) -> dict[str, Any]:
    """Read everything below the paths into tables in `out`; the summary. CannotGoOn names what stopped it."""
    begun, told = time.monotonic(), Console(stderr=True, highlight=False, soft_wrap=True)
    listing = Listing(paths, out)
    try:
        with Output(out, ndjson=ndjson) as output:
            if output.replaces:
                told.print(f"replaces {output.replaces['rows']:,} rows in {out}", markup=False)
            rows = _read(listing, children, output, ndjson=ndjson, told=told)
            summary = _summary(listing, rows, told)
            summary |= {"out": str(out), "seconds": round(time.monotonic() - begun, 3), "children": children}
            return {**summary, "files": output.publish(summary)}
    except OSError as error:
        raise CannotGoOn(f"{error.filename or out}: {error.strerror}") from None


def _read(listing: Listing, children: int, output: Output, *, ndjson: bool, told: Console) -> pa.Table:
    """Read slice after slice; what identifies each row."""
    kept: list[pa.RecordBatch] = []
    slices = list(listing.slices(ndjson=ndjson))
    with Children(children) as reading, Shown(told, len(listing.entries)) as shown:
        try:
            for one, chunks in zip(slices, reading.read(slices), strict=True):
                output.add(chunks)
                shown.add(len(one.entries), sum(entry.size for entry in one.entries), chunks)
                kept.extend(_identity(chunks))
        except EntryFailed as failed:
            raise CannotGoOn(f"{failed.path or 'a file'} can't be read: {failed.error.strerror}") from None
    table = pa.Table.from_batches(kept, schema=pa.schema([ROW_SCHEMA.field(name) for name in _KEPT]))
    return table.append_column("drop_key", pa.repeat("", len(table)))


def _summary(listing: Listing, rows: pa.Table, told: Console) -> dict[str, Any]:
    states = resolve(rows, _digests(rows, told))["state"].to_pylist()
    ledger = ledger_of("", rows, states, 0)
    return {
        "line": summary_line(ledger),
        "ledger": {name: count for name, count in ledger.items() if name not in ("drop", "catalog_version")},
        "rows": len(rows),
        "bytes": sum(entry.size for entry in listing.entries),
        "parsers": dict(Counter(name for name in rows["parser"].to_pylist() if name).most_common()),
    }


def _digests(rows: pa.Table, told: Console) -> pa.Table:
    """Digests of the files whose rows are alike: read once, in full, to tell duplicates from conflicts."""
    alike = candidates(rows).to_pylist()
    if not alike:
        return DIGESTS_SCHEMA.empty_table()
    from dicomdex.steps_digests import THREADS, digests_of  # and with it Delta, 0.3 s

    told.print(f"comparing {len(alike):,} files that may be copies of each other")
    everything = storage("file:///")
    files: dict[str, list[dict[str, Any]]] = {}
    for row in alike:
        files.setdefault(row["path"], []).append({**row, "path": row["path"].lstrip("/")})
    with ThreadPoolExecutor(THREADS) as pool:
        digests = [row for rows in pool.map(lambda rows: digests_of(everything, rows), files.values()) for row in rows]
    return pa.Table.from_pylist(digests, schema=DIGESTS_SCHEMA)


def _identity(chunks: Sequence[Chunk]) -> list[pa.RecordBatch]:
    return [batch.select(_KEPT) for chunk in chunks for batch in (chunk.kept, chunk.rejects) if len(batch)]
