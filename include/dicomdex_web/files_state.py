"""What taking and looking share: the landing area, the documents, made once for an application."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request

from dicomdex.adapters.served_documents import Documents
from dicomdex.adapters.storage import Storage, storage
from dicomdex_web.thumbnails_cache import ThumbnailCache

if TYPE_CHECKING:
    from dicomdex.adapters.served_children import Children

_LOCK = threading.Lock()


@dataclass(frozen=True)
class Take:
    """`landing`: where files are read from; `documents`: where they are looked up; `children`: who opens them."""

    landing: Storage
    documents: Documents
    children: Children
    cache: ThumbnailCache


def take_of(request: Request) -> Take:
    """The application's own, made when it is first needed."""
    state = request.app.state
    with _LOCK:
        if not hasattr(state, "take"):
            state.take = _made(request.app)
    found: Take = state.take
    return found


def close(app: FastAPI) -> None:
    """End the children."""
    if hasattr(app.state, "take"):
        app.state.take.children.close()


def _made(app: FastAPI) -> Take:
    from dicomdex.adapters.served_children import Children

    settings, web = app.state.settings, app.state.web
    return Take(
        landing=storage(settings.landing),
        documents=Documents(app.state.search.solr, settings.alias),
        children=Children(settings.landing, web.thumbnail_children),
        cache=ThumbnailCache(web.own_files / "thumbnails", web.thumbnail_cache),
    )
