"""The request for Solr: from an allow-list alone, and what people typed is in its parameters and nowhere else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.attributes import ATTRIBUTES, LEVELS, Level
from dicomdex.errors import QueryRefused
from dicomdex.search import Facet, Filter, Query
from dicomdex.search_body import to_solr
from dicomdex.search_fields import Fields

FIELDS = Fields()
PARAMETERS = re.compile(r"v\d+|uf|qf|expandMacros|timeAllowed|cursorMark")
TYPED = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40)
MARK = "\u2603"  # makes a typed text recognizable: no template has it


def template(query: Query) -> dict[str, Any]:
    """The body without its parameters."""
    return {name: part for name, part in to_solr(query, FIELDS).items() if name != "params"}


def typed(text: str, level: Level) -> Query:
    """A query with the text everywhere that a person's text can be."""
    filters = (
        Filter("PatientName", values=(text,), prefix=f"{text}x"),
        Filter("Modality", values=(text,), prefix=text),
        Filter("ImageComments", values=(text,), prefix=f"{text}x"),
        Filter("SeriesDescription", prefix=f"{text}x"),
    )
    return Query(level=level, text=text, filters=filters, facets=(Facet("Modality"), Facet("Rows")))


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(text=TYPED, level=st.sampled_from(LEVELS), cursor=st.sampled_from(("", "*")))
def test_a_typed_text_is_in_no_part_of_the_request_but_the_parameters(text: str, level: Level, cursor: str) -> None:
    body = to_solr(replace(typed(f"{MARK}{text}", level), cursor=cursor), FIELDS)
    assert all(PARAMETERS.fullmatch(name) for name in body["params"])
    assert all(isinstance(value, str) for value in body["params"].values())
    assert MARK not in json.dumps(body["params"]["qf"] + body["params"]["uf"], ensure_ascii=False)
    assert MARK not in json.dumps({**body, "params": {}}, ensure_ascii=False)


@settings(max_examples=300, derandomize=True, deadline=None, database=None)
@given(text=TYPED)
def test_a_parameter_is_a_typed_text_alone_or_a_clause_without_one(text: str) -> None:
    params = to_solr(typed(f"{MARK}{text}", "study"), FIELDS)["params"]
    holding = [value for value in params.values() if MARK in value]
    assert {value[0] for value in holding} <= {MARK, "\\"}  # it begins them: words are escaped, and get a star
    assert any(value == " ".join(f"{MARK}{text}".split()) for value in holding)


def test_nothing_that_was_typed_can_be_a_macro_or_another_field() -> None:
    params = to_solr(Query(text="${qf} Modality:CT"), FIELDS)["params"]
    assert (params["expandMacros"], params["uf"]) == ("false", "-*")
    assert "Modality" not in params["qf"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(filters=(Filter("_query_", values=("x",)),)), "no attribute _query_"),
        (Query(filters=(Filter("bucket", low="1"),)), "no attribute bucket"),
        (Query(filters=(Filter("Rows) OR (a", low="1"),)), "no attribute of that name"),
        (Query(columns=("*",)), "no attribute of that name"),
        (Query(columns=("frame_offsets",)), "no attribute frame_offsets"),
        (Query(sort=("score",)), "no attribute score"),
        (Query(sort=("ImageType",)), "ImageType can't be sorted by"),
        (Query(level="study", sort=("Rows",)), "Rows can't be sorted by at the level study"),
        (Query(level="study", columns=("Rows",)), "Rows is no column at the level study"),
        (Query(facets=(Facet("PatientID"),)), "PatientID can't be counted by"),
        (Query(facets=(Facet("PatientName"),)), "PatientName can't be counted by"),
        (
            Query(facets=(Facet("StudyDate", gap="hour", low="2026", high="2026"),)),
            "the gap of StudyDate is one of day",
        ),
        (Query(facets=(Facet("StudyDate", gap="day", low="1000", high="2026"),)), "more than 1,000 steps"),
        (Query(facets=(Facet("Rows", gap="0", low="1", high="2"),)), "more than 1,000 steps"),
        (Query(facets=(Facet("Rows", gap="-1", low="1", high="2"),)), "more than 1,000 steps"),
        (Query(facets=(Facet("Modality", gap="1", low="1", high="2"),)), "Modality has no histogram"),
        (Query(filters=(Filter("Modality", low="A"),)), "Modality has no order"),
        (Query(filters=(Filter("Rows", prefix="5"),)), "Rows has no beginning"),
        (Query(filters=(Filter("PatientName", prefix="^"),)), "nothing to look for in PatientName"),
        (Query(filters=(Filter("00181111", values=("x",)),)), "it can only be asked to be missing"),
        (
            Query(filters=(Filter("NumberOfStudyRelatedSeries", low="2"),)),
            "NumberOfStudyRelatedSeries can't be asked for at the level instance",
        ),
    ],
)
def test_what_is_not_in_the_allow_list_is_refused_by_name(query: Query, said: str) -> None:
    with pytest.raises(QueryRefused, match=re.escape(said)):
        to_solr(query, FIELDS)


