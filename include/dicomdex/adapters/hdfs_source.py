"""A file on HDFS, open for reading."""

from __future__ import annotations

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
