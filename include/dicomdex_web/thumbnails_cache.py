"""Thumbnails on disk, up to so many bytes: those not looked at for longest go first."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from dicomdex.serve import Locator

VERSION = b"1"  # of how they are made
KEPT = 0.8  # of the limit, once it is reached


class ThumbnailCache:
    """Files `<digest of file_id, size, mtime>.<kind>` of mode 0600: `webp`, or `why` with the reason there is none.

    Safe for threads of one program.
    """

    def __init__(self, directory: Path, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._lock = threading.Lock()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._bytes = sum(one.stat().st_size for one in directory.iterdir())

    def get(self, locator: Locator, kind: str) -> bytes | None:
        """What was kept; None where nothing was, or was dropped since."""
        path = self._path(locator, kind)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def put(self, locator: Locator, kind: str, content: bytes) -> None:
        """Keep it, and drop others where it becomes too much."""
        path = self._path(locator, kind)
        temporary = path.with_name(f".{path.name}.{threading.get_ident()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(path)
        with self._lock:
            self._bytes += len(content)
            if self._bytes > self._limit:
                self._drop()

    def _drop(self) -> None:
        found = sorted((one.stat().st_mtime_ns, one.stat().st_size, one) for one in self._directory.iterdir())
        self._bytes = sum(size for _, size, _ in found)
        for _, size, path in found:
            if self._bytes <= self._limit * KEPT:
                return
            path.unlink(missing_ok=True)
            self._bytes -= size

    def _path(self, locator: Locator, kind: str) -> Path:
        text = f"{locator.file_id}/{locator.size}/{locator.mtime}".encode()
        return self._directory / f"{hashlib.blake2b(VERSION + text, digest_size=16).hexdigest()}.{kind}"
