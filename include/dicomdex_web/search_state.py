"""The search that an address stands for, and the address of a search.

    /?level=series&Modality=CT&Modality=MR&StudyDate=2026-01..2026-02&none=BodyPartExamined&sort=-StudyDate&typed=9f...

In the clear are levels, columns, order, and values chosen from facets or brushed. What a person typed, free text and
conditions on any attribute, lies behind `typed`, the id of a query that holds it; so does where a page begins
(`after`), since Solr's cursor holds the last row's values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode

from fastapi import Request

from dicomdex.attributes import Level
from dicomdex.errors import QueryRefused
from dicomdex.search import Filter, Query
from dicomdex.search_fields import Fields
from dicomdex.search_values import ranged
from dicomdex_web.queries import Queries
from dicomdex_web.session import Person

OWN = ("level", "view", "copies", "sort", "columns", "none", "typed", "after")
VIEWS = ("table", "gallery")
RANGE = ".."
FROM, TO = "from.", "to."  # two inputs of a form, which become one range
ROWS = {"table": 50, "gallery": 60}
TAG = re.compile(r"[0-9A-Fa-f]{8}")
LOST = "The page was started anew since this search was typed: type it again."
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class State:
    """One address: what is in the clear, in the order of the address, and what was typed."""

    pairs: Pairs
    typed: Query = Query()  # noqa: RUF009  (frozen)

    def get(self, name: str, default: str = "") -> str:
        """The last value of a name."""
        return next((value for key, value in reversed(self.pairs) if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """All values of a name."""
        return tuple(value for key, value in self.pairs if key == name)

    @property
    def level(self) -> Level:
        """At which level matches are shown."""
        return cast("Level", self.get("level", "study"))

    @property
    def view(self) -> str:
        """Table or gallery."""
        found = self.get("view", "table")
        return found if found in VIEWS else "table"

    def with_(self, **changes: str | Sequence[str] | None) -> State:
        """Another address: each name given has these values and no others; paging begins anew."""
        names = {name.replace("__", "."): value for name, value in changes.items()}
        kept = [(key, value) for key, value in self.pairs if key not in names and key != "after"]
        for name, value in names.items():
            kept += [(name, one) for one in ([value] if isinstance(value, str) else value or ()) if one]
        return replace(self, pairs=canonical(kept))

    def toggled(self, name: str, value: str) -> State:
        """With this value beside the others, or without it where it was."""
        values = self.all(name)
        return self.with_(**{name: [one for one in values if one != value] if value in values else [*values, value]})

    def address(self, path: str = "/") -> str:
        """Path and query string."""
        return f"{path}?{urlencode(self.pairs)}" if self.pairs else path


def canonical(pairs: Iterable[tuple[str, str]]) -> Pairs:
    """Without what is empty, the two ends of a range as one, our own names first, no pair twice."""
    given = [(name, value.strip()) for name, value in pairs]
    ends = {name: value for name, value in given if name.startswith((FROM, TO))}
    kept = [(name, value) for name, value in given if value and name not in ends]
    for field in dict.fromkeys(name.split(".", 1)[1] for name in ends):
        low, high = ends.get(FROM + field, ""), ends.get(TO + field, "")
        kept = [pair for pair in kept if pair[0] != field]
        kept += [(field, f"{low}{RANGE}{high}")] if low or high else []
    defaults = {("level", "study"), ("view", "table")}
    unique = [pair for pair in dict.fromkeys(kept) if pair not in defaults]
    return tuple(sorted(unique, key=lambda pair: _place(pair[0])))


def _place(name: str) -> int:
    return OWN.index(name) if name in OWN else len(OWN)


def state_of(pairs: Iterable[tuple[str, str]], person: Person, queries: Queries) -> State:
    """The state of a query string; QueryRefused where what was typed is not known any more."""
    found = State(canonical(pairs))
    typed_id = found.get("typed")
    if not typed_id:
        return found
    typed = queries.get(person.name, typed_id)
    if typed is None:
        raise QueryRefused(LOST)
    return replace(found, typed=typed)


def state_of_address(request: Request, person: Person) -> State:
    """The state of a request's own address."""
    return state_of(request.query_params.multi_items(), person, request.app.state.queries)


def of_text(text: str, person: Person, queries: Queries) -> State:
    """The state of a query string that a form carries."""
    return state_of(parse_qsl(text.removeprefix("/").removeprefix("?"), max_num_fields=400), person, queries)


def to_query(state: State, fields: Fields) -> Query:
    """State to query, without facets."""
    filters = _merged([*_clear(state, fields), *state.typed.filters])
    return Query(
        level=state.level,
        copies=state.get("copies") == "1" and state.level == "instance",
        text=state.typed.text,
        filters=tuple(filters),
        sort=state.all("sort") or usual_order(state.level, fields),
        columns=state.all("columns"),
        rows=ROWS[state.view],
    )


def usual_order(level: Level, fields: Fields) -> tuple[str, ...]:
    """The latest studies first; their series and instances as they are numbered."""
    wanted = ("-StudyDate", "StudyInstanceUID", "SeriesNumber", "InstanceNumber")
    names = [one for one in wanted if fields.has(one.removeprefix("-"))]
    return tuple(one for one in names if level in fields[one.removeprefix("-")].levels)


def _clear(state: State, fields: Fields) -> Iterator[Filter]:
    """Conditions in the clear: only on what facets show, so that no address holds what a person typed."""
    values: dict[str, list[str]] = {}
    for name, value in state.pairs:
        if name not in OWN:
            values.setdefault(name, []).append(value)
    for name, some in values.items():
        field = fields[name]
        if field.patient or not field.facet:
            raise QueryRefused(f"{name} is asked for by the form, not by an address: addresses are seen and kept")
        spans = [one.partition(RANGE)[::2] for one in some if ranged(field) and RANGE in one]
        if len(spans) > 1:
            raise QueryRefused(f"{name} is given two ranges: one is possible")
        low, high = spans[0] if spans else ("", "")
        yield Filter(name, tuple(one for one in some if not (ranged(field) and RANGE in one)), low=low, high=high)
    for name in state.all("none"):
        yield Filter(fields[name].name, missing=True)


def _merged(filters: Iterable[Filter]) -> list[Filter]:
    """One filter a field: chosen and typed values are alternatives."""
    made: dict[str, Filter] = {}
    for one in filters:
        known = made.get(one.field)
        made[one.field] = one if known is None else _either(known, one)
    return list(made.values())


def _either(known: Filter, other: Filter) -> Filter:
    if (known.prefix and other.prefix) or ((known.low or known.high) and (other.low or other.high)):
        raise QueryRefused(f"{known.field} is given two ranges or two beginnings: one is possible")
    given: Mapping[str, Any] = {
        "values": (*known.values, *other.values),
        "low": known.low or other.low,
        "high": known.high or other.high,
        "prefix": known.prefix or other.prefix,
        "missing": known.missing or other.missing,
    }
    return Filter(known.field, **given)
