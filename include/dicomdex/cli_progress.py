"""How far an extraction is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from dicomdex.extract.batch import Chunk

LINE_SECONDS = 10.0


class Shown:
    """Counts files, bytes and rejects, and shows them. Use as a context manager."""

    def __init__(self, console: Console, files: int) -> None:
        self._console = console
        self._files = files
        self._done = self._bytes = 0
        self._rejects: Counter[str] = Counter()
        self._begun = self._told = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}"))
            self._bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
            self._task = self._bar.add_task(self._said(), total=files)

    def add(self, files: int, size: int, chunks: Sequence[Chunk]) -> None:
        """So many files, of so many bytes together, have their rows."""
        self._done += files
        self._bytes += size
        for chunk in chunks:
            self._rejects.update(chunk.rejects["reason"].to_pylist())
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, description=self._said())
        elif time.monotonic() - self._told >= LINE_SECONDS:
            self._told = time.monotonic()
            self._console.print(self._said())

    @property
    def rate(self) -> float:
        """Files a second so far."""
        return self._done / max(time.monotonic() - self._begun, 1e-9)

    def __enter__(self) -> Shown:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _said(self) -> str:
        rejects = ", ".join(f"{count:,} {reason}" for reason, count in self._rejects.most_common(4))
        rejected = f", {self._rejects.total():,} rejected ({rejects})" if rejects else ""
        done = f"{self._done:,} of {self._files:,} files"
        return f"{done}, {self._bytes / 1e6:,.0f} MB, {self.rate:,.0f} files/s{rejected}"
