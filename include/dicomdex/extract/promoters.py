"""Raw bytes of a plain value -> its JSON and its promoted column at once: the short way to what converters and
`promote` give.

Each function takes an element's raw bytes and gives what stands behind the VR in its fragment, `,"Value":[...]}`, and
the column's value; or None where the value is not of the one plain form it knows: then those two decide.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from orjson import dumps

from dicomdex.extract.fragments import CLEAN, DECIMAL, is_plain_uid, is_shortest
from dicomdex.extract.promote import BY_KEY
from dicomdex.extract.values import is_age

Plain = Callable[[bytes], tuple[bytes, Any] | None]

PLAIN_TIME = re.compile(rb"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:\.[0-9]{1,6})?").fullmatch
PLAIN_DATE_TIME = re.compile(rb"([0-9]{8})(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:\.[0-9]{1,6})?").fullmatch


def _text(raw: bytes) -> tuple[bytes, str] | None:
    value = raw.rstrip(b" \0")
    if value and not value.translate(None, CLEAN):
        return b',"Value":["%b"]}' % value, value.decode().strip(" ")
    return None


def _texts(raw: bytes) -> tuple[bytes, list[str]] | None:
    if b"\\" not in raw:
        one = _text(raw)
        return one and (one[0], [one[1]])
    parts = [part.rstrip(b" ") for part in raw.rstrip(b" \0").split(b"\\")]
    if b"".join(parts).translate(None, CLEAN) or not all(parts):
        return None
    return b',"Value":["%b"]}' % b'","'.join(parts), [part.decode().strip(" ") for part in parts]


def _name(raw: bytes) -> tuple[bytes, str] | None:
    value = raw.rstrip(b" \0")
    if value and not value.translate(None, CLEAN) and b"=" not in value:
        return b',"Value":[{"Alphabetic":"%b"}]}' % value, value.decode().strip(" ")
    return None


def _uid(raw: bytes) -> tuple[bytes, str] | None:
    value = raw.rstrip(b" \0")
    return (b',"Value":["%b"]}' % value, value.decode()) if is_plain_uid(value) else None


def _int(raw: bytes) -> tuple[bytes, int] | None:
    value = raw.rstrip(b" \0").lstrip(b" ")
    if value.isdigit() and len(value) < 19 and (value[0] != 48 or len(value) == 1):
        return b',"Value":[%b]}' % value, int(value)
    return None


def _float(raw: bytes) -> tuple[bytes, float] | None:
    value = raw.rstrip(b" \0")
    if is_shortest(value):
        return b',"Value":[%b]}' % value, float(value)
    return None


def _floats(raw: bytes) -> tuple[bytes, list[float]] | None:
    value = raw.rstrip(b" \0")
    if is_shortest(value):
        return b',"Value":[%b]}' % value, [float(value)]
    if not value or value.translate(None, DECIMAL):
        return None
    try:
        numbers = list(map(float, value.split(b"\\"))) if b"\\" in value else [float(value)]
    except ValueError:
        return None
    written = dumps(numbers)
    return None if b"n" in written else (b',"Value":%b}' % written, numbers)  # null: JSON has no infinity


@lru_cache(maxsize=8192)
def _date(raw: bytes) -> tuple[bytes, datetime.date] | None:
    value = raw.rstrip(b" \0")
    if len(value) != 8 or not value.isdigit():
        return None
    try:
        day = datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None
    return b',"Value":["%b"]}' % value, day


def _time(raw: bytes) -> tuple[bytes, str] | None:
    """A TM to the second or finer: the usual one."""
    value = raw.rstrip(b" \0")
    return (b',"Value":["%b"]}' % value, value.decode()) if PLAIN_TIME(value) else None


def _date_time(raw: bytes) -> tuple[bytes, str] | None:
    """A DT to the second or finer, without an offset: the usual one."""
    value = raw.rstrip(b" \0")
    found = PLAIN_DATE_TIME(value)
    if found is None or _date(found[1]) is None:
        return None
    return b',"Value":["%b"]}' % value, value.decode()


@lru_cache(maxsize=1024)
def _age(raw: bytes) -> tuple[bytes, str] | None:
    value = raw.rstrip(b" \0")
    if value.translate(None, CLEAN) or not is_age(value.decode()):
        return None
    return b',"Value":["%b"]}' % value, value.decode()


def _unsigned(raw: bytes) -> tuple[bytes, int] | None:
    """One US in little endian."""
    if len(raw) != 2:
        return None
    value = raw[0] | raw[1] << 8
    return b',"Value":[%d]}' % value, value


# By the VR in the file and the column's kind. LT, ST and UT hold one value, whose backslashes are none of ours.
PLAIN: dict[tuple[str, str], Plain] = {
    **{(vr, kind): _text for vr in ("CS", "LO", "SH", "LT", "ST", "UT") for kind in ("string", "text")},
    **{(vr, "strings"): _texts for vr in ("CS", "LO", "SH")},
    ("PN", "name"): _name, ("UI", "string"): _uid, ("IS", "int"): _int, ("DS", "float"): _float,
    ("DS", "floats"): _floats, ("DA", "date"): _date, ("TM", "time"): _time, ("DT", "datetime"): _date_time,
    ("AS", "age"): _age,
}  # fmt: skip

# Element -> (column, kind), of those that give one column by themselves.
SINGLE: dict[int, tuple[str, str]] = {
    int(key, 16): (found[0].column, found[0].kind)
    for key, found in BY_KEY.items()
    if len(found) == 1 and not found[0].path and found[0].keyword != "NumberOfFrames"
}


def plain_way(tag: int, vr: str, *, little: bool) -> tuple[str, Plain | None]:
    """(column, short way) of an element, where there is one."""
    column, kind = SINGLE.get(tag, ("", ""))
    if (vr, kind) == ("US", "int") and little:
        return column, _unsigned
    return column, PLAIN.get((vr, kind))
