"""A file on HDFS, open for reading."""

from __future__ import annotations

import io
from typing import Any

from hdfs_native import FileReader

from dicomdex.adapters.hdfs_faults import hdfs_faults


class HdfsSource:
    """An open file, read by position. Use as a context manager; there is nothing to close on the other side.

    `size` is that of the blocks it was opened with, `mtime` was asked after that.
    """

    def __init__(self, reader: FileReader, mtime: int) -> None:
        self.size = len(reader)
        self.mtime = mtime
        self._reader = reader

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        length = min(length, self.size - offset)  # beyond the end hdfs-native panics
        if length <= 0:
            return b""
        with hdfs_faults():
            return bytes(self._reader.read_range(offset, length))

    def __enter__(self) -> HdfsSource:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class SeekableFile(io.RawIOBase):
    """What Parquet readers want: `seek`, `tell`, `readinto`."""

    def __init__(self, source: HdfsSource) -> None:
        super().__init__()
        self._source = source
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = (0, self._at, self._source.size)[whence] + offset
        return self._at

    def readinto(self, buffer: Any) -> int:
        found = self._source.read_at(self._at, len(buffer))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)
