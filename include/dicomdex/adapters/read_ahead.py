"""Files of a remote landing area opened before they are read, so that the parser does not wait for the network.

One request at a time over 20 ms is 50 files a second, whatever the parser can do; sixteen at a time are 800.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from dicomdex.entry import ByteSource
from dicomdex.extract.window import FIRST_READ
from dicomdex.manifest import ManifestEntry

if TYPE_CHECKING:
    from dicomdex.adapters.storage import Storage

_STACK = 512 << 10  # bytes of a thread: the default of 8 MB each would count as memory of the file that is read


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


def reading_threads(count: int) -> ThreadPoolExecutor:
    """Threads that are there already, with little memory each."""
    before = threading.stack_size(_STACK)
    pool = ThreadPoolExecutor(count, thread_name_prefix="read-ahead")
    for _ in range(count):
        pool.submit(int)  # starts a thread
    threading.stack_size(before)
    return pool


class ReadAhead:
    """Opens the entries of a slice in threads, in their order and so many at a time.

    What was opened once is opened again in earnest when it is asked for a second time (the reader's look whether a
    writer was at work), unless the storage has whole objects only: there what was opened is what it was.
    """

    def __init__(self, storage: Storage, reads: int) -> None:
        self._storage = storage
        self._reads = reads
        self._whole_objects = bool(getattr(storage, "whole_objects", False))
        self._pool = reading_threads(reads)
        self._coming: deque[str] = deque()
        self._begun: deque[tuple[str, Future[Begun]]] = deque()
        self._last: tuple[str, Begun] | None = None

    def begin(self, entries: Iterable[ManifestEntry]) -> None:
        """These are read next; what is left of those before is not."""
        self._leave(len(self._begun))
        self._coming = deque(entry.path for entry in entries if entry.rule is None and entry.kind == "file")
        self._last = None

    def open(self, entry: ManifestEntry) -> AbstractContextManager[ByteSource]:
        """The file of an entry; errors of the storage come here, with the file that they are about."""
        if self._last is not None and self._last[0] == entry.path:
            return self._last[1] if self._whole_objects else self._storage.open(entry.path)
        self._fill()
        while self._begun and self._begun[0][0] != entry.path and entry.path in self._known():
            self._leave(1)
        if not self._begun or self._begun[0][0] != entry.path:
            return self._storage.open(entry.path)
        _, future = self._begun.popleft()
        self._fill()
        begun = future.result()
        self._last = (entry.path, begun)
        return begun

    def close(self) -> None:
        """Give the threads back."""
        self.begin(())
        self._pool.shutdown(cancel_futures=True)

    def _known(self) -> set[str]:
        return {path for path, _ in self._begun}

    def _fill(self) -> None:
        while self._coming and len(self._begun) < self._reads:
            path = self._coming.popleft()
            self._begun.append((path, self._pool.submit(self._begin, path)))

    def _begin(self, path: str) -> Begun:
        return Begun(self._storage.open(path))

    def _leave(self, count: int) -> None:
        """Forget the first; one that is open is closed when it comes."""
        for _ in range(count):
            _, future = self._begun.popleft()
            future.add_done_callback(_close)


def _close(future: Future[Begun]) -> None:
    if not future.cancelled() and future.exception() is None:
        future.result().__exit__()
