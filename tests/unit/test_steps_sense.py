"""Sensing drops, by marker and by quiet period, and the small records beside the catalog."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from dicomdex import steps
from dicomdex.adapters.storage import storage
from dicomdex.errors import DropError
from tests.unit.line import DAY, LATER, Line, dicom


def keys(found: list[dict[str, str]]) -> list[str]:
    return [drop["key"] for drop in found]


def test_a_drop_with_a_marker_is_new_until_it_is_remembered(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.lay(DAY, {"a": b""})
    line.lay(LATER, {"a": b""}, marker=False)
    found = steps.new_drops(line.settings)
    assert keys(found) == [DAY]
    assert keys(steps.new_drops(line.settings)) == [DAY]
    steps.remember_drops(line.settings, found)
    assert steps.new_drops(line.settings) == []
    assert steps.complete_drop(line.settings, DAY) == found[0]
    assert steps.complete_drop(line.settings, LATER) is None
    assert steps.complete_drop(line.settings, "2000-01-01") is None


def test_a_rewritten_marker_makes_a_drop_new_again(tmp_path: Path) -> None:
    line = Line(tmp_path)
    directory = line.lay(DAY, {})
    steps.remember_drops(line.settings, steps.new_drops(line.settings))
    os.utime(directory / "_SUCCESS", ns=(0, 10**18))
    assert keys(steps.new_drops(line.settings)) == [DAY]


def test_a_marker_that_is_no_regular_file_completes_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path)
    (line.lay(DAY, {}, marker=False) / "_SUCCESS").symlink_to("/etc/hostname")
    (line.lay(LATER, {}, marker=False) / "_SUCCESS").mkdir()
    assert steps.new_drops(line.settings) == []


def test_drops_lie_at_the_configured_depth(tmp_path: Path) -> None:
    line = Line(tmp_path, drop_depth=2)
    line.lay("siteA/2026-01-01", {})
    line.lay("siteB/2026-01-01", {})
    (line.landing / "README").touch()
    assert keys(steps.new_drops(line.settings)) == ["siteA~2026-01-01", "siteB~2026-01-01"]
    assert steps.list_drop(line.settings, "siteA~2026-01-01")["listed"] == 1
    with pytest.raises(DropError, match="DROP_DEPTH"):
        steps.list_drop(line.settings, "siteA")


def test_directories_that_make_no_key_are_reported_by_hash(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = Line(tmp_path)
    line.lay("DOE JANE", {})
    line.lay(DAY, {})
    with caplog.at_level(logging.WARNING):
        assert keys(steps.new_drops(line.settings)) == [DAY]
    (unusable,) = steps.unusable_names(line.settings)
    assert unusable in caplog.text
    assert "DOE" not in caplog.text


def test_a_landing_area_that_is_not_there_is_an_error_and_not_empty(tmp_path: Path) -> None:
    line = Line(tmp_path)
    line.landing.rmdir()
    with pytest.raises(DropError, match="DICOMDEX_LANDING"):
        steps.new_drops(line.settings)


def test_without_markers_the_second_look_at_an_unchanged_drop_finds_it_complete(tmp_path: Path) -> None:
    line = Line(tmp_path, marker="", quiet_period=0)
    directory = line.lay(DAY, {"a": b"1"}, marker=False)
    line.lay(LATER, {}, marker=False)
    assert steps.new_drops(line.settings) == []
    (directory / "b").write_bytes(b"2")
    assert keys(steps.new_drops(line.settings)) == [LATER]
    found = steps.new_drops(line.settings)
    assert keys(found) == [DAY, LATER]
    steps.remember_drops(line.settings, found)
    assert steps.new_drops(line.settings) == []
    (directory / "c").write_bytes(b"3")
    assert steps.new_drops(line.settings) == []
    assert keys(steps.new_drops(line.settings)) == [DAY]


def test_without_markers_the_quiet_period_must_have_passed_between_the_looks(tmp_path: Path) -> None:
    line = Line(tmp_path, marker="", quiet_period=3600)
    line.lay(DAY, {"a": b"1"}, marker=False)
    assert [steps.new_drops(line.settings) for _ in range(3)] == [[], [], []]


def test_sensing_takes_another_storage_for_the_landing_area(tmp_path: Path) -> None:
    line = Line(tmp_path)
    other = tmp_path / "other"
    (other / DAY).mkdir(parents=True)
    (other / DAY / "_SUCCESS").touch()
    landing = storage(other.as_uri())
    assert keys(steps.new_drops(line.settings, landing=landing)) == [DAY]
    assert steps.list_drop(line.settings, DAY, landing=landing)["listed"] == 1
    assert steps.new_drops(line.settings) == []


@pytest.mark.parametrize("run_id", ["scheduled__2026-11-20T00:00:00+00:00", "../../x", "a/b\n", "x" * 400, "", "é%2F"])
def test_a_run_record_gathers_what_its_tasks_leave(tmp_path: Path, run_id: str) -> None:
    settings = Line(tmp_path).settings
    assert steps.run_record(settings, run_id) == {}
    steps.record_run(settings, run_id, DAY, listing={"listed": 3})
    steps.record_run(settings, run_id, "", applied="10 posted")
    expected: dict[str, Any] = {"run_id": run_id, "drop": DAY, "listing": {"listed": 3}, "applied": "10 posted"}
    assert steps.run_record(settings, run_id) == expected
    assert len(list((tmp_path / "work" / "runs").iterdir())) == 1


def test_runs_with_similar_ids_have_records_of_their_own(tmp_path: Path) -> None:
    settings = Line(tmp_path).settings
    for run_id in ("a:b", "a~3Ab", "a b", "a/b"):
        steps.record_run(settings, run_id, run_id)
    assert [steps.run_record(settings, one)["drop"] for one in ("a:b", "a~3Ab", "a b", "a/b")] == [
        "a:b",
        "a~3Ab",
        "a b",
        "a/b",
    ]


def test_the_last_verdict_of_a_drop_is_kept(tmp_path: Path) -> None:
    settings = Line(tmp_path).settings
    assert steps.last_verdict(settings, DAY) == {}
    steps.record_verdict(settings, DAY, {"ok": False})
    steps.record_verdict(settings, DAY, {"ok": True})
    assert steps.last_verdict(settings, DAY) == {"ok": True}


def test_the_landing_area_and_the_committed_manifest_can_be_compared(tmp_path: Path) -> None:
    line = Line(tmp_path)
    directory = line.lay(DAY, {"a.dcm": dicom("1.9.1")})
    with pytest.raises(DropError, match="not in the catalog"):
        steps.committed_manifest(line.settings, DAY)
    line.ingest(DAY)
    (directory / "late.dcm").touch()
    kept = {entry.path for entry in steps.committed_manifest(line.settings, DAY)}
    assert {entry.path for entry in steps.listed_now(line.settings, DAY)} - kept == {f"{DAY}/late.dcm"}
    assert list(steps.listed_now(line.settings, LATER)) == []


def test_the_resolved_catalog_holds_every_record_with_its_state(tmp_path: Path) -> None:
    line = Line(tmp_path)
    assert len(steps.resolved(line.settings)) == 0
    line.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1"), "c": b"x"})
    line.lay(LATER, {"d": dicom("1.9.1", patient="Q")})
    for drop in (DAY, LATER):
        line.ingest(drop)
    table = steps.resolved(line.settings)
    assert dict(zip(table["path"].to_pylist(), table["state"].to_pylist(), strict=True)) == {
        f"{DAY}/a": "indexed",
        f"{DAY}/b": "duplicate",
        f"{LATER}/d": "conflict",
    }
    assert set(table["study"].to_pylist()) == {"1.2.3"}
    before_digests = steps.resolved(line.settings, 1, 0)
    assert sorted(before_digests["state"].to_pylist()) == ["conflict", "indexed"]
