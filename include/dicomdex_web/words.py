"""What people are shown in place of keywords and codes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from dicomdex.export import cell
from dicomdex.search_fields import Field

LABELS = {
    "InstitutionName": "Institution",
    "PatientSex": "Sex",
    "PatientAge": "Age",
    "BodyPartExamined": "Body part",
    "SOPClassUID": "SOP class",
    "TransferSyntaxUID": "Transfer syntax",
    "drop": "Drop",
    "state": "State",
    "NumberOfStudyRelatedSeries": "Series",
    "NumberOfStudyRelatedInstances": "Instances",
    "NumberOfSeriesRelatedInstances": "Instances",
    "DicomUrl": "File",
    "PatientName": "Patient",
    "PatientID": "Patient ID",
}
SEXES = {"F": "female", "M": "male", "O": "other"}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def label(name: str) -> str:
    """An attribute as a heading: StudyDescription -> Study description."""
    if name in LABELS:
        return LABELS[name]
    if name[:1].islower():  # dicomdex's own
        return name.replace("_", " ").capitalize()
    words = _HUMP.split(name)
    return " ".join([words[0], *(word if word.isupper() else word.lower() for word in words[1:])]).replace("_", ": ")


def shown(field: Field, value: Any) -> str:
    """A value for people: known UIDs by their names, dates as days, several with commas."""
    if isinstance(value, list):
        return ", ".join(shown(field, one) for one in value)
    if field.shape == "age" and isinstance(value, int):
        return f"{value / 365.25:.0f} years"
    text = cell(field, value)
    if field.name == "PatientSex":
        return SEXES.get(text, text)
    if field.name.endswith("UID") and text:
        return uid_name(text)
    if field.shape == "name":
        return person_name(text)
    return text


def person_name(text: str) -> str:
    """`Meier^Anna^^Dr=...` -> `Meier, Anna Dr`; the first group alone."""
    group = text.split("=")[0]
    family, *others = group.split("^")
    rest = " ".join(part for part in others if part.strip())
    return f"{family}, {rest}" if rest else family


def every_name(text: str) -> str:
    """`Li^Si=李^四` -> `Li, Si (李, 四)`: the alphabetic, ideographic and phonetic group."""
    first, *others = [name for group in text.split("=") if (name := person_name(group))] or [""]
    return f"{first} ({'; '.join(others)})" if others else first


@cache
def uid_name(uid: str) -> str:
    """The name that PS3.6 gives a UID, shortened; the UID where it has none."""
    from pydicom.uid import UID

    name = UID(uid).name
    for ending in (" Image Storage", " Storage"):
        name = name.removesuffix(ending)
    return name.split(" (Process", 1)[0]


def ago(stamp: str) -> str:
    """`2026-11-21T12:00:00+00:00` -> `3 h ago`."""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds())
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"
