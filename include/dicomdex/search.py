"""The one query: what a person asks for, as a value. Page, facets, counts, export and cart are made from it alone.

A query says at which level matches are shown and counted. Its conditions are met by one instance (or one series,
where no instance's attribute is asked for): a study matches if one of its instances meets all of them.

    Query(level="series", text="knee", filters=(Filter("Modality", values=("CT", "MR")),
          Filter("StudyDate", low="2026-01-01", high="2026-02")), facets=(Facet("Manufacturer"),), sort=("-StudyDate",))

Two queries that ask the same are equal and have the same JSON, in whatever order their conditions were given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dicomdex.attributes import LEVELS, Level
from dicomdex.errors import QueryRefused

ROWS_MAX = 200
TEXT_MAX = 1_000  # characters
VALUE_MAX = 1_024  # characters: longer than any value that is compared (PS3.5 table 6.2-1)
VALUES_MAX = 200  # a filter's values; Solr takes 1,024 clauses
FILTERS_MAX = 50
FACETS_MAX = 30
FACET_LIMIT_MAX = 1_000
GAPS = ("day", "month", "year")
_CURSOR = re.compile(r"\*|[A-Za-z0-9+/=_-]{1,4000}")


@dataclass(frozen=True)
class Filter:
    """A condition on one field: it has one of the values, or lies in the range, or begins so, or is missing.

    `low` and `high` are inclusive, empty = open; `2026-01` as a date is the whole month. `prefix` of a name is its
    words, each begun so, in any order. Values are compared as they are written, upper and lower case apart.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    field: str
    values: tuple[str, ...] = ()
    low: str = ""
    high: str = ""
    prefix: str = ""
    missing: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(sorted(set(self.values))))
        for text in (self.field, *self.values, self.low, self.high, self.prefix):
            _check_text(self.field, text, VALUE_MAX)
        if not (self.values or self.low or self.high or self.prefix or self.missing):
            raise QueryRefused(f"the filter on {_name(self.field)} says nothing")
        if len(self.values) > VALUES_MAX:
            raise QueryRefused(f"the filter on {_name(self.field)} has more than {VALUES_MAX} values")


@dataclass(frozen=True)
class Facet:
    """Values of a field with their counts, most frequent first; with a `gap` a histogram from `low` to `high`.

    A gap is `day`, `month` or `year` of a date, a number otherwise (of ages in days). A facet's own filter does not
    narrow it, so that more values can be chosen beside the chosen ones.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    field: str
    limit: int = 20
    gap: str = ""
    low: str = ""
    high: str = ""

    def __post_init__(self) -> None:
        for text in (self.field, self.gap, self.low, self.high):
            _check_text(self.field, text, VALUE_MAX)
        if not 1 <= self.limit <= FACET_LIMIT_MAX:
            raise QueryRefused(f"a facet shows 1 to {FACET_LIMIT_MAX:,} values")
        if self.gap and not (self.low and self.high):
            raise QueryRefused(f"the histogram of {_name(self.field)} needs a low and a high end")


@dataclass(frozen=True)
class Query:
    """What is asked for. `sort` holds field names, `-` before one = descending; `columns` what documents show.

    `copies`: records that are not primary too, at the level of instances. `cursor`: empty = one page with facets;
    `*`, then what the page before gave = page by page through everything, without facets.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    level: Level = "instance"
    copies: bool = False
    text: str = ""
    filters: tuple[Filter, ...] = ()
    facets: tuple[Facet, ...] = ()
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: int = 20
    cursor: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", " ".join(self.text.split()))
        object.__setattr__(self, "filters", tuple(sorted(set(self.filters), key=lambda one: one.field)))
        _check_text("the text", self.text, TEXT_MAX)
        self._check_sizes()
        if self.level not in LEVELS:
            raise QueryRefused(f"a level is one of {', '.join(LEVELS)}")
        if self.copies and self.level != "instance":
            raise QueryRefused("copies are of instances: ask for them at the level of instances")
        if not 0 <= self.rows <= ROWS_MAX:
            raise QueryRefused(f"a page has at most {ROWS_MAX} rows: go on by cursor")
        if self.cursor and not _CURSOR.fullmatch(self.cursor):
            raise QueryRefused("the cursor is none that a page gave")

    def _check_sizes(self) -> None:
        of_field = [one.field for one in self.filters]
        twice = sorted({name for name in of_field if of_field.count(name) > 1})
        if twice:
            raise QueryRefused(f"{_name(twice[0])} has two filters: put what it may be into one")
        if len(self.filters) > FILTERS_MAX or len(self.facets) > FACETS_MAX:
            raise QueryRefused(f"a query has at most {FILTERS_MAX} filters and {FACETS_MAX} facets")
        names = [one.field for one in self.facets]
        if len(names) != len(set(names)):
            raise QueryRefused("a field is counted by one facet")

    def at(self, level: Level) -> Query:
        """The same question at another level: what counts of all levels and a level switch are made from."""
        return replace(self, level=level, copies=self.copies and level == "instance", cursor="")

    def matching(self) -> Query:
        """What it matches, without how it is shown: equal for a page, its facets, its export."""
        return Query(level=self.level, copies=self.copies, text=self.text, filters=self.filters)

    def to_json(self) -> bytes:
        """Canonical JSON: equal queries give equal bytes; what is as by default is left out."""
        return _JSON.dump_json(self, exclude_defaults=True)

    @classmethod
    def of_json(cls, text: bytes | str) -> Query:
        """The query that `to_json` wrote; QueryRefused for anything else, without a value of it."""
        try:
            return _JSON.validate_json(text, strict=True)
        except ValidationError as error:
            names = {".".join(str(part) for part in bad["loc"] if part in _NAMES) for bad in error.errors()}
            raise QueryRefused(f"this is no query: {', '.join(sorted(names - {''})) or 'not JSON of one'}") from None


_JSON = TypeAdapter(Query)
_NAMES = frozenset(one.name for kind in (Filter, Facet, Query) for one in fields(kind))


def _check_text(of: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise QueryRefused(f"{_name(of)} is given more than {limit:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise QueryRefused(f"{_name(of)} is given bytes that are no text")


def _name(of: str) -> str:
    """A field's name where it can be one: a message never repeats what may be a value."""
    return of if re.fullmatch(r"[A-Za-z_][\w. ]{0,127}", of) else "a field"
