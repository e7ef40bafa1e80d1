"""A few child programs that open files for the page, each one job at a time; those that die are replaced.

What a file costs is bounded there: CPU seconds, memory, and here seconds of waiting. So a file that kills its reader
costs whoever looks at it a sentence, and nobody else anything.
"""

from __future__ import annotations

import queue
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass

import orjson

from dicomdex.adapters import frames
from dicomdex.adapters.child_limits import Limits, death_of
from dicomdex.adapters.served_child import MADE
from dicomdex.serve import Locator

PROGRAM = (sys.executable, "-P", "-m", "dicomdex.adapters.served_child")
LIMITS = Limits(cpu_seconds=10.0, memory=512 << 20, stall=30.0)
WAIT = 20.0  # seconds for a free child, of which each has a file of ten at most
BEGIN, JOB = b"B", b"J"
START_SECONDS, _END_SECONDS = 120.0, 5.0


@dataclass(frozen=True)
class NotMade:
    """Why there is no answer. `kept`: it will be the same next time, as long as the file is the same."""

    reason: str
    sentence: str

    @property
    def kept(self) -> bool:
        """Whether asking again can't help."""
        return self.reason in ("no_pixels", "undecodable", "limit", "crashed", "broken")


BUSY = NotMade("busy", "Too many pictures are being made just now: come back in a moment.")
STORAGE = NotMade("storage", "The landing area does not answer: come back in a moment.")


class Children:
    """`count` children at most, started when they are needed. Safe for threads; close it in the end."""

    def __init__(self, landing: str, count: int, limits: Limits = LIMITS, program: Sequence[str] = PROGRAM) -> None:
        self._landing = landing
        self._limits = limits
        self._program = tuple(program)
        self._free: queue.LifoQueue[_Child | None] = queue.LifoQueue()
        self._count = count
        for _ in range(count):
            self._free.put(None)
        # On Linux a child dies with the thread that started it, and those that answer requests come and go.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="serving-children")

    def ask(self, job: str, locator: Locator) -> bytes | NotMade:
        """The answer to a job (`header`, `thumbnail`) about one file."""
        try:
            child = self._free.get(timeout=WAIT)
        except queue.Empty:
            return BUSY
        try:
            child = child or self._starter.submit(self._started).result()
            answer = child.ask({"job": job, "locator": asdict(locator)}, self._limits)
            if child.ended:
                child = None
            return answer
        finally:
            self._free.put(child)

    def close(self) -> None:
        """End them all; one that is at work ends with its job, or with this program."""
        waiting, self._count = self._count, 0
        for _ in range(waiting):
            with suppress(queue.Empty):
                child = self._free.get(timeout=_END_SECONDS / waiting)
                if child is not None:
                    child.kill()
        self._starter.shutdown()

    def _started(self) -> _Child:
        return _Child(self._program, self._landing, self._limits)


class _Child:
    def __init__(self, program: Sequence[str], landing: str, limits: Limits) -> None:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(
            program, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True
        )
        self.ended = False
        begin = {"landing": landing, "cpu_seconds": limits.cpu_seconds, "memory": limits.memory}
        with suppress(BrokenPipeError):
            frames.send(self._child.stdin, BEGIN, begin)  # type: ignore[arg-type]
        if self._receive(time.monotonic() + START_SECONDS) is None:  # no file is to blame
            self.kill()

    def ask(self, job: dict[str, object], limits: Limits) -> bytes | NotMade:
        """Its answer; what it died of, where it did, and then it has `ended`."""
        if self.ended:
            return BUSY
        with suppress(BrokenPipeError):
            frames.send(self._child.stdin, JOB, job)  # type: ignore[arg-type]
        frame = self._receive(time.monotonic() + limits.stall)
        if frame is None:
            return self._died_of(limits)
        kind, payload = frame
        if kind == MADE:
            return payload
        told = orjson.loads(payload)
        return STORAGE if told["reason"] == "storage" else NotMade(told["reason"], told["sentence"])

    def kill(self) -> None:
        """End it at once."""
        self.ended = True
        self._child.kill()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(_END_SECONDS)
        for pipe in (self._child.stdin, self._child.stdout):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]

    def _receive(self, until: float) -> tuple[bytes, bytes] | None:
        head = self._exactly(frames.HEAD.size, until)
        if head is None:
            return None
        kind, length = frames.HEAD.unpack(head)
        payload = self._exactly(length, until)
        return None if payload is None else (kind, payload)

    def _exactly(self, length: int, until: float) -> bytes | None:
        """So many bytes of its output; None when it ends before, or takes too long."""
        out = self._child.stdout
        received = bytearray()
        while out is not None and len(received) < length:
            if not select.select([out], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            piece = out.read(length - len(received))
            if not piece:
                return None
            received += piece
        return bytes(received)

    def _died_of(self, limits: Limits) -> NotMade:
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(0.5)
        code = self._child.poll()
        self.kill()
        if code is None:
            return NotMade("slow", f"Reading it took longer than {limits.stall:g} s.")
        death = death_of(code, "", limits)
        if death is None:
            return BUSY
        if death.reason == "limit":
            return NotMade("limit", f"Reading it takes {death.what}.")
        return NotMade("crashed", "It can't be read: the program that tries to ends.")
