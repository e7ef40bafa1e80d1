"""Search against a real Solr of two shards: page, counts, facets and export of any query are what the rows say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_search import Search
from dicomdex.attributes import ATTRIBUTES, LEVELS, Attribute, Level
from dicomdex.errors import QueryRefused, SolrRejected, SolrUnavailable
from dicomdex.search import Facet, Filter, Query
from dicomdex_local.solr import SolrNode
from tests.spark.searched import BODY_PARTS, Row, counted, documents, hospital, keys, put

ALIAS = "searched"
FACETS = ("Modality", "BodyPartExamined", "PatientSex", "Rows", "ImageType", "drop")
ALL_OF_IT = 1_000


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """The instances of the hospital."""
    return hospital()


@pytest.fixture(scope="module")
def solr(node: SolrNode, rows: list[Row]) -> Iterator[Solr]:
    """Solr with the hospital in it."""
    with Solr(node.base_url, node.auth) as client:
        put(client, ALIAS, documents(rows), shards=2)
        yield client


@pytest.fixture(scope="module")
def search(solr: Solr) -> Search:
    """What asks."""
    return Search(solr, ALIAS)


def some(field: str, *values: str) -> st.SearchStrategy[Filter]:
    """Filters on a field by some of its values, or by their being missing."""
    chosen = st.lists(st.sampled_from(values), max_size=3)
    made = st.builds(lambda v, m: Filter(field, values=tuple(v), missing=m or not v), chosen, st.booleans())
    return made


def ranges(field: str, *values: str) -> st.SearchStrategy[Filter]:
    """Filters on a field by a range whose ends are among the values, one of them open at times."""
    low, high = st.sampled_from(("", *values)), st.sampled_from(values)
    return st.builds(lambda one, other: Filter(field, low=one, high=other), low, high)


def begins(field: str, *prefixes: str) -> st.SearchStrategy[Filter]:
    """Filters on a field by a beginning."""
    return st.builds(lambda prefix: Filter(field, prefix=prefix), st.sampled_from(prefixes))


FILTERS = st.one_of(
    some("Modality", "CT", "MR", "ct"),
    some("BodyPartExamined", *(part for part in BODY_PARTS if part)),
    some("PatientSex", "F", "M"),
    some("Rows", "64", "512"),
    some("ImageType", "ORIGINAL", "DERIVED"),
    some("StudyDate", "2026-01", "2026-02-14", "2026-03"),
    some("drop", "monday", "tuesday"),
    ranges("StudyDate", "2026-01-10", "2026-02", "2026-02-20"),
    ranges("StudyTime", "08", "13", "20"),
    ranges("PatientAge", "3D", "18W", "6M", "40Y"),
    ranges("SliceThickness", "-1.5", "0", "5"),
    begins("PatientName", "mei", "anna MEI", "zoe", "O'h", "四", "li si", "maximilianhaus", "k", "(meier) *", "bo mei"),
    begins("SeriesDescription", "kne", "t2", "schadel", "weight knee"),
    begins("PatientID", "P1", "p1"),
    begins("BodyPartExamined", 'A"', "K"),
)
TEXTS = st.sampled_from(("", "", "", "knee", "Knee MR", "zoë", "P7", "schadel ct", "nothing"))


@st.composite
def queries(draw: st.DrawFn) -> Query:
    """Queries at any level, of up to three filters and two facets."""
    chosen = draw(st.lists(FILTERS, max_size=3, unique_by=lambda one: one.field))
    names = draw(st.lists(st.sampled_from(FACETS), max_size=2, unique=True))
    level = draw(st.sampled_from(LEVELS))
    copies = level == "instance" and draw(st.booleans())
    facets = tuple(Facet(name, limit=ALL_OF_IT) for name in names)
    columns = ("study",) if level == "study" else ("study", "series")
    return Query(
        level=level, copies=copies, text=draw(TEXTS), filters=tuple(chosen), facets=facets, columns=columns, rows=50
    )


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(query=queries())
def test_page_counts_facets_and_export_of_a_query_are_what_the_rows_say(
    search: Search, rows: list[Row], query: Query
) -> None:
    expected = keys(rows, query)
    page = search.page(Query.of_json(query.to_json()))
    assert page.total == len(expected)
    counts = search.counts(query)
    assert counts == {level: len(keys(rows, query.at(level))) for level in LEVELS}
    assert counts[query.level] == page.total
    key = "study" if query.level == "study" else "id"  # a series' own id: its UID may occur in two studies
    exported = [document[key] for document in search.all(replace(query, columns=(key,)))]
    assert len(exported) == len(set(exported)) == page.total
    assert set(exported) == expected.keys()
    assert exported[: len(page.documents)] == [document[key] for document in page.documents]
    for facet in query.facets:
        found = page.facets[facet.field]
        assert (dict(found.values), found.missing) == counted(rows, query, facet.field), facet.field


def test_a_facet_offers_the_values_beside_the_chosen_one_with_what_choosing_them_gives(search: Search) -> None:
    chosen = Query(
        level="study", filters=(Filter("BodyPartExamined", values=("KNEE",)),), facets=(Facet("BodyPartExamined"),)
    )
    for value, count in search.page(chosen).facets["BodyPartExamined"].values:
        other = Query(level="study", filters=(Filter("BodyPartExamined", values=(value,)),))
        assert search.page(other).total == count > 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_histogram_of_dates_and_of_ages_counts_every_match_once(
    search: Search, rows: list[Row], level: Level
) -> None:
    dates = Facet("StudyDate", gap="month", low="2026-01", high="2026-03")
    ages = Facet("PatientAge", gap="365", low="0D", high="60Y")
    page = search.page(Query(level=level, text="knee", facets=(dates, ages)))
    assert page.total == len(keys(rows, Query(level=level, text="knee"))) > 0
    for found in (page.facets["StudyDate"], page.facets["PatientAge"]):
        assert sum(count for _, count in found.values) == page.total
    assert [value[:7] for value, _ in page.facets["StudyDate"].values] == ["2026-01", "2026-02", "2026-03"]


def test_a_uid_as_text_finds_its_instance_series_and_study(search: Search, rows: list[Row]) -> None:
    row = next(row for row in rows if row["level"] == "instance")
    found = search.counts(Query(text=row["SOPInstanceUID"]))
    assert found == {"study": 1, "series": 1, "instance": 1}
    assert search.counts(Query(text=row["study"]))["study"] == 1


def test_documents_come_in_the_order_asked_for(search: Search) -> None:
    query = Query(level="study", sort=("PatientName", "-PatientAge"), columns=("PatientName", "PatientAge"))
    shown = [(one["PatientName"], one["PatientAge"]) for one in search.all(query)]
    assert [name for name, _ in shown] == sorted(name for name, _ in shown)
    first = [age for name, age in shown if name == shown[0][0]]
    assert first == sorted(first, key=("041Y", "040Y", "006M", "018W", "003D").index)


def test_a_search_asks_the_collection_it_began_with_though_the_alias_moves(solr: Solr, rows: list[Row]) -> None:
    few = documents([row for row in rows if row["study"] == "1.2.0"])
    put(solr, "moving", few, shards=1)
    begun = Search(solr, "moving")
    solr.point_alias("moving", f"{ALIAS}_1")
    assert begun.page(Query(level="study")).total == 1
    assert Search(solr, "moving").page(Query(level="study")).total > 1


def test_a_user_who_may_only_read_searches_the_same(node: SolrNode, search: Search) -> None:
    query = Query(level="study", text="knee", facets=(Facet("Modality"),))
    with Solr(node.base_url, node.secrets.reader_auth) as reader:
        asked = Search(reader, ALIAS)
        assert asked.page(query) == search.page(query)
        assert asked.collection == ALIAS


def test_an_attribute_that_the_collection_does_not_have_yet_is_refused(solr: Solr) -> None:
    later = Attribute("GantryDetectorTilt", 0x00181120, "DS", "instance", "float")
    with pytest.raises(QueryRefused, match="the collection has no GantryDetectorTilt yet: rebuild it"):
        Search(solr, ALIAS, (*ATTRIBUTES, later)).page(Query(filters=(Filter(later.keyword, values=("1",)),)))


def test_nothing_that_was_typed_is_in_an_error_or_in_solrs_log(node: SolrNode, solr: Solr, search: Search) -> None:
    secret = "Canaryofthepatient"
    typed = Query(text=secret, filters=(Filter("PatientName", prefix=secret), Filter("PatientID", values=(secret,))))
    assert search.page(typed).total == 0
    with pytest.raises(SolrRejected) as refused:
        search.page(replace(typed, cursor="AAAA"))
    assert str(refused.value) == "Solr refused the search (400)"
    solr.commit(f"{ALIAS}_1")  # a line in the log after the searches
    assert secret.lower() not in node.log.read_text(encoding="utf-8", errors="replace").lower()


def test_a_solr_that_does_not_answer_is_one_sentence_without_what_was_typed(search: Search) -> None:
    with Solr("http://127.0.0.1:9/solr") as nobody, pytest.raises(SolrUnavailable) as said:
        Search(nobody, ALIAS)
    assert str(said.value) == "Solr does not answer (ConnectError) at http://127.0.0.1:9/solr"


def test_before_the_first_drop_it_is_said_that_there_is_nothing_yet(solr: Solr) -> None:
    with pytest.raises(SolrUnavailable, match="there is no collection behind nowhere yet"):
        Search(solr, "nowhere")
