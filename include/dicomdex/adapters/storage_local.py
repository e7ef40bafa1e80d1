"""A storage on a local disk, by system calls on bytes: no link is followed below the root, any name survives."""

# pathlib knows no names as bytes.
# ruff: noqa: PTH103, PTH105, PTH108, PTH120

from __future__ import annotations

import errno
import os
import secrets
import stat as modes
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlparse

from dicomdex.adapters.local_source import Beneath, LocalSource, pathless
from dicomdex.entry import Child, Entry, escape, unescape


class LocalStorage:
    """The tree under a `file:` URL. The root itself may be a link; below it none is followed."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._root = unquote_to_bytes(urlparse(url).path).rstrip(b"/")
        self._beneath = Beneath(self._root)

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory, links as links."""
        top = self._real(prefix)
        with pathless():
            if not modes.S_ISDIR(os.lstat(top).st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        pending = [(top, prefix.rstrip("/"))]
        while pending:
            directory, shown = pending.pop()
            for entry in _scan(directory, missing_ok=directory != top):
                path = f"{shown}/{escape(entry.name)}" if shown else escape(entry.name)
                with suppress(FileNotFoundError), pathless():  # deleted since: it is not there
                    if entry.is_dir(follow_symlinks=False):
                        pending.append((entry.path, path))
                    else:
                        yield _entry(path, entry.stat(follow_symlinks=False), entry.path, top)

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted by their escaped form."""
        found = []
        for entry in _scan(self._real(prefix), missing_ok=False):
            with suppress(FileNotFoundError), pathless():
                seen = entry.stat(follow_symlinks=False)
                is_directory = entry.is_dir(follow_symlinks=False)
                found.append(Child(escape(entry.name), is_directory, seen.st_size, seen.st_mtime_ns))
        return sorted(found, key=lambda child: child.name)

    def stat(self, path: str) -> Entry | None:
        """The entry of a file or link; None when nothing is there or when it is a directory."""
        real = self._real(path)
        with pathless():
            try:
                seen = os.lstat(real)
            except (FileNotFoundError, NotADirectoryError):
                return None
        return None if modes.S_ISDIR(seen.st_mode) else _entry(path, seen, real, self._root)

    def exists(self, path: str) -> bool:
        """Whether there is a file, link or directory of this name."""
        with pathless():
            try:
                os.lstat(self._real(path))
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def open(self, path: str) -> LocalSource:
        """A regular file below the root; NotRegular where the name, or a directory above it, is something else."""
        return self._beneath.open(unescape(path))

    def read_bytes(self, path: str) -> bytes:
        """The whole file."""
        with self.open_input(path) as source:
            return source.read()

    def open_input(self, path: str) -> BinaryIO:
        """The file as a seekable Python file."""
        with pathless():
            return open(self._real(path), "rb")

    def write_atomic(self, path: str, content: bytes) -> None:
        """Temporary file beside it, fsync, rename, fsync of the directory; the temporary file goes when that fails."""
        real = self._real(path)
        directory = os.path.dirname(real)
        temporary = real + b"." + secrets.token_hex(4).encode() + b".tmp"
        with pathless():
            os.makedirs(directory, exist_ok=True)
            try:
                _write_new(temporary, content)
                os.replace(temporary, real)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            _sync_directory(directory)

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create the file with O_EXCL; False when it is there already."""
        real = self._real(path)
        with pathless():
            os.makedirs(os.path.dirname(real), exist_ok=True)
            try:
                _write_new(real, content)
            except FileExistsError:
                return False
            _sync_directory(os.path.dirname(real))
        return True

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create with O_EXCL, write, fsync; out of the page cache, so that a read-back comes from the disk."""
        real = self._real(path)
        with pathless():
            os.makedirs(os.path.dirname(real), exist_ok=True)
            descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        with os.fdopen(descriptor, "wb", buffering=0) as target:
            for piece in pieces:  # their own errors are no errors of this storage
                with pathless():
                    _write_whole(target, piece)
            with pathless():
                os.fsync(target.fileno())
                if hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(target.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def sync_directory(self, path: str) -> None:
        """Let the names in a directory survive a loss of power."""
        with pathless():
            _sync_directory(self._real(path))

    def rename_to(self, path: str, other: Any, other_path: str) -> None:
        """Move the file to another local root in one step; OSError (EXDEV) when that is another file system."""
        target = other._real(other_path)
        with pathless():
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(self._real(path), target)

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when it is not there."""
        with pathless(), suppress(FileNotFoundError):
            os.unlink(self._real(path))

    def _real(self, path: str) -> bytes:
        raw = unescape(path)
        if b".." in raw and b".." in raw.split(b"/"):
            raise ValueError("a path must not lead out of its storage")
        return self._root + b"/" + raw.strip(b"/")


def _scan(directory: bytes, *, missing_ok: bool) -> list[os.DirEntry[bytes]]:
    with pathless():
        try:
            with os.scandir(directory) as found:
                return list(found)
        except (FileNotFoundError, NotADirectoryError):
            if missing_ok:  # deleted or replaced since its parent was listed
                return []
            raise


def _entry(path: str, seen: os.stat_result, real: bytes, top: bytes) -> Entry:
    if modes.S_ISREG(seen.st_mode):
        return Entry(path, seen.st_size, seen.st_mtime_ns, "file")
    if not modes.S_ISLNK(seen.st_mode):
        return Entry(path, seen.st_size, seen.st_mtime_ns, "other")
    target, home = os.path.realpath(real), os.path.realpath(top)
    inside = target == home or target.startswith(home + b"/")
    return Entry(path, seen.st_size, seen.st_mtime_ns, "link" if inside else "link_out")


def _write_new(real: bytes, content: bytes) -> None:
    descriptor = os.open(real, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "wb") as target:
        target.write(content)
        target.flush()
        os.fsync(target.fileno())


def _write_whole(target: Any, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[target.write(view) :]


def _sync_directory(directory: bytes) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
