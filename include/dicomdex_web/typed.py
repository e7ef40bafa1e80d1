"""What a form of the search carries: an address so far, and what was typed besides, which no address may hold."""

from __future__ import annotations

from collections.abc import Callable
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


def _of_form(*, forgetting: bool) -> Callable[..., State]:
    """What makes a form the state it asks for; its `typed` is a query that is not kept yet.

    :param forgetting: where the page has forgotten what was typed before, go on with what is typed now; else
        QueryRefused
    """

    def of_form(
        request: Request,
        person: Viewer,
        text: Text = "",
        state: Address = "",
        field: Text = "",
        value: Text = "",
        without: Text = "",
    ) -> State:
        try:
            before = search_state.of_text(state, person, request.app.state.queries)
        except QueryRefused:
            if not forgetting:
                raise
            before = State(search_state.canonical(()))
        filters = [one for one in before.typed.filters if one.field != without]
        if field and value:
            searched = request.app.state.search.now().fields
            filters = [one for one in filters if one.field != field] + [condition_on(searched[field], value)]
        return replace(before, typed=Query(text="" if without == "text" else text, filters=tuple(filters)))

    return of_form


Searched = Annotated[State, Depends(_of_form(forgetting=True))]  # a page shows by what it has searched
Exported = Annotated[State, Depends(_of_form(forgetting=False))]  # a file does not: with less asked it held more
