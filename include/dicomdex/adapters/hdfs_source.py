"""A file on HDFS, open for reading."""

from __future__ import annotations

from hdfs_native import FileReader

from dicomdex.adapters.hdfs_faults import hdfs_faults


class HdfsSource:
    """An open file, read by position. Use as a context manager; there is nothing to close on the other side.

    `size` is that of the blocks it was opened with; `mtime` is for the storage to ask after that, -1 until it did.
    """

    def __init__(self, reader: FileReader) -> None:
        self.size = len(reader)
        self.mtime = -1
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
