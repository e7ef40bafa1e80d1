"""Our header against pydicom's `to_json_dict`, element by element, and the rules that explain where they differ.

A rule says of one element that both mean the same, or that pydicom loses or changes the value; then the row must
carry the warning that the rule names.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import struct
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pydicom
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset

Json = dict[str, Any]
LOST: Json = {"lost": True}  # pydicom raises on the element, or has none
LUT_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103, 0x00283002)
REFERENCE = r"\?offset=(\d+)&length=(\d+)(&deflated=1)?"
WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


class Place(NamedTuple):
    """One element: its path, what either side says, pydicom's raw bytes and the file they came from."""

    path: str
    tag: int
    mine: Json | None
    theirs: Json
    raw: Any
    little: bool
    content: bytes


def whole(content: bytes) -> Dataset:
    """What pydicom reads, without the pixel data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)


def places(header: Json, dataset: Dataset, content: bytes) -> Iterator[Place]:
    """Every element that either side has and that is not plainly the same on both."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield from _places(header, dataset, content, "")
    finally:
        logger.disabled = before


def _places(header: Json, dataset: Dataset, content: bytes, path: str) -> Iterator[Place]:
    raws = {f"{found.tag:08X}": found.value for found in dataset.values()}  # as read, nothing converted yet
    little = bool(dataset.original_encoding[1])
    for key in sorted(raws.keys() | header.keys()):
        tag, mine = int(key, 16), header.get(key)
        raw = raws.get(key)
        element = _element(dataset, tag) if key in raws else None
        if element is not None and element.VR == "SQ" and mine and mine["vr"] == "SQ":
            items = mine.get("Value", [])
            if len(items) == len(element.value):
                for number, (one, other) in enumerate(zip(items, element.value, strict=True)):
                    yield from _places(one, other, content, f"{path}{key}[{number}].")
                continue
        theirs = LOST if element is None else _json(element)
        if mine != theirs or theirs is LOST:
            yield Place(path + key, tag, mine, theirs, raw, little, content)


def _element(dataset: Dataset, tag: int) -> Any:
    try:
        return dataset[tag]
    except Exception:  # noqa: BLE001 - whatever pydicom raises, the element is lost to its reader
        return None


def _json(element: Any) -> Json:
    try:
        return element.to_json_dict(bulk_data_element_handler=None, bulk_data_threshold=1024)
    except Exception:  # noqa: BLE001 - as above
        return LOST


class Rule(NamedTuple):
    """A named difference; `warned` is the rule that the row's warnings must hold, with the tag, or None."""

    name: str
    warned: str | None
    holds: Callable[[Place], bool]


def explain(place: Place, said: set[str]) -> str | None:
    """The name of the first rule that holds and whose warning the row carries; None where there is none."""
    tag = f"{place.tag >> 16:04x},{place.tag & 0xFFFF:04x}"
    for rule in RULES:
        if rule.holds(place) and (rule.warned is None or {f"{rule.warned} {tag}", "more_warnings"} & said):
            return rule.name
    return None


def unwarned(place: Place) -> str | None:
    """The name of a rule that holds but for its warning."""
    return next((rule.name for rule in RULES if rule.holds(place)), None)


def _values(element: Json | None) -> list[Any]:
    return [] if element is None or element.get("vr") == "SQ" else element.get("Value", [])


def _group_length(place: Place) -> bool:
    return place.mine is None and place.tag & 0xFFFF == 0


def _reference(place: Place) -> bool:
    """The bytes that the reference names are pydicom's."""
    uri = (place.mine or {}).get("BulkDataURI")
    found = re.fullmatch(REFERENCE, uri or "")
    if not found or place.mine["vr"] != place.theirs.get("vr") or not isinstance(place.raw, bytes):
        return False
    at, length = int(found[1]), int(found[2])
    return found[3] is not None or place.content[at : at + length] == place.raw


def _little_endian_words(place: Place) -> bool:
    """PS3.18 section F.2.7: InlineBinary is little endian; pydicom leaves the file's byte order."""
    mine, theirs = place.mine or {}, place.theirs
    size = WORDS.get(mine.get("vr", ""))
    if place.little or not size or mine.get("vr") != theirs.get("vr"):
        return False
    return _inline(mine) == _swapped(_inline(theirs), size)


def _inline(side: dict[str, Any]) -> bytes:
    return base64.b64decode(side.get("InlineBinary", ""))


def _swapped(raw: bytes, size: int) -> bytes:
    return b"".join(raw[at : at + size][::-1] for at in range(0, len(raw), size))


def _same_but(change: Callable[[Any], Any]) -> Callable[[Place], bool]:
    """Same VR, and the same values once `change` is made on both sides."""

    def holds(place: Place) -> bool:
        mine, theirs = place.mine, place.theirs
        if mine is None or theirs is LOST or mine["vr"] != theirs["vr"] or mine["vr"] == "SQ":
            return False
        if {"InlineBinary", "BulkDataURI"} & (mine.keys() | theirs.keys()):
            return False
        return change(mine.get("Value", [])) == change(theirs.get("Value", []))

    return holds


