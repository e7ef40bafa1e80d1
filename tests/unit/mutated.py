"""pydicom's files with a few bytes changed, taken out, doubled or made odd: the same ones for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

from tests.factories import pydicom_files

ODD = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\\\\\\\\", b"    ", b"\x1b$B\xff", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0")
LARGEST = 200_000


@lru_cache
def originals() -> tuple[bytes, ...]:
    """pydicom's files but for the largest."""
    return tuple(content for _, content in pydicom_files() if len(content) < LARGEST)


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """`count` files, each with one to three changes in its first 6,000 bytes."""
    chance = random.Random(seed)
    for _ in range(count):
        content = bytearray(chance.choice(originals()))
        reach = chance.choice((400, 2_000, 6_000))
        for _ in range(chance.randrange(1, 4)):
            _change(content, min(len(content), reach), chance)
        yield bytes(content)


def _change(content: bytearray, reach: int, chance: random.Random) -> None:
    """Most changes keep the length, so that the lengths after them still hold."""
    at, kind = chance.randrange(max(reach, 1)), chance.randrange(10)
    if kind < 3:
        content[at : at + 1] = bytes([chance.randrange(256)])
    elif kind < 6 and at < len(content):
        content[at] ^= 1 << chance.randrange(8)
    elif kind < 8:
        content[at : at + 4] = chance.choice(ODD)
    elif kind == 8:
        del content[at : at + chance.choice((1, 2, 4, 8, 12))]
    else:
        begin = chance.randrange(max(reach, 1))
        content[at:at] = content[begin : begin + chance.choice((8, 12, 16, 30))]
