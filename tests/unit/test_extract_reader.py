"""What the bytes of one file say: magic, identity, one bad element, privacy."""

from __future__ import annotations

import json
import logging
import struct
import warnings as python_warnings
from typing import Any

import pytest

from dicomdex.extract.reader import WALKER, read
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import REASONS
from tests.factories import (
    BASIC_TEXT_SR,
    IMPLICIT,
    MemorySource,
    element,
    identity,
    image,
    implicit_element,
    item,
    meta,
    part10,
    place,
    pydicom_file,
)  # fmt: skip

CANARY = "ZZCANARY"


def read_bytes(content: bytes) -> Reading:
    return read(MemorySource(content))


def with_element(tag: int, vr: str, value: bytes | str) -> tuple[Reading, dict[str, Any]]:
    """The reading of a small image with one element more, and its header."""
    parts = [*_elements(), (tag, element(tag, vr, value))]
    reading = read_bytes(part10(*(raw for _, raw in sorted(parts, key=lambda part: part[0]))))
    return reading, json.loads(reading.header or "{}")


def _elements() -> list[tuple[int, bytes]]:
    return [
        (0x00080016, element(0x00080016, "UI", BASIC_TEXT_SR)),
        (0x00080018, element(0x00080018, "UI", "1.2.3.4")),
        (0x0020000D, element(0x0020000D, "UI", "1.2.3")),
        (0x0020000E, element(0x0020000E, "UI", "1.2.3.1")),
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"\0" * 128, "not_dicom"),
        (b"\0" * 128 + b"DICM", "truncated"),
        (b"<html><body>503</body></html>", "not_dicom"),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8, "not_dicom"),
        (b"PK\x03\x04" + bytes(400), "not_dicom"),
        (bytes(100_000), "not_dicom"),
        (meta(), "no_sop_instance_uid"),
        (part10(element(0x00100020, "LO", "P")), "no_sop_instance_uid"),
        (part10(element(0x00041220, "SQ", item())), "dicomdir"),
    ],
)
def test_what_is_no_instance_is_told_by_name(content: bytes, reason: str) -> None:
    reading = read_bytes(content)
    assert (reading.outcome, reading.reason, reading.parser) == ("reject", reason, WALKER)
    assert (reading.detail or "").startswith(REASONS[reason].sentence[:-1])


@pytest.mark.parametrize("uid", ["", "1.2\\1.3", "1" * 100, "../../etc/passwd", "1.2.3\n", "1.2.3 4", "....", "1.2a"])
def test_a_sop_instance_uid_that_is_none_is_rejected(uid: str) -> None:
    assert read_bytes(part10(element(0x00080018, "UI", uid), place())).reason == "bad_uid"


def test_without_the_prefix_a_data_set_counts_only_with_both_uids() -> None:
    implicit = implicit_element(0x00080016, BASIC_TEXT_SR) + implicit_element(0x00080018, "1.2.3")
    reading = read_bytes(implicit)
    assert (reading.outcome, reading.warnings) == ("record", ("no_part10_header", "missing 0040,a730"))
    assert read_bytes(implicit_element(0x00080018, "1.2.3")).reason == "not_dicom"


def test_a_sop_instance_uid_behind_the_pixel_data_is_found() -> None:
    reading = read_bytes(part10(place(), image(), element(0x00080018, "UI", "1.2.99")))
    assert reading.columns["sop_instance_uid"] == "1.2.99"
    assert "after_pixel_data 0008,0018" in reading.warnings


def test_the_data_set_wins_over_the_file_meta_information() -> None:
    reading = read_bytes(part10(identity("1.2.3.4"), place(), image(), sop="9.9.9"))
    assert reading.columns["sop_instance_uid"] == "1.2.3.4"
    assert reading.warnings == ("media_storage_uid_differs",)


