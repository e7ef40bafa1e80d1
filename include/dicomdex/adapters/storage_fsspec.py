"""A storage over everything that fsspec speaks.

Remote modification times come in milliseconds, seconds or as datetime; here they are nanoseconds like everywhere else.
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, BinaryIO, cast

import fsspec

from dicomdex.adapters.local_source import pathless
from dicomdex.entry import Child, Entry, NotRegular, escape, unescape

_MTIME_KEYS = ("modification_time", "mtime", "LastModified", "last_modified", "modified", "created")
_ABSENT = (FileNotFoundError, NotADirectoryError)


class FsspecSource:
    """An open remote file, read by position. Use as a context manager."""

    def __init__(self, opened: Any, entry: Entry) -> None:
        self._opened = opened
        self.size = entry.size
        self.mtime = entry.mtime

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        with pathless():
            self._opened.seek(offset)
            return bytes(self._opened.read(length))

    def __enter__(self) -> FsspecSource:
        return self

    def __exit__(self, *_: object) -> None:
        close = getattr(self._opened, "close", None)
        if close is not None:
            close()


class FsspecStorage:
    """The tree under a URL that fsspec knows."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._fs, root = fsspec.url_to_fs(self.url)
        self._root = str(root).rstrip("/")

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory."""
        pending = [prefix.rstrip("/")]
        while pending:
            shown = pending.pop()
            for name, found in self._list(shown, missing_ok=shown != prefix.rstrip("/")):
                path = f"{shown}/{name}" if shown else name
                if found["type"] == "directory":
                    pending.append(path)
                else:
                    yield _entry(path, found)

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted."""
        return [
            Child(name, found["type"] == "directory", int(found["size"] or 0), nanoseconds(found))
            for name, found in sorted(self._list(prefix.rstrip("/"), missing_ok=False), key=lambda pair: pair[0])
        ]

    def stat(self, path: str) -> Entry | None:
        """The entry of a file; None when nothing is there or when it is a directory."""
        with pathless():
            try:
                found = self._fs.info(self._real(path))
            except _ABSENT:
                return None
        return None if found["type"] == "directory" else _entry(path, found)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of this name."""
        with pathless():
            try:
                self._fs.info(self._real(path))
            except _ABSENT:
                return False
        return True

    def open(self, path: str) -> FsspecSource:
        """A file, open for reading by position."""
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        if entry.kind != "file":
            raise NotRegular(errno.EINVAL, "not a regular file")
        with pathless():
            return FsspecSource(self._fs.open(self._real(path), "rb"), entry)

    def read_bytes(self, path: str) -> bytes:
        """The whole file."""
        with pathless(), self._fs.open(self._real(path), "rb") as source:
            return bytes(source.read())

    def open_input(self, path: str) -> BinaryIO:
        """The file as a seekable Python file."""
        with pathless():
            return cast(BinaryIO, self._fs.open(self._real(path), "rb"))

    def write_atomic(self, path: str, content: bytes) -> None:
        """Temporary file beside it, then rename over the name."""
        real = self._real(path)
        temporary = f"{real}.{secrets.token_hex(4)}.tmp"
        with pathless():
            self._fs.makedirs(real.rpartition("/")[0], exist_ok=True)
            try:
                with self._fs.open(temporary, "wb") as target:
                    target.write(content)
                self._fs.mv(temporary, real, overwrite=True)
            except BaseException:
                with suppress(OSError):
                    self._fs.rm_file(temporary)
                raise

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create the file without overwriting; False when it is there already."""
        real = self._real(path)
        with pathless():
            self._fs.makedirs(real.rpartition("/")[0], exist_ok=True)
            try:
                with self._fs.open(real, "xb") as target:
                    target.write(content)
            except FileExistsError:
                return False
        return True

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create a file and write it piece by piece."""
        real = self._real(path)
        with pathless():
            self._fs.makedirs(real.rpartition("/")[0], exist_ok=True)
            with self._fs.open(real, "wb") as target:
                for piece in pieces:
                    target.write(piece)

    def rename_to(self, path: str, other: Any, other_path: str) -> None:
        """Move the file to another root of the same file system."""
        target = other._real(other_path)
        with pathless():
            self._fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._fs.mv(self._real(path), target, overwrite=True)

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when it is not there."""
        with pathless(), suppress(FileNotFoundError):
            self._fs.rm_file(self._real(path))

    def _real(self, path: str) -> str:
        raw = unescape(path).decode("utf-8", "surrogateescape")
        if ".." in raw.split("/"):
            raise ValueError("a path must not lead out of its storage")
        return f"{self._root}/{raw.strip('/')}"

    def _list(self, shown: str, *, missing_ok: bool) -> list[tuple[str, dict[str, Any]]]:
        real = self._real(shown)
        with pathless():
            try:
                found = self._fs.ls(real, detail=True, refresh=True)
            except _ABSENT:
                if missing_ok:
                    return []
                raise
        own = real.strip("/")
        return [(_name(one["name"]), one) for one in found if one["name"].strip("/") != own]


def nanoseconds(found: dict[str, Any]) -> int:
    """The modification time of a remote listing, whatever its unit, in nanoseconds; 0 where there is none."""
    if "modificationTime" in found:
        return int(found["modificationTime"]) * 1_000_000
    key = next((key for key in _MTIME_KEYS if found.get(key) is not None), None)
    value = found[key] if key else 0
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return round(aware.timestamp() * 1000) * 1_000_000
    return int(value) * 1_000_000 if key == "modification_time" else round(float(value) * 1000) * 1_000_000


def _name(path: str) -> str:
    return escape(path.rstrip("/").rpartition("/")[2].encode("utf-8", "surrogateescape"))


def _entry(path: str, found: dict[str, Any]) -> Entry:
    kind = "file" if found["type"] == "file" else "link" if found["type"] == "link" else "other"
    return Entry(path, int(found["size"] or 0), nanoseconds(found), cast(Any, kind))
