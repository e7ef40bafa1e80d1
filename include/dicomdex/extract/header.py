"""A parsed data set -> the DICOM JSON model (PS3.18 Annex F), element by element: a bad one never costs the file.

A value that breaks its VR is kept as `{"vr": "UN", "InlineBinary": <raw bytes>}` with the warning `raw gggg,eeee`.
Binary values over 1 KB (and text over 64 KB) become `{"vr": ..., "BulkDataURI": "?offset=N&length=M"}`: M bytes at
byte N of the file, in the file's byte order. In a deflated file (`&deflated=1`) N counts in the inflated data set.
Group lengths and the file meta information are left out, as the model asks.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, BinaryIO, NamedTuple

from pydicom.charset import convert_encodings, default_encoding, python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_sequence
from pydicom.hooks import raw_element_vr

from dicomdex.extract import values
from dicomdex.extract.dictionary import is_open, public_vr
from dicomdex.extract.dispatch import CHARACTER_SET, LONG_TEXT, PIXEL_REPRESENTATION, is_bulk
from dicomdex.extract.doubt import PARSE_ERRORS, WARNINGS_MAX, tag_text
from dicomdex.extract.layout import UNDEFINED
from dicomdex.extract.scan import MAX_DEPTH

SEQUENCE_MAX = 64 << 20

Json = dict[str, Any]


class Context(NamedTuple):
    """What the elements of one data set or item share."""

    dataset: Dataset
    encodings: tuple[str, ...]
    signed: bool
    depth: int
    own: bool  # Pixel Representation is among the elements
    late: bool  # it is that of a data set around, which pydicom had not seen yet when it read the item


def _by_tag(element: RawDataElement | DataElement) -> int:
    return int(element.tag)


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

    def write(self, dataset: Dataset, depth: int = 0, parent: Context | None = None, *, eager: bool = False) -> Json:
        """The JSON object of a data set or item; tags as `GGGGEEEE`, in ascending order.

        `eager`: pydicom read it before the data set around it was known, as it does where the length is undefined or
        Pixel Representation comes behind.
        """
        context = self._context(dataset, depth, parent, eager=eager)
        written: Json = {}
        for element in sorted(dataset.values(), key=_by_tag):
            tag = int(element.tag)
            if tag & 0xFFFF == 0 or tag >> 16 in (0x0000, 0x0002):
                continue
            written[f"{tag:08X}"] = self._element(element, tag, context)
        return written

    def _context(self, dataset: Dataset, depth: int, parent: Context | None, *, eager: bool) -> Context:
        encodings, known = values.encodings_of(dataset.original_character_set)
        if not known or _names_no_character_set(dataset):
            self.warn("charset", CHARACTER_SET)
        signed, own = parent.signed if parent else False, False
        found = dataset.get_item(PIXEL_REPRESENTATION, keep_deferred=True) if PIXEL_REPRESENTATION in dataset else None
        if isinstance(found, RawDataElement) and found.value:
            signed, own = any(found.value), True
        elif isinstance(found, DataElement) and not found.is_empty:
            signed, own = bool(found.value), True
        late = parent is not None and not own and (parent.late or eager)
        return Context(dataset, encodings, signed, depth, own, late)

    def _element(self, element: RawDataElement | DataElement, tag: int, context: Context) -> Json:
        try:
            if isinstance(element, RawDataElement):
                return self._raw(element, tag, context)
            if element.VR == "SQ":
                return self._items(tag, element.value, context, eager=True)
            return self._converted(element)
        except PARSE_ERRORS:
            return self._kept_raw(element, tag)

    def _converted(self, element: DataElement) -> Json:
        """Pixel Representation of an item, which pydicom converts while it reads."""
        return {"vr": element.VR} if element.is_empty else {"vr": element.VR, "Value": [int(element.value)]}

    def _raw(self, element: RawDataElement, tag: int, context: Context) -> Json:
        vr = element.VR if element.VR and element.VR != "UN" else self._vr(element, tag, context)
        if " or " in vr or vr == "OB_OW":  # pydicom's private dictionary writes it so
            vr = self._resolved(vr, tag, context)
        if vr == "SQ":
            if tag in self._broken and context.depth == 0:
                raise ValueError("the scan gave up on it")
            return self._sequence(element, context)
        if element.length == 0 or element.value == b"":
            return {"vr": vr}
        if is_bulk(vr, element.length):
            return self._reference(vr, element)
        return self._value(vr, self._bytes(element), element, tag, context)

    def _vr(self, element: RawDataElement, tag: int, context: Context) -> str:
        """VR of an implicit or UN element: the dictionary's; for private ones by their creator, in pydicom's table."""
        if tag >> 16 & 1 == 0:
            known = public_vr(tag)
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
            if values.is_lossy(found, raw, context.encodings):
                self.warn("charset", tag)
            if not values.keeps_rule(vr, found):
                self.warn("bad_value", tag)
        elif vr in values.NUMBER_FORMATS:
            found = values.numbers(raw, vr, little)
        elif vr == "AT":
            found = values.attribute_tags(raw, little)
        else:
            raise ValueError("no VR of PS3.5")
        if values.differs(tag, vr, found):
            self.warn("pydicom_differs", tag)
        return {"vr": vr, "Value": found} if found else {"vr": vr}

    def _resolved(self, vr: str, tag: int, context: Context) -> str:
        """One VR where the dictionary names several: by Pixel Representation, else words (PS3.5 section A.1)."""
        if vr.endswith("OW"):
            if is_open(tag, vr):
                self.warn("pydicom_differs", tag)
            return "OW"
        if context.signed and context.late:
            self.warn("pydicom_differs", tag)
        return "SS" if context.signed else "US"

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
        return self._items(int(element.tag), items, context)

    def _items(self, tag: int, items: Sequence[Dataset], context: Context, *, eager: bool = False) -> Json:
        if context.depth >= MAX_DEPTH:
            raise ValueError("too deep")
        eager = eager or (context.own and tag < PIXEL_REPRESENTATION)
        found = [self.write(item, context.depth + 1, context, eager=eager) for item in items]
        return {"vr": "SQ", "Value": found} if found else {"vr": "SQ"}

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


def _names_no_character_set(dataset: Dataset) -> bool:
    """Whether a defined term is none of PS3.3 C.12.1.1.2, which pydicom takes for the default repertoire; or all are
    too long to be read.
    """
    found = dataset.get_item(CHARACTER_SET, keep_deferred=True) if CHARACTER_SET in dataset else None
    raw = found.value if isinstance(found, RawDataElement) else None
    if isinstance(found, RawDataElement) and raw is None and found.length:
        return True
    terms = (raw or b"").decode("latin-1").split("\\")
    unknown = [term.strip(" \0") for term in terms if term.strip(" \0") not in python_encoding]
    return any(convert_encodings([term]) == [default_encoding] for term in unknown)


def _inline(vr: str, raw: bytes) -> Json:
    return {"vr": vr, "InlineBinary": base64.b64encode(raw).decode("ascii")} if raw else {"vr": vr}
