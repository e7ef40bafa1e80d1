"""A query asked of Solr: a page with its facets, the counts of all levels, everything by cursor.

What a person typed travels in the body of a POST and appears in no error: Solr's own texts quote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from dicomdex.adapters.solr import Solr
from dicomdex.attributes import ATTRIBUTES, LEVELS, Attribute, Level
from dicomdex.errors import SolrRejected, SolrUnavailable
from dicomdex.schema import attributes_of_configset
from dicomdex.search import ROWS_MAX, Query
from dicomdex.search_body import NONE, TIME_ALLOWED_MS, to_solr
from dicomdex.search_fields import Fields

FROM_THE_START = "*"
FORBIDDEN = 403


@dataclass(frozen=True)
class Counted:
    """A facet: (value, documents) as Solr orders them, and how many documents have no value."""

    values: tuple[tuple[Any, int], ...]
    missing: int = 0


@dataclass(frozen=True)
class Page:
    """What a query matches: how many in all, the documents of this page, its facets by field, the next cursor."""

    total: int
    documents: tuple[dict[str, Any], ...]
    facets: dict[str, Counted] = field(default_factory=dict)
    cursor: str = ""


class Search:
    """Queries against what an alias showed when this was made: a promotion in between changes no answer.

    A Solr user who may only read can't look behind an alias; then the alias itself is asked, by the given attributes.
    """

    def __init__(self, solr: Solr, alias: str, attributes: Iterable[Attribute] = ATTRIBUTES) -> None:
        self._solr = solr
        self.collection = _behind(solr, alias)
        self.fields = _fields(solr, self.collection, attributes)

    def page(self, query: Query) -> Page:
        """One page; QueryRefused, SolrUnavailable (also where it took too long: never half an answer), SolrRejected."""
        answer = self._ask(to_solr(query, self.fields))
        facets = {one.field: _counted(answer["facets"], one.field) for one in query.facets if "facets" in answer}
        found = answer["response"]
        return Page(int(found["numFound"]), tuple(found["docs"]), facets, str(answer.get("nextCursorMark", "")))

    def counts(self, query: Query, total: int | None = None) -> dict[Level, int]:
        """How many of each level match; exact. `total`: how many of the query's own do, where its page has said it."""
        bare = replace(query, facets=(), sort=(), columns=("id",), rows=0, cursor="")
        known = {} if total is None else {query.level: total}
        asked = [level for level in LEVELS if level not in known and _can(bare, level, self.fields)]
        found = known | {level: self.page(bare.at(level)).total for level in asked}
        return {level: found[level] for level in LEVELS if level in found}

    def all(self, query: Query) -> Iterator[dict[str, Any]]:
        """Every match, page by page by cursor; documents that come meanwhile may be among them, none twice."""
        cursor = FROM_THE_START
        while True:
            page = self.page(replace(query, facets=(), rows=ROWS_MAX, cursor=cursor))
            yield from page.documents
            if page.cursor == cursor:
                return
            cursor = page.cursor

    def _ask(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._solr.request("POST", f"/{self.collection}/query", json=body)
        except SolrRejected as refused:
            raise SolrRejected(f"Solr refused the search ({refused.status})", refused.status) from None
        except SolrUnavailable as down:
            raise SolrUnavailable(_without_what_was_said(str(down))) from None
        if answer["responseHeader"].get("partialResults"):
            raise SolrUnavailable(f"the search took longer than {TIME_ALLOWED_MS // 1000} s: narrow it")
        return answer


def _without_what_was_said(sentence: str) -> str:
    """`Solr answered 500: field ...` may name what a person typed; the number is enough."""
    return sentence.split(": field ")[0]


def _behind(solr: Solr, alias: str) -> str:
    try:
        found = solr.aliases().get(alias) or (alias if alias in solr.collections() else "")
    except SolrRejected as refused:
        if refused.status != FORBIDDEN:
            raise
        return alias
    if not found:
        raise SolrUnavailable(f"there is no collection behind {alias} yet: ingest a drop first")
    return found


def _fields(solr: Solr, collection: str, attributes: Iterable[Attribute]) -> Fields:
    """The table that the collection was built by, and of the given one what it lacks, so that a refusal can say so."""
    try:
        own = attributes_of_configset(solr.configset_files(collection))
        known = solr.fields(collection)
    except SolrRejected as refused:
        if refused.status != FORBIDDEN:
            raise
        return Fields(attributes)
    table = {one.keyword: one for one in (*attributes, *own)}
    return Fields(table.values(), known)


def _counted(facets: dict[str, Any], name: str) -> Counted:
    """Deeper facets count in `n`; a facet over nothing is left out by Solr."""
    found = facets.get(name) or {}
    values = tuple((one["val"], int(one.get("n", one["count"]))) for one in found.get("buckets", ()))
    missing = facets.get(f"{name}{NONE}") or found.get("missing") or {}
    return Counted(values, int(missing.get("n", missing.get("count", 0))))


def _can(query: Query, level: Level, fields: Fields) -> bool:
    """Whether the question can be asked at a level: the number of a study's series is no instance's."""
    return all(LEVELS.index(level) <= LEVELS.index(fields[one.field].levels[-1]) for one in query.filters)