def test_a_page_has_a_time_limit_and_a_cursor_has_none() -> None:
    assert to_solr(Query(), FIELDS)["params"]["timeAllowed"] == "10000"
    by_cursor = to_solr(Query(facets=(Facet("Rows"),), cursor="*"), FIELDS)
    assert by_cursor["params"].keys() == {"expandMacros", "uf", "qf", "cursorMark"}
    assert "facet" not in by_cursor


def test_the_order_ends_with_the_id_so_that_a_cursor_can_go_on() -> None:
    assert to_solr(Query(), FIELDS)["sort"] == "StudyDate desc, id asc"
    assert to_solr(Query(sort=("-PatientAge", "Rows")), FIELDS)["sort"] == "PatientAge_days desc, Rows asc, id asc"


def test_a_study_is_asked_itself_as_long_as_it_can_answer() -> None:
    own = Query(level="study", filters=(Filter("Modality", values=("CT",)), Filter("StudyDate", low="2026")))
    assert not any("join" in one for one in template(own)["filter"])
    deeper = replace(own, filters=(*own.filters, Filter("BodyPartExamined", missing=True)))
    assert template(deeper)["filter"][1].startswith("{!join method=topLevelDV from=study to=study v=$v")


def test_series_are_joined_by_their_documents_ids_since_one_uid_may_lie_in_two_studies() -> None:
    query = Query(level="series", text="knee")
    assert template(query)["filter"][1].startswith("{!join method=topLevelDV from=series_id to=series_id v=$v")
    older = to_solr(query, Fields(known=frozenset(("StudyDate", "series"))))
    assert older["filter"][1].startswith("{!join method=topLevelDV from=series to=series v=$v")


def test_what_is_only_shown_is_no_condition() -> None:
    with pytest.raises(QueryRefused, match="DicomUrl is only shown: ask for the file_id"):
        to_solr(Query(filters=(Filter("DicomUrl", values=("/files/1",)),)), FIELDS)
    assert "DicomUrl" in to_solr(Query(columns=("DicomUrl",)), FIELDS)["fields"]


def test_a_table_with_more_attributes_is_searched_by_them_without_code() -> None:
    more = replace(ATTRIBUTES[-1], keyword="GantryDetectorTilt", tag=0x00181120, vr="DS", kind="float", level="series")
    query = Query(level="series", filters=(Filter("GantryDetectorTilt", low="-5", high="1e-3"),))
    with pytest.raises(QueryRefused, match="no attribute GantryDetectorTilt"):
        to_solr(query, FIELDS)
    body = to_solr(query, Fields((*ATTRIBUTES, more)))
    assert "GantryDetectorTilt:[-5.0 TO 0.001]" in body["params"].values()


def test_a_collection_of_an_older_version_is_asked_for_what_it_has() -> None:
    older = Fields(known=frozenset(("PatientAge", "SeriesDescription", "StudyDate", "_text_")))
    query = Query(filters=(Filter("PatientAge", values=("040Y",)), Filter("SeriesDescription", prefix="Knee")))
    body = to_solr(query, older)
    assert {"{!field f=PatientAge v=$v2}", "{!prefix f=SeriesDescription v=$v4}"} <= set(body["params"].values())
    assert body["params"]["qf"] == "_text_"
    with pytest.raises(QueryRefused, match="the collection has no Rows yet: rebuild it"):
        to_solr(Query(columns=("Rows",)), older)


def test_every_attribute_of_the_table_can_be_asked_to_be_missing_at_every_level() -> None:
    for attribute in ATTRIBUTES:
        for level in LEVELS:
            assert to_solr(Query(level=level, filters=(Filter(attribute.keyword, missing=True),)), FIELDS)["filter"]


def test_who_the_patient_is_and_what_is_private_is_known_to_identify() -> None:
    private = replace(ATTRIBUTES[0], keyword="p_0019_10", tag=0x00190010, creator="SIEMENS", level="instance")
    fields = Fields((*ATTRIBUTES, private))
    identifying = {field.name for field in fields if field.patient}
    assert {
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "AccessionNumber",
        "OperatorsName",
        "p_0019_10",
    } <= identifying
    assert not {"PatientSex", "PatientAge", "StudyDate", "Modality", "StudyDescription"} & identifying
