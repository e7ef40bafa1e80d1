"""A file the walker passed on -> its Reading: the strict length scan judges it, pydicom reads it."""

from __future__ import annotations

from typing import Any, BinaryIO, cast

import orjson

from dicomdex.extract import silence
from dicomdex.extract.doubt import SOP_CLASS, SOP_INSTANCE, UID
from dicomdex.extract.header import HeaderWriter, Json
from dicomdex.extract.judge import digest, judge_zeros, missing, sop_class
from dicomdex.extract.layout import Layout
from dicomdex.extract.parse import parse
from dicomdex.extract.part10 import DICOMDIR_CLASS, Frame
from dicomdex.extract.pixels import frame_offsets
from dicomdex.extract.promote import promote
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import Rejected
from dicomdex.extract.window import WindowFile

DIRECTORY_RECORDS = 0x00041220


def read_scanned(frame: Frame, layout: Layout, parser: str) -> Reading:
    """The record of a file that the scan has walked to its end. Raises Rejected where it is none."""
    if frame.media_class == DICOMDIR_CLASS or DIRECTORY_RECORDS in layout.elements:
        raise Rejected("dicomdir")
    if not frame.part10 and not {SOP_CLASS, SOP_INSTANCE} <= layout.elements.keys():
        raise Rejected("not_dicom", "no DICM prefix, and no SOP Class and Instance UID")
    if layout.zeros is not None:
        judge_zeros(frame, layout)
    with silence.pydicom():
        return _record(frame, layout, parser)


def _record(frame: Frame, layout: Layout, parser: str) -> Reading:
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
        header_digest=digest(frame, layout),
        pixel_offset=layout.pixel.offset if layout.pixel and not frame.deflated else None,
        pixel_length=layout.pixel_length,
        frame_offsets=offsets,
        parser=parser,
    )


def _note(writer: HeaderWriter, frame: Frame, layout: Layout) -> None:
    """Warnings of the frame and the scan."""
    for rule in frame.warnings:
        writer.warn(rule)
    if layout.stray:
        writer.warn("stray_delimiter")
    if layout.pixel is None:
        lacks = missing(sop_class(frame, layout) or "", lambda tag: tag in layout.elements)
        if lacks is not None:
            writer.warn(*lacks)
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
