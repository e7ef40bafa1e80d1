"""States of files whose SOP Instance UID is in more than one file: digests, moved primaries."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dicomdex import steps
from tests.unit.line import DAY, LATER, Line, dicom

INDEXED, DUPLICATE, CONFLICT = ("indexed", None), ("duplicate", None), ("conflict", None)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def test_full_digests_tell_a_duplicate_from_a_conflict(line: Line) -> None:
    pixels = bytes(range(8))
    same, other = dicom("1.9.1", pixels=pixels), dicom("1.9.1", pixels=pixels[::-1])
    assert len(same) == len(other)
    line.lay(DAY, {"a": same, "b": other, "c": same, "e": dicom("1.9.2")})
    line.lay(LATER, {"d": dicom("1.9.1", patient="P2")})
    assert line.ingest(DAY)["digests"] == 3
    assert line.ingest(LATER)["digests"] == 0
    assert line.states(DAY) == {"a": INDEXED, "b": CONFLICT, "c": DUPLICATE, "e": INDEXED}
    assert line.states(LATER) == {"d": CONFLICT}


def test_the_order_in_which_drops_are_ingested_does_not_matter(tmp_path: Path) -> None:
    found = []
    for order in ([DAY, LATER], [LATER, DAY]):
        root = tmp_path / order[0]
        root.mkdir()
        line = Line(root)
        line.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2", patient="A")})
        line.lay(LATER, {"c": dicom("1.9.1"), "d": dicom("1.9.2", patient="B")})
        for drop in order:
            line.ingest(drop)
        found.append((line.states(DAY), line.states(LATER)))
    assert found[0] == found[1]
    assert found[0] == ({"a": INDEXED, "b": INDEXED}, {"c": DUPLICATE, "d": CONFLICT})


def test_the_primary_moves_to_another_drop_when_its_own_is_delivered_without_it(line: Line) -> None:
    directory = line.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    line.lay(LATER, {"c": dicom("1.9.1"), "d": dicom("1.9.1")})
    for drop in (DAY, LATER):
        line.ingest(drop)
    assert line.states(LATER) == {"c": DUPLICATE, "d": DUPLICATE}
    (directory / "a").unlink()
    moved = line.ingest(DAY, allow_shrink=True)
    assert line.states(LATER) == {"c": INDEXED, "d": DUPLICATE}
    assert steps.states(line.settings, LATER, version=moved["catalog_version"] - 1)[f"{LATER}/c"] == DUPLICATE


def test_digests_are_made_for_the_copies_that_a_moved_primary_leaves_behind(line: Line) -> None:
    """The old primary was of another patient, so its copies elsewhere were never compared with each other."""
    directory = line.lay(DAY, {"a": dicom("1.9.1", patient="A"), "b": dicom("1.9.2")})
    line.lay(LATER, {"c": dicom("1.9.1"), "d": dicom("1.9.1")})
    line.ingest(DAY)
    assert line.ingest(LATER)["digests"] == 0
    assert line.states(LATER) == {"c": CONFLICT, "d": CONFLICT}
    (directory / "a").unlink()
    assert line.ingest(DAY, allow_shrink=True)["digests"] == 2
    assert line.states(LATER) == {"c": INDEXED, "d": DUPLICATE}


def test_a_copy_that_can_no_longer_be_read_stays_a_conflict(line: Line) -> None:
    directory = line.lay(DAY, {"a": dicom("1.9.1")})
    line.ingest(DAY)
    (directory / "a").unlink()
    line.lay(LATER, {"c": dicom("1.9.1")})
    assert line.ingest(LATER)["digests"] == 1
    assert line.states(LATER) == {"c": CONFLICT}


def test_a_copy_that_is_no_longer_as_it_was_listed_stays_a_conflict(line: Line) -> None:
    directory = line.lay(DAY, {"a": dicom("1.9.1")})
    line.ingest(DAY)
    os.utime(directory / "a", ns=(0, 10**18))
    line.lay(LATER, {"c": dicom("1.9.1")})
    assert line.ingest(LATER)["digests"] == 1
    assert line.states(LATER) == {"c": CONFLICT}
