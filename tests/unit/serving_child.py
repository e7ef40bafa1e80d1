"""A serving child whose thumbnails are what the test files ask for: some kill, spin or eat memory."""

from __future__ import annotations

import os
import signal

from dicomdex.adapters import served_child, served_pixels
from dicomdex.entry import ByteSource


def thumbnail(source: ByteSource) -> bytes:
    wanted = source.read_at(0, 20)
    if wanted == b"kill":
        os.kill(os.getpid(), signal.SIGSEGV)
    while wanted == b"spin":
        pass
    if wanted == b"eat":
        kept = [bytearray(64 << 20) for _ in range(100)]
        return bytes(len(kept))
    if wanted == b"hang":
        signal.pause()
    if wanted == b"defect":
        raise ValueError("ZZCANARY")
    if wanted == b"print":
        os.write(1, b"noise on standard output")
        print("more noise")
    return wanted


served_pixels.thumbnail = thumbnail
served_child.main()
