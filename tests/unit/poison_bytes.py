"""How poisonous files are made: bytes, or what to do at a path: sparse gigabytes, a FIFO, a socket, a link."""

from __future__ import annotations

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from tests.factories import (
    BASIC_TEXT_SR,
    DEFLATED,
    JPEG,
    SEQUENCE_END,
    UNDEFINED,
    element,
    identity,
    image,
    item,
    meta,
    part10,
    place,
)

Content = bytes | Callable[[Path], None]
GB = 1 << 30
SR = identity(sop_class=BASIC_TEXT_SR) + place()
CONTENT = 0x0040A730  # Content Sequence: nested in itself, as reports are


def deflated(data_set: bytes) -> bytes:
    """A file whose data set is deflated."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return meta(DEFLATED) + packer.compress(data_set) + packer.flush()


def bomb(size: int) -> bytes:
    """A data set that inflates to `size` bytes of zeros, made a piece at a time."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    pieces = [packer.compress(identity() + place() + element(0x7FE00010, "OW", length=size))]
    pieces += [packer.compress(bytes(1 << 20)) for _ in range(size >> 20)]
    return meta(DEFLATED) + b"".join(pieces) + packer.flush()


def nested(depth: int, *, undefined: bool, vr: str = "SQ") -> bytes:
    """Content sequences within each other."""
    if undefined:
        head = element(CONTENT, vr, length=UNDEFINED) + struct.pack("<HHL", 0xFFFE, 0xE000, UNDEFINED)
        return head * depth + (struct.pack("<HHL", 0xFFFE, 0xE00D, 0) + SEQUENCE_END) * depth
    inside = element(0x00080100, "SH", "X")
    for _ in range(depth):
        inside = element(CONTENT, vr, item(inside))
    return inside


def sparse(head: bytes, size: int, tail: bytes = b"") -> Callable[[Path], None]:
    """A file of `size` bytes that takes a few blocks of the disk."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.write(head)
            file.truncate(size)
            file.seek(size - len(tail))
            file.write(tail)

    return write


def fifo(path: Path) -> None:
    """A pipe that nobody writes to: who opens it waits for ever."""
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    """A socket's name in the file system."""
    before = Path.cwd()
    os.chdir(path.parent)  # a socket's path is at most 107 bytes long
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    os.chdir(before)


def link_to(target: str) -> Callable[[Path], None]:
    """A symbolic link."""
    return lambda path: path.symlink_to(target)


def encapsulated(fragments: bytes, frames: int = 1, before: bytes = b"") -> bytes:
    """A report with encapsulated pixel data of just these bytes."""
    number = element(0x00280008, "IS", str(frames))
    return part10(SR, number, before, element(0x7FE00010, "OB", fragments, length=UNDEFINED), syntax=JPEG)


def report(*content: bytes) -> bytes:
    """A report with these elements between its identity and its place."""
    return part10(identity(sop_class=BASIC_TEXT_SR), *content, place())


def charset(terms: str, name: bytes = b"M\xfc\x1b$B\xff\\ller") -> bytes:
    """A name in a character set."""
    return part10(
        element(0x00080005, "CS", terms), identity(sop_class=BASIC_TEXT_SR), element(0x00100010, "PN", name), place()
    )


def with_uid(uid: str) -> bytes:
    """An instance of this SOP Instance UID."""
    return part10(element(0x00080016, "UI", BASIC_TEXT_SR) + element(0x00080018, "UI", uid), place())


def zipped() -> bytes:
    """An archive with one text in it, whatever its own name says."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("readme.txt", "no image")
    return sink.getvalue()


def swapped_syntax(uid: str) -> bytes:
    """An explicit little endian image that says it is something else."""
    return part10(identity(), place(), image(), syntax=uid)


def nameless(count: int) -> bytes:
    """`count` empty private elements of 8 bytes."""
    return b"".join(element(0x00091000 + number, "LO") for number in range(100)) * (count // 100)


def private(count: int) -> bytes:
    """`count` empty private elements in ascending order."""
    tags = (0x00210000 + (number // 60_000 * 2 << 16) + 0x1000 + number % 60_000 for number in range(count))
    return b"".join(element(tag, "LO") for tag in tags)


def late(*content: bytes) -> bytes:
    """A whole image and what stands behind its pixel data."""
    return part10(identity(), place(), image(), *content)


NAN = struct.pack("<d", float("nan"))
PRIVATE_3_GB = element(0x00091010, "OB", length=3 * GB)
EOT = struct.pack("<QQ", 0, 12)
TWO = item(b"") + item(b"abcd") + item(b"efghij") + SEQUENCE_END
LYING_LENGTH = struct.pack("<L", 0xFFFFFFF0)
BASE = b"\0" * 128 + b"DICM"
