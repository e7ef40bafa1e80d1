"""A reading child whose reader does what the file says: spin, eat memory, die. Tests start it in place of the real."""

from __future__ import annotations

import os
import signal
import threading

from dicomdex.adapters.child_side import serve
from dicomdex.entry import ByteSource
from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading


def fatal(source: ByteSource) -> Reading:
    """Obey the first bytes of the file; read it like any other where they are no order."""
    match source.read_at(0, 32).split(b"\n")[0]:
        case b"SPIN":
            while True:
                pass
        case b"EAT":
            _eat()
        case b"ABORT":
            os.abort()
        case b"KILL":
            os.kill(os.getpid(), signal.SIGKILL)
        case b"TERM":
            os.kill(os.getpid(), signal.SIGTERM)
        case b"RAISE":
            raise LookupError("DOE^JANE")
        case b"WAIT":
            threading.Event().wait()
        case b"ONCE":
            _die_once(source)
        case b"FULL":
            _full_once(source)
        case b"PRINT":
            print("DOE^JANE", flush=True)
    return read(source)


def _eat() -> None:
    eaten = []
    while True:
        eaten.append(bytes(range(256)) * (1 << 16))


def _die_once(source: ByteSource) -> None:
    if _first_time(source):
        os.abort()


def _full_once(source: ByteSource) -> None:
    if _first_time(source):
        raise MemoryError


def _first_time(source: ByteSource) -> bool:
    """Whether the file named in the second line is not there yet; then it is."""
    marker = source.read_at(0, 4096).split(b"\n")[1]
    try:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


if __name__ == "__main__":
    serve(fatal)
