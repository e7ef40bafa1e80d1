"""The attribute table: what PS3.6 says of it, the lists that come from it, and its way through a configset."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag

from dicomdex.attributes import (
    ATTRIBUTES,
    BY_KEYWORD,
    KINDS_OF_VR,
    LEVELS,
    WHITE_PAPER_FIELDS,
    Attribute,
    facets,
    is_promoted,
    of_level,
    qido_fields,
    snake_case,
    sort_fields,
    table,
)
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.fields import column_names, fields_of
from dicomdex.schema import OWN_FIELDS, TABLE_FILE, attributes_of_configset, configset, schema_digest, schema_xml
from dicomdex.settings import Settings

# PS3.18 table 10.6.1-5, required matching attributes by level; Modalities in Study is a roll-up.
REQUIRED_BY_QIDO = {
    "study": "StudyDate StudyTime AccessionNumber ReferringPhysicianName PatientName PatientID"
    " StudyInstanceUID StudyID",
    "series": "Modality SeriesInstanceUID SeriesNumber PerformedProcedureStepStartDate PerformedProcedureStepStartTime"
    " RequestAttributesSequence.ScheduledProcedureStepID RequestAttributesSequence.RequestedProcedureID",
    "instance": "SOPClassUID SOPInstanceUID InstanceNumber",
}


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.keyword)
def test_an_attribute_is_what_the_data_dictionary_says(attribute: Attribute) -> None:
    names = [keyword_for_tag(step.tag) for step in attribute.steps]
    assert attribute.keyword == "_".join(names)
    assert all(dictionary_VR(step.tag) == "SQ" for step in attribute.path)
    assert attribute.vr == dictionary_VR(attribute.tag).split(" or ")[0]
    several = bool(attribute.path) or dictionary_VM(attribute.tag) != "1"
    assert attribute.kind == KINDS_OF_VR[attribute.vr][several]


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len(ATTRIBUTES) >= 90
    assert len({attribute.steps for attribute in ATTRIBUTES}) == len(ATTRIBUTES)
    assert len({attribute.column for attribute in ATTRIBUTES}) == len(ATTRIBUTES)


def test_every_column_that_a_field_is_made_of_is_in_the_catalog() -> None:
    needed = {name for attribute in ATTRIBUTES for name in column_names(attribute)}
    assert needed <= set(ROW_SCHEMA.names)
    assert all(map(is_promoted, ATTRIBUTES))


def test_no_field_comes_from_two_attributes() -> None:
    names = [field.name for attribute in ATTRIBUTES for field in fields_of(attribute)]
    names += [field.name for field in OWN_FIELDS]
    assert len(names) == len(set(names))


def test_the_white_papers_names_are_fields_of_the_kind_they_were() -> None:
    schema = ET.fromstring(schema_xml())  # noqa: S314  (our own text)
    types = {field.get("name"): field.get("type") for field in schema.iter("field")}
    assert {name: types[name] for name in WHITE_PAPER_FIELDS} == {
        **dict.fromkeys(WHITE_PAPER_FIELDS, "string"),
        "InstanceCreationDate": "pdate",
        "StudyDate": "pdate",
        "ContentDate": "pdate",
        "DerivationDescription": "text",
    }


def test_no_type_of_the_schema_may_be_uninverted_in_memory() -> None:
    schema = ET.fromstring(schema_xml())  # noqa: S314
    assert all(one.get("uninvertible") == "false" for one in schema.iter("fieldType"))
    assert not any("uninvertible" in field.attrib for field in schema.iter("field"))


@pytest.mark.parametrize("level", LEVELS)
def test_what_qido_must_match_is_a_field_by_keyword_and_by_tag(level: str) -> None:
    fields = qido_fields(level)  # type: ignore[arg-type]
    own = {a.keyword.replace("_", ".") for a in ATTRIBUTES if a.qido and a.level == level}
    assert own == set(REQUIRED_BY_QIDO[level].split())
    assert own <= fields.keys()
    assert fields["00100020"] == "PatientID"


def test_qido_names_what_lies_in_a_sequence_by_its_path() -> None:
    fields = qido_fields("series")
    assert fields["00400275.00400009"] == "RequestAttributesSequence_ScheduledProcedureStepID"
    assert qido_fields("study")["ModalitiesInStudy"] == "ModalitiesInStudy"
    assert "SOPInstanceUID" not in fields


def test_a_document_shows_its_own_level_and_those_above() -> None:
    assert {a.level for a in of_level("study")} == {"study"}
    assert {a.level for a in of_level("series")} == {"study", "series"}
    assert of_level("instance") == ATTRIBUTES


def test_facets_and_sorts_come_from_the_table() -> None:
    assert {"Modality", "PatientSex", "AnatomicRegionSequence_CodeMeaning"} <= set(facets())
    sorts = sort_fields()
    assert sorts["PatientAge"] == "PatientAge_days"
    assert "ImageType" not in sorts
    assert "ImageComments" not in sorts


def test_a_table_survives_its_configset() -> None:
    files = configset()
    assert attributes_of_configset({TABLE_FILE: files[TABLE_FILE]}) == ATTRIBUTES
    assert attributes_of_configset({}) == ATTRIBUTES


def test_a_later_versions_table_can_be_read() -> None:
    written = configset((BY_KEYWORD["Modality"],))[TABLE_FILE].replace(b'"vr"', b'"colour":"red","vr"')
    assert attributes_of_configset({TABLE_FILE: written}) == (BY_KEYWORD["Modality"],)


def test_another_table_is_another_schema() -> None:
    assert schema_digest(configset(ATTRIBUTES[:-1])) != schema_digest(configset())


@pytest.mark.parametrize(
    ("keyword", "column"),
    [
        ("SOPInstanceUID", "sop_instance_uid"),
        ("OtherPatientIDs", "other_patient_ids"),
        ("KVP", "kvp"),
        ("XRayTubeCurrent", "x_ray_tube_current"),
        ("ViewCodeSequence_CodeMeaning", "view_code_sequence_code_meaning"),
    ],
)
def test_a_column_is_its_keyword_in_snake_case(keyword: str, column: str) -> None:
    assert snake_case(keyword) == column


def settings(extra: str) -> Settings:
    return Settings(landing="file:///l", work="file:///w", catalog="file:///c", extra_attributes=extra)


def test_the_settings_add_to_the_built_in_table() -> None:
    assert table(settings("")) == ATTRIBUTES
    more = table(settings("EchoTrainLength; Modality"))
    assert [attribute.keyword for attribute in more[len(ATTRIBUTES) :]] == ["EchoTrainLength"]
