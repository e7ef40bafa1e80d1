"""Manifests: ignore rules, the id, the cut into batches, and the two files they are kept in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomdex.entry import Entry
from dicomdex.errors import ManifestError
from dicomdex.manifest import (
    MAX_BATCHES,
    Accepted,
    Manifest,
    build,
    cut,
    each_entry,
    entries_of,
    from_json,
    ignore_rule,
    to_json,
    to_parquet,
)


def built(entries: list[Entry], files: int = 2, size: int = 1 << 40) -> Manifest:
    return build(entries, "d", marker="_SUCCESS", batch_files=files, batch_bytes=size)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("_SUCCESS", "marker"),
        ("sub/_SUCCESS", None),
        (".DS_Store", "dotfile"),
        (".cache/x.dcm", "dotfile"),
        ("x.dcm.tmp", "temporary"),
        ("x.PART", "temporary"),
        ("x.dcm._COPYING_", "temporary"),
        ("x.dcm~", "temporary"),
        ("x.filepart", "temporary"),
        ("x.tmp/x.dcm", None),
        ("x.dcm", None),
        ("tmp", None),
        ("-rf", None),
    ],
)
def test_names_meet_the_ignore_rules(path: str, rule: str | None) -> None:
    assert ignore_rule(path, "_SUCCESS") == rule


def test_without_a_marker_no_name_is_one() -> None:
    assert ignore_rule("_SUCCESS", "") is None
    assert ignore_rule("", "") is None


def test_the_rules_look_at_the_path_inside_the_drop() -> None:
    entries = build([Entry("site/d/_SUCCESS", 0, 1)], "site/d", marker="_SUCCESS", batch_files=2, batch_bytes=9)
    assert entries.entries[0].rule == "marker"


def test_entries_are_sorted_and_nothing_listed_is_left_out() -> None:
    listed = [Entry("d/b", 1, 1), Entry("d/.x", 1, 1), Entry("d/a", 1, 1, "link"), Entry("d/c.tmp", 1, 1)]
    manifest = built(listed)
    assert [e.path for e in manifest.entries] == ["d/.x", "d/a", "d/b", "d/c.tmp"]
    assert [(e.kind, e.rule, e.batch) for e in manifest.entries] == [
        ("file", "dotfile", 0),
        ("link", None, 0),
        ("file", None, 1),
        ("file", "temporary", 1),
    ]
    assert manifest.batches == [{"batch": 0, "files": 2, "bytes": 2}, {"batch": 1, "files": 2, "bytes": 2}]


def test_the_id_is_that_of_the_listing_whatever_the_batches() -> None:
    listed = [Entry("d/a", 1, 1), Entry("d/b", 1, 1), Entry("d/c", 1, 1)]
    assert built(listed, 1).manifest_id == built(listed[::-1], 3).manifest_id
    assert built(listed).manifest_id != built(listed[:2]).manifest_id


def test_a_path_listed_twice_is_no_manifest() -> None:
    with pytest.raises(ManifestError, match="twice"):
        built([Entry("d/a", 1, 1), Entry("d/a", 2, 1)])


def test_a_batch_ends_at_its_bytes_and_a_file_over_them_is_alone() -> None:
    assert cut([4, 4, 4, 50, 1], batch_files=100, batch_bytes=10) == [0, 0, 1, 2, 3]


def test_there_are_never_more_batches_than_can_be_mapped() -> None:
    numbers = cut([1] * 2500, batch_files=1, batch_bytes=1)
    assert numbers[-1] + 1 <= MAX_BATCHES
    assert len(numbers) == 2500
    assert cut([1] * MAX_BATCHES, 1, 1)[-1] == MAX_BATCHES - 1


@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 7), st.integers(1, 100))
def test_batches_are_numbered_without_gaps_and_keep_both_limits(sizes: list[int], files: int, size: int) -> None:
    numbers = cut(sizes, files, size)
    assert sorted(set(numbers)) == list(range(len(set(numbers))))
    assert numbers == sorted(numbers)
    for batch in set(numbers):
        inside = [one for one, number in zip(sizes, numbers, strict=True) if number == batch]
        assert len(inside) <= files
        assert sum(inside) <= size or len([one for one in inside if one]) == 1 or len(inside) == 1


def test_a_manifest_survives_its_parquet_file_whole_and_batch_by_batch() -> None:
    manifest = built([Entry(f"d/%FF'\"$(id) é{i}", i, 10**18 + i, "link_out") for i in range(5)])
    parquet = to_parquet(manifest)
    assert tuple(entries_of(parquet)) == tuple(each_entry(parquet)) == manifest.entries
    assert [e.batch for e in entries_of(parquet, 1)] == [1, 1]


def test_an_empty_drop_has_a_manifest_without_batches() -> None:
    manifest = built([])
    assert (manifest.entries, manifest.batches) == ((), [])
    assert entries_of(to_parquet(manifest)) == []


def test_what_is_no_manifest_is_said_plainly() -> None:
    with pytest.raises(ManifestError, match="can't be read"):
        entries_of(b"PAR1 and no more")
    with pytest.raises(ManifestError, match="can't be read"):
        list(each_entry(b"PAR1 and no more"))
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        from_json(b"{")
    with pytest.raises(ManifestError, match=r"manifest\.json"):
        from_json(b'{"drop": "x"}')


def test_manifest_json_survives_and_says_whether_another_extraction_could_differ() -> None:
    accepted = Accepted("d", 3, "ab", "pydicom 3.0.2", 2, 7, [{"batch": 0, "files": 2, "bytes": 7}])
    assert from_json(to_json(accepted)) == accepted
    assert accepted.same_result("ab", "pydicom 3.0.2")
    assert not accepted.same_result("ab", "walker 1")
    assert not accepted.same_result("cd", "pydicom 3.0.2")
