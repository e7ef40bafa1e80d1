"""An entry of a manifest -> what became of it, and of every member where it is an archive. The listing's rules first.

What is yielded: the file's own row, then its archive's members in the archive's order, each read only when it is asked
for. A file that changes or vanishes while its members are read costs those that were not read before: what was yielded
was true of the file as it was listed.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple, cast

from dicomdex.entry import ByteSource, NotRegular
from dicomdex.extract.archive import (
    ARCHIVE_ERRORS,
    LOOKED_AHEAD,
    TAR_BLOCK,
    Archive,
    Member,
    begins_as,
    named_inside,
    suffix_of,
)
from dicomdex.extract.archive_gzip import GzipArchive, TarGzArchive, holds_tar
from dicomdex.extract.archive_tar import LONGEST_HEADER, TarArchive, is_empty_tar
from dicomdex.extract.archive_zip import ZipArchive, ends_as_zip
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import Reject, Rejected
from dicomdex.manifest import ManifestEntry

OpenFile = Callable[[ManifestEntry], AbstractContextManager[ByteSource]]
Read = Callable[[ByteSource], Reading]

KIND_REJECTS = {"link": "not_regular", "other": "not_regular", "link_out": "outside_drop"}
CHUNK = 1 << 20
# Up to this size a member's CRC is compared before it is read: what has no pixel data is read in full anyway. Larger
# ones are trusted as far as a file is, whose pixel data is not read either; a full reading compares their CRC.
CHECKED = 64 << 10
_NOTHING: Mapping[int, str] = {}
_NUMBER = re.compile(r"#[0-9]+$")


class Found(NamedTuple):
    """A row's content: the member's name in the archive (None: the file itself), its size in bytes, its reading."""

    member: str | None
    size: int
    reading: Reading


class _Lost(Exception):
    """The file is no longer the one that was listed: `changed`, `vanished` or `not_regular`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reading = _rejected(Reject(reason))


def read_entry(
    entry: ManifestEntry, open_file: OpenFile, read: Read, condemned: Mapping[int, str] = _NOTHING
) -> Iterator[Found]:
    """What became of an entry and, one by one, of its members; what the listing decides is not opened.

    `condemned` are members (by their number from 0, as they come) that are rejected unread: `limit` or `crashed`. An
    OSError of the storage propagates.
    """
    if entry.rule is not None:
        yield Found(None, entry.size, Reading("ignored", entry.rule))
    elif entry.kind != "file":
        yield Found(None, entry.size, _rejected(Reject(KIND_REJECTS[entry.kind])))
    else:
        yield from _opened(entry, open_file, read, condemned)


def open_archive(path: str, source: ByteSource, ahead: int = LOOKED_AHEAD) -> Archive | None:
    """The archive that a file is by its name and its first bytes; None where it is to be read as any other file.

    DICM at byte 128 makes it DICOM, whatever its name. Rejected where it is an archive that can't be listed at all.
    `ahead`: how many bytes of a tar in gzip are inflated to list its members before the first is read.
    """
    suffix = suffix_of(path)
    head = source.read_at(0, TAR_BLOCK) if suffix else b""
    if suffix is None or head[128:132] == b"DICM":
        return None
    if suffix == ".zip":
        return ZipArchive(source) if begins_as(suffix, head) or ends_as_zip(source) else None
    if suffix == ".tar":
        return TarArchive(source) if begins_as(suffix, head) or is_empty_tar(source) else None
    if not begins_as(suffix, head):
        return None
    if suffix != ".gz" and holds_tar(source):
        return TarGzArchive(source, ahead)
    return GzipArchive(source, named_inside(path))


def open_member(path: str, source: ByteSource, name: str) -> ByteSource:
    """The bytes of one member of the archive at `path`, whose name is that of the column `member`.

    They are read by position, best forward: an inflated member begins anew for a jump back, 8 times at most. A tar in
    gzip is inflated up to the member and no further. Rejected as its row would be, from here as from reading them, and
    as `vanished` where there is no such archive or member; an OSError of the storage propagates.
    """
    try:
        archive = open_archive(path, source, LONGEST_HEADER)
        for member in archive.members if archive else ():
            if archive and member.name == name:
                if member.reject is not None:
                    raise Rejected(member.reject.reason, member.reject.what, member.reject.offset)
                return archive.open(member)
    except ARCHIVE_ERRORS as error:
        raise Rejected("crashed", type(error).__name__) from None
    raise Rejected("vanished", "the archive has no such member")


