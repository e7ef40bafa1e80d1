"""Gzip files (RFC 1952): of one member, or of a tar.

They are inflated once before they are read, for the size, the number of members and the checksum, and once while they
are. A tar that is too long for that is only begun: the rest of its members are found while they are read.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import cast

from dicomdex.entry import ByteSource, unescape
from dicomdex.extract.archive import GZIP, LOOKED_AHEAD, TAR_BLOCK, Listing, Member, beyond, is_tar
from dicomdex.extract.archive_bytes import FEED, PIECE, RAW_DEFLATE, Inflated, Inflater
from dicomdex.extract.archive_tar import Headers, Place, cut, unfolded
from dicomdex.extract.reject import Reject, Rejected


class GzipArchive:
    """An open gzip file that holds no tar: one member, of the size that it inflates to."""

    count = 1
    more = False

    def __init__(self, source: ByteSource, name: str) -> None:
        self.reject: Reject | None = None
        self.warnings: tuple[str, ...] = ()
        self._source = source
        size = 0
        try:
            stream = GzipInflater(source)
            reject = _drained(stream, LOOKED_AHEAD)
            size, self.warnings = stream.position, ("trailing_bytes",) if stream.stray else ()
        except Rejected as rejected:
            reject = rejected.reject
        self._member = Listing().add(unescape(name), size, source.size, Place(0, size, None), reject)

    @property
    def members(self) -> Iterator[Member]:
        """The one member."""
        yield self._member

    def open(self, member: Member) -> ByteSource:
        """The member's bytes."""
        return Inflated(GzipInflater(self._source), member.size, self._source.mtime)

    def finish(self) -> None:
        """Nothing shows behind the member."""


class TarGzArchive:
    """An open tar in gzip."""

    def __init__(self, source: ByteSource, ahead: int = LOOKED_AHEAD) -> None:
        self.reject: Reject | None = None
        self.more = False
        self._source = source
        stream = GzipInflater(source)
        self._headers = Headers(_ahead(stream, ahead))
        self._known: list[Member] = []
        try:
            for member in self._headers.members():
                self._known.append(member)
            self.reject = _drained(stream)
        except _FarEnough:
            self.more = True
        except Rejected as rejected:
            self.reject = rejected.reject
        self.count, self._reached = len(self._known), stream.position
        self.warnings: tuple[str, ...] = ("trailing_bytes",) if stream.stray else ()
        self._last = Inflated(GzipInflater(source), 0, source.mtime)

    @property
    def members(self) -> Iterator[Member]:
        """The members; those behind what was looked ahead to as they come, then what stands for lost ones."""
        for member in self._known:
            yield cut(member, self._reached, self.reject)
        if not self.more:
            return
        self._headers.read_at = self._read_on
        try:
            yield from self._headers.members()
            reject = _drained(cast(GzipInflater, self._last.stream))
        except Rejected as rejected:
            reject = rejected.reject
        if reject is not None:
            yield self._headers.listing.rest(reject)

    def open(self, member: Member) -> ByteSource:
        """The member's bytes; the stream goes on from where the member before left it."""
        stream = self._last.stream
        if stream.position > member.place.at:
            stream = GzipInflater(self._source)
        if not stream.skip_to(member.place.at):
            raise Rejected("truncated", "the archive ends before the member begins")
        self._last = Inflated(stream, member.place.packed, self._source.mtime)
        return unfolded(self._last, member)

    def finish(self) -> None:
        """Whether the member opened last is all there shows when the stream goes on behind it."""
        self._last.finish()

    def _read_on(self, offset: int, length: int) -> bytes:
        return self._last.stream.read(length) if self._last.stream.skip_to(offset) else b""


class _FarEnough(Exception):
    """A tar goes on behind what is looked ahead to."""


def holds_tar(source: ByteSource) -> bool:
    """Whether a gzip file inflates to a tar: a header, or nothing but the zeros of an empty one."""
    try:
        head = GzipInflater(source).read(TAR_BLOCK)
    except Rejected:
        return False
    return head == bytes(TAR_BLOCK) or is_tar(head)


class GzipInflater(Inflater):
    """The members of a gzip file (RFC 1952) as one stream. `damaged`: a checksum differs. `stray`: bytes after the end.

    The trailer is compared here, not by zlib, which would keep back the last bytes of a stream whose checksum differs.
    """

    def __init__(self, source: ByteSource) -> None:
        super().__init__(source, 0, source.size)
        self.damaged = self.stray = False
        self._crc, self._length = 0, 0
        self._open = self._next_header()

    def _ended(self) -> bool:
        while self._open and self._engine.eof:
            self._pending = self._engine.unused_data
            self._compare()
            self._engine = zlib.decompressobj(RAW_DEFLATE)
            self._crc, self._length = 0, 0
            self._open = self._next_header()
        return not self._open

    def _inflated(self, piece: bytes) -> None:
        self._crc, self._length = zlib.crc32(piece, self._crc), self._length + len(piece)
        reject = beyond(self.position + len(piece), self._at - self._begin)
        if reject is not None:
            raise Rejected(reject.reason, reject.what)

    def _compare(self) -> None:
        trailer = self._take(8)
        if len(trailer) < 8:
            raise Rejected("truncated", "the gzip trailer is cut short", self._at)
        expected = (self._crc, self._length & 0xFFFFFFFF)
        self.damaged |= (int.from_bytes(trailer[:4], "little"), int.from_bytes(trailer[4:], "little")) != expected

    def _next_header(self) -> bool:
        """Go behind the next member's header; zeros are padding, anything else is none of ours."""
        first = self._at == self._begin
        while not first and not self._more(1)[:1].strip(b"\0"):
            if not self._pending:
                return False
            self._pending = self._pending.lstrip(b"\0")
        head = self._take(10)
        if not head.startswith(GZIP[: len(head)]):
            self.stray = True
            return False
        if len(head) < 10:
            raise Rejected("truncated", "the gzip header is cut short", self._at)
        flags = head[3]
        if flags & 4:
            self._take(int.from_bytes(self._take(2), "little"))
        for flag in (8, 16):  # name and comment, each ended by NUL
            if flags & flag:
                self._skip_text()
        if flags & 2:
            self._take(2)
        return True

    def _skip_text(self) -> None:
        while (end := self._more(FEED).find(b"\0", 0, FEED)) < 0:
            if len(self._take(FEED)) < FEED:
                raise Rejected("truncated", "the gzip header is cut short", self._at)
        self._take(end + 1)

    def _more(self, length: int) -> bytes:
        """What is pending, with `length` bytes at least where there are."""
        while len(self._pending) < length and (fed := self._feed()):
            self._pending += fed
        return self._pending

    def _take(self, length: int) -> bytes:
        taken = self._more(length)[:length]
        self._pending = self._pending[length:]
        return taken


def _ahead(stream: GzipInflater, limit: int) -> Callable[[int, int], bytes]:
    def read_at(offset: int, length: int) -> bytes:
        if offset < stream.position:
            raise Rejected("not_conformant", "a tar header leads back", offset)
        if offset > limit:
            raise _FarEnough
        return stream.read(length) if stream.skip_to(offset) else b""

    return read_at


def _drained(stream: GzipInflater, limit: int | None = None) -> Reject | None:
    """Inflate what is left, for size and checksum."""
    try:
        while stream.read(PIECE):
            if limit is not None and stream.position > limit:
                return Reject("limit", f"inflates to more than {limit >> 20:,} MB")
    except Rejected as rejected:
        return rejected.reject
    return Reject("not_conformant", "its gzip checksum differs") if stream.damaged else None
