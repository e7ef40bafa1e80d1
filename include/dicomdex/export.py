"""Documents as CSV, JSON lines or Parquet: made row by row, with the columns of the query.

A text that a spreadsheet would take for a formula gets an apostrophe before it; several values of one attribute are
parted by a backslash in CSV, as DICOM does (PS3.5 section 6.2).
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.attributes import Level
from dicomdex.search_fields import Field, Shape

ROWS_A_GROUP = 10_000
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ARROW: dict[Shape, pa.DataType] = {
    "int": pa.int64(),
    "float": pa.float64(),
    "date": pa.date32(),
    "datetime": pa.timestamp("ms", tz="UTC"),
}
Documents = Iterable[Mapping[str, Any]]
Write = Callable[[IO[bytes], Documents, list[Field], Level], int]


def plain(field: Field, value: Any) -> Any:
    """The value as people write it: a day without the midnight that Solr adds."""
    if isinstance(value, list):
        return [plain(field, one) for one in value]
    return value[:10] if field.shape == "date" and isinstance(value, str) else value


def cell(field: Field, value: Any) -> str:
    """One cell of a table: empty, or the value; several values with a backslash between them."""
    shown = plain(field, value)
    if isinstance(shown, list):
        return "\\".join(map(str, shown))
    return "" if shown is None else str(shown)


def guarded(field: Field, value: Any) -> str:
    """A cell that no spreadsheet computes; numbers stay as they are, they can only be numbers."""
    text = cell(field, value)
    computed = text.startswith(FORMULA) and not isinstance(value, int | float)
    return f"'{text}" if computed else text


def write_csv(target: IO[bytes], documents: Documents, fields: list[Field], level: Level) -> int:
    """CSV of RFC 4180 in UTF-8 with a line of names; how many documents."""
    buffer = _Lines()
    lines = csv.writer(buffer)
    lines.writerow(field.name for field in fields)
    written = 0
    for document in documents:
        lines.writerow(guarded(field, document.get(field.name)) for field in fields)
        target.write(buffer.taken())
        written += 1
    target.write(buffer.taken())
    return written


def write_json(target: IO[bytes], documents: Documents, fields: list[Field], level: Level) -> int:
    """One JSON object a line; what a document does not have is left out."""
    written = 0
    for document in documents:
        row = {field.name: plain(field, document[field.name]) for field in fields if field.name in document}
        target.write(orjson.dumps(row) + b"\n")
        written += 1
    return written


def write_parquet(target: IO[bytes], documents: Documents, fields: list[Field], level: Level) -> int:
    """Parquet with numbers, days and lists as such."""
    schema = pa.schema([pa.field(field.name, _arrow_type(field, level)) for field in fields])
    written = 0
    with pq.ParquetWriter(target, schema) as writer:
        for some in _groups(documents):
            columns = [
                pa.array([_typed(f, one.get(f.name)) for one in some], schema.field(f.name).type) for f in fields
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            written += len(some)
    return written


FORMATS: dict[str, Write] = {"csv": write_csv, "json": write_json, "parquet": write_parquet}


class _Lines:
    """What csv writes, as bytes that are taken away after each line."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def write(self, text: str) -> None:
        self._parts.append(text)

    def taken(self) -> bytes:
        taken = "".join(self._parts).encode("utf-8")
        self._parts.clear()
        return taken


def _groups(documents: Documents) -> Iterator[list[Mapping[str, Any]]]:
    every = iter(documents)
    while some := list(itertools.islice(every, ROWS_A_GROUP)):
        yield some


def _arrow_type(field: Field, level: Level) -> pa.DataType:
    value = _ARROW.get(field.shape, pa.string())
    rolled_up = field.shown_on(level) != field.name  # several modalities of a study
    return pa.list_(value) if field.multiple or rolled_up else value


def _typed(field: Field, value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(field, one) for one in value]
    if value is None or field.shape not in ("date", "datetime"):
        return value
    return date.fromisoformat(value[:10]) if field.shape == "date" else datetime.fromisoformat(value)
