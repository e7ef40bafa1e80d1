"""Strict length scan of a DICOM data set (PS3.5 section 7): every length is checked, no long value is read.

A parser that trusts lengths takes a cut file for a whole one. The scan walks element headers alone: down every
sequence, over the pixel data, to the last byte of the file, in a loop with its own stack, so that nesting can't
exhaust Python's.
"""

from __future__ import annotations

from struct import Struct

from dicomdex.extract.cursor import Broken, Cursor
from dicomdex.extract.dictionary import public_vr
from dicomdex.extract.dispatch import EXPLICIT_VRS
from dicomdex.extract.layout import (
    ITEM,
    ITEM_END,
    LARGE,
    LONG_VRS,
    PIXEL_TAGS,
    SEQUENCE_END,
    UNDEFINED,
    Element,
    Layout,
    Level,
    is_vr,
    reads_as_vr,
)  # fmt: skip
from dicomdex.extract.reject import Rejected
from dicomdex.extract.window import Window

SEQUENCE_VRS = frozenset((b"SQ", b"UN", b""))
MAX_DEPTH = 64
MAX_ELEMENTS = 200_000  # a million take pydicom 10 s and 400 MB
MAX_FRAGMENTS = 5_000_000
NESTED_MAX = 64 << 20  # pydicom reads sequences of undefined length whole


