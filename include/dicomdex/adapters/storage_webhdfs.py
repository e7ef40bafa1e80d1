"""Sensing, listing, reading and uploading over WebHDFS, through the client of the `hdfs` package.

Directories are listed by LISTSTATUS, whole. (LISTSTATUS_BATCH of Hadoop 3.5 takes its `startAfter` in lower case only,
and answers the first page for ever otherwise.)
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, cast

from dicomdex.adapters.hdfs_faults import fault_of, unknown_fault
from dicomdex.adapters.storage_fsspec import FsspecSource, nanoseconds
from dicomdex.entry import Child, Entry, escape, unescape
from dicomdex.errors import StorageFault

THREADS = 8  # of the ten connections that a session of requests keeps
TIMEOUT = (5.0, 60.0)  # seconds to connect, seconds without a byte
_AT_ONCE = 256
_FILES, _DIRECTORIES = "640", "750"


class WebHdfsStorage:
    """What sensing, listing and putting need, over WebHDFS. `client`: one of the `hdfs` package, e.g. WebHDFSHook's."""

    def __init__(self, client: Any, root: str) -> None:
        self.url = f"webhdfs:{root}"
        self._client = client
        self._client._timeout = TIMEOUT  # the provider's hook leaves it out: a NameNode that hangs would hang us
        self._root = "/" + root.strip("/")
        logging.getLogger("hdfs.client").setLevel(logging.WARNING)  # at INFO it writes every path into the log

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory."""
        return (_hdfs_entry(path, status) for path, status in self._walk(prefix))

    def _walk(self, prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        pending = [prefix.rstrip("/")]
        while pending:
            shown = pending.pop()
            try:
                found = self._list(shown)
            except FileNotFoundError:
                if shown == prefix.rstrip("/"):
                    raise
                continue  # deleted since its parent was listed
            for name, status in found:
                path = f"{shown}/{name}" if shown else name
                if status["type"] == "DIRECTORY":
                    pending.append(path)
                else:
                    yield path, status

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted."""
        return [
            Child(name, status["type"] == "DIRECTORY", status["length"], nanoseconds(status))
            for name, status in sorted(self._list(prefix.rstrip("/")), key=lambda pair: pair[0])
        ]

    def being_written(self, prefix: str) -> bool:
        """Whether a file below a directory is still open for writing.

        Its listed length and mtime do not tell: the length counts full blocks, the mtime is that of its creation. But
        HDFS refuses its checksum. Files that look as an open one would are asked first; one is enough.
        """
        found = sorted(self._walk(prefix), key=lambda one: not _may_be_open(one[1]))
        with ThreadPoolExecutor(THREADS) as threads:
            for start in range(0, len(found), _AT_ONCE):
                if any(threads.map(self._is_open, (path for path, _ in found[start : start + _AT_ONCE]))):
                    return True
        return False

    def stat(self, path: str) -> Entry | None:
        """The entry of a file; None when nothing is there or when it is a directory."""
        status = self._status(path)
        return None if status is None or status["type"] == "DIRECTORY" else _hdfs_entry(path, status)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of this name."""
        return self._status(path) is not None

    def open(self, path: str) -> Any:
        """A file, read by position with one request a call."""
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return FsspecSource(_RangeReader(self._client, self._real(path)), entry)

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create a file that is not there and write it piece by piece; FileExistsError."""
        failed: list[OSError] = []

        def watched() -> Iterator[bytes]:
            try:
                yield from pieces
            except OSError as error:  # requests would make a ConnectionError of it
                failed.append(error)
                raise

        try:
            with hdfs_errors():
                self._client.makedirs(self._real(path.rpartition("/")[0]), permission=_DIRECTORIES)
                self._client.write(self._real(path), data=watched(), permission=_FILES)
        except OSError:
            if failed:
                raise failed[0] from None
            raise

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create a file without overwriting; False when it is there already. With content it may be seen in part."""
        try:
            self.write_new(path, [content])
        except FileExistsError:
            return False
        return True

    def rename_to(self, path: str, other: Any, other_path: str) -> None:
        """Move a file in one step, never over another one (FileExistsError)."""
        if other is not self:
            raise OSError(errno.EXDEV, "not the same HDFS")
        try:
            with hdfs_errors():
                self._client.rename(self._real(path), self._real(other_path))
        except StorageFault:
            if self.exists(other_path):
                raise FileExistsError(errno.EEXIST, "it exists already") from None
            raise

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when it is not there."""
        with hdfs_errors():
            self._client.delete(self._real(path))

    def _is_open(self, path: str) -> bool:
        try:
            with hdfs_errors():
                self._client.checksum(self._real(path))
        except StillOpen:
            return True
        except FileNotFoundError:  # gone or renamed since it was listed: not at rest
            return True
        return False

    def _status(self, path: str) -> dict[str, Any] | None:
        try:
            with hdfs_errors():  # strict: else the client takes every error, safe mode too, for "not there"
                return cast("dict[str, Any]", self._client.status(self._real(path)))
        except FileNotFoundError:
            return None

    def _list(self, shown: str) -> list[tuple[str, dict[str, Any]]]:
        with hdfs_errors():
            found = self._client.list(self._real(shown), status=True)
        return [(escape(name.encode("utf-8", "surrogateescape")), status) for name, status in found]

    def _real(self, path: str) -> str:
        raw = unescape(path).decode("utf-8", "surrogateescape")
        if "#LATEST" in raw or ".." in raw.split("/"):  # the client replaces #LATEST by the newest name it finds
            raise ValueError("a name with #LATEST or .. can't be asked for over WebHDFS")
        return f"{self._root.rstrip('/')}/{raw.strip('/')}"


class _RangeReader:
    """`seek` and `read` by WebHDFS OPEN with offset and length."""

    def __init__(self, client: Any, path: str) -> None:
        self._client = client
        self._path = path
        self._offset = 0

    def seek(self, offset: int) -> None:
        self._offset = offset

    def read(self, length: int) -> bytes:
        with hdfs_errors(), self._client.read(self._path, offset=self._offset, length=length) as reader:
            return bytes(reader.read())


class StillOpen(Exception):
    """HDFS refuses the checksum of a file that is being written."""


@contextmanager
def hdfs_errors() -> Iterator[None]:
    """Errors of the `hdfs` package and its HTTP: FileNotFoundError, FileExistsError, StillOpen, else StorageFault; no
    path in any.
    """
    try:
        yield
    except OSError as error:  # requests' errors are OSErrors whose text holds the URL
        raise fault_of(error) or unknown_fault(error) from None
    except Exception as error:
        if type(error).__name__ != "HdfsError":
            raise
        named, said = str(getattr(error, "exception", "") or ""), str(error)
        if "is under construction" in said:
            raise StillOpen from None
        if "FileAlreadyExists" in named:
            raise FileExistsError(errno.EEXIST, "it exists already") from None
        if "FileNotFound" in named or "does not exist" in said or "is not a directory" in said:
            raise FileNotFoundError(errno.ENOENT, "no such file or directory") from None
        fault = fault_of(OSError(f"{named} {said}"))
        raise fault or StorageFault(errno.EIO, f"HDFS: {named or 'an error without a name'}") from None


def _may_be_open(status: dict[str, Any]) -> bool:
    block = int(status.get("blockSize") or 0)
    untouched = status.get("accessTime") == status["modificationTime"]
    return bool(untouched or (block and status["length"] % block == 0))


def _hdfs_entry(path: str, status: dict[str, Any]) -> Entry:
    kind = "file" if status["type"] == "FILE" else "link"
    return Entry(path, int(status["length"]), nanoseconds(status), cast(Any, kind))
