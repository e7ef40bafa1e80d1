"""/export/{kind}: every match of a search as CSV, JSON lines or Parquet, by the search's own query."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from dicomdex.adapters.solr_search import FROM_THE_START, Page, Search
from dicomdex.attributes import Level
from dicomdex.export import FORMATS
from dicomdex.search import ROWS_MAX, Query
from dicomdex.search_fields import Field
from dicomdex_web import search_state
from dicomdex_web.export_stream import streamed
from dicomdex_web.failures import NotFound
from dicomdex_web.files import attachment
from dicomdex_web.search_state import State, to_query
from dicomdex_web.session import Person, Viewer, address
from dicomdex_web.typed import Exported

router = APIRouter()
MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/x-ndjson", "parquet": "application/vnd.apache.parquet"}
UNKNOWN_KIND = "Matches are exported as csv, json or parquet."


@router.get("/export/{kind}")
def export(request: Request, kind: str, person: Viewer) -> Response:
    """The file; its columns are those asked for, or all that the level has. Refused before the first byte, or whole."""
    return _export(request, kind, person, search_state.state_of_address(request, person))


@router.post("/export/{kind}")
def export_typed(request: Request, kind: str, person: Viewer, wanted: Exported) -> Response:
    """The same for a form of the search, in one request: what programs ask, of values that no address may hold."""
    return _export(request, kind, person, wanted)


def _export(request: Request, kind: str, person: Person, state: State) -> Response:
    if kind not in FORMATS:
        raise NotFound(UNKNOWN_KIND)
    search = request.app.state.search.now()
    query = to_query(state, search.fields)
    fields = fields_of(search, query.level, query.columns)
    total, found = begun(search, replace(query, columns=tuple(field.name for field in fields)))
    query_id = request.app.state.queries.id_of(person.name, query.matching())
    request.app.state.trail.add(person, "export", f"{kind}: {total} {query.level}", [query_id], address(request))
    return answer(kind, found, fields, query.level, f"dicomdex-{query.level}")


def begun(search: Search, query: Query) -> tuple[int, Iterator[dict[str, Any]]]:
    """How many match, and all of them: the first page is asked for here, so that what can't be asked is said here."""
    asked = replace(query, facets=(), rows=ROWS_MAX, cursor=FROM_THE_START)
    first = search.page(asked)
    return first.total, _going_on(search, asked, first)


def _going_on(search: Search, asked: Query, page: Page) -> Iterator[dict[str, Any]]:
    """Page by page; one that is not full is the last."""
    yield from page.documents
    while len(page.documents) == ROWS_MAX:
        page = search.page(replace(asked, cursor=page.cursor))
        yield from page.documents


def fields_of(search: Search, level: Level, columns: Iterable[str] = ()) -> list[Field]:
    """The columns of an export: these, or all that documents of the level can show."""
    return [search.fields[name] for name in columns] or [one for one in search.fields if one.shown_on(level)]


def answer(kind: str, documents: Iterable[Mapping[str, Any]], fields: list[Field], level: Level, name: str) -> Response:
    """Documents in a format. What fails on the way cuts the transfer off, so that no file looks whole.

    Those of one page are sent at once, more are streamed by a thread of their own.
    """
    write, headers = FORMATS[kind], attachment(f"{name}.{kind}")
    every = iter(documents)
    first = list(islice(every, ROWS_MAX))
    if len(first) < ROWS_MAX:
        whole = io.BytesIO()
        write(whole, first, fields, level)
        return Response(whole.getvalue(), media_type=MEDIA[kind], headers=headers)
    content = streamed(lambda target: write(target, chain(first, every), fields, level))
    return StreamingResponse(content, media_type=MEDIA[kind], headers=headers)


def matches(search: Search, queries: Iterable[Query]) -> Iterator[dict[str, Any]]:
    """The matches of several queries, each document once."""
    seen: set[str] = set()
    for query in queries:
        for document in begun(search, query)[1]:
            if document["id"] not in seen:
                seen.add(document["id"])
                yield document
