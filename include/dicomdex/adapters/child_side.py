"""The reading child from inside: answers slices with rows until its input ends. `reading_child` is its program."""

from __future__ import annotations

import gc
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from dicomdex.adapters import frames
from dicomdex.adapters.child_limits import OUT_OF_MEMORY, ChildLimits
from dicomdex.adapters.storage_local import LocalStorage
from dicomdex.entry import ByteSource
from dicomdex.errors import DicomdexError, StorageFault
from dicomdex.extract.batch import Placement, Rows
from dicomdex.extract.members import Found, OpenFile, read_entry
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import Reject
from dicomdex.manifest import ManifestEntry

if TYPE_CHECKING:
    from dicomdex.adapters.open_together import OpenTogether
    from dicomdex.adapters.read_ahead import ReadAhead
    from dicomdex.adapters.storage import Storage

Read = Callable[[ByteSource], Reading]
Condemned = dict[int, tuple[str, str]]
CRASHED = 70


class ReadingChild:
    """Answers slices until its input ends."""

    def __init__(self, read_source: Read) -> None:
        self._read = read_source
        self._out = _only_pipe()
        self._slices = _received()
        begin = orjson.loads(self._slices.get())
        self._mark = frames.Mark(int(begin["mark"]))
        self._limits = ChildLimits(float(begin["cpu_seconds"]), int(begin["memory"]))
        self._storages: dict[str, Storage] = {}
        self._ahead: dict[str, OpenTogether | ReadAhead] = {}

    def work(self) -> None:
        """Announce that the limits hold, then read slice after slice; never returns."""
        frames.send(self._out, frames.READY, {})
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what a library prints from here on may quote a file
        while True:
            wanted = orjson.loads(self._slices.get())
            try:
                self._read_slice(wanted)
            except MemoryError:
                os._exit(OUT_OF_MEMORY)  # what it holds can't be told; the parent goes on with a fresh child
            except (DicomdexError, OSError) as error:
                frames.send(self._out, frames.FAILED, _failure(error))
            except Exception as error:  # noqa: BLE001  # a defect: it costs the file that showed it, not the batch
                frames.send(self._out, frames.FAILED, {"crash": _where(error)})
                os._exit(CRASHED)

    def _read_slice(self, wanted: dict[str, Any]) -> None:
        placed = Placement(**wanted["placed"])
        rows, skip = Rows(placed, ndjson=wanted["ndjson"]), int(wanted["skip"])
        opener = self._opener(wanted)
        for at, fields in enumerate(wanted["entries"]):
            entry, condemned = ManifestEntry(*fields), _members(wanted["condemned"].get(str(at), {}))
            for row, found in self._begun(at, _found(entry, condemned, skip, opener, self._read)):
                if row < skip:
                    continue
                rows.add(entry, found)
                if rows.full:
                    self._flush(rows, frames.Position(at, row + 1))
            skip = 0
        self._limits.pause()
        self._flush(rows, frames.Position(len(wanted["entries"]), 0), done=True)

    def _begun(self, at: int, found: Iterator[Found]) -> Iterator[tuple[int, Found]]:
        """Each row of an entry, its begin marked and its time counted from there."""
        row = 0
        while True:
            self._mark.begin(at, row)
            self._limits.begin()
            one = next(found, None)
            if one is None:
                return
            yield row, one
            row += 1

    def _flush(self, rows: Rows, position: frames.Position, *, done: bool = False) -> None:
        chunk = rows.take()
        for kind, batch in ((frames.KEPT, chunk.kept), (frames.REJECTS, chunk.rejects)):
            if len(batch):
                frames.send(self._out, kind, memoryview(batch.serialize()))
        if chunk.lines:
            frames.send(self._out, frames.LINES, chunk.lines)
        frames.send(self._out, frames.FLUSH, {"entry": position.entry, "row": position.row, "done": done})

    def _opener(self, wanted: dict[str, Any]) -> OpenFile:
        root = wanted["root"]
        if root not in self._storages:
            self._storages[root] = _storage(root)
        landing = self._storages[root]
        if root.startswith("file:") or wanted["reads"] < 2:
            return lambda entry: landing.open(entry.path)
        if root not in self._ahead:
            self._ahead[root] = _ahead(landing, wanted["reads"])
        self._ahead[root].begin(ManifestEntry(*fields) for fields in wanted["entries"])
        return self._ahead[root].open


def _storage(root: str) -> Storage:
    if root.startswith("file:"):
        return LocalStorage(root)
    from dicomdex.adapters.storage import storage  # fsspec: 0.1 s that local files do not need

    return storage(root)


def _ahead(landing: Storage, reads: int) -> OpenTogether | ReadAhead:
    from dicomdex.adapters.open_together import DatesTogether, OpenTogether  # threads, which local files do not need
    from dicomdex.adapters.read_ahead import ReadAhead

    return OpenTogether(landing, reads) if isinstance(landing, DatesTogether) else ReadAhead(landing, reads)


def _found(
    entry: ManifestEntry, condemned: Condemned, skip: int, opener: OpenFile, read_source: Read
) -> Iterator[Found]:
    """The rows of an entry; row 0 condemned = the whole entry is a reject, unread.

    The parent has the first `skip` rows: their members need not be read once more.
    """
    if 0 in condemned:
        yield Found(None, entry.size, _rejected(*condemned[0]))
        return
    members = {row - 1: reason for row, (reason, _) in condemned.items()} | dict.fromkeys(range(skip - 1), "crashed")
    for row, found in enumerate(read_entry(entry, opener, read_source, members)):
        yield found._replace(reading=_rejected(*condemned[row])) if row in condemned else found


def _rejected(reason: str, what: str) -> Reading:
    return Reading("reject", reason, Reject(reason, what).detail)


def _members(condemned: dict[str, list[str]]) -> Condemned:
    return {int(row): (reason, what) for row, (reason, what) in condemned.items()}


def _failure(error: DicomdexError | OSError) -> dict[str, Any]:
    if isinstance(error, OSError):
        fault = isinstance(error, StorageFault)
        return {"errno": error.errno, "text": error.strerror or type(error).__name__, "fault": fault}
    return {"error": type(error).__name__, "text": str(error)}


def _where(error: Exception) -> str:
    """Type and place of a defect, never its message: that may hold a value of the file."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {os.path.basename(last.filename)} line {last.lineno}"  # noqa: PTH119


def _only_pipe() -> Any:
    """The pipe that was standard output; what prints, in Python or below it, goes nowhere from here on."""
    pipe = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    return pipe


def _received() -> queue.SimpleQueue[bytes]:
    """Payloads of the frames of standard input. Its end is the parent's: the program ends at once, mid-file too."""
    payloads: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        while (frame := frames.receive(sys.stdin.buffer)) is not None:
            payloads.put(frame[1])
        os._exit(0)

    threading.Thread(target=listen, name="parent", daemon=True).start()
    return payloads


def serve(read_source: Read) -> None:
    """Be a reading child with this reader."""
    child = ReadingChild(read_source)
    gc.collect()
    gc.freeze()  # what the imports made stays: collections need not look at it again
    child.work()
