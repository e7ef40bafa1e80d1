"""Limits that a reading child lays upon itself, and what its death says about the file it died on."""

from __future__ import annotations

import ctypes
import re
import resource
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

OUT_OF_MEMORY = 71
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_ENDED_BY_OTHERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


@dataclass(frozen=True)
class Limits:
    """What one file (or archive member) may cost: CPU seconds, bytes of memory, and seconds without a sign of life."""

    cpu_seconds: float = 10.0
    memory: int = 300 << 20
    stall: float = 900.0


class ChildLimits:
    """The limits, from inside. The kernel ends the program: no parser can catch it and go on."""

    def __init__(self, cpu_seconds: float, memory: int) -> None:
        self._seconds = cpu_seconds
        self._raise_at = 0.0
        for number in (signal.SIGPROF, signal.SIGXCPU):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF, signal.SIGXCPU})
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            _of_linux(memory)

    def begin(self) -> None:
        """A file's time begins. RLIMIT_CPU stands behind the timer, in whole seconds and moved only now and then."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds)
        if (used := time.process_time()) >= self._raise_at:
            self._raise_at = used + self._seconds
            hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
            wanted = int(used + 3 * self._seconds) + 1
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))

    def pause(self) -> None:
        """No file is being read."""
        signal.setitimer(signal.ITIMER_PROF, 0)


@dataclass(frozen=True)
class Death:
    """Why a child died: the reject reason for the file it was reading, and the limit or the signal."""

    reason: str
    what: str


def death_of(code: int, crash: str, limits: Limits) -> Death | None:
    """What an exit status says; None when somebody ended the program and no file is to blame."""
    if -code in _ENDED_BY_OTHERS:
        return None
    if -code in (signal.SIGPROF, signal.SIGXCPU):
        return Death("limit", f"more than {limits.cpu_seconds:g} s of CPU time")
    if code == OUT_OF_MEMORY:
        return Death("limit", f"more than {limits.memory >> 20} MB of memory")
    if -code == signal.SIGKILL:
        return Death("limit", "killed by the system, as it does when memory is short")
    if crash:
        return Death("crashed", crash)
    return Death("crashed", signal.Signals(-code).name if code < 0 else f"exit status {code}")


def _of_linux(memory: int) -> None:
    """Die with the parent, leave no core with patient data, and stay within `memory`."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    limit_memory(memory)


def limit_memory(memory: int) -> None:
    """Let this program have `memory` bytes beyond what it has now; Linux only, elsewhere nothing happens.

    RLIMIT_DATA counts private writable memory; RLIMIT_AS would count what allocators only reserve.
    """
    if sys.platform != "linux":
        return
    limit = _memory_now() + memory
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _memory_now() -> int:
    status = Path("/proc/self/status").read_text()
    found = re.search(r"VmData:\s+(\d+) kB", status)
    return int(found[1]) << 10 if found else 0
