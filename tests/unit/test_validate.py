"""Comparisons: documents as sets without order, one wrong one found by its bucket."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.index import BUCKETS, hashed
from dicomdex.validate import (
    Check,
    bucket_sums,
    compare_counts,
    compare_ids,
    compare_sets,
    content_rows,
    differing_buckets,
    document_ids,
    facet_sums,
    hashes,
    sentence,
    verdict_table,
)

CHECKED = settings(derandomize=True, deadline=None, database=None)
IDS = st.lists(st.text(min_size=1, max_size=20), unique=True, max_size=50)
COLUMNS = ("drop_key", "study", "series", "sop_instance_uid", "file_id", "state")
RECORDS = pa.Table.from_pylist(
    [
        dict(zip(COLUMNS, values, strict=True))
        for values in (
            ("d1", "1.2", "1.2.3", "1.2.3.4", "f1", "indexed"),
            ("d2", "1.2", "1.2.3", "1.2.3.5", "f4", "indexed"),
            ("d2", "1.2", "1.2.3", "1.2.3.4", "f2", "duplicate"),
            ("d2", "9.9", "9.9.1", "1.2.3.4", "f3", "conflict"),
        )
    ]
)


def sums(ids: list[str]) -> np.ndarray:
    own = hashes(pa.array(ids, pa.string()))
    return bucket_sums(own, own)


@CHECKED
@given(IDS)
def test_hashes_are_those_that_the_documents_carry(ids: list[str]) -> None:
    assert hashes(pa.array(ids, pa.string())).tolist() == [hashed(one).lo | hashed(one).hi << 32 for one in ids]


@CHECKED
@given(IDS)
def test_the_order_of_ids_does_not_matter(ids: list[str]) -> None:
    assert (sums(sorted(ids)) == sums(sorted(ids, reverse=True))).all()


@CHECKED
@given(IDS, st.text(min_size=1, max_size=20))
def test_one_id_more_is_seen_in_exactly_its_bucket(ids: list[str], one: str) -> None:
    others = [other for other in ids if other != one]
    assert differing_buckets(sums(others), sums([*others, one])) == [hashed(one).bucket]


def test_an_exchanged_id_in_one_bucket_is_seen() -> None:
    base = [f"1.2!i.{n}" for n in range(20_000)]
    bucket = hashed(base[0]).bucket
    other = next(name for n in range(100_000) if hashed(name := f"1.2!i.x{n}").bucket == bucket)
    assert differing_buckets(sums(base), sums([other, *base[1:]])) == [bucket]


def test_sums_of_a_facet_are_those_of_the_ids() -> None:
    ids = [f"1.2!i.{n}" for n in range(500)]
    own = [hashed(one) for one in ids]
    buckets = [
        {"val": bucket, "count": len(inside), "a": float(sum(x.lo for x in inside)), "b": sum(x.hi for x in inside)}
        for bucket in range(BUCKETS)
        if (inside := [x for x in own if x.bucket == bucket])
    ]
    assert differing_buckets(sums(ids), facet_sums(buckets, "a", "b")) == []


@pytest.mark.parametrize(("lo", "hi"), [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (1, 0x80000000)])
def test_content_rows_keep_the_study_the_hash_and_the_digest(lo: int, hi: int) -> None:
    rows = content_rows(pa.array(["1.2!i.3"]), pa.array([lo]), pa.array([hi]))
    assert rows["study"].to_pylist() == ["1.2"]
    assert rows["id_hash"].to_numpy().view(np.uint64).tolist() == hashes(pa.array(["1.2!i.3"])).tolist()
    assert rows["content_hash"].to_numpy().view(np.uint64).tolist() == [lo | hi << 32]
    assert len(content_rows(*(pa.array([], kind) for kind in (pa.string(), pa.int64(), pa.int64())))) == 0


def test_documents_of_a_record_that_is_not_primary_are_copies_alone() -> None:
    assert {level: sorted(ids.to_pylist()) for level, ids in document_ids(RECORDS).items()} == {
        "study": ["1.2!study"],
        "series": ["1.2!s.1.2.3"],
        "instance": ["1.2!i.1.2.3.4", "1.2!i.1.2.3.5"],
        "copy": ["1.2!c.f2", "9.9!c.f3"],
    }


def test_a_failed_check_says_expected_found_and_the_first_ten() -> None:
    check = compare_sets("files", [f"f{n:02}" for n in range(30)], ["f05", "g"])
    assert not check.ok
    assert len(check.missing) == 10
    assert check.extra == ("g",)
    assert sentence([check, Check("catalog", 3, 3)]).startswith("files: expected 30, found 2; missing f00, f01")
    assert not Check("content", 3, 3, differing=("x",)).ok


def test_ids_are_compared_as_bytes_and_named_in_hex() -> None:
    check = compare_ids("files", {bytes([n]) for n in range(30)}, {b"\x05", b"\xff"})
    assert (check.expected, check.found, check.ok) == (30, 2, False)
    assert (check.missing[:2], len(check.missing), check.extra) == (("00", "01"), 10, ("ff",))
    assert compare_ids("files", {b"x": 1}.keys(), {b"x"}).ok


def test_equal_counts_hide_no_difference_between_keys() -> None:
    checks = list(compare_counts("instances", {"d1": 2, "d2": 1}, {"d1": 1, "d2": 2}))
    assert [(check.check, check.ok) for check in checks] == [("instances of d1", False), ("instances of d2", False)]
    assert sentence(compare_counts("instances", {"d1": 2}, {"d1": 2})) == "ok"


def test_a_verdict_is_a_table() -> None:
    checks = [Check("ids", 1200, 1200), Check("content", 1200, 1199, differing=("x",))]
    assert verdict_table(check.as_dict() for check in checks) == [
        "check    expected  found",
        "ids         1,200  1,200  ok",
        "content     1,200  1,199  NOT OK",
    ]
