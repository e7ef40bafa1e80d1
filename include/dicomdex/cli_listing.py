"""What `dicomdex extract` was asked to read: entries below roots, cut into slices for reading children."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from dicomdex.adapters.children import Slice
from dicomdex.adapters.storage import storage
from dicomdex.cli_errors import CannotGoOn
from dicomdex.entry import Entry, escape
from dicomdex.extract.batch import Placement
from dicomdex.manifest import ManifestEntry, ignore_rule

SLICE_FILES, SLICE_BYTES = 256, 1 << 30
_SLICES = 32  # of a short listing, so that children end together; not by their number, so that the table is the same
MARKER = "_SUCCESS"


class Listing:
    """Everything that the paths hold, each file once. `out` itself is never read."""

    def __init__(self, paths: Sequence[Path], out: Path) -> None:
        self._roots: dict[bytes, list[ManifestEntry]] = {}
        self._seen: set[str] = set()
        self._out = escape(os.fsencode(os.path.realpath(out)))
        for path in paths:
            try:
                self._add(path)
            except OSError as error:
                culprit = _culprit(path) or path
                raise CannotGoOn(f"{culprit} can't be read: {error.strerror}") from None

    @property
    def entries(self) -> list[ManifestEntry]:
        """All entries, in the order of the paths."""
        return [entry for entries in self._roots.values() for entry in entries]

    def slices(self, *, ndjson: bool) -> Iterator[Slice]:
        """Slices of neighbouring files, small enough that the children end together."""
        most = min(SLICE_FILES, -(-len(self._seen) // _SLICES))
        for root, entries in self._roots.items():
            placed = Placement("", "", 0, 0, "", prefix=prefix_of(root))
            url = Path(os.fsdecode(root)).as_uri()
            for part in _parts(entries, most):
                yield Slice(url, placed, part, ndjson)

    def _add(self, path: Path) -> None:
        """One path of the command line: all that a directory holds, or just that entry."""
        if path.is_dir():
            root = os.fsencode(os.path.realpath(path))
            found = sorted(storage(Path(os.fsdecode(root)).as_uri()).walk(""), key=lambda entry: entry.path)
            self._take(root, ((entry, ignore_rule(entry.path, MARKER)) for entry in found))
            return
        root = os.fsencode(os.path.realpath(path.parent))
        entry = storage(Path(os.fsdecode(root)).as_uri()).stat(escape(os.fsencode(path.name)))
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "no such file or directory")
        self._take(root, [(entry, None)])

    def _take(self, root: bytes, found: Iterator[tuple[Entry, str | None]] | list[tuple[Entry, None]]) -> None:
        taken, prefix = self._roots.setdefault(root, []), prefix_of(root)
        for entry, rule in found:
            shown = prefix + entry.path
            if shown not in self._seen and not shown.startswith(self._out + "/"):
                self._seen.add(shown)
                taken.append(ManifestEntry(entry.path, entry.size, entry.mtime, entry.kind, rule, 0))


def prefix_of(root: bytes) -> str:
    """What is put before the paths below a root, so that they are absolute."""
    return escape(root).rstrip("/") + "/"


def _parts(entries: Sequence[ManifestEntry], most: int) -> Iterator[list[ManifestEntry]]:
    part: list[ManifestEntry] = []
    size = 0
    for entry in entries:
        if part and (len(part) == most or size + entry.size > SLICE_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += entry.size
    if part:
        yield part


def _culprit(path: Path) -> str | None:
    """The first directory below a path that can't be listed: the storage's errors do not say."""
    failed: list[str] = []
    for _ in os.walk(path, onerror=lambda error: failed.append(str(error.filename))):
        if failed:
            break
    return failed[0] if failed else None
