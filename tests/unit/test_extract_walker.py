"""The walker gives, byte for byte, what the scan and pydicom give, or says that it is in doubt."""

from __future__ import annotations

import json
import random
import struct
import subprocess
import sys
from typing import Any

import pytest

from dicomdex.extract.doubt import Doubt
from dicomdex.extract.reader import PYDICOM, READER, WALKER, read
from tests.factories import (
    BASIC_TEXT_SR,
    BIG_ENDIAN,
    CT_IMAGE,
    DEFLATED,
    IMPLICIT,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    MemorySource,
    element,
    identity,
    image,
    implicit_element,
    item,
    part10,
    place,
    pydicom_file,
    pydicom_files,
)  # fmt: skip
from tests.unit.test_extract_pixels import deflated
from tests.unit.walking import by_pydicom, same, same_or_doubted, walked

SR = identity(sop_class=BASIC_TEXT_SR) + place()
RECORDS = [found for found in pydicom_files() if by_pydicom(found[1]) is not None]


def header(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(same(content).header or "")
    return found


@pytest.mark.parametrize(("path", "content"), [pytest.param(*found, id=found[0]) for found in RECORDS])
def test_every_record_among_pydicoms_files_is_read_alike(path: str, content: bytes) -> None:
    if path == "palettes/winter.dcm":  # a repeated element
        assert isinstance(walked(content), Doubt)
    else:
        same(content)


def test_at_most_one_in_ten_of_pydicoms_files_falls_back() -> None:
    doubted = [path for path, content in RECORDS if isinstance(walked(content), Doubt)]
    assert len(doubted) <= len(RECORDS) // 10


def test_the_row_says_who_read_it_and_why() -> None:
    regular = read(MemorySource(pydicom_file("CT_small.dcm")))
    assert (regular.parser, regular.warnings) == (WALKER, ())
    swapped = read(MemorySource(part10(place(), identity(), image())))
    assert (swapped.parser, swapped.warnings) == (PYDICOM, ("fallback_order 0008,0016",))
    assert f"{WALKER}, {PYDICOM}" == READER


def in_explicit(tag: int, vr: str, value: bytes) -> bytes:
    return part10(SR, element(tag, vr, value))


ODD = [
    (0x00400001, "AE", b"  TWO  \\ AE"),
    (0x00401101, "AS", b"123Q"),
    (0x00401101, "AS", b"012Y\\"),
    (0x00400009, "AT", b"\x10\x00\x20\x00\x08\x00\x18\x00"),
    (0x00400009, "AT", b"\x10\x00\x20\x00\x08"),
    (0x00400012, "CS", b"\\\\"),
    (0x00400012, "CS", b"   "),
    (0x00400012, "CS", b"A\0B\0"),
    (0x00400012, "CS", b"QUOTE\"AND\\B\\\x01CONTROL"),
    (0x00400002, "DA", b"20241345"),
    (0x00400002, "DA", b"20240101\\2024"),
    (0x00400002, "DA", b"2024.01.01"),
    (0x00404005, "DT", b"20240230120000"),
    (0x00404005, "DT", b"2024"),
    (0x00404005, "DT", b"20240229235959.123456+0100"),
    (0x00400003, "TM", b"2561"),
    (0x00400003, "TM", b"12:30:15"),
    (0x00400003, "TM", b"235960.1\\12"),
    (0x00401152, "DS", b"NaN"),
    (0x00401152, "DS", b"-inf"),
    (0x00401152, "DS", b"1e400"),
    (0x00401152, "DS", b"9" * 400),
    (0x00401152, "DS", b"1_000"),
    (0x00401152, "DS", b" 1.50 \\-0\\.5\\5.\\+1"),
    (0x00401152, "DS", b"1\\\\2"),
    (0x00401152, "DS", b"1E5\\1e-7\\100000000000000000000"),
    (0x00401152, "DS", b"1,5"),
    (0x00401152, "DS", b"1 2"),
    (0x00401152, "DS", b"\xb2"),
    (0x00401153, "IS", b"2.5"),
    (0x00401153, "IS", b"1A"),
    (0x00401153, "IS", b" 007 \\-3\\+4\\"),
    (0x00401153, "IS", b"9223372036854775807\\-9223372036854775808"),
    (0x00401153, "IS", b"9223372036854775808"),
    (0x00401153, "IS", b"\xb2\xb3"),
    (0x00401153, "IS", b"\0 5"),
    (0x00401153, "IS", b"5\0"),
    (0x00400275, "LO", b"x" * 10_000),
    (0x00400275, "LO", b" \\ a\\b \0"),
    (0x00400275, "LO", b"\xe9\xff\0\xed\xa0\x80"),
    (0x00400280, "ST", b"a\\b\r\n\tc"),
    (0x00400280, "UT", b"u" * 70_000),
    (0x00400280, "UC", b"u" * 70_000),
    (0x00400006, "PN", b"A^B=C^D=E^F\\=\\ ==x=y \\"),
    (0x00400006, "PN", b"N" * 10_000),
    (0x00400006, "PN", b'A"B^C\\D'),
    (0x00401011, "UI", b"1.2.03"),
    (0x00401011, "UI", b"1.2\\1.3.0\\"),
    (0x00401011, "UI", b"..\\1.\\.1"),
    (0x00401011, "UI", b"1" * 100),
    (0x00401011, "UR", b"http://x/ y"),
    (0x00400303, "US", b"\1\2\3"),
    (0x00400303, "US", b"\1\2" * 600),
    (0x00400303, "SS", b"\xff\xff\1\0"),
    (0x00400303, "UL", b"\xff\xff\xff\xff"),
    (0x00400303, "SL", b"\xff\xff\xff\xff"),
    (0x00400303, "UV", b"\xff" * 8),
    (0x00400303, "SV", b"\xff" * 16),
    (0x00400303, "FL", struct.pack("<ff", 0.1, -0.0)),
    (0x00400303, "FL", struct.pack("<f", float("nan"))),
    (0x00400303, "FD", struct.pack("<dd", 1e300, 5e-324)),
    (0x00400303, "FD", struct.pack("<d", float("-inf"))),
    (0x00400303, "OB", b"\0" * 1_024),
    (0x00400303, "OB", b"\0" * 1_026),
    (0x00400303, "OW", b"\1\2\3"),
    (0x00400303, "OF", b"\1\2\3\4"),
    (0x00400303, "OD", b""),
    (0x00400303, "UN", b"12"),
    (0x00281101, "UN", b"\xff\xff"),
    (0x00400340, "UN", b""),
    (0x00400340, "SQ", b""),
    (0x00400340, "SQ", item() * 3),
    (0x00400340, "SQ", item(element(0x00080000, "UL", b"\4\0\0\0"), element(0x00080060, "CS", "MR")) * 4_000),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "vr", "value"), ODD)
