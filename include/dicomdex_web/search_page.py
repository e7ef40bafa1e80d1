"""Search: the page, the form that takes what people type, and completion while they type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from dicomdex.adapters.solr_search import Search
from dicomdex.errors import QueryRefused, SolrError
from dicomdex.search import Query
from dicomdex_web import completion, found, search_state
from dicomdex_web.pages import fragment, page
from dicomdex_web.search_state import State
from dicomdex_web.session import Person, Viewer, address
from dicomdex_web.typed import Address, Searched, Text

router = APIRouter()


@router.get("/")
def search_page(request: Request, person: Viewer) -> Response:
    """What an address stands for: matches, facets, histograms, counts of all levels."""
    given = tuple(request.query_params.multi_items())
    canonical = State(search_state.canonical(given))
    if canonical.pairs != given and not request.headers.get("HX-Request"):
        return RedirectResponse(canonical.address(), status_code=303)
    shown, status = _answered(request, person, canonical)
    answer = page(request, "search.html", status, **shown)
    if canonical.pairs != given:
        answer.headers["HX-Push-Url"] = canonical.address()
    return answer


@router.post("/search")
def typed(request: Request, person: Viewer, wanted: Searched) -> Response:
    """What was typed becomes a query of this person's; then the page of its id."""
    typed_id = request.app.state.queries.put(person.name, wanted.typed) if wanted.typed != Query() else ""
    return RedirectResponse(wanted.with_(typed=typed_id).address(), status_code=303)


@router.post("/complete")
def complete(request: Request, person: Viewer, text: Text = "", state: Address = "") -> Response:
    """What the last word could become: values of facets, attributes to ask for, patients whose names begin so."""
    before = search_state.of_text(state, person, request.app.state.queries)
    search: Search = request.app.state.search.now()
    return fragment("completion.html", offers=completion.offers(text, before, search), csrf=person.csrf, state=before)


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, person: Viewer) -> JSONResponse:
    """What there is, for programs."""
    return JSONResponse(request.app.openapi())


def _answered(request: Request, person: Person, state: State) -> tuple[dict[str, Any], int]:
    """What the template shows, and the status: a search that fails is a sentence in its place."""
    searches, queries = request.app.state.search, request.app.state.queries
    trail, where = request.app.state.trail, address(request)
    pending = request.app.state.pending.keys()
    shown: dict[str, Any] = {"state": state, "found": None, "problem": "", "down": False, "pending": pending}
    try:
        state = search_state.state_of(state.pairs, person, queries)
        after = _cursor(state, person, queries)
        result = searches.ask(lambda search: found.found(state, search, after))
    except QueryRefused as refused:
        return {**shown, "state": replace(state, typed=state.typed), "problem": str(refused)}, 400
    except SolrError as down:
        if searches.nothing_yet():
            return {**shown, "problem": "nothing"}, 200
        trail.add(person, "search", "Solr does not answer", [], where)
        return {**shown, "state": state, "problem": str(down), "down": True}, 503
    query_id = queries.id_of(person.name, result.query.matching())
    trail.add(person, "search", f"{result.total:,} found", [query_id], where)
    following = queries.put(person.name, Query(cursor=result.cursor)) if result.cursor else ""
    return {**shown, "state": state, "found": result, "next": following}, 200


def _cursor(state: State, person: Person, queries: Any) -> str:
    """Where the page begins; from the beginning where that is not known any more."""
    kept = queries.get(person.name, state.get("after")) if state.get("after") else None
    return kept.cursor if kept else ""
