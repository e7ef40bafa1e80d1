"""Addresses and queries: one query object for everything, and no value of a patient in an address."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.attributes import LEVELS
from dicomdex.errors import QueryRefused
from dicomdex.search import Filter, Query
from dicomdex.search_fields import Fields
from dicomdex_web.facets import with_facets
from dicomdex_web.queries import Queries
from dicomdex_web.search_state import State, canonical, of_text, state_of, to_query
from dicomdex_web.session import Person, Role

FIELDS = Fields()
ANNA, BERT = Person("anna", Role.viewer), Person("bert", Role.viewer)
NOT_RANDOM = settings(derandomize=True, deadline=None, database=None)


def queries() -> Queries:
    return Queries(b"key")


def query(*pairs: tuple[str, str]) -> Query:
    return to_query(State(canonical(pairs)), FIELDS)


def test_an_address_is_the_query_it_says() -> None:
    found = query(("Modality", "CT"), ("Modality", "MR"), ("StudyDate", "2026-01..2026-02"), ("level", "series"),
                  ("none", "BodyPartExamined"), ("sort", "-StudyDate"), ("columns", "PatientName"))  # fmt: skip
    assert found.matching() == Query(
        level="series",
        filters=(
            Filter("Modality", values=("CT", "MR")),
            Filter("StudyDate", low="2026-01", high="2026-02"),
            Filter("BodyPartExamined", missing=True),
        ),
    )
    assert (found.sort, found.columns) == (("-StudyDate",), ("PatientName",))


def test_two_inputs_of_a_form_are_one_range() -> None:
    assert canonical([("from.StudyDate", "2026"), ("to.StudyDate", "")]) == (("StudyDate", "2026.."),)
    assert canonical([("from.StudyDate", ""), ("to.StudyDate", ""), ("Modality", "")]) == ()


def test_a_value_that_looks_like_a_range_is_a_value_where_there_is_no_order() -> None:
    assert query(("Manufacturer", "A..B")).filters == (Filter("Manufacturer", values=("A..B",)),)


@pytest.mark.parametrize("name", ["PatientName", "PatientID", "AccessionNumber", "StudyDescription", "_text_", "q"])
def test_what_tells_who_somebody_is_is_refused_in_an_address(name: str) -> None:
    with pytest.raises(QueryRefused) as refused:
        query((name, "ZZCANARY"))
    assert "ZZCANARY" not in str(refused.value)


def test_what_was_typed_is_in_the_query_and_not_in_the_address() -> None:
    kept = queries()
    typed = Query(text="ZZCANARY", filters=(Filter("PatientName", prefix="ZZCANARY anna"),))
    state = State(canonical([("Modality", "CT")])).with_(typed=kept.put("anna", typed))
    assert "ZZCANARY" not in state.address()
    again = of_text(state.address(""), ANNA, kept)
    assert to_query(again, FIELDS).text == "ZZCANARY"
    assert Filter("PatientName", prefix="ZZCANARY anna") in to_query(again, FIELDS).filters


def test_page_and_facets_ask_for_the_same_matches() -> None:
    search: Any = SimpleNamespace(fields=FIELDS)
    for level in LEVELS:
        asked = query(("level", level), ("Modality", "CT"), ("StudyDate", "2026"), ("none", "BodyPartExamined"))
        counted = with_facets(asked, search)
        assert counted.matching() == asked.matching()
        assert {one.field for one in counted.facets} >= {"Modality", "StudyDate", "PatientAge", "drop"}


def test_an_id_is_worth_nothing_to_others() -> None:
    kept = queries()
    pairs = [("typed", kept.put("anna", Query(text="knee")))]
    assert state_of(pairs, ANNA, kept).typed.text == "knee"
    with pytest.raises(QueryRefused, match="type it again"):
        state_of(pairs, BERT, kept)


def test_the_same_search_has_the_same_id_and_says_nothing_without_the_key() -> None:
    one = Query(filters=(Filter("Modality", values=("CT",)), Filter("PatientSex", values=("F",))))
    other = Query(filters=tuple(reversed(one.filters)))
    assert queries().id_of("anna", one) == queries().id_of("anna", other)
    assert queries().id_of("anna", one) != queries().id_of("bert", one)
    assert Queries(b"other").id_of("anna", one) != queries().id_of("anna", one)


def test_the_oldest_queries_of_a_person_are_forgotten_and_nobody_elses() -> None:
    kept = Queries(b"key", per_person=2)
    ids = [kept.put("anna", Query(text=text)) for text in ("a", "b", "c")]
    of_bert = kept.put("bert", Query(text="a"))
    assert [kept.get("anna", one) is not None for one in ids] == [False, True, True]
    assert kept.get("bert", of_bert) == Query(text="a")


def test_chosen_and_typed_values_of_one_attribute_are_alternatives() -> None:
    kept = queries()
    typed = kept.put("anna", Query(filters=(Filter("Modality", values=("MR",)),)))
    state = state_of([("Modality", "CT"), ("typed", typed)], ANNA, kept)
    assert to_query(state, FIELDS).filters == (Filter("Modality", values=("CT", "MR")),)


def test_choosing_twice_is_choosing_nothing_and_paging_begins_anew() -> None:
    state = State(canonical([("Modality", "CT"), ("after", "x")]))
    assert state.toggled("Modality", "MR").toggled("Modality", "MR") == State((("Modality", "CT"),))


@NOT_RANDOM
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=6))
def test_an_address_read_again_is_the_same_address(pairs: list[tuple[str, str]]) -> None:
    state = State(canonical(pairs))
    assert canonical(state.pairs) == state.pairs
    clean = [pair for pair in state.pairs if pair[0] and pair[0] != "typed"]
    state = State(canonical(clean))
    assert of_text(state.address(""), ANNA, queries()).pairs == state.pairs


@NOT_RANDOM
@given(st.lists(st.tuples(st.sampled_from([*(f.name for f in FIELDS), "level", "copies", "none", "sort", "view"]),
                          st.text(max_size=20)), max_size=5))  # fmt: skip
def test_any_address_is_a_query_or_a_sentence(pairs: list[tuple[str, str]]) -> None:
    filters: tuple[Filter, ...] = ()
    with contextlib.suppress(QueryRefused):
        filters = query(*pairs).filters
    assert not any(FIELDS[one.field].patient for one in filters if not one.missing)
