"""Test files made by hand: elements as bytes, so that a test can break exactly one thing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pydicom

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
JPEG = "1.2.840.10008.1.2.4.50"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
LONG_VRS = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}
UNDEFINED = 0xFFFFFFFF
PYDICOM_FILES = Path(pydicom.__file__).parent / "data"


class MemorySource:
    """A ByteSource over bytes; counts what is asked of it."""

    def __init__(self, content: bytes, mtime: int = 0) -> None:
        self._content = content
        self.size = len(content)
        self.mtime = mtime
        self.reads: list[tuple[int, int]] = []

    def read_at(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self._content[offset : offset + length]

    def __enter__(self) -> MemorySource:
        return self

    def __exit__(self, *args: object) -> None:
        pass


def element(tag: int, vr: str, value: bytes | str = b"", *, order: str = "<", length: int | None = None) -> bytes:
    """One explicit VR element, padded to even length; `length` overrides what its header says."""
    raw = value.encode("latin-1") if isinstance(value, str) else value
    if len(raw) % 2:
        raw += b"\0" if vr in ("UI", "OB", "UN") else b" "
    said = len(raw) if length is None else length
    head = struct.pack(order + "HH", tag >> 16, tag & 0xFFFF) + vr.encode()
    if vr in LONG_VRS:
        return head + struct.pack(order + "HL", 0, said) + raw
    return head + struct.pack(order + "H", said) + raw


def implicit_element(tag: int, value: bytes | str = b"", *, length: int | None = None) -> bytes:
    """One implicit VR little endian element."""
    raw = value.encode("latin-1") if isinstance(value, str) else value
    raw += b" " * (len(raw) % 2)
    said = len(raw) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, said) + raw


def item(*content: bytes, undefined: bool = False, order: str = "<") -> bytes:
    """One item of a sequence, of known or undefined length."""
    inside, header = b"".join(content), order + "HHL"
    if undefined:
        return struct.pack(header, 0xFFFE, 0xE000, UNDEFINED) + inside + struct.pack(header, 0xFFFE, 0xE00D, 0)
    return struct.pack(header, 0xFFFE, 0xE000, len(inside)) + inside


def delimiter(order: str = "<") -> bytes:
    """What ends a sequence of undefined length."""
    return struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0)


SEQUENCE_END = delimiter()


def meta(syntax: str = EXPLICIT, sop: str = "1.2.3.4", sop_class: str = CT_IMAGE) -> bytes:
    """Preamble, prefix and file meta information."""
    inside = element(0x00020001, "OB", b"\0\1") + element(0x00020002, "UI", sop_class)
    inside += element(0x00020003, "UI", sop) + element(0x00020010, "UI", syntax)
    return b"\0" * 128 + b"DICM" + element(0x00020000, "UL", struct.pack("<L", len(inside))) + inside


def identity(sop: str = "1.2.3.4", *, sop_class: str = CT_IMAGE) -> bytes:
    """The elements of group 0008 that say what instance this is."""
    return element(0x00080016, "UI", sop_class) + element(0x00080018, "UI", sop)


def place(study: str = "1.2.3", series: str = "1.2.3.1", patient: str = "P1") -> bytes:
    """Patient, study and series, in tag order after `identity`."""
    return element(0x00100020, "LO", patient) + element(0x0020000D, "UI", study) + element(0x0020000E, "UI", series)


def image(rows: int = 4, columns: int = 4, frames: int | None = None, pixels: bytes | None = None) -> bytes:
    """Image pixel module of 16-bit native pixels."""
    head = element(0x00280002, "US", struct.pack("<H", 1))
    if frames is not None:
        head += element(0x00280008, "IS", str(frames))
    head += element(0x00280010, "US", struct.pack("<H", rows)) + element(0x00280011, "US", struct.pack("<H", columns))
    head += element(0x00280100, "US", struct.pack("<H", 16))
    content = bytes(range(1, 256)) * (rows * columns * 2 * (frames or 1) // 255 + 1)
    return head + element(0x7FE00010, "OW", content[: rows * columns * 2 * (frames or 1)] if pixels is None else pixels)


def part10(*content: bytes, syntax: str = EXPLICIT, sop: str = "1.2.3.4") -> bytes:
    """A whole file: `meta` and the elements given."""
    return meta(syntax, sop) + b"".join(content)


def pydicom_files() -> Iterator[tuple[str, bytes]]:
    """(path below pydicom/data, bytes) of every file that ships with pydicom as test data."""
    for folder in ("charset_files", "palettes", "test_files"):
        for path in sorted((PYDICOM_FILES / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(PYDICOM_FILES).as_posix(), path.read_bytes()


def pydicom_file(name: str) -> bytes:
    """Bytes of one of pydicom's test files."""
    return (PYDICOM_FILES / "test_files" / name).read_bytes()
