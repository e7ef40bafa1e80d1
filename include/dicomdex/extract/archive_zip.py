"""Zip archives by their central directory (PKWARE APPNOTE 6.3.10): stored and deflated members, zip64.

The directory is read as a stream of raw entries, since `zipfile` keeps an object of 1 KB an entry, cuts names at NUL,
takes one name that is not UTF-8 for the end of the archive, and reads members without a limit.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from dicomdex.entry import ByteSource
from dicomdex.extract.archive import ZIP, Listing, Member
from dicomdex.extract.archive_bytes import Inflated, Inflater, ReadAhead, Slice
from dicomdex.extract.reject import Reject, Rejected

END, LOCATOR, END64 = struct.Struct("<4s4H2LH"), struct.Struct("<4sLQL"), struct.Struct("<4sQ2H2L4Q")
CENTRAL, LOCAL = struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s5H3L2H")
LONGEST_COMMENT = 65_535
STORED, DEFLATED, AES = 0, 8, 99
ENCRYPTED, SIZES_FOLLOW, UTF8 = 0x1 | 0x40 | 0x2000, 0x8, 0x800
UNIX = 3
IN_ZIP64 = 0xFFFFFFFF


class Directory(NamedTuple):
    """Where the central directory lies, how many entries it says it has, and what all its offsets are short of."""

    begin: int
    stop: int
    entries: int
    shift: int
    zip64: bool


class Place(NamedTuple):
    """An entry of the directory: where its local header is, and what must be said there too."""

    at: int
    packed: int
    method: int
    flags: int
    raw: bytes


class ZipArchive:
    """An open zip. Rejected where it has no directory that could be read."""

    more = False

    def __init__(self, source: ByteSource) -> None:
        self.warnings: tuple[str, ...] = ()
        self.reject: Reject | None = None
        self._source = ReadAhead(source)
        self._directory = _directory(source)
        listing, members, entries = Listing(), [], 0
        try:
            for raw, size, place, reject, crc32 in self._entries():
                entries += 1
                if not (raw.endswith(b"/") and size == 0):  # a directory
                    members.append(listing.add(_name(raw, place.flags), size, place.packed, place, reject, crc32))
            if entries != self._directory.entries:
                raise Rejected(
                    "not_conformant", f"{self._directory.entries:,} entries are announced, {entries:,} there"
                )
        except Rejected as rejected:
            self.reject = rejected.reject
        self.count = len(members)
        self._members = _apart(members)

    @property
    def members(self) -> Iterator[Member]:
        """The members in the directory's order."""
        return iter(self._members)

    def open(self, member: Member) -> ByteSource:
        """The member's bytes, once its local header says what the directory says."""
        place: Place = member.place
        head = self._source.read_at(place.at, LOCAL.size)
        if len(head) < LOCAL.size or not head.startswith(ZIP):
            raise Rejected("not_conformant", "no local header where the directory says", place.at)
        _, _, flags, method, _, _, _, packed, size, name_length, extra_length = LOCAL.unpack(head)
        if (flags | place.flags) & ENCRYPTED:
            raise Rejected("encrypted_member")
        sizes = ((packed, place.packed), (size, member.size)) if not flags & SIZES_FOLLOW else ()
        differs = any(here not in (there, 0, IN_ZIP64) for here, there in sizes)
        if differs or method != place.method or self._source.read_at(place.at + LOCAL.size, name_length) != place.raw:
            raise Rejected("not_conformant", "local header and central directory disagree", place.at)
        begin = place.at + LOCAL.size + name_length + extra_length
        if begin + place.packed > self._directory.begin:
            raise Rejected("not_conformant", "reaches into the central directory", place.at)
        if method == STORED:
            return Slice(self._source, begin, place.packed)
        stream = Inflater(self._source, begin, begin + place.packed)
        return Inflated(stream, member.size, self._source.mtime)

    def finish(self) -> None:
        """Nothing shows behind a member."""

    def _entries(self) -> Iterator[tuple[bytes, int, Place, Reject | None, int]]:
        begin, stop, _, shift, _ = self._directory
        while begin < stop:
            head = self._source.read_at(begin, CENTRAL.size)
            if len(head) < CENTRAL.size or not head.startswith(b"PK\1\2"):
                raise Rejected("not_conformant", "the central directory is broken", begin)
            _, made_by, _, flags, method, _, _, crc32, packed, size, *lengths, disk, _, mode, at = CENTRAL.unpack(head)
            variable = self._source.read_at(begin + CENTRAL.size, sum(lengths))
            raw, extra = variable[: lengths[0]], variable[lengths[0] : lengths[0] + lengths[1]]
            if IN_ZIP64 in (size, packed, at):
                size, packed, at = _long(extra, size, packed, at)
            place = Place(at + shift, packed, method, flags, raw)
            yield raw, size, place, self._judge(place, size, disk, mode >> 16 if made_by >> 8 == UNIX else 0), crc32
            begin += CENTRAL.size + sum(lengths)

    def _judge(self, place: Place, size: int, disk: int, mode: int) -> Reject | None:
        """What the directory alone says against a member."""
        if place.flags & ENCRYPTED or place.method == AES:
            return Reject("encrypted_member")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            return Reject("not_regular", "a link, device or directory in the archive")
        if place.method not in (STORED, DEFLATED):
            return Reject("limit", f"compression method {place.method} is not read")
        if disk not in (0, 0xFFFF):
            return Reject("not_conformant", "lies on another disk of the archive")
        if place.at + LOCAL.size + place.packed > self._directory.begin:
            return Reject("not_conformant", "reaches into the central directory", place.at)
        if place.method == STORED and place.packed != size:
            return Reject("not_conformant", "is stored in another size than its own", place.at)
        return None


