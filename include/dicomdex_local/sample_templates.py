"""Templates of the generated hospital: real headers of pydicom's files with slots that are overwritten in place.

Each promoted value gets a slot of fixed length. The file is written once; after that an instance is a copy of its
bytes with the slots overwritten, thousands a second, and everything around the slots stays as the scanner wrote it.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pydicom
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

PYDICOM_DATA = Path(pydicom.__file__).parent / "data"
PIXEL_DATA = Tag(0x7FE00010)

# Bytes of a slot by VR, PS3.5 table 6.2-1: never above the VR's maximum.
# A DT of microseconds takes 21 bytes, a UI of `2.25.` and 39 digits 44.
SLOT_LENGTHS = {
    "AS": 4, "CS": 16, "DA": 8, "DS": 16, "DT": 22, "IS": 12, "LO": 64, "LT": 64, "PN": 64, "SH": 16, "ST": 64,
    "TM": 14, "UI": 44,
}  # fmt: skip
# pydicom looks at this element when it is set, so it can't be blank; 16 bytes as the slot.
LONGEST_CHARACTER_SET = b"\\ISO 2022 IR 149"
BLANK_UID = "2.25." + "1" * 39
THREE_NUMBERS = {"ImagePositionPatient"}

STUDY_SLOTS = (
    "PatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "PatientSize", "PatientWeight",
    "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription",
    "ReferringPhysicianName", "SpecificCharacterSet", "InstitutionName",
)  # fmt: skip
SERIES_SLOTS = (
    "SeriesInstanceUID", "SeriesNumber", "SeriesDate", "SeriesTime", "SeriesDescription", "ProtocolName",
    "StationName", "DeviceSerialNumber", "BodyPartExamined", "FrameOfReferenceUID",
)  # fmt: skip
INSTANCE_SLOTS = (
    "SOPInstanceUID", "InstanceNumber", "InstanceCreationDate", "InstanceCreationTime", "InstanceCreatorUID",
    "ContentDate", "ContentTime",
)  # fmt: skip
ACQUISITION_SLOTS = (
    "AcquisitionDate", "AcquisitionTime", "AcquisitionDateTime", "AcquisitionNumber", "ImageComments",
    "DerivationDescription", "WindowCenter", "WindowWidth", "ImagePositionPatient", "SliceLocation",
)  # fmt: skip
CT_SLOTS = (
    "KVP", "ExposureTime", "XRayTubeCurrent", "Exposure", "TableHeight", "GeneratorPower", "DistanceSourceToDetector",
    "ReconstructionDiameter", "GantryDetectorTilt", "DataCollectionDiameter",
    "DistanceSourceToPatient", "IrradiationEventUID",
)  # fmt: skip
MR_SLOTS = ("RepetitionTime", "EchoTime", "InversionTime", "TriggerTime", "FlipAngle", "MagneticFieldStrength")


Places = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Template:
    """Bytes of a DICOM file and where its slots lie.

    `slots`: keyword -> (offset, length) of each place that holds the value, in bytes from the file's start.
    `pixels_at`: first byte of the pixel data element's tag; the file's length where there is none.
    """

    content: bytes
    slots: Mapping[str, Places]
    pixels_at: int

    def filled(self, values: Mapping[str, bytes], content: bytes | None = None) -> bytes:
        """A copy of `content` (the template's own by default) with the slots of `values` overwritten.

        Values for which this template has no slot are left out; ValueError when one is longer than its slot.
        """
        filled = bytearray(self.content if content is None else content)
        for keyword, value in values.items():
            for offset, length in self.slots.get(keyword, ()):
                if len(value) > length:
                    raise ValueError(f"{keyword} takes {length} bytes, not {len(value)}")
                filled[offset : offset + length] = value.ljust(length)
        return bytes(filled)


def _keywords(modality: str) -> tuple[str, ...]:
    every = STUDY_SLOTS + SERIES_SLOTS + INSTANCE_SLOTS
    if modality in ("SR", "RTPLAN"):
        return every
    return every + ACQUISITION_SLOTS + {"CT": CT_SLOTS, "MR": MR_SLOTS}.get(modality, ())


def _length(keyword: str, vr: str) -> int:
    return 3 * SLOT_LENGTHS[vr] if keyword in THREE_NUMBERS else SLOT_LENGTHS[vr]


def _cut_slots(dataset: FileDataset, keywords: tuple[str, ...]) -> None:
    """Give each keyword a raw element of its slot's length; raw, so that pydicom writes it byte for byte."""
    implicit, little = bool(dataset.original_encoding[0]), bool(dataset.original_encoding[1])
    for keyword in keywords:
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        vr = dictionary_VR(tag)
        length = _length(keyword, vr)
        value = LONGEST_CHARACTER_SET if keyword == "SpecificCharacterSet" else b" " * length
        dataset[tag] = RawDataElement(tag, vr, length, value, 0, implicit, little)
    # Nothing was re-encoded: without this pydicom would convert every element while it writes.
    dataset.set_original_encoding(implicit, little, convert_encodings(["", "ISO 2022 IR 149"]))
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(BLANK_UID)


def _offsets(dataset: Dataset) -> dict[BaseTag, int]:
    """Where each top-level element's value begins, in bytes from the file's start."""
    elements = {tag: dataset.get_item(tag) for tag in dataset.keys()}  # noqa: SIM118  # iterating converts
    return {
        tag: element.value_tell if isinstance(element, RawDataElement) else int(element.file_tell or 0)
        for tag, element in elements.items()
        if element is not None
    }


def _slots(content: bytes, offsets: dict[BaseTag, int], keywords: tuple[str, ...]) -> dict[str, Places]:
    slots: dict[str, Places] = {}
    for keyword in keywords:
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        slots[keyword] = ((offsets[tag], _length(keyword, dictionary_VR(tag))),)
    # The file meta information repeats the UID: PS3.10 7.1.
    slots["SOPInstanceUID"] += ((content.index(BLANK_UID.encode()), SLOT_LENGTHS["UI"]),)
    return slots


@cache
def template(name: str) -> Template:
    """The template made of `test_files/<name>.dcm` of pydicom."""
    dataset = pydicom.dcmread(PYDICOM_DATA / "test_files" / f"{name}.dcm")
    keywords = _keywords(str(dataset.Modality))
    _cut_slots(dataset, keywords)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    content = buffer.getvalue()
    written = pydicom.dcmread(io.BytesIO(content))
    offsets = _offsets(written)
    # An explicit OB or OW element begins with tag, VR, two reserved bytes and a length of four: PS3.5 7.1.2.
    element_header = 8 if written.original_encoding[0] else 12
    pixels_at = offsets[PIXEL_DATA] - element_header if PIXEL_DATA in offsets else len(content)
    return Template(content, _slots(content, offsets, keywords), pixels_at)
