"""What a form of the search carries: an address so far, and what was typed besides, which no address may hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import Depends, Form, Request

from dicomdex.cli_where import condition_on
from dicomdex.errors import QueryRefused
from dicomdex.search import Query
from dicomdex_web import search_state
from dicomdex_web.search_state import State
from dicomdex_web.session import Viewer

Text = Annotated[str, Form(max_length=1_100)]
Address = Annotated[str, Form(max_length=20_000)]


def _of_form(
    request: Request,
    person: Viewer,
    text: Text = "",
    state: Address = "",
    field: Text = "",
    value: Text = "",
    without: Text = "",
) -> State:
    """The state of the form; `typed` is its query, which is not kept yet."""
    try:
        before = search_state.of_text(state, person, request.app.state.queries)
    except QueryRefused:  # what was typed before is forgotten: go on with what is typed now
        before = State(search_state.canonical(()))
    filters = [one for one in before.typed.filters if one.field != without]
    if field and value:
        searched = request.app.state.search.now().fields
        filters = [one for one in filters if one.field != field] + [condition_on(searched[field], value)]
    return replace(before, typed=Query(text="" if without == "text" else text, filters=tuple(filters)))


Typed = Annotated[State, Depends(_of_form)]