def test_of_a_repeated_element_the_last_counts_and_it_is_said() -> None:
    reading = read_bytes(part10(identity("1.1"), identity("1.2"), place(), image(), sop="1.2"))
    assert reading.columns["sop_instance_uid"] == "1.2"
    assert set(reading.warnings) == {"repeated 0008,0016", "repeated 0008,0018", "fallback_order 0008,0016"}


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00200013, "IS", "2.5"),
        (0x00200013, "IS", "1A"),
        (0x00200013, "IS", "99999999999999999999"),
        (0x00280008, "IS", "abc"),
        (0x00180050, "DS", "NaN"),
        (0x00180050, "DS", "1e400"),
        (0x00180050, "DS", "1,5"),
        (0x00280010, "US", b"\1\2\3\4\5\6"),
        (0x00181271, "FD", struct.pack("<d", float("inf"))),
        (0x00280010, "ZZ", b"ab"),
    ],
)
def test_one_bad_element_never_costs_the_file(tag: int, vr: str, value: bytes | str) -> None:
    reading, header = with_element(tag, vr, value)
    assert reading.outcome == "record"
    assert header["0020000D"] == {"vr": "UI", "Value": ["1.2.3"]}
    kept = header[f"{tag:08X}"]
    said = {w.split(" ")[0] for w in reading.warnings if w.endswith(f"{tag >> 16:04x},{tag & 0xFFFF:04x}")}
    assert said & {"raw", "multiple_values"}
    assert ("InlineBinary" in kept) == ("raw" in said)


def test_a_bad_element_is_kept_byte_for_byte() -> None:
    _, header = with_element(0x00180050, "DS", "1,50")
    assert header["00180050"] == {"vr": "UN", "InlineBinary": "MSw1MA=="}


@pytest.mark.parametrize("date", ["20241345", "20230229", "2024.01.01", "20240101\\20240102", "yesterday"])
def test_what_is_no_date_stays_in_the_header_and_is_no_column(date: str) -> None:
    reading, header = with_element(0x00080020, "DA", date)
    assert "study_date" not in reading.columns
    assert header["00080020"]["Value"] == date.split("\\")
    rule = "multiple_values" if "\\" in date else "bad_value"
    assert f"{rule} 0008,0020" in reading.warnings


def test_names_of_ten_kilobytes_nul_bytes_and_markup_are_kept_as_legal_text() -> None:
    name = "A" * 10_000 + "^<script>"
    reading, header = with_element(0x00100010, "PN", name)
    assert reading.columns["patient_name"] == name
    reading, header = with_element(0x00100010, "PN", b"DOE\0JOHN^X\xff")
    assert "\0" not in json.dumps(header)
    assert "charset 0010,0010" in reading.warnings
    (reading.header or "").encode("utf-8")
    reading.columns["patient_name"].encode("utf-8")


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "rot13", "zip", "ISO_IR 999", "ISO 2022 IR 87", "a\0b"])
def test_an_unknown_character_set_never_makes_illegal_text(charset: str) -> None:
    name = element(0x00100010, "PN", rb"\ud800+2AA-" + b"\xe9\x1b$B\xff")
    reading = read_bytes(part10(element(0x00080005, "CS", charset), identity(), name, place()))
    assert reading.outcome == "record"
    (reading.header or "").encode("utf-8")
    reading.columns["patient_name"].encode("utf-8")


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        (element(0x00080005, "CS", "ISO_IR 144" + 1_100 * " "), "Mќller"),
        (element(0x00080005, "CS", "ISO_IR 144" + 600 * "\\A"), "Mќller"),
        (element(0x00080005, "UN", "ISO_IR 144" + 70_000 * " "), "Müller"),
        (element(0x00080005, "CS", "ISO_IR 144").replace(b"CS", b"C\xae"), "Mќller"),
    ],
)
def test_a_character_set_that_is_long_or_has_no_vr_costs_no_file(charset: bytes, expected: str) -> None:
    """Nor where an element is out of order, so that pydicom reads the file."""
    charset = element(0x00080001, "UL", bytes(4)) + charset
    first, name = element(0x00080008, "CS", "A"), element(0x00100010, "PN", b"M\xfcller")
    walked = read_bytes(part10(charset, identity(sop_class=BASIC_TEXT_SR), name, place()[10:]))
    fallen = read_bytes(part10(charset, first, first, identity(sop_class=BASIC_TEXT_SR), name, place()[10:]))
    for reading in (walked, fallen):
        assert (reading.outcome, reading.columns.get("patient_name")) == ("record", expected)


def test_three_groups_of_a_name_are_kept_raw() -> None:
    reading = read_bytes(pydicom_file("../charset_files/chrH31.dcm"))
    assert reading.columns["patient_name"] == "Yamada^Tarou=山田^太郎=やまだ^たろう"


