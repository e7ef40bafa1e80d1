"""The guards of a commit and the ledger's line, as pure rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from dicomdex.catalog import (
    GUARD_COLUMNS,
    Part,
    check_shrink,
    check_sizes,
    decide,
    ledger_of,
    parts_of,
    summary_line,
)
from dicomdex.errors import CommitRefused
from dicomdex.extract.row import FILES_SCHEMA


@pytest.mark.parametrize(
    ("seq", "committed", "same", "force", "outcome"),
    [
        (1, None, False, False, None),
        (2, 1, False, False, None),
        (2, 1, True, False, "unchanged"),
        (2, 1, True, True, None),
        (2, 2, True, True, "already"),
        (1, 2, False, True, "superseded"),
    ],
)
def test_a_listing_is_committed_only_when_it_is_newer_and_may_differ(
    seq: int, committed: int | None, same: bool, force: bool, outcome: str | None
) -> None:
    assert decide(seq, committed, same_result=same, force=force) == outcome


def result(batch: int, rows: int = 2, entries: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "batch": batch,
        "rows": rows,
        "entries": entries,
        "files": [{"name": f"{batch}", "rows": rows, "size": 9}],
        **more,
    }


def test_results_that_sum_to_the_manifest_give_their_files() -> None:
    assert parts_of("d", 2, 4, [result(1), result(0)]) == [Part("1", 2, 9), Part("0", 2, 9)]
    assert parts_of("d", 0, 0, []) == []


@pytest.mark.parametrize(
    ("results", "said"),
    [
        ([result(0)], "batch 1 of 2"),
        ([result(0), result(0), result(1)], "batch 0 of 2"),
        ([result(0), result(1), result(2)], "batch 2 of 2"),
        ([result(0), result(1, 1, 1)], "4 files were listed, 3 rows"),
        ([result(0), result(1, files=[])], "the files hold 2"),
    ],
)
def test_results_that_do_not_sum_to_the_manifest_are_refused(results: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(CommitRefused, match=said):
        parts_of("d", 2, 4, results)


@pytest.mark.parametrize("found", [None, 8, 10, 0])
def test_a_file_that_is_missing_or_not_as_long_as_written_is_refused(found: int | None) -> None:
    check_sizes("d", [Part("a", 1, 9)], [9])
    with pytest.raises(CommitRefused, match=r"1 of 2 extracted files .*b"):
        check_sizes("d", [Part("a", 1, 9), Part("b", 1, 9)], [9, found])


def rows(*made: tuple[str, str, str | None]) -> pa.Table:
    columns = [(f"id-{path}", path, None, outcome, reason) for path, outcome, reason in made]
    schema = pa.schema([FILES_SCHEMA.field(name) for name in GUARD_COLUMNS])
    return pa.Table.from_pylist([dict(zip(GUARD_COLUMNS, one, strict=True)) for one in columns], schema=schema)


def records(numbers: Sequence[int]) -> pa.Table:
    return rows(*[(f"p{n:03}", "record", None) for n in numbers])


def test_one_percent_of_the_records_may_go_and_no_more() -> None:
    check_shrink("d", records(range(200)), records(range(2, 200)), 0.01)
    with pytest.raises(CommitRefused, match=r"3 of 200 records .*id-p000, id-p001, id-p002; allow_shrink"):
        check_shrink("d", records(range(200)), records(range(3, 200)), 0.01)


def test_as_many_new_records_do_not_make_up_for_lost_ones() -> None:
    with pytest.raises(CommitRefused, match="100 of 100"):
        check_shrink("d", records(range(100)), records(range(100, 200)), 0.01)


def test_the_refusal_names_ten_files_and_no_path() -> None:
    with pytest.raises(CommitRefused) as refused:
        check_shrink("d", records(range(100)), records([]), 0.01)
    assert str(refused.value).count("id-p") == 10
    assert "..." in str(refused.value)


@pytest.mark.parametrize("reason", ["vanished", "changed", "crashed"])
def test_not_one_record_may_turn_into_a_loss(reason: str) -> None:
    new = pa.concat_tables([records(range(999)), rows(("p999", "reject", reason))])
    with pytest.raises(CommitRefused, match=r"1 of 1000 records would turn into .*id-p999"):
        check_shrink("d", records(range(1000)), new, 0.01)


def test_a_file_found_broken_counts_like_one_that_is_gone() -> None:
    new = pa.concat_tables([records(range(199)), rows(("p199", "reject", "truncated"))])
    check_shrink("d", records(range(200)), new, 0.01)
    check_shrink("d", rows(("p", "reject", "changed")), rows(("p", "reject", "vanished")), 0.0)
    with pytest.raises(CommitRefused, match="be lost"):
        check_shrink("d", records(range(200)), new, 0.001)


def ledger(**more: Any) -> dict[str, Any]:
    none = {"indexed": 0, "duplicate": 0, "conflict": 0, "rejected": {}, "ignored": {}, "removed": 0}
    return {"drop": "d", "listed": 0, "catalog_version": 1, **none, **more}


def test_the_summary_line_reads_like_a_sum() -> None:
    full = ledger(listed=1204, indexed=1180, duplicate=20, rejected={"not_dicom": 1, "truncated": 3})
    assert summary_line(full) == "1,204 files = 1,180 indexed + 20 duplicate + 4 rejected (3 truncated, 1 not_dicom)"
    assert summary_line(ledger()) == "0 files"
    assert summary_line(ledger(listed=1, ignored={"marker": 1})) == "1 file = 1 ignored (1 marker)"
    assert summary_line(ledger(listed=3, conflict=2, removed=1)) == "3 files = 2 conflict + 1 removed"


def test_containers_are_not_listed_their_members_are() -> None:
    found = ledger_of("d", rows(("z", "container", None), ("z!a", "record", None)), ["container", "indexed"], 7)
    assert (found["listed"], found["indexed"], found["catalog_version"]) == (1, 1, 7)
