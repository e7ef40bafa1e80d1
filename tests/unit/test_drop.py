"""Drop keys, the depth of drops, and when a drop counts as complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomdex.drop import (
    DROP_KEY,
    Look,
    at_depth,
    directory_of,
    drop_key,
    is_settled,
    key_of,
    listing_digest,
    look_again,
    marker_signature,
    name_hash,
    valid_key,
)
from dicomdex.entry import Entry
from dicomdex.errors import DropError


@pytest.mark.parametrize("key", ["2026-11-20", "siteA~2026~11~20", "a", "A_b.c-1", "x" * 100])
def test_a_key_goes_to_its_directory_and_back(key: str) -> None:
    assert key_of(directory_of(key)) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x" * 101,
        "a/b",
        "a b",
        "..",
        "a..b",
        "~a",
        "a~",
        "a~~b",
        ".hidden",
        "a~.b",
        "a\n",
        "é",
        "a%2e",
        "$(id)",
        "a'b",
    ],
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(DropError, match="no drop key"):
        valid_key(key)


def test_a_refused_key_that_is_not_plain_text_is_not_repeated() -> None:
    with pytest.raises(DropError) as refused:
        valid_key("Zoë\n")
    assert "Zo" not in str(refused.value)


def test_a_directory_with_a_tilde_makes_no_key_because_it_would_mean_another_directory() -> None:
    with pytest.raises(DropError, match="~"):
        key_of("a~b")


@given(st.text(st.sampled_from("abz019._-~/"), max_size=12))
def test_every_key_made_from_a_path_is_a_key_of_exactly_that_path(path: str) -> None:
    try:
        key = key_of(path)
    except DropError:
        return
    assert DROP_KEY.fullmatch(key)
    assert directory_of(key) == path.strip("/")


def test_the_partition_key_goes_before_the_param() -> None:
    assert drop_key("2026-11-20", "other") == "2026-11-20"
    assert drop_key(None, " 2026-11-21 ") == "2026-11-21"


@pytest.mark.parametrize("param", [None, "", "  "])
def test_a_run_without_a_drop_is_told_how_to_name_one(param: str | None) -> None:
    with pytest.raises(DropError, match="Param 'drop'"):
        drop_key(None, param)


def test_a_key_of_another_depth_is_refused_so_that_no_file_is_in_two_drops() -> None:
    assert at_depth("a~b", 2) == "a~b"
    with pytest.raises(DropError, match="DICOMDEX_DROP_DEPTH"):
        at_depth("a", 2)


def test_the_hash_of_a_name_says_nothing_of_it() -> None:
    assert name_hash("DOE^JANE") != name_hash("DOE^JOHN")
    assert len(name_hash("DOE^JANE")) == 16


def test_a_rewritten_marker_is_another_delivery() -> None:
    assert marker_signature(Entry("m", 0, 5)) != marker_signature(Entry("m", 0, 6))
    assert marker_signature(Entry("m", 0, 5)) != marker_signature(Entry("m", 1, 5))


ENTRIES = [Entry("d/a", 1, 10), Entry("d/b", 2, 20)]


def test_the_listing_digest_does_not_depend_on_the_order() -> None:
    assert listing_digest(ENTRIES) == listing_digest(reversed(ENTRIES))


@pytest.mark.parametrize("changed", [Entry("d/c", 2, 20), Entry("d/b", 3, 20), Entry("d/b", 2, 21)])
def test_the_listing_digest_sees_every_name_size_and_mtime(changed: Entry) -> None:
    assert listing_digest([ENTRIES[0], changed]) != listing_digest(ENTRIES)


def test_a_drop_is_settled_when_two_looks_a_quiet_period_apart_saw_the_same() -> None:
    first = look_again(None, "x", now=100.0)
    assert first == Look("x", 100.0)
    assert not is_settled(None, "x", 100.0, quiet_period=0)
    assert not is_settled(first, "x", 109.0, quiet_period=10)
    assert is_settled(first, "x", 110.0, quiet_period=10)


def test_a_change_starts_the_wait_anew() -> None:
    changed = look_again(Look("x", 100.0), "y", now=109.0)
    assert changed == Look("y", 109.0)
    assert not is_settled(Look("x", 100.0), "y", 500.0, quiet_period=10)


def test_looks_in_between_do_not_prolong_the_wait() -> None:
    assert look_again(Look("x", 100.0), "x", now=105.0) == Look("x", 100.0)


def test_a_clock_that_was_set_back_starts_the_wait_anew() -> None:
    assert look_again(Look("x", 100.0), "x", now=40.0) == Look("x", 40.0)
