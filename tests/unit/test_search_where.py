"""Conditions of a command line: what they become, and that a patient's value is no argument."""

from __future__ import annotations

import pytest

from dicomdex.cli_where import filters
from dicomdex.errors import QueryRefused
from dicomdex.search import Filter
from dicomdex.search_fields import Fields

FIELDS = Fields()


def nothing(name: str) -> str:
    raise AssertionError(f"asked for {name}")


def made(*where: str, missing: tuple[str, ...] = ()) -> tuple[Filter, ...]:
    """Filters of conditions none of which reads standard input."""
    return filters(where, missing, FIELDS, nothing)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("Modality=CT", Filter("Modality", values=("CT",))),
        ("StudyDescription=a=b", Filter("StudyDescription", values=("a=b",))),
        ("StudyDate=2026-01-01..2026-02", Filter("StudyDate", low="2026-01-01", high="2026-02")),
        ("StudyDate=..2026", Filter("StudyDate", high="2026")),
        ("PatientAge=40Y..", Filter("PatientAge", low="40Y")),
        ("SliceThickness=-1.5..0", Filter("SliceThickness", low="-1.5", high="0")),
        ("StudyDate=2026-01", Filter("StudyDate", values=("2026-01",))),
        ("StationName=CT..1", Filter("StationName", values=("CT..1",))),
        ("StationName=CT*", Filter("StationName", prefix="CT")),
        (r"StationName=CT\*", Filter("StationName", values=("CT*",))),
        ("SeriesDescription=t2*", Filter("SeriesDescription", prefix="t2")),
    ],
)
def test_a_condition_becomes_a_filter(condition: str, expected: Filter) -> None:
    assert made(condition) == (expected,)


def test_conditions_on_one_attribute_are_alternatives() -> None:
    assert made("Modality=CT", "Modality=MR", "Modality=X*", missing=("Modality", "Laterality")) == (
        Filter("Modality", values=("CT", "MR"), prefix="X", missing=True),
        Filter("Laterality", missing=True),
    )


@pytest.mark.parametrize("name", ["PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "OperatorsName"])
def test_a_value_that_names_a_patient_is_refused_as_an_argument_and_told_how(name: str) -> None:
    with pytest.raises(QueryRefused, match=f"write --where {name}=- and give it on standard input") as refused:
        made(f"{name}=Canary")
    assert "Canary" not in str(refused.value)


def test_such_a_value_comes_from_standard_input() -> None:
    given = iter(("meier anna", "P1*"))
    found = filters(("PatientName=-", "PatientID=-"), ("PatientBirthDate",), FIELDS, lambda _: next(given))
    assert found == (
        Filter("PatientName", prefix="meier anna"),
        Filter("PatientID", prefix="P1"),
        Filter("PatientBirthDate", missing=True),
    )


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (("Modality",), "a condition is written Attribute=value"),
        (("Modality=",), "--missing Modality finds what has none"),
        (("Nonsense=1",), "no attribute Nonsense"),
        (("StudyDate=2026..", "StudyDate=..2020"), "StudyDate is given two ranges"),
        (("StationName=A*", "StationName=B*"), "StationName is given two ranges or two beginnings"),
    ],
)
def test_what_is_no_condition_is_refused(where: tuple[str, ...], said: str) -> None:
    with pytest.raises(QueryRefused, match=said):
        made(*where)