def _nulled(values: list[Any]) -> list[Any]:
    """Empty values as null, an element of one of them as none: PS3.18 section F.2.5."""
    found = [None if value in ("", {}, {"Alphabetic": ""}) else value for value in values]
    return [] if found == [None] else found


def _padded(values: list[Any]) -> list[Any]:
    return _nulled([value.rstrip(" \0") if isinstance(value, str) else value for value in values])


def _groups(values: list[Any]) -> list[Any]:
    """Names without their empty component groups and without the padding of each."""
    found = []
    for value in values:
        if not isinstance(value, dict):
            found.append(value)
            continue
        found.append({group: part.rstrip(" \0") for group, part in value.items() if part.rstrip(" \0")})
    return _nulled(found)


def _kept_raw(place: Place) -> bool:
    """Raw bytes with us, all of them; with pydicom nothing, or what it made of them."""
    mine = place.mine or {}
    if mine.get("vr") != "UN" or not isinstance(place.raw, bytes):
        return False
    return base64.b64decode(mine.get("InlineBinary", "")) == place.raw or _reference(place)


def _empty_among_several(place: Place) -> bool:
    """pydicom raises on an empty value of IS, DS or PN beside others; here it is null."""
    mine = place.mine or LOST
    return place.theirs is LOST and mine.get("vr") in ("IS", "DS", "PN") and None in mine.get("Value", [])


def _empty_open_vr(place: Place) -> bool:
    """No value where PS3.6 names two VRs: pydicom says US even where the pixels are signed."""
    sides = (place.mine or {}, place.theirs)
    return _is_open(place.tag) and place.theirs is not LOST and all(side.keys() == {"vr"} for side in sides)


def _signed(place: Place) -> bool:
    """pydicom reads items of undefined length before it has seen that the pixels are signed."""
    if not _is_open(place.tag) or ((place.mine or {}).get("vr"), place.theirs.get("vr")) != ("SS", "US"):
        return False
    mine, theirs = _values(place.mine), _values(place.theirs)
    if found := re.fullmatch(REFERENCE, (place.mine or {}).get("BulkDataURI", "")):
        at, length = int(found[1]), int(found[2])
        words = struct.pack(f"{'<' if place.little else '>'}{len(theirs)}H", *theirs)
        return length == len(words) and (found[3] is not None or place.content[at : at + length] == words)
    return [value & 0xFFFF for value in mine] == theirs


def _open_vr(place: Place) -> bool:
    """pydicom raises where PS3.6 names two VRs and the element that decides is not there."""
    return place.theirs is LOST and place.mine is not None and _is_open(place.tag)


def _words(place: Place) -> bool:
    """Of US and OW pydicom takes US for a look-up table of one entry, and OB for a waveform of 8 bits; here all of them
    are OW, as in implicit VR (PS3.5 section A.1), of the same bytes.
    """
    sides = (place.mine or {}, place.theirs)
    if _is_open(place.tag) and [side.get("vr") for side in sides] == ["OW", "OB"]:
        return _inline(sides[0]) == (_inline(sides[1]) if place.little else _swapped(_inline(sides[1]), 2))
    if not _is_open(place.tag) or ((place.mine or {}).get("vr"), place.theirs.get("vr")) != ("OW", "US"):
        return False
    theirs = b"".join(value.to_bytes(2, "little") for value in _values(place.theirs))
    if uri := (place.mine or {}).get("BulkDataURI"):
        return f"length={len(theirs)}" in uri
    return _inline(place.mine or {}) == theirs


def _is_open(tag: int) -> bool:
    return dictionary_has_tag(tag) and " or " in dictionary_VR(tag)


def _descriptor(place: Place) -> bool:
    """pydicom adds 65,536 to a negative first value of a LUT descriptor; here the bytes count."""
    mine, theirs = _values(place.mine), _values(place.theirs)
    if not mine or not theirs or (place.mine or {})["vr"] != place.theirs["vr"] or place.tag not in LUT_DESCRIPTORS:
        return False
    return mine[0] < 0 and [mine[0] + 65_536, *mine[1:]] == theirs


def _replaced(place: Place) -> bool:
    """A byte that its character set does not have became U+FFFD."""
    return "\ufffd" in json.dumps(place.mine, ensure_ascii=False)


RULES = (
    Rule("a group length is no part of the model", None, _group_length),
    Rule("bulk is a reference to the same bytes", None, _reference),
    Rule("inline words are little endian", None, _little_endian_words),
    Rule("an empty value is null", None, _same_but(_nulled)),
    Rule("trailing padding is no part of a value", None, _same_but(_padded)),
    Rule("an empty component group is left out", None, _same_but(_groups)),
    Rule("what breaks its VR is kept raw", "raw", _kept_raw),
    Rule("what its character set lacks is replaced", "charset", _replaced),
    Rule("an empty value among several is null", "pydicom_differs", _empty_among_several),
    Rule("an open VR without a value is either", None, _empty_open_vr),
    Rule("an open VR follows the pixel representation", "pydicom_differs", _signed),
    Rule("an open VR is decided without pydicom", "pydicom_differs", _open_vr),
    Rule("a look-up table is words", "pydicom_differs", _words),
    Rule("a LUT descriptor is what its bytes say", "pydicom_differs", _descriptor),
)
