"""Commits that are repeated, killed, raced, refused: real files, real Delta."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.catalog import Part
from dicomdex.errors import CommitRefused
from dicomdex.steps_commit import Commit
from tests.unit.line import DAY, Line, dicom

INDEXED, DUPLICATE, CONFLICT = ("indexed", None), ("duplicate", None), ("conflict", None)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def several(count: int, prefix: str = "1.9") -> dict[str | bytes, bytes]:
    return {f"{n:03}.dcm": dicom(f"{prefix}.{n}") for n in range(count)}


def test_the_same_drop_again_has_nothing_to_do_unless_forced(line: Line) -> None:
    line.lay(DAY, several(3))
    line.ingest(DAY)
    again = steps.list_drop(line.settings, DAY)
    assert (again["unchanged"], again["batches"], again["listing_seq"]) == (True, [], 1)
    assert steps.commit(line.settings, again, [])["outcome"] == "unchanged"
    assert Catalog(line.settings.catalog).version() == 1
    forced = line.ingest(DAY, force=True)
    assert (forced["outcome"], forced["listing_seq"], forced["rows"]) == ("committed", 2, 4)


def test_a_listing_that_was_forced_stays_forced_at_its_commit(line: Line) -> None:
    line.lay(DAY, several(1))
    line.ingest(DAY)
    listing = steps.list_drop(line.settings, DAY, force=True)
    assert steps.commit(line.settings, listing, line.extract(listing))["outcome"] == "committed"


def test_a_commit_repeated_is_already_there_and_an_older_one_is_superseded(line: Line) -> None:
    line.lay(DAY, several(2))
    first = steps.list_drop(line.settings, DAY)
    line.lay(DAY, {"more.dcm": dicom("1.9.9")})
    second = steps.list_drop(line.settings, DAY)
    read = line.extract(first), line.extract(second)
    assert steps.commit(line.settings, second, read[1])["outcome"] == "committed"
    assert steps.commit(line.settings, second, read[1])["outcome"] == "already"
    assert steps.commit(line.settings, first, read[0])["outcome"] == "superseded"
    assert len(line.states(DAY)) == 3


def test_of_two_first_commits_at_once_exactly_one_is_committed(line: Line) -> None:
    line.lay(DAY, several(4))
    listings = [steps.list_drop(line.settings, DAY, force=True) for _ in range(2)]
    read = [line.extract(listing) for listing in listings]
    start, outcomes = threading.Barrier(4), []

    def commit(number: int) -> None:
        start.wait()
        outcomes.append((number, steps.commit(line.settings, listings[number], read[number])["outcome"]))

    threads = [threading.Thread(target=commit, args=(number,)) for number in (0, 0, 1, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    newest = [outcome for number, outcome in outcomes if number == 1]
    assert sorted(newest) == ["already", "committed"]
    assert {outcome for number, outcome in outcomes if number == 0} <= {"committed", "already", "superseded"}
    assert set(line.states(DAY).values()) == {INDEXED}
    assert steps.ledger(line.settings, DAY)["listed"] == 5


def test_a_commit_killed_between_renaming_and_transaction_goes_on_where_it_was(line: Line) -> None:
    line.lay(DAY, several(4))
    listing = steps.list_drop(line.settings, DAY)
    read = line.extract(listing)
    killed = Commit(line.settings, DAY, listing["listing_seq"])
    for result in read[:2]:
        for file in result["files"]:
            killed.place(Part(**file))
    assert Catalog(line.settings.catalog).version() == -1
    done = steps.commit(line.settings, listing, read)
    assert (done["outcome"], done["rows"]) == ("committed", 5)


def test_a_commit_killed_before_its_digests_reads_them_when_it_is_called_again(line: Line) -> None:
    line.lay(DAY, {"a.dcm": dicom("1.9.1"), "b.dcm": dicom("1.9.1")})
    listing = steps.list_drop(line.settings, DAY)
    read = line.extract(listing)
    killed = Commit(line.settings, DAY, listing["listing_seq"])
    assert killed.run(read, force=False, allow_shrink=False, run_id="") == "committed"
    assert line.states(DAY) == {"a.dcm": INDEXED, "b.dcm": CONFLICT}
    done = steps.commit(line.settings, listing, read)
    assert (done["outcome"], done["digests"]) == ("already", 2)
    assert line.states(DAY) == {"a.dcm": INDEXED, "b.dcm": DUPLICATE}


def test_digests_missing_since_a_kill_are_read_by_the_next_unchanged_run_too(line: Line) -> None:
    line.lay(DAY, {"a.dcm": dicom("1.9.1"), "b.dcm": dicom("1.9.1")})
    listing = steps.list_drop(line.settings, DAY)
    Commit(line.settings, DAY, 1).run(line.extract(listing), force=False, allow_shrink=False, run_id="")
    assert line.ingest(DAY)["digests"] == 2
    assert line.ingest(DAY)["digests"] == 0


def test_files_that_are_missing_or_cut_refuse_the_commit(line: Line, tmp_path: Path) -> None:
    line.lay(DAY, several(4))
    listing = steps.list_drop(line.settings, DAY)
    read = line.extract(listing)
    with pytest.raises(CommitRefused, match="no one result for batch 0"):
        steps.commit(line.settings, listing, read[1:])
    victim = tmp_path / "work" / "drops" / DAY / "000001" / read[0]["files"][0]["name"]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1])
    with pytest.raises(CommitRefused, match="1 of 3 extracted files"):
        steps.commit(line.settings, listing, read)
    victim.unlink()
    with pytest.raises(CommitRefused, match="1 of 3 extracted files"):
        steps.commit(line.settings, listing, read)
    assert Catalog(line.settings.catalog).committed_seq(DAY) is None
    victim.write_bytes(whole)
    assert steps.commit(line.settings, listing, read)["outcome"] == "committed"


def test_a_batch_extracted_twice_is_committed_once(line: Line, tmp_path: Path) -> None:
    line.lay(DAY, several(3))
    listing = steps.list_drop(line.settings, DAY)
    late, taken = line.extract(listing, attempt=1), line.extract(listing, attempt=1)
    assert {f["name"] for r in late for f in r["files"]}.isdisjoint(f["name"] for r in taken for f in r["files"])
    assert steps.commit(line.settings, listing, taken)["rows"] == 4


def test_a_drop_delivered_again_with_files_less_is_refused_then_allowed(line: Line) -> None:
    directory = line.lay(DAY, several(4))
    line.ingest(DAY)
    (directory / "000.dcm").unlink()
    with pytest.raises(CommitRefused, match="1 of 4 records would be lost") as refused:
        line.ingest(DAY)
    assert "000.dcm" not in str(refused.value)
    assert len(line.states(DAY)) == 4
    assert line.ingest(DAY, allow_shrink=True)["outcome"] == "committed"
    assert sorted(line.states(DAY)) == ["001.dcm", "002.dcm", "003.dcm"]


def test_one_file_less_of_many_passes(tmp_path: Path) -> None:
    line = Line(tmp_path, batch_files=200)
    directory = line.lay(DAY, several(120))
    line.ingest(DAY)
    (directory / "000.dcm").unlink()
    assert line.ingest(DAY)["outcome"] == "committed"
    assert len(line.states(DAY)) == 119


def test_a_purged_source_never_empties_the_catalog(line: Line) -> None:
    directory = line.lay(DAY, several(3))
    line.ingest(DAY)
    listing = steps.list_drop(line.settings, DAY, force=True)
    for file in directory.glob("*.dcm"):
        file.unlink()
    read = line.extract(listing)
    assert sum((result["rejects"].get("vanished", 0) for result in read), 0) == 3
    with pytest.raises(CommitRefused, match="vanished, changed or crashed"):
        steps.commit(line.settings, listing, read)
    with pytest.raises(CommitRefused, match="3 of 3 records would be lost"):
        line.ingest(DAY)
    assert set(line.states(DAY).values()) == {INDEXED}


def test_every_try_of_one_commit_at_once_ends_well_while_the_drop_is_being_replaced(line: Line) -> None:
    line.lay(DAY, several(12))
    line.ingest(DAY)
    listing = steps.list_drop(line.settings, DAY, force=True)
    read = line.extract(listing)
    start, outcomes = threading.Barrier(4), []

    def commit() -> None:
        start.wait()
        outcomes.append(steps.commit(line.settings, listing, read)["outcome"])

    threads = [threading.Thread(target=commit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already", "already", "already", "committed"]
    assert len(line.states(DAY)) == 12
