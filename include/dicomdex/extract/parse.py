"""pydicom over the bytes the scan approved: the data set without its pixel data, values over 1 KB left where they are.

pydicom and the scan must find the same elements. Where they do not, or where pydicom gives up, the elements are taken
from the scan one by one: so what is wrong in one of them costs that one alone.
"""

from __future__ import annotations

import io
from collections.abc import MutableSequence
from itertools import pairwise
from typing import BinaryIO, cast

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from dicomdex.extract.dispatch import BULK, CHARACTER_SET, LONG_TEXT
from dicomdex.extract.doubt import PARSE_ERRORS
from dicomdex.extract.layout import LARGE, PIXEL_TAGS, UNDEFINED, Element, Layout
from dicomdex.extract.part10 import Frame
from dicomdex.extract.scan import SEQUENCE_VRS
from dicomdex.extract.window import WindowFile

PADDING = 0xFFFCFFFC  # Data Set Trailing Padding, PS3.10 section 7.2: says nothing


def parse(frame: Frame, layout: Layout) -> tuple[Dataset, bool]:
    """The data set of exactly the scan's elements, those behind the pixel data included; whether pydicom agreed."""
    layout.after.pop(PADDING, None)
    wanted = layout.elements.keys() | layout.after.keys()
    try:
        dataset = _part(frame, frame.start, layout.header_end)
        if layout.after:
            start = min(element.start for element in layout.after.values())
            for element in _part(frame, start, layout.end, dataset.original_character_set).values():
                if element.tag not in dataset and element.tag != PADDING:
                    dataset[element.tag] = element
    except PARSE_ERRORS:
        return _one_by_one(frame, layout), False
    if dataset.keys() != wanted:
        return _one_by_one(frame, layout), False
    return dataset, True


def _part(frame: Frame, start: int, end: int, encodings: str | MutableSequence[str] = default_encoding) -> Dataset:
    """Bytes [start, end) of the file, from memory where they are few: the usual case."""
    file = cast(BinaryIO, WindowFile(frame.window))
    if end <= LARGE:
        file = io.BytesIO(frame.window.take(0, end))
    file.seek(start)
    return read_dataset(
        file, frame.implicit, frame.little, stop_when=_at_pixels, defer_size=BULK, parent_encoding=encodings
    )


def _at_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag in PIXEL_TAGS


def _one_by_one(frame: Frame, layout: Layout) -> Dataset:
    every = {**layout.after, **layout.elements}
    starts = [element.start for element in (*every.values(), *filter(None, [layout.pixel]))]
    ends = sorted((*starts, layout.end))
    following = dict(pairwise(ends))
    raw = {BaseTag(tag): _raw(frame, tag, place, following[place.start]) for tag, place in every.items()}
    dataset = Dataset({**raw})
    dataset.set_original_encoding(frame.implicit, frame.little, _encodings(raw.get(BaseTag(CHARACTER_SET))))
    return dataset


def _encodings(found: RawDataElement | None) -> list[str]:
    """Python encodings of Specific Character Set; its own text, which is none, where pydicom can make nothing of it."""
    names = [n.strip() for n in (found.value or b"").decode("latin-1").rstrip("\0 ").split("\\")] if found else []
    try:
        return convert_encodings(names)
    except PARSE_ERRORS:
        return names


def _raw(frame: Frame, tag: int, place: Element, end: int) -> RawDataElement:
    """An undefined length becomes the bytes up to the next element, and what can hold items a sequence."""
    undefined = place.length == UNDEFINED
    length = end - place.offset if undefined else place.length
    vr = "SQ" if undefined and place.vr in SEQUENCE_VRS else place.vr.decode("latin-1") or None
    longest = LONG_TEXT if tag == CHARACTER_SET else BULK
    value = frame.window.take(place.offset, length) if length <= longest else None
    return RawDataElement(BaseTag(tag), vr, length, value, place.offset, place.vr == b"", frame.little)
