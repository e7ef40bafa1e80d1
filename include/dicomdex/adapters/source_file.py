"""What is read by position, as a file."""

from __future__ import annotations

import io
from typing import Any

from dicomdex.entry import ByteSource


class SourceFile(io.RawIOBase):
    """A ByteSource as the seekable file that Parquet readers and pydicom read from."""

    name = ""  # pydicom asks for it; there is none that anybody should see

    def __init__(self, source: ByteSource) -> None:
        super().__init__()
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a byte."""
        self._at = offset + (0, self._at, self._source.size)[whence]
        return self._at

    def tell(self) -> int:
        """The byte that comes next."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is room for."""
        piece = self._source.read_at(self._at, len(buffer))
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
