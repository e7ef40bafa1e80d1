"""The directory that `dicomdex extract` fills: tables under temporary names, which take their place at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.cli_errors import CannotGoOn
from dicomdex.extract.batch import Chunk
from dicomdex.extract.row import FILES_SCHEMA

TABLE, LINES, SUMMARY = "files.parquet", "files.ndjson", "extract.json"
_OURS = {TABLE, LINES, SUMMARY, f".{TABLE}.part", f".{LINES}.part", f".{SUMMARY}.part"}
_GROUP_ROWS, _GROUP_BYTES = 10_000, 64 << 20


class Output:
    """Rows as they come -> files of DIR. Nothing there is replaced before `publish`. Use as a context manager."""

    def __init__(self, directory: Path, *, ndjson: bool) -> None:
        self._directory = directory
        self.replaces = _claimed(directory)
        self._table = pq.ParquetWriter(self._part(TABLE), FILES_SCHEMA, compression="zstd")
        self._lines = open(self._part(LINES), "wb") if ndjson else None  # noqa: SIM115
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._bytes = 0

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Write the rows of a slice."""
        for chunk in chunks:
            for batch in (chunk.kept, chunk.rejects):
                if len(batch):
                    self._waiting.append(batch)
                    self._rows += len(batch)
                    self._bytes += batch.nbytes
            if self._lines is not None:
                self._lines.write(chunk.lines)
        if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
            self._write_group()

    def publish(self, summary: dict[str, Any]) -> list[str]:
        """Put everything in its place, the summary last; the names of the tables."""
        self._write_group()
        self._table.close()
        made = [TABLE]
        if self._lines is not None:
            self._lines.close()
            made.append(LINES)
        else:
            (self._directory / LINES).unlink(missing_ok=True)  # of a run before: it would tell of other files
        self._part(SUMMARY).write_text(json.dumps({**summary, "files": made}, indent=1) + "\n", encoding="utf-8")
        for name in (*made, SUMMARY):
            os.replace(self._part(name), self._directory / name)  # noqa: PTH105
        return made

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()
        if self._lines is not None:
            self._lines.close()
        for name in (TABLE, LINES, SUMMARY):
            self._part(name).unlink(missing_ok=True)

    def _part(self, name: str) -> Path:
        return self._directory / f".{name}.part"

    def _write_group(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
            self._table.write_table(table.append_column("drop_key", pa.repeat("", len(table))), len(table))
            self._waiting, self._rows, self._bytes = [], 0, 0


def _claimed(directory: Path) -> dict[str, Any] | None:
    """Make the directory, or see that it is ours; the summary of the run that will be replaced."""
    directory.mkdir(parents=True, exist_ok=True)
    foreign = sorted(set(os.listdir(directory)) - _OURS)  # noqa: PTH208
    summary = directory / SUMMARY
    if foreign or (not summary.exists() and (directory / TABLE).exists()):
        named = foreign[0] if foreign else TABLE
        raise CannotGoOn(f"{directory} holds {named}, which extract did not write: choose an empty directory")
    if not summary.exists():
        return None
    try:
        found: dict[str, Any] = orjson.loads(summary.read_bytes())
    except orjson.JSONDecodeError:
        raise CannotGoOn(f"{summary} is no summary of extract: choose an empty directory") from None
    return found
