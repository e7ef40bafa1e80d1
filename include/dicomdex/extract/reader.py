"""An open file -> what its bytes say: a record with its header, or a reject with its reason.

The order is that of trust: size, magic, strict length scan, then pydicom over the same bytes, without the pixel data.
`read` is the seam: whatever parses behind it, the Reading is the same.
"""

from __future__ import annotations

import hashlib
import logging
import re
import warnings as python_warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

import orjson
import pydicom

from dicomdex.extract.header import PARSE_ERRORS, HeaderWriter, Json
from dicomdex.extract.layout import Layout
from dicomdex.extract.parse import parse
from dicomdex.extract.part10 import DICOMDIR_CLASS, Frame, open_frame
from dicomdex.extract.pixels import frame_offsets
from dicomdex.extract.promote import promote
from dicomdex.extract.reject import Reject, Rejected
from dicomdex.extract.row import Reading
from dicomdex.extract.window import ByteSource, StorageFailed, Window, WindowFile

PARSER = f"pydicom {pydicom.__version__}"

SOP_CLASS, SOP_INSTANCE, DIRECTORY_RECORDS, ROWS = 0x00080016, 0x00080018, 0x00041220, 0x00280010
UID = re.compile(r"(?=\.*[0-9])[0-9.]{1,64}").fullmatch


def read(source: ByteSource) -> Reading:
    """Read one file. Rejects are values; an OSError of the storage propagates as it was raised."""
    window = Window(source)
    try:
        with _silence():
            return _read(window)
    except Rejected as rejected:
        return _reject(rejected.reject)
    except StorageFailed as failed:
        raise failed.error from None
    except MemoryError:
        return _reject(Reject("limit", "the header does not fit into memory"))
    except PARSE_ERRORS as error:  # a defect of the reader: it must cost one file, not the batch
        return _reject(Reject("crashed", type(error).__name__))


def _reject(reject: Reject) -> Reading:
    return Reading("reject", reject.reason, reject.detail, parser=PARSER)


@contextmanager
def _silence() -> Iterator[None]:
    """pydicom's warnings and log lines quote values of the file: none of them gets out."""
    logger = logging.getLogger("pydicom")
    before, logger.disabled = logger.disabled, True
    try:
        with python_warnings.catch_warnings():
            python_warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _read(window: Window) -> Reading:
    if window.size == 0:
        raise Rejected("empty")
    frame, layout = _scanned(window)
    if frame.media_class == DICOMDIR_CLASS or DIRECTORY_RECORDS in layout.elements:
        raise Rejected("dicomdir")
    if not frame.part10 and not {SOP_CLASS, SOP_INSTANCE} <= layout.elements.keys():
        raise Rejected("not_dicom", "no DICM prefix, and no SOP Class and Instance UID")
    if layout.zeros is not None:
        _judge_zeros(frame, layout)
    return _record(frame, layout)


def _scanned(window: Window) -> tuple[Frame, Layout]:
    """The scan; without the DICM prefix, what can't be walked to its end is no DICOM at all."""
    try:
        frame = open_frame(window)
        return frame, frame.scan()
    except Rejected as rejected:
        if rejected.reject.reason == "limit" or window.take(128, 4) == b"DICM":
            raise
        raise Rejected("not_dicom", "no DICM prefix, and no data set that can be walked") from None


def _judge_zeros(frame: Frame, layout: Layout) -> None:
    """Zeros behind a whole data set are padding; before the pixel data came they show a copy that was not finished."""
    before = frame.window.glance(max(0, layout.end - 2), 2)
    if layout.pixel is None and (_wants_pixels(frame, layout, unknown=True) or before == b"\0\0"):
        raise Rejected("trailing_zeros", "zeros from the end of the last whole element on", layout.zeros)
    frame.warnings.append("trailing_zeros")


def _wants_pixels(frame: Frame, layout: Layout, *, unknown: bool) -> bool:
    """Whether pixel data is due: Rows is there, or the SOP Class is one of image storage (PS3.4 table B.5-1).

    `unknown` is the answer for a SOP Class that PS3.6 does not list.
    """
    element = layout.elements.get(SOP_CLASS)
    if ROWS in layout.elements:
        return True
    if element is None:
        return unknown
    uid = frame.window.take(element.offset, min(element.length, 64)).decode("latin-1").rstrip("\0 ")
    name = pydicom.uid.UID(uid).name
    return unknown if name == uid else "Image Storage" in name


def _record(frame: Frame, layout: Layout) -> Reading:
    dataset, agreed = parse(frame, layout)
    file = cast(BinaryIO, WindowFile(frame.window))
    writer = HeaderWriter(file, layout.broken, deflated=frame.deflated)
    _note(writer, frame, layout)
    if not agreed:
        writer.warn("read_one_by_one")
    header = writer.write(dataset)
    _check_uid(header, frame, writer)
    columns = promote(header, writer.warn)
    columns["transfer_syntax_uid"] = frame.transfer_syntax
    offsets = frame_offsets(frame, layout, columns, writer.warn)
    return Reading(
        "record",
        warnings=tuple(writer.warnings),
        columns=columns,
        header=orjson.dumps(header).decode("utf-8"),
        header_digest=_digest(frame, layout),
        pixel_offset=layout.pixel.offset if layout.pixel and not frame.deflated else None,
        pixel_length=layout.pixel_length,
        frame_offsets=offsets,
        parser=PARSER,
    )


def _note(writer: HeaderWriter, frame: Frame, layout: Layout) -> None:
    """Warnings of the frame and the scan."""
    for rule in frame.warnings:
        writer.warn(rule)
    if layout.stray:
        writer.warn("stray_delimiter")
    if layout.pixel is None and _wants_pixels(frame, layout, unknown=False):
        writer.warn("no_pixel_data")
    for tag in layout.repeated:
        writer.warn("repeated", tag)
    for tag in layout.after:
        if tag >> 16 < 0x7FE0:
            writer.warn("after_pixel_data", tag)


def _check_uid(header: Json, frame: Frame, writer: HeaderWriter) -> None:
    """The SOP Instance UID of the data set counts (PS3.3 C.12.1); the file meta information's only warns."""
    element = header.get(f"{SOP_INSTANCE:08X}")
    if element is None:
        raise Rejected("no_sop_instance_uid")
    found: list[Any] = element.get("Value", [])
    if len(found) != 1 or not isinstance(found[0], str) or not UID(found[0]):
        raise Rejected("bad_uid")
    if frame.media_uid is not None and frame.media_uid != found[0]:
        writer.warn("media_storage_uid_differs")


def _digest(frame: Frame, layout: Layout) -> str:
    """SHA-256 of the raw bytes before the pixel data; values over 1 MB count by place and length alone.

    It only finds candidates for duplicates, whose files are then compared in full.
    """
    digest = hashlib.sha256(frame.meta_raw)
    at = 0
    for offset, length in layout.large:
        if offset >= layout.header_end:
            break
        digest.update(frame.window.take(at, offset - at) + b"%d" % length)
        at = offset + length
    digest.update(frame.window.take(at, layout.header_end - at))
    return digest.hexdigest()
