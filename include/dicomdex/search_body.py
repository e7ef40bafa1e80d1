"""A query as the JSON body for Solr's `/query`: documents, counts and facets come from one and the same conditions.

All conditions are met on documents of one level, the scope: the query's own, or a deeper one where a condition is on
an attribute that only deeper documents have; then matches of the query's level are what the scope's matches belong to
(`{!join}` by study or series). Facets of deeper attributes count distinct studies (or series) of the scope's matches,
which is exact since a study lies on one shard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dicomdex.attributes import LEVELS, Level
from dicomdex.errors import QueryRefused
from dicomdex.search import Facet, Filter, Query
from dicomdex.search_clauses import Clauses
from dicomdex.search_fields import Field, Fields
from dicomdex.search_values import ends, ranged

TIME_ALLOWED_MS = 10_000
BUCKETS_MAX = 1_000
EVERYTHING = "*:*"
SERIES_ID = "series_id"  # collections of an older version do without
NONE = "/none"  # the facet beside a rolled-up one
COLUMNS: dict[Level, tuple[str, ...]] = {
    "study": ("StudyDate", "PatientName", "PatientID", "Modality", "StudyDescription", "NumberOfStudyRelatedSeries",
              "NumberOfStudyRelatedInstances"),
    "series": ("StudyDate", "PatientName", "Modality", "BodyPartExamined", "SeriesDescription",
               "NumberOfSeriesRelatedInstances"),
    "instance": ("StudyDate", "PatientName", "Modality", "SeriesDescription", "InstanceNumber", "DicomUrl"),
}  # fmt: skip
_DAYS_OF_GAP = {"day": 1, "month": 28, "year": 365}


def to_solr(query: Query, fields: Fields) -> dict[str, Any]:
    """The body; QueryRefused where a field is not in the allow-list or a value is none of its field."""
    return _Body(query, fields).made()


def scope_of(query: Query, fields: Fields, also: tuple[str, ...] = ()) -> Level:
    """The shallowest level from the query's own on, one document of which can meet all that the query's own can't.

    One rolled-up attribute is met by the query's own level; two need not have come from the same instance, and one
    that is missing may be missing in some instances.
    """
    names = {*(one.field for one in query.filters), *also}
    deeper = [field for field in map(fields.__getitem__, names) if query.level not in field.levels]
    lacking = any(one.missing and query.level not in fields[one.field].levels for one in query.filters)
    rolled_up = len(deeper) == 1 and bool(deeper[0].on(query.level)) and not lacking
    if not query.text and (not deeper or rolled_up):
        return query.level
    for level in LEVELS[LEVELS.index(query.level) :]:
        if all(level in field.levels for field in deeper) and (level == "instance" or not query.text):
            return level
    said = ", ".join(sorted(field.name for field in deeper))
    raise QueryRefused(f"{said} can't be asked for at the level {query.level}: other documents have it")


def columns_of(query: Query, fields: Fields) -> tuple[str, ...]:
    """The columns that documents show: those asked for, or the usual ones of the level that the collection has."""
    return query.columns or tuple(name for name in COLUMNS[query.level] if fields.has(name))


class _Body:
    def __init__(self, query: Query, fields: Fields) -> None:
        self.query = query
        self.fields = fields
        self.clauses = Clauses(fields)
        self.scope = scope_of(query, fields)
        series = SERIES_ID if fields.has(SERIES_ID) else "series"  # a UID may occur in several studies
        self.key = "study" if query.level == "study" else series

    def made(self) -> dict[str, Any]:
        query = self.query
        direct = self.scope == query.level
        body: dict[str, Any] = {
            "query": self.clauses.text(query.text) if query.text and direct else EVERYTHING,
            "filter": [self.clauses.level(query.level, copies=query.copies), *self._filters(direct)],
            "fields": ["id", "level", *self._columns()],
            "sort": self._sort(),
            "limit": query.rows,
        }
        if query.facets and not query.cursor:
            body["facet"] = {one.field: self._facet(one) for one in query.facets} | self._none_of_rolled_up()
        # Without it Solr would put other parameters in for `${..}` in what a person typed.
        params = {"expandMacros": "false", **self.clauses.params}
        paging = {"cursorMark": query.cursor} if query.cursor else {"timeAllowed": str(TIME_ALLOWED_MS)}
        return {**body, "params": {**params, **paging}}

    def _filters(self, direct: bool) -> list[str]:
        if direct:
            return self._tagged(self.query.filters)
        own, deeper = self._parted(self.scope)
        return [self.clauses.joined(self.key, self._met(self.scope, deeper)), *self._tagged(own)]

    def _tagged(self, filters: Sequence[Filter]) -> list[str]:
        """Filters on documents of the query's level, each to be left out by its field's own facet."""
        level = self.query.level
        return [self.clauses.all_of([self.clauses.filter(one, level)], tag=one.field) for one in filters]

    def _parted(self, scope: Level) -> tuple[list[Filter], list[Filter]]:
        """Filters that only documents of the query's level can meet, and those that the scope's meet."""
        own = [one for one in self.query.filters if scope not in self.fields[one.field].levels]
        return own, [one for one in self.query.filters if one not in own]

    def _met(self, scope: Level, filters: Sequence[Filter]) -> str:
        """Documents of the scope that meet the filters and the text."""
        parts = [self.clauses.level(scope), *(self.clauses.filter(one, scope) for one in filters)]
        return self.clauses.all_of([*parts, self.clauses.text(self.query.text)] if self.query.text else parts)

    def _columns(self) -> list[str]:
        shown = []
        for name in columns_of(self.query, self.fields):
            found = self.fields[name].shown_on(self.query.level)
            if not found:
                raise QueryRefused(f"{name} is no column at the level {self.query.level}")
            shown.append(name if found == name else f"{name}:{found}")
        return shown

    def _sort(self) -> str:
        wanted = self.query.sort or (("-StudyDate",) if self.fields.has("StudyDate") else ())
        terms = []
        for one in wanted:
            field = self.fields[one.removeprefix("-")]
            if not field.sortable or self.query.level not in field.levels:
                raise QueryRefused(f"{field.name} can't be sorted by at the level {self.query.level}")
            terms.append(f"{field.number} {'desc' if one.startswith('-') else 'asc'}")
        return ", ".join([*terms, "id asc"])

    def _facet(self, facet: Facet) -> dict[str, Any]:
        field = self.fields[facet.field]
        if not field.facet:
            raise QueryRefused(f"{field.name} can't be counted by")
        if self._counts_matches(field):
            filtered = any(one.field == facet.field for one in self.query.filters)
            counted = self._buckets(facet, field, self.query.level)
            return {**counted, "domain": {"excludeTags": [facet.field]}} if filtered else counted
        scope = scope_of(self.query, self.fields, (facet.field,))
        counted = {**self._buckets(facet, field, scope), "facet": {"n": f"unique({self.key})"}}
        if counted["type"] == "terms":
            counted["sort"] = {"n": "desc"}
        return {**counted, "domain": self._domain(scope, facet.field)}

    def _none_of_rolled_up(self) -> dict[str, Any]:
        """Of rolled-up facets: how many matches have an instance (or series) without a value."""
        made = {}
        for facet in self.query.facets:
            field = self.fields[facet.field]
            if self.query.level in field.levels or not self._counts_matches(field):
                continue
            scope = field.levels[0]
            domain = self._domain(scope, facet.field, self.clauses.filter(Filter(facet.field, missing=True), scope))
            counted = {"n": f"unique({self.key})"}
            made[f"{facet.field}{NONE}"] = {"type": "query", "q": EVERYTHING, "facet": counted, "domain": domain}
        return made

    def _counts_matches(self, field: Field) -> bool:
        """Whether the matches themselves have the field, and its own filter can be taken from them."""
        if self.query.level not in field.levels:
            return scope_of(self.query, self.fields, (field.name,)) == self.query.level
        _, deeper = self._parted(self.scope)
        return self.scope == self.query.level or all(one.field != field.name for one in deeper)

    def _domain(self, scope: Level, but: str, *besides: str) -> dict[str, Any]:
        """The scope's matches as if the facet's own field had no filter."""
        own, deeper = self._parted(scope)
        met = self._met(scope, [one for one in deeper if one.field != but])
        if not own:
            return {"query": [met, *besides]}
        level = self.clauses.level(self.query.level)
        above = self.clauses.all_of([level, *(self.clauses.filter(one, self.query.level) for one in own)])
        return {"query": [met, self.clauses.joined(self.key, above), *besides]}

    def _buckets(self, facet: Facet, field: Field, level: Level) -> dict[str, Any]:
        if not facet.gap:
            wanted = {"limit": facet.limit, "mincount": 1, "missing": level in field.levels, "refine": True}
            return {"type": "terms", "field": field.on(level), **wanted}
        if not ranged(field):
            raise QueryRefused(f"{field.name} has no histogram: it is neither date nor number")
        first, last = ends(field, facet.low, facet.high)
        return {"type": "range", "field": field.number, "start": first, "end": last, "gap": _gap(facet, field)}


def _gap(facet: Facet, field: Field) -> str | float:
    first, last = ends(field, facet.low, facet.high)
    if field.shape in ("date", "datetime"):
        if facet.gap not in _DAYS_OF_GAP:
            raise QueryRefused(f"the gap of {field.name} is one of {', '.join(_DAYS_OF_GAP)}")
        steps = (int(last[:4]) - int(first[:4]) + 1) * 366 / _DAYS_OF_GAP[facet.gap]
        gap: str | float = f"+1{facet.gap.upper()}"
    else:
        gap = float(ends(Field("gap", "float", (), "gap"), facet.gap, facet.gap)[0])
        steps = (float(last) - float(first)) / gap if gap > 0 else BUCKETS_MAX + 1
    if not steps <= BUCKETS_MAX:
        raise QueryRefused(f"the histogram of {field.name} has more than {BUCKETS_MAX:,} steps")
    return int(gap) if isinstance(gap, float) and field.shape != "float" else gap
