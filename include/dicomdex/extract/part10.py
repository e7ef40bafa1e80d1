"""The frame of a DICOM file, PS3.10 section 7: preamble, file meta information, transfer syntax, data set."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import lru_cache

from dicomdex.extract.layout import Element, Layout, is_vr
from dicomdex.extract.reject import Rejected
from dicomdex.extract.scan import Scan
from dicomdex.extract.window import Inflated, Window

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = frozenset(("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"))
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
INFLATE_MAX = 64 << 20
INFLATE_RATIO = 100
INFLATE_FREE = 1 << 20  # the ratio counts from here on: a black image of 1 MB is no bomb
PIECE = 1 << 16
META_WANTED = frozenset((b"\2\0", b"\3\0", b"\x10\0"))  # SOP Class, SOP Instance, transfer syntax
META_VRS = frozenset((b"UL", b"UI", b"SH", b"AE", b"LO", b"CS"))


@dataclass(slots=True)
class Frame:
    """How the data set is written and where: `window` holds it from `start` on (inflated where it was deflated)."""

    window: Window
    start: int
    implicit: bool
    little: bool
    part10: bool
    deflated: bool = False
    transfer_syntax: str | None = None
    media_class: str | None = None
    media_uid: str | None = None
    meta_raw: bytes = b""  # of a deflated file: what stands before the data set
    warnings: list[str] = field(default_factory=list)

    def scan(self) -> Layout:
        """Scan the data set to the last byte of the file. Raises Rejected."""
        return Scan(self.window, self.start, implicit=self.implicit, little=self.little).run()


def open_frame(window: Window) -> Frame:
    """Read preamble and file meta information, and find out how the data set is encoded. Raises Rejected."""
    block = window.block_at(0)[1]
    part10 = block[128:132] == b"DICM"
    start = 132 if part10 else 0
    if window.size <= start:
        raise Rejected("truncated", "nothing follows the preamble", start)
    frame = Frame(window, start, implicit=False, little=True, part10=part10)
    if block[start : start + 2] == b"\2\0":
        if not _read_plain_meta(frame, block):
            _read_meta(frame)
    elif part10:
        frame.warnings.append("no_file_meta")
    if not part10:
        frame.warnings.append("no_part10_header")
    if frame.transfer_syntax in DEFLATED:
        _inflate(frame)
    _choose_encoding(frame)
    return frame


def _read_meta(frame: Frame) -> None:
    """File meta information is explicit little endian; its end is where group 0002 ends, whatever its length says."""
    meta = Scan(frame.window, frame.start, implicit=False, little=True, group=2).run()
    frame.start = meta.end
    frame.transfer_syntax = _uid(frame.window, meta.elements.get(0x00020010))
    frame.media_class = _uid(frame.window, meta.elements.get(0x00020002))
    frame.media_uid = _uid(frame.window, meta.elements.get(0x00020003))
    if meta.zeros is not None:
        raise Rejected("trailing_zeros", "zeros follow the file meta information", meta.zeros)


def _read_plain_meta(frame: Frame, block: bytes) -> bool:
    """The same for what nearly every file has: known VRs, all of it in the first bytes read. False: not so."""
    at, wanted = frame.start, {}
    while True:
        number, start, length = _meta_head(block[at : at + 8])
        if start == 12:
            length = int.from_bytes(block[at + 8 : at + 12], "little")
        elif start == 0:
            break
        elif number in META_WANTED:
            wanted[number] = block[at + 8 : at + 8 + length]
        at += start + length
    following = block[at : at + 8]
    if length < 0 or len(following) < 8 or following == bytes(8):
        return False
    frame.start = at
    frame.transfer_syntax = _text(wanted.get(b"\x10\0", b""))
    frame.media_class, frame.media_uid = _text(wanted.get(b"\2\0", b"")), _text(wanted.get(b"\3\0", b""))
    return True


@lru_cache(maxsize=4096)
def _meta_head(eight: bytes) -> tuple[bytes, int, int]:
    """(element number, bytes of the header, length) of the first 8 bytes of an element.

    No bytes of a header where the file meta information ends; then the length is negative where a VR is unusual.
    """
    if eight[:2] != b"\2\0":
        return b"", 0, 0
    if eight[4:6] == b"OB":
        return eight[2:4], 12, 0
    return (eight[2:4], 8, eight[6] | eight[7] << 8) if eight[4:6] in META_VRS and len(eight) == 8 else (b"", 0, -1)


def _text(raw: bytes) -> str | None:
    return raw.decode("latin-1").rstrip("\0 ") or None if len(raw) <= 1024 else None


def _uid(window: Window, element: Element | None) -> str | None:
    if element is None or not 0 < element.length <= 1024:
        return None
    return _text(window.take(element.offset, element.length))


def _choose_encoding(frame: Frame) -> None:
    """The transfer syntax decides; without one, and where the first element shows another VR mode, the bytes do."""
    base, block = frame.window.block_at(frame.start)
    head = block[frame.start - base : frame.start - base + 8]
    if frame.transfer_syntax is None:
        if frame.part10:
            frame.warnings.append("no_transfer_syntax")
        frame.implicit = not is_vr(head[4:6])
        frame.little = not (len(head) == 8 and _group(head, True) >= 0x0400 and _group(head, False) < 0x0400)
        return
    order, frame.implicit, frame.little, differs = _encoding(frame.transfer_syntax, head)
    if not order:
        raise Rejected("not_conformant", "the byte order is not that of the transfer syntax", frame.start)
    if differs:
        frame.warnings.append("vr_mode_differs")


@lru_cache(maxsize=4096)
def _encoding(syntax: str, head: bytes) -> tuple[bool, bool, bool, bool]:
    """(whether the byte order is that of the syntax, implicit VR, little endian, whether the bytes say that VR mode)
    of a transfer syntax and the first 8 bytes of the data set.
    """
    implicit, little = syntax == IMPLICIT_LITTLE, syntax != EXPLICIT_BIG
    if len(head) < 8:
        return True, implicit, little, False
    if _group(head, little) & 0xFF == 0 and 0 < _group(head, not little) < 0x0100:
        return False, implicit, little, False
    differs = implicit == is_vr(head[4:6])
    return True, implicit != differs, little, differs


def _group(head: bytes, little: bool) -> int:
    return int.from_bytes(head[:2], "little" if little else "big")


def _inflate(frame: Frame) -> None:
    """Inflate the data set (PS3.5 section A.5) under the caps. Raises Rejected: limit, truncated, not_conformant."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    pieces: list[bytes] = []
    taken = given = 0
    try:
        while not inflater.eof:
            piece = inflater.unconsumed_tail or frame.window.glance(frame.start + taken, PIECE)
            if not piece:
                raise Rejected("truncated", "the deflated data set has no end", frame.window.size)
            if not inflater.unconsumed_tail:
                taken += len(piece)
            pieces.append(inflater.decompress(piece, PIECE * 16))
            given += len(pieces[-1])
            _check_inflated(given, taken, frame.start)
    except zlib.error:
        raise Rejected(
            "not_conformant", "the data set is not deflated, as the transfer syntax says", frame.start
        ) from None
    frame.meta_raw = frame.window.take(0, frame.start)
    frame.window, frame.start, frame.deflated = Inflated(b"".join(pieces)), 0, True


def _check_inflated(given: int, taken: int, start: int) -> None:
    if given > INFLATE_MAX:
        raise Rejected("limit", f"the data set inflates to more than {INFLATE_MAX >> 20} MB", start)
    if given > INFLATE_FREE and given > INFLATE_RATIO * taken:
        raise Rejected("limit", f"the data set inflates to more than {INFLATE_RATIO} times its size", start)
