"""Where things lie in a file: the block that is read, growing as it is walked, and the pixel data behind the header."""

from __future__ import annotations

from dicomdex.extract.doubt import Doubt
from dicomdex.extract.elements import Elements
from dicomdex.extract.layout import UNDEFINED, Element
from dicomdex.extract.memo import Memo
from dicomdex.extract.part10 import Frame
from dicomdex.extract.resolver import CUT, Short

SCANNED_FROM = 1_600_000  # bytes; in fewer, no data set holds more elements than the limit
FRAGMENTS_MAX = 1_000_000
SEQUENCE_LONGEST = 64 << 20


class Places(Elements):
    """A walk's place in its file, and the places it found."""

    pixel: Element | None = None
    header_end = 0
    head = b""  # the file's bytes as far as the pixel data, where they are one block
    _scanned = False

    def __init__(self, frame: Frame, memory: Memo | None) -> None:
        super().__init__(frame, memory)
        self.fragments: list[int] = []  # offsets of the pixel data's item tags
        self._frame = frame

    def _special(self, tag: int, said: str | None, start: int, length: int) -> bytes:
        """Like `special`; where the block is too short nothing is left of the attempt."""
        warnings, large = len(self.warnings), len(self.large)
        kept = self.state, set(self._settled), self._definite
        try:
            return self.special(tag, said, start, length, None)
        except Short:
            del self.warnings[warnings:], self.large[large:]
            self.state, self._settled, self._definite = kept
            self._eager = False
            raise

    def _more(self, position: int, length: int) -> int:
        """Have the block go on for `length` bytes from `position`; gives the position in the block there is then."""
        offset = self.base + position
        if offset + length > self.window.size:
            raise Doubt(CUT)
        if length > SEQUENCE_LONGEST:
            raise Doubt("large")
        if offset + length - self._frame.start > SCANNED_FROM and not self._scanned:
            self._frame.scan()
            self._scanned = True
        self.window.take(offset, length)
        self.base, self.block = self.window.block_at(offset)
        if self.base + len(self.block) < offset + length:
            raise Doubt("window")
        return offset - self.base

    def _beyond(self, position: int) -> int:
        """Go on behind a value that is not read."""
        offset = self.base + position
        if offset == self.window.size:
            self.base, self.block = offset, b""
            return 0
        return self._more(position, min(16, self.window.size - offset))

    def _ahead(self, position: int, extent: int) -> int:
        """Read at once what a header is expected to take from `position` on; the position in the block."""
        first, extent = self.base + position, min(extent, SCANNED_FROM)
        self.window.reach(first, first + extent + 16)
        return self._more(position, min(extent, self.window.size - first))

    def _pixels(self, tag: int, position: int, start: int, length: int) -> int:
        """Note the pixel data; the position behind it."""
        if not self.implicit and tag & 0xFFFF != 0x0010 and length == UNDEFINED:
            raise Doubt("undefined", tag)
        offset = self.base + start
        self.pixel = Element(b"", self.base + position, offset, length)
        self.header_end = self.base + position
        if not self.base:
            self.head = self.block
        end = self._fragments(offset) if length == UNDEFINED else offset + length
        if end > self.window.size:
            raise Doubt(CUT, tag)
        return self._beyond(end - self.base)

    def _fragments(self, offset: int) -> int:
        """Walk the item headers of encapsulated pixel data (PS3.5 section A.4), 8 bytes each; the end behind them."""
        item, _, sequence_end = self._marks
        glance, size, long_length = self.window.glance, self.window.size, self.long_length
        while True:
            head = glance(offset, 8)
            if len(head) == 8 and head[:4] == item and len(self.fragments) < FRAGMENTS_MAX:
                self.fragments.append(offset)
                offset += 8 + long_length(head, 4)[0]
                if offset <= size:
                    continue
            if head[:4] != sequence_end or len(head) < 8:
                raise Doubt("fragments")
            return offset + 8
