"""What the walker found in one file -> its Reading; the same, warning for warning, as the fallback gives."""

from __future__ import annotations

import hashlib
from operator import itemgetter
from typing import Any

from dicomdex.extract.doubt import UID, WARNINGS_MAX, Doubt, tag_text
from dicomdex.extract.judge import digest, missing
from dicomdex.extract.layout import Element, Layout
from dicomdex.extract.part10 import Frame
from dicomdex.extract.pixels import EXTENDED_OFFSET_TABLE, frame_offsets
from dicomdex.extract.promote import TAGS_PRESENT
from dicomdex.extract.reading import Reading
from dicomdex.extract.walker import Walker

THERE = Element(b"", 0, 0, 0)


def record(walker: Walker, frame: Frame, header: bytes, parser: str) -> Reading:
    """The Reading of a walked file. Raises Doubt where it has no SOP Instance UID that can stand for it."""
    columns = walker.columns
    uid = columns.get("sop_instance_uid")
    if uid is None or not UID(uid) or (not frame.part10 and "sop_class_uid" not in columns):
        raise Doubt("no_uid")
    layout = _layout(walker)
    columns[TAGS_PRESENT] = " ".join(walker.tags)
    warnings = _warnings(walker, frame, layout, columns)
    columns["transfer_syntax_uid"] = frame.transfer_syntax
    offsets = None if layout.pixel is None else frame_offsets(frame, layout, columns, warnings.append)
    return Reading(
        "record",
        warnings=_limited(warnings),
        columns=columns,
        header=header.decode("utf-8"),
        header_digest=_digest(walker, frame, layout),
        pixel_offset=layout.pixel.offset if layout.pixel and not frame.deflated else None,
        pixel_length=layout.pixel_length,
        frame_offsets=offsets,
        parser=parser,
    )


def _layout(walker: Walker) -> Layout:
    """As much of the scan's layout as frames and digest are worked out from."""
    elements = dict.fromkeys(walker.bare, THERE)
    if walker.extended is not None:
        elements[EXTENDED_OFFSET_TABLE] = walker.extended
    return Layout(elements, pixel=walker.pixel, fragments=walker.fragments, end=walker.header_end, large=walker.large)


def _warnings(walker: Walker, frame: Frame, layout: Layout, columns: dict[str, Any]) -> list[str]:
    """In the order of the fallback: the frame's, the places', the elements', the UID's, the columns'."""
    found = frame.warnings.copy()
    if layout.pixel is None:
        lacks = missing(columns.get("sop_class_uid") or "", lambda tag: f"{tag:08X}" in columns[TAGS_PRESENT])
        if lacks is not None:
            found.append(lacks[0] if lacks[1] is None else f"{lacks[0]} {tag_text(lacks[1])}")
    if walker.warnings:
        found += [f"{rule} {tag_text(tag)}" for rule, tag in walker.warnings]
    if frame.media_uid is not None and frame.media_uid != columns["sop_instance_uid"]:
        found.append("media_storage_uid_differs")
    if walker.promotion_warnings:
        by_table = sorted(walker.promotion_warnings, key=itemgetter(0))
        found += [f"{rule} {tag_text(tag)}" for _, rule, tag in by_table]
    return found


def _limited(warnings: list[str]) -> tuple[str, ...]:
    if not warnings:
        return ()
    each = dict.fromkeys(warnings)
    return tuple(each) if len(each) <= WARNINGS_MAX else (*list(each)[:WARNINGS_MAX], "more_warnings")


def _digest(walker: Walker, frame: Frame, layout: Layout) -> str:
    """SHA-256 of the bytes before the pixel data, which are nearly always one block."""
    if walker.large or frame.deflated or walker.header_end > len(walker.head):
        return digest(frame, layout)
    return hashlib.sha256(memoryview(walker.head)[: walker.header_end]).hexdigest()
