"""Archives of every kind, whole and broken: each member has a row, each loss is a typed reject."""

from __future__ import annotations

import gzip
import tarfile
import zipfile

import pytest

from dicomdex.extract.archive import LONGEST_NAME, Listing, rule_of
from tests.factories import MemorySource
from tests.unit.made_archives import (
    CONTAINER,
    RECORD,
    WHOLE,
    found_in,
    never,
    reject,
    tarred,
    told,
    two,
    whole,
    zipped,
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", zipped({"a.dcm": WHOLE})),
        ("X.ZIP", zipped({"a.dcm": WHOLE}, zipfile.ZIP_STORED)),
        ("x.zip", b"#!/bin/sh\n" * 99 + zipped({"a.dcm": WHOLE})),
        ("x.zip", zipped({"a.dcm": WHOLE}, comment=b"PK\5\6 is how an end begins")),
        ("x.zip", zipped({"a.dcm": WHOLE}) + b"padding of some copier"),
        ("x.tar", tarred({"a.dcm": WHOLE}, format=tarfile.USTAR_FORMAT)),
        ("x.tar", tarred({"a.dcm": WHOLE}, format=tarfile.GNU_FORMAT)),
        ("x.Tar", tarred({"a.dcm": WHOLE}, format=tarfile.PAX_FORMAT, pax_headers={"comment": "x" * 2000})),
        ("x.tar.gz", tarred({"a.dcm": WHOLE}, "w:gz")),
        ("x.TGZ", tarred({"a.dcm": WHOLE}, "w:gz")),
        ("x.tgz", gzip.compress(tarred({"a.dcm": WHOLE})[:30_000]) + gzip.compress(tarred({"a.dcm": WHOLE})[30_000:])),
        ("a.dcm.gz", gzip.compress(WHOLE)),
        ("a.dcm.GZ", gzip.compress(WHOLE[:9_000]) + gzip.compress(WHOLE[9_000:]) + bytes(70_000)),
        ("a.dcm.gz", gzip.compress(WHOLE) + b"trailing"),
    ],
)  # fmt: skip
def test_one_member_is_a_container_and_a_record_of_the_members_own_bytes(name: str, content: bytes) -> None:
    found = found_in(name, content, whole)
    assert told(found) == two(CONTAINER, RECORD)
    assert [one.size for one in found] == [len(content), len(WHOLE)]
    assert found[0].reading.detail == "An archive of 1 member."


@pytest.mark.parametrize(
    ("name", "content"),
    [("x.zip", zipped({})), ("x.tar", tarred({})), ("x.tgz", tarred({}, "w:gz")), ("x.zip", zipped({"dir/": b""}))],
)
def test_an_archive_of_nothing_is_a_container_alone(name: str, content: bytes) -> None:
    found = found_in(name, content, never)
    assert (told(found), found[0].reading.detail) == ([(None, *CONTAINER)], "An archive of 0 members.")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("page.zip", b"<!doctype html><title>404</title>"),
        ("x.tar", b"no tar " * 999),
        ("x.gz", WHOLE),
        ("x.tar", WHOLE),
        ("x.zip", WHOLE + zipped({"a.dcm": b"DICM at byte 128 comes first"})),
        ("x.zip", gzip.compress(WHOLE)),
        ("x.tar", bytes(1 << 20)),
        ("zip", zipped({"a.dcm": WHOLE})),
        ("x.zip.dcm", zipped({"a.dcm": WHOLE})),
    ],
)
def test_what_is_no_archive_by_name_and_bytes_goes_the_usual_way(name: str, content: bytes) -> None:
    expected = RECORD if content == WHOLE else reject("not_dicom")
    assert told(found_in(name, content, whole)) == [(None, *expected)]


def test_names_that_come_again_are_numbered_in_the_archives_order() -> None:
    names = ["a", "b", "a", "a#2", "a"]
    numbered = ["a", "b", "a#2", "a#2#2", "a#3"]
    for name, content in (("x.zip", zipped([(n, b"") for n in names])), ("x.tar", tarred([(n, b"") for n in names]))):
        assert [row[0] for row in told(found_in(name, content, whole))[1:]] == numbered
    listing = Listing()
    given = [listing.add(name.encode(), 0, 1, None).name for name in [*names, "", "#1", "", "a#3"]]
    assert given == [*numbered, "#1", "#1#2", "#2", "a#3#2"]


def test_a_name_longer_than_solr_takes_keeps_its_beginning_and_stays_apart_from_others() -> None:
    listing = Listing()
    first, second = (listing.add(b"x" * 60_000 + last, 0, 1, None).name for last in (b"1", b"2"))
    assert first != second
    assert (first[:7_900], len(first) < LONGEST_NAME) == ("x" * 7_900, True)


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("./a.dcm", None),
        ("../../a.dcm", None),
        ("/a.dcm", None),
        ("__MACOSX/dir/._a.dcm", "dotfile"),
        ("./.git/a", "dotfile"),
        ("dir/a.dcm.TMP", "temporary"),
        ("_SUCCESS", None),
        ("", None),
    ],
)
def test_members_are_ignored_by_the_rules_for_files(name: str, rule: str | None) -> None:
    assert rule_of(name) == rule


def test_ignored_members_are_rows_and_are_not_opened() -> None:
    found = found_in("x.zip", zipped({".DS_Store": b"x", "b.tmp": b"x"}), never)
    assert told(found)[1:] == [(".DS_Store", "ignored", "dotfile"), ("b.tmp", "ignored", "temporary")]


def test_a_deflated_stream_is_read_back_and_forth_a_few_times_and_no_more() -> None:
    large = bytes(range(256)) * (3 << 12)
    seen = []

    def read(source):
        for _ in range(5):
            seen.append(source.read_at(2 << 20, 100) == large[2 << 20 : (2 << 20) + 100])
            seen.append(source.read_at(1_500_000, 9_999) == large[1_500_000:1_509_999])
        return whole(MemorySource(WHOLE))

    assert told(found_in("x.zip", zipped({"a.dcm": large}), read)) == two(CONTAINER, RECORD)
    assert all(seen)

    def endless(source):
        while True:
            source.read_at(2 << 20, 100)
            source.read_at(1_500_000, 1)

    assert told(found_in("x.zip", zipped({"a.dcm": large}), endless)) == two(CONTAINER, reject("limit"))
