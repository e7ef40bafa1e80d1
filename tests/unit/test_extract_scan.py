"""The length scan: what is cut, padded, nested or huge is found by element headers alone."""

from __future__ import annotations

import json
import random
import struct

import pytest

from dicomdex.extract.reader import read
from tests.factories import (
    BASIC_TEXT_SR,
    BIG_ENDIAN,
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
    meta,
    part10,
    place,
    pydicom_file,
    pydicom_files,
)  # fmt: skip

WHOLE = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm",
    "JPEG2000.dcm", "J2K_pixelrep_mismatch.dcm", "SC_rgb_rle_2frame.dcm", "examples_ybr_color.dcm",
    "examples_overlay.dcm", "rtdose_expb.dcm", "liver_1frame.dcm", "SC_rgb_jpeg.dcm", "image_dfl.dcm", "rtplan.dcm",
    "reportsi.dcm", "test-SR.dcm", "waveform_ecg.dcm", "SC_ybr_full_422_uncompressed.dcm", "ExplVR_BigEnd.dcm",
)  # fmt: skip
SR = identity(sop_class=BASIC_TEXT_SR) + place()


class Sparse:
    """A file of one head, then zeros: as long as it says it is, and read nowhere it need not be."""

    def __init__(self, head: bytes, size: int, tail: bytes = b"") -> None:
        self._head, self._tail = head, tail
        self.size, self.mtime = size, 0
        self.taken = 0

    def read_at(self, offset: int, length: int) -> bytes:
        length = max(0, min(length, self.size - offset))
        self.taken += length
        content = bytearray(length)
        for start, part in ((0, self._head), (self.size - len(self._tail), self._tail)):
            begin, end = max(start, offset), min(start + len(part), offset + length)
            if begin < end:
                content[begin - offset : end - offset] = part[begin - start : end - start]
        return bytes(content)


def reason(content: bytes) -> str | None:
    return read(MemorySource(content)).reason


def test_of_500_random_cuts_99_in_a_hundred_are_rejected() -> None:
    chance = random.Random(20260101)
    files = [pydicom_file(name) for name in WHOLE]
    cuts = [content[: chance.randrange(1, len(content))] for content in chance.choices(files, k=500)]
    assert sum(reason(cut) is not None for cut in cuts) >= 495


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "JPEG2000.dcm"])
def test_no_image_cut_inside_its_header_passes_for_whole(name: str) -> None:
    """Every cut there is: a reject, or where it falls between two elements a record that says what is missing."""
    content = pydicom_file(name)
    end = content.rindex(b"\xe0\x7f\x10\x00") if b"\xe0\x7f\x10\x00" in content else content.rindex(b"\x7f\xe0\x00\x10")
    for length in range(1, end + 12):
        reading = read(MemorySource(content[:length]))
        assert reading.outcome == "reject" or "no_pixel_data" in reading.warnings, length


def test_a_cut_says_truncated_and_at_which_byte() -> None:
    reading = read(MemorySource(pydicom_file("CT_small.dcm")[:20_000]))
    assert (reading.outcome, reading.reason) == ("reject", "truncated")
    assert "at byte 6,288" in (reading.detail or "")


def test_a_cut_that_only_leaves_image_attributes_is_warned_of() -> None:
    content = part10(identity(), place(), image())
    cut = content[: content.rindex(b"\xe0\x7f\x10\x00")]
    assert "no_pixel_data" in read(MemorySource(cut)).warnings


@pytest.mark.parametrize("length", [0xFFFFFFF0, 1 << 31, 200])
def test_a_value_longer_than_the_rest_is_truncated(length: int) -> None:
    assert reason(part10(SR, element(0x0042_0011, "OB", b"12", length=length))) == "truncated"


def test_an_undefined_length_without_delimiter_is_truncated() -> None:
    sequence = element(0x00081140, "SQ", item(element(0x00081155, "UI", "1.2"), undefined=True), length=UNDEFINED)
    assert reason(part10(identity(), sequence)) == "truncated"
    fragments = element(0x7FE00010, "OB", item(b"") + item(b"abcd"), length=UNDEFINED)
    assert reason(part10(SR, fragments, syntax=JPEG)) == "truncated"


def test_zeros_in_place_of_the_pixel_data_are_no_whole_file() -> None:
    content = part10(identity(), place(), image(64, 64))
    assert reason(content[:300] + bytes(len(content) - 300)) == "trailing_zeros"


