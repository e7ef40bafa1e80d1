"""A storage on a local disk, by system calls on bytes: no link is followed below the root, any name survives."""

# pathlib knows no names as bytes.
# ruff: noqa: PTH103, PTH105, PTH108, PTH120

from __future__ import annotations

import errno
import os
import secrets
import stat as modes
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlparse

from dicomdex.entry import Child, Entry, NotRegular, escape, unescape

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_ERRNO = {  # of errors that a Python file system raises without a number
    FileNotFoundError: errno.ENOENT,
    FileExistsError: errno.EEXIST,
    NotADirectoryError: errno.ENOTDIR,
    PermissionError: errno.EACCES,
    TimeoutError: errno.ETIMEDOUT,
}
_NOT_REGULAR = (errno.ELOOP, errno.ENXIO, errno.ENODEV)


class LocalSource:
    """An open regular file, read by `pread`. Use as a context manager."""

    def __init__(self, descriptor: int, found: os.stat_result | None = None) -> None:
        self._descriptor = descriptor
        found = found or os.fstat(descriptor)
        self.size = found.st_size
        self.mtime = found.st_mtime_ns

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        try:
            chunk = os.pread(self._descriptor, length, offset)
        except OSError as error:
            raise _without_path(error) from None
        if len(chunk) == length or not chunk:
            return chunk
        with pathless():
            chunks = [chunk]  # Linux gives at most 2 GiB a call
            while chunk and (got := sum(map(len, chunks))) < length:
                chunk = os.pread(self._descriptor, length - got, offset + got)
                chunks.append(chunk)
            return b"".join(chunks)

    def __enter__(self) -> LocalSource:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class LocalStorage:
    """The tree under a `file:` URL. The root itself may be a link; below it none is followed."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._root = unquote_to_bytes(urlparse(url).path).rstrip(b"/")

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
        descriptor = self._open_beneath(unescape(path))
        found = os.fstat(descriptor)
        if not modes.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise NotRegular(errno.EINVAL, "not a regular file")
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return LocalSource(descriptor, found)

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

    def _open_beneath(self, raw: bytes) -> int:
        """Open name by name, so that a directory swapped for a link since the listing leads nowhere."""
        *above, name = raw.split(b"/")
        if b".." in above or name in (b"", b".", b".."):
            raise ValueError("a path must not lead out of its storage")
        directory = -1
        try:  # as `pathless`, without its cost: this is done for every file
            directory = os.open(self._root + b"/", os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
            for part in above:
                inner = os.open(part, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = inner
            return os.open(name, _READ, dir_fd=directory)
        except OSError as error:
            if directory >= 0 and (error.errno in _NOT_REGULAR or isinstance(error, NotADirectoryError)):
                raise NotRegular(errno.EINVAL, "not a regular file") from None
            raise _without_path(error) from None
        finally:
            if directory >= 0:
                os.close(directory)


@contextmanager
def pathless() -> Iterator[None]:
    """Raise a storage error again without the path in its text: paths may hold names of patients."""
    try:
        yield
    except NotRegular:
        raise
    except OSError as error:
        raise _without_path(error) from None


def _without_path(error: OSError) -> OSError:
    number = error.errno or next((n for kind, n in _ERRNO.items() if isinstance(error, kind)), errno.EIO)
    return OSError(number, os.strerror(number))


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


def _sync_directory(directory: bytes) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
