"""Zip archives: what the headers say against a member, directories that lie, names of any bytes."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest

from tests.unit.made_archives import (
    CONTAINER,
    RECORD,
    WHOLE,
    found_in,
    hand_zip,
    never,
    reject,
    told,
    two,
    whole,
    zipped,
)

ENCRYPTED, MASKED = 0x1, 0x2000


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"flags": ENCRYPTED}, reject("encrypted_member")),
        ({"local_flags": ENCRYPTED}, reject("encrypted_member")),
        ({"flags": MASKED}, reject("encrypted_member")),
        ({"method": 99}, reject("encrypted_member")),
        ({"method": 9}, reject("limit")),  # deflate64
        ({"method": 12}, reject("limit")),  # bzip2
        ({"method": 14}, reject("limit")),  # lzma
        ({"mode": 0o120777}, reject("not_regular")),
        ({"mode": 0o010644}, reject("not_regular")),
        ({"mode": 0o100644}, RECORD),
        ({"local_name": b"b.dcm"}, reject("not_conformant")),
        ({"local_size": 7}, reject("not_conformant")),
        ({"flags": 8, "local_size": 7}, RECORD),  # sizes follow the data: what stands before it says nothing
        ({"crc": 1}, reject("not_conformant")),
        ({"size": 30_000}, reject("truncated")),
        ({"size": 20_000}, reject("not_conformant")),
        ({"method": 0, "size": 20_000}, reject("not_conformant")),
        ({"size": 600 << 20}, reject("limit")),
    ],
)  # fmt: skip
def test_a_zip_member_is_judged_by_what_its_headers_say(made: dict[str, int], expected: tuple[str, str | None]) -> None:
    assert told(found_in("x.zip", hand_zip(WHOLE, **made), whole)) == two(CONTAINER, expected)


def test_a_zip64_is_read_by_its_long_fields() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, archive.open("a.dcm", "w", force_zip64=True) as member:
        member.write(WHOLE)
    content = packed.getvalue()
    assert told(found_in("x.zip", content, whole)) == two(CONTAINER, RECORD)
    at = content.index(b"PK\1\2")
    central, end = bytearray(content[at : content.index(b"PK\5\6")]), struct.Struct("<4s4H2LH")
    long = struct.pack("<2H3Q", 1, 24, len(WHOLE), len(WHOLE), 0)
    struct.pack_into("<2L2H", central, 20, 0xFFFFFFFF, 0xFFFFFFFF, 5, len(long))
    struct.pack_into("<L", central, 42, 0xFFFFFFFF)
    central = central[: 46 + 5] + long
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(central), at)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at + len(central), 1)
    short = end.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    made = content[:at] + central + end64 + locator + short
    assert zipfile.ZipFile(io.BytesIO(made)).read("a.dcm") == WHOLE
    assert told(found_in("x.zip", made, whole)) == two(CONTAINER, RECORD)


def test_a_directory_that_does_not_hold_what_it_announces_is_not_conformant_and_what_it_holds_is_read() -> None:
    assert told(found_in("x.zip", hand_zip(WHOLE, entries=3), whole)) == two(reject("not_conformant"), RECORD)
    content = zipped({"a.dcm": WHOLE, "b.dcm": WHOLE})
    at = content.rindex(b"PK\1\2")
    broken = content[:at] + b"XX" + content[at + 2 :]
    assert told(found_in("x.zip", broken, whole)) == two(reject("not_conformant"), RECORD)


def test_many_members_of_one_stream_are_one_member_and_overlaps() -> None:
    found = told(found_in("x.zip", hand_zip(WHOLE, entries=3, copies=3), whole))
    assert found == [
        *two(CONTAINER, RECORD),
        ("a.dcm#2", *reject("not_conformant")),
        ("a.dcm#3", *reject("not_conformant")),
    ]


def test_a_zip_that_was_cut_behind_an_archive_it_holds_is_not_taken_for_that_one() -> None:
    inner = zipped({"secret.dcm": WHOLE})
    outer = zipped({"a.dcm": WHOLE, "inner.zip": inner}, zipfile.ZIP_STORED)
    cut = outer[: outer.index(inner) + len(inner)]
    assert told(found_in("x.zip", cut, never)) == [(None, *reject("truncated"))]


@pytest.mark.parametrize(
    ("raw", "flags", "shown"),
    [
        (b"../../x", 0, "../../x"),
        (b"/etc/passwd", 0, "/etc/passwd"),
        (b"C:\\a.dcm", 0, "C:\\a.dcm"),
        (b"nul\0.dcm", 0, "nul%00.dcm"),
        (b"two\nlines%", 0, "two%0Alines%25"),
        (b"\x81ber.dcm", 0, "\u00fcber.dcm"),  # code page 437
        ("über.dcm".encode(), 0, "\u00fcber.dcm"),  # UTF-8 without the flag, as most tools write it
        (b"bad\xff.dcm", 0x800, "bad%FF.dcm"),
        (b"", 0, "#1"),
    ],
)
def test_names_of_any_bytes_survive_as_text(raw: bytes, flags: int, shown: str) -> None:
    assert told(found_in("x.zip", hand_zip(WHOLE, name=raw, flags=flags), whole))[1] == (shown, *RECORD)
