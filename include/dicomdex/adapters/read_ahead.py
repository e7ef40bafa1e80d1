"""Files of a remote landing area opened before they are read, so that the parser does not wait for the network.

One request at a time over 20 ms is 50 files a second, whatever the parser can do; sixteen at a time are 800.
"""

from __future__ import annotations

import errno
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from dicomdex.entry import ByteSource
from dicomdex.extract.window import FIRST_READ
from dicomdex.manifest import ManifestEntry

if TYPE_CHECKING:
    from dicomdex.adapters.storage import Storage

# Files whose mtimes are asked for together. Their first 16 KB wait meanwhile: 4 MB, and those of the next as many.
WINDOW = 256
_STACK = 512 << 10  # bytes of a thread: the default of 8 MB each would count as memory of the file that is read


@runtime_checkable
class DatedTogether(Protocol):
    """A storage that tells the mtimes of many files for less than one by one."""

    def open_undated(self, path: str) -> AbstractContextManager[ByteSource]:
        """A file, open, its mtime not asked for."""
        ...

    def mtimes(self, paths: Iterable[str]) -> dict[str, int]:
        """The mtimes of files, in nanoseconds; without those that are gone."""
        ...


class Begun:
    """An open file whose first bytes are here already. Use as a context manager."""

    def __init__(self, opened: AbstractContextManager[ByteSource]) -> None:
        self._opened = opened
        self._source = opened.__enter__()
        self.size, self.mtime = self._source.size, self._source.mtime
        self._first = self._source.read_at(0, min(FIRST_READ, self.size))

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the file."""
        if offset + length <= len(self._first):
            return self._first[offset : offset + length]
        return self._source.read_at(offset, length)

    def __enter__(self) -> Begun:
        return self

    def __exit__(self, *raised: object) -> None:
        self._opened.__exit__(None, None, None)


class _Coming(NamedTuple):
    """A file that is being opened; `mtimes` are those of its window where the storage dates files together."""

    path: str
    opening: Future[Begun]
    mtimes: Future[dict[str, int]] | None

    def begun(self) -> Begun:
        """The open file, when it is there; raises what opening it raised."""
        begun = self.opening.result()
        if self.mtimes is not None:
            dated = self.mtimes.result().get(self.path)
            if dated is None:
                begun.__exit__()
                raise FileNotFoundError(errno.ENOENT, "no such file")
            begun.mtime = dated
        return begun


class ReadAhead:
    """Opens the entries of a slice in threads, in their order and so many at a time.

    What was opened once is opened again in earnest when it is asked for a second time (the reader's look whether a
    writer was at work), unless the storage has whole objects only: there what was opened is what it was. Where a
    storage dates files together, a window of them is opened before the first is handed out, and the next meanwhile;
    so a file's mtime is never older than its opening.
    """

    def __init__(self, storage: Storage, reads: int) -> None:
        self._storage = storage
        self._together = storage if isinstance(storage, DatedTogether) else None
        self._whole_objects = bool(getattr(storage, "whole_objects", False))
        self._window = WINDOW if self._together else 1
        self._ahead = 2 * WINDOW if self._together else reads
        before = threading.stack_size(_STACK)
        self._pool = ThreadPoolExecutor(reads, thread_name_prefix="read-ahead")
        for _ in range(reads):
            self._pool.submit(int)  # starts a thread
        threading.stack_size(before)
        self._paths: Iterator[str] = iter(())
        self._begun: deque[_Coming] = deque()
        self._last: tuple[str, Begun] | None = None

    def begin(self, entries: Iterable[ManifestEntry]) -> None:
        """These are read next; what is left of those before is not."""
        self._leave(len(self._begun))
        self._paths = (entry.path for entry in entries if entry.rule is None and entry.kind == "file")
        self._last = None

    def open(self, entry: ManifestEntry) -> AbstractContextManager[ByteSource]:
        """The file of an entry; errors of the storage come here, with the file that they are about."""
        if self._last is not None and self._last[0] == entry.path:
            return self._last[1] if self._whole_objects else self._storage.open(entry.path)
        self._fill()
        while self._begun and self._begun[0].path != entry.path and entry.path in self._known():
            self._leave(1)
        if not self._begun or self._begun[0].path != entry.path:
            return self._storage.open(entry.path)
        coming = self._begun.popleft()
        self._fill()
        begun = coming.begun()
        self._last = (entry.path, begun)
        return begun

    def close(self) -> None:
        """Give the threads back."""
        self.begin(())
        self._pool.shutdown(cancel_futures=True)

    def _known(self) -> set[str]:
        return {coming.path for coming in self._begun}

    def _fill(self) -> None:
        while len(self._begun) + self._window <= self._ahead:
            paths = list(islice(self._paths, self._window))
            if not paths:
                return
            opening = {path: self._pool.submit(self._begin, path) for path in paths}
            # Queued behind them: when its turn comes, each of them has a thread, and it waits for no queue.
            mtimes = self._pool.submit(_dated, self._together, opening) if self._together else None
            self._begun.extend(_Coming(path, one, mtimes) for path, one in opening.items())

    def _begin(self, path: str) -> Begun:
        return Begun(self._together.open_undated(path) if self._together else self._storage.open(path))

    def _leave(self, count: int) -> None:
        """Forget the first; one that is open is closed when it comes."""
        for _ in range(count):
            self._begun.popleft().opening.add_done_callback(_close)


def _dated(storage: DatedTogether, opening: dict[str, Future[Begun]]) -> dict[str, int]:
    """The mtimes of a window, asked for when all of it is open; what did not open has its own error."""
    wait(opening.values())
    return storage.mtimes(path for path, one in opening.items() if one.exception() is None)


def _close(future: Future[Begun]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().__exit__()
