"""The kinds of series in the mix: which of pydicom's files each is made of, and its share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag
from pydicom.uid import RLELossless

from dicomdex_local.sample_templates import PYDICOM_DATA
from tests.bench.mix_values import CT, DATE_TIME, DECIMAL, EVERY, IMAGE, MR, UID, Slot

MEASUREMENTS = 8  # added to a structured report, each with its value, its time and its UID
CSA_ROW, CSA_CHANGING = b"%-64s%20d", b"00291210.3"
CSA = {0x00291210: 12_000, 0x00291220: 51_300}  # bytes; with the file's own 31 KB a header of 95 KB


@dataclass(frozen=True)
class Kind:
    """A kind of series: pydicom's files it is made of, in turn, its share of the files in percent, how many series.

    `slots` differ by instance; `change` makes of pydicom's file what is wanted and gives the bytes that mark slots
    inside of sequences.
    """

    name: str
    sources: tuple[str, ...]
    percent: int
    series: int
    slots: Mapping[str, Slot]
    change: Callable[[FileDataset], dict[str, bytes]]


def _unchanged(_dataset: FileDataset) -> dict[str, bytes]:
    return {}


def _ct(dataset: FileDataset) -> dict[str, bytes]:
    dataset.Rows = dataset.Columns = 512
    return {}


def _siemens(dataset: FileDataset) -> dict[str, bytes]:
    """Add the two private CSA headers, of the size they have: tables of names and numbers."""
    dataset[0x00290012] = RawDataElement(BaseTag(0x00290012), "LO", 18, b"SIEMENS CSA HEADER", 0, False, True)
    for tag, length in CSA.items():
        rows = b"".join(CSA_ROW % (b"%08X.%d" % (tag, row), row * 7919) for row in range(length // 84))
        value = (b"SV10\4\3\2\1" + rows).ljust(length, b"\0")
        dataset[tag] = RawDataElement(BaseTag(tag), "OB", length, value, 0, False, True)
    return {"CSA image header": CSA_ROW % (CSA_CHANGING, 3 * 7919)}


def _ultrasound(dataset: FileDataset) -> dict[str, bytes]:
    """RLE pixel data of another of pydicom's files, of 100 x 100 RGB."""
    other = pydicom.dcmread(PYDICOM_DATA / "test_files" / "SC_rgb_rle.dcm")
    dataset.file_meta.TransferSyntaxUID = RLELossless
    dataset.Rows, dataset.Columns = other.Rows, other.Columns
    dataset.PixelData = other.PixelData
    return {}


def _in_ascii(_dataset: Dataset, element: DataElement) -> None:
    if element.VR in ("PN", "LO", "ST", "UT"):
        element.value = str(element.value).encode("ascii", "replace").decode("ascii")


def _report(dataset: FileDataset) -> dict[str, bytes]:
    """Add measurements to the content tree, PS3.3 section C.17.3; its text in ASCII goes with any character set."""
    dataset.walk(_in_ascii)
    marks: dict[str, bytes] = {}
    for place in range(MEASUREMENTS):
        value, time, uid = f"{9 * 10**9 + place}", f"20991231{place:06d}.000000", f"2.25.{10**38 + place}"
        measured, item = Dataset(), Dataset()
        measured.NumericValue = value
        item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
        item.ObservationDateTime, item.ObservationUID = time, uid
        item.MeasuredValueSequence = [measured]
        dataset.ContentSequence.append(item)
        marks |= {f"{part}{place}": mark.encode() for part, mark in (("value", value), ("time", time), ("uid", uid))}
    return marks


SIEMENS = {
    **MR,
    "CSA image header": Slot("OB", 84, lambda draw, name: CSA_ROW % (CSA_CHANGING, draw.number(name, 10**9))),
}
REPORT = {
    **EVERY,
    **{f"{part}{place}": slot for place in range(MEASUREMENTS)
       for part, slot in (("value", DECIMAL), ("time", DATE_TIME), ("uid", UID))},
}  # fmt: skip
KINDS = (
    Kind("CT", ("CT_small",), 62, 120, CT, _ct),
    Kind("MR", ("MR_small", "MR_small_implicit"), 15, 60, MR, _unchanged),
    Kind("MR Siemens", ("examples_overlay",), 7, 36, SIEMENS, _siemens),
    Kind("US RLE", ("examples_rgb_color",), 6, 36, IMAGE, _ultrasound),
    Kind("CT J2K", ("J2K_pixelrep_mismatch", "693_J2KI"), 7, 30, CT, _unchanged),
    Kind("SR", ("reportsi", "test-SR"), 3, 18, REPORT, _report),
)
