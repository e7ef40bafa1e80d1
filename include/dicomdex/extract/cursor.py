"""A place in a file and the sequences and items around it: what a length scan stands on."""

from __future__ import annotations

from dicomdex.extract.layout import Level
from dicomdex.extract.reject import Rejected
from dicomdex.extract.window import Window

ZEROS_READ = 1 << 20


class Broken(Exception):
    """The inside of a sequence makes no sense; the scan goes on behind it where its length is known."""

    def __init__(self, what: str, offset: int) -> None:
        super().__init__(what)
        self.what, self.offset = what, offset


class Cursor:
    """A position in a window, the stack of levels it is inside of, and the checks both are for."""

    def __init__(self, window: Window, start: int) -> None:
        self._window = window
        self._position = start
        self._stack: list[Level] = []
        self._base, self._block = window.block_at(start)

    def _bytes(self, offset: int, length: int) -> bytes:
        at = offset - self._base
        if at < 0 or at + length > len(self._block):
            self._base, self._block = self._window.block_at(offset)
            at = offset - self._base
        return self._block[at : at + length]

    def _limit(self) -> int:
        """Where the nearest level of known length ends, else the file."""
        for level in reversed(self._stack):
            if level.end is not None:
                return level.end
        return self._window.size

    def _check_fits(self, stop: int, what: str, offset: int) -> None:
        """Raise Broken where `stop` lies behind the sequence or item around, Rejected where behind the file."""
        if stop <= self._limit():
            return
        if any(level.end is not None for level in self._stack):
            raise Broken(f"{what} goes beyond the sequence or item around it", offset)
        raise Rejected("truncated", what + " goes beyond the end of the file", offset)

    def _refuse_zeros(self, start: int) -> None:
        """Raise Rejected where nothing but zeros follows and no level around has an end that covers them."""
        self._position = start
        if all(level.end is None for level in self._stack) and self._zeros_to_end():
            raise Rejected("trailing_zeros", "zeros in the middle of a sequence or a fragment list", start)

    def _zeros_to_end(self) -> bool:
        """Whether zeros reach to the end; of a long run only the first and the last megabyte are read."""
        first = self._window.glance(self._position, ZEROS_READ)
        last_start = max(self._position, self._window.size - ZEROS_READ)
        return first.count(0) == len(first) and not self._window.glance(last_start, ZEROS_READ).strip(b"\0")
