"""Recount on a real tree: what is new, changed, gone or waiting is named; what could not be read is compared again."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomdex.extract.row import file_id
from dicomdex.steps_recount import recount_files
from dicomdex.steps_states import states
from tests.unit.line import DAY, LATER, Line, dicom


@pytest.fixture
def line(tmp_path: Path) -> Line:
    made = Line(tmp_path)
    made.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    made.ingest(DAY)
    return made


def test_nothing_is_named_where_all_is_as_it_was(line: Line) -> None:
    found = recount_files(line.settings)
    assert found["files"] == {"listed": 3, "catalog": 3, "new": 0, "changed": 0, "gone": 0, "named": {}}
    assert found["drops"] == {"waiting": [], "gone": []}


def test_new_changed_and_gone_files_are_named_by_file_id_or_for_a_terminal_by_path(line: Line) -> None:
    directory = line.landing / DAY
    (directory / "a").unlink()
    (directory / "b").write_bytes(dicom("1.9.3"))
    (directory / "c").write_bytes(dicom("1.9.4"))
    found = recount_files(line.settings)
    assert {how: found["files"][how] for how in ("new", "changed", "gone")} == {"new": 1, "changed": 1, "gone": 1}
    ids = {name: file_id(DAY, f"{DAY}/{name}") for name in "abc"}
    assert found["files"]["named"] == {"new": [ids["c"]], "changed": [ids["b"]], "gone": [ids["a"]]}
    shown = recount_files(line.settings, paths=True)["files"]["named"]
    assert shown["gone"] == [{"drop": DAY, "file_id": ids["a"], "path": f"{DAY}/a"}]


def test_drops_that_wait_and_drops_that_are_gone_are_named(line: Line) -> None:
    line.lay(LATER, {"d": dicom("1.9.9")})
    for path in (line.landing / DAY).iterdir():
        path.unlink()
    (line.landing / DAY).rmdir()
    found = recount_files(line.settings)
    assert found["drops"] == {"waiting": [LATER], "gone": [DAY]}
    assert found["files"]["gone"] == 3


def test_a_candidate_that_could_not_be_read_is_compared_again(line: Line) -> None:
    line.lay(LATER, {"c": dicom("1.9.1")})
    away = line.root / "away"
    (line.landing / DAY / "a").rename(away)
    line.ingest(LATER)
    assert states(line.settings, LATER)[f"{LATER}/c"][0] == "conflict"
    away.rename(line.landing / DAY / "a")
    assert recount_files(line.settings)["digests"] > 0
    assert states(line.settings, LATER)[f"{LATER}/c"][0] == "duplicate"
    assert recount_files(line.settings)["digests"] == 0
