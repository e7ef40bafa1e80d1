"""Bytes of one file in few reads: 16 KB first, then growing, and never what a parser skips over."""

from __future__ import annotations

import io

from dicomdex.entry import Bytes

FIRST_READ = 16 << 10
LARGEST_READ = 1 << 20


class StorageFailed(Exception):
    """Wraps an OSError of the storage, so that no except clause around a parser can take it for one of its own."""

    def __init__(self, error: OSError) -> None:
        super().__init__("storage error")
        self.error = error


class Window:
    """Blocks of a file, kept while it is read, so that the scan and the parser share one reading.

    `take` gives fewer bytes than asked for only at the end of the file.
    """

    def __init__(self, source: Bytes) -> None:
        self.size = source.size
        self._source = source
        self._blocks: list[tuple[int, bytes]] = []

    def take(self, offset: int, length: int) -> bytes:
        """Bytes [offset, offset + length), cut at the end of the file. Raises StorageFailed."""
        stop = min(offset + length, self.size)
        for start, block in reversed(self._blocks):
            if start <= offset and stop <= start + len(block):
                return block[offset - start : stop - start]
        if offset >= stop:
            return b""
        return self._fetch(offset, stop)

    def block_at(self, offset: int) -> tuple[int, bytes]:
        """(start, bytes) of a block that holds at least 16 bytes from `offset` on, where the file has them."""
        if not self._blocks and offset < FIRST_READ:
            self._blocks.append((0, self._read(0, min(FIRST_READ, self.size))))
        need = min(offset + 16, self.size)
        for start, block in reversed(self._blocks):
            if start <= offset and need <= start + len(block):
                return start, block
        self._fetch(offset, need)
        return self._blocks[-1] if self._blocks else (offset, b"")

    def glance(self, offset: int, length: int) -> bytes:
        """Like `take`, but reads no more than asked for: for item headers between long fragments."""
        for start, block in reversed(self._blocks):
            if start <= offset and offset + length <= start + len(block):
                return block[offset - start : offset - start + length]
        return self._read(offset, min(length, max(0, self.size - offset)))

    def reach(self, offset: int, stop: int) -> None:
        """Have one block hold [offset, stop), which the caller knows that it needs, and nothing behind."""
        if self._begun(offset) is not None:
            self._fetch(offset, min(stop, self.size), ahead=0)

    def _begun(self, offset: int) -> tuple[int, bytes] | None:
        for block in self._blocks:
            if block[0] <= offset <= block[0] + len(block[1]):
                return block
        return None

    def _fetch(self, offset: int, stop: int, ahead: int | None = None) -> bytes:
        """Continue the block that ends at or behind `offset`, eight times as far each time, or begin a new one."""
        begun = self._begun(offset)
        start, block = begun or (offset if offset >= FIRST_READ else 0, b"")
        end = start + len(block)
        if ahead is None:
            ahead = min(max(FIRST_READ, 7 * len(block)), LARGEST_READ)
        grown = block + self._read(end, min(max(stop, end + ahead), self.size) - end)
        if begun is not None:
            self._blocks.remove(begun)
        self._blocks.append((start, grown))
        return grown[offset - start : stop - start]

    def _read(self, offset: int, length: int) -> bytes:
        try:
            return self._source.read_at(offset, length) if length > 0 else b""
        except OSError as error:
            raise StorageFailed(error) from None


class Inflated(Window):
    """The inflated data set of a deflated file: a window over bytes already in memory."""

    def __init__(self, content: bytes) -> None:
        self.size = len(content)
        self._content = content
        self._blocks = [(0, content)]

    def _read(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + max(0, length)]


class WindowFile(io.RawIOBase):
    """A read-only file over a Window, for a parser that wants one."""

    def __init__(self, window: Window) -> None:
        super().__init__()
        self._window = window
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = (0, self._position, self._window.size)[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        length = self._window.size - self._position if size is None or size < 0 else size
        found = self._window.take(self._position, max(0, length))
        self._position += len(found)
        return found
