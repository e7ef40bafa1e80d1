"""An open file -> what its bytes say: a record with its header, or a reject with its reason.

The walker reads what is regular, nearly every file. What it passes on is judged by the strict length scan and read by
pydicom over the same bytes; the row says so. `read` is the seam: whoever reads behind it, the Reading is the same.
"""

from __future__ import annotations

from importlib.metadata import version

from dicomdex.entry import Bytes
from dicomdex.extract.doubt import PARSE_ERRORS, SOP_CLASS, SOP_INSTANCE, UID, Doubt
from dicomdex.extract.memo import Memo
from dicomdex.extract.part10 import DICOMDIR_CLASS, Frame, open_frame
from dicomdex.extract.reading import Reading
from dicomdex.extract.record import record
from dicomdex.extract.reject import Reject, Rejected
from dicomdex.extract.walker import Walker
from dicomdex.extract.window import StorageFailed, Window

WALKER = "walker 1"
PYDICOM = f"pydicom {version('pydicom')}"
READER = f"{WALKER}, {PYDICOM}"  # what a manifest was read with: another one may read it otherwise

__all__ = ["PYDICOM", "READER", "SOP_CLASS", "SOP_INSTANCE", "UID", "WALKER", "read"]


def read(source: Bytes, memo: Memo | None = None) -> Reading:
    """Read one file. Rejects are values; an OSError of the storage propagates as it was raised, and a MemoryError too:
    what holds the memory may be another file's, so that this one has to be read once more alone.

    `memo` keeps what was converted for the files that follow; it changes the time this takes, never its result.
    """
    window = Window(source)
    try:
        return _read(window, memo)
    except Rejected as rejected:
        return _reject(rejected.reject)
    except StorageFailed as failed:
        raise failed.error from None
    except PARSE_ERRORS as error:  # a defect of the reader: it must cost one file, not the batch
        return _reject(Reject("crashed", type(error).__name__))


def _reject(reject: Reject) -> Reading:
    return Reading("reject", reject.reason, reject.detail, parser=WALKER)


def _read(window: Window, memo: Memo | None) -> Reading:
    """Without the DICM prefix, what can't be walked to its end is no DICOM at all."""
    if window.size == 0:
        raise Rejected("empty")
    try:
        frame = open_frame(window)
        try:
            return _walked(frame, memo)
        except Doubt as doubt:
            frame.warnings.append(doubt.warning)
        layout = frame.scan()
    except Rejected as rejected:
        if rejected.reject.reason == "limit" or window.take(128, 4) == b"DICM":
            raise
        raise Rejected("not_dicom", "no DICM prefix, and no data set that can be walked") from None
    from dicomdex.extract.fallback import read_scanned  # with pydicom: 0.3 s that many batches never need

    return read_scanned(frame, layout, PYDICOM)


def _walked(frame: Frame, memo: Memo | None) -> Reading:
    """The record as the walker reads it. Raises Doubt."""
    if frame.media_class == DICOMDIR_CLASS:
        raise Doubt("dicomdir")
    try:
        walker = Walker(frame, memo)
        header = walker.walk()
        return record(walker, frame, header, WALKER)
    except PARSE_ERRORS:
        raise Doubt("defect") from None
