"""Archives made for tests, by the standard library and, where it would not make them, by hand."""

from __future__ import annotations

import io
import struct
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from dicomdex.extract.members import Found, Read, read_entry
from dicomdex.extract.reading import Reading
from dicomdex.manifest import ManifestEntry
from tests.factories import MemorySource, identity, image, part10, place

MTIME = 5
WHOLE = part10(identity(), place(), image(100, 100))  # 20 KB: more than the first read

CONTAINER, RECORD = ("container", None), ("record", None)

Files = Mapping[str, bytes] | Iterable[tuple[str, bytes]]


def zipped(files: Files, method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """A zip; names may come twice."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in _pairs(files):
            archive.writestr(name, content)
        archive.comment = comment
    return packed.getvalue()


def tarred(files: Files, mode: str = "w", **options: Any) -> bytes:
    """A tar, or with mode `w:gz` one in gzip."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode, **options) as archive:
        for name, content in _pairs(files):
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return packed.getvalue()


def tar_header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """One ustar header."""
    header = tarfile.TarInfo(name)
    header.size, header.type, header.linkname = size, kind, link
    return header.tobuf(tarfile.USTAR_FORMAT)


def hand_zip(
    content: bytes,
    *,
    name: bytes = b"a.dcm",
    local_name: bytes | None = None,
    method: int = 8,
    flags: int = 0,
    local_flags: int | None = None,
    crc: int | None = None,
    size: int | None = None,
    local_size: int | None = None,
    mode: int = 0,
    entries: int = 1,
    extra: bytes = b"",
    copies: int = 1,
    level: int = 6,
) -> bytes:
    """A zip of one member, or one listed several times, whose headers say what they are told to."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = packer.compress(content) + packer.flush() if method == 8 else content
    crc, size = zlib.crc32(content) if crc is None else crc, len(content) if size is None else size
    inner = name if local_name is None else local_name
    sizes = (crc, len(packed), size if local_size is None else local_size)
    flagged = flags if local_flags is None else local_flags
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, flagged, method, 0, 0, *sizes, len(inner), 0) + inner + packed
    fields = (3 << 8 | 20, 20, flags, method, 0, 0, crc, len(packed), size, len(name), len(extra), 0, 0, 0)
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", *fields, mode << 16, 0) + name + extra
    central *= copies
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, entries, entries, len(central), len(local), 0)
    return local + central + end


def listed(name: str, size: int) -> ManifestEntry:
    """A manifest's entry of a regular file."""
    return ManifestEntry(f"2026-01-01/{name}", size, MTIME, "file", None, 0)


def found_in(name: str, content: bytes, read: Read, condemned: Mapping[int, str] | None = None) -> list[Found]:
    """What is found in one file."""
    entry = listed(name, len(content))
    return list(read_entry(entry, lambda _: MemorySource(content, MTIME), read, condemned or {}))


def told(found: Iterable[Found]) -> list[tuple[str | None, str, str | None]]:
    """(member, outcome, reason) of each row."""
    return [(one.member, one.reading.outcome, one.reading.reason) for one in found]


def whole(source: Any) -> Reading:
    """A reader that reads all of a member, in pieces, and knows the bytes it should see."""
    content = b"".join(source.read_at(offset, 5_000) for offset in range(0, source.size, 5_000))
    return Reading("record") if content == WHOLE else Reading("reject", "not_dicom")


def never(_: Any) -> Reading:
    """A reader that must not be asked."""
    raise AssertionError("a member was read")


def reject(reason: str) -> tuple[str, str]:
    return ("reject", reason)


def two(*verdicts: tuple[str, str | None]) -> list[tuple[str | None, str, str | None]]:
    """An archive and its member `a.dcm`."""
    return [(name, *verdict) for name, verdict in zip((None, "a.dcm"), verdicts, strict=True)]


def _pairs(files: Files) -> Iterable[tuple[str, bytes]]:
    return files.items() if isinstance(files, Mapping) else files
