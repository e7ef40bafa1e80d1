"""Sending files into a landing area: under a temporary name, read back, then renamed. For s3, see `storage_s3_put`.

What is sent comes as open files of another storage (`ByteSource`). Nothing shows under its own name before it was
compared, byte for byte, with what was read.
"""

from __future__ import annotations

import errno
import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from typing import Protocol

from dicomdex.adapters.storage import LocalStorage, Storage
from dicomdex.entry import ByteSource, Entry

PIECE = 1 << 20
_PART = r"(?:.*/)?\.[0-9a-f]{16}\.part"  # a dotfile: ignored by its name wherever one is left
Sent = Callable[[int], None]  # told of bytes as they go out


class Target(Protocol):
    """Where files go. Paths are escaped, relative to the landing area. May be used by several threads."""

    @property
    def verified_by(self) -> str:
        """How it is known that what was sent has arrived, for people."""
        ...

    def holds(self, path: str, source: ByteSource) -> bool:
        """Whether the file of this name and of the source's size has the source's very bytes."""
        ...

    def send(self, path: str, source: ByteSource, sent: Sent) -> None:
        """Write a file that is not there; it is there whole and compared, or not at all. OSError."""
        ...

    def clear(self, listed: list[Entry], directory: str) -> list[Entry]:
        """Remove what an interrupted put has left in the directory; of the files listed there, those that stay."""
        ...

    def settle(self, directories: set[str]) -> None:
        """Let what was sent survive a loss of power, before the marker says that all of it is there."""
        ...


class FileTarget:
    """A landing area with rename: `file:` and `hdfs:`."""

    verified_by = "read back, SHA-256"

    def __init__(self, landing: Storage, marker: str) -> None:
        self._landing = landing
        self._traces = re.compile(rf"{_PART}|[^/]+/(?:.*/)?{re.escape(marker)}\.[0-9a-f]{{8}}\.tmp")

    def holds(self, path: str, source: ByteSource) -> bool:
        """Compare by reading both."""
        with self._landing.open(path) as there:
            return there.size == source.size and digest_of(there) == digest_of(source)

    def send(self, path: str, source: ByteSource, sent: Sent) -> None:
        """Write, read back, rename; what went wrong leaves nothing."""
        directory, slash, _ = path.rpartition("/")
        part = f"{directory}{slash}.{secrets.token_hex(8)}.part"
        digest = hashlib.sha256()
        try:
            self._landing.write_new(part, pieces(source, digest.update, sent))
            with self._landing.open(part) as written:
                if written.size != source.size or digest_of(written) != digest.digest():
                    raise OSError(errno.EIO, "what was written reads back as something else")
            self._landing.rename_to(part, self._landing, path)
        except BaseException:
            self._landing.delete(part)
            raise

    def clear(self, listed: list[Entry], directory: str) -> list[Entry]:
        """Delete temporary files, the marker's among them."""
        traces = [entry for entry in listed if self._traces.fullmatch(entry.path)]
        for entry in traces:
            self._landing.delete(entry.path)
        return [entry for entry in listed if entry not in traces]

    def settle(self, directories: set[str]) -> None:
        """Local directories are synced; HDFS keeps names in its edit log."""
        if isinstance(self._landing, LocalStorage):
            for directory in sorted(directories):
                self._landing.sync_directory(directory)


def pieces(source: ByteSource, digested: Callable[[bytes], None], sent: Sent) -> Iterator[bytes]:
    """The bytes of a source in pieces; OSError (ESTALE) where it turns out shorter than it was when it was opened."""
    for offset in range(0, source.size, PIECE):
        piece = source.read_at(offset, PIECE)
        if len(piece) != min(PIECE, source.size - offset):
            raise OSError(errno.ESTALE, "it has become shorter while it was sent")
        digested(piece)
        yield piece
        sent(len(piece))


def digest_of(source: ByteSource) -> bytes:
    """SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    for offset in range(0, source.size, PIECE):
        digest.update(source.read_at(offset, PIECE))
    return digest.digest()