class Scan(Cursor):
    """One walk over a data set that begins at `start`; `group` keeps it to that group (file meta information)."""

    def __init__(self, window: Window, start: int, *, implicit: bool, little: bool, group: int | None = None) -> None:
        super().__init__(window, start)
        self._group = group
        self._little = little
        order = "<" if little else ">"
        self._explicit_header = Struct(order + "HH2sH").unpack_from
        self._implicit_header = Struct(order + "HHL").unpack_from
        self._long_length = Struct(order + "L").unpack_from
        self._implicit = implicit
        self._count = 0
        self._top = 0
        self.layout = Layout()

    def run(self) -> Layout:
        """Walk to the end. Raises Rejected: truncated, trailing_zeros, not_conformant, limit."""
        while True:
            try:
                if not self._step():
                    self.layout.end = self._position
                    return self.layout
            except Broken as broken:
                self._step_over(broken)

    def _step(self) -> bool:
        stack = self._stack
        while stack and stack[-1].end == self._position:
            stack.pop()
        if not stack:
            if self._is_over():
                return False
            return self._element(None)
        level = stack[-1]
        return self._item(level) if level.items else self._element(level)

    def _is_over(self) -> bool:
        """At the top: the end of the file, or nothing but zeros up to it."""
        left = self._window.size - self._position
        if left <= 0:
            return True
        # big endian tags begin with a zero byte: a few zeros at the end may be the cut header of an element
        cut = left < 8 and not self._little and self.layout.pixel is None
        if not cut and self._bytes(self._position, 8).strip(b"\0") == b"" and self._zeros_to_end():
            self.layout.zeros = self._position
            return True
        if left < 8:
            raise Rejected("truncated", "an element's header is cut", self._position)
        return False

    def _step_over(self, broken: Broken) -> None:
        """Go on behind the outermost element of known length; its inside stays raw. Without one, the file is lost."""
        for depth, level in enumerate(self._stack):
            if level.end is not None:
                self._position = level.end
                del self._stack[depth:]
                self.layout.broken.add(self._top)
                return
        raise Rejected("not_conformant", broken.what, broken.offset) from None

    def _count_one(self) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise Rejected("limit", f"more than {MAX_ELEMENTS:,} elements and items", self._position)

    def _header(self, implicit: bool) -> tuple[int, Element]:
        """Tag and place of the element at the position (PS3.5 section 7.1.2 and 7.1.3)."""
        start = self._position
        self._check_fits(start + 8, "an element's header", start)
        head = self._bytes(start, 12)
        group, number, vr, length = self._explicit_header(head)
        tag = group << 16 | number
        # an item tag with a VR is that of a damaged element, which pydicom reads as one too
        marks = group == 0xFFFE and not (tag == ITEM and vr in EXPLICIT_VRS)
        if implicit or marks or not reads_as_vr(vr):
            return tag, Element(b"", start, start + 8, self._implicit_header(head)[2])
        if vr not in LONG_VRS:
            return tag, Element(vr, start, start + 8, length)
        self._check_fits(start + 12, "an element's header", start)
        return tag, Element(vr, start, start + 12, self._long_length(head, 8)[0])

    def _element(self, level: Level | None) -> bool:
        implicit = level.implicit if level else self._implicit
        tag, element = self._header(implicit)
        self._count_one()
        if level is None:
            if self._group is not None and tag >> 16 != self._group:
                return False
            self._note(tag, element)
        elif tag == 0:
            self._refuse_zeros(element.start)
        if tag >> 16 == 0xFFFE and not element.vr:
            self._delimiter(tag, element, level)
        elif element.length == UNDEFINED:
            self._undefined(tag, element, implicit)
        else:
            self._defined(tag, element, implicit)
        return True

    def _note(self, tag: int, element: Element) -> None:
        """Keep the place of a top-level element."""
        self._top = tag
        if tag >> 16 == 0xFFFE and not element.vr:
            return
        found = self.layout
        place = found.elements if found.pixel is None else found.after
        if tag in place:
            found.repeated.append(tag)
        if tag in PIXEL_TAGS and found.pixel is None:
            found.pixel = element
        else:
            place[tag] = element

    def _delimiter(self, tag: int, element: Element, level: Level | None) -> None:
        if level is None:
            self.layout.stray = True
            self._position = element.offset
        elif tag == ITEM_END:
            self._stack.pop()
            self._position = level.end if level.end is not None else element.offset
        else:
            raise Broken("an item is not closed", element.start)

    def _defined(self, tag: int, element: Element, implicit: bool) -> None:
        stop = element.offset + element.length
        self._check_fits(stop, "an element's value", element.start)
        if element.vr in SEQUENCE_VRS and element.length and self._is_sequence(tag, element):
            self._position = element.offset
            self._push(Level(True, stop, implicit))
            return
        if element.length > NESTED_MAX and self._stack and all(level.end is None for level in self._stack):
            raise Rejected("limit", f"a value over {NESTED_MAX >> 20} MB inside a sequence", element.start)
        if element.length > LARGE:
            self.layout.large.append((element.offset, element.length))
        self._position = stop

    def _is_sequence(self, tag: int, element: Element) -> bool:
        return element.vr == b"SQ" or public_vr(tag) == "SQ"

    def _undefined(self, tag: int, element: Element, implicit: bool) -> None:
        self._position = element.offset
        if element.vr in SEQUENCE_VRS and tag not in PIXEL_TAGS:
            self._push(Level(True, None, implicit))
        else:
            self._fragments(keep=element is self.layout.pixel)

    def _push(self, level: Level) -> None:
        self._stack.append(level)
        if len(self._stack) > 2 * MAX_DEPTH:
            raise Rejected("limit", f"sequences nested more than {MAX_DEPTH} deep", self._position)

    def _item_header(self) -> tuple[int, int]:
        """(tag, length) of an item or delimiter at the position, PS3.5 section 7.5."""
        start = self._position
        self._check_fits(start + 8, "an item's header", start)
        group, number, length = self._implicit_header(self._bytes(start, 8))
        return group << 16 | number, length

    def _item(self, level: Level) -> bool:
        tag, length = self._item_header()
        self._count_one()
        start = self._position
        self._position = start + 8
        if tag == SEQUENCE_END:
            self._stack.pop()
            if level.end is not None:
                self._position = level.end
        elif tag == ITEM:
            end = None if length == UNDEFINED else start + 8 + length
            if end is not None:
                self._check_fits(end, "an item", start)
            implicit = level.implicit or not is_vr(self._bytes(start + 12, 2)) if length else level.implicit
            self._push(Level(False, end, implicit))
        else:
            self._no_item(tag, start)
        return True

    def _no_item(self, tag: int, start: int) -> None:
        self._position = start
        if tag == 0:
            self._refuse_zeros(start)
        raise Broken("no item where one is due", start)

    def _fragments(self, keep: bool) -> None:
        """Walk the item headers of an encapsulated value to its delimiter, PS3.5 section A.4: 8 bytes an item."""
        count, limit = 0, self._limit()
        while True:
            start = self._position
            self._check_fits(start + 8, "a fragment's header", start)
            group, number, length = self._implicit_header(self._window.glance(start, 8))
            tag = group << 16 | number
            if tag == SEQUENCE_END:
                self._position = start + 8
                return
            if tag != ITEM:
                self._no_item(tag, start)
            if start + 8 + length > limit:
                self._check_fits(start + 8 + length, "a fragment", start)
            count += 1
            if count > MAX_FRAGMENTS:
                raise Rejected("limit", f"more than {MAX_FRAGMENTS:,} fragments", start)
            if keep:
                self.layout.fragments.append(start)
            self._position = start + 8 + length
