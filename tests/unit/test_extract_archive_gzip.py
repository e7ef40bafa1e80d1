"""Gzip files of one member or of a tar: cuts, checksums, headers, streams too long to look through first."""

from __future__ import annotations

import gzip
import io
import struct

import pytest

from dicomdex.extract.archive import named_inside, suffix_of
from dicomdex.extract.archive_gzip import TarGzArchive
from dicomdex.extract.reject import Rejected
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
)


@pytest.mark.parametrize("cut", [11, 30, 500, -9, -4, -1])
def test_a_gzip_that_is_cut_is_a_container_with_a_truncated_member(cut: int) -> None:
    content = gzip.compress(WHOLE)[:cut]
    assert told(found_in("a.dcm.gz", content, never)) == two(CONTAINER, reject("truncated"))


def test_a_checksum_that_differs_costs_the_member_of_a_gzip_and_the_row_of_a_tar() -> None:
    content = gzip.compress(WHOLE)
    wrong = content[:-8] + b"\0\0\0\0" + content[-4:]
    assert told(found_in("a.dcm.gz", wrong, never)) == two(CONTAINER, reject("not_conformant"))
    content = tarred({"a.dcm": WHOLE}, "w:gz")
    wrong = content[:-8] + b"\0\0\0\0" + content[-4:]
    assert told(found_in("x.tgz", wrong, whole)) == two(reject("not_conformant"), RECORD)


def test_the_name_in_a_gzip_header_does_not_count() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile("../../DOE^JOHN.dcm", "wb", fileobj=packed, mtime=0) as file:
        file.write(WHOLE)
    assert b"DOE^JOHN" in packed.getvalue()
    assert told(found_in("a.dcm.gz", packed.getvalue(), whole)) == two(CONTAINER, RECORD)
    fields = packed.getvalue()[:3] + bytes([4 | 8 | 16 | 2]) + bytes(6) + struct.pack("<H", 3) + b"xyz"
    long = fields + b"n" * 200_000 + b"\0" + b"comment\0" + b"\0\0" + gzip.compress(WHOLE, mtime=0)[10:]
    assert told(found_in("a.dcm.gz", long, whole)) == two(CONTAINER, RECORD)


@pytest.mark.parametrize(
    ("path", "suffix", "inside"),
    [
        ("d/x.tar.gz", ".tar.gz", "x.tar"),
        ("d/x.tgz", ".tgz", "x.tar"),
        ("d/MR.dcm.GZ", ".gz", "MR.dcm"),
        ("d/x.zip", ".zip", "x"),
        ("d.zip/x", None, "x"),
    ],
)
def test_suffixes_and_the_name_that_gunzip_gives(path: str, suffix: str | None, inside: str) -> None:
    assert (suffix_of(path), named_inside(path)) == (suffix, inside)


class Longest:
    """Looks ahead to 64 KB of a tar in gzip."""

    def __init__(self, content: bytes) -> None:
        self.archive = TarGzArchive(MemorySource(content), ahead=64 << 10)

    def rows(self) -> list[tuple[str, str | None]]:
        rows = []
        for member in self.archive.members:
            reason = member.reject.reason if member.reject else None
            if reason is None:
                try:
                    assert self.archive.open(member).read_at(0, 200) == WHOLE[:200]
                    self.archive.finish()
                except Rejected as rejected:
                    reason = rejected.reject.reason
            rows.append((member.name, reason))
        return rows


def test_members_beyond_what_is_looked_ahead_to_are_found_while_they_are_read() -> None:
    names = [f"{n:02}.dcm" for n in range(10)] + ["09.dcm"]
    content = tarred([(name, WHOLE) for name in names], "w:gz")
    longest = Longest(content)
    assert (longest.archive.more, longest.archive.count < 5, longest.archive.reject) == (True, True, None)
    assert longest.rows() == [(name, None) for name in [*names[:-1], "09.dcm#2"]]


def test_what_is_lost_behind_them_has_a_row_of_its_own() -> None:
    tar = tarred([(f"{n:02}.dcm", WHOLE) for n in range(10)])
    whole_ones = [(f"{n:02}.dcm", None) for n in range(9)]
    cut = gzip.compress(tar[: 9 * 20_992 + 5_000])
    assert Longest(cut).rows() == [*whole_ones, ("09.dcm", "truncated"), ("#rest", "truncated")]
    content = gzip.compress(tar)
    damaged = content[:-8] + b"\0\0\0\0" + content[-4:]
    assert Longest(damaged).rows() == [*whole_ones, ("09.dcm", None), ("#rest", "not_conformant")]