def test_an_odd_value_is_read_alike_and_stays_legal(tag: int, vr: str, value: bytes) -> None:
    written = header(in_explicit(tag, vr, value))
    assert f"{tag:08X}" in written
    json.dumps(written, allow_nan=False).encode("utf-8")


@pytest.mark.parametrize(("tag", "vr", "value"), [case for case in ODD if case[0] != 0x00281101])
def test_an_odd_value_inside_an_item_is_read_alike(tag: int, vr: str, value: bytes) -> None:
    for undefined in (True, False):
        inside = item(element(0x00080005, "CS", "ISO_IR 192"), element(tag, vr, value), undefined=undefined)
        content = element(0x0040A730, "SQ", inside + SEQUENCE_END * undefined, length=UNDEFINED if undefined else None)
        same(part10(SR, content))


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00200013, "IS", "2.5"), (0x00200013, "IS", "1A"), (0x00180050, "DS", "NaN"), (0x00400002, "DA", "20241345"),
        (0x00400003, "TM", "2561"), (0x00404005, "DT", "20241301"), (0x00401011, "UI", "1.02"),
        (0x00401101, "AS", "7"),
    ],
)  # fmt: skip
def test_what_breaks_its_vr_is_said_whether_promoted_or_not(tag: int, vr: str, value: str) -> None:
    parts = sorted([(0x00080016, SR), (tag, element(tag, vr, value))])
    reading = read(MemorySource(part10(*(content for _, content in parts))))
    assert reading.parser == (WALKER if tag > 0x0020000E else PYDICOM)
    said = {w for w in reading.warnings if w.endswith(f" {tag >> 16:04x},{tag & 0xFFFF:04x}")}
    assert said & {f"{rule} {tag >> 16:04x},{tag & 0xFFFF:04x}" for rule in ("raw", "bad_value")}


CHARACTER_SETS = {
    "": b"A\xe9", "ISO_IR 100": b"\xe9\xff", "ISO_IR 192": "é山\U0001f600".encode(), "ISO_IR 144": b"\xbb\xee",
    "ISO_IR 13": b"\xd4\xcf\xc0\xde", "GB18030": "王".encode("gb18030"), "\\ISO 2022 IR 87": b"A^\x1b$B;3ED\x1b(B^B",
    "\\ISO 2022 IR 149": b"Hong^\x1b$)C\xfb\xf3", "ISO 2022 IR 13\\ISO 2022 IR 87": b"\xd4\x1b$B;3\x1b(J",
    "ISO_IR 192 ": b"\xff\xc3", "ISO 2022 IR 6\\ISO 2022 IR 159": b"\x1b$(D\x22\x22\x1b(B",
}  # fmt: skip


