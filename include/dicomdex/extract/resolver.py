"""What an element is where its header does not say it, and what it changes for those behind it.

VRs are settled as pydicom and `header` do: what an implicit or UN element is says PS3.6, or pydicom's private
dictionary by the element's creator; US or SS by Pixel Representation, which items inherit.
"""

from __future__ import annotations

from functools import lru_cache

from dicomdex.extract import values
from dicomdex.extract.dictionary import is_open, private_vr, public_vr
from dicomdex.extract.dispatch import BULK, CHARACTER_SET, LONG_TEXT, PIXEL_REPRESENTATION, heads_of
from dicomdex.extract.doubt import Doubt
from dicomdex.extract.fragments import CLEAN, inline
from dicomdex.extract.layout import UNDEFINED, Element
from dicomdex.extract.memo import Memo
from dicomdex.extract.part10 import Frame
from dicomdex.extract.state import ASSUMED, SIGNED, UNSIGNED, States

UN_SEQUENCE_MAX = 0xFFFF  # from here on UN stays UN, as in pydicom
UNREADABLE = "\\"  # stands for a private creator that is not one plain text: no name holds a backslash

CUT = "length"  # the rule of a length that goes beyond what is around it


class Short(Exception):
    """The bytes read so far end before the element does; `need` = position in the block that is asked for."""

    def __init__(self, need: int) -> None:
        super().__init__()
        self.need = need


class Resolver:
    """A block of a file and the state of the data set in it, which says what its elements are."""

    # Begun for every file: what is the same for all of them stands here.
    extended: Element | None = None
    once = False  # the last fragment is true in this place of this file alone
    next = 0  # position behind the last special element
    _definite = False
    _eager = False  # inside a sequence of undefined length, whose items pydicom reads before it knows the sign

    def __init__(self, frame: Frame, memory: Memo | None) -> None:
        self.window, self.memory = frame.window, memory
        self.base, self.block = frame.window.block_at(frame.start)  # offset in the file of the block's first byte
        self.implicit, self.little = frame.implicit, frame.little
        self.heads = heads = heads_of(frame.implicit, frame.little)
        self.states = memory.states(frame.implicit, frame.little) if memory is not None else States()
        self.state = self.states.first
        self.large: list[tuple[int, int]] = []
        self.warnings: list[tuple[str, int]] = []
        self._suffix = b"&deflated=1" if frame.deflated else b""
        self._settled: set[bool] = set()  # how US or SS came out where the data set's own answer is not yet seen
        self.long_length, self._marks = heads.long_length, heads.marks

    def warn(self, rule: str, tag: int) -> None:
        """Note a warning of an element."""
        self.warnings.append((rule, tag))
        self.once = True

    def kept_raw(self, tag: int, start: int, length: int) -> bytes:
        """An element that breaks its VR: its bytes as they are, or where they are."""
        self.warn("raw", tag)
        if length > LONG_TEXT:
            return self.reference(tag, "UN", start, length)
        return b'"%08X":{"vr":"UN"%b' % (tag, inline(self.block[start : start + length]))

    def reference(self, tag: int, vr: str, start: int, length: int) -> bytes:
        """The fragment of a bulk value: where it lies in the file."""
        self.once = True
        place = b"?offset=%d&length=%d%b" % (self.base + start, length, self._suffix)
        return b'"%08X":{"vr":"%b","BulkDataURI":"%b"}' % (tag, vr.encode(), place)

    def _fits(self, stop: int, limit: int | None) -> None:
        if limit is not None:
            if stop > limit:
                raise Doubt(CUT)
        elif stop > len(self.block):
            raise Short(stop)

    def _vr(self, tag: int, said: str | None, length: int) -> str:
        if said is not None and said != "UN":
            return said
        group, number = tag >> 16, tag & 0xFFFF
        if group & 1:
            vr = self._private(tag, group, number)
        elif said is None or length < UN_SEQUENCE_MAX or length == UNDEFINED:
            vr = public_vr(tag) or "UN"
        elif public_vr(tag) == "SQ":
            raise Doubt("un_sequence", tag)
        else:
            vr = "UN"
        if vr.endswith("OW"):
            if is_open(tag, vr):
                self.warn("pydicom_differs", tag)
            return "OW"
        return self._us_or_ss(tag) if " or " in vr else vr

    def _private(self, tag: int, group: int, number: int) -> str:
        if 0x0010 <= number < 0x0100:
            return "LO"
        if number < 0x0100 or self.state.group != group:
            return "UN"
        creator = self.state.creators.get(group << 16 | number >> 8)
        if creator == UNREADABLE:
            raise Doubt("creator", tag)
        return private_vr(tag, creator)

    def _us_or_ss(self, tag: int) -> str:
        signed = self.state.signed == SIGNED
        if signed and self._eager and not self._definite:
            self.warn("pydicom_differs", tag)
        if not self._definite:
            self._settled.add(signed)
        if not self.state.signed:
            self.once = True
            self.state = self.state.moved(self.states, "signed", ASSUMED)
        return "SS" if signed else "US"

    def _move(self, tag: int, said: str | None, raw: bytes) -> None:
        """Change the state, behind an element that does."""
        if tag == CHARACTER_SET:
            self.state = self.state.moved(self.states, "encodings", encodings(raw))
        elif tag == PIXEL_REPRESENTATION and 0 < len(raw) <= BULK:
            signed = any(raw)
            if (not signed) in self._settled:
                raise Doubt("signed", tag)
            self._definite = True
            self.state = self.state.moved(self.states, "signed", SIGNED if signed else UNSIGNED)
        elif tag >> 16 & 1 and 0x0010 <= tag & 0xFFFF < 0x0100:
            value = raw.rstrip(b" \0")
            plain = said in ("LO", "UN", None) and not value.translate(None, CLEAN) and len(raw) <= BULK
            name = value.decode("ascii") if plain else UNREADABLE
            self.state = self.state.moved(self.states, "creator", tag, name)


@lru_cache(maxsize=256)
def encodings(raw: bytes) -> tuple[str, ...]:
    """Python encodings of a Specific Character Set (PS3.3 C.12.1.1.2). Raises Doubt where a name is not DICOM's."""
    value = raw.rstrip(b" \0")
    if not value:
        return values.DEFAULT_ENCODINGS
    from pydicom.charset import STAND_ALONE_ENCODINGS, convert_encodings, python_encoding

    names = value.decode("latin-1").split("\\")
    alone = len(names) > 1 and not set(STAND_ALONE_ENCODINGS).isdisjoint(names)
    if alone or any(name not in python_encoding for name in names):
        raise Doubt("charset", CHARACTER_SET)
    return tuple(convert_encodings(names))