def test_zeros_in_place_of_fragments_are_no_whole_file() -> None:
    fragments = element(0x7FE00010, "OB", item(b"") + item(b"abcd") + item(b"efgh") + SEQUENCE_END, length=UNDEFINED)
    content = part10(SR, fragments, syntax=JPEG)
    assert reason(content) is None
    assert reason(content[:-20] + bytes(20)) == "trailing_zeros"


def test_zeros_inside_a_sequence_are_no_whole_file() -> None:
    inside = item(element(0x00081155, "UI", "1.2"), undefined=True) + SEQUENCE_END
    content = part10(identity(), element(0x00081140, "SQ", inside, length=UNDEFINED), place())
    cut = content.index(b"\x08\0\x55\x11")
    assert reason(content) is None
    assert reason(content[:cut] + bytes(4096)) == "trailing_zeros"


def test_zeros_behind_a_whole_data_set_are_a_warning() -> None:
    for whole in (part10(identity(), place(), image()), part10(SR)):
        reading = read(MemorySource(whole + bytes(4096)))
        assert reading.outcome == "record"
        assert "trailing_zeros" in reading.warnings


def test_a_tail_of_256_megabytes_of_zeros_is_not_read() -> None:
    whole = part10(identity(), place(), image())
    source = Sparse(whole, 256 << 20)
    assert "trailing_zeros" in read(source).warnings
    assert source.taken < 4 << 20


def test_a_private_value_of_3_gigabytes_is_skipped() -> None:
    head = meta() + identity() + element(0x00091010, "OB", b"", length=3 << 30)
    tail = place() + image()
    source = Sparse(head, len(head) + (3 << 30) + len(tail), tail)
    reading = read(source)
    assert (reading.outcome, reading.columns["study_instance_uid"]) == ("record", "1.2.3")
    assert f'"00091010":{{"vr":"OB","BulkDataURI":"?offset={len(head)}&length={3 << 30}"}}' in (reading.header or "")
    assert source.taken < 1 << 20


def test_pixel_bytes_of_a_native_file_are_never_asked_for() -> None:
    head = part10(identity(), place(), image(4, 4))
    pixel = element(0x7FE00010, "OW", b"", length=1 << 30)
    head = head[: head.rindex(b"\xe0\x7f\x10\x00")] + pixel
    source = Sparse(head, len(head) + (1 << 30))
    reading = read(source)
    assert (reading.pixel_offset, reading.pixel_length) == (len(head), 1 << 30)
    assert source.taken <= 16 << 10


def test_fragments_cost_eight_bytes_each() -> None:
    fragments = item(b"") + b"".join(item(bytes([n]) * 40_000) for n in range(50)) + SEQUENCE_END
    content = part10(SR, element(0x7FE00010, "OB", fragments, length=UNDEFINED), syntax=JPEG)
    source = MemorySource(content)
    assert read(source).outcome == "record"
    assert sum(length for _, length in source.reads) < 40 << 10


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("depth", [65, 200, 1_000])
def test_deep_nesting_is_a_limit_and_no_crash(depth: int, undefined: bool) -> None:
    inside = element(0x00080100, "SH", "X")
    for _ in range(depth):
        inside = item(inside, undefined=undefined)
        inside = element(0x0040A730, "SQ", inside + SEQUENCE_END * undefined, length=UNDEFINED if undefined else None)
    reading = read(MemorySource(part10(SR, inside)))
    assert reading.reason == "limit"
    assert "64 deep" in (reading.detail or "")


def test_sixty_levels_are_read() -> None:
    inside = element(0x00080100, "SH", "DEEPEST")
    for _ in range(60):
        inside = element(0x0040A730, "SQ", item(inside))
    assert "DEEPEST" in (read(MemorySource(part10(SR, inside))).header or "")


def test_a_million_elements_and_half_a_million_items_are_limits() -> None:
    elements = b"".join(element(0x00091000 + (n & 0xFF), "LO") for n in range(1_000_000))
    items = element(0x0040A730, "SQ", item() * 500_000)
    for content in (elements, items):
        reading = read(MemorySource(part10(SR, content)))
        assert reading.reason == "limit"
        assert "200,000" in (reading.detail or "")


def test_a_wrong_byte_order_is_not_conformant() -> None:
    assert reason(part10(identity(), place(), image(), syntax=BIG_ENDIAN)) == "not_conformant"


