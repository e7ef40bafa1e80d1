"""The page as one FastAPI application: its parts put together, nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from dicomdex.settings import Settings
from dicomdex_web import (
    archive_download,
    cart,
    detail,
    export,
    failures,
    files,
    files_state,
    keys,
    login,
    operations,
    search_page,
    static_files,
    thumbnails,
)
from dicomdex_web.headers import SecurityHeaders
from dicomdex_web.limits import BodyLimit
from dicomdex_web.people import People
from dicomdex_web.queries import Queries
from dicomdex_web.searches import Searches
from dicomdex_web.settings import WebSettings
from dicomdex_web.trail import Trail
from dicomdex_web.work_seen import Pending

# In the order in which their routes are looked at.
PARTS = (login, static_files, search_page, operations, detail, files, archive_download, cart, export, thumbnails)


def create_app(settings: Settings, web: WebSettings | None = None) -> FastAPI:
    """The application. `state`: settings, web, people, search (Searches), queries, trail.

    SettingsError where its files can't be made or another page writes the same access trail.
    """
    web = web or WebSettings.load()
    kept = keys.Keys(web.secrets)
    app = FastAPI(title="dicomdex", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_closing)
    app.state.settings = settings
    app.state.web = web
    app.state.people = People(web, kept)
    app.state.search = Searches(settings)
    app.state.pending = Pending(settings)
    app.state.queries = Queries(kept.queries)
    app.state.trail = Trail(web.own_files / "trail.jsonl", kept.trail)
    app.add_middleware(BodyLimit)
    app.add_middleware(SecurityHeaders, airflow=web.airflow_origin)
    failures.add_to(app)
    for part in PARTS:
        app.include_router(part.router)
    return app


@asynccontextmanager
async def _closing(app: FastAPI) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = app.state.web.threads
    yield
    files_state.close(app)
    app.state.trail.close()
    app.state.search.close()
