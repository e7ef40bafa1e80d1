"""The two ways to a Reading, each for itself: by the walker, and by the scan and pydicom that it falls back on."""

from __future__ import annotations

from dicomdex.extract.doubt import Doubt
from dicomdex.extract.fallback import read_scanned
from dicomdex.extract.memo import Memo
from dicomdex.extract.part10 import open_frame
from dicomdex.extract.reading import Reading
from dicomdex.extract.record import record
from dicomdex.extract.reject import Rejected
from dicomdex.extract.walker import Walker
from dicomdex.extract.window import Window
from tests.factories import MemorySource


def walked(content: bytes, memo: Memo | None = None) -> Reading | Doubt:
    """As the walker reads it, or its doubt; a defect of the walker is raised."""
    frame = open_frame(Window(MemorySource(content)))
    walker = Walker(frame, memo)
    try:
        return record(walker, frame, walker.walk(), "")
    except Doubt as doubt:
        return doubt


def by_pydicom(content: bytes) -> Reading | None:
    """As the scan and pydicom read it; None where it is no record."""
    try:
        frame = open_frame(Window(MemorySource(content)))
        return read_scanned(frame, frame.scan(), "")
    except Rejected:
        return None


def same(content: bytes, memo: Memo | None = None) -> Reading:
    """The Reading of a file that both read, once it is proven to be one; an assertion error where they differ."""
    ours, theirs = walked(content, memo), by_pydicom(content)
    assert isinstance(ours, Reading), getattr(ours, "warning", "")
    assert theirs is not None
    assert ours._replace(columns={}) == theirs._replace(columns={})
    assert ours.columns == theirs.columns
    return ours


def same_or_doubted(content: bytes, memo: Memo | None = None) -> None:
    """Either the walker is in doubt, or it finds what pydicom finds; never a record where the scan has a reject."""
    if isinstance(walked(content, memo), Reading):
        same(content, memo)
