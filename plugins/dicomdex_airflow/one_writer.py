"""Requests that write, one after the other, where Airflow's database is SQLite.

The api-server of Airflow 3.3 notes who asked in its event loop (`action_logging` commits there, without a thread).
While it waits for SQLite's one write lock the loop stands still; a request that holds the lock between two of its
statements can't go on to its commit, and both wait until SQLite's `timeout` ends in a 500: four clients that make
variables do it in the first second. So no request that writes begins before the one before has committed, which SQLite
would have made it wait for anyway.
"""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.configuration import conf

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
# Not the plugin's own app: what it hands to the page may come back as a request of the page.
_PREFIXES = ("/api/v2/", "/execution/", "/ui/")
# Seconds that others wait for a request at most: one that tests a connection may hang, and a task whose heartbeat waits
# for 30 s is taken for dead.
TURN = 10.0


class OneWriter:
    """ASGI middleware: a request that writes waits for those before, once all of its body is here."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = asyncio.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on, in turn."""
        if scope["type"] != "http" or scope["method"] in _READS or not scope["path"].startswith(_PREFIXES):
            await self._app(scope, receive, send)
            return
        received = [await receive()]
        while received[-1].get("more_body"):  # a client that is slow to send keeps nobody waiting
            received.append(await receive())

        async def again() -> Any:
            return received.pop(0) if received else await receive()

        async with self._lock:
            answering = asyncio.create_task(self._app(scope, again, send))
            try:
                await asyncio.wait({answering}, timeout=TURN)
            except asyncio.CancelledError:
                answering.cancel()
                raise
        await answering


def one_writer(app: Any) -> Any:
    """The app as it is, or behind OneWriter."""
    return OneWriter(app) if conf.get("database", "sql_alchemy_conn").startswith("sqlite") else app