@pytest.mark.parametrize("names", CHARACTER_SETS)
@pytest.mark.parametrize("vr", ["LO", "PN", "CS", "UT"])
def test_every_character_set_is_read_alike_outside_and_inside_of_items(names: str, vr: str) -> None:
    text = CHARACTER_SETS[names]
    own = item(element(0x00080005, "CS", names), element(0x00400280, vr, text))
    inherited = item(element(0x00400280, vr, text + b"=" + text))
    charset = element(0x00080005, "CS", names)
    same(part10(charset, SR, element(0x00400280, vr, text), element(0x0040A730, "SQ", own + inherited)))
    same(part10(SR, element(0x0040A730, "SQ", own + inherited)))


@pytest.mark.parametrize(
    "names", ["utf-8", "ISO_IR 999", "ISO-IR 100", "ISO_IR 100\\ISO_IR 192", "ISO 2022 IR 87 \\ISO_IR 100"]
)
def test_a_character_set_that_is_none_is_a_doubt(names: str) -> None:
    found = walked(part10(element(0x00080005, "CS", names), SR))
    assert isinstance(found, Doubt)
    assert found.warning == "fallback_charset 0008,0005"


GEMS = 0x00090010, "GEMS_IDEN_01", 0x00091001  # LO in pydicom's private dictionary


@pytest.mark.parametrize("creator", ["GEMS_IDEN_01", "GEMS_IDEN_01 ", "NOBODY", "", "A\\B", "é"])
def test_private_elements_get_the_vr_of_their_creator(creator: str) -> None:
    tag, _, private = GEMS
    implicit = implicit_element(0x00080018, "1.2") + implicit_element(tag, creator) + implicit_element(private, "GE")
    same_or_doubted(part10(implicit, syntax=IMPLICIT, sop="1.2"))
    explicit = identity("1.2") + element(tag, "LO", creator) + element(private, "UN", "GE")
    same_or_doubted(part10(explicit, sop="1.2"))


def test_a_creator_counts_for_its_own_group_and_its_own_item() -> None:
    inside = item(implicit_element(0x00091001, "GE"))
    content = implicit_element(0x00080018, "1.2") + implicit_element(0x00090010, "GEMS_IDEN_01")
    content += implicit_element(0x00111001, "GE") + implicit_element(0x0040A730, inside)
    assert header(part10(content, syntax=IMPLICIT, sop="1.2"))["00111001"]["vr"] == "UN"


def signed(value: int) -> bytes:
    return implicit_element(0x00280103, struct.pack("<H", value))


US_OR_SS = implicit_element(0x00280106, b"\xff\xff")
BEFORE = implicit_element(0x00189810, b"\xff\xff")  # US or SS too, before Pixel Representation


@pytest.mark.parametrize(
    "inside",
    [
        b"", US_OR_SS, signed(0) + US_OR_SS, signed(1) + US_OR_SS, BEFORE, BEFORE + signed(0), BEFORE + signed(1),
        implicit_element(0x00280103) + US_OR_SS,
    ],
)  # fmt: skip
@pytest.mark.parametrize("outside", [b"", signed(0), signed(1)])
@pytest.mark.parametrize("first", [b"", BEFORE])
def test_us_or_ss_follows_pixel_representation_into_items(inside: bytes, outside: bytes, first: bytes) -> None:
    start = implicit_element(0x00080018, "1.2")
    for tag in (0x00082112, 0x0040A730):  # a sequence before and one behind Pixel Representation
        sequence = implicit_element(tag, item(inside))
        parts = [start, sequence * (tag < 0x00180000), first, outside, US_OR_SS, sequence * (tag > 0x00180000)]
        same_or_doubted(part10(*parts, syntax=IMPLICIT, sop="1.2"))
    if not first and not inside.startswith(BEFORE):
        same(part10(start, outside, US_OR_SS, sequence, syntax=IMPLICIT, sop="1.2"))


@pytest.mark.parametrize("vr", ["UI", "UN", "US", "LO", "OB"])
@pytest.mark.parametrize("value", [CT_IMAGE, "  " + CT_IMAGE, CT_IMAGE + 70 * " ", CT_IMAGE + 70 * " " + "A", ""])
def test_a_sop_class_says_alike_whether_pixels_are_due_however_it_is_written(vr: str, value: str) -> None:
    same_or_doubted(part10(element(0x00080016, vr, value), element(0x00080018, "UI", "1.2.3.4"), place()))


