"""What a reading child and its parent say to each other: frames over two pipes, and a mark in shared memory.

A frame is one byte of kind, eight of length (little endian), then the payload: JSON, or one Arrow record batch.

    parent -> child   BEGIN   limits, once
                      SLICE   entries to read, and how
    child -> parent   READY   limits hold; nothing of a drop was touched yet
                      KEPT, REJECTS, LINES   rows since the last FLUSH (record batches; NDJSON)
                      FLUSH   (entry, row) from which reading would have to go on; `done` when the slice is
                      FAILED  an error of the storage, or the exception that a file raised in the reader
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import Any, BinaryIO, NamedTuple

import orjson

BEGIN, SLICE = b"B", b"S"
READY, KEPT, REJECTS, LINES, FLUSH, FAILED = b"Y", b"K", b"R", b"L", b"F", b"X"
HEAD = struct.Struct("<cQ")
_MARK = struct.Struct("<qqq")


class Position(NamedTuple):
    """A place in a slice: `row` 0 is the entry's own row, `row` n its archive member n - 1."""

    entry: int
    row: int


class Mark:
    """What the child reads at this moment, in memory that both see: written for 0.2 us a file, read after its death."""

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            descriptor = _anonymous()
            os.ftruncate(descriptor, mmap.PAGESIZE)
        self.descriptor = descriptor
        self._shared = mmap.mmap(descriptor, mmap.PAGESIZE)
        self._beat = 0

    def begin(self, entry: int, row: int) -> None:
        """The child begins with this row."""
        self._beat += 1
        _MARK.pack_into(self._shared, 0, entry, row, self._beat)

    def clear(self) -> None:
        """Nothing was begun yet."""
        _MARK.pack_into(self._shared, 0, -1, -1, 0)

    @property
    def beat(self) -> int:
        """Grows with every row begun."""
        return int(_MARK.unpack_from(self._shared)[2])

    @property
    def position(self) -> Position | None:
        """What was begun last; None when nothing was."""
        entry, row, beat = _MARK.unpack_from(self._shared)
        return Position(entry, row) if beat else None

    def close(self) -> None:
        """Give the memory back."""
        self._shared.close()
        os.close(self.descriptor)


def send(pipe: BinaryIO, kind: bytes, payload: Any) -> None:
    """Write one frame; what is no bytes goes as JSON."""
    content = payload if isinstance(payload, bytes | memoryview) else orjson.dumps(payload)
    pipe.write(HEAD.pack(kind, len(content)))
    pipe.write(content)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next frame, waiting for it; None at the end of the pipe."""
    head = pipe.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    kind, length = HEAD.unpack(head)
    content = pipe.read(length)
    return (kind, content) if len(content) == length else None


def _anonymous() -> int:
    """A file without a name: in memory on Linux, else unlinked."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("dicomdex-mark", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile() as made:
        return os.dup(made.fileno())
