"""THE table: every promoted attribute with its tag, VR, level, catalog column and Solr field.

Catalog columns, Solr's schema, facets and docs all come from `ATTRIBUTES`. The Solr field is the
keyword of PS3.6 (so the white paper's twelve names stay as they were); the column is the keyword in snake case.
Levels follow the Query/Retrieve information model, PS3.4 C.6: an attribute of the study level is shown
on study, series and instance documents, one of the instance level on instance documents only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Level = Literal["study", "series", "instance"]
Kind = Literal["string", "strings", "text", "name", "int", "ints", "float", "floats", "date"]
LEVELS: tuple[Level, ...] = ("study", "series", "instance")


@dataclass(frozen=True)
class Attribute:
    """One promoted attribute; `kind` decides the column's and the field's type."""

    keyword: str
    tag: int
    vr: str
    level: Level
    kind: Kind
    facet: bool = False
    search: bool = False  # copied into the default search field

    @property
    def column(self) -> str:
        """Name of the catalog column: the keyword in snake case."""
        return snake_case(self.keyword)

    @property
    def multiple(self) -> bool:
        """Whether the column and the field hold a list (VM of PS3.6 allows more than one value)."""
        return self.kind in ("strings", "ints", "floats")


def snake_case(keyword: str) -> str:
    """`SOPInstanceUID` -> `sop_instance_uid`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword).lower()


def _a(
    keyword: str, tag: int, vr: str, level: Level, kind: Kind, *, facet: bool = False, search: bool = False
) -> Attribute:
    return Attribute(keyword, tag, vr, level, kind, facet, search)


