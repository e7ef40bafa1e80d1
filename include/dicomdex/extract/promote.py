"""Promoted columns from a header in the DICOM JSON model, by `attributes.ATTRIBUTES`, strictly typed.

A value that can't be its column's type gives None and the warning `bad_value gggg,eeee` (the text of a date that is
none is kept in a column of its own); several values where the column holds one number or date give None and
`multiple_values gggg,eeee`. Warnings never hold a value.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dicomdex.attributes import ATTRIBUTES, Attribute
from dicomdex.attributes_kinds import AGE, DATE_TIME, TIME

INT64 = 1 << 63
TAGS_PRESENT = "tags_present"  # the top-level tags of the header, `GGGGEEEE` joined by blanks

Warn = Callable[[str, int], None]
Columns = dict[str, Any]


def _by_key() -> dict[str, tuple[Attribute, ...]]:
    found: dict[str, tuple[Attribute, ...]] = {}
    for attribute in ATTRIBUTES:
        key = f"{attribute.steps[0].tag:08X}"
        found[key] = (*found.get(key, ()), attribute)
    return found


# Key of the DICOM JSON model -> the attributes that a top-level element of this tag gives.
BY_KEY: Mapping[str, tuple[Attribute, ...]] = _by_key()
ROOTS = frozenset(int(key, 16) for key in BY_KEY)  # the tags of these elements


def promote(header: Mapping[str, Any], warn: Warn) -> Columns:
    """Column name -> value, for the attributes that the header has; `warn(rule, tag)` is told what was left out."""
    columns: Columns = {TAGS_PRESENT: " ".join(header)}
    for key in BY_KEY:
        element = header.get(key)
        if element is not None:
            columns.update(promote_element(key, element, warn))
    return columns


def promote_element(key: str, element: Mapping[str, Any], warn: Warn) -> Columns:
    """The columns that one top-level element gives; they depend on it alone, so that equal ones need it once."""
    columns: Columns = {}
    for attribute in BY_KEY[key]:
        found = element.get("Value")
        if attribute.path:
            found = [value for item in found or () for value in _inside(item, attribute.tag)]
        elif not found and len(element) > 1:  # kept raw, or long enough to be a reference
            warn("bad_value", attribute.tag)
        if found:
            _add(found, attribute, columns, warn)
    return columns


def _add(found: list[Any], attribute: Attribute, columns: Columns, warn: Warn) -> None:
    try:
        value = _promoted(found, attribute, warn)
    except (ValueError, TypeError, OverflowError):
        warn("bad_value", attribute.tag)
        value = None
    if value is not None:
        columns[attribute.column] = value
    elif attribute.raw_column is not None and (text := _text(found)):
        columns[attribute.raw_column] = text


def _inside(item: Any, tag: int) -> Iterable[Any]:
    element = item.get(f"{tag:08X}") if isinstance(item, Mapping) else None  # a wrong VR: no item at all
    return element.get("Value", ()) if element else ()


def _promoted(found: list[Any], attribute: Attribute, warn: Warn) -> Any:
    kind = attribute.kind
    if attribute.multiple:
        return [_ELEMENT[kind](value) for value in found]
    pattern = PATTERNS.get(kind)
    if pattern is not None or kind in ("string", "text", "name"):
        text = _text(found)
        if text and pattern is not None and not pattern(text):
            warn("bad_value", attribute.tag)  # the text stays; what Solr derives from it is missing
        return text
    if len(found) > 1:
        warn("multiple_values", attribute.tag)
        return None
    return None if found[0] is None else _ELEMENT[kind](found[0])


def _text(found: list[Any]) -> str | None:
    return "\\".join(_string(value) for value in found).strip(" ") or None


def _string(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value).strip(" ")
    if isinstance(value, int | float):
        return str(value)
    groups = [value.get(group, "") for group in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(groups).rstrip("=")


def _int(value: Any) -> int:
    if isinstance(value, int) and -INT64 <= value < INT64:
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    raise ValueError("no integer")


def _float(value: Any) -> float:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    raise ValueError("no number")


def _date(value: Any) -> datetime.date:
    """A DA of eight digits that is a day of the calendar (PS3.5 table 6.2-1)."""
    if not (isinstance(value, str) and len(value) == 8 and value.isascii() and value.isdigit()):
        raise ValueError("no date")
    return datetime.date(int(value[:4]), int(value[4:6]), int(value[6:]))


def _is_datetime(text: str) -> bool:
    """A DT whose digits are a day of the calendar and a time of the day, as far as they go."""
    if not _date_time(text):
        return False
    digits = re.split("[.+-]", text)[0]
    try:
        datetime.datetime.strptime(digits + "00000101000000"[len(digits) :], "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return digits[12:14] < "60"


_date_time = re.compile(DATE_TIME).fullmatch
PATTERNS: dict[str, Callable[[str], Any]] = {
    "time": re.compile(TIME).fullmatch,
    "datetime": _is_datetime,
    "age": re.compile(AGE).fullmatch,
}
_ELEMENT: dict[str, Callable[[Any], Any]] = {
    "strings": _string,
    "texts": _string,
    "names": _string,
    "int": _int,
    "ints": _int,
    "float": _float,
    "floats": _float,
    "date": _date,
}
