"""What an element's header says, worked out once: 8 bytes of a file -> a Head with all that is needed to convert it.

In explicit VR the first 8 bytes hold tag, VR and the short length, in implicit VR tag and length (PS3.5 section 7.1):
so a dictionary from these bytes takes the place of unpacking, of looking up the VR and of writing the tag as text.
"""

from __future__ import annotations

from functools import cache
from struct import Struct
from typing import NamedTuple

from dicomdex.extract import values
from dicomdex.extract.dictionary import is_open, public_vr
from dicomdex.extract.doubt import SOP_CLASS, SOP_INSTANCE, Doubt
from dicomdex.extract.fragments import CONVERTERS, Convert, numbers
from dicomdex.extract.layout import LONG_VRS, PIXEL_TAGS, UNDEFINED
from dicomdex.extract.promote import ROOTS
from dicomdex.extract.promoters import Plain, plain_way

BULK = 1 << 10
LONG_TEXT = 64 << 10
CHARACTER_SET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103
EXTENDED_OFFSET_TABLE = 0x7FE00001
HEADS_MAX = 50_000

SHORT_VRS = frozenset(vr for vr in CONVERTERS[True] if vr.encode() not in LONG_VRS)
EXPLICIT_VRS = {vr.encode(): vr for vr in (*CONVERTERS[True], "SQ")}


class Head(NamedTuple):
    """`size` of header and value in bytes, 0 where the length is not among the 8; `convert` None = not a plain value.

    `prefix` is the fragment up to its VR: `"00100010":{"vr":"PN"`. `vr` is None in implicit VR, where it comes from
    the dictionary. `promoted`: it gives columns. `text`: the tag as the model's key.
    `column` and `plain`: its one column, and the short way to both. `eight`: the 8 bytes.
    """

    size: int
    tag: int
    prefix: bytes
    convert: Convert | None
    promoted: bool
    vr: str | None
    length: int
    text: str
    column: str
    plain: Plain | None
    eight: bytes


class Heads(dict[bytes, Head]):
    """Heads of one encoding; they depend on nothing else and stay for the life of the process."""

    def __init__(self, *, implicit: bool, little: bool) -> None:
        super().__init__()
        self.implicit, self.little = implicit, little
        order = "<" if little else ">"
        self._explicit = Struct(order + "HH2sH").unpack_from
        self._implicit = Struct(order + "HHL").unpack_from
        self._converters = CONVERTERS[little]
        self.long_length = Struct(order + "L").unpack_from
        mark = Struct(order + "HH").pack
        self.marks = mark(0xFFFE, 0xE000), mark(0xFFFE, 0xE00D), mark(0xFFFE, 0xE0DD)  # item, its end, the sequence's

    def __missing__(self, eight: bytes) -> Head:
        """Work out a new one. Raises Doubt where the VR is none of PS3.5."""
        if len(self) > HEADS_MAX:
            self.clear()
        head = self._of_implicit(eight) if self.implicit else self._of_explicit(eight)
        self[eight] = head
        return head

    def _of_explicit(self, eight: bytes) -> Head:
        group, number, code, length = self._explicit(eight)
        tag = group << 16 | number
        vr = EXPLICIT_VRS.get(code)
        if vr is None or group == 0xFFFE:
            raise Doubt("vr", tag)
        if tag in (SOP_CLASS, SOP_INSTANCE) and vr not in ("UI", "UN"):
            raise Doubt("vr", tag)
        if code in LONG_VRS:
            return self._head(eight, 0, tag, vr, vr, 0)
        return self._head(eight, 8 + length, tag, vr, vr, length)

    def _of_implicit(self, eight: bytes) -> Head:
        group, number, length = self._implicit(eight)
        tag = group << 16 | number
        if group == 0xFFFE:
            raise Doubt("delimiter", tag)
        known = public_vr(tag) if not group & 1 else None
        vr = "UN" if known is None else known if is_open(tag, known) else settled(known)
        if tag == SOP_INSTANCE and length == UNDEFINED:
            raise Doubt("vr", tag)
        return self._head(eight, 8 + length, tag, vr, None, length)

    def _head(self, eight: bytes, size: int, tag: int, vr: str, said: str | None, length: int) -> Head:
        """`vr` as far as the header and PS3.6 know it, `said` as the element's header says it."""
        if length <= BULK and size and length and vr in values.NUMBER_FORMATS:
            convert: Convert | None = numbers(vr, self.little, length)
        else:
            convert = self._converters.get(vr)
        if length > LONG_TEXT or is_special(tag, vr, said) or is_bulk(vr, length):
            convert = None
        prefix = b'"%08X":{"vr":"%b"' % (tag, vr.encode())
        column, plain = plain_way(tag, vr, little=self.little) if convert is not None else ("", None)
        return Head(size, tag, prefix, convert, tag in ROOTS, said, length, f"{tag:08X}", column, plain, eight)


def is_special(tag: int, vr: str, said: str | None) -> bool:
    """Whether more than the value decides, or the walker has to take note of it."""
    group, number = tag >> 16, tag & 0xFFFF
    if number == 0 or group in (0x0000, 0x0002, 0x0004) or tag in SPECIAL_TAGS:
        return True
    if group & 1 and 0x0010 <= number < 0x0100:  # a private creator
        return True
    return vr == "SQ" or said == "UN" or (said is None and group & 1 == 1)


SPECIAL_TAGS = PIXEL_TAGS | values.LUT_DESCRIPTORS | {CHARACTER_SET, PIXEL_REPRESENTATION, EXTENDED_OFFSET_TABLE}


def is_bulk(vr: str | None, length: int) -> bool:
    """Whether the value becomes a reference: binary over 1 KB, text over 64 KB."""
    if length <= BULK:
        return False
    return vr in values.BINARY_VRS or vr in values.NUMBER_FORMATS or length > LONG_TEXT


def settled(vr: str) -> str:
    """The VR of the dictionary's where it leaves a choice that does not depend on the data set, else its text."""
    return "OW" if vr.endswith("OW") else vr


@cache
def heads_of(implicit: bool, little: bool) -> Heads:
    """The one Heads of an encoding."""
    return Heads(implicit=implicit, little=little)
