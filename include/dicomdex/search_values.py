"""What a person writes as a date, number or age, as the ends of a range: Solr is given what was parsed, never the text.

Every parser gives (first, last) of what the text covers, as Solr writes them; QueryRefused names the field alone.
"""

from __future__ import annotations

import calendar
import math
import re
from collections.abc import Callable
from datetime import date, timedelta

from dicomdex.errors import QueryRefused
from dicomdex.fields import DAYS
from dicomdex.search_fields import Field, Shape

Ends = tuple[str, str]

OPEN = "*"
LONG_MAX = 2**63 - 1
_DATE = re.compile(r"(\d{4})(?:-?(\d\d)(?:-?(\d\d))?)?", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d))?)?", re.ASCII)
_AGE = re.compile(r"(\d{1,6})([DWMY]?)", re.ASCII | re.IGNORECASE)
_INT = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def dates(text: str) -> Ends:
    """`2026-01-31`, `20260131`, `2026-01`, `2026`: from the first to the last day."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError
    year, month, day = (int(part) if part else None for part in found.groups())
    first = date(year or 0, month or 1, day or 1)
    last_month = month or 12
    last = first if day else date(first.year, last_month, calendar.monthrange(first.year, last_month)[1])
    return f"{first.isoformat()}T00:00:00Z", f"{last.isoformat()}T23:59:59.999Z"


def seconds(text: str) -> Ends:
    """`08`, `08:30`, `083015`: seconds of the day, from the first to the last that the text covers."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError
    hour, minute, second = found.groups()
    first = int(hour) * 3600 + int(minute or 0) * 60 + int(second or 0)
    return str(first), str(first + (0 if second else 59 if minute else 3599))


def instants(text: str) -> Ends:
    """A date as above, or a day with a time of UTC: `2026-01-31T08:30`."""
    day, _, time = text.partition("T")
    first, last = dates(day)
    if not time:
        return first, last
    if first[:10] != last[:10]:
        raise ValueError
    begin, end = (str(timedelta(seconds=int(part))).zfill(8) for part in seconds(time))
    return f"{first[:10]}T{begin}Z", f"{first[:10]}T{end}.999Z"


def ints(text: str) -> Ends:
    """A whole number that Solr's long holds."""
    if not _INT.fullmatch(text) or not -LONG_MAX <= int(text) <= LONG_MAX:
        raise ValueError
    return str(int(text)), str(int(text))


def floats(text: str) -> Ends:
    """A finite number."""
    if not text.isascii() or "_" in text or not math.isfinite(float(text)):
        raise ValueError
    return repr(float(text)), repr(float(text))


def ages(text: str) -> Ends:
    """`40Y`, `6M`, `18W`, `3D`, a bare number is years; as days, the way documents hold them."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise ValueError
    days = str(math.floor(int(found[1]) * float(DAYS[(found[2] or "Y").upper()].rstrip("D"))))
    return days, days


_PARSERS: dict[Shape, tuple[Callable[[str], Ends], str]] = {
    "date": (dates, "a date such as 2026-01-31, 2026-01 or 2026"),
    "datetime": (instants, "a date, or a day and time such as 2026-01-31T08:30"),
    "time": (seconds, "a time such as 08, 08:30 or 08:30:15"),
    "int": (ints, "a whole number"),
    "float": (floats, "a number"),
    "age": (ages, "an age such as 40Y, 6M, 18W or 3D"),
}


def ranged(field: Field) -> bool:
    """Whether values of the field are parsed, and may be a range."""
    return field.shape in _PARSERS


def ends(field: Field, low: str, high: str) -> Ends:
    """The ends of `low` to `high`, an empty one open; the same text twice is what that text covers."""
    parse, wanted = _PARSERS.get(field.shape, (None, ""))
    if parse is None:
        raise QueryRefused(f"{field.name} has no order: give values or a beginning, not a range")
    try:
        first = parse(low.strip())[0] if low else OPEN
        last = parse(high.strip())[1] if high else OPEN
    except (ValueError, OverflowError):
        raise QueryRefused(f"{field.name} takes {wanted}") from None
    return first, last
