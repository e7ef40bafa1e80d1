"""Where the frames of the pixel data lie, by arithmetic or by an offset table (PS3.5 section A.4)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from dicomdex.extract.layout import UNDEFINED, Layout
from dicomdex.extract.part10 import Frame

EXTENDED_OFFSET_TABLE, NUMBER_OF_FRAMES = 0x7FE00001, 0x00280008
FRAMES_MAX = 1_000_000

Warn = Callable[[str], None]
Offsets = tuple[int, ...] | None


def frame_offsets(frame: Frame, layout: Layout, columns: Mapping[str, Any], warn: Warn) -> Offsets:
    """File offset of each frame: of its first byte (native) or of its first fragment's item tag (encapsulated).

    None where there is no pixel data, where it is deflated, or where the frames can't be told apart.
    """
    pixel = layout.pixel
    frames = columns.get("number_of_frames") or (0 if NUMBER_OF_FRAMES in layout.elements else 1)
    if pixel is None or frame.deflated or not 0 < frames <= FRAMES_MAX:
        return None
    if pixel.length != UNDEFINED:
        return _native(pixel.offset, pixel.length, frames, columns, warn)
    return _encapsulated(frame, layout, frames, warn)


def _native(offset: int, length: int, frames: int, columns: Mapping[str, Any], warn: Warn) -> Offsets:
    bits = _frame_bits(columns)
    if not bits:
        return None
    expected = (bits * frames + 7) // 8
    if length not in (expected, expected + expected % 2):
        warn("pixel_data_length")
        if length < expected:
            return None
    if bits % 8:
        return (offset,) if frames == 1 else None
    return tuple(range(offset, offset + frames * bits // 8, bits // 8))


def _frame_bits(columns: Mapping[str, Any]) -> int:
    """Bits of one native frame; YBR_FULL_422 shares the colours of two pixels (PS3.3 C.7.6.3.1.2)."""
    needed = [columns.get(name) or 0 for name in ("rows", "columns", "bits_allocated")]
    samples = 2 if columns.get("photometric_interpretation") == "YBR_FULL_422" else columns.get("samples_per_pixel", 1)
    return int(needed[0] * needed[1] * needed[2] * samples)


def _encapsulated(frame: Frame, layout: Layout, frames: int, warn: Warn) -> Offsets:
    if not layout.fragments:
        warn("pixel_data_length")
        return None
    fragments = layout.fragments[1:]
    table = _extended_table(frame, layout) or _basic_table(frame, layout)
    if table and fragments:
        starts = tuple(fragments[0] + offset for offset in table)
        if len(starts) == frames and set(starts) <= set(fragments):
            return starts
        warn("offset_table")
    if len(fragments) == frames or (frames == 1 and fragments):
        return tuple(fragments[:frames])
    return None


def _extended_table(frame: Frame, layout: Layout) -> tuple[int, ...]:
    element = layout.elements.get(EXTENDED_OFFSET_TABLE)
    if element is None or element.length % 8 or element.length > 8 * FRAMES_MAX:
        return ()
    return struct.unpack(f"<{element.length // 8}Q", frame.window.take(element.offset, element.length))


def _basic_table(frame: Frame, layout: Layout) -> tuple[int, ...]:
    """The first item's value: an unsigned 32-bit offset for each frame, from the first fragment's item tag."""
    start = layout.fragments[0]
    length = int.from_bytes(frame.window.glance(start + 4, 4), "little")
    if not length or length % 4 or length > 4 * FRAMES_MAX:
        return ()
    return struct.unpack(f"<{length // 4}L", frame.window.glance(start + 8, length))
