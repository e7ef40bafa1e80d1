"""What patients, studies and series of the generated collection say: values by keyword, drawn from a number.

Vocabulary is wide enough that an index over it behaves: 2,744 family names, 40 given names, 4,000 study and 20,000
series descriptions, 60 scanners. A value is absent where its kind of series has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

Values = dict[str, Any]  # keyword -> value, in the type of its column

SYLLABLES = ("ba", "cor", "del", "fen", "gar", "hol", "jan", "ker", "lin", "mos", "ner", "pal", "ros", "tam")
GIVEN = (
    "Anna", "Bo", "Carla", "David", "Elif", "Fatima", "Georg", "Hana", "Ivan", "Jérôme", "Karin", "Lars", "Mia", "Noah",
    "Olga", "Paul", "Quentin", "Rosa", "Sven", "Tuğba", "Uwe", "Vera", "Wei", "Xenia", "Yusuf", "Zoë", "Amir", "Birgit",
    "Chiara", "Diego", "Eva", "Franz", "Greta", "Hugo", "Ines", "Jonas", "Kofi", "Lea", "Marek", "Nadia",
)  # fmt: skip
REGIONS = (
    "CHEST", "ABDOMEN", "PELVIS", "HEAD", "BRAIN", "NECK", "SPINE", "CSPINE", "LSPINE", "KNEE", "HIP", "SHOULDER",
    "HAND", "FOOT", "ANKLE", "HEART", "LIVER", "KIDNEY", "BREAST", "EXTREMITY",
)  # fmt: skip
PURPOSES = (
    "routine", "follow-up", "staging", "trauma", "screening", "pre-operative", "post-operative", "emergency", "biopsy",
    "angiography", "perfusion", "second opinion", "research", "therapy planning", "infection", "pain", "metastases",
    "stroke", "embolism", "control",
)  # fmt: skip
WAYS = ("native", "contrast", "arterial", "venous", "delayed", "low dose", "thin", "dynamic", "gated", "fast")
PLANES = ("axial", "coronal", "sagittal", "oblique", "volume")
TECHNIQUES = (
    "soft", "lung", "bone", "T1", "T2", "FLAIR", "DWI", "STIR", "PD", "TOF", "MIP", "MPR", "localizer", "scout",
    "recon", "B-mode", "doppler", "projection", "sharp", "smooth",
)  # fmt: skip
MAKERS = (("SIEMENS", "SOMATOM"), ("GE MEDICAL SYSTEMS", "Revolution"), ("Philips", "Ingenia"), ("Canon", "Aquilion"))
SCANNERS, WARDS, PHYSICIANS = 60, 25, 150
FIRST_DAY = date(2015, 1, 1)
DAYS = 4_000


@dataclass(frozen=True)
class Modality:
    """A kind of series: its share in percent of all series, instances at least and at most, pixels, its parameters."""

    name: str
    sop_class: str
    percent: int
    least: int
    most: int
    side: int
    numbers: Mapping[str, tuple[float, float]]


_CT = {"KVP": (80, 140), "SliceThickness": (0.5, 5), "RescaleIntercept": (-1024, -1024), "RescaleSlope": (1, 1)}
_MR = {
    "RepetitionTime": (300, 9000), "EchoTime": (2, 120), "MagneticFieldStrength": (1.5, 3), "FlipAngle": (5, 180),
    "SliceThickness": (0.8, 5), "SpacingBetweenSlices": (1, 6),
}  # fmt: skip
MODALITIES = (
    Modality("CT", "1.2.840.10008.5.1.4.1.1.2", 45, 20, 130, 512, _CT),
    Modality("MR", "1.2.840.10008.5.1.4.1.1.4", 35, 16, 80, 320, _MR),
    Modality("US", "1.2.840.10008.5.1.4.1.1.6.1", 6, 4, 30, 640, {}),
    Modality("DX", "1.2.840.10008.5.1.4.1.1.1.1", 6, 1, 3, 2048, {"KVP": (50, 120)}),
    Modality("PT", "1.2.840.10008.5.1.4.1.1.128", 4, 60, 200, 200, {"SliceThickness": (2, 4)}),
    Modality("SR", "1.2.840.10008.5.1.4.1.1.88.22", 4, 1, 2, 0, {}),
)


def study_values(number: int, uid: str) -> Values:
    """Patient and study attributes of a study; four studies in ten are of a patient who has others."""
    draw = Random(f"study {number}")
    person = Random(f"patient {number - number % 5 if draw.random() < 0.4 else number}")
    family = "".join(person.choices(SYLLABLES, k=3)).capitalize()
    day = FIRST_DAY + timedelta(draw.randrange(DAYS))
    born = FIRST_DAY - timedelta(person.randrange(32_000))
    region, purpose, way = draw.choice(REGIONS), draw.choice(PURPOSES), draw.choice(WAYS)
    values: Values = {
        "PatientID": f"P{person.randrange(10**8):08d}",
        "PatientName": f"{family}^{person.choice(GIVEN)}",
        "PatientBirthDate": born,
        "PatientSex": person.choice("FM"),
        "PatientAge": f"{max(0, (day - born).days // 365):03d}Y",
        "PatientSize": round(person.uniform(1.4, 2.0), 2),
        "PatientWeight": float(person.randrange(45, 120)),
        "StudyInstanceUID": uid,
        "StudyID": str(number % 100_000),
        "StudyDate": day,
        "StudyTime": _time(draw),
        "AccessionNumber": f"A{draw.randrange(10**9):09d}",
        "StudyDescription": f"{region.capitalize()} {way} {purpose}",
        "ReferringPhysicianName": f"Doctor{draw.randrange(PHYSICIANS)}^{draw.choice(GIVEN)}",
        "RequestedProcedureDescription": f"{region.capitalize()} {purpose}",
        "ProcedureCodeSequence_CodeMeaning": [f"{region.capitalize()} imaging procedure"],
        "SpecificCharacterSet": ["ISO_IR 192"],
        "BodyPartExamined": region,
    }
    return values


def series_values(study: Values, number: int, uid: str, modality: Modality) -> Values:
    """All attributes that the instances of a series have in common, those of its study among them."""
    draw = Random(f"series {number}")
    named = f"{draw.choice(PLANES)} {draw.choice(TECHNIQUES)} {draw.choice(WAYS)} {draw.randrange(1, 21)}"
    day, at = study["StudyDate"], _time(draw)
    own = {
        "SeriesInstanceUID": uid,
        "SeriesNumber": 1 + number % 12,
        "SeriesDescription": named,
        "ProtocolName": f"{study['BodyPartExamined']} {named.split()[1]} {draw.randrange(40)}",
        "Modality": modality.name,
        "PatientPosition": draw.choice(("HFS", "FFS", "HFP")),
        "FrameOfReferenceUID": f"{uid}.0",
        "OperatorsName": [f"Operator{draw.randrange(80)}"],
        "PerformedProcedureStepDescription": study["StudyDescription"],
        "RequestAttributesSequence_RequestedProcedureID": [f"R{number % 10**7}"],
        "SOPClassUID": modality.sop_class,
        "TransferSyntaxUID": draw.choice(("1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.70")),
        "ImageType": ["ORIGINAL", "PRIMARY", draw.choice(("AXIAL", "M", "OTHER", "LOCALIZER"))],
        **dict.fromkeys(("SeriesTime", "PerformedProcedureStepStartTime"), at),
        **dict.fromkeys(("SeriesDate", "PerformedProcedureStepStartDate"), day),
        **dict.fromkeys(("InstanceCreationDate", "ContentDate", "AcquisitionDate"), day),
    }
    return study | own | _of_equipment(draw, modality) | _of_pixels(draw, modality) | _of_technique(draw, modality)


def _of_equipment(draw: Random, modality: Modality) -> Values:
    """General Equipment, PS3.3 C.7.5.1."""
    scanner = draw.randrange(SCANNERS)
    maker, model = MAKERS[scanner % len(MAKERS)]
    return {
        "Manufacturer": maker,
        "ManufacturerModelName": f"{model} {scanner % 7}",
        "DeviceSerialNumber": str(40_000 + scanner),
        "SoftwareVersions": [f"VB{scanner % 9}0", f"HP{scanner % 4}"],
        "StationName": f"{modality.name}{scanner:02d}",
        "InstitutionName": f"Hospital {scanner % 8}",
        "InstitutionalDepartmentName": f"Ward {draw.randrange(WARDS)}",
    }


def _of_pixels(draw: Random, modality: Modality) -> Values:
    """General Image and Image Pixel, PS3.3 C.7.6.1 and C.7.6.3; a report has neither."""
    if not modality.side:
        return {"ConceptNameCodeSequence_CodeMeaning": [f"{draw.choice(REGIONS).capitalize()} report"]}
    return {
        "Rows": modality.side, "Columns": modality.side, "SamplesPerPixel": 1, "BitsAllocated": 16, "BitsStored": 12,
        "PhotometricInterpretation": "MONOCHROME2", "PixelRepresentation": 0, "LossyImageCompression": "00",
        "BurnedInAnnotation": "NO", "PixelSpacing": [round(draw.uniform(0.3, 1.2), 4)] * 2,
        "ImageOrientationPatient": [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
    }  # fmt: skip


def _of_technique(draw: Random, modality: Modality) -> Values:
    values: Values = {name: round(draw.uniform(*ends), 2) for name, ends in modality.numbers.items()}
    if modality.name == "CT":
        values["ConvolutionKernel"] = [f"B{draw.randrange(20, 80, 10)}f"]
        values["ContrastBolusAgent"] = draw.choice(("Iomeron 350", "Ultravist 300", "none"))
    if modality.name == "MR":
        values["ScanningSequence"] = [draw.choice(("SE", "GR", "EP", "IR"))]
    return values


def _time(draw: Random) -> str:
    return f"{draw.randrange(7, 21):02d}{draw.randrange(60):02d}{draw.randrange(60):02d}"
