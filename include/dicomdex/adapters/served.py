"""Files as they are served: opened below the landing area while they are what was catalogued, their bytes in order.

Paths come from documents whose file_id they prove (`serve.locator_of`), never from a client.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Container, Generator, Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import Any

from dicomdex.adapters.storage import Storage
from dicomdex.entry import ByteSource, NotRegular
from dicomdex.extract.archive import ARCHIVE_ERRORS
from dicomdex.extract.archive_tar import LONGEST_HEADER
from dicomdex.extract.members import open_archive
from dicomdex.extract.reject import Reject, Rejected
from dicomdex.serve import (
    BROKEN,
    CHANGED,
    GONE,
    NOT_REGULAR,
    Locator,
    Refusal,
    compare,
    locator_of,
)

PIECE = 1 << 20  # bytes: 1.58 GB by one connection take 1.04 times nginx's seconds, with 256 KB 1.16 times


class Opened:
    """A file that is what was catalogued, open for reading by position. Use as a context manager, or close it.

    `source` is the file's bytes, or those of a member whose checksum is `crc32` where its archive has one.
    """

    def __init__(
        self, landing: Storage, locator: Locator, source: ByteSource, stack: ExitStack, crc32: int | None = None
    ) -> None:
        self.locator = locator
        self.size = locator.size
        self.mtime = locator.mtime
        self.source = source
        self.crc32 = crc32
        self.descriptor: int | None = source.fileno() if hasattr(source, "fileno") else None
        self._landing = landing
        self.stack = stack

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; Rejected where an archive can't give them, OSError of the storage."""
        return self.source.read_at(offset, length)

    def read_now(self, offset: int, length: int) -> bytearray | None:
        """What is in memory of these bytes, without waiting for a disk; None where nothing is, or nobody can tell."""
        if self.descriptor is None or not hasattr(os, "RWF_NOWAIT"):
            return None
        buffer = bytearray(length)
        try:
            got = os.preadv(self.descriptor, [buffer], offset, os.RWF_NOWAIT)
        except OSError:  # not in memory (EAGAIN), or a file system that does not know the flag
            return None
        del buffer[got:]
        return buffer or None

    def still_same(self) -> bool:
        """Look again, at the name too: a writer that was at work while the file was sent shows here."""
        with suppress(FileNotFoundError, NotADirectoryError):
            entry = self._landing.stat(self.locator.path)
            return entry is not None and compare(self.locator, (entry.size, entry.mtime)) is None
        return False

    def close(self) -> None:
        """Let go of the file."""
        self.stack.close()

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_file(landing: Storage, locator: Locator) -> Opened | Refusal:
    """The file of a locator, or why it is not served. An OSError of the storage propagates, without the path."""
    if locator.member is not None:
        return _one_member(landing, locator)
    stack = ExitStack()
    file = _entered(landing, locator, stack)
    if isinstance(file, Refusal):
        return file
    opened = Opened(landing, locator, file, stack)
    if opened.descriptor is not None and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(opened.descriptor, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return opened


def open_members(landing: Storage, locators: Sequence[Locator]) -> Generator[tuple[Locator, Opened | Refusal]]:
    """Members of one archive in the archive's order, which is opened once; then those that are not there.

    Each is to be done with before the next one is asked for; closing one lets go of nothing but itself.
    """
    wanted = {locator.member: locator for locator in locators}
    with ExitStack() as stack:
        file = _entered(landing, locators[0], stack)
        if isinstance(file, Refusal):
            yield from ((locator, file) for locator in locators)
            return
        with suppress(Rejected):
            for name, source, crc32 in _members(locators[0].path, file, wanted):
                locator = wanted.pop(name)
                if isinstance(source, Reject) or source.size != locator.size:
                    yield locator, BROKEN if isinstance(source, Reject) else CHANGED
                else:
                    yield locator, Opened(landing, locator, source, ExitStack(), crc32)
                if not wanted:
                    return
        yield from ((locator, BROKEN) for locator in wanted.values())


def _one_member(landing: Storage, locator: Locator) -> Opened | Refusal:
    """The archive stays open as long as what is opened of it."""
    members = open_members(landing, [locator])
    _, opened = next(members)
    if isinstance(opened, Refusal):
        members.close()
    else:
        opened.stack.callback(members.close)
    return opened


def _members(path: str, file: ByteSource, wanted: Container[str | None]) -> Iterator[Any]:
    """(name, bytes or reject, CRC-32) of each wanted member; Rejected where the archive itself can't be read."""
    try:
        archive = open_archive(path, file, LONGEST_HEADER)
        for member in archive.members if archive else ():
            if archive and member.name in wanted:
                try:
                    source = member.reject or archive.open(member)
                except Rejected as rejected:
                    source = rejected.reject
                yield member.name, source, member.crc32
    except ARCHIVE_ERRORS as error:
        raise Rejected("crashed", type(error).__name__) from None


def _entered(landing: Storage, locator: Locator, stack: ExitStack) -> ByteSource | Refusal:
    """The file as it lies there, closed with the stack; or what has become of it."""
    try:
        file = stack.enter_context(landing.open(locator.path))
    except NotRegular:
        return NOT_REGULAR
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    refusal = compare(locator, (file.size, file.mtime))
    if refusal is not None:
        stack.close()
        return refusal
    return file


def open_document(landing: Storage, document: dict[str, Any], wanted: str = "") -> Opened | Refusal | None:
    """The file that an instance or copy document stands for; None where it stands for none."""
    locator = locator_of(document, wanted)
    return open_file(landing, locator) if isinstance(locator, Locator) else locator


class Broken(OSError):
    """A file ended, changed or turned out damaged while it was sent: what was sent is not all of it."""

    def __init__(self, what: str) -> None:
        super().__init__(errno.EIO, what)


def pieces(opened: Opened) -> Iterator[bytes]:
    """The whole file, piece by piece; the last one only when the file is still the same and its checksum is right.

    So whoever counts the bytes never takes a file for whole that is not. Broken, or an OSError of the storage.
    """
    held, at, crc32 = b"", 0, 0
    expected = opened.crc32
    while at < opened.size:
        piece = piece_of(opened, at, opened.size)
        at += len(piece)
        crc32 = zlib.crc32(piece, crc32) if expected is not None else 0
        if held:
            yield held
        held = piece
    if expected not in (None, crc32) or not opened.still_same():
        raise Broken("the file changed while it was sent")
    if held:
        yield held


def piece_of(opened: Opened, at: int, stop: int) -> bytes:
    """The bytes from `at` on, at least one, at most PIECE of them; Broken where there are none."""
    try:
        piece = opened.read_at(at, min(PIECE, stop - at))
    except Rejected as rejected:
        raise Broken(f"an archive member is {rejected.reject.reason}") from None
    if not piece:
        raise Broken("the file ends before its size")
    return piece
