"""A page before a line of one's own, as a site starts it; who is logged in there, and what its trail has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from dicomdex_local.layout import RunDir
from dicomdex_local.ports import free_ports
from dicomdex_local.web import Page, ensure_secret
from tests.integration.paged import session


@contextmanager
def page_before(run: RunDir, environment: Mapping[str, str]) -> Iterator[Page]:
    """A page in a directory that holds the secrets of its Solr; `environment` are the line's DICOMDEX_*."""
    run.create()
    ensure_secret(run)
    (port,) = free_ports(1)
    page = Page(run, port, "", dict(environment))
    page.launch()
    try:
        page.wait_ready()
        yield page
    finally:
        page.stop()


@contextmanager
def logged_in(page: Page, name: str = "viewer") -> Iterator[httpx.Client]:
    """Somebody with a session, and the session's own token in every request."""
    with session(page, name) as client:
        body = client.get("/cart").text
        client.headers["X-CSRF-Token"] = body.split('"X-CSRF-Token": "')[1].split('"')[0]
        yield client


def trail(page: Page) -> list[dict[str, Any]]:
    """The lines of the access trail."""
    return [json.loads(line) for line in (page.run.root / "web" / "trail.jsonl").read_text().splitlines()]
