"""Elements that more than their value decides: sequences, private and unknown ones, and those that change the state."""

from __future__ import annotations

from dicomdex.extract import values
from dicomdex.extract.dictionary import public_vr
from dicomdex.extract.dispatch import CHARACTER_SET, EXTENDED_OFFSET_TABLE, PIXEL_REPRESENTATION, is_bulk
from dicomdex.extract.doubt import Doubt
from dicomdex.extract.fragments import CONVERTERS, EMPTY
from dicomdex.extract.items import Items
from dicomdex.extract.layout import LARGE, PIXEL_TAGS, UNDEFINED, Element
from dicomdex.extract.resolver import CUT


class Elements(Items):
    """The elements that the walker's loop leaves to it, and the one of items."""

    def special(self, tag: int, said: str | None, start: int, length: int, limit: int | None, depth: int = 0) -> bytes:
        """The fragment of an element; `self.next` is the position behind it, `self.state` what holds from there on.

        `said` is the VR in its header, `limit` where the level around it ends. Raises Doubt, and Short where the
        block does.
        """
        if tag >> 16 in (0x0000, 0x0002, 0x0004):
            raise Doubt("group", tag)
        self.next = start + length
        if length == UNDEFINED:
            return self._undefined(tag, said, start, limit, depth)
        if tag & 0xFFFF == 0:  # a group length: none of the model
            self._fits(self.next, limit)
            return b""
        vr = self._vr(tag, said, length)
        if vr != "SQ" and is_bulk(vr, length):
            return self._bulk(tag, vr, start, length, limit)
        if length > LARGE and (vr != "SQ" or tag >> 16 & 1):
            raise Doubt("large", tag)
        self._fits(self.next, limit)
        if vr == "SQ":
            return self._defined(tag, said, start, length, depth)
        raw = self.block[start : self.next]
        self._note(tag, said, start, raw)
        fragment = self._plain(tag, vr, start, raw)
        self._move(tag, said, raw)
        return fragment

    def _plain(self, tag: int, vr: str, start: int, raw: bytes) -> bytes:
        state = self.state
        try:
            found = CONVERTERS[self.little][vr](raw, tag, state.encodings, self.warn) if raw else EMPTY
        except ValueError:
            return self.kept_raw(tag, start, len(raw))
        if tag in values.LUT_DESCRIPTORS and vr == "SS" and found[10:11] == b"-":
            self.warn("pydicom_differs", tag)
        return b'"%08X":{"vr":"%b"%b' % (tag, vr.encode(), found)

    def _defined(self, tag: int, said: str | None, start: int, length: int, depth: int) -> bytes:
        found = EMPTY
        if length:
            found, self.next = self._items(tag, start, length, said is None, self.next, depth)
        return b'"%08X":{"vr":"SQ"%b' % (tag, found)

    def _bulk(self, tag: int, vr: str, start: int, length: int, limit: int | None) -> bytes:
        if tag == PIXEL_REPRESENTATION:  # of over a kilobyte: inside an item it counts for pydicom, outside not
            raise Doubt("signed", tag)
        if tag == CHARACTER_SET:
            raise Doubt("charset", tag)
        if limit is not None or length <= LARGE:
            self._fits(start + length, limit)
        elif self.base + start + length > self.window.size:
            raise Doubt(CUT, tag)
        if length > LARGE:
            self.large.append((self.base + start, length))
        if tag == EXTENDED_OFFSET_TABLE:
            self.extended = Element(vr.encode(), 0, self.base + start, length)
        return self.reference(tag, vr, start, length)

    def _note(self, tag: int, said: str | None, start: int, raw: bytes) -> None:
        if tag == EXTENDED_OFFSET_TABLE:
            self.extended = Element(b"", 0, self.base + start, len(raw))
            self.once = True
        elif tag == CHARACTER_SET and said not in ("CS", None):
            raise Doubt("vr", tag)
        elif tag in PIXEL_TAGS and len(raw) > LARGE:
            raise Doubt("large", tag)

    def _undefined(self, tag: int, said: str | None, start: int, limit: int | None, depth: int) -> bytes:
        """A value of undefined length, which is a sequence (PS3.5 sections 7.5 and 6.2.2)."""
        if said not in ("SQ", "UN", None) or tag in PIXEL_TAGS or (said == "UN" and not self.little):
            raise Doubt("undefined", tag)
        if said is None and (tag >> 16 & 1 or public_vr(tag) is None):
            self._fits(start + 4, limit)
            if self.block[start : start + 4] != self._marks[0]:
                raise Doubt("undefined", tag)
        elif said is None and public_vr(tag) != "SQ":
            raise Doubt("undefined", tag)
        found, self.next = self._items(tag, start, UNDEFINED, said is None, limit, depth)
        return b'"%08X":{"vr":"SQ"%b' % (tag, found)
