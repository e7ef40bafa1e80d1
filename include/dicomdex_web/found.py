"""What a search has found, ready for the page: rows or cards, columns, facets, histograms, counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from dicomdex.adapters.solr_search import Search
from dicomdex.attributes import LEVELS, Level
from dicomdex.search import Filter, Query
from dicomdex.search_body import columns_of
from dicomdex.search_fields import Field, Fields
from dicomdex_web import facets
from dicomdex_web.histogram import Histogram
from dicomdex_web.search_state import OWN, State, to_query
from dicomdex_web.words import label, shown

ALL = "*"
FILE = "DicomUrl"
NAMES = {"study": "Studies", "series": "Series", "instance": "Instances"}
# What a card says; the first line is its heading.
CARD_LINES = (("PatientName",), ("StudyDate", "Modality", "BodyPartExamined"), ("StudyDescription",),
              ("SeriesDescription", "InstanceNumber"))  # fmt: skip
CARD = tuple(name for line in CARD_LINES for name in line)


@dataclass(frozen=True)
class Column:
    """A column of the table; `sort` = what the address has to say to sort by it, empty where it can't be."""

    name: str
    title: str
    numeric: bool
    sort: str
    sorted: str


@dataclass(frozen=True)
class Row:
    """One match: its address, its cells in the order of the columns, its file."""

    id: str
    path: str
    level: str
    cells: tuple[str, ...]
    file: str
    thumbnail: str
    copy: bool
    lines: tuple[str, ...]

    @property
    def title(self) -> str:
        """What a screen reader calls it."""
        return next((cell for cell in self.cells if cell), self.id)


@dataclass(frozen=True)
class Chip:
    """A condition that holds: what it says, and how it is taken away (an address, or a name of what was typed)."""

    name: str
    says: str
    without: str = ""
    typed: str = ""


@dataclass(frozen=True)
class Found:
    """Everything that the page shows of a search."""

    query: Query
    total: int
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    counts: tuple[tuple[Level, str, int | None], ...]
    facets: list[facets.Shown]
    histograms: list[Histogram]
    chips: tuple[Chip, ...]
    choices: tuple[tuple[str, str], ...]
    cursor: str


def found(state: State, search: Search, after: str = "") -> Found:
    """Ask Solr; QueryRefused, SolrUnavailable."""
    query = to_query(state, search.fields)
    fields = search.fields
    names = card_columns(query, fields) if state.view == "gallery" else columns_of(query, fields)
    asked = tuple(dict.fromkeys([*names, *(one for one in (FILE,) if fields.has(one))]))
    names = tuple(name for name in names if name != FILE)  # every row has its own place for it
    page = search.page(replace(query, columns=asked, cursor=after or ALL))
    wanted = facets.with_facets(query, search)
    counted = search.page(replace(wanted, rows=0))
    counts = search.counts(query, page.total)
    return Found(
        query=query,
        total=page.total,
        rows=tuple(_row(document, [fields[name] for name in names]) for document in page.documents),
        columns=tuple(_column(fields[name], state, query.level) for name in names),
        counts=tuple((level, NAMES[level], counts.get(level)) for level in LEVELS),
        facets=facets.made(state, wanted, counted, search),
        histograms=facets.histograms(state, query, counted, search),
        chips=tuple(chips(state, fields)),
        choices=tuple(_choices(fields, query.level)),
        cursor="" if len(page.documents) < query.rows or page.cursor == after else page.cursor,
    )


def card_columns(query: Query, fields: Fields) -> tuple[str, ...]:
    """What cards show at this level."""
    return tuple(name for name in CARD if fields.has(name) and fields[name].shown_on(query.level))


def _choices(fields: Fields, level: Level) -> list[tuple[str, str]]:
    """Columns of a level, DICOM's attributes before dicomdex's own."""
    shown_here = [(one.name, label(one.name)) for one in fields if one.shown_on(level)]
    return sorted(shown_here, key=lambda one: (one[0][:1].islower(), one[1].lower()))


def chips(state: State, fields: Fields) -> Iterator[Chip]:
    """Every condition, chosen or typed."""
    if state.typed.text:
        yield Chip("Text", state.typed.text, typed="text")
    for one in state.typed.filters:
        yield Chip(label(one.field), _says(one), typed=one.field)
    for name in dict.fromkeys(name for name, _ in state.pairs if name in ("none",) or _is_condition(name)):
        for value in state.all(name):
            if name == "none":
                yield Chip(label(value), "none", without=state.toggled("none", value).address())
            else:
                says = _range_said(value) if ".." in value else shown(fields[name], value)
                yield Chip(label(name), says, without=state.toggled(name, value).address())


def _is_condition(name: str) -> bool:
    return name not in OWN


def _says(one: Filter) -> str:
    parts = list(one.values)
    if one.low or one.high:
        parts.append(_range_said(f"{one.low}..{one.high}"))
    if one.prefix:
        parts.append(f"begins {one.prefix}")
    if one.missing:
        parts.append("none")
    return " or ".join(parts)


def _range_said(text: str) -> str:
    low, _, high = (_age_said(part) for part in text.partition(".."))
    if low and high:
        return low if low == high else f"{low} to {high}"
    return f"from {low}" if low else f"up to {high}"


def _age_said(text: str) -> str:
    days = text[:-1]
    return f"{round(int(days) / 365.25)} years" if text.endswith("D") and days.isdigit() and int(days) > 730 else text


def _row(document: dict[str, Any], fields: list[Field]) -> Row:
    ident = str(document["id"])
    return Row(
        id=ident,
        path=f"/view/{quote(ident, safe='!')}",
        level=str(document["level"]),
        cells=tuple(shown(field, document.get(field.name)) for field in fields),
        file=str(document.get(FILE) or ""),
        thumbnail=f"/thumbnails/{quote(ident, safe='!')}",
        copy=document["level"] == "copy",
        lines=tuple(_lines(document, {field.name: field for field in fields})),
    )


def _lines(document: dict[str, Any], fields: dict[str, Field]) -> Iterator[str]:
    """What a card says, line by line; lines of which nothing is known are left out."""
    for names in CARD_LINES:
        said = [shown(fields[name], document.get(name)) for name in names if name in fields]
        if any(said):
            yield " · ".join(one for one in said if one)


def _column(field: Field, state: State, level: Level) -> Column:
    sortable = field.sortable and level in field.levels
    now = state.get("sort")
    direction = "" if now.removeprefix("-") != field.name else "descending" if now.startswith("-") else "ascending"
    following = f"-{field.name}" if direction == "ascending" else field.name
    address = state.with_(sort=following).address() if sortable else ""
    return Column(field.name, label(field.name), field.shape in ("int", "float"), address, direction)
