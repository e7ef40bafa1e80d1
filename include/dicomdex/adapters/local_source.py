"""Files of a local disk, opened name by name below a root, so that no link is followed there, and read by position."""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dicomdex.entry import NotRegular
from dicomdex.errors import StorageFault

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_ROOT = os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY
_DIRECTORY = _ROOT | os.O_NOFOLLOW
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

    __slots__ = ("_descriptor", "mtime", "size")

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
            raise without_path(error) from None
        if len(chunk) == length or not chunk:
            return chunk
        with pathless():
            chunks = [chunk]  # Linux gives at most 2 GiB a call
            while chunk and (got := sum(map(len, chunks))) < length:
                chunk = os.pread(self._descriptor, length - got, offset + got)
                chunks.append(chunk)
            return b"".join(chunks)

    def fileno(self) -> int:
        """The descriptor, open as long as this is."""
        return self._descriptor

    def __enter__(self) -> LocalSource:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class _Directory:
    """An open directory; it is closed when nobody holds it any more, so that threads can share one."""

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.descriptor)


class Beneath:
    """Opens what lies below a root, which may be a link itself; below it none is followed.

    The directory that the last file was in stays open: a listing names the files of one after the other, and opening
    the directories above costs twice what the file does.
    """

    def __init__(self, root: bytes) -> None:
        self._root = root + b"/"
        self._last: tuple[bytes, _Directory] | None = None

    def __reduce__(self) -> tuple[type[Beneath], tuple[bytes]]:
        return Beneath, (self._root[:-1],)

    def open(self, raw: bytes) -> LocalSource:
        """A regular file; NotRegular where the name, or a directory above it, is something else."""
        above, _, name = raw.rpartition(b"/")
        if name in (b"", b".") or (b".." in raw and b".." in raw.split(b"/")):
            raise ValueError("a path must not lead out of its storage")
        descriptor = self._descriptor(above, name)
        found = os.fstat(descriptor)
        if not modes.S_ISREG(found.st_mode):
            os.close(descriptor)
            raise NotRegular(errno.EINVAL, "not a regular file")
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)
        return LocalSource(descriptor, found)

    def _descriptor(self, above: bytes, name: bytes) -> int:
        last = self._last
        if last is not None and last[0] == above:
            try:
                return os.open(name, _READ, dir_fd=last[1].descriptor)
            except OSError:  # the directory may be another one by now
                self._last = None
        directory = None
        try:  # as `pathless`, without its cost: this is done for every file
            directory = _Directory(os.open(self._root, _ROOT))
            for part in above.split(b"/") if above else ():
                directory = _Directory(os.open(part, _DIRECTORY, dir_fd=directory.descriptor))
            descriptor = os.open(name, _READ, dir_fd=directory.descriptor)
        except OSError as error:
            if directory is not None and (error.errno in _NOT_REGULAR or isinstance(error, NotADirectoryError)):
                raise NotRegular(errno.EINVAL, "not a regular file") from None
            raise without_path(error) from None
        self._last = above, directory
        return descriptor


@contextmanager
def pathless() -> Iterator[None]:
    """Raise a storage error again without the path in its text: paths may hold names of patients."""
    try:
        yield
    except (NotRegular, StorageFault):
        raise
    except OSError as error:
        raise without_path(error) from None


def without_path(error: OSError) -> OSError:
    """The same error, its text that of its number alone."""
    number = error.errno or next((n for kind, n in _ERRNO.items() if isinstance(error, kind)), errno.EIO)
    return OSError(number, os.strerror(number))
