"""Data sets made by hypothesis: all 34 VRs, nested to 5, in every encoding, as bytes and as pydicom's writer has them.

A made data set is a tree of `Node`: an element holds raw little endian bytes, a sequence holds items. `encoded` writes
it byte by byte, so that lengths, padding and VRs may be what no writer would make; `rewritten` lets pydicom write it.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import pydicom
from hypothesis import strategies as st

from tests.factories import (
    BASIC_TEXT_SR,
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    UNDEFINED,
    delimiter,
    element,
    item,
    meta,
)  # fmt: skip
from tests.unit.made_values import CHARACTER_SETS, VALUES, CharacterSet

DEPTH = 5
WORD_SIZES = {
    **dict.fromkeys(("US", "SS", "OW", "AT"), 2),
    **dict.fromkeys(("UL", "SL", "FL", "OF", "OL"), 4),
    **dict.fromkeys(("FD", "UV", "SV", "OD", "OV"), 8),
}  # fmt: skip

# Public tags by VR, as PS3.6 has them; two where there are two to be had. What the dictionary leaves open has two VRs.
PUBLIC: dict[int, tuple[str, ...]] = {
    0x00080054: ("AE",), 0x00101010: ("AS",), 0x00280009: ("AT",), 0x00209165: ("AT",),
    0x00080008: ("CS",), 0x00080060: ("CS",), 0x00080020: ("DA",), 0x00100030: ("DA",), 0x00180050: ("DS",),
    0x00200032: ("DS",), 0x0008002A: ("DT",), 0x00189074: ("DT",), 0x00189344: ("CS",), 0x00701A03: ("FD",),
    0x00720076: ("FL",), 0x00181063: ("DS",), 0x00186020: ("SL",), 0x00189087: ("FD",), 0x00200013: ("IS",),
    0x00201206: ("IS",), 0x00081030: ("LO",), 0x00102000: ("LO",), 0x00104000: ("LT",), 0x0040A122: ("TM",),
    0x00420011: ("OB",), 0x00660023: ("OW",), 0x00720073: ("OD",), 0x00660016: ("OF",), 0x00660129: ("OL",),
    0x00720081: ("OV",), 0x00281201: ("OW",), 0x00100010: ("PN",), 0x00080090: ("PN",), 0x0040A123: ("PN",),
    0x00080050: ("SH",), 0x00200010: ("SH",), 0x00186016: ("UL",), 0x00409216: ("SS", "US"), 0x00280106: ("US", "SS"),
    0x00280107: ("SS", "US"), 0x00283002: ("US", "SS"), 0x00282000: ("OB",), 0x00283006: ("US", "OW"),
    0x0072007E: ("SS",), 0x00189219: ("SS",), 0x00081150: ("UI",), 0x00081120: ("SQ",), 0x00082112: ("SQ",),
    0x0040A730: ("SQ",), 0x00081140: ("SQ",), 0x00280002: ("US",), 0x00280010: ("US",), 0x00080119: ("UC",),
    0x00120064: ("SQ",), 0x00080120: ("UR",), 0x00081190: ("UR",), 0x0040A160: ("UT",), 0x00080081: ("ST",),
    0x00080030: ("TM",), 0x00080031: ("TM",), 0x0020000D: ("UI",), 0x0008001A: ("UI",), 0x00720082: ("SV",),
    0x00720083: ("UV",), 0x00041410: ("US",), 0x00720078: ("UL",), 0x0072007C: ("SL",), 0x00720069: ("OW",),
    0x00720066: ("LO",), 0x60003000: ("OB", "OW"), 0x54001010: ("OB", "OW"), 0x0072006D: ("UN",),
}  # fmt: skip
VRS = sorted({*VALUES, "SQ"})
DRAWN = [*VRS, *["SQ"] * 5]

# Private creators that pydicom's dictionary knows, elements of theirs there, and one that nobody knows.
CREATORS: dict[str, dict[int, str]] = {
    "SIEMENS CSA HEADER": {0x0029_08: "CS", 0x0029_09: "LO", 0x0029_10: "OB"},
    "SIEMENS MED": {0x0021_10: "DS", 0x0021_11: "DS"},
    "GEMS_IDEN_01": {0x0009_01: "LO", 0x0009_27: "SL", 0x0009_E3: "UI"},
    "GEMS_ACQU_01": {0x0019_02: "SL", 0x0019_23: "DS", 0x0019_DE: "DS"},
    "Philips Imaging DD 001": {0x2001_01: "FL", 0x2001_03: "FL", 0x2001_5F: "SQ"},
    "ACME 1.0": {0x0015_01: "LO", 0x0015_02: "UL", 0x0015_03: "SQ", 0x0015_04: "PN", 0x0015_05: "FD", 0x0015_06: "AT"},
}


class Encoding(NamedTuple):
    """A transfer syntax, and what it says of a data set's bytes."""

    name: str
    syntax: str
    implicit: bool = False
    order: str = "<"


