"""What the places in a file say of it, whoever found them: zeros behind it, pixel data that is due, its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache

from dicomdex.extract import silence
from dicomdex.extract.dispatch import LONG_TEXT
from dicomdex.extract.layout import Layout
from dicomdex.extract.part10 import Frame
from dicomdex.extract.reject import Rejected

SOP_CLASS, ROWS = 0x00080016, 0x00280010

# Storage SOP Classes without pixel data, by the root of their UIDs, and the element that makes them what they are:
# Type 1, or 1C with a condition that every useful instance meets (PS3.3 section A.35 and others). A file cut exactly
# between two elements shows only by its absence.
STORAGE = "1.2.840.10008.5.1.4.1.1."
ESSENTIAL: dict[str, int] = {
    "4.2": 0x56000020,  # MR Spectroscopy: Spectroscopy Data
    "9.": 0x54000100,  # waveforms: Waveform Sequence
    "66.1": 0x00700308,  # Spatial Registration: Registration Sequence
    "66.2": 0x0070031C,  # Spatial Fiducials: Fiducial Set Sequence
    "66.3": 0x00640002,  # Deformable Spatial Registration: its sequence
    "66.5": 0x00660002,  # Surface Segmentation: Surface Sequence
    "88.": 0x0040A730,  # structured reports: Content Sequence
    "104.": 0x00420011,  # encapsulated documents: Encapsulated Document
    "481.3": 0x30060080,  # RT Structure Set: RT ROI Observations Sequence
    "481.5": 0x300A0070,  # RT Plan: Fraction Group Sequence
    "481.8": 0x300A0070,  # RT Ion Plan: Fraction Group Sequence
}


def judge_zeros(frame: Frame, layout: Layout) -> None:
    """Zeros behind a whole data set are padding; before the pixel data came they show a copy that was not finished."""
    before = frame.window.glance(max(0, layout.end - 2), 2)
    if layout.pixel is None and (wants_pixels(frame, layout, unknown=True) or before == b"\0\0"):
        raise Rejected("trailing_zeros", "zeros from the end of the last whole element on", layout.zeros)
    frame.warnings.append("trailing_zeros")


def wants_pixels(frame: Frame, layout: Layout, *, unknown: bool) -> bool:
    """Whether pixel data is due: Rows is there, or the SOP Class is one of image storage.

    `unknown` is the answer for a SOP Class that PS3.6 does not list.
    """
    if ROWS in layout.elements:
        return True
    uid = sop_class(frame, layout)
    found = is_image_storage(uid) if uid is not None else None
    return unknown if found is None else found


def sop_class(frame: Frame, layout: Layout) -> str | None:
    """The SOP Class UID of the data set; None without one."""
    element = layout.elements.get(SOP_CLASS)
    if element is None or element.length > LONG_TEXT:
        return None
    return frame.window.take(element.offset, element.length).decode("latin-1").rstrip("\0 ").lstrip(" ")


def missing(uid: str, has: Callable[[int], bool]) -> tuple[str, int | None] | None:
    """What a data set without pixel data lacks: a warning's rule and tag, or None. `has`: whether a tag is there."""
    if has(ROWS) or is_image_storage(uid):
        return "no_pixel_data", None
    tag = essential(uid)
    return None if tag is None or has(tag) else ("missing", tag)


@lru_cache(maxsize=1024)
def essential(uid: str) -> int | None:
    """The element that instances of a SOP Class can't do without, where there is one and it is no pixel data."""
    if not uid.startswith(STORAGE):
        return None
    kind = uid.removeprefix(STORAGE)
    found = (tag for root, tag in ESSENTIAL.items() if kind == root or (root[-1] == "." and kind.startswith(root)))
    return next(found, None)


@lru_cache(maxsize=1024)
def is_image_storage(uid: str) -> bool | None:
    """Whether a SOP Class is one of image storage (PS3.4 table B.5-1); None where PS3.6 does not list it."""
    from pydicom.uid import UID

    with silence.pydicom():
        name = UID(uid).name
    return None if name == uid else "Image Storage" in name


def digest(frame: Frame, layout: Layout) -> str:
    """SHA-256 of the raw bytes before the pixel data; values over 1 MB count by place and length alone.

    It only finds candidates for duplicates, whose files are then compared in full.
    """
    found = hashlib.sha256(frame.meta_raw)
    at = 0
    for offset, length in layout.large:
        if offset >= layout.header_end:
            break
        found.update(frame.window.take(at, offset - at) + b"%d" % length)
        at = offset + length
    found.update(frame.window.take(at, layout.header_end - at))
    return found.hexdigest()
