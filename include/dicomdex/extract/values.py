"""Raw bytes of one element -> `Value` of the DICOM JSON model (PS3.18 section F.2.3), strictly by VR.

Every function takes the raw bytes and returns the list of values, or raises ValueError where the bytes break the
VR: the caller then keeps the element raw. pydicom's own conversions are not used, because they bend such values
silently (IS `2.5` becomes 2) or lose the whole file (IS `1A`).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

from pydicom import charset
from pydicom.valuerep import TEXT_VR_DELIMS

Values = list[Any]

BINARY_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
PLAIN_VRS = frozenset(("AE", "AS", "CS", "DA", "DT", "TM", "UI", "UR"))  # default repertoire, PS3.5 table 6.2-1
TEXT_VRS = frozenset(("LO", "SH", "UC"))  # several values, in the data set's character set
LONG_TEXT_VRS = frozenset(("LT", "ST", "UT"))  # one value: a backslash is a backslash
NUMBER_FORMATS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
WORD_SIZES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "AT": 2}

INTEGER = re.compile(r"[+-]?[0-9]{1,19}").fullmatch
DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
INT64 = 1 << 63
KNOWN_ENCODINGS = frozenset(charset.python_encoding.values())
DEFAULT_ENCODINGS = ("iso8859",)
REPLACED = "\N{REPLACEMENT CHARACTER}"


def encodings_of(found: str | Sequence[str] | None) -> tuple[tuple[str, ...], bool]:
    """Python encodings of a data set as pydicom found them, and whether all of them are DICOM's (PS3.3 C.12.1.1.2).

    pydicom takes any Python codec by its name for a character set; here an unknown one becomes the default.
    """
    names = (found,) if isinstance(found, str) else tuple(found or DEFAULT_ENCODINGS)
    known = tuple(name if name in KNOWN_ENCODINGS else DEFAULT_ENCODINGS[0] for name in names)
    return known, known == names


def decode(raw: bytes, encodings: Sequence[str]) -> str:
    """Text of bytes in a data set's character set, legal as UTF-8 and as JSON; what can't be kept becomes U+FFFD."""
    if raw.isascii() and charset.ESC not in raw:
        return raw.decode("ascii").replace("\0", REPLACED)
    try:
        text = charset.decode_bytes(raw, list(encodings), TEXT_VR_DELIMS)
    except (UnicodeError, LookupError, ValueError):
        text = raw.decode("ascii", "replace")
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", REPLACED)


def _split(text: str) -> Values:
    """Values of a backslash-separated text, trailing padding off; an empty one is None (PS3.18 section F.2.5)."""
    parts: Values = [part.rstrip(" \0") or None for part in text.split("\\")]
    return [] if parts == [None] else parts


def plain(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of AE, AS, CS, DA, DT, TM, UI, UR: outside the default repertoire taken as Latin-1."""
    return _split(decode(raw.rstrip(b" \0"), DEFAULT_ENCODINGS))


def text(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of LO, SH, UC."""
    return _split(decode(raw.rstrip(b" \0"), encodings))


def long_text(raw: bytes, encodings: Sequence[str]) -> Values:
    """The one value of LT, ST, UT."""
    value = decode(raw.rstrip(b" \0"), encodings)
    return [value] if value else []


def person_name(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of PN: an object of up to three component groups (PS3.5 section 6.2.1)."""
    return [None if name is None else _groups(name) for name in text(raw, encodings)]


def _groups(name: str) -> dict[str, str] | None:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), name.split("=", 2), strict=False)
    return {group: part for group, part in groups if part} or None


def _numbers_in(raw: bytes) -> list[str]:
    text = raw.rstrip(b" \0").decode("ascii")
    return [part.strip(" ") for part in text.split("\\")] if text else []


def integer_string(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of IS as JSON numbers."""
    return [_integer(part) if part else None for part in _numbers_in(raw)]


def _integer(part: str) -> int:
    if INTEGER(part) and -INT64 <= (value := int(part)) < INT64:
        return value
    raise ValueError("not an IS")


def decimal_string(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of DS as JSON numbers."""
    return [_decimal(part) if part else None for part in _numbers_in(raw)]


def _decimal(part: str) -> float:
    if DECIMAL(part) and math.isfinite(value := float(part)):
        return value
    raise ValueError("not a DS")


STRING_VRS: dict[str, Callable[[bytes, Sequence[str]], Values]] = {
    **dict.fromkeys(PLAIN_VRS, plain),
    **dict.fromkeys(TEXT_VRS, text),
    **dict.fromkeys(LONG_TEXT_VRS, long_text),
    "PN": person_name,
    "IS": integer_string,
    "DS": decimal_string,
}


def numbers(raw: bytes, vr: str, little: bool) -> Values:
    """Values of US, SS, UL, SL, UV, SV, FL, FD; JSON has no NaN and no infinity, so those raise ValueError."""
    code = NUMBER_FORMATS[vr]
    size = struct.calcsize("=" + code)
    if len(raw) % size:
        raise ValueError("not a whole number of values")
    values = list(struct.unpack(f"{'<' if little else '>'}{len(raw) // size}{code}", raw))
    if code in "fd" and not all(map(math.isfinite, values)):
        raise ValueError("not finite")
    return values


def attribute_tags(raw: bytes, little: bool) -> Values:
    """Values of AT as `GGGGEEEE`."""
    if len(raw) % 4:
        raise ValueError("not a whole number of values")
    words = struct.unpack(f"{'<' if little else '>'}{len(raw) // 2}H", raw)
    return [f"{words[i]:04X}{words[i + 1]:04X}" for i in range(0, len(words), 2)]


def little_endian(raw: bytes, vr: str) -> bytes:
    """Bytes of a big endian word VR in the little endian order InlineBinary asks for (PS3.18 section F.2.7)."""
    size = WORD_SIZES.get(vr, 1)
    if size == 1 or len(raw) % size:
        return raw
    return b"".join(raw[i : i + size][::-1] for i in range(0, len(raw), size))