ATTRIBUTES: tuple[Attribute, ...] = (
    # Patient and study, PS3.3 C.7.1 and C.7.2
    _a("PatientID", 0x00100020, "LO", "study", "string", search=True),
    _a("PatientName", 0x00100010, "PN", "study", "name", search=True),
    _a("PatientBirthDate", 0x00100030, "DA", "study", "date"),
    _a("PatientSex", 0x00100040, "CS", "study", "string", facet=True),
    _a("PatientAge", 0x00101010, "AS", "study", "string"),
    _a("PatientSize", 0x00101020, "DS", "study", "float"),
    _a("PatientWeight", 0x00101030, "DS", "study", "float"),
    _a("StudyInstanceUID", 0x0020000D, "UI", "study", "string"),
    _a("StudyID", 0x00200010, "SH", "study", "string"),
    _a("StudyDate", 0x00080020, "DA", "study", "date"),
    _a("StudyTime", 0x00080030, "TM", "study", "string"),
    _a("AccessionNumber", 0x00080050, "SH", "study", "string", search=True),
    _a("StudyDescription", 0x00081030, "LO", "study", "string", search=True),
    _a("ReferringPhysicianName", 0x00080090, "PN", "study", "name"),
    # Series and equipment, PS3.3 C.7.3 and C.7.5
    _a("SeriesInstanceUID", 0x0020000E, "UI", "series", "string"),
    _a("SeriesNumber", 0x00200011, "IS", "series", "int"),
    _a("SeriesDate", 0x00080021, "DA", "series", "date"),
    _a("SeriesTime", 0x00080031, "TM", "series", "string"),
    _a("SeriesDescription", 0x0008103E, "LO", "series", "string", search=True),
    _a("Modality", 0x00080060, "CS", "series", "string", facet=True, search=True),
    _a("BodyPartExamined", 0x00180015, "CS", "series", "string", facet=True, search=True),
    _a("Laterality", 0x00200060, "CS", "series", "string", facet=True),
    _a("PatientPosition", 0x00185100, "CS", "series", "string", facet=True),
    _a("ProtocolName", 0x00181030, "LO", "series", "string", search=True),
    _a("Manufacturer", 0x00080070, "LO", "series", "string", facet=True),
    _a("ManufacturerModelName", 0x00081090, "LO", "series", "string", facet=True),
    _a("DeviceSerialNumber", 0x00181000, "LO", "series", "string"),
    _a("SoftwareVersions", 0x00181020, "LO", "series", "strings"),
    _a("StationName", 0x00081010, "SH", "series", "string", facet=True),
    _a("InstitutionName", 0x00080080, "LO", "series", "string", facet=True, search=True),
    _a("FrameOfReferenceUID", 0x00200052, "UI", "series", "string"),
    # Instance: SOP common, general image, image pixel, PS3.3 C.12.1, C.7.6.1 and C.7.6.3
    _a("SOPInstanceUID", 0x00080018, "UI", "instance", "string"),
    _a("SOPClassUID", 0x00080016, "UI", "instance", "string", facet=True),
    _a("TransferSyntaxUID", 0x00020010, "UI", "instance", "string", facet=True),
    _a("InstanceNumber", 0x00200013, "IS", "instance", "int"),
    _a("InstanceCreationDate", 0x00080012, "DA", "instance", "date"),
    _a("InstanceCreationTime", 0x00080013, "TM", "instance", "string"),
    _a("ContentDate", 0x00080023, "DA", "instance", "date"),
    _a("ContentTime", 0x00080033, "TM", "instance", "string"),
    _a("AcquisitionDate", 0x00080022, "DA", "instance", "date"),
    _a("AcquisitionTime", 0x00080032, "TM", "instance", "string"),
    _a("AcquisitionDateTime", 0x0008002A, "DT", "instance", "string"),
    _a("AcquisitionNumber", 0x00200012, "IS", "instance", "int"),
    _a("ImageType", 0x00080008, "CS", "instance", "strings", facet=True),
    _a("DerivationDescription", 0x00082111, "ST", "instance", "text", search=True),
    _a("ImageComments", 0x00204000, "LT", "instance", "text", search=True),
    _a("BurnedInAnnotation", 0x00280301, "CS", "instance", "string", facet=True),
    _a("SpecificCharacterSet", 0x00080005, "CS", "instance", "strings", facet=True),
    _a("Rows", 0x00280010, "US", "instance", "int"),
    _a("Columns", 0x00280011, "US", "instance", "int"),
    _a("NumberOfFrames", 0x00280008, "IS", "instance", "int"),
    _a("SamplesPerPixel", 0x00280002, "US", "instance", "int"),
    _a("PhotometricInterpretation", 0x00280004, "CS", "instance", "string", facet=True),
    _a("BitsAllocated", 0x00280100, "US", "instance", "int"),
    _a("BitsStored", 0x00280101, "US", "instance", "int"),
    _a("PixelSpacing", 0x00280030, "DS", "instance", "floats"),
    _a("WindowCenter", 0x00281050, "DS", "instance", "floats"),
    _a("WindowWidth", 0x00281051, "DS", "instance", "floats"),
    _a("ImagePositionPatient", 0x00200032, "DS", "instance", "floats"),
    _a("ImageOrientationPatient", 0x00200037, "DS", "instance", "floats"),
    _a("SliceThickness", 0x00180050, "DS", "instance", "float"),
    _a("SliceLocation", 0x00201041, "DS", "instance", "float"),
    _a("KVP", 0x00180060, "DS", "instance", "float"),
    _a("ExposureTime", 0x00181150, "IS", "instance", "int"),
    _a("XRayTubeCurrent", 0x00181151, "IS", "instance", "int"),
    _a("ConvolutionKernel", 0x00181210, "SH", "instance", "strings", facet=True),
    _a("RepetitionTime", 0x00180080, "DS", "instance", "float"),
    _a("EchoTime", 0x00180081, "DS", "instance", "float"),
    _a("MagneticFieldStrength", 0x00180087, "DS", "instance", "float"),
)

BY_KEYWORD: dict[str, Attribute] = {attribute.keyword: attribute for attribute in ATTRIBUTES}

WHITE_PAPER_FIELDS = (
    "SOPInstanceUID", "PatientID", "StudyDescription", "PatientName", "DicomUrl", "ImageType",
    "InstanceCreationDate", "InstanceCreationTime", "StudyDate", "ContentDate", "DerivationDescription",
    "ProtocolName",
)  # fmt: skip
