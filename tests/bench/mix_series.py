"""The series of the mix: headers of pydicom's files with a series' own values, written once, with slots.

What makes a series is written by pydicom, raw and in its true length. What differs inside it is a slot that is
overwritten in a copy of the bytes, thousands of files a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

import pydicom
from pydicom.charset import convert_encodings
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import FileDataset
from pydicom.tag import BaseTag
from pydicom.uid import UID
from pydicom.valuerep import PersonName

from dicomdex_local.sample_studies import GIVEN_NAMES, number, uid
from dicomdex_local.sample_templates import PYDICOM_DATA
from tests.bench.mix_kinds import Kind
from tests.bench.mix_values import Draw, Slot

SEED = "mix"
PIXEL_DATA = 0x7FE00010
BLANK_UID = b"2.25." + b"1" * 39
ITEMS_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
STATIONS = 40
# Of 40 studies 30 write Latin-1, 5 UTF-8, and one each Cyrillic, Greek, Japanese, Korean and Chinese.
NAMES = (0, 4) * 15 + (1,) * 5 + (2, 3, 5, 6, 7)


@dataclass(frozen=True)
class Series:
    """Bytes of a file up to its pixel data's value, where its slots lie, and the pixel data.

    `slots`: (name, slot, offsets). `hole`: bytes of native pixel data, which are not written (the file is sparse);
    `pixels`: encapsulated pixel data as it is, item by item.
    """

    name: str
    header: bytes
    slots: tuple[tuple[str, Slot, tuple[int, ...]], ...]
    hole: int
    pixels: bytes

    def instance(self, place: int) -> bytes:
        """Bytes of instance `place`, counted from 0, without the hole."""
        content, draw = bytearray(self.header), Draw(self.name, place)
        for name, slot, offsets in self.slots:
            value = slot.value(draw, name).ljust(slot.length)
            for offset in offsets:
                content[offset : offset + slot.length] = value
        return bytes(content) + self.pixels


def make_series(kind: Kind, place: int) -> Series:
    """Series `place` of a kind, counted from 0."""
    source = PYDICOM_DATA / "test_files" / f"{kind.sources[place % len(kind.sources)]}.dcm"
    dataset, name = pydicom.dcmread(source), f"{kind.name} {place}"
    marks = kind.change(dataset)
    hole, pixels, element = _cut_pixels(dataset)
    _own_numbers(dataset, name)
    _write_values(dataset, _values(kind, place))
    _cut_slots(dataset, {key: slot for key, slot in kind.slots.items() if key not in marks})
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, dataset)
    header = buffer.getvalue() + element
    offsets = _offsets(header, kind.slots, marks)
    return Series(name, header, tuple((key, slot, offsets[key]) for key, slot in kind.slots.items()), hole, pixels)


def _offsets(header: bytes, slots: Iterable[str], marks: Mapping[str, bytes]) -> dict[str, tuple[int, ...]]:
    """Where the value of each slot lies, in bytes from the file's start."""
    written = pydicom.dcmread(BytesIO(header), stop_before_pixels=True)
    offsets: dict[str, tuple[int, ...]] = {}
    for name in slots:
        mark = marks.get(name)
        if mark is None:
            element = written.get_item(tag_for_keyword(name) or 0)
            offsets[name] = (element.value_tell,)
        else:
            offsets[name] = (header.index(mark),)
    # The file meta information repeats the UID: PS3.10 section 7.1.
    offsets["SOPInstanceUID"] += (header.index(BLANK_UID),)
    return offsets


def _cut_pixels(dataset: FileDataset) -> tuple[int, bytes, bytes]:
    """Take the pixel data and what follows it out: (bytes of the hole, encapsulated value, the element's header)."""
    pixels = dataset.get_item(PIXEL_DATA)
    for tag in [tag for tag in dataset.keys() if tag >= PIXEL_DATA]:  # noqa: SIM118  # iterating converts
        del dataset[tag]
    if pixels is None:
        return 0, b"", b""
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        return 0, pixels.value + ITEMS_END, b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff"
    hole = dataset.Rows * dataset.Columns * dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    vr = b"" if dataset.original_encoding[0] else b"OW\0\0"
    return hole, b"", b"\xe0\x7f\x10\0" + vr + hole.to_bytes(4, "little")