def test_explicit_found_where_implicit_is_declared_is_read_and_warned_of() -> None:
    reading = read(MemorySource(part10(identity(), place(), image(), syntax=IMPLICIT)))
    assert reading.columns["study_instance_uid"] == "1.2.3"
    assert "vr_mode_differs" in reading.warnings


def test_implicit_items_inside_an_explicit_un_sequence_are_read() -> None:
    inside = item(implicit_element(0x00080100, "CODE"), undefined=True) + SEQUENCE_END
    content = part10(identity(), element(0x00081140, "UN", inside, length=UNDEFINED), place())
    assert '"00080100":{"vr":"SH","Value":["CODE"]}' in (read(MemorySource(content)).header or "")


def test_a_sequence_that_makes_no_sense_inside_is_kept_raw_and_the_rest_is_read() -> None:
    broken = element(0x00081140, "SQ", item(element(0x00081155, "UI", "1.2.3", length=500)))
    reading = read(MemorySource(part10(identity(), broken, place(), image())))
    assert reading.columns["study_instance_uid"] == "1.2.3"
    assert "raw 0008,1140" in reading.warnings
    assert '"00081140":{"vr":"UN","InlineBinary":' in (reading.header or "")


def test_an_element_of_an_open_item_whose_tag_became_an_items_costs_no_file() -> None:
    bad, good = element(0xFFFEE000, "LO", "Herbst"), element(0x00081155, "UI", "1.2.3")
    sequence = element(0x00081140, "SQ", item(good, bad, undefined=True) + SEQUENCE_END, length=UNDEFINED)
    reading = read(MemorySource(part10(identity(), sequence, place(), image())))
    (found,) = json.loads(reading.header or "")["00081140"]["Value"]
    assert found["00081155"] == {"vr": "UI", "Value": ["1.2.3"]}
    assert found["FFFEE000"] == {"vr": "LO", "Value": ["Herbst"]}
    open_value = element(0xFFFEE000, "OB", item() + item(b"AB") + SEQUENCE_END, length=UNDEFINED)
    assert read(MemorySource(part10(identity(), place(), open_value))).outcome == "record"


def test_only_fragments_of_the_pixel_data_count_for_its_frames() -> None:
    value = item() + item(b"AB") + SEQUENCE_END
    pixels = element(0x7FE00010, "OB", value, length=UNDEFINED)
    other = element(0x00420011, "OB", value, length=UNDEFINED)
    content = part10(identity(), place(), image()[:-44], other, pixels, syntax=JPEG)
    assert read(MemorySource(content)).frame_offsets == (len(content) - len(value) + 8,)


def test_a_bad_item_of_an_undefined_sequence_is_kept_raw_and_the_rest_is_read() -> None:
    inside = item(element(0x00081155, "UI", "1.2.3", length=500)) + SEQUENCE_END
    sequence = element(0x00081140, "SQ", inside, length=UNDEFINED)
    reading = read(MemorySource(part10(identity(), sequence, place(), image())))
    assert reading.columns["study_instance_uid"] == "1.2.3"
    assert {"read_one_by_one", "raw 0008,1140"} <= set(reading.warnings)


def test_a_value_of_100_megabytes_inside_a_sequence_is_never_taken_into_memory() -> None:
    size = 100 << 20
    head = part10(SR) + element(0x00091000, "SQ", length=UNDEFINED) + item(undefined=True)[:8]
    head += element(0x00091001, "OB", length=size)
    source = Sparse(head, len(head) + size + 16, item(undefined=True)[8:] + SEQUENCE_END)
    assert read(source).reason == "limit"
    inside = element(0x00091001, "OB", length=size)
    head = part10(SR) + element(0x00091000, "SQ", length=8 + len(inside) + size)
    head += item()[:4] + struct.pack("<L", len(inside) + size) + inside
    source = Sparse(head, len(head) + size)
    assert "raw 0009,1000" in read(source).warnings
    assert source.taken < 1 << 20


def test_no_file_makes_the_reader_raise_whatever_byte_is_changed() -> None:
    chance = random.Random(7)
    files = [content for _, content in pydicom_files() if len(content) < 20_000]
    for _ in range(1_500):
        content = bytearray(chance.choice(files))
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(min(len(content), 4_000))] = chance.randrange(256)
        assert read(MemorySource(bytes(content))).outcome in ("record", "reject")