def test_a_pixel_representation_of_over_a_kilobyte_is_a_doubt() -> None:
    long, smallest = element(0x00280103, "US", b"\1\0" * 600), element(0x00280106, "UN", b"\xff\xff")
    for content in (long + smallest, element(0x00400260, "SQ", item(long, smallest))):
        found = walked(part10(identity("1.2"), content, sop="1.2"))
        assert isinstance(found, Doubt)
        assert found.warning == "fallback_signed 0028,0103"


def test_unknown_sequences_are_found_again() -> None:
    explicit_items = item(element(0x00080100, "SH", "CODE"))
    implicit_items = item(implicit_element(0x00080100, "CODE"), undefined=True)
    for inside in (explicit_items, implicit_items):
        assert header(part10(SR, element(0x0040A730, "UN", inside)))["0040A730"]["vr"] == "SQ"
        undefined = element(0x0040A730, "UN", inside + SEQUENCE_END, length=UNDEFINED)
        assert header(part10(SR, undefined))["0040A730"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["CODE"]}}]


def test_what_follows_the_pixel_data_is_read_too() -> None:
    names = element(0x00080005, "CS", "ISO_IR 192")
    inside = item(element(0x00100010, "PN", "é".encode()), undefined=True)
    signature = element(0xFFFAFFFA, "SQ", inside + SEQUENCE_END, length=UNDEFINED)
    padding = element(0xFFFCFFFC, "OB", bytes(50))
    found = header(part10(names, identity(), place(), image(), signature, padding))
    assert found["FFFAFFFA"]["Value"][0]["00100010"]["Value"] == [{"Alphabetic": "é"}]
    assert "FFFCFFFC" not in found


@pytest.mark.parametrize("syntax", [BIG_ENDIAN, DEFLATED])
def test_other_encodings_are_read_alike(syntax: str) -> None:
    if syntax == DEFLATED:
        same(deflated(SR + element(0x00431001, "OB", bytes(5_000))))
    else:
        same(pydicom_file("ExplVR_BigEnd.dcm"))
        same(pydicom_file("MR_small_bigendian.dcm"))


def test_values_over_a_megabyte_are_neither_read_nor_lost() -> None:
    large = element(0x00091001, "OB", bytes(3 << 20))
    inside = element(0x0040A730, "SQ", item(large))
    for content in (part10(identity(), large, place(), image()), part10(SR, inside), part10(SR, inside, large[:0])):
        same(content)
    fragments = element(0x7FE00010, "OB", item(b"") + item(b"abcd") + SEQUENCE_END, length=UNDEFINED)
    same(part10(identity(), large, place(), fragments, syntax=JPEG))


def test_a_long_header_is_read_in_a_few_growing_steps() -> None:
    many = b"".join(element(0x00091000 + n, "LO", "x" * 3_000) for n in range(250))
    inside = item(*(element(0x00091000 + n, "LO", "x" * 3_000) for n in range(250)), undefined=True)
    sequence = element(0x0040A730, "SQ", inside + SEQUENCE_END, length=UNDEFINED)
    for content in (part10(identity(), many, place(), image()), part10(SR, sequence)):
        same(content)
        source = MemorySource(content)
        assert read(source).parser == WALKER
        assert len(source.reads) < 12


def test_no_file_is_read_otherwise_whatever_byte_is_changed() -> None:
    chance = random.Random(11)
    files = [content for _, content in RECORDS if len(content) < 20_000]
    for _ in range(1_200):
        content = bytearray(chance.choice(files))
        for _ in range(chance.randrange(1, 4)):
            content[chance.randrange(132, min(len(content), 4_000))] = chance.randrange(256)
        assert read(MemorySource(bytes(content))).reason != "crashed"
        try:
            same_or_doubted(bytes(content))
        except Exception as error:
            if type(error).__name__ != "Rejected":
                raise


def test_no_file_cut_short_is_walked_to_an_end_that_the_scan_does_not_see() -> None:
    chance = random.Random(12)
    for name in ("CT_small.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm", "reportsi.dcm", "rtplan.dcm"):
        content = pydicom_file(name)
        for cut in (chance.randrange(400, len(content)) for _ in range(60)):
            same_or_doubted(content[:cut])


def test_a_plain_file_is_read_without_pydicom() -> None:
    program = """
import sys
from dicomdex.extract.reader import read

class Source:
    mtime = 0
    content = sys.stdin.buffer.read()
    size = len(content)

    def read_at(self, offset, length):
        return self.content[offset : offset + length]

print(read(Source()).parser, "pydicom" in sys.modules)
"""
    content = part10(identity(), place(), image())
    done = subprocess.run([sys.executable, "-c", program], input=content, capture_output=True, check=True)
    assert done.stdout.decode().split() == [*WALKER.split(), "False"]
