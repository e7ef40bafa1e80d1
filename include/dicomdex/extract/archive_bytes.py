"""Bytes inside an archive, read by position: a slice, a slice with holes, an inflated stream. None is held whole."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence

from dicomdex.entry import ByteSource
from dicomdex.extract.reject import Reject, Rejected

FEED = 64 << 10
PIECE = 256 << 10
HEAD = 1 << 20  # what is kept of a member's beginning: headers are read back and forth, pixel data is not
RESTARTS = 8  # each may inflate the member up to its end again
READ_AHEAD = 32 << 10
RAW_DEFLATE = -15


class ReadAhead:
    """A ByteSource that reads 32 KB at least: a member's header and its first bytes come in one read."""

    def __init__(self, source: ByteSource) -> None:
        self.size = source.size
        self.mtime = source.mtime
        self._source = source
        self._at, self._block = 0, b""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""
        begin = offset - self._at
        if begin < 0 or begin + length > len(self._block):
            self._at, self._block = offset, self._source.read_at(offset, max(length, READ_AHEAD))
            begin = 0
        return self._block[begin : begin + length]


class Slice:
    """`size` bytes of a source from `start` on."""

    def __init__(self, source: ByteSource, start: int, size: int) -> None:
        self.size = size
        self.mtime = source.mtime
        self._source = source
        self._start = start

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""
        length = min(length, self.size - offset)
        return self._source.read_at(self._start + offset, length) if length > 0 else b""


class Sparse:
    """A file with holes of zeros, as GNU tar keeps it: its (offset, length) parts lie one behind the other."""

    def __init__(self, packed: ByteSource, parts: Sequence[tuple[int, int]], size: int) -> None:
        self.size = size
        self.mtime = packed.mtime
        self._packed = packed
        self._parts = parts

    @property
    def failed(self) -> Reject | None:
        """Why bytes could not be given."""
        failed: Reject | None = getattr(self._packed, "failed", None)
        return failed

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end."""
        stop = min(offset + length, self.size)
        found, at = bytearray(max(0, stop - offset)), 0
        for begin, size in self._parts:
            first, last = max(begin, offset), min(begin + size, stop)
            if first < last:
                found[first - offset : last - offset] = self._packed.read_at(at + first - begin, last - first)
            at += size
        return bytes(found)


class Inflater:
    """A raw deflate stream (RFC 1951) in bytes [at, stop) of a source, inflated forward, a piece at a time."""

    def __init__(self, source: ByteSource, at: int, stop: int) -> None:
        self.position = 0  # inflated bytes given so far
        self._source = source
        self._begin = self._at = at
        self._stop = stop
        self._pending = b""
        self._engine = zlib.decompressobj(RAW_DEFLATE)

    def copy(self) -> Inflater:
        """The same stream at the same place, to come back to: 40 KB."""
        twin = copy.copy(self)
        twin._engine = self._engine.copy()
        return twin

    def read(self, length: int) -> bytes:
        """The next `length` bytes; fewer only at the stream's end. Rejected where it is cut or damaged."""
        parts = []
        while length > 0 and (piece := self._piece(min(length, PIECE))):
            self.position += len(piece)
            length -= len(piece)
            parts.append(piece)
        return b"".join(parts)

    def skip_to(self, position: int) -> bool:
        """Go forward; False where the stream ends before."""
        while self.position < position:
            if not self.read(min(PIECE, position - self.position)):
                return False
        return True

    def _piece(self, length: int) -> bytes:
        while not self._ended():
            fed = self._pending or self._feed()
            try:
                piece = self._engine.decompress(fed, length)
            except zlib.error:
                raise Rejected("not_conformant", "the deflated bytes are damaged", self._at - len(fed)) from None
            self._pending = self._engine.unconsumed_tail
            if piece:
                self._inflated(piece)
                return piece
            if not fed and not self._engine.eof:
                raise Rejected("truncated", "the deflated bytes are cut short", self._at)
        return b""

    def _feed(self) -> bytes:
        fed = self._source.read_at(self._at, min(FEED, self._stop - self._at)) if self._at < self._stop else b""
        self._at += len(fed)
        return fed

    def _ended(self) -> bool:
        return self._engine.eof

    def _inflated(self, piece: bytes) -> None:
        pass


class Inflated:
    """`size` bytes of a deflated stream from where it stands, as a ByteSource.

    Its beginning and the piece read last are kept; to go back beyond them it begins anew, a few times at most.
    """

    def __init__(self, stream: Inflater, size: int, mtime: int) -> None:
        self.size = size
        self.mtime = mtime
        self.stream = stream
        self.failed: Reject | None = None  # why bytes could not be given, whatever a parser made of that
        self._anew = stream.copy()
        self._zero = stream.position
        self._head = bytearray()
        self._recent: tuple[int, bytes] = (0, b"")
        self._restarts = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end. Rejected where the stream is broken."""
        stop = min(offset + length, self.size)
        found = bytes(self._head[offset:stop])
        begin, block = self._recent
        if begin <= offset + len(found) < begin + len(block):
            found += block[offset + len(found) - begin : max(0, stop - begin)]
        if offset + len(found) >= stop:
            return found
        try:
            return found + self._read_on(offset + len(found), stop)
        except Rejected as rejected:
            self.failed = rejected.reject
            raise

    def _read_on(self, at: int, stop: int) -> bytes:
        if at < self.stream.position - self._zero:
            self._begin_anew()
        parts = []
        while (here := self.stream.position - self._zero) < stop:
            piece = self.stream.read(min(PIECE, (at if here < at else stop) - here))
            if not piece:
                raise Rejected("truncated", f"ends after {here:,} of {self.size:,} bytes")
            self._recent = (here, piece)
            if here == len(self._head) < HEAD:
                self._head += piece[: HEAD - here]
            if here >= at:
                parts.append(piece)
        return b"".join(parts)

    def finish(self) -> None:
        """Inflate what is left: Rejected where it is not there."""
        if not self.stream.skip_to(self._zero + self.size):
            raise Rejected("truncated", f"ends before its {self.size:,} bytes")

    def _begin_anew(self) -> None:
        self._restarts += 1
        if self._restarts > RESTARTS:
            raise Rejected("limit", f"has to be inflated more than {RESTARTS} times to be read")
        self.stream = self._anew.copy()
