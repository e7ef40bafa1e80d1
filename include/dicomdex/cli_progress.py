"""How far a command is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from dicomdex.extract.batch import Chunk

LINE_SECONDS = 10.0


class Told:
    """A bar on a terminal, a line every 10 s elsewhere. Use as a context manager.

    :param columns: of the bar, before the words and the time that is left
    """

    def __init__(self, console: Console, columns: Sequence[ProgressColumn], total: int, said: str) -> None:
        self._console = console
        self._told = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            shown = (*columns, TextColumn("{task.description}"), TimeRemainingColumn())
            self._bar = Progress(*shown, console=console, transient=True)
            self._task = self._bar.add_task(said, total=total)

    def tell(self, done: int, said: str, line: str = "") -> None:
        """So much is done. `line`: what is printed where there is no bar, if it says more."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, description=said)
        elif time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            self._console.print(line or said)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()


class Shown(Told):
    """Counts the files, bytes and rejects of an extraction, and shows them."""

    def __init__(self, console: Console, files: int) -> None:
        self._files = files
        self._done = self._bytes = 0
        self._rejects: Counter[str] = Counter()
        self._begun = time.monotonic()
        super().__init__(console, (BarColumn(), TextColumn("{task.percentage:>3.0f}%")), files, self._said())

    def add(self, files: int, size: int, chunks: Sequence[Chunk]) -> None:
        """So many files, of so many bytes together, have their rows."""
        self._done += files
        self._bytes += size
        for chunk in chunks:
            self._rejects.update(chunk.rejects["reason"].to_pylist())
        self.tell(self._done, self._said())

    @property
    def rate(self) -> float:
        """Files a second so far."""
        return self._done / max(time.monotonic() - self._begun, 1e-9)

    def _said(self) -> str:
        rejects = ", ".join(f"{count:,} {reason}" for reason, count in self._rejects.most_common(4))
        rejected = f", {self._rejects.total():,} rejected ({rejects})" if rejects else ""
        done = f"{self._done:,} of {self._files:,} files"
        return f"{done}, {self._bytes / 1e6:,.0f} MB, {self.rate:,.0f} files/s{rejected}"
