"""What a length scan finds: where the elements of a data set lie, in offsets of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_TAGS = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
LONG_VRS = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"))
LARGE = 1 << 20  # bytes; longer values are not read


class Element(NamedTuple):
    """Where an element lies: `start` of its header, `offset` and `length` (or UNDEFINED) of its value; VR or b""."""

    vr: bytes
    start: int
    offset: int
    length: int


@dataclass
class Level:
    """A sequence (`items`) or an item that the scan is inside of; `end` is None where the length is undefined."""

    items: bool
    end: int | None
    implicit: bool


@dataclass
class Layout:
    """What the scan found: top-level elements before and after the pixel data, in file offsets."""

    elements: dict[int, Element] = field(default_factory=dict)
    after: dict[int, Element] = field(default_factory=dict)
    pixel: Element | None = None
    fragments: list[int] = field(default_factory=list)  # offsets of the pixel data's item tags, offset table first
    end: int = 0  # first byte after the data set
    large: list[tuple[int, int]] = field(default_factory=list)  # (offset, length) of values over 1 MB
    broken: set[int] = field(default_factory=set)  # top-level sequences whose inside can't be walked
    zeros: int | None = None  # where zeros begin that reach to the end of the file
    stray: bool = False  # delimiters outside any sequence
    repeated: list[int] = field(default_factory=list)

    @property
    def pixel_length(self) -> int | None:
        """Bytes of the pixel data element's value; -1 where its length is undefined; None without one."""
        return None if self.pixel is None else -1 if self.pixel.length == UNDEFINED else self.pixel.length

    @property
    def header_end(self) -> int:
        """First byte that is not header: the pixel data element's, else the end of the data set."""
        return self.pixel.start if self.pixel else self.end


def is_vr(two: bytes) -> bool:
    """Whether two bytes can be a VR: two capital letters."""
    return len(two) == 2 and 65 <= two[0] <= 90 and 65 <= two[1] <= 90


def reads_as_vr(two: bytes) -> bool:
    """Whether pydicom takes two bytes for a VR: a damaged second letter costs the element, not the file."""
    return b"AA" <= two <= b"ZZ"