def test_bulk_is_a_reference_to_its_bytes_at_the_top_and_inside_sequences() -> None:
    big = bytes(range(256)) * 8
    inside = element(0x00081140, "SQ", item(element(0x00091002, "OB", big)))
    content = part10(identity(), inside, element(0x00091001, "OB", big), place())
    header = json.loads(read_bytes(content).header or "")
    for found in (header["00091001"], header["00081140"]["Value"][0]["00091002"]):
        offset, length = (int(part.split("=")[1]) for part in found["BulkDataURI"][1:].split("&"))
        assert content[offset : offset + length] == big


def test_big_endian_words_are_inlined_in_little_endian() -> None:
    reading = read_bytes(pydicom_file("MR_small_expb.dcm"))
    assert json.loads(reading.header or "")["00280010"] == {"vr": "US", "Value": [64]}


def test_numbers_and_lists_get_their_types() -> None:
    reading = read_bytes(pydicom_file("CT_small.dcm"))
    assert reading.columns["rows"] == 128
    assert reading.columns["pixel_spacing"] == [0.661468, 0.661468]
    assert reading.columns["image_type"] == ["ORIGINAL", "PRIMARY", "AXIAL"]
    assert str(reading.columns["study_date"]) == "2004-01-19"


def test_implicit_us_or_ss_follows_the_pixel_representation() -> None:
    for signed, vr, value in ((0, "US", 65_535), (1, "SS", -1)):
        content = implicit_element(0x00080018, "1.2") + implicit_element(0x00280103, struct.pack("<H", signed))
        content += implicit_element(0x00280106, b"\xff\xff")
        header = json.loads(read_bytes(part10(content, syntax=IMPLICIT, sop="1.2")).header or "")
        assert header["00280106"] == {"vr": vr, "Value": [value]}


def test_a_storage_error_is_raised_as_it_is() -> None:
    class Failing(MemorySource):
        def read_at(self, offset: int, length: int) -> bytes:
            if self.reads:
                raise error
            return super().read_at(offset, length)

    error = OSError(5, "Input/output error")
    fragments = element(0x00091001, "UT", "x" * 300_000)
    with pytest.raises(OSError, match="Input/output") as caught:
        read(Failing(part10(identity(), place(), fragments)))
    assert caught.value is error


CANARIES = [
    element(0x00080020, "DA", f"{CANARY}2"),
    element(0x00080030, "TM", f"{CANARY}3"),
    element(0x00100010, "PN", CANARY.encode() + b"^\xff\0X"),
    element(0x00100030, "DA", f"1943/12/31 {CANARY}"),
    element(0x00200011, "IS", CANARY),
    element(0x00200032, "DS", f"1\\{CANARY}"),
    element(0x00280008, "IS", f"1\\{CANARY}"),
    element(0x00080018, "UI", f"1.2.{CANARY}"),
    element(0x00080005, "CS", CANARY),
    element(0x00081140, "SQ", CANARY),
    element(0x7FE00010, "OB", CANARY, length=0xFFFFFFFF),
    element(0x00091001, "QQ", CANARY),
]


@pytest.mark.parametrize("canary", range(len(CANARIES)))
def test_no_value_gets_into_warnings_details_logs_or_standard_error(
    canary: int, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with python_warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        python_warnings.simplefilter("always")
        whole = part10(identity(), place(), CANARIES[canary])
        readings = [read_bytes(whole), read_bytes(whole[:-3]), read_bytes(CANARIES[canary])]
    said = " ".join(f"{r.reason} {r.detail} {r.warnings}" for r in readings)
    out, err = capfd.readouterr()
    assert CANARY not in said + out + err + caplog.text + " ".join(str(w.message) for w in warned)


def test_every_reason_says_one_sentence_and_what_to_do() -> None:
    assert list(REASONS) == [
        "empty", "not_dicom", "dicomdir", "truncated", "trailing_zeros", "no_sop_instance_uid", "bad_uid",
        "not_conformant", "limit", "not_regular", "outside_drop", "vanished", "changed", "encrypted_member", "crashed",
    ]  # fmt: skip
    for reason in REASONS.values():
        assert reason.sentence.endswith(".")
        assert reason.what_to_do.endswith(".")
