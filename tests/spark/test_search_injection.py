"""Whatever is typed, Solr parses the query that we mean: `debug=query` shows its fields and its kinds of clauses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_search import Search
from dicomdex.search import Filter, Query
from dicomdex.search_body import to_solr
from dicomdex_local.solr import SolrNode
from tests.spark.searched import documents, hospital, put

ALIAS = "injected"
STRINGS = 5  # of each example: the text and four values

# What an attacker would write, and what people do write by accident. All name fields, parsers or parameters that have
# a capital letter, or would show a clause that has one, if they were obeyed.
PIECES = (
    '{!xmlparser v=\'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a"><a></a>\'}', "{!func}Rows",
    "{!join from=StudyID to=Rows}a", "{!term f=Modality}CT", "{!edismax qf=PatientID}P1", "{!frange l=0}Rows",
    "{!graph from=StudyID to=StudyID}x", '_query_:"{!term f=Modality}CT"', "_query_:{!func}Rows",
    '_val_:"recip(Rows,1,1,1)"', "Modality:CT", "PatientID:[* TO *]", "DicomUrl:*", "*:*", "-*:*",
    "shards=127.0.0.1:1/solr", "&shards=127.0.0.1:1", "stream.url=http://127.0.0.1:1", "&qt=/update",
    "&fq=Modality:CT", "${v1}", "${qf}", "${expr:Modality}", "$v1", "$qf", "#{Rows}", "</str>", "%7B!func%7DRows",
    "\\{!func\\}Rows", '"', "'", '\\"', "\\", "\\\\", "/", "/.*/", "/(a+)+$/", "*", "?", "a*", "*a", "~", "a~2",
    "^", "a^5", "a^Rows", "+", "-", "!", "(", ")", "((((", "[", "]", "{", "}", "[a TO b]", "{* TO z}", "&&", "||",
    "AND", "OR", "NOT", "TO", ":", "::", ",", ";", "=", "^=Rows", "\t", "\n", "\r", "\x00", "\x1b[2J", "\u200f",
    "\u202e", "\ufeff", "\uffff", "\u0130", "\u017f", "\xdf", "K", "\uff21", "\u674e", "\U0001f600", "\xe9",
    "e\u0301", "1.2.3", "1.2.840.10008.1.1", "PatientName_pn:x", "_text_:x", "id:x", "level:copy",
    "bucket:[0 TO 5]", "meier", "Knee", "CT", "v=$qf", "tag=x", "}{!func}Rows", "' v='{!func}Rows", "*:* _query_:x",
    "<script>", "=1+1", "NOW/DAY", "2026-01-01T00:00:00Z",
)  # fmt: skip
TYPED = st.one_of(
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map(" ".join),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
    st.text(alphabet=st.characters(exclude_categories=("Cs",)), min_size=1, max_size=30),
    st.text(alphabet="{}!$()[]:\"'\\/*?~^+-&|<>= \tab1._AZ", min_size=1, max_size=30),
)
CLAUSES = {"DisjunctionMaxQuery", "MatchAllDocsQuery", "MatchNoDocsQuery", "FieldExistsQuery", "SelfJoin", "TO"}
# Words with a capital letter; fields that are searched by word hold none, so only a field or a clause can have it.
CAPITAL = re.compile(r"\w*[A-Z]\w*", re.ASCII)
NUMBER = re.compile(r"\d+E\d+", re.ASCII)


@pytest.fixture(scope="module")
def search(node: SolrNode) -> Iterator[Search]:
    """A collection of one shard: Solr shows the parsed query of one place only."""
    with Solr(node.base_url, node.auth) as solr:
        put(solr, ALIAS, documents(hospital()[:20]), shards=1)
        yield Search(solr, ALIAS)


def parsed(search: Search, query: Query) -> tuple[str, list[str]]:
    """What Solr makes of a query: the main query and the filters, as it prints them."""
    body = to_solr(query, search.fields)
    body["params"]["debug"] = "query"
    debug: dict[str, Any] = search._ask(body)["debug"]
    return debug["parsedquery"], debug["parsed_filter_queries"]


def foreign(search: Search, said: str) -> set[str]:
    """Names in a parsed query that are neither a clause of ours nor a field that is searched by word."""
    names = {*CLAUSES, *search.fields.of_text(), "SeriesDescription_txt"}
    return {word for word in CAPITAL.findall(said) if word not in names and not NUMBER.fullmatch(word)}


def check(search: Search, text: str, exact: str, begun: str, name: str, words: str) -> None:
    """One request with five typed strings."""
    filters = (
        Filter("Modality", values=(exact,)),
        Filter("PatientID", prefix=begun),
        # With a word, since signs alone are refused before Solr is asked.
        Filter("PatientName", prefix=f"x {name}"),
        Filter("SeriesDescription", prefix=f"x {words}"),
    )
    main, (level, *others) = parsed(search, Query(text=text, filters=filters, rows=0))
    assert level == "level:instance"
    said = dict(zip(sorted(one.field for one in filters), others, strict=True))
    assert said["Modality"] == f"+Modality:{exact}"
    assert said["PatientID"] == f"+PatientID:{begun}*"
    for one in (said["PatientName"], said["SeriesDescription"]):
        assert foreign(search, one) == set()
    uids = [f"{field}:" for field in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    for uid in uids if re.fullmatch(r"[0-9.]+", text.strip()) else []:
        main = main.replace(uid, "")
    assert foreign(search, main) == set()


@settings(max_examples=2_000, derandomize=True, deadline=None, database=None)
@given(st.tuples(*[TYPED] * STRINGS))
def test_10_000_typed_strings_never_leave_the_allowed_fields_and_parsers(
    search: Search, typed: tuple[str, ...]
) -> None:
    check(search, *typed)


@pytest.mark.long
@settings(max_examples=10_000, derandomize=True, deadline=None, database=None)
@given(st.tuples(*[TYPED] * STRINGS))
def test_50_000_typed_strings_never_leave_the_allowed_fields_and_parsers(
    search: Search, typed: tuple[str, ...]
) -> None:
    check(search, *typed)


def test_a_text_at_the_level_of_studies_stays_in_its_fields_too(search: Search) -> None:
    for piece in PIECES:
        _, (level, joined) = parsed(search, Query(level="study", text=f"a {piece}", rows=0))
        assert level == "level:study"
        assert joined.startswith("SelfJoin({!join from=study to=study}+")
        assert "+level:instance" in joined
        assert foreign(search, joined) == set(), piece


def test_the_check_itself_sees_another_field_and_another_parser(search: Search) -> None:
    for obeyed in ("{!term f=Modality}CT", "{!func}Rows", "Modality:CT", "{!join from=StudyID to=Rows}a"):
        body = {**to_solr(Query(rows=0), search.fields), "query": obeyed}
        body["params"]["debug"] = "query"
        assert foreign(search, search._ask(body)["debug"]["parsedquery"]) != set()


def test_parameters_in_a_typed_text_are_not_put_in(search: Search) -> None:
    main, _ = parsed(search, Query(text="${qf}", rows=0))
    assert "patientname" not in main