ENCODINGS = {
    "explicit": Encoding("explicit", EXPLICIT),
    "implicit": Encoding("implicit", IMPLICIT, implicit=True),
    "big": Encoding("big", BIG_ENDIAN, order=">"),
    "deflated": Encoding("deflated", DEFLATED),
}


@dataclass(frozen=True)
class Node:
    """An element: its bytes, or its items. `as_un` writes it as UN; `undefined` leaves lengths open."""

    tag: int
    vr: str
    value: bytes = b""
    items: tuple[tuple[Node, ...], ...] = ()
    undefined: bool = False
    items_undefined: bool = False
    as_un: bool = False


def encoded(nodes: tuple[Node, ...], encoding: Encoding) -> bytes:
    """The bytes of a data set or item, in the order given."""
    return b"".join(_encoded(node, encoding) for node in nodes)


def _encoded(node: Node, encoding: Encoding) -> bytes:
    order = encoding.order
    # Items in UN are implicit little endian (PS3.5 section 6.2.2); in a big endian file pydicom reads none of them.
    as_un = node.as_un and (node.vr != "SQ" or order == "<")
    inner = ENCODINGS["implicit"] if as_un else encoding
    value = _swapped(node, order) if node.vr != "SQ" else _items(node, inner)
    vr = "UN" if as_un else node.vr
    length = UNDEFINED if node.undefined else None
    if encoding.implicit:
        padded = value + (b"" if len(value) % 2 == 0 else b"\0" if vr in ("UI", "OB", "UN") else b" ")
        said = len(padded) if length is None else length
        return struct.pack("<HHL", node.tag >> 16, node.tag & 0xFFFF, said) + padded
    if len(value) > 65_534 and vr not in ("SQ", "UN"):
        vr = "UN"
    return element(node.tag, vr, value, order=order, length=length)


def _items(node: Node, encoding: Encoding) -> bytes:
    order, undefined = encoding.order, node.items_undefined
    made = (item(encoded(nodes, encoding), undefined=undefined, order=order) for nodes in node.items)
    return b"".join(made) + delimiter(order) * node.undefined


def _swapped(node: Node, order: str) -> bytes:
    size = WORD_SIZES.get(node.vr, 1)
    raw = node.value
    if order == "<" or size == 1 or len(raw) % size:
        return raw
    return b"".join(raw[at : at + size][::-1] for at in range(0, len(raw), size))