def ends_as_zip(source: ByteSource) -> bool:
    """Whether a central directory's end record is found: bytes may lie in front of a zip."""
    return _end_record(_tail(source)) is not None


def _tail(source: ByteSource) -> bytes:
    length = min(source.size, LONGEST_COMMENT + END.size)
    return source.read_at(source.size - length, length)


def _directory(source: ByteSource) -> Directory:
    """Where the end record says the central directory is; bytes in front of the archive shift all of its offsets."""
    tail = _tail(source)
    at = _end_record(tail)
    if at is None:
        raise Rejected("truncated", "no end record of a central directory")
    _, disk, _, _, entries, length, offset, _ = END.unpack_from(tail, at)
    stop, zip64 = source.size - len(tail) + at, False
    locator = source.read_at(max(0, stop - LOCATOR.size), LOCATOR.size)
    if locator.startswith(b"PK\6\7") and stop >= LOCATOR.size + END64.size:
        stop -= LOCATOR.size + END64.size
        record = END64.unpack(source.read_at(stop, END64.size))
        if record[0] != b"PK\6\6":
            raise Rejected("not_conformant", "no zip64 end record where it should be", stop)
        disk, entries, length, offset, zip64 = record[4], record[7], record[8], record[9], True
    shift = stop - length - offset
    if disk or shift < 0:
        what = "it is a part of several" if disk else "its central directory does not fit into it"
        raise Rejected("not_conformant", what, stop)
    if shift and source.read_at(0, 4) == ZIP:  # ends with the end of an archive that it holds
        raise Rejected("truncated", "it ends as another archive than the one it begins as")
    return Directory(stop - length, stop, entries, shift, zip64)


def _end_record(tail: bytes) -> int | None:
    """The last end record whose comment reaches the end of the file exactly, else the last that fits into it."""
    fits, at = None, tail.rfind(b"PK\5\6")
    while at >= 0:
        if at + END.size <= len(tail):
            end = at + END.size + END.unpack_from(tail, at)[-1]
            if end == len(tail):
                return at
            fits = at if fits is None and end < len(tail) else fits
        at = tail.rfind(b"PK\5\6", 0, at)
    return fits


def _long(extra: bytes, *short: int) -> list[int]:
    """Size, packed size and offset: those that do not fit into 32 bits are in the zip64 extra field, in this order."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = [value for (value,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])]
            return [values.pop(0) if one == IN_ZIP64 and values else one for one in short]
        at += 4 + length
    return list(short)


def _name(raw: bytes, flags: int) -> bytes:
    """The name as UTF-8 where it is not so already: the format's own code page is 437 (APPNOTE 4.4.4, D.1)."""
    if flags & UTF8 or raw.isascii():
        return raw
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437").encode("utf-8")
    return raw


def _apart(members: list[Member]) -> list[Member]:
    """The members; those that begin inside another are rejected: one stream under many names is how bombs are made."""
    order = sorted(range(len(members)), key=lambda n: members[n].place.at)
    end = 0
    for number in order:
        place: Place = members[number].place
        if place.at < end and members[number].reject is None:
            overlaps = Reject("not_conformant", "overlaps another member", place.at)
            members[number] = replace(members[number], reject=overlaps)
        end = max(end, place.at + LOCAL.size + len(place.raw) + place.packed)
    return members
