"""The landing area listed again = manifest = catalog, file by file, and files are named by their ids alone."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dicomdex.adapters.catalog import Catalog
from dicomdex.extract.row import file_id
from dicomdex.validate import Check
from dicomdex.validate_step import file_checks
from tests.unit.line import DAY, Line, dicom

NAMES = ("same", "touched", "older than 1970", "longer", "gone")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A committed drop."""
    line = Line(tmp_path)
    directory = line.lay(DAY, {name: dicom(f"1.9.{number}") for number, name in enumerate(NAMES)})
    os.utime(directory / "older than 1970", ns=(-7, -7))
    assert line.ingest(DAY)["outcome"] == "committed"
    return line


def known(*names: str) -> tuple[str, ...]:
    return tuple(sorted(file_id(DAY, f"{DAY}/{name}") for name in names))


def checks(line: Line) -> dict[str, Check]:
    return {check.check: check for check in file_checks(line.settings, DAY)}


def test_a_drop_as_it_was_committed_agrees(line: Line) -> None:
    found = checks(line)
    assert list(found) == [
        "files of the landing area", "files altered since they were listed", "files of the catalog"
    ]  # fmt: skip
    assert all(check.ok for check in found.values())
    assert [check.expected for check in found.values()] == [len(NAMES) + 1, 0, len(NAMES) + 1]  # the marker too


def test_what_is_gone_new_or_altered_is_named_by_its_id(line: Line) -> None:
    directory = line.landing / DAY
    os.utime(directory / "touched", ns=(5, 5))
    os.utime(directory / "older than 1970", ns=(-6, -6))
    with (directory / "longer").open("ab") as target:
        target.write(b"x")
    (directory / "gone").unlink()
    (directory / "new").touch()
    found = checks(line)
    there = found["files of the landing area"]
    assert (there.expected, there.found, there.missing, there.extra) == (6, 6, known("gone"), known("new"))
    altered = found["files altered since they were listed"]
    assert (altered.found, altered.extra) == (3, known("longer", "older than 1970", "touched"))
    assert found["files of the catalog"].ok


def test_a_file_that_the_catalog_lost_is_named(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    (lost,) = known("touched")
    whole = Catalog.rows

    def without(self: Catalog, *arguments: object, **named: object) -> pa.Table:
        rows = whole(self, *arguments, **named)  # type: ignore[arg-type]
        return rows.filter(pc.not_equal(rows["file_id"], lost))

    monkeypatch.setattr(Catalog, "rows", without)
    found = checks(line)["files of the catalog"]
    assert (found.expected, found.found, found.missing) == (6, 5, (lost,))
