"""Archives in a drop: what makes a file one, what its members are called, and how far they are followed.

An archive is read in place: nothing of it is written anywhere, no member is held in memory, and no name in it is ever
used as a path. Its own row is a `container` when every member of it has a row; else it is a reject that says what is
missing, and the members that are there have their rows all the same. So whatever is lost is counted.
"""

from __future__ import annotations

import hashlib
import struct
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from dicomdex.entry import ByteSource, escape
from dicomdex.extract.reject import Reject, Rejected
from dicomdex.manifest import ignore_rule

MEMBERS = 65_535  # what a zip holds without zip64; a row each, and 40 MB to list them
TOTAL_BYTES = 1 << 40  # of all members as the archive states them: a cohort has less, a lie has more
# How far a gzip stream is inflated before its first member is read, for their number and the checksum: 5 s at 220 MB/s,
# half of the CPU time that a row has. Members of a tar beyond it are found while they are read.
LOOKED_AHEAD = 1 << 30
REST = b"#rest"  # stands for what is lost of an archive whose own row was written before it was known
# A mask of zeros deflates 1000:1 (zlib's best is 1032:1) and is nobody's fault until it is large.
RATIO, RATIO_FREE = 500, 64 << 20
# Solr keeps a member's name as docValues, of 32,766 bytes at most: 8,000 characters of up to four.
LONGEST_NAME = 8_000

SUFFIXES = {".tar.gz": ".tar", ".tgz": ".tar", ".tar": "", ".gz": "", ".zip": ""}  # -> suffix of what is inside
GZIP, ZIP, EMPTY_ZIP, TAR_BLOCK = b"\x1f\x8b\x08", b"PK\3\4", b"PK\5\6", 512
# What the parsers of archives raise over bytes that are none, besides Rejected. No OSError: that is the storage's.
ARCHIVE_ERRORS = (
    ValueError, LookupError, TypeError, ArithmeticError, struct.error, zlib.error, tarfile.TarError, EOFError,
    RecursionError, AttributeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name as in the column `member`, its size in bytes as the archive has it, and where it lies.

    `rule` is the ignore rule its name met. `reject` is why it can't be read, as far as the directory says it.
    """

    name: str
    size: int
    place: Any
    rule: str | None = None
    reject: Reject | None = None
    crc32: int | None = None


class Archive(Protocol):
    """An open archive.

    `count` members are known, of a long stream there may be `more`. `reject` is set where not all of it could be
    listed; `warnings` are those of its row.
    """

    @property
    def count(self) -> int: ...

    @property
    def more(self) -> bool: ...

    @property
    def members(self) -> Iterator[Member]:
        """The members in the archive's order, each to be done with before the next; directories are none."""
        ...

    @property
    def reject(self) -> Reject | None: ...

    @property
    def warnings(self) -> tuple[str, ...]: ...

    def open(self, member: Member) -> ByteSource:
        """The member's bytes; Rejected where they can't be given, from here as from reading them."""
        ...

    def finish(self) -> None:
        """The member opened last is done with; Rejected where it shows only now that it was not all there."""
        ...


class Listing:
    """Members as they are found, each under a name of its own and within the limits."""

    def __init__(self) -> None:
        self.count = 0
        self._total = 0
        self._numbers: dict[str, int] = {}

    def add(
        self, raw: bytes, size: int, packed: int, place: Any, reject: Reject | None = None, crc32: int | None = None
    ) -> Member:
        """One member more: `size` bytes that take `packed` in the archive. Rejected(limit) when there are too many."""
        if self.count == MEMBERS:
            raise Rejected("limit", f"more than {MEMBERS:,} members")
        self.count += 1
        text = _shown(raw)
        self._total += size
        reject = reject or beyond(size, packed) or self._beyond_total()
        return Member(self._own(text), size, place, rule_of(text), reject, crc32)

    def rest(self, reject: Reject) -> Member:
        """What stands for all that is lost behind the last member."""
        return Member(self._own(_shown(REST)), 0, None, None, reject)

    def _own(self, text: str) -> str:
        """The name itself the first time, `name#2`, `name#3` for those that come again; `#1` for none at all."""
        if text and text not in self._numbers:
            self._numbers[text] = 1
            return text
        number = self._numbers.get(text, 0) + 1
        while (name := f"{text}#{number}") in self._numbers:
            number += 1
        self._numbers[text], self._numbers[name] = number, 1
        return name

    def _beyond_total(self) -> Reject | None:
        return Reject("limit", f"more than {TOTAL_BYTES >> 40} TB of members") if self._total > TOTAL_BYTES else None


def beyond(size: int, packed: int) -> Reject | None:
    """The ratio's limit: what `size` bytes out of `packed` go beyond."""
    if size <= RATIO_FREE or size <= RATIO * packed:
        return None
    return Reject("limit", f"inflates to more than {RATIO} times its size")


def rule_of(name: str) -> str | None:
    """The ignore rule of a member's name, as of a file's in a drop. `./` and `../` are no dotfiles."""
    parts = (part for part in name.split("/") if part not in ("", ".", ".."))
    return ignore_rule("/".join(parts), "")


def suffix_of(path: str) -> str | None:
    """The archive suffix of a name, in lower case; None where it has none."""
    lower = path.lower()
    return next((suffix for suffix in SUFFIXES if lower.endswith(suffix)), None)


def named_inside(path: str) -> str:
    """What `gunzip` calls the one member of a .gz: the file's name without the suffix (its header's name is ignored).

    `path` is escaped already.
    """
    name = path.rpartition("/")[2]
    suffix = suffix_of(name) or ""
    return name[: len(name) - len(suffix)] + SUFFIXES.get(suffix, "")


def begins_as(suffix: str, head: bytes) -> bool:
    """Whether the first bytes (512 of them, where there are) are those of the archive that the name says."""
    if head[128:132] == b"DICM":
        return False
    if suffix == ".zip":
        return head[:4] in (ZIP, EMPTY_ZIP)
    return is_tar(head) if suffix == ".tar" else head[:3] == GZIP


def is_tar(head: bytes) -> bool:
    """Whether the first block is a tar header, by its checksum."""
    try:
        tarfile.TarInfo.frombuf(head[:TAR_BLOCK], "utf-8", "surrogateescape")
    except (tarfile.TarError, ValueError):
        return False
    return True


def _shown(raw: bytes) -> str:
    text = escape(raw)
    if len(text) <= LONGEST_NAME:
        return text
    return f"{text[: LONGEST_NAME - 100]}#{hashlib.blake2b(raw, digest_size=16).hexdigest()}"
