"""The resolve rule on tables made by hand."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.catalog import balanced, ledger_of, summary_line
from dicomdex.extract.row import FILES_SCHEMA
from dicomdex.resolve import DIGESTS_SCHEMA, IDENTITY_COLUMNS, candidates, resolve

CHECKED = settings(derandomize=True, deadline=None, database=None)
SCHEMA = pa.schema([FILES_SCHEMA.field(name) for name in IDENTITY_COLUMNS])


def row(file_id: str, **columns: Any) -> dict[str, Any]:
    same = {"study_instance_uid": "1.2", "series_instance_uid": "1.2.1", "patient_id": "P", "header_digest": "h"}
    placed = {"drop_key": "a", "path": f"a/{file_id}", "size": 10, "mtime": 5, "outcome": "record"}
    return {"file_id": file_id, "sop_instance_uid": "1.9", **same, **placed, **columns}


def table(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=SCHEMA)


def digests(**sha256: str) -> pa.Table:
    rows = [{"file_id": name, "size": 10, "mtime": 5, "sha256": value} for name, value in sha256.items()]
    return pa.Table.from_pylist(rows, schema=DIGESTS_SCHEMA)


def states(rows: pa.Table, known: pa.Table) -> dict[str, str]:
    found = resolve(rows, known)
    return dict(zip(found["file_id"].to_pylist(), found["state"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("lesser", "greater"),
    [
        ({"drop_key": "2026-01-01", "header_digest": "z"}, {"drop_key": "2026-01-02", "header_digest": "a"}),
        ({"header_digest": "a", "path": "a/z"}, {"header_digest": "b", "path": "a/a"}),
        ({"path": "a/Z"}, {"path": "a/a"}),
        ({"path": "a/z"}, {"path": "a/é"}),
        ({"path": "a/￿"}, {"path": "a/😀"}),  # by UTF-8 bytes; UTF-16 would say the opposite
        ({"path": "a/x", "member": None}, {"path": "a/x", "member": "m"}),
        ({"path": "a/x", "member": "m"}, {"path": "a/x", "member": "n"}),
    ],
)
def test_the_primary_is_the_least_by_drop_header_path_and_member(
    lesser: dict[str, Any], greater: dict[str, Any]
) -> None:
    found = resolve(table(row("g", **greater), row("l", **lesser)), digests())
    assert found["state"].to_pylist() == ["conflict", "indexed"]
    assert found["primary_file_id"].to_pylist() == ["l", "l"]


def test_a_duplicate_needs_the_proof_of_the_same_bytes() -> None:
    rows = table(row("p", path="a/1"), row("q", path="a/2"))
    assert states(rows, digests(p="x", q="x")) == {"p": "indexed", "q": "duplicate"}
    assert states(rows, digests(p="x", q="y")) == {"p": "indexed", "q": "conflict"}
    assert states(rows, digests(p="x")) == {"p": "indexed", "q": "conflict"}
    assert states(rows, digests(q="x")) == {"p": "indexed", "q": "conflict"}
    assert states(rows, digests()) == {"p": "indexed", "q": "conflict"}


@pytest.mark.parametrize("column", ["study_instance_uid", "series_instance_uid", "patient_id"])
@pytest.mark.parametrize("value", ["other", None, ""])
def test_another_study_series_or_patient_is_a_conflict_whatever_the_bytes(column: str, value: str | None) -> None:
    rows = table(row("p", path="a/1"), row("q", path="a/2", **{column: value}))
    assert states(rows, digests(p="x", q="x"))["q"] == "conflict"


def test_null_equals_null_but_not_the_empty_text() -> None:
    none, empty = row("p", path="a/1", patient_id=None), row("r", path="a/3", patient_id="")
    found = states(table(none, row("q", path="a/2", patient_id=None), empty), digests(p="x", q="x", r="x"))
    assert found == {"p": "indexed", "q": "duplicate", "r": "conflict"}


@pytest.mark.parametrize("stale", [{"size": 11}, {"mtime": 6}])
def test_a_digest_holds_only_for_the_size_and_mtime_it_was_made_of(stale: dict[str, int]) -> None:
    known = pa.Table.from_pylist(
        [
            {"file_id": "p", "size": 10, "mtime": 5, "sha256": "x"},
            {"file_id": "q", "size": 10, "mtime": 5, "sha256": "x"} | stale,
        ],
        schema=DIGESTS_SCHEMA,
    )
    assert states(table(row("p", path="a/1"), row("q", path="a/2")), known)["q"] == "conflict"


def test_every_copy_is_judged_against_the_primary_alone() -> None:
    rows = table(row("p", path="a/1"), row("q", path="a/2"), row("r", path="a/3"))
    assert states(rows, digests(p="x", q="y", r="y")) == {"p": "indexed", "q": "conflict", "r": "conflict"}


def test_rows_that_are_no_records_keep_what_they_are() -> None:
    rows = table(
        row("r", outcome="reject", reason="truncated"),
        row("i", outcome="ignored", reason="marker", sop_instance_uid=None),
        row("c", outcome="container", sop_instance_uid=None),
        row("p"),
    )
    found = resolve(rows, digests())
    assert found["state"].to_pylist() == ["rejected", "ignored", "container", "indexed"]
    assert found["primary_file_id"].to_pylist() == [None, None, None, "p"]


def test_no_rows_resolve_to_no_rows() -> None:
    assert len(resolve(table(), digests())) == 0
    assert len(candidates(table())) == 0


def test_only_rows_that_may_be_copies_are_read_in_full_and_their_primary_with_them() -> None:
    rows = table(
        row("p", path="a/1"),
        row("same", path="a/2"),
        row("longer", path="a/3", size=11),
        row("header", path="a/4", header_digest="z"),
        row("patient", path="a/5", patient_id="Q"),
        row("alone", sop_instance_uid="1.8"),
        row("reject", outcome="reject"),
    )
    assert sorted(candidates(rows)["file_id"].to_pylist()) == ["p", "same"]


uids = st.sampled_from(["1.1", "1.2", "1.3"])
made = st.fixed_dictionaries(
    {
        "sop_instance_uid": uids,
        "drop_key": st.sampled_from(["a", "b"]),
        "header_digest": st.sampled_from(["g", "h"]),
        "patient_id": st.sampled_from([None, "", "P"]),
        "outcome": st.sampled_from(["record", "record", "record", "reject", "ignored", "container"]),
        "reason": st.sampled_from(["x", "y"]),
        "sha256": st.sampled_from([None, "s", "t"]),
    }
)


def laid(parts: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], pa.Table]:
    rows = [
        row(str(n), path=f"p/{n % 3}/{n}", **{k: v for k, v in one.items() if k != "sha256"})
        for n, one in enumerate(parts)
    ]
    return rows, digests(**{str(n): one["sha256"] for n, one in enumerate(parts) if one["sha256"]})


@CHECKED
@given(st.lists(made, max_size=14), st.randoms())
def test_the_order_of_the_rows_cant_matter(parts: list[dict[str, Any]], order: random.Random) -> None:
    rows, known = laid(parts)
    shuffled = rows[:]
    order.shuffle(shuffled)
    assert states(table(*rows), known) == states(table(*shuffled), known)


@CHECKED
@given(st.lists(made, max_size=14))
def test_each_uid_has_one_primary_and_the_candidates_are_all_the_digests_that_matter(
    parts: list[dict[str, Any]],
) -> None:
    rows, known = laid(parts)
    every = table(*rows)
    found = states(every, known)
    with_record = Counter(r["sop_instance_uid"] for r in rows if r["outcome"] == "record")
    assert Counter(r["sop_instance_uid"] for r in rows if found[r["file_id"]] == "indexed") == Counter(set(with_record))
    wanted = set(candidates(every)["file_id"].to_pylist())
    fewer = pa.Table.from_pylist([d for d in known.to_pylist() if d["file_id"] in wanted], schema=DIGESTS_SCHEMA)
    assert states(every, fewer) == found


@CHECKED
@given(st.lists(made, max_size=14))
def test_the_ledger_always_balances(parts: list[dict[str, Any]]) -> None:
    rows, known = laid(parts)
    every = table(*rows)
    ledger = ledger_of("a", every, resolve(every, known)["state"].to_pylist(), 3)
    assert balanced(ledger)
    assert ledger["listed"] == sum(r["outcome"] != "container" for r in rows)
    assert summary_line(ledger).startswith(f"{ledger['listed']} file")
