"""Promoted columns from a finished fragment, where its value is the plain one: the short way to what `promote` gives.

Each function takes what stands behind the VR in a fragment, `,"Value":[...]}`, and gives the column's value, or None
where the value is not of the one plain form it knows: then `promote` decides.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dicomdex.extract.promote import BY_KEY, PATTERNS

Short = Callable[[bytes], Any]

PLAIN_DATE_TIME = re.compile(rb"[0-9]{8}(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9](?:\.[0-9]{1,6})?").fullmatch
TEXT, NAME, NUMBER = b',"Value":["', b',"Value":[{"Alphabetic":"', b',"Value":['


def _text(tail: bytes) -> str | None:
    if tail[:11] == TEXT and tail.endswith(b'"]}') and tail.count(b'"') == 4 and b"\\" not in tail:
        return tail[11:-3].decode().strip(" ") or None
    return None


def _texts(tail: bytes) -> list[str] | None:
    if tail[:11] == TEXT and b"\\" not in tail and b"null" not in tail:
        return [part.strip(" ") for part in tail[11:-3].decode().split('","')]
    return None


def _name(tail: bytes) -> str | None:
    if tail[:25] == NAME and tail.endswith(b'"}]}') and tail.count(b'"') == 6 and b"\\" not in tail:
        return tail[25:-4].decode().strip(" ") or None
    return None


def _int(tail: bytes) -> int | None:
    value = tail[10:-2]
    return int(value) if value.isdigit() and len(value) < 19 and tail[:10] == NUMBER else None


def _floats(tail: bytes) -> list[float] | None:
    try:
        return [float(part) for part in tail[10:-2].split(b",")] if tail[:10] == NUMBER else None
    except ValueError:
        return None


def _float(tail: bytes) -> float | None:
    try:
        return float(tail[10:-2]) if tail[:10] == NUMBER else None
    except ValueError:
        return None


@lru_cache(maxsize=8192)
def _date(tail: bytes) -> datetime.date | None:
    value = tail[11:-3]
    if len(value) != 8 or not value.isdigit() or tail[:11] != TEXT:
        return None
    try:
        return datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return None


_OF_KIND: dict[str, Short] = {
    "string": _text, "text": _text, "strings": _texts, "name": _name, "int": _int, "float": _float, "floats": _floats,
    "date": _date,
}  # fmt: skip


def _checked(pattern: Callable[[str], Any]) -> Short:
    """Text that has to be of its kind; where it is not, `promote` says so."""

    @lru_cache(maxsize=8192)
    def convert(tail: bytes) -> str | None:
        text = _text(tail)
        return text if text and pattern(text) else None

    return convert


def _date_time(tail: bytes) -> str | None:
    """A DT to the second or finer, without an offset: the usual one."""
    value = tail[11:-3]
    plain = PLAIN_DATE_TIME(value) and tail[:11] == TEXT and _date(TEXT + value[:8] + b'"]}') is not None
    return value.decode() if plain else None


_OF_KIND.update({kind: _checked(pattern) for kind, pattern in PATTERNS.items()})
_OF_KIND["datetime"] = _date_time

# Element -> (column, short way), for those that give one column of a known kind.
FAST: dict[int, tuple[str, Short]] = {
    int(key, 16): (found[0].column, _OF_KIND[found[0].kind])
    for key, found in BY_KEY.items()
    if len(found) == 1 and found[0].kind in _OF_KIND and not found[0].path and found[0].keyword != "NumberOfFrames"
}