@dataclass(frozen=True)
class Made:
    """A made file: its data set and how it is written."""

    nodes: tuple[Node, ...]
    encoding: Encoding

    def content(self) -> bytes:
        """The file's bytes, written here."""
        found = encoded(self.nodes, self.encoding)
        if self.encoding.name == "deflated":
            packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
            found = packer.compress(found) + packer.flush()
        return meta(self.encoding.syntax, sop_class=BASIC_TEXT_SR) + found

    def rewritten(self) -> bytes | None:
        """The same data set as pydicom writes it in this encoding; None where pydicom can't."""
        plain = replace(self, encoding=ENCODINGS["explicit"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset = pydicom.dcmread(io.BytesIO(plain.content()))
                dataset.walk(lambda _, __: None)  # every element converted, so that its writer has to write it
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(self.encoding.syntax)
                sink = io.BytesIO()
                pydicom.dcmwrite(
                    sink,
                    dataset,
                    implicit_vr=self.encoding.implicit,
                    little_endian=self.encoding.order == "<",
                    force_encoding=True,
                )
                return sink.getvalue()
        except Exception:  # noqa: BLE001 - whatever its writer can't write, it can't
            return None


def in_each(made: Made) -> Iterator[Made]:
    """The same data set in every encoding."""
    return (replace(made, encoding=encoding) for encoding in ENCODINGS.values())


@st.composite
def made_files(draw: st.DrawFn) -> Made:
    """A data set of up to twenty top-level elements with SOP Class and Instance UID; `in_each` has its files."""
    character_set = draw(st.sampled_from(CHARACTER_SETS))
    identity = [Node(0x00080016, "UI", BASIC_TEXT_SR.encode()), Node(0x00080018, "UI", b"1.2.3.4")]
    if character_set.terms:
        identity.append(Node(0x00080005, "CS", character_set.terms.encode()))
    rest = draw(_content(character_set, 0, 20))
    deep = draw(_deep(character_set)) if draw(st.integers(0, 7)) == 0 else ()
    return Made(_sorted((*identity, *rest, *deep)), ENCODINGS["explicit"])


@st.composite
def _deep(draw: st.DrawFn, character_set: CharacterSet) -> tuple[Node, ...]:
    """One sequence within the other, as deep as they go."""
    nodes = draw(_content(character_set, DEPTH, 3))
    for _ in range(DEPTH):
        tag = draw(st.sampled_from(TAGS_OF["SQ"]))
        nodes = (Node(tag, "SQ", b"", (nodes,), draw(st.booleans()), draw(st.booleans())),)
    return nodes


def _sorted(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    last = {node.tag: node for node in reversed(nodes)}
    return tuple(last[tag] for tag in sorted(last) if tag >> 16 != 2)


@st.composite
def _content(draw: st.DrawFn, character_set: CharacterSet, depth: int, most: int) -> tuple[Node, ...]:
    nodes = [draw(_node(character_set, depth)) for _ in range(draw(st.integers(0, most)))]
    if draw(st.integers(0, 2)) == 0:
        nodes.append(Node(0x00280103, "US", bytes((draw(st.integers(0, 1)), 0))))
        nodes.append(Node(0x54001004, "US", draw(st.sampled_from((b"\x08\0", b"\x10\0")))))
        nodes.append(Node(0x00283002, "US", draw(st.sampled_from((b"\1\0\0\0\x10\0", b"\0\1\0\0\x10\0")))))
    if draw(st.integers(0, 2)) == 0:
        nodes += draw(_private_block(character_set, depth))
    return _sorted(tuple(nodes))


@st.composite
def _node(draw: st.DrawFn, character_set: CharacterSet, depth: int) -> Node:
    vr = draw(st.sampled_from(DRAWN))
    tags = TAGS_OF.get(vr, ())
    tag = draw(st.sampled_from(tags)) if tags else 0x00990000 | draw(st.integers(0x1000, 0x10FF))
    return draw(_filled(tag, vr, character_set, depth))


@st.composite
def _private_block(draw: st.DrawFn, character_set: CharacterSet, depth: int) -> list[Node]:
    creator = draw(st.sampled_from(sorted(CREATORS)))
    block = draw(st.integers(0x10, 0x13))
    nodes, group = [], next(iter(CREATORS[creator])) >> 8
    for short, vr in CREATORS[creator].items():
        nodes.append(draw(_filled(group << 16 | block << 8 | short & 0xFF, vr, character_set, depth)))
    if draw(st.integers(0, 9)):
        nodes.append(Node(group << 16 | block, "LO", creator.encode()))
    return nodes


@st.composite
def _filled(draw: st.DrawFn, tag: int, vr: str, character_set: CharacterSet, depth: int) -> Node:
    as_un = draw(st.integers(0, 15)) == 0
    if vr != "SQ":
        return Node(tag, vr, draw(VALUES[vr](character_set)), as_un=as_un)
    count = draw(st.integers(0, 2)) if depth < DEPTH else 0
    items = tuple(draw(_content(character_set, depth + 1, 3)) for _ in range(count))
    return Node(tag, vr, b"", items, undefined=draw(st.booleans()), items_undefined=draw(st.booleans()), as_un=as_un)


TAGS_OF = {vr: tuple(tag for tag, vrs in PUBLIC.items() if vr in vrs) for vr in VRS}
