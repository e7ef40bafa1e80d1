"""THE table: every built-in attribute with its tag, VR, level and kind.

Levels follow the Query/Retrieve information model, PS3.4 C.6: an attribute of the study level is shown
on study, series and instance documents, one of the instance level on instance documents only.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from dicomdex.attributes_kinds import Attribute, Kind, Level, Step

CODE_MEANING = 0x00080104
REQUEST_ATTRIBUTES = 0x00400275


class _Flags(TypedDict, total=False):
    facet: bool
    search: bool
    text: bool
    qido: bool


def _a(keyword: str, tag: int, vr: str, level: Level, kind: Kind, **flags: Unpack[_Flags]) -> Attribute:
    return Attribute(keyword, tag, vr, level, kind, **flags)


def _codes(sequence: str, tag: int, level: Level) -> Attribute:
    """The code meanings of all items of a code sequence, PS3.3 section 8.8."""
    keyword, path = f"{sequence}_CodeMeaning", (Step(tag),)
    return Attribute(keyword, CODE_MEANING, "LO", level, "strings", facet=True, search=True, path=path)


def _requested(keyword: str, tag: int) -> Attribute:
    """What the items of Request Attributes Sequence say, PS3.3 C.7.3.1."""
    path = (Step(REQUEST_ATTRIBUTES),)
    return Attribute(f"RequestAttributesSequence_{keyword}", tag, "SH", "series", "strings", qido=True, path=path)


ATTRIBUTES: tuple[Attribute, ...] = (
    # Patient and study, PS3.3 C.7.1 and C.7.2
    _a("PatientID", 0x00100020, "LO", "study", "string", search=True, qido=True),
    _a("PatientName", 0x00100010, "PN", "study", "name", search=True, qido=True),
    _a("PatientBirthDate", 0x00100030, "DA", "study", "date"),
    _a("PatientSex", 0x00100040, "CS", "study", "string", facet=True),
    _a("PatientAge", 0x00101010, "AS", "study", "age"),
    _a("PatientSize", 0x00101020, "DS", "study", "float"),
    _a("PatientWeight", 0x00101030, "DS", "study", "float"),
    _a("IssuerOfPatientID", 0x00100021, "LO", "study", "string"),
    _a("OtherPatientIDs", 0x00101000, "LO", "study", "strings", search=True),
    _a("PatientComments", 0x00104000, "LT", "study", "text", search=True),
    _a("PatientIdentityRemoved", 0x00120062, "CS", "study", "string", facet=True),
    _a("StudyInstanceUID", 0x0020000D, "UI", "study", "string", qido=True),
    _a("StudyID", 0x00200010, "SH", "study", "string", qido=True),
    _a("StudyDate", 0x00080020, "DA", "study", "date", qido=True),
    _a("StudyTime", 0x00080030, "TM", "study", "time", qido=True),
    _a("AccessionNumber", 0x00080050, "SH", "study", "string", search=True, qido=True),
    _a("StudyDescription", 0x00081030, "LO", "study", "string", search=True, text=True),
    _a("ReferringPhysicianName", 0x00080090, "PN", "study", "name", qido=True),
    _a("RequestedProcedureDescription", 0x00321060, "LO", "study", "string", search=True, text=True),
    _codes("ProcedureCodeSequence", 0x00081032, "study"),
    _codes("RequestedProcedureCodeSequence", 0x00321064, "study"),
    # Series and equipment, PS3.3 C.7.3 and C.7.5
    _a("SeriesInstanceUID", 0x0020000E, "UI", "series", "string", qido=True),
    _a("SeriesNumber", 0x00200011, "IS", "series", "int", qido=True),
    _a("SeriesDate", 0x00080021, "DA", "series", "date"),
    _a("SeriesTime", 0x00080031, "TM", "series", "time"),
    _a("SeriesDescription", 0x0008103E, "LO", "series", "string", search=True, text=True),
    _a("Modality", 0x00080060, "CS", "series", "string", facet=True, search=True, qido=True),
    _a("BodyPartExamined", 0x00180015, "CS", "series", "string", facet=True, search=True),
    _a("Laterality", 0x00200060, "CS", "series", "string", facet=True),
    _a("PatientPosition", 0x00185100, "CS", "series", "string", facet=True),
    _a("ProtocolName", 0x00181030, "LO", "series", "string", search=True, text=True),
    _a("Manufacturer", 0x00080070, "LO", "series", "string", facet=True),
    _a("ManufacturerModelName", 0x00081090, "LO", "series", "string", facet=True),
    _a("DeviceSerialNumber", 0x00181000, "LO", "series", "string"),
    _a("SoftwareVersions", 0x00181020, "LO", "series", "strings"),
    _a("StationName", 0x00081010, "SH", "series", "string", facet=True),
    _a("InstitutionName", 0x00080080, "LO", "series", "string", facet=True, search=True),
    _a("FrameOfReferenceUID", 0x00200052, "UI", "series", "string"),
    _a("InstitutionalDepartmentName", 0x00081040, "LO", "series", "string"),
    _a("PerformingPhysicianName", 0x00081050, "PN", "series", "names"),
    _a("OperatorsName", 0x00081070, "PN", "series", "names"),
    _a("PresentationIntentType", 0x00080068, "CS", "series", "string", facet=True),
    # The step that made the series, and what had asked for it, PS3.3 C.7.3.1 and C.4.15
    _a("PerformedProcedureStepStartDate", 0x00400244, "DA", "series", "date", qido=True),
    _a("PerformedProcedureStepStartTime", 0x00400245, "TM", "series", "time", qido=True),
    _a("PerformedProcedureStepDescription", 0x00400254, "LO", "series", "string", search=True, text=True),
    _requested("ScheduledProcedureStepID", 0x00400009),
    _requested("RequestedProcedureID", 0x00401001),
    # Instance: SOP common, general image, image pixel, PS3.3 C.12.1, C.7.6.1 and C.7.6.3
    _a("SOPInstanceUID", 0x00080018, "UI", "instance", "string", qido=True),
    _a("SOPClassUID", 0x00080016, "UI", "instance", "string", facet=True, qido=True),
    _a("TransferSyntaxUID", 0x00020010, "UI", "instance", "string", facet=True),
    _a("InstanceNumber", 0x00200013, "IS", "instance", "int", qido=True),
    _a("InstanceCreationDate", 0x00080012, "DA", "instance", "date"),
    _a("InstanceCreationTime", 0x00080013, "TM", "instance", "time"),
    _a("ContentDate", 0x00080023, "DA", "instance", "date"),
    _a("ContentTime", 0x00080033, "TM", "instance", "time"),
    _a("AcquisitionDate", 0x00080022, "DA", "instance", "date"),
    _a("AcquisitionTime", 0x00080032, "TM", "instance", "time"),
    _a("AcquisitionDateTime", 0x0008002A, "DT", "instance", "datetime"),
    _a("AcquisitionNumber", 0x00200012, "IS", "instance", "int"),
    _a("TimezoneOffsetFromUTC", 0x00080201, "SH", "instance", "string"),
    _a("ImageType", 0x00080008, "CS", "instance", "strings", facet=True),
    _a("DerivationDescription", 0x00082111, "ST", "instance", "text", search=True),
    _a("ImageComments", 0x00204000, "LT", "instance", "text", search=True),
    _codes("AnatomicRegionSequence", 0x00082218, "instance"),
    _codes("ViewCodeSequence", 0x00540220, "instance"),
    _codes("ConceptNameCodeSequence", 0x0040A043, "instance"),
    _a("ImageLaterality", 0x00200062, "CS", "instance", "string", facet=True),
    _a("ViewPosition", 0x00185101, "CS", "instance", "string", facet=True),
    _a("ContrastBolusAgent", 0x00180010, "LO", "instance", "string", search=True),
    _a("LossyImageCompression", 0x00282110, "CS", "instance", "string", facet=True),
    _a("BurnedInAnnotation", 0x00280301, "CS", "instance", "string", facet=True),
    _a("SpecificCharacterSet", 0x00080005, "CS", "instance", "strings", facet=True),
    _a("Rows", 0x00280010, "US", "instance", "int"),
    _a("Columns", 0x00280011, "US", "instance", "int"),
    _a("NumberOfFrames", 0x00280008, "IS", "instance", "int"),
    _a("SamplesPerPixel", 0x00280002, "US", "instance", "int"),
    _a("PhotometricInterpretation", 0x00280004, "CS", "instance", "string", facet=True),
    _a("BitsAllocated", 0x00280100, "US", "instance", "int"),
    _a("BitsStored", 0x00280101, "US", "instance", "int"),
    _a("PixelRepresentation", 0x00280103, "US", "instance", "int"),
    _a("RescaleIntercept", 0x00281052, "DS", "instance", "float"),
    _a("RescaleSlope", 0x00281053, "DS", "instance", "float"),
    _a("PixelSpacing", 0x00280030, "DS", "instance", "floats"),
    _a("WindowCenter", 0x00281050, "DS", "instance", "floats"),
    _a("WindowWidth", 0x00281051, "DS", "instance", "floats"),
    _a("ImagePositionPatient", 0x00200032, "DS", "instance", "floats"),
    _a("ImageOrientationPatient", 0x00200037, "DS", "instance", "floats"),
    _a("SliceThickness", 0x00180050, "DS", "instance", "float"),
    _a("SliceLocation", 0x00201041, "DS", "instance", "float"),
    _a("SpacingBetweenSlices", 0x00180088, "DS", "instance", "float"),
    _a("KVP", 0x00180060, "DS", "instance", "float"),
    _a("ExposureTime", 0x00181150, "IS", "instance", "int"),
    _a("XRayTubeCurrent", 0x00181151, "IS", "instance", "int"),
    _a("ConvolutionKernel", 0x00181210, "SH", "instance", "strings", facet=True),
    _a("RepetitionTime", 0x00180080, "DS", "instance", "float"),
    _a("EchoTime", 0x00180081, "DS", "instance", "float"),
    _a("MagneticFieldStrength", 0x00180087, "DS", "instance", "float"),
    _a("InversionTime", 0x00180082, "DS", "instance", "float"),
    _a("FlipAngle", 0x00181314, "DS", "instance", "float"),
    _a("ScanningSequence", 0x00180020, "CS", "instance", "strings", facet=True),
)

WHITE_PAPER_FIELDS = (
    "SOPInstanceUID", "PatientID", "StudyDescription", "PatientName", "DicomUrl", "ImageType",
    "InstanceCreationDate", "InstanceCreationTime", "StudyDate", "ContentDate", "DerivationDescription",
    "ProtocolName",
)  # fmt: skip
