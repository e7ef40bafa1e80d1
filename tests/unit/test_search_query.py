"""The query as a value: equal when it asks the same, the same JSON then, and refused when it can't be one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.attributes import LEVELS
from dicomdex.errors import QueryRefused
from dicomdex.search import Facet, Filter, Query

WORDS = st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
NAMES = st.sampled_from(("Modality", "PatientName", "StudyDate", "Rows"))
FILTERS = st.builds(Filter, NAMES, values=st.lists(WORDS, min_size=1, max_size=4).map(tuple), missing=st.booleans())
QUERIES = st.builds(
    Query,
    level=st.sampled_from(LEVELS),
    text=WORDS,
    filters=st.lists(FILTERS, max_size=3, unique_by=lambda one: one.field).map(tuple),
    facets=st.lists(st.builds(Facet, NAMES), max_size=2, unique_by=lambda one: one.field).map(tuple),
    sort=st.lists(NAMES, max_size=2).map(tuple),
    rows=st.integers(0, 200),
)
CHECKED = settings(max_examples=200, derandomize=True, deadline=None, database=None)


@CHECKED
@given(query=QUERIES)
def test_a_query_comes_back_from_its_json(query: Query) -> None:
    assert Query.of_json(query.to_json()) == query
    assert Query.of_json(query.to_json()).to_json() == query.to_json()


def test_queries_that_ask_the_same_are_equal_and_have_one_json() -> None:
    one = Query(text=" knee  left ", filters=(Filter("Rows", values=("2", "1", "2")), Filter("Modality", missing=True)))
    other = Query(text="knee left", filters=(Filter("Modality", missing=True), Filter("Rows", values=("1", "2"))))
    assert (one, hash(one), one.to_json()) == (other, hash(other), other.to_json())
    assert one.to_json() == (
        b'{"text":"knee left","filters":[{"field":"Modality","missing":true},{"field":"Rows","values":["1","2"]}]}'
    )


def test_the_same_question_at_another_level_starts_anew_and_without_copies() -> None:
    query = Query(copies=True, text="knee", cursor="*")
    assert query.at("study") == Query(level="study", text="knee")
    assert query.at("instance") == Query(copies=True, text="knee")
    assert query.matching() == Query(copies=True, text="knee")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[]", "not JSON"),
        ('{"shards": "http://a"}', "not JSON of one"),
        ('{"rows": "20"}', "rows"),
        ('{"level": "patient"}', "level"),
        ('{"filters": [{"field": "Rows", "values": [1]}]}', "filters.values"),
        ('{"filters": [{"field": "Rows", "values": ["1"], "fq": "x"}]}', "filters"),
        ('{"filters": [{"values": ["Meier"]}]}', "filters.field"),
        ('{"rows": 201}', "at most 200 rows"),
        ('{"filters": [{"field": "Rows"}]}', "the filter on Rows says nothing"),
    ],
)
def test_json_that_is_no_query_is_refused_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(QueryRefused, match=said) as refused:
        Query.of_json(text)
    assert "Meier" not in str(refused.value)


def test_what_is_too_much_or_no_text_is_refused_without_being_repeated() -> None:
    for make in (
        lambda: Query(text="x" * 1_001),
        lambda: Query(text="Meier\udcff"),
        lambda: Filter("Rows", values=("x" * 1_025,)),
        lambda: Filter("Rows", values=tuple(map(str, range(201)))),
        lambda: Query(filters=(Filter("Rows", low="1"), Filter("Rows", high="2"))),
        lambda: Query(filters=tuple(Filter(f"a{number}", low="1") for number in range(51))),
        lambda: Query(facets=(Facet("Rows"), Facet("Rows", limit=1))),
        lambda: Facet("Rows", limit=0),
        lambda: Facet("Rows", gap="1"),
        lambda: Query(cursor="&shards=x"),
        lambda: Query(level="study", copies=True),
        lambda: Filter("Meier <b>", values=()),
    ):
        with pytest.raises(QueryRefused) as refused:
            make()
        assert "Meier" not in str(refused.value)
        assert len(str(refused.value)) < 100
