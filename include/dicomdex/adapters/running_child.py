"""One running reading child, seen from its parent: its pipes, its mark, and whether it still lives."""

from __future__ import annotations

import errno
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import orjson
import psutil
import pyarrow as pa

from dicomdex import errors
from dicomdex.adapters import frames
from dicomdex.adapters.child_limits import Limits
from dicomdex.adapters.frames import Mark, Position
from dicomdex.extract.batch import Chunk
from dicomdex.extract.row import ROW_SCHEMA

# -P: the working directory may be the drop itself, and must not be where Python finds its modules.
PROGRAM = (sys.executable, "-P", "-m", "dicomdex.reading_child")
# One allocator, and one that keeps what a chunk takes: three times faster than fresh pages, and it stays countable.
# One thread of hdfs-native's own beside those that ask: a third less CPU for a small read than with one a core.
_ENVIRONMENT = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
    "TOKIO_WORKER_THREADS": "1",
}
_LOOK_SECONDS = 1.0
_KILL_SECONDS = 10.0


class ChildDied(Exception):
    """The child is gone: `code` as of `Popen.returncode`, `crash` what it could still say."""

    def __init__(self, code: int, crash: str) -> None:
        super().__init__(code)
        self.code = code
        self.crash = crash


class RunningChild:
    """A child from its start to its end. On Linux it dies with the thread that started it, elsewhere with our pipe."""

    def __init__(self, limits: Limits, program: Sequence[str] = PROGRAM) -> None:
        self.mark = Mark()
        self.used = False
        self._limits = limits
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # standard error, until the limits hold
        self._child = subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then ends the child
            pass_fds=[self.mark.descriptor],
            env={**os.environ, **_ENVIRONMENT},
        )
        self._poll = select.poll()
        self._poll.register(self._stdout, select.POLLIN)
        self._alive_at, self._signs = time.monotonic(), (0, 0.0)
        begin = {"mark": self.mark.descriptor, "cpu_seconds": limits.cpu_seconds, "memory": limits.memory}
        self._send(frames.BEGIN, begin)
        self._await_ready()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def ask(self, wanted: dict[str, Any]) -> None:
        """Send a slice."""
        self.used = True
        self.mark.clear()
        self._send(frames.SLICE, wanted)

    def answers(self) -> Iterator[tuple[Chunk, Position]]:
        """Chunks of the slice asked for, each with the position from which reading would go on.

        ChildDied; OSError of the storage; errors of dicomdex that the child raised.
        """
        parts: dict[bytes, bytes] = {}
        crash = ""
        while (frame := self._receive()) is not None:
            kind, payload = frame
            if kind == frames.FAILED:
                crash = _raised(orjson.loads(payload))
            elif kind != frames.FLUSH:
                parts[kind] = payload
            else:
                told = orjson.loads(payload)
                yield _chunk(parts), Position(told["entry"], told["row"])
                parts = {}
                if told["done"]:
                    return
        raise ChildDied(self._ended(), crash)

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()

    def close(self) -> None:
        """End it and let go of it. One that hangs in the kernel dies when its storage answers."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_KILL_SECONDS)
        for pipe in (self._child.stdin, self._child.stdout, self._said):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
        self.mark.close()

    @property
    def _stdout(self) -> int:
        assert self._child.stdout is not None  # noqa: S101
        return self._child.stdout.fileno()

    def _await_ready(self) -> None:
        """ReadingFailed with the last line it said when it does not come up: nothing of a drop was given to it yet."""
        frame = self._receive()
        if frame is None or frame[0] != frames.READY:
            code = self._ended()
            self._said.seek(0)
            lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
            self.close()
            said = f": {lines[-1]}" if lines else ""
            raise errors.ReadingFailed(f"the reading child did not start (status {code}){said}")

    def _send(self, kind: bytes, payload: dict[str, Any]) -> None:
        with suppress(BrokenPipeError):  # its death shows where its answer is awaited
            frames.send(self._child.stdin, kind, payload)  # type: ignore[arg-type]

    def _receive(self) -> tuple[bytes, bytes] | None:
        head = self._exactly(frames.HEAD.size)
        if head is None:
            return None
        kind, length = frames.HEAD.unpack(head)
        payload = self._exactly(length)
        return None if payload is None else (kind, payload)

    def _exactly(self, length: int) -> bytes | None:
        """So many bytes of its output; None when it ends before."""
        received, view = 0, memoryview(bytearray(length))
        while received < length:
            while not self._poll.poll(_LOOK_SECONDS * 1000):
                self._look()
            got = os.readv(self._stdout, [view[received:]])
            if got == 0:
                return None
            received += got
        self._alive_at = time.monotonic()
        return bytes(view)

    def _look(self) -> None:
        """A child that neither begins a file nor uses the CPU waits for its storage: at some point that is an error."""
        with suppress(psutil.Error):
            times = psutil.Process(self.pid).cpu_times()
            signs = (self.mark.beat, times.user + times.system)
            if signs != self._signs:
                self._alive_at, self._signs = time.monotonic(), signs
        if time.monotonic() - self._alive_at > self._limits.stall:
            raise OSError(errno.ETIMEDOUT, f"no sign of life from the storage for {self._limits.stall:g} s")

    def _ended(self) -> int:
        """Exit status of a child whose output has ended."""
        try:
            return self._child.wait(_KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            return self._child.wait(_KILL_SECONDS)


def _chunk(parts: dict[bytes, bytes]) -> Chunk:
    kept, rejects = (_batch(parts.get(kind)) for kind in (frames.KEPT, frames.REJECTS))
    return Chunk(kept, rejects, parts.get(frames.LINES, b""))


def _batch(message: bytes | None) -> pa.RecordBatch:
    if message is None:
        return pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in ROW_SCHEMA], schema=ROW_SCHEMA)
    return pa.ipc.read_record_batch(pa.py_buffer(message), ROW_SCHEMA)


def _raised(told: dict[str, Any]) -> str:
    """Raise what the child says, or give back the name of the exception that killed it."""
    if "crash" in told:
        return str(told["crash"])
    if "error" in told:
        known = getattr(errors, told["error"], errors.DicomdexError)
        raise known(told["text"])
    raise (errors.StorageFault if told.get("fault") else OSError)(told["errno"], told["text"])
