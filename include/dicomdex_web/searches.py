"""Solr as the page asks it: what the alias shows is looked up again every few seconds, to follow promotions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_search import Search
from dicomdex.attributes import table
from dicomdex.errors import SolrError, SolrRejected, SolrUnavailable
from dicomdex.settings import Settings

T = TypeVar("T")
FRESH = 5.0  # seconds: asking costs three requests, and a promotion may take that long to be seen


class Searches:
    """`now()` is the Search to ask; SolrUnavailable while Solr is down or nothing was ingested yet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.solr = Solr.of(settings)
        self._lock = threading.Lock()
        self._found: tuple[float, Search] | None = None

    def now(self) -> Search:
        """Made anew when the last one is older than five seconds and the alias shows something else."""
        found = self._found
        if found is not None and time.monotonic() - found[0] < FRESH:
            return found[1]
        with self._lock:
            if self._found is None or time.monotonic() - self._found[0] >= FRESH:
                self._found = (time.monotonic(), self._looked_up())
            return self._found[1]

    def ask(self, question: Callable[[Search], T]) -> T:
        """Ask; once more where the collection was retired since the alias was looked up."""
        try:
            return question(self.now())
        except SolrUnavailable:
            with self._lock:
                self._found = None
            return question(self.now())

    def nothing_yet(self) -> bool:
        """Whether Solr is well and has nothing to search: no drop was indexed yet."""
        try:
            return not self.solr.behind(self.settings.alias) and self.settings.alias not in self.solr.collections()
        except SolrError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self.solr.close()

    def _looked_up(self) -> Search:
        known = self._found[1] if self._found else None
        if known is not None and self._still_shown(known):
            return known
        return Search(self.solr, self.settings.alias, table(self.settings))

    def _still_shown(self, known: Search) -> bool:
        """A Solr user who may not look behind aliases asks the alias itself, which follows by itself."""
        try:
            return self.solr.aliases().get(self.settings.alias) == known.collection
        except SolrRejected:
            return True