def _own_numbers(dataset: FileDataset, series: str) -> None:
    """Change the last digit of a third of the scanner's private numbers: they differ from series to series."""
    for tag in [tag for tag in dataset.keys() if tag.is_private]:  # noqa: SIM118
        element = dataset.get_item(tag)
        if isinstance(element, RawDataElement) and element.VR in ("DS", "IS") and not number(3, series, tag):
            value = (element.value or b"").rstrip()
            if value[-1:].isdigit():
                last = b"%d" % number(10, series, tag, "digit")
                dataset[tag] = element._replace(value=(value[:-1] + last).ljust(element.length))


def _values(kind: Kind, place: int) -> dict[str, bytes]:
    """What a study, a series and its equipment say, PS3.3 sections C.7.1 to C.7.5, and some technical parameters."""
    study = number(200, SEED, kind.name, place // 2)
    station, names = number(STATIONS, SEED, kind.name, study), (SEED, kind.name, place)
    day = f"2026{1 + number(12, *names, 'month'):02d}{1 + number(28, *names, 'day'):02d}"
    at = f"{8 + number(9, *names, 'hour'):02d}{number(60, *names, 'minute'):02d}{number(60, *names, 'second'):02d}"
    character_set, given = GIVEN_NAMES[NAMES[study % len(NAMES)]]
    name = PersonName(f"Family{study}^{given}").encode(convert_encodings(character_set.split("\\")))
    texts = {
        "SpecificCharacterSet": character_set, "PatientID": f"P{study:06d}", "PatientSex": "FMO"[study % 3],
        "PatientBirthDate": f"{1930 + study % 80}{1 + study % 12:02d}{1 + study % 28:02d}",
        "PatientSize": f"1.{50 + study % 50}", "PatientWeight": str(45 + study % 60),
        "InstanceCreationDate": day, "StudyDate": day, "SeriesDate": day, "AcquisitionDate": day, "ContentDate": day,
        "StudyTime": at, "SeriesTime": at, "AccessionNumber": f"A{study:07d}", "StudyID": str(study),
        "StudyInstanceUID": uid(SEED, "study", kind.name, study), "SeriesInstanceUID": uid("series", *names),
        "SeriesNumber": str(1 + place % 9), "FrameOfReferenceUID": uid("frame of reference", *names),
        "StudyDescription": f"{kind.name} study {study % 30}", "SeriesDescription": f"series {place} of {kind.name}",
        "ProtocolName": f"protocol {number(50, *names)}", "ReferringPhysicianName": f"Doctor^No {study % 23}",
        "InstitutionName": f"Hospital {station % 3}", "StationName": f"{kind.name[:2]}{station}",
        "ManufacturerModelName": f"Model {station % 7}", "DeviceSerialNumber": str(10_000 + station),
        "PatientAddress": f"Street {study}^^{1000 + study}^^Town", "PatientAge": f"{study % 90:03d}Y",
        "OperatorsName": f"Operator^{number(12, *names, 'operator')}",
        "KVP": str((80, 100, 120, 140)[number(4, *names)]), "SliceThickness": f"{1 + number(40, *names) / 8}",
        "ReconstructionDiameter": str(200 + number(300, *names)), "RepetitionTime": str(300 + number(900, *names)),
        "EchoTime": f"{2 + number(900, *names) / 16}", "FlipAngle": str(5 + number(85, *names)),
        "PixelSpacing": "\\".join([f"{0.3 + number(6000, *names) / 10000:.4f}"] * 2),
    }  # fmt: skip
    return {"PatientName": name, **{keyword: text.encode("ascii") for keyword, text in texts.items()}}


def _write_values(dataset: FileDataset, values: Mapping[str, bytes]) -> None:
    """Set raw elements, so that pydicom writes them byte for byte."""
    implicit = bool(dataset.original_encoding[0])
    for keyword, value in values.items():
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        vr = dictionary_VR(tag)
        padded = value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2)
        dataset[tag] = RawDataElement(tag, vr, len(padded), padded, 0, implicit, True)
    # Nothing was re-encoded: without this pydicom would convert every element while it writes.
    character_set = values["SpecificCharacterSet"].decode("ascii").split("\\")
    dataset.set_original_encoding(implicit, True, convert_encodings(character_set))
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(BLANK_UID.decode())


def _cut_slots(dataset: FileDataset, slots: Mapping[str, Slot]) -> None:
    """Give each keyword an element of its slot's length."""
    implicit = bool(dataset.original_encoding[0])
    for keyword, slot in slots.items():
        tag = BaseTag(tag_for_keyword(keyword) or 0)
        dataset[tag] = RawDataElement(tag, slot.vr, slot.length, b" " * slot.length, 0, implicit, True)
