"""DICOMDEX_EXTRA_ATTRIBUTES: what people may type, and what they are told where it can't be."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.attributes import Attribute, Step, qido_fields
from dicomdex.attributes_extra import EXTRA_MAX, parse
from dicomdex.errors import SettingsError
from dicomdex.fields import fields_of
from dicomdex.schema import TABLE_FILE, attributes_of_configset, configset
from dicomdex.settings import Settings


def one(text: str) -> Attribute:
    (found,) = parse(text)
    return found


@pytest.mark.parametrize("text", ["EchoTrainLength", "0018,0091", "(0018,0091)", "00180091", " 0018,0091 IS "])
def test_a_public_element_is_named_by_keyword_or_tag(text: str) -> None:
    assert one(text) == Attribute("EchoTrainLength", 0x00180091, "IS", "instance", "int")


def test_levels_are_said_behind_the_path() -> None:
    found = parse("StudyComments study; ReasonForStudy STUDY\nEchoTrainLength series;;")
    assert [(a.keyword, a.level, a.kind) for a in found] == [
        ("StudyComments", "study", "text"),
        ("ReasonForStudy", "study", "string"),
        ("EchoTrainLength", "series", "int"),
    ]


@pytest.mark.parametrize(
    "text",
    ["RequestAttributesSequence.ScheduledProcedureStepDescription", "0040,0275.0040,0007", "00400275.(0040,0007)"],
)
def test_a_path_goes_through_sequences_and_takes_all_items(text: str) -> None:
    found = one(text)
    assert found.keyword == "RequestAttributesSequence_ScheduledProcedureStepDescription"
    assert (found.path, found.kind, found.multiple) == ((Step(0x00400275),), "strings", True)
    assert found.column == "request_attributes_sequence_scheduled_procedure_step_description"


def test_a_private_element_is_named_by_its_creator_with_the_dictionarys_vr() -> None:
    found = one('0019,xx0C "SIEMENS MR HEADER"')
    assert found.keyword == "p_0019_SIEMENS_MR_HEADER_0C"
    assert found.steps == (Step(0x0019000C, "SIEMENS MR HEADER"),)
    assert (found.vr, found.kind) == ("IS", "int")
    assert all("p_0019" not in name for name in qido_fields("instance", (found,)))


def test_a_private_element_that_no_dictionary_knows_is_typed_by_hand() -> None:
    found = one("0029,XX10 'MY; HOSPITAL v1.0' DS series")
    assert found.steps == (Step(0x00290010, "MY; HOSPITAL v1.0"),)
    assert (found.keyword, found.kind, found.level) == ("p_0029_MY_HOSPITAL_v1_0_10", "floats", "series")


def test_a_private_sequence_is_a_step_like_any_other() -> None:
    found = one('2005,xx0E "Philips MR Imaging DD 005".0018,9087')
    assert found.steps == (Step(0x2005000E, "Philips MR Imaging DD 005"), Step(0x00189087))
    assert found.kind == "floats"


def test_what_is_built_in_is_passed_over() -> None:
    assert parse("Modality; RequestAttributesSequence.RequestedProcedureID") == ()


def test_the_table_survives_its_configset_with_creators_and_paths() -> None:
    found = parse('0019,xx0C "SIEMENS MR HEADER"; StudyComments study; ConceptNameCodeSequence.CodeValue')
    assert attributes_of_configset({TABLE_FILE: configset(found)[TABLE_FILE]}) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PatientNmae", "PatientNmae"),
        ("EchoTrainLength; Foo", "'Foo'"),
        ("0019,100C", "creator"),
        ('0018,xx0C "SIEMENS"', "even"),
        ('0019,xx0C "NOBODY KNOWS"', "add one"),
        ("0018,FFFE", "not in PS3.6"),
        ("AnatomicRegionSequence", "sequence"),
        ("PixelData", "VR OB"),
        ("PatientID.CodeMeaning", "no sequence"),
        ("EchoTrainLength DS", "is IS by PS3.6"),
        ("EchoTrainLength weekly", "weekly"),
        ("EchoTrainLength,", "can't be read"),
        ("EchoTrainLength EchoTime", "EchoTime"),
        ("ContentSequence." * 4 + "TextValue", "4 sequences"),
        ("InversionTimes; 0018,9079", "gives the field InversionTimes"),
        ("1 OR 1", "no keyword"),
        ("'", "no keyword"),
    ],
)
def test_an_entry_that_can_not_be_is_named_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        parse(text)
    message = str(raised.value)
    assert message.startswith("DICOMDEX_EXTRA_ATTRIBUTES")
    assert said in message
    assert "\n" not in message


def test_the_settings_refuse_what_the_table_can_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("LANDING", "/l"), ("WORK", "/w"), ("CATALOG", "/c"), ("EXTRA_ATTRIBUTES", "Modalty")):
        monkeypatch.setenv(f"DICOMDEX_{name}", value)
    with pytest.raises(SettingsError, match="'Modalty'"):
        Settings.load()


def test_the_number_of_fields_is_bounded() -> None:
    many = "; ".join(f'0029,xx{number:02X} "MINE" LO' for number in range(EXTRA_MAX + 1))
    with pytest.raises(SettingsError, match=f"names {EXTRA_MAX + 1} attributes.* {EXTRA_MAX} at most"):
        parse(many)


@settings(derandomize=True, deadline=None, database=None, max_examples=300)
@given(st.text(string.printable, max_size=60))
def test_any_text_gives_attributes_or_one_sentence(text: str) -> None:
    try:
        found = parse(text)
    except SettingsError:
        return
    names = [field.name for attribute in found for field in fields_of(attribute)]
    assert all(name.isidentifier() for name in names)