def member_digests(path: str, source: ByteSource, wanted: Collection[str | None]) -> dict[str, tuple[int, str]]:
    """Name -> (size in bytes, SHA-256 in hex) of the wanted members, read in full, whose checksum is right."""
    try:
        archive = open_archive(path, source)
    except (Rejected, *ARCHIVE_ERRORS):
        return {}
    digests: dict[str, tuple[int, str]] = {}
    for member in archive.members if archive else ():
        if member.name in wanted and member.reject is None:
            digest = _digest(archive, member) if archive else None
            if digest is not None:
                digests[member.name] = (member.size, digest)
    return digests


def _opened(entry: ManifestEntry, open_file: OpenFile, read: Read, condemned: Mapping[int, str]) -> Iterator[Found]:
    with ExitStack() as stack:
        try:
            with _losses():
                source = stack.enter_context(open_file(entry))
                _compare(entry, source)
                archive, own = _listed(entry.path, source, read)
                _check(entry, open_file)
        except _Lost as lost:
            archive, own = None, lost.reading
        yield Found(None, entry.size, own)
        gone: Reading | None = None
        for number, member in enumerate(archive.members if archive else ()):
            reading = gone or _decided(member, condemned.get(number))
            if reading is None and archive is not None:
                try:
                    with _losses():
                        reading = _read(archive, member, read)
                        _check(entry, open_file)
                except _Lost as lost:
                    reading = gone = lost.reading
            yield Found(member.name, member.size, cast(Reading, reading))


def _listed(path: str, source: ByteSource, read: Read) -> tuple[Archive | None, Reading]:
    """The archive and its own row; what is none is read, and its reading is the row."""
    try:
        archive = open_archive(path, source)
    except Rejected as rejected:
        return None, _rejected(rejected.reject)
    except ARCHIVE_ERRORS as error:  # a defect here must cost one file, not the batch
        return None, _rejected(Reject("crashed", type(error).__name__))
    if archive is None:
        return None, read(source)
    count, reject = archive.count, archive.reject
    if reject is None:
        members = f"{'more than ' * archive.more}{count:,} {'member' if count == 1 else 'members'}"
        return archive, Reading("container", detail=f"An archive of {members}.", warnings=archive.warnings)
    rows = f"; {count:,} {'member has a row' if count == 1 else 'members have rows'}" if count else ""
    return archive, _rejected(Reject(reject.reason, reject.what + rows, reject.offset))


def _decided(member: Member, condemned: str | None) -> Reading | None:
    """What is known of a member without reading it."""
    if member.rule is not None:
        return Reading("ignored", member.rule)
    if condemned is not None:
        return _rejected(Reject(condemned))
    return None if member.reject is None else _rejected(member.reject)


def _read(archive: Archive, member: Member, read: Read) -> Reading:
    try:
        source = archive.open(member)
        suffix = suffix_of(_NUMBER.sub("", member.name))
        if suffix is not None and begins_as(suffix, source.read_at(0, TAR_BLOCK)):
            return _rejected(Reject("limit", "an archive inside an archive is not opened (nesting)"))
        if member.crc32 is not None and member.size <= CHECKED:
            content = source.read_at(0, member.size)
            if zlib.crc32(content) != member.crc32:
                return _rejected(Reject("not_conformant", "its CRC-32 differs"))
    except Rejected as rejected:
        return _rejected(rejected.reject)
    except ARCHIVE_ERRORS as error:
        return _rejected(Reject("crashed", type(error).__name__))
    try:
        reading = read(source)
        archive.finish()
    except Rejected as rejected:
        return _rejected(rejected.reject)
    failed: Reject | None = getattr(source, "failed", None)
    return reading if failed is None else _rejected(failed)


def _digest(archive: Archive, member: Member) -> str | None:
    digest, crc32 = hashlib.sha256(), 0
    try:
        source = archive.open(member)
        for offset in range(0, source.size, CHUNK):
            piece = source.read_at(offset, CHUNK)
            digest.update(piece)
            crc32 = zlib.crc32(piece, crc32)
    except (Rejected, *ARCHIVE_ERRORS):
        return None
    return digest.hexdigest() if member.crc32 in (None, crc32) else None


@contextmanager
def _losses() -> Iterator[None]:
    """What opening and reading say of a file that is gone, or became something else, as _Lost."""
    try:
        yield
    except NotRegular:
        raise _Lost("not_regular") from None
    except (FileNotFoundError, NotADirectoryError):
        raise _Lost("vanished") from None


def _check(entry: ManifestEntry, open_file: OpenFile) -> None:
    """Look again: a writer that was at work while we read shows here."""
    with open_file(entry) as source:
        _compare(entry, source)


def _compare(entry: ManifestEntry, source: ByteSource) -> None:
    if (source.size, source.mtime) != (entry.size, entry.mtime):
        raise _Lost("changed")


def _rejected(reject: Reject) -> Reading:
    """The reading of what no parser has seen."""
    return Reading("reject", reject.reason, reject.detail)
