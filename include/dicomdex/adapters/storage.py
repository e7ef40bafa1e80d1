"""Where files lie: one small interface over local disks (system calls, raw names) and everything fsspec speaks.

Errors of a storage are raised as OSError without the path in their text: they say what went wrong, the caller names
the file by drop key and file_id. Nothing here decides what an error means for a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from dicomdex.adapters.storage_fsspec import FsspecStorage
from dicomdex.adapters.storage_local import LocalStorage
from dicomdex.adapters.storage_webhdfs import WebHdfsStorage
from dicomdex.entry import ByteSource, Child, Entry, NotRegular, escape, unescape
from dicomdex.errors import SettingsError

__all__ = [
    "ByteSource", "Child", "Entry", "FsspecStorage", "LocalStorage", "NotRegular", "Storage", "WebHdfsStorage",
    "escape", "storage", "unescape",
]  # fmt: skip


class Storage(Protocol):
    """A tree of files under a root URL. Paths are escaped and relative to the root; `""` is the root itself."""

    url: str

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory; FileNotFoundError when the directory is not there."""
        ...

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted; FileNotFoundError when it is not there."""
        ...

    def stat(self, path: str) -> Entry | None:
        """The entry of a file or link; None when nothing is there or when it is a directory."""
        ...

    def exists(self, path: str) -> bool:
        """Whether there is a file, link or directory of this name."""
        ...

    def open(self, path: str) -> AbstractContextManager[ByteSource]:
        """A regular file, open for reading by position; NotRegular when it is something else."""
        ...

    def read_bytes(self, path: str) -> bytes:
        """The whole file."""
        ...

    def open_input(self, path: str) -> BinaryIO:
        """The file as a seekable Python file, for Parquet readers."""
        ...

    def write_atomic(self, path: str, content: bytes) -> None:
        """Write under a temporary name, then rename: readers see the old file or the new one, whole."""
        ...

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create the file; False when it is there already. Of several callers exactly one gets True."""
        ...

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create a file that is not there and write it piece by piece: for files of any size, under temporary names."""
        ...

    def rename_to(self, path: str, other: Storage, other_path: str) -> None:
        """Move the file to another root on the same file system in one step."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when it is not there."""
        ...


def storage(url: str) -> Storage:
    """The storage of a root URL: local for `file:`, native for `hdfs:`, an object store for `s3:`, else fsspec."""
    if url.startswith("hdfs:"):
        try:
            from dicomdex.adapters.storage_hdfs import HdfsStorage  # 0.1 s that others do not need
        except ImportError:
            raise SettingsError("hdfs: URLs need the package hdfs-native") from None
        return HdfsStorage(url)
    if url.startswith("s3:"):
        from dicomdex.adapters.storage_s3 import S3Storage  # botocore: 0.5 s that others do not need

        return S3Storage(url)
    return LocalStorage(url) if url.startswith("file:") else FsspecStorage(url)
