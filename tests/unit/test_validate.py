"""Comparisons: ids as sets without order, one wrong one found by its bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dicomdex.validate import (
    Check,
    Record,
    bucket_sums,
    compare_counts,
    compare_sets,
    differing_buckets,
    document_ids,
    sentence,
)

IDS = st.sets(st.text(min_size=1, max_size=20), max_size=50)


@given(IDS)
def test_the_order_of_ids_does_not_matter(ids: set[str]) -> None:
    assert bucket_sums(sorted(ids)) == bucket_sums(sorted(ids, reverse=True))


@given(IDS, st.text(min_size=1, max_size=20))
def test_one_id_more_is_seen_in_exactly_its_bucket(ids: set[str], one: str) -> None:
    differing = differing_buckets(bucket_sums(ids - {one}), bucket_sums(ids | {one}))
    assert differing == sorted(bucket_sums([one]))


def test_an_exchanged_id_in_one_bucket_is_seen() -> None:
    base = [f"1.2!i.{n}" for n in range(20_000)]
    bucket = next(iter(bucket_sums(base[:1])))
    other = next(f"1.2!i.x{n}" for n in range(100_000) if bucket in bucket_sums([f"1.2!i.x{n}"]))
    assert differing_buckets(bucket_sums(base), bucket_sums([other, *base[1:]])) == [bucket]


def test_documents_of_a_record_that_is_not_primary_are_copies_alone() -> None:
    records = [
        Record("d1", "1.2", "1.2.3", "1.2.3.4", "f1", "indexed"),
        Record("d2", "1.2", "1.2.3", "1.2.3.4", "f2", "duplicate"),
        Record("d2", "9.9", "9.9.1", "1.2.3.4", "f3", "conflict"),
    ]
    assert document_ids(records) == {
        "study": {"1.2!study"},
        "series": {"1.2!s.1.2.3"},
        "instance": {"1.2!i.1.2.3.4"},
        "copy": {"1.2!c.f2", "9.9!c.f3"},
    }


def test_a_failed_check_says_expected_found_and_the_first_ten() -> None:
    check = compare_sets("files", [f"f{n:02}" for n in range(30)], ["f05", "g"])
    assert not check.ok
    assert len(check.missing) == 10
    assert check.extra == ("g",)
    assert sentence([check, Check("catalog", 3, 3)]).startswith("files: expected 30, found 2; missing f00, f01")


def test_equal_counts_hide_no_difference_between_keys() -> None:
    checks = list(compare_counts("instances", {"d1": 2, "d2": 1}, {"d1": 1, "d2": 2}))
    assert [(check.check, check.ok) for check in checks] == [("instances of d1", False), ("instances of d2", False)]
    assert sentence(compare_counts("instances", {"d1": 2}, {"d1": 2})) == "ok"
