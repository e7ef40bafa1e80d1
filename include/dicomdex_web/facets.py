"""The facets of the search page: which, and each value with its count and its name for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dicomdex.adapters.solr_search import Counted, Page, Search
from dicomdex.errors import QueryRefused
from dicomdex.search import Facet, Query
from dicomdex.search_body import to_solr
from dicomdex.search_fields import Field
from dicomdex_web import histogram
from dicomdex_web.histogram import Histogram
from dicomdex_web.search_state import RANGE, State
from dicomdex_web.words import label, shown

SHOWN = ("Modality", "BodyPartExamined", "Manufacturer", "InstitutionName", "PatientSex", "SOPClassUID",
         "TransferSyntaxUID", "drop")  # fmt: skip
OF_COPIES = "state"
OPEN = 5  # so many facets are unfolded at the beginning
LIMIT = 30
SHORT = 6  # values to be seen before "more"


@dataclass(frozen=True)
class Value:
    """One value of a facet; `value` is what an address holds."""

    value: str
    label: str
    count: int
    chosen: bool


@dataclass(frozen=True)
class Shown:
    """One facet; `none` = how many matches have no value."""

    field: str
    title: str
    values: tuple[Value, ...]
    none: int
    none_chosen: bool
    unfolded: bool

    @property
    def chosen(self) -> int:
        """How many of its values are chosen."""
        return sum(one.chosen for one in self.values) + self.none_chosen


def with_facets(query: Query, search: Search) -> Query:
    """The query with every facet that its level and the collection can count, and both histograms."""
    names = (*SHOWN, OF_COPIES) if query.copies else SHOWN
    wanted = [Facet(name, LIMIT) for name in names] + [histogram.YEARS, histogram.AGES]
    return replace(query, facets=tuple(one for one in wanted if _countable(query, one, search)), cursor="")


def made(state: State, query: Query, page: Page, search: Search) -> list[Shown]:
    """The facets of an answer; a chosen value that nothing has any more is still shown, to be undone."""
    return list(_made(state, query, page, search))


def histograms(state: State, query: Query, page: Page, search: Search) -> list[Histogram]:
    """Both histograms; dates by month or day where they lie close, for which Solr is asked again."""
    found = []
    if "StudyDate" in page.facets:
        counted, gap = page.facets["StudyDate"], "year"
        for closer in (histogram.finer, histogram.finest):
            facet = closer(counted.values)
            if facet is None:
                break
            counted, gap = search.page(replace(query, facets=(facet,), rows=0)).facets["StudyDate"], facet.gap
        found.append(histogram.of_dates(counted.values, gap, *_ends(state, "StudyDate"), counted.missing))
    if "PatientAge" in page.facets:
        ages = page.facets["PatientAge"]
        found.append(histogram.of_ages(ages.values, *_ends(state, "PatientAge"), ages.missing))
    return [one for one in found if one.bars or one.low or one.high]


def _made(state: State, query: Query, page: Page, search: Search) -> Iterator[Shown]:
    for at, facet in enumerate(one for one in query.facets if not one.gap):
        field, counted = search.fields[facet.field], page.facets[facet.field]
        chosen = state.all(field.name)
        values = tuple(_values(field, counted, chosen))
        none_chosen = field.name in state.all("none")
        if values or counted.missing or none_chosen:
            unfolded = at < OPEN or bool(chosen) or none_chosen
            yield Shown(field.name, label(field.name), values, counted.missing, none_chosen, unfolded)


def _values(field: Field, counted: Counted, chosen: tuple[str, ...]) -> Iterator[Value]:
    known = set()
    for value, count in counted.values:
        known.add(str(value))
        yield Value(str(value), shown(field, value) or "(empty)", count, str(value) in chosen)
    for value in chosen:
        if value not in known:
            yield Value(value, shown(field, value), 0, True)


def _countable(query: Query, facet: Facet, search: Search) -> bool:
    try:
        to_solr(replace(query, facets=(facet,)), search.fields)
    except QueryRefused:
        return False
    return True


def _ends(state: State, name: str) -> tuple[str, str]:
    given = state.get(name)
    low, between, high = given.partition(RANGE)
    return (low, high) if between else (given, given)
