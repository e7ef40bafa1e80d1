"""Files opened and dated in windows, for a storage that tells many mtimes for less than one by one."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, wait
from contextlib import AbstractContextManager
from itertools import islice
from typing import NamedTuple, Protocol, runtime_checkable

from dicomdex.adapters.read_ahead import Begun, reading_threads
from dicomdex.entry import ByteSource
from dicomdex.manifest import ManifestEntry

WINDOW = 256  # files; their first 16 KB wait until they are read: 4 MB, and as many of the next window
_AT_ONCE = 2  # windows

Opened = dict[str, Begun | OSError]


@runtime_checkable
class DatesTogether(Protocol):
    """A storage of whole objects: what was opened does not change."""

    def open(self, path: str) -> AbstractContextManager[ByteSource]:
        """A file, open."""
        ...

    def open_undated(self, path: str) -> AbstractContextManager[ByteSource]:
        """A file, open, its mtime asked for or -1."""
        ...

    def mtimes(self, paths: Iterable[str]) -> dict[str, int]:
        """The mtimes of files, in nanoseconds; without those that are gone."""
        ...


class _Window(NamedTuple):
    paths: frozenset[str]
    opened: Future[Opened]


class OpenTogether:
    """Opens the entries of a slice a window at a time, the next one while this one is read.

    A window's mtimes are asked for when all of it is open, so none is older than its file's opening. A thread takes a
    share of the window: a task for each file costs 5 % of all CPU.
    """

    def __init__(self, storage: DatesTogether, reads: int) -> None:
        self._storage = storage
        self._reads = reads
        self._pool = reading_threads(reads)
        self._paths: Iterator[str] = iter(())
        self._windows: deque[_Window] = deque()
        self._last: tuple[str, Begun] | None = None

    def begin(self, entries: Iterable[ManifestEntry]) -> None:
        """These are read next; what is left of those before is not."""
        self._windows.clear()
        self._paths = (entry.path for entry in entries if entry.rule is None and entry.kind == "file")
        self._last = None

    def open(self, entry: ManifestEntry) -> AbstractContextManager[ByteSource]:
        """The file of an entry; errors of the storage come here, with the file that they are about."""
        path = entry.path
        if self._last is not None and self._last[0] == path:
            return self._last[1]  # the reader's second look: it is the object that it was
        self._fill()
        while self._windows and path not in self._windows[0].paths:
            self._windows.popleft()
            self._fill()
        found = self._windows[0].opened.result().pop(path, None) if self._windows else None
        if isinstance(found, OSError):
            raise found
        if found is None:
            return self._storage.open(path)
        self._last = (path, found)
        return found

    def close(self) -> None:
        """Give the threads back."""
        self.begin(())
        self._pool.shutdown(cancel_futures=True)

    def _fill(self) -> None:
        while len(self._windows) < _AT_ONCE and (paths := list(islice(self._paths, WINDOW))):
            shares = [paths[first :: self._reads] for first in range(min(self._reads, len(paths)))]
            opening = [self._pool.submit(self._opened, share) for share in shares]
            # Queued behind them: when its turn comes each of them has a thread, so it waits for no queue.
            self._windows.append(_Window(frozenset(paths), self._pool.submit(self._dated, opening)))

    def _opened(self, share: list[str]) -> Opened:
        opened: Opened = {}
        for path in share:
            try:
                opened[path] = Begun(self._storage.open_undated(path))
            except OSError as error:
                opened[path] = error
        return opened

    def _dated(self, opening: list[Future[Opened]]) -> Opened:
        wait(opening)
        found: Opened = {}
        for share in opening:
            found.update(share.result())
        undated = {path: one for path, one in found.items() if isinstance(one, Begun) and one.mtime < 0}
        mtimes = self._storage.mtimes(undated)
        for path, one in undated.items():
            if path in mtimes:
                one.mtime = mtimes[path]
            else:
                found[path] = FileNotFoundError(errno.ENOENT, "no such file")
        return found
