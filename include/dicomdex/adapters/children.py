"""Reading in a child program, so that a file which spins, eats memory or kills the reader costs one row, not a task.

One batch is one child that lives for the batch; this side only supervises. What kills the child is read once more
alone, in a fresh child; when that dies too, the file (or archive member) is the reject `limit` or `crashed`, and the
batch goes on. An OSError of the storage in the child is raised here, with its errno and text.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

import orjson
import pyarrow.compute as pc

from dicomdex.adapters.child_limits import Death, Limits, death_of
from dicomdex.adapters.frames import Position
from dicomdex.adapters.running_child import PROGRAM, ChildDied, RunningChild
from dicomdex.errors import ReadingFailed
from dicomdex.extract.batch import Chunk, Placement
from dicomdex.manifest import ManifestEntry

# An archive that has killed the reader in so many members is not read any further: it is a reject as a whole.
MEMBERS_CONDEMNED = 3
_WAITING = 32  # slices read ahead of the one that is due


@dataclass(frozen=True)
class Slice:
    """Entries for a child to read, below the storage `root` (a URL)."""

    root: str
    placed: Placement
    entries: Sequence[ManifestEntry]
    ndjson: bool = False
    reads: int = 1  # files that a child opens at the same time, where they are not on local disks

    def path_of(self, entry: int) -> str:
        """Path of an entry as its row has it."""
        return self.placed.prefix + self.entries[entry].path


@dataclass
class _Span:
    """Entries [start, stop) of a slice still to be read; the first `skip` rows of the first have been received."""

    start: int
    stop: int
    skip: int = 0
    alone: bool = False


class EntryFailed(Exception):
    """The storage failed under a file; `path`, as its row would have it, is None when it failed before any.

    `error` is that of the storage, without the path in its text.
    """

    def __init__(self, path: str | None, error: OSError) -> None:
        super().__init__(error.errno)
        self.path = path
        self.error = error


class _Progress:
    """What is known of a slice so far: the rows received, and what has killed a child."""

    def __init__(self, wanted: Slice) -> None:
        self.wanted = wanted
        self.spans = deque([_Span(0, len(wanted.entries))])
        self.chunks: list[Chunk] = []
        self.condemned: dict[int, dict[int, tuple[str, str]]] = {}
        self._suspects: set[Position] = set()

    def blame(self, span: _Span, at: Position, death: Death) -> None:
        """Read what killed the child once more alone, or condemn it the second time; the entries around go on."""
        if at in self._suspects:
            self._condemn(span, at, death)
        self._suspects.add(at)
        skip = span.skip if span.start == at.entry else 0
        parts = [
            _Span(span.start, at.entry, span.skip),
            _Span(at.entry, at.entry + 1, skip, alone=0 not in self.condemned.get(at.entry, {})),
            _Span(at.entry + 1, span.stop),
        ]
        self.spans.extendleft(part for part in reversed(parts) if part.start < part.stop)

    def _condemn(self, span: _Span, at: Position, death: Death) -> None:
        rows = self.condemned.setdefault(at.entry, {})
        row = 0 if at.row in rows or len(rows) >= MEMBERS_CONDEMNED else at.row
        rows[row] = (death.reason, death.what)
        if row == 0:
            path = self.wanted.path_of(at.entry)
            self.chunks = [_without(chunk, path) for chunk in self.chunks]
            if span.start == at.entry:
                span.skip = 0


class BatchChild:
    """A reading child that is started when it is needed and again when it died. Use as a context manager."""

    def __init__(self, limits: Limits | None = None, program: Sequence[str] = PROGRAM) -> None:
        self._limits = limits or Limits()
        self._program = tuple(program)
        self._child: RunningChild | None = None
        self._stopped = False
        self.deaths = 0

    def read(self, wanted: Slice) -> list[Chunk]:
        """The rows of a slice: exactly one an entry, and one an archive member.

        EntryFailed with the error of the storage; ReadingFailed when the child can't be kept running.
        """
        progress, idle = _Progress(wanted), 0
        while progress.spans:
            span = progress.spans[0]
            first = span.start
            try:
                self._read_span(progress, span, first)
                progress.spans.popleft()
            except OSError as error:
                at = self._begun(first)
                self.close()
                raise EntryFailed(wanted.path_of(at.entry) if at else None, error) from None
            except ChildDied as died:
                at, death = self._begun(first), self._ended(died)
                idle = idle + 1 if at is None else 0
                if death is None or idle > 1 or self._stopped:
                    raise ReadingFailed(f"the reading child was ended from outside (status {died.code})") from None
                if at is not None:
                    progress.blame(progress.spans.popleft(), at, death)
        return progress.chunks

    def stop(self) -> None:
        """From another thread: end the child, in the middle of a file too, and let `read` fail."""
        self._stopped = True
        if (child := self._child) is not None:
            child.kill()

    def close(self) -> None:
        """End the child, in the middle of a file too."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def __enter__(self) -> BatchChild:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_span(self, progress: _Progress, span: _Span, first: int) -> None:
        if span.alone and self._child is not None and self._child.used:
            self.close()
        if self._child is None:
            self._child = RunningChild(self._limits, self._program)
        if self._stopped:
            self._child.kill()
        wanted = progress.wanted
        condemned = {str(at - first): rows for at, rows in progress.condemned.items() if at >= first}
        self._child.ask(
            {
                "root": wanted.root,
                "placed": asdict(wanted.placed),
                "ndjson": wanted.ndjson,
                "reads": wanted.reads,
                "entries": [_fields(entry) for entry in wanted.entries[first : span.stop]],
                "skip": span.skip,
                "condemned": {at: {str(row): why for row, why in rows.items()} for at, rows in condemned.items()},
            }
        )
        for chunk, position in self._child.answers():
            progress.chunks.append(chunk)
            span.start, span.skip = first + position.entry, position.row

    def _begun(self, first: int) -> Position | None:
        """What the child was reading, as a position in the slice."""
        at = self._child.mark.position if self._child else None
        return Position(first + at.entry, at.row) if at else None

    def _ended(self, died: ChildDied) -> Death | None:
        self.deaths += 1
        self.close()
        return death_of(died.code, died.crash, self._limits)


