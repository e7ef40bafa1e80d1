"""What writes a file, as bytes that are sent while it writes."""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, cast

WAITING = 8  # pieces written ahead of who reads them
PIECE = 256 << 10


class Unread(Exception):
    """Nobody reads on."""


def streamed(write: Callable[[IO[bytes]], Any]) -> Iterator[bytes]:
    """The bytes that `write` gives its file, as they come; what it raises is raised here, so a transfer is cut off."""
    pieces: queue.Queue[bytes | BaseException | None] = queue.Queue(WAITING)
    target = _Target(pieces)

    def run() -> None:
        try:
            write(cast("IO[bytes]", target))
            target.send()
            target.put(None)
        except Unread:
            pass
        except BaseException as error:  # noqa: BLE001  (raised again by who reads)
            target.put(error)

    writer = threading.Thread(target=run, name="export", daemon=True)
    writer.start()
    try:
        while (piece := pieces.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
    finally:
        target.unread.set()
        writer.join()


class _Target(io.RawIOBase):
    """A file that is only written to, forward; its bytes go on in pieces."""

    def __init__(self, pieces: queue.Queue[bytes | BaseException | None]) -> None:
        super().__init__()
        self.unread = threading.Event()
        self._pieces = pieces
        self._kept = bytearray()
        self._at = 0

    def writable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Bytes written so far."""
        return self._at

    def write(self, content: Any) -> int:
        """Take it, and send what has become a piece."""
        raw = bytes(content)
        self._kept += raw
        self._at += len(raw)
        if len(self._kept) >= PIECE:
            self.send()
        return len(raw)

    def send(self) -> None:
        """Let go of what is kept."""
        piece, self._kept = bytes(self._kept), bytearray()
        if piece:
            self.put(piece)

    def put(self, piece: bytes | BaseException | None) -> None:
        """Hand on; Unread when nobody takes it."""
        while not self.unread.is_set():
            try:
                self._pieces.put(piece, timeout=0.5)
                return
            except queue.Full:
                continue
        raise Unread
