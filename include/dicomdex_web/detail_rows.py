"""A header (DICOM JSON model, PS3.18 Annex F) as rows that people read, and several headers side by side."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import dictionary_description, dictionary_has_tag, private_dictionary_description

HEX_SHOWN = 32  # bytes of a binary value
TEXT_SHOWN = 4_000  # characters of a value
Header = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Row:
    """One element: `key` is its place (`00081140.1.00081150`), `depth` how deep it is nested, `value` as text.

    `held` says what a value is that is not shown as such: so many bytes, so many items.
    """

    key: str
    tag: str
    name: str
    vr: str
    value: str
    held: str
    depth: int
    private: bool


@dataclass(frozen=True)
class Difference:
    """An element that is not the same in all headers: its value in each, None where it is not there."""

    key: str
    tag: str
    name: str
    values: tuple[str | None, ...]


def rows_of(header: Header, depth: int = 0, before: str = "") -> Iterator[Row]:
    """Every element in the order of tags, the items of a sequence behind it."""
    creators: dict[str, str] = {}
    for tag, element in header.items():
        values, vr = element.get("Value") or (), str(element.get("vr", ""))
        private = int(tag[:4], 16) % 2 == 1
        if private and tag[4:6] == "00" and values:
            creators[tag[:4] + tag[6:8]] = str(values[0])
        name = _name(tag, creators.get(tag[:6]) if private else None)
        value, held = _shown(element, vr, values)
        yield Row(before + tag, f"({tag[:4]},{tag[4:]})", name, vr, value, held, depth, private)
        if vr == "SQ":
            for number, item in enumerate(values, 1):
                yield from rows_of(item or {}, depth + 1, f"{before}{tag}.{number}.")


def differences(headers: Sequence[Header]) -> list[Difference]:
    """What differs between headers, in the order of tags; a sequence differs by what is in it."""
    found = [{row.key: row for row in rows_of(header)} for header in headers]
    keys = sorted({key for rows in found for key in rows})
    made = []
    for key in keys:
        rows = [rows.get(key) for rows in found]
        values = tuple(None if row is None else row.value or row.held for row in rows)
        if len(set(values)) > 1:
            row = next(one for one in rows if one is not None)
            made.append(Difference(key, row.tag, row.name, values))
    return made


def _name(tag: str, creator: str | None) -> str:
    number = int(tag, 16)
    if dictionary_has_tag(number):
        return dictionary_description(number)
    if int(tag[:4], 16) % 2 == 0:
        return "Unknown element"
    if tag[4:6] == "00":
        return "Private Creator"
    try:
        return f"{private_dictionary_description(number, creator or '')} ({creator})"
    except KeyError:
        return f"Private element ({creator})" if creator else "Private element"


def _shown(element: Mapping[str, Any], vr: str, values: Sequence[Any]) -> tuple[str, str]:
    """The value as text, or what it holds."""
    if "BulkDataURI" in element:
        length = str(element["BulkDataURI"]).partition("length=")[2].partition("&")[0]
        return "", f"{int(length):,} bytes" if length.isdigit() else "bytes in the file"
    if "InlineBinary" in element:
        raw = base64.b64decode(element["InlineBinary"])
        more = " ..." if len(raw) > HEX_SHOWN else ""
        return "", f"{len(raw):,} bytes: {raw[:HEX_SHOWN].hex(' ')}{more}"
    if vr == "SQ":
        return "", f"{len(values):,} {'item' if len(values) == 1 else 'items'}"
    text = "\\".join(_one(value) for value in values)
    return (text, "") if len(text) <= TEXT_SHOWN else (text[:TEXT_SHOWN], f"{len(text):,} characters, cut here")


def _one(value: Any) -> str:
    """One value; of a name its groups (PS3.5 section 6.2.1)."""
    if isinstance(value, Mapping):
        groups = [str(value.get(group, "")) for group in ("Alphabetic", "Ideographic", "Phonetic")]
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value)