class Children:
    """Several reading children for one queue of slices: for the command line, where no pool of slots bounds them."""

    def __init__(self, count: int, limits: Limits | None = None, program: Sequence[str] = PROGRAM) -> None:
        self._children = [BatchChild(limits, program) for _ in range(count)]
        self._free = queue.SimpleQueue[BatchChild]()
        for child in self._children:
            self._free.put(child)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="reading-child")

    def read(self, slices: Iterable[Slice]) -> Iterator[list[Chunk]]:
        """The rows of each slice, in the order of the slices; so the same files give the same table, whatever `count`.

        Raises what BatchChild.read raises.
        """
        pending: deque[Future[list[Chunk]]] = deque()
        for one in slices:
            pending.append(self._threads.submit(self._read, one))
            if len(pending) >= _WAITING:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def __enter__(self) -> Children:
        return self

    def __exit__(self, *_: object) -> None:
        """End the children, then wait for their threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            child.stop()
        self._threads.shutdown()
        for child in self._children:
            child.close()

    def _read(self, wanted: Slice) -> list[Chunk]:
        child = self._free.get()
        try:
            return child.read(wanted)
        finally:
            self._free.put(child)


def _fields(entry: ManifestEntry) -> tuple[object, ...]:
    return (entry.path, entry.size, entry.mtime, entry.kind, entry.rule, entry.batch)


def _without(chunk: Chunk, path: str) -> Chunk:
    """The chunk less the rows of one path."""
    kept, rejects = (batch.filter(pc.not_equal(batch["path"], path)) for batch in (chunk.kept, chunk.rejects))
    lines = chunk.lines.splitlines(keepends=True)
    return Chunk(kept, rejects, b"".join(line for line in lines if orjson.loads(line)["path"] != path))
