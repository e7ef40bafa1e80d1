"""A parsed data set -> the DICOM JSON model (PS3.18 Annex F), element by element: a bad one never costs the file.

A value that breaks its VR is kept as `{"vr": "UN", "InlineBinary": <raw bytes>}` with the warning `raw gggg,eeee`.
Binary values over 1 KB (and text over 64 KB) become `{"vr": ..., "BulkDataURI": "?offset=N&length=M"}`: M bytes at
byte N of the file, in the file's byte order. In a deflated file (`&deflated=1`) N counts in the inflated data set.
Group lengths and the file meta information are left out, as the model asks.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, BinaryIO, NamedTuple

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence
from pydicom.hooks import raw_element_vr

from dicomdex.extract import values
from dicomdex.extract.layout import UNDEFINED
from dicomdex.extract.scan import MAX_DEPTH

BULK = 1 << 10
LONG_TEXT = 64 << 10
SEQUENCE_MAX = 64 << 20
WARNINGS_MAX = 100
PIXEL_REPRESENTATION = 0x00280103

Json = dict[str, Any]
PARSE_ERRORS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError, RecursionError, EOFError,
    OverflowError, LookupError, OSError,
)  # fmt: skip


class Context(NamedTuple):
    """What the elements of one data set or item share."""

    dataset: Dataset
    encodings: tuple[str, ...]
    signed: bool
    depth: int


def tag_text(tag: int) -> str:
    """`gggg,eeee` in lower case hex."""
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"


def _by_tag(element: RawDataElement | DataElement) -> int:
    return int(element.tag)


@lru_cache(maxsize=8192)
def _public_vr(tag: int) -> str | None:
    try:
        return str(dictionary_VR(tag))
    except KeyError:
        return None


class HeaderWriter:
    """Writes one file's data set; `file` is what pydicom read it from, `broken` the sequences the scan gave up on."""

    def __init__(self, file: BinaryIO, broken: set[int], *, deflated: bool) -> None:
        self.warnings: dict[str, None] = {}  # a set that keeps its order
        self._file = file
        self._broken = broken
        self._suffix = "&deflated=1" if deflated else ""

    def warn(self, rule: str, tag: int | None = None) -> None:
        """Note a warning once; after 100 only that there are more."""
        if len(self.warnings) < WARNINGS_MAX:
            self.warnings[rule if tag is None else f"{rule} {tag_text(tag)}"] = None
        else:
            self.warnings["more_warnings"] = None

    def write(self, dataset: Dataset, depth: int = 0, parent: Context | None = None) -> Json:
        """The JSON object of a data set or item; tags as `GGGGEEEE`, in ascending order."""
        context = self._context(dataset, depth, parent)
        written: Json = {}
        for element in sorted(dataset.values(), key=_by_tag):
            tag = int(element.tag)
            if tag & 0xFFFF == 0 or tag >> 16 in (0x0000, 0x0002):
                continue
            written[f"{tag:08X}"] = self._element(element, tag, context)
        return written

    def _context(self, dataset: Dataset, depth: int, parent: Context | None) -> Context:
        encodings, known = values.encodings_of(dataset.original_character_set)
        if not known:
            self.warn("charset", 0x00080005)
        signed = parent.signed if parent else False
        found = dataset.get_item(PIXEL_REPRESENTATION) if PIXEL_REPRESENTATION in dataset else None
        if isinstance(found, RawDataElement) and found.value:
            signed = any(found.value)
        return Context(dataset, encodings, signed, depth)

    def _element(self, element: RawDataElement | DataElement, tag: int, context: Context) -> Json:
        try:
            if isinstance(element, RawDataElement):
                return self._raw(element, tag, context)
            return self._items("SQ", element.value, context)
        except PARSE_ERRORS:
            return self._kept_raw(element, tag)

    def _raw(self, element: RawDataElement, tag: int, context: Context) -> Json:
        vr = element.VR if element.VR and element.VR != "UN" else self._vr(element, tag, context)
        if " or " in vr:
            vr = _resolved(vr, context.signed)
        if vr == "SQ":
            if tag in self._broken and context.depth == 0:
                raise ValueError("the scan gave up on it")
            return self._sequence(element, context)
        if element.length == 0 or element.value == b"":
            return {"vr": vr}
        if element.length > BULK and _is_bulk(vr, element.length):
            return self._reference(vr, element)
        return self._value(vr, self._bytes(element), element, tag, context)

    def _vr(self, element: RawDataElement, tag: int, context: Context) -> str:
        """VR of an implicit or UN element: the dictionary's; for private ones by their creator, in pydicom's table."""
        if tag >> 16 & 1 == 0:
            known = _public_vr(tag)
            return known if known and (element.VR is None or element.length < 0xFFFF) else "UN"
        found: dict[str, Any] = {}
        raw_element_vr(element, found, ds=context.dataset)
        return str(found["VR"])

    def _value(self, vr: str, raw: bytes, element: RawDataElement, tag: int, context: Context) -> Json:
        little = element.is_little_endian
        if vr in values.BINARY_VRS:
            return _inline(vr, raw if little else values.little_endian(raw, vr))
        if (convert := values.STRING_VRS.get(vr)) is not None:
            found = convert(raw, context.encodings)
            if not raw.isascii() or b"\0" in raw[:-1]:
                self._warn_lossy(found, raw, tag, context)
        elif vr in values.NUMBER_FORMATS:
            found = values.numbers(raw, vr, little)
        elif vr == "AT":
            found = values.attribute_tags(raw, little)
        else:
            raise ValueError("no VR of PS3.5")
        return {"vr": vr, "Value": found} if found else {"vr": vr}

    def _warn_lossy(self, found: Sequence[Any], raw: bytes, tag: int, context: Context) -> None:
        """Say where text was not legal in its character set: a replaced byte, or 8 bits in the default repertoire."""
        eight_bits = not raw.isascii() and b"\x1b" not in raw
        if eight_bits and context.encodings[0] == values.DEFAULT_ENCODINGS[0]:
            self.warn("charset", tag)
        for value in found:
            parts = value.values() if isinstance(value, dict) else (value,)
            if any(values.REPLACED in part for part in parts if isinstance(part, str)):
                self.warn("charset", tag)

    def _sequence(self, element: RawDataElement, context: Context) -> Json:
        """Items of a sequence of known length, read from the file itself, so that offsets inside it are the file's."""
        if element.length > SEQUENCE_MAX:
            raise ValueError("too long to hold in memory")
        self._file.seek(element.value_tell)
        items = read_sequence(
            self._file,
            element.is_implicit_VR,
            element.is_little_endian,
            element.length,
            list(context.encodings),
        )
        return self._items("SQ", items, context)

    def _items(self, vr: str, items: Sequence[Dataset], context: Context) -> Json:
        if context.depth >= MAX_DEPTH:
            raise ValueError("too deep")
        found = [self.write(item, context.depth + 1, context) for item in items]
        return {"vr": vr, "Value": found} if found else {"vr": vr}

    def _bytes(self, element: RawDataElement) -> bytes:
        if element.value is not None:
            return element.value
        self._file.seek(element.value_tell)
        return self._file.read(element.length)

    def _reference(self, vr: str, element: RawDataElement) -> Json:
        length = len(element.value or b"") if element.length == UNDEFINED else element.length
        return {"vr": vr, "BulkDataURI": f"?offset={element.value_tell}&length={length}{self._suffix}"}

    def _kept_raw(self, element: RawDataElement | DataElement, tag: int) -> Json:
        """The bytes as they are, or where they are; never lost and never guessed at."""
        self.warn("raw", tag)
        if not isinstance(element, RawDataElement):
            return {"vr": "UN"}
        if element.length > LONG_TEXT:
            return self._reference("UN", element)
        return _inline("UN", self._bytes(element))


def _is_bulk(vr: str, length: int) -> bool:
    return vr in values.BINARY_VRS or vr in values.NUMBER_FORMATS or length > LONG_TEXT


def _inline(vr: str, raw: bytes) -> Json:
    return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")} if raw else {"vr": vr}


def _resolved(vr: str, signed: bool) -> str:
    """One VR where the dictionary names several: by Pixel Representation, else words (PS3.5 section A.1)."""
    choices = vr.split(" or ")
    if "OW" in choices:
        return "OW"
    return "SS" if signed else "US"
