"""Sensing, listing and reading over WebHDFS, through the client of the `hdfs` package."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from dicomdex.adapters.storage_fsspec import FsspecSource, nanoseconds
from dicomdex.entry import Child, Entry, escape, unescape


class WebHdfsStorage:
    """Sensing, listing and reading over WebHDFS. `client` is one of the `hdfs` package, e.g. `WebHDFSHook`'s."""

    def __init__(self, client: Any, root: str) -> None:
        self.url = f"webhdfs:{root}"
        self._client = client
        self._root = "/" + root.strip("/")
        logging.getLogger("hdfs.client").setLevel(logging.WARNING)  # at INFO it writes every path into the log

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory."""
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
                    yield _hdfs_entry(path, status)

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted."""
        return [
            Child(name, status["type"] == "DIRECTORY", status["length"], nanoseconds(status))
            for name, status in sorted(self._list(prefix.rstrip("/")), key=lambda pair: pair[0])
        ]

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

    def _status(self, path: str) -> dict[str, Any] | None:
        with hdfs_errors():
            return cast("dict[str, Any] | None", self._client.status(self._real(path), strict=False))

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


@contextmanager
def hdfs_errors() -> Iterator[None]:
    """Errors of the `hdfs` package and its HTTP as OSError without path; FileNotFoundError and PermissionError kept."""
    try:
        yield
    except OSError as error:  # requests' errors are OSErrors whose text holds the URL
        raise OSError(errno.EIO, f"WebHDFS: {type(error).__name__}") from None
    except Exception as error:
        if type(error).__name__ != "HdfsError":
            raise
        named = str(getattr(error, "exception", "") or "")
        absent = "FileNotFound" in named or "does not exist" in str(error) or "is not a directory" in str(error)
        if absent:
            raise FileNotFoundError(errno.ENOENT, "no such file or directory") from None
        denied = "AccessControl" in named
        raise OSError(errno.EACCES if denied else errno.EIO, f"WebHDFS: {named or 'error'}") from None


def _hdfs_entry(path: str, status: dict[str, Any]) -> Entry:
    kind = "file" if status["type"] == "FILE" else "link"
    return Entry(path, int(status["length"]), nanoseconds(status), cast(Any, kind))
