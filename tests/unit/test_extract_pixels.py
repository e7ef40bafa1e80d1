"""Frames of native and encapsulated pixel data, and data sets that were deflated."""

from __future__ import annotations

import struct
import tracemalloc
import zlib

import pytest

from dicomdex.extract.reader import read
from tests.factories import (
    BASIC_TEXT_SR,
    DEFLATED,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    MemorySource,
    element,
    identity,
    image,
    item,
    meta,
    part10,
    place,
)  # fmt: skip

SR = identity(sop_class=BASIC_TEXT_SR) + place()


def test_frames_of_native_pixel_data_are_found_by_arithmetic() -> None:
    content = part10(identity(), place(), image(2, 2, frames=3))
    start = content.rindex(b"\xe0\x7f\x10\x00") + 12
    assert read(MemorySource(content)).frame_offsets == (start, start + 8, start + 16)


@pytest.mark.parametrize("table", ["basic", "extended", "none"])
def test_frames_of_encapsulated_pixel_data_are_found_by_table_or_by_count(table: str) -> None:
    fragments = item(b"abcd") + item(b"efghij")
    basic = item(struct.pack("<LL", 0, 12) if table == "basic" else b"")
    before = SR + element(0x00280008, "IS", "2")
    if table == "extended":
        before += element(0x7FE00001, "OV", struct.pack("<QQ", 0, 12))
    pixel = element(0x7FE00010, "OB", basic + fragments + SEQUENCE_END, length=UNDEFINED)
    content = part10(before, pixel, syntax=JPEG)
    first = content.index(fragments)
    assert read(MemorySource(content)).frame_offsets == (first, first + 12)


def test_an_offset_table_that_points_nowhere_is_not_believed() -> None:
    fragments = item(struct.pack("<LL", 0, 13)) + item(b"abcd") + item(b"efgh") + SEQUENCE_END
    before = SR + element(0x00280008, "IS", "2")
    reading = read(MemorySource(part10(before, element(0x7FE00010, "OB", fragments, length=UNDEFINED), syntax=JPEG)))
    assert "offset_table" in reading.warnings


def deflated(data_set: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return meta(DEFLATED) + packer.compress(data_set) + packer.flush()


def test_a_deflated_file_is_inflated_and_read() -> None:
    reading = read(MemorySource(deflated(identity() + place() + image())))
    assert (reading.outcome, reading.columns["patient_id"]) == ("record", "P1")
    assert (reading.pixel_offset, reading.pixel_length, reading.frame_offsets) == (None, 32, None)


def test_zeros_behind_a_deflated_data_set_are_a_warning_too() -> None:
    reading = read(MemorySource(deflated(identity() + place() + image() + bytes(600))))
    assert (reading.outcome, reading.warnings[1:]) == ("record", ("trailing_zeros",))


def test_a_deflate_bomb_is_a_limit_and_takes_little_memory() -> None:
    bomb = deflated(identity() + place() + element(0x7FE00010, "OW", bytes(200 << 20)))
    tracemalloc.start()
    reading = read(MemorySource(bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert reading.reason == "limit"
    assert peak < 100 << 20


def test_a_deflated_file_that_is_cut_or_was_never_deflated_is_named_so() -> None:
    content = deflated(identity() + place() + image(64, 64))
    assert read(MemorySource(content[:-20])).reason == "truncated"
    plain = meta(DEFLATED) + b"\xff" + identity() + place()
    assert read(MemorySource(plain)).reason == "not_conformant"
