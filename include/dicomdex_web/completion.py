"""What the box offers while somebody types: values of facets, patients, attributes to ask for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from dicomdex.adapters.solr_search import Search
from dicomdex.errors import QueryRefused
from dicomdex.search import Filter, Query
from dicomdex_web import facets
from dicomdex_web.search_state import State, to_query
from dicomdex_web.words import label, shown

OFFERS = 8
PATIENTS = 4
VALUES = 200
SHORTEST = 2


@dataclass(frozen=True)
class Offer:
    """`address`: where choosing it leads; or, for what no address may hold, `field` and `value` of the form."""

    kind: str
    says: str
    count: int = 0
    address: str = ""
    field: str = ""
    value: str = ""


def offers(text: str, state: State, search: Search) -> list[Offer]:
    """At most eight, for the last word; none for less than two characters."""
    word = text.split()[-1] if text.split() else ""
    if len(word) < SHORTEST:
        return []
    query = to_query(state, search.fields)
    return [*islice(_values(word, state, query, search), OFFERS - PATIENTS), *_patients(text.strip(), query, search)]


def _values(word: str, state: State, query: Query, search: Search) -> Iterator[Offer]:
    wanted = [one for one in facets.with_facets(query, search).facets if not one.gap]
    bare = Query(level=query.level, facets=tuple(replace(one, limit=VALUES) for one in wanted), rows=0)
    page = search.page(bare)
    for facet in wanted:
        field = search.fields[facet.field]
        for value, count in page.facets[facet.field].values:
            said = shown(field, value)
            if word.lower() in said.lower() and str(value) not in state.all(field.name):
                yield Offer(label(field.name), said, count, state.toggled(field.name, str(value)).address())


def _patients(text: str, query: Query, search: Search) -> list[Offer]:
    """Patients all of whose given words begin a part of their name."""
    try:
        asked = Query("study", filters=(Filter("PatientName", prefix=text),), facets=(), columns=("PatientName",),
                      rows=20)  # fmt: skip
        page = search.page(asked)
    except QueryRefused:
        return []
    names = dict.fromkeys(str(one["PatientName"]) for one in page.documents if one.get("PatientName"))
    field = search.fields["PatientName"]
    return [Offer("Patient", shown(field, name), field="PatientName", value=name) for name in list(names)[:PATIENTS]]
