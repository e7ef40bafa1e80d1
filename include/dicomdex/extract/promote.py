"""Promoted columns from a header in the DICOM JSON model, by `attributes.ATTRIBUTES`, strictly typed.

A value that can't be its column's type gives None and the warning `bad_value gggg,eeee`; several values where the
column holds one number or date give None and `multiple_values gggg,eeee`. Warnings never hold a value.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable, Mapping
from typing import Any

from dicomdex.attributes import ATTRIBUTES, Attribute

INT64 = 1 << 63
# (key of the DICOM JSON model, column, attribute): worked out once, since every file asks for all of them
_BY_TAG: tuple[tuple[str, str, Attribute], ...] = tuple((f"{a.tag:08X}", a.column, a) for a in ATTRIBUTES)

Warn = Callable[[str, int], None]


def promote(header: Mapping[str, Any], warn: Warn) -> dict[str, Any]:
    """Column name -> value, for the attributes that the header has; `warn(rule, tag)` is told what was left out."""
    columns: dict[str, Any] = {}
    for key, column, attribute in _BY_TAG:
        element = header.get(key)
        if element is None:
            continue
        found = element.get("Value")
        if found:
            value = _promoted(found, attribute, warn)
            if value is not None:
                columns[column] = value
        elif len(element) > 1:  # kept raw, or long enough to be a reference
            warn("bad_value", attribute.tag)
    return columns


def _promoted(found: list[Any], attribute: Attribute, warn: Warn) -> Any:
    try:
        if attribute.multiple:
            return [_ELEMENT[attribute.kind](value) for value in found]
        if attribute.kind in ("string", "text", "name"):
            return "\\".join(_string(value) for value in found).strip(" ") or None
        if len(found) > 1:
            warn("multiple_values", attribute.tag)
            return None
        return None if found[0] is None else _ELEMENT[attribute.kind](found[0])
    except (ValueError, TypeError, OverflowError):
        warn("bad_value", attribute.tag)
        return None


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


_ELEMENT: dict[str, Callable[[Any], Any]] = {
    "strings": _string,
    "int": _int,
    "ints": _int,
    "float": _float,
    "floats": _float,
    "date": _date,
}
