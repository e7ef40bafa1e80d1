"""Tar archives: `tarfile` reads the headers (ustar, pax, GNU long names, sparse), one by one, in their order.

What ended an archive is said here, where `tarfile` ends quietly at a header that is broken or cut.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple, cast

from dicomdex.entry import ByteSource
from dicomdex.extract.archive import ARCHIVE_ERRORS, TAR_BLOCK, Listing, Member
from dicomdex.extract.archive_bytes import ReadAhead, Slice, Sparse
from dicomdex.extract.reject import Reject, Rejected

LONGEST_HEADER = 1 << 20  # of all headers of one member, some hundred bytes as a rule; tarfile reads them whole
LONGEST_NUMBER = 1_000  # digits; tarfile of Python 3.11 looks through a run of them in quadratic time
EMPTY_TAR = 10_240
LARGEST_RECORD = 1 << 20  # tar fills its last record with zeros: 10 KB, with -b up to this


class Place(NamedTuple):
    """Where a member's bytes lie; parts (offset, length) where it is sparse."""

    at: int
    packed: int
    parts: tuple[tuple[int, int], ...] | None


class TarArchive:
    """An open plain tar."""

    more = False

    def __init__(self, source: ByteSource) -> None:
        self.warnings: tuple[str, ...] = ()
        self.reject: Reject | None = None
        self._source = ReadAhead(source)
        members, headers = [], Headers(self._source.read_at)
        try:
            for member in headers.members():
                members.append(member)
                if headers.end > source.size:
                    raise Rejected("truncated", "the archive ends inside its last member", source.size)
        except Rejected as rejected:
            self.reject = rejected.reject
        self.count = len(members)
        self._members = members

    @property
    def members(self) -> Iterator[Member]:
        """The members; one that the archive ends in is rejected."""
        return (cut(member, self._source.size, self.reject) for member in self._members)

    def open(self, member: Member) -> ByteSource:
        """The member's bytes."""
        return unfolded(Slice(self._source, member.place.at, member.place.packed), member)

    def finish(self) -> None:
        """Nothing shows behind a member."""


def is_empty_tar(source: ByteSource) -> bool:
    """Whether there are zeros alone, a record of them at most: more are a copy that was not finished."""
    return 0 < source.size <= EMPTY_TAR and not source.read_at(0, EMPTY_TAR).strip(b"\0")


class _NextHeader(tarfile.TarFile):
    def next(self) -> tarfile.TarInfo | None:
        """The next header, from where the last member ends; a HeaderError says what is there instead."""
        self.fileobj.seek(self.offset)
        return self.tarinfo.fromtarfile(self)


class Headers(io.RawIOBase):
    """The headers of a tar that is read by position, for `tarfile`. `end` is where the last member ended."""

    def __init__(self, read_at: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self.end = 0
        self.listing = Listing()
        self.read_at = read_at
        self._tar: Any = None  # a _NextHeader; typeshed does not know all of TarFile
        self._position = 0
        self._short = False
        self._read_of_member = 0

    def members(self) -> Iterator[Member]:
        """The members from `end` on; Rejected where something else than the end mark ends them."""
        try:
            while True:
                self._read_of_member = 0
                header, begin = self._next()
                if header is None or header.size < 0 or begin <= self.end:
                    raise Rejected("not_conformant", "a tar header is broken", self.end)
                self.end = begin
                if not header.isdir():
                    yield _added(self.listing, header, begin - header.offset_data)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # typeshed does not know it
            self._look_behind()
        except ARCHIVE_ERRORS:
            if self._short:
                raise Rejected("truncated", "the archive ends without its end mark", self._position) from None
            raise Rejected("not_conformant", "a tar header is broken", self.end) from None

    def _next(self) -> tuple[tarfile.TarInfo | None, int]:
        """The next header, and where the one after it begins."""
        if self._tar is None:
            self._tar = _NextHeader(fileobj=self, mode="r", encoding="utf-8", errors="surrogateescape")
            header = self._tar.firstmember
        else:
            header = self._tar.next()
        self._tar.members.clear()
        return header, self._tar.offset

    def _look_behind(self) -> None:
        """Zeros fill the last record; anything else is what this listing would lose."""
        rest = self.read_at(self._position, LARGEST_RECORD + 1)
        if rest.strip(b"\0"):
            raise Rejected("not_conformant", "something follows the end mark", self._position)
        if len(rest) > LARGEST_RECORD:
            raise Rejected("trailing_zeros", "the archive runs into zeros", self._position)

    def read(self, size: int = -1) -> bytes:
        self._read_of_member += size
        if not 0 <= self._read_of_member <= LONGEST_HEADER:
            raise Rejected("limit", f"a tar header of more than {LONGEST_HEADER >> 20} MB", self._position)
        found = self.read_at(self._position, size)
        if size > TAR_BLOCK and any(len(number) > LONGEST_NUMBER for number in re.findall(rb"\d+", found)):
            raise Rejected("not_conformant", "a tar header is broken", self._position)
        self._position += len(found)
        self._short |= len(found) < size
        return found

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset
        return offset

    def tell(self) -> int:
        return self._position


def cut(member: Member, there: int, reject: Reject | None) -> Member:
    """The member, or why it is not whole where the archive broke off."""
    if reject is None or member.reject is not None or member.place.at + member.place.packed <= there:
        return member
    return replace(member, reject=reject)


def unfolded(packed: ByteSource, member: Member) -> ByteSource:
    """The member's bytes out of those that the archive holds of it: holes are filled with zeros."""
    parts = member.place.parts
    return packed if parts is None else Sparse(packed, parts, member.size)


def _added(listing: Listing, header: tarfile.TarInfo, room: int) -> Member:
    regular = header.isreg()
    parts = cast("list[tuple[int, int]] | None", getattr(header, "sparse", None))
    used = header.size if parts is None else sum(size for _, size in parts)
    reject = None if regular else Reject("not_regular", "a link, device or pipe in the archive")
    if used > room and regular:
        reject = Reject("not_conformant", "a sparse member's parts are longer than what is there", header.offset)
    place = Place(header.offset_data, used if regular else 0, None if parts is None else tuple(parts))
    size = header.size if regular else 0
    return listing.add(header.name.encode("utf-8", "surrogateescape"), size, max(used, 1), place, reject)
