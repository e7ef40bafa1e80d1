"""Documents as CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicomdex.export import FORMATS
from dicomdex.search_fields import Fields

FIELDS = Fields()
NAMES = (
    "id",
    "StudyDate",
    "AcquisitionDateTime",
    "Rows",
    "SliceThickness",
    "ImageType",
    "StudyDescription",
    "Modality",
)
DOCUMENTS: list[dict[str, Any]] = [
    {
        "id": "1!i.1",
        "level": "instance",
        "StudyDate": "2026-01-31T00:00:00Z",
        "AcquisitionDateTime": "2026-01-31T08:30:00.5Z",
        "Rows": 512,
        "SliceThickness": -1.5,
        "ImageType": ["ORIGINAL", "PRIMARY", "PRIMARY"],
        "StudyDescription": 'Knee, "left"\n',
        "Modality": "MR",
    },
    {"id": "1!i.2", "level": "instance"},
]


def written(kind: str, documents: list[dict[str, Any]], level: str = "instance") -> bytes:
    """What an export is made of."""
    target = io.BytesIO()
    count = FORMATS[kind](target, iter(documents), [FIELDS[name] for name in NAMES], level)  # type: ignore[arg-type]
    assert count == len(documents)
    return target.getvalue()


def test_csv_has_names_values_and_lists_with_backslashes() -> None:
    lines = list(csv.reader(io.StringIO(written("csv", DOCUMENTS).decode(), newline="")))
    assert lines == [
        list(NAMES),
        [
            "1!i.1",
            "2026-01-31",
            "2026-01-31T08:30:00.5Z",
            "512",
            "-1.5",
            r"ORIGINAL\PRIMARY\PRIMARY",
            'Knee, "left"\n',
            "MR",
        ],
        ["1!i.2", "", "", "", "", "", "", ""],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_text_that_a_spreadsheet_would_compute_is_no_formula_in_csv(text: str) -> None:
    lines = written("csv", [{"id": "1", "StudyDescription": text, "ImageType": [text, "B"]}]).decode()
    (_, row) = csv.reader(io.StringIO(lines, newline=""))
    assert row[NAMES.index("StudyDescription")] == f"'{text}"
    assert row[NAMES.index("ImageType")] == f"'{text}\\B"


def test_json_has_a_line_for_each_document_with_what_it_has() -> None:
    first, second = (json.loads(line) for line in written("json", DOCUMENTS).splitlines())
    assert first == {**{name: DOCUMENTS[0][name] for name in NAMES}, "StudyDate": "2026-01-31"}
    assert second == {"id": "1!i.2"}


def test_parquet_has_numbers_days_instants_and_lists() -> None:
    table = pq.read_table(io.BytesIO(written("parquet", DOCUMENTS)))
    first, second = table.to_pylist()
    assert first["StudyDate"] == date(2026, 1, 31)
    assert first["AcquisitionDateTime"] == datetime(2026, 1, 31, 8, 30, 0, 500_000, UTC)
    assert (first["Rows"], first["SliceThickness"]) == (512, -1.5)
    assert first["ImageType"] == DOCUMENTS[0]["ImageType"]
    assert second == {**dict.fromkeys(NAMES), "id": "1!i.2"}


def test_modalities_of_a_study_are_a_list_in_parquet_and_an_export_of_nothing_has_its_columns() -> None:
    fields = [FIELDS["id"], FIELDS["Modality"]]
    target = io.BytesIO()
    assert FORMATS["parquet"](target, iter([]), fields, "study") == 0
    assert pq.read_schema(io.BytesIO(target.getvalue())).field("Modality").type == pa.list_(pa.string())
    assert written("csv", []).decode() == ",".join(NAMES) + "\r\n"
