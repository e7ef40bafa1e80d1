"""Tar archives: kinds of members, long names, holes, and how an archive ends."""

from __future__ import annotations

import gzip
import tarfile

import pytest

from tests.factories import MemorySource
from tests.unit.made_archives import (
    CONTAINER,
    RECORD,
    WHOLE,
    found_in,
    never,
    reject,
    tar_header,
    tarred,
    told,
    two,
    whole,
)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (tarfile.SYMTYPE, [("b", *reject("not_regular"))]),
        (tarfile.LNKTYPE, [("b", *reject("not_regular"))]),
        (tarfile.CHRTYPE, [("b", *reject("not_regular"))]),
        (tarfile.FIFOTYPE, [("b", *reject("not_regular"))]),
        (b"M", [("b", *reject("not_regular"))]),
        (tarfile.DIRTYPE, []),
    ],
)
def test_of_what_is_no_file_in_a_tar_links_and_devices_are_rejected_and_directories_are_none(
    kind: bytes, expected: list[tuple[str, str, str]]
) -> None:
    content = tar_header("b", kind=kind, link="../../etc/passwd") + tarred({"a.dcm": WHOLE})
    for name, made in (("x.tar", content), ("x.tgz", gzip.compress(content))):
        assert told(found_in(name, made, whole)) == [(None, *CONTAINER), *expected, ("a.dcm", *RECORD)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_odd_names_of_a_tar_survive(form: int) -> None:
    names = ["d/" * 200 + "x.dcm", "漢字.dcm", "bad\udcff.dcm", "two\nlines.dcm", "/abs", "../up", "a#2"]
    content = tarred([(name, WHOLE) for name in names], format=form, errors="surrogateescape")
    shown = [name.replace("\n", "%0A").replace("\udcff", "%FF") for name in names]
    assert told(found_in("x.tar", content, whole))[1:] == [(name, *RECORD) for name in shown]


def gnu_sparse() -> bytes:
    """An old GNU sparse member: WHOLE is its first 20,378 bytes, of which 8,192 in the middle are a hole."""
    first, second = WHOLE[:4096], WHOLE[12_288:]
    header = bytearray(tar_header("a.dcm", len(first) + len(second), b"S"))
    header[345:500] = bytes(155)
    for at, value in ((386, 0), (398, 4096), (410, 12_288), (422, len(second)), (483, len(WHOLE))):
        header[at : at + 12] = b"%011o\0" % value
    header[257:265] = b"ustar  \0"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    data = first + second
    return bytes(header) + data + bytes(-len(data) % 512 + 1024)


def test_the_holes_of_a_sparse_member_are_zeros() -> None:
    seen = []

    def read(source):
        seen.append(source.read_at(0, 5_000) + source.read_at(5_000, 100_000))
        return whole(MemorySource(WHOLE))

    for name, content in (("x.tar", gnu_sparse()), ("x.tgz", gzip.compress(gnu_sparse()))):
        assert told(found_in(name, content, read)) == two(CONTAINER, RECORD)
    assert seen == [WHOLE[:4096] + bytes(8192) + WHOLE[12_288:]] * 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tarred({"a.dcm": WHOLE})[:-8_000] + b"more", "not_conformant"),  # behind the end mark
        (tarred({"a.dcm": WHOLE}) + tarred({"b.dcm": WHOLE}), "not_conformant"),
        (tarred({"a.dcm": WHOLE}) + bytes(2 << 20), "trailing_zeros"),
        (tarred({"a.dcm": WHOLE})[: 512 + 20_480], "truncated"),  # no end mark
        (tarred({"a.dcm": WHOLE})[: 512 + 20_480] + b"no header" * 100, "not_conformant"),
        (tarred({"a.dcm": WHOLE})[: 512 + 20_480] + tar_header("x", 1 << 32, tarfile.XHDTYPE), "limit"),
    ],
)
def test_a_tar_that_does_not_end_with_its_end_mark_says_how_it_ends(content: bytes, reason: str) -> None:
    for name, made in (("x.tar", content), ("x.tgz", gzip.compress(content))):
        assert told(found_in(name, made, whole)) == two(reject(reason), RECORD)


def test_a_header_of_digits_alone_is_no_matter_of_minutes() -> None:
    digits = b"1" * 900_000
    content = tar_header("x", len(digits), tarfile.XHDTYPE) + digits + bytes(-len(digits) % 512)
    assert told(found_in("x.tar", content + tarred({"a.dcm": WHOLE}), never)) == [(None, *reject("not_conformant"))]
