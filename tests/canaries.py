"""Looks for the sample's canaries where no value of a patient and no path may be: logs, Airflow's database, arguments.

Allowed are the landing area, Parquet of work area and catalog, Solr's index, and the truth: everything else below
the run directory is read in full.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pyarrow as pa

from dicomdex_local.sample_studies import CANARY
from tests.watch import Watch

# Directories right below the run directory that hold no log: the landing area, and programs as they were downloaded.
SKIPPED_FOLDERS = {"landing", "jars"}
SKIPPED_NAMES = {"truth.json"}
COMPRESSED = {".zst": "zstd", ".zstd": "zstd", ".gz": "gzip", ".lz4": "lz4", ".bz2": "bz2"}
NEEDLE = CANARY.lower().encode()
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class Leak:
    """A canary where none may be: the file, table or program, and the text around it."""

    where: str
    text: str


def find_canaries(run_dir: Path, watch: Watch | None = None) -> list[Leak]:
    """Every place below a site's run directory, in its database and in its arguments that holds a canary.

    `watch` adds the arguments of programs that have ended meanwhile. A leak is reported once a file or column.
    Call it when no Spark application runs: its shuffle files hold values until it ends.
    """
    now = watch or Watch()
    now.look(run_dir, memory=False)
    return [
        *_in_files(run_dir),
        *(leak for database in run_dir.rglob("airflow.db") for leak in _in_database(database)),
        *_in_arguments(now.arguments),
    ]


def is_allowed(path: Path, run_dir: Path) -> bool:
    """Whether values of patients may be in this file."""
    relative = path.relative_to(run_dir)
    first = relative.parts[0]
    in_index = first == "solr" and "data" in relative.parts and {"index", "tlog"} & set(relative.parts)
    parquet = first in ("work", "catalog") and path.suffix == ".parquet"
    return first in SKIPPED_FOLDERS or relative.name in SKIPPED_NAMES or bool(in_index) or parquet


def _in_files(run_dir: Path) -> Iterator[Leak]:
    for path in sorted(run_dir.rglob("*")):
        if path.is_symlink() or not path.is_file() or is_allowed(path, run_dir):
            continue
        name = str(path.relative_to(run_dir))
        if NEEDLE in name.lower().encode("utf-8", "surrogateescape"):
            yield Leak("file name", name)
        try:
            with _opened(path) as file:
                found = _first_hit(file)
        except FileNotFoundError:  # a log that was rotated, a socket that was closed
            continue
        if found:
            yield Leak(name, found)


def _opened(path: Path) -> IO[bytes]:
    """The file's bytes; a compressed log, such as Spark's event log, is searched decompressed."""
    compression = COMPRESSED.get(path.suffix)
    return pa.input_stream(str(path), compression=compression) if compression else path.open("rb")


def _first_hit(file: IO[bytes]) -> str:
    tail = b""
    while chunk := file.read(CHUNK):
        window = tail + chunk
        at = window.lower().find(NEEDLE)
        if at >= 0:
            return _around(window, at)
        tail = window[-len(NEEDLE) :]
    return ""


def _around(text: bytes, at: int) -> str:
    return text[max(0, at - 100) : at + 60].decode("utf-8", "replace")


def _in_database(database: Path) -> Iterator[Leak]:
    """Every value of every table: XCom, rendered templates, conf, events. Deleted rows are found in the file itself."""
    connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            found: dict[str, str] = {}
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608  # names come from the database
            for row in cursor:
                for column, value in zip(cursor.description, row, strict=True):
                    text = value if isinstance(value, bytes) else str(value).encode()
                    at = text.lower().find(NEEDLE)
                    if at >= 0:
                        found.setdefault(column[0], _around(text, at))
            yield from (Leak(f"airflow.db {table}.{column}", text) for column, text in found.items())
    finally:
        connection.close()


def _in_arguments(arguments: Iterable[str]) -> Iterator[Leak]:
    for line in sorted(arguments):
        at = line.lower().encode().find(NEEDLE)
        if at >= 0:
            yield Leak("arguments", _around(line.encode(), at))
