"""Archives all the way from a drop into the catalog: ledger, duplicates across archives and files, guards, checks."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.catalog import balanced
from dicomdex.errors import CommitRefused
from dicomdex.extract.row import file_id
from dicomdex.validate_step import file_checks
from tests.unit.line import DAY, LATER, Line, dicom
from tests.unit.made_archives import tarred, zipped

INDEXED, DUPLICATE, CONFLICT, CONTAINER = (
    ("indexed", None),
    ("duplicate", None),
    ("conflict", None),
    ("container", None),
)
PIXELS = bytes(range(8))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_listed_counts_the_members_in_place_of_their_archives(line: Line) -> None:
    line.lay(DAY, {
        "a.zip": zipped({"1.dcm": dicom("1.9.1"), "dir/": b"", "dir/2.dcm": dicom("1.9.2"), ".x": b"", "t": b"text"}),
        "b.dcm.gz": gzip.compress(dicom("1.9.3")),
        "c.tar": tarred({"1.dcm": dicom("1.9.4")})[:1024],
        "d.dcm": dicom("1.9.5"),
        "e.zip": zipped({}),
    })  # fmt: skip
    line.ingest(DAY)
    assert line.states(DAY) == {
        "a.zip": CONTAINER,
        "a.zip!1.dcm": INDEXED,
        "a.zip!dir/2.dcm": INDEXED,
        "a.zip!.x": ("ignored", "dotfile"),
        "a.zip!t": ("rejected", "not_dicom"),
        "b.dcm.gz": CONTAINER,
        "b.dcm.gz!b.dcm": INDEXED,
        "c.tar": ("rejected", "truncated"),
        "c.tar!1.dcm": INDEXED,
        "d.dcm": INDEXED,
        "e.zip": CONTAINER,
    }
    ledger = steps.ledger(line.settings, DAY)
    assert (ledger["listed"], ledger["indexed"], balanced(ledger)) == (9, 5, True)  # the marker is one
    assert [check for check in file_checks(line.settings, DAY) if not check.ok] == []
    assert next(file_checks(line.settings, DAY)).expected == 6


def test_a_member_has_the_size_of_its_own_the_mtime_of_its_archive_and_an_id_of_both(line: Line) -> None:
    content = dicom("1.9.1")
    directory = line.lay(DAY, {"a.zip": zipped([("x", content), ("x", content)])})
    line.ingest(DAY)
    rows = [row for row in Catalog(line.settings.catalog).identity(drop=DAY).to_pylist() if row["member"]]
    mtime = (directory / "a.zip").stat().st_mtime_ns
    assert [(row["member"], row["size"], row["mtime"]) for row in rows] == [
        ("x", len(content), mtime),
        ("x#2", len(content), mtime),
    ]
    assert [row["file_id"] for row in rows] == [file_id(DAY, f"{DAY}/a.zip", name) for name in ("x", "x#2")]


def test_members_and_files_are_compared_in_full_before_they_are_called_duplicates(line: Line) -> None:
    same, other = dicom("1.9.1", pixels=PIXELS), dicom("1.9.1", pixels=PIXELS[::-1])
    assert len(same) == len(other)
    line.lay(DAY, {"a.dcm": same, "b.zip": zipped({"1": same, "2": other}), "c.tgz": tarred({"1": same}, "w:gz")})
    line.lay(LATER, {"d.tar": tarred({"1": same, "2": other}), "e.dcm.gz": gzip.compress(same)})
    assert line.ingest(DAY)["digests"] == 4
    assert line.ingest(LATER)["digests"] == 3
    assert line.states(DAY) == {
        "a.dcm": INDEXED,
        "b.zip": CONTAINER,
        "b.zip!1": DUPLICATE,
        "b.zip!2": CONFLICT,
        "c.tgz": CONTAINER,
        "c.tgz!1": DUPLICATE,
    }
    found = line.states(LATER)
    assert (found["d.tar!1"], found["d.tar!2"], found["e.dcm.gz!e.dcm"]) == (DUPLICATE, CONFLICT, DUPLICATE)
    assert line.ingest(LATER)["digests"] == 0


def test_members_of_an_archive_that_is_no_longer_as_it_was_listed_stay_conflicts(line: Line) -> None:
    directory = line.lay(DAY, {"a.zip": zipped({"1": dicom("1.9.1")})})
    line.ingest(DAY)
    os.utime(directory / "a.zip", ns=(0, 10**18))
    line.lay(LATER, {"c": dicom("1.9.1")})
    assert line.ingest(LATER)["digests"] == 1
    assert line.states(LATER) == {"c": CONFLICT}


def test_an_archive_that_vanishes_takes_no_records_with_it_unseen(tmp_path: Path) -> None:
    line = Line(tmp_path, batch_files=500)
    files: dict[str | bytes, bytes] = {f"{n}.dcm": dicom(f"1.8.{n}") for n in range(200)}
    directory = line.lay(DAY, {**files, "a.zip": zipped({"1": dicom("1.9.1")})})
    line.ingest(DAY)
    listing = steps.list_drop(line.settings, DAY, force=True)
    (directory / "a.zip").unlink()
    results = line.extract(listing)
    with pytest.raises(CommitRefused, match="1 of 201 records would turn into vanished") as refused:
        steps.commit(line.settings, listing, results)
    assert file_id(DAY, f"{DAY}/a.zip", "1") in str(refused.value)
    assert line.ingest(DAY)["outcome"] == "committed"  # listed without it: a half of a percent may go
