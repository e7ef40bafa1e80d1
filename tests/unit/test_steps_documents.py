"""What a collection must hold: the records of a version with their states, within the dates it was asked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from dicomdex.adapters.catalog import Catalog
from dicomdex.errors import CollectionRefused
from dicomdex.steps_documents import Dates, expected_records, studies_within
from dicomdex.steps_states import resolved
from tests.unit.line import DAY, LATER, Line, dicom

RECORDS = pa.table(
    {
        "study": ["a", "a", "b", "c", "d"],
        "study_date": pa.array([date(2026, 1, 5), date(2026, 1, 1), date(2026, 1, 3), None, date(2026, 1, 9)]),
    }
)


@pytest.mark.parametrize(
    ("text", "studies"),
    [
        ("..", ["a", "b", "d"]),
        ("2026-01-02..", ["b", "d"]),
        ("..2026-01-03", ["a", "b"]),
        ("2026-01-03..2026-01-08", ["b"]),
    ],
)
def test_a_study_is_of_its_earliest_date_and_of_none_without_one(text: str, studies: list[str]) -> None:
    dates = Dates.parse(text)
    assert sorted(studies_within([RECORDS.slice(0, 1), RECORDS.slice(1)], dates).to_pylist()) == studies
    assert str(dates) == text


@pytest.mark.parametrize("text", ["2026-13-01..", "2026-01-01", "20260101..", "x..y"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(CollectionRefused):
        Dates.parse(text)


def test_no_text_is_no_bound() -> None:
    assert not Dates.parse("").given
    assert Dates.parse("2026-01-01..").given


def test_the_states_are_those_of_resolving_everything(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2"), "c": dicom("1.9.2", patient="P2")})
    line.lay(LATER, {"d": dicom("1.9.1"), "e": dicom("1.9.3")})
    for drop in (DAY, LATER):
        line.ingest(drop)
    catalog = Catalog(line.settings.catalog)

    def states(rows: pa.Table) -> dict[str, Any]:
        return dict(zip(rows["file_id"].to_pylist(), rows["state"].to_pylist(), strict=True))

    found = pa.concat_tables(expected_records(catalog, catalog.version(), catalog.digests_version(), Dates()))
    assert states(found) == states(resolved(line.settings))
    assert sorted(states(found).values()) == ["conflict", "duplicate", "indexed", "indexed", "indexed"]
