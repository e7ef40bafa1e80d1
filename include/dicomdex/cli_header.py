"""One file from the command line -> its header, within the limits that a reading child has."""

from __future__ import annotations

import errno
import os
import signal
import stat
import sys
from typing import Any

from dicomdex.adapters.child_limits import Limits, limit_memory
from dicomdex.adapters.local_source import LocalSource
from dicomdex.cli_errors import CannotGoOn
from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import Reject


class _Bytes:
    """A source over bytes that came by a pipe."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.size = len(content)
        self.mtime = 0

    def read_at(self, offset: int, length: int) -> bytes:
        return self._content[offset : offset + length]


class _OutOfTime(BaseException):
    """No except clause of a parser may take it for its own."""


def header_of(file: str) -> Reading:
    """Read one file; `-` is standard input. CannotGoOn when the file itself can't be read."""
    limits = Limits()
    limit_memory(limits.memory)
    signal.signal(signal.SIGPROF, _out_of_time)
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_seconds)
    try:
        return _read(file)
    except OSError as error:
        raise CannotGoOn(f"{file} can't be read: {error.strerror}") from None
    except MemoryError:
        return _rejected("limit", f"more than {limits.memory >> 20} MB of memory")
    except _OutOfTime:
        return _rejected("limit", f"more than {limits.cpu_seconds:g} s of CPU time")
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _read(file: str) -> Reading:
    if file == "-" and not stat.S_ISREG(os.fstat(0).st_mode):
        return read(_Bytes(sys.stdin.buffer.read()))
    descriptor = os.dup(0) if file == "-" else os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.close(descriptor)
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with LocalSource(descriptor) as source:
        return read(source) if stat.S_ISREG(mode) else _rejected("not_regular")


def _rejected(reason: str, what: str = "") -> Reading:
    return Reading("reject", reason, Reject(reason, what).detail)


def _out_of_time(*_: Any) -> None:
    raise _OutOfTime
