"""list_drop, extract, commit, states and ledger together: real files, real Delta."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dicomdex import steps
from dicomdex.adapters.work import WorkArea
from dicomdex.catalog import balanced, summary_line
from dicomdex.entry import Entry
from dicomdex.errors import DropError
from dicomdex.extract.row import file_id
from dicomdex.manifest import build
from tests.unit.line import DAY, Line, dicom

INDEXED, DUPLICATE, CONFLICT = ("indexed", None), ("duplicate", None), ("conflict", None)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def several(count: int, prefix: str = "1.9") -> dict[str | bytes, bytes]:
    return {f"{n:03}.dcm": dicom(f"{prefix}.{n}") for n in range(count)}


def test_a_drop_goes_from_the_landing_area_to_a_ledger_that_balances(line: Line) -> None:
    line.lay(DAY, {**several(3), "a/text.dcm": b"Dear Sirs, " * 50, "empty.dcm": b"", "x.tmp": b"1", ".hidden": b"2"})
    done = line.ingest(DAY)
    assert (done["outcome"], done["rows"], done["listing_seq"]) == ("committed", 8, 1)
    assert line.states(DAY) == {
        "000.dcm": INDEXED,
        "001.dcm": INDEXED,
        "002.dcm": INDEXED,
        "a/text.dcm": ("rejected", "not_dicom"),
        "empty.dcm": ("rejected", "empty"),
        "x.tmp": ("ignored", "temporary"),
        ".hidden": ("ignored", "dotfile"),
    }
    ledger = steps.ledger(line.settings, DAY)
    assert balanced(ledger)
    assert (ledger["listed"], ledger["catalog_version"]) == (8, done["catalog_version"])
    assert summary_line(ledger) == (
        "8 files = 3 indexed + 2 rejected (1 empty, 1 not_dicom) + 3 ignored (1 dotfile, 1 marker, 1 temporary)"
    )
    assert steps.drops(line.settings) == [DAY]


def test_names_of_any_bytes_links_and_fifos_all_end_in_a_state(line: Line) -> None:
    names = [b"a\nb", b"'$(id)'", b"\xff.dcm", b"%2e%2e", b"-rf", "é".encode()]
    directory = line.lay(DAY, {name: dicom(f"1.9.{n}") for n, name in enumerate(names)})
    os.mkfifo(directory / "fifo.dcm")
    (directory / "in.dcm").symlink_to("-rf")
    (directory / "out.dcm").symlink_to("/etc/hostname")
    (directory / "loop.dcm").symlink_to("loop.dcm")
    line.ingest(DAY)
    found = line.states(DAY)
    assert {found.pop(name) for name in ("a%0Ab", "'$(id)'", "%FF.dcm", "%252e%252e", "-rf", "é")} == {INDEXED}
    assert found == {
        "fifo.dcm": ("rejected", "not_regular"),
        "in.dcm": ("rejected", "not_regular"),
        "loop.dcm": ("rejected", "not_regular"),
        "out.dcm": ("rejected", "outside_drop"),
    }


def test_a_drop_that_is_not_there_or_goes_in_mid_extraction_is_an_error(line: Line) -> None:
    with pytest.raises(DropError, match=f"drop {DAY} is not in the landing area"):
        steps.list_drop(line.settings, DAY)
    directory = line.lay(DAY, several(4))
    listing = steps.list_drop(line.settings, DAY)
    shutil.rmtree(directory)
    with pytest.raises(DropError, match=rf"drop {DAY} gone after 0 of 2 files"):
        line.extract(listing)
    with pytest.raises(DropError, match="not in the catalog"):
        steps.ledger(line.settings, DAY)


def test_a_storage_error_is_raised_with_drop_and_file_id_and_is_no_reject(line: Line) -> None:
    line.lay(DAY, {"a.dcm": dicom("1.9.1")})
    listing = steps.list_drop(line.settings, DAY)
    unopenable = Entry(f"{DAY}/DOE^JANE{'x' * 300}.dcm", 5, 5)  # ENAMETOOLONG: neither there nor not there
    manifest = build([unopenable], DAY, marker="", batch_files=9, batch_bytes=9)
    work = WorkArea(line.settings.work)
    work.accept(work.accepted(DAY, listing["listing_seq"]), manifest)
    with pytest.raises(OSError, match=f"drop {DAY}, file {file_id(DAY, unopenable.path)}") as failed:
        steps.extract(line.settings, listing["batches"][0], run_id="r", attempt=1)
    assert failed.value.errno == errno.ENAMETOOLONG
    assert "DOE" not in str(failed.value)


def test_a_file_replaced_since_the_listing_is_changed_or_not_regular(line: Line) -> None:
    directory = line.lay(DAY, several(3))
    listing = steps.list_drop(line.settings, DAY)
    (directory / "000.dcm").write_bytes(dicom("1.9.77") + b"\0\0")
    (directory / "001.dcm").unlink()
    (directory / "001.dcm").symlink_to("002.dcm")
    steps.commit(line.settings, listing, line.extract(listing))
    assert line.states(DAY) == {
        "000.dcm": ("rejected", "changed"),
        "001.dcm": ("rejected", "not_regular"),
        "002.dcm": INDEXED,
    }


@pytest.mark.parametrize(
    ("files", "marker", "said"),
    [
        ({}, True, "1 file = 1 ignored (1 marker)"),
        ({}, False, "0 files"),
        ({"a": b"", "b": b"x" * 200}, False, "2 files = 2 rejected (1 empty, 1 not_dicom)"),
    ],
)
def test_a_drop_of_a_marker_of_nothing_or_of_rejects_ends_in_a_clear_state(
    line: Line, files: dict[str | bytes, bytes], marker: bool, said: str
) -> None:
    line.lay(DAY, files, marker=marker)
    assert line.ingest(DAY)["outcome"] == "committed"
    assert summary_line(steps.ledger(line.settings, DAY)) == said
    assert steps.drops(line.settings) == [DAY]
    assert line.ingest(DAY)["outcome"] == "unchanged"


def test_listing_numbers_grow_even_when_the_work_area_is_lost(line: Line, tmp_path: Path) -> None:
    line.lay(DAY, several(2))
    assert [steps.list_drop(line.settings, DAY)["listing_seq"] for _ in range(3)] == [1, 2, 3]
    line.ingest(DAY)
    shutil.rmtree(tmp_path / "work")
    again = steps.list_drop(line.settings, DAY)
    assert (again["unchanged"], again["listing_seq"]) == (False, 5)
    assert steps.commit(line.settings, again, line.extract(again))["outcome"] == "committed"


def test_what_goes_over_xcom_and_into_the_manifest_is_plain_json_without_a_path(line: Line) -> None:
    line.lay(DAY, {"DOE^JANE.dcm": dicom("1.9.1", patient="CANARY"), "DOE.txt": b"x" * 200})
    listing = steps.list_drop(line.settings, DAY, run_id="r")
    read = line.extract(listing)
    said = json.dumps([listing, read, steps.commit(line.settings, listing, read, run_id="r")])
    assert "DOE" not in said
    assert "CANARY" not in said


def test_rows_carry_where_they_come_from(line: Line, tmp_path: Path) -> None:
    line.lay(DAY, several(1))
    listing = steps.list_drop(line.settings, DAY)
    result = steps.extract(line.settings, listing["batches"][0], run_id="run 1", attempt="2/x")
    path = tmp_path / "work" / "drops" / DAY / "000001" / result["files"][0]["name"]
    row = pq.read_table(path).slice(0, 1).to_pylist()[0]
    assert (row["manifest_id"], row["listing_seq"], row["batch"], row["run_id"]) == (
        listing["manifest_id"],
        1,
        0,
        "run 1",
    )
    assert result["bytes"] == sum(file.stat().st_size for file in (line.landing / DAY).iterdir())
