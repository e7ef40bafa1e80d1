"""Raw bytes of one element -> the rest of its DICOM JSON object: `,"Value":[...]}` behind `"GGGGEEEE":{"vr":"VR"`.

What `values` does by Python objects is done here by bytes for the plain cases, which are nearly all: text of printable
ASCII, decimal numbers, binary words. Everything else goes through `values` itself, so that both give the same bytes.
A converter raises ValueError where the bytes break the VR; the caller then keeps the element raw.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from functools import cache
from struct import Struct, calcsize

from orjson import dumps

from dicomdex.extract import values
from dicomdex.extract.doubt import SOP_INSTANCE, UID, Doubt

Warn = Callable[[str, int], None]
Convert = Callable[[bytes, int, Sequence[str], Warn], bytes]

EMPTY = b"}"
CLEAN = bytes(byte for byte in range(0x20, 0x7F) if byte not in b'"\\')  # printable and the same in JSON
SECOND = rb"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:\.[0-9]{1,6})?"
USUAL = {"TM": re.compile(SECOND).fullmatch}  # what nearly all values of a VR look like
DECIMAL = b"0123456789+-. \\"


def found_text(vr: str, raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """Any value of a string VR, by `values`."""
    found = values.STRING_VRS[vr](raw, encodings)
    if values.is_lossy(found, raw, encodings):
        warn("charset", tag)
    if not values.keeps_rule(vr, found):
        warn("bad_value", tag)
    if values.differs(tag, vr, found):
        warn("pydicom_differs", tag)
    return b',"Value":%b}' % dumps(found) if found else EMPTY


def _text(vr: str) -> Convert:
    """AE, AS, CS, LO, SH, UC, UR, and the long texts, in which a backslash is none and so never plain."""

    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        value = raw.rstrip(b" \0")
        special = value.translate(None, CLEAN)
        if not special:
            return b',"Value":["%b"]}' % value if value else EMPTY
        if several and not special.strip(b"\\"):
            parts = [part.rstrip(b" ") for part in value.split(b"\\")]
            return b',"Value":[%b]}' % b",".join([b'"%b"' % part if part else b"null" for part in parts])
        return found_text(vr, raw, tag, encodings, warn)

    several = vr != "UR" and vr not in values.LONG_TEXT_VRS
    return convert


def _ruled(vr: str) -> Convert:
    """AS, DA, DT, TM: a value that breaks the VR's rule is kept as it is, with a warning."""

    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        value = raw.rstrip(b" \0")
        if usual(value) or (value and not value.translate(None, CLEAN) and rule(value.decode("ascii"))):
            return b',"Value":["%b"]}' % value
        return found_text(vr, raw, tag, encodings, warn)

    rule, usual = values.RULES[vr], USUAL.get(vr, _no)
    return convert


def _no(value: bytes) -> bool:
    return False


def unique_identifier(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """UI."""
    value = raw.rstrip(b" \0")
    if is_plain_uid(value):
        return b',"Value":["%b"]}' % value
    if tag == SOP_INSTANCE and not UID(value.decode("latin-1")):
        raise Doubt("bad_value", tag)
    return found_text("UI", raw, tag, encodings, warn)


def is_plain_uid(value: bytes) -> bool:
    """Whether a UID is one, and alone."""
    return len(value) <= 64 and values.UID_BYTES(value) is not None


def application_entity(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """AE."""
    value = raw.strip(b" ").rstrip(b" \0")
    if value and not value.translate(None, CLEAN):
        return b',"Value":["%b"]}' % value
    return found_text("AE", raw, tag, encodings, warn)


def person_name(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """PN."""
    value = raw.rstrip(b" \0")
    if not value.translate(None, CLEAN) and b"=" not in value:
        return b',"Value":[{"Alphabetic":"%b"}]}' % value if value else EMPTY
    return found_text("PN", raw, tag, encodings, warn)


def integer_string(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """IS."""
    value = raw.rstrip(b" \0").lstrip(b" ")
    if value.isdigit() and len(value) < 19 and (value[0] != 48 or len(value) == 1):
        return b',"Value":[%b]}' % value
    return found_text("IS", raw, tag, encodings, warn)


def decimal_string(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
    """DS. Python's float takes what PS3.5 table 6.2-1 allows, and more: letters and underscores, so not those."""
    value = raw.rstrip(b" \0")
    if is_shortest(value):
        return b',"Value":[%b]}' % value
    if value and not value.translate(None, DECIMAL):
        try:
            several = b"\\" in value
            written = dumps(list(map(float, value.split(b"\\"))) if several else [float(value)])
        except ValueError:  # an empty one of several, or no number
            return found_text("DS", raw, tag, encodings, warn)
        if b"n" not in written:  # null: JSON has no infinity
            return b',"Value":%b}' % written
    return found_text("DS", raw, tag, encodings, warn)


def is_shortest(value: bytes) -> bool:
    """Whether a decimal number reads as JSON writes it: no other one of up to 15 digits has the same double."""
    whole, _, rest = value.partition(b".")
    if not rest.isdigit() or rest[-1] == 48 or len(value) > 16:
        return False
    whole = whole.removeprefix(b"-")
    return whole.isdigit() and (whole[0] != 48 or (whole == b"0" and rest[:3] != b"000"))


@cache
def numbers(vr: str, little: bool, length: int) -> Convert:
    """US, SS, UL, SL, UV, SV, FL, FD of one length in bytes."""
    code = values.NUMBER_FORMATS[vr]
    order = "<" if little else ">"
    count, rest = divmod(length, calcsize("=" + code))
    unpack, finite = Struct(f"{order}{count}{code}").unpack, code not in "fd"

    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        if rest:
            raise ValueError("not a whole number of values")
        written = dumps(unpack(raw))
        if finite or b"n" not in written:  # null: JSON has no infinity and no NaN
            return b',"Value":%b}' % written
        raise ValueError("not finite")

    return convert


def _numbers(vr: str, little: bool) -> Convert:
    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        return numbers(vr, little, len(raw))(raw, tag, encodings, warn) if raw else EMPTY

    return convert


def _binary(vr: str, little: bool) -> Convert:
    """OB, OW, UN and their like, in little endian (PS3.18 section F.2.7)."""

    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        if not raw:
            return EMPTY
        return inline(raw if little else values.little_endian(raw, vr))

    return convert


def inline(raw: bytes) -> bytes:
    """Bytes as InlineBinary."""
    return b',"InlineBinary":"%b"}' % b2a_base64(raw, newline=False) if raw else EMPTY


def _attribute_tag(little: bool) -> Convert:
    def convert(raw: bytes, tag: int, encodings: Sequence[str], warn: Warn) -> bytes:
        found = values.attribute_tags(raw, little)
        return b',"Value":%b}' % dumps(found) if found else EMPTY

    return convert


def _converters(little: bool) -> dict[str, Convert]:
    texts: dict[str, Convert] = {vr: _text(vr) for vr in values.STRING_VRS}
    ruled: dict[str, Convert] = {vr: _ruled(vr) for vr in values.RULES}
    words: dict[str, Convert] = {vr: _numbers(vr, little) for vr in values.NUMBER_FORMATS}
    binary: dict[str, Convert] = {vr: _binary(vr, little) for vr in values.BINARY_VRS}
    own: dict[str, Convert] = {
        "AE": application_entity,
        "UI": unique_identifier, "PN": person_name, "IS": integer_string, "DS": decimal_string,
        "AT": _attribute_tag(little),
    }  # fmt: skip
    return {**texts, **ruled, **words, **binary, **own}


CONVERTERS = {little: _converters(little) for little in (True, False)}
