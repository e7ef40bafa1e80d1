"""What a storage lists: entries with names that survive, and the open file the readers are given.

A path inside a storage is *escaped*: relative to the storage's root URL, `/`-separated, with `%`, control characters
and bytes that are not UTF-8 as `%XX`. So a path is always printable text, one line, and says exactly which bytes it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, Protocol

Kind = Literal["file", "link", "link_out", "other"]

# C0, DEL, C1, the two Unicode line ends and the half characters that stand for bytes which are not UTF-8.
_UNSAFE = re.compile("[%\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPED = re.compile(rb"%([0-9A-F]{2})")


class NotRegular(OSError):
    """What was listed as a file is no regular file when it is opened (a link, FIFO, socket, device, directory)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a listing that is no directory. `size` in bytes, `mtime` in nanoseconds since the epoch.

    `link_out` is a link whose target lies outside the listed directory; links are never followed.
    """

    path: str
    size: int
    mtime: int
    kind: Kind = "file"


@dataclass(frozen=True, slots=True)
class Child:
    """One name directly under a directory; a link to a directory is no directory."""

    name: str
    is_directory: bool
    size: int
    mtime: int


class Bytes(Protocol):
    """Bytes that are read by position; `size` says how many there are."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        ...


class ByteSource(Bytes, Protocol):
    """An open regular file. `size` and `mtime` (nanoseconds) are those at the time of opening."""

    size: int
    mtime: int


def escape(name: bytes) -> str:
    """A name or path as the file system has it -> escaped text; `unescape` gives the same bytes back."""
    text = name.decode("utf-8", "surrogateescape")
    if text.isascii() and text.isprintable() and "%" not in text:
        return text
    return _UNSAFE.sub(_percent, text)


def unescape(path: str) -> bytes:
    """The bytes of an escaped name or path."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), path.encode("utf-8"))


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogateescape"))
