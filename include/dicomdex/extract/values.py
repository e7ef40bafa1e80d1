"""Raw bytes of one element -> `Value` of the DICOM JSON model (PS3.18 section F.2.3), strictly by VR.

Every function takes the raw bytes and returns the list of values, or raises ValueError where the bytes break the
VR: the caller then keeps the element raw. pydicom's own conversions are not used, because they bend such values
silently (IS `2.5` becomes 2) or lose the whole file (IS `1A`).
"""

from __future__ import annotations

import datetime
import math
import re
import struct
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any

from dicomdex.extract import silence

Values = list[Any]

BINARY_VRS = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "UN"))
PLAIN_VRS = frozenset(("AS", "CS", "DA", "DT", "TM", "UI"))  # default repertoire, PS3.5 table 6.2-1
TEXT_VRS = frozenset(("LO", "SH", "UC"))  # several values, in the data set's character set
LONG_TEXT_VRS = frozenset(("LT", "ST", "UT"))  # one value: a backslash is a backslash
NUMBER_FORMATS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
WORD_SIZES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8, "AT": 2}

INTEGER = re.compile(r"[+-]?[0-9]{1,19}").fullmatch
DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?").fullmatch
INT64 = 1 << 63
DEFAULT_ENCODINGS = ("iso8859",)
REPLACED = "\N{REPLACEMENT CHARACTER}"
ESCAPE = b"\x1b"
LUT_DESCRIPTORS = frozenset((0x00281101, 0x00281102, 0x00281103, 0x00283002))

TIME = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:(?:[0-5][0-9]|60)(?:\.[0-9]{1,6})?)?)?"
is_time = re.compile(TIME).fullmatch
is_age = re.compile("[0-9]{3}[DWMY]").fullmatch
DAY = r"([0-9]{4})(?:([0-9]{2})(?:([0-9]{2})"
DATE_TIME = re.compile(rf"{DAY}(?:{TIME})?)?)?(?:[+-][01][0-9][0-5][0-9])?").fullmatch
COMPONENTS = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"
UID_TEXT, UID_BYTES = re.compile(COMPONENTS).fullmatch, re.compile(COMPONENTS.encode()).fullmatch


@lru_cache(maxsize=8192)
def is_date(value: str) -> bool:
    """Whether a DA is eight digits and a day of the calendar."""
    return len(value) == 8 and value.isascii() and value.isdigit() and _is_day(value[:4], value[4:6], value[6:])


def _is_day(year: str, month: str | None, day: str | None) -> bool:
    try:
        datetime.date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


def is_date_time(value: str) -> bool:
    """Whether a DT is one, from the year alone to microseconds and an offset from UTC."""
    found = DATE_TIME(value)
    return found is not None and _is_day(*found.groups())


def is_uid(value: str) -> bool:
    """Whether a UI is digits and dots, no component with a zero in front (PS3.5 section 9.1)."""
    return len(value) <= 64 and UID_TEXT(value) is not None


# What PS3.5 table 6.2-1 asks of a value; one that breaks it stays in the header as it is, and the row says so.
RULES: dict[str, Callable[[str], Any]] = {
    "AS": is_age, "DA": is_date, "DT": is_date_time, "TM": is_time, "UI": is_uid,
}  # fmt: skip


def differs(tag: int, vr: str, found: Values) -> bool:
    """Whether pydicom reads a legal value otherwise: it raises on an empty IS, DS or PN among several, and adds
    65,536 to a LUT descriptor's negative first value.
    """
    if vr in ("IS", "DS", "PN"):
        return None in found
    return vr == "SS" and tag in LUT_DESCRIPTORS and bool(found) and found[0] < 0


def keeps_rule(vr: str, found: Values) -> bool:
    """Whether every value that is there keeps the rule of its VR."""
    rule = RULES.get(vr)
    return rule is None or all(value is None or rule(value) for value in found)


def is_lossy(found: Values, raw: bytes, encodings: Sequence[str]) -> bool:
    """Whether text was not legal in its character set: a replaced byte, or 8 bits in the default repertoire."""
    if raw.isascii() and b"\0" not in raw[:-1] and ESCAPE not in raw:
        return False
    if not raw.isascii() and ESCAPE not in raw and encodings[0] == DEFAULT_ENCODINGS[0]:
        return True
    groups = [part for value in found for part in (value.values() if isinstance(value, dict) else (value,))]
    return any(REPLACED in part for part in groups if isinstance(part, str))


@cache
def _known_encodings() -> frozenset[str]:
    from pydicom.charset import python_encoding

    return frozenset(python_encoding.values())


def encodings_of(found: str | Sequence[str] | None) -> tuple[tuple[str, ...], bool]:
    """Python encodings of a data set as pydicom found them, and whether all of them are DICOM's (PS3.3 C.12.1.1.2).

    pydicom takes any Python codec by its name for a character set; here an unknown one becomes the default.
    """
    names = (found,) if isinstance(found, str) else tuple(found or DEFAULT_ENCODINGS)
    if names == DEFAULT_ENCODINGS:
        return DEFAULT_ENCODINGS, True
    known = tuple(name if name in _known_encodings() else DEFAULT_ENCODINGS[0] for name in names)
    return known, known == names


def decode(raw: bytes, encodings: Sequence[str]) -> str:
    """Text of bytes in a data set's character set, legal as UTF-8 and as JSON; what can't be kept becomes U+FFFD."""
    if raw.isascii() and ESCAPE not in raw:
        return raw.decode("ascii").replace("\0", REPLACED)
    try:
        text = raw.decode(encodings[0]) if ESCAPE not in raw else _by_pydicom(raw, encodings)
    except (UnicodeError, LookupError):
        text = _by_pydicom(raw, encodings)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", REPLACED)


def _by_pydicom(raw: bytes, encodings: Sequence[str]) -> str:
    """Text with escape sequences (PS3.5 section 6.1.2.5), or that its character set can't read. Nothing is printed."""
    from pydicom.charset import decode_bytes  # 0.2 s of a process's life, which many batches never need
    from pydicom.valuerep import TEXT_VR_DELIMS

    with silence.pydicom():
        try:
            return decode_bytes(raw, list(encodings), TEXT_VR_DELIMS)
        except (UnicodeError, LookupError, ValueError):
            return raw.decode("ascii", "replace")


def _split(text: str) -> Values:
    """Values of a backslash-separated text, trailing padding off; an empty one is None (PS3.18 section F.2.5)."""
    parts: Values = [part.rstrip(" \0") or None for part in text.split("\\")]
    return [] if parts == [None] else parts


def plain(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of AS, CS, DA, DT, TM, UI: outside the default repertoire taken as Latin-1."""
    return _split(decode(raw.rstrip(b" \0"), DEFAULT_ENCODINGS))


def text(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of LO, SH, UC."""
    return _split(decode(raw.rstrip(b" \0"), encodings))


def long_text(raw: bytes, encodings: Sequence[str]) -> Values:
    """The one value of LT, ST, UT."""
    value = decode(raw.rstrip(b" \0"), encodings)
    return [value] if value else []


def application_entity(raw: bytes, encodings: Sequence[str]) -> Values:
    """Values of AE, where spaces in front say nothing either (PS3.5 table 6.2-1)."""
    return [value and (value.lstrip(" ") or None) for value in plain(raw, encodings)]


def resource(raw: bytes, encodings: Sequence[str]) -> Values:
    """The one value of UR, in the default repertoire."""
    return long_text(raw, DEFAULT_ENCODINGS)


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
    "AE": application_entity,
    "UR": resource,
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
