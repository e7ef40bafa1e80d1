"""Queries behind opaque ids: what a person typed is in the page's memory, an address has only its id.

The id is a keyed digest of person and query: the same search has the same id, so the access trail can be compared with
a suspected search, and nobody learns a query from an id.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections import OrderedDict

from dicomdex.search import Query

PER_PERSON = 500
PEOPLE_MAX = 1_000


class Queries:
    """Per person the latest 500, in memory; another person's id finds nothing."""

    def __init__(self, key: bytes, per_person: int = PER_PERSON) -> None:
        self._key = key
        self._per_person = per_person
        self._kept: OrderedDict[str, OrderedDict[str, Query]] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, person: str, query: Query) -> str:
        """Keep a query; its id, 22 characters of a URL."""
        found = self.id_of(person, query)
        with self._lock:
            own = self._kept.setdefault(person, OrderedDict())
            own[found] = query
            own.move_to_end(found)
            self._kept.move_to_end(person)
            while len(own) > self._per_person:
                own.popitem(last=False)
            while len(self._kept) > PEOPLE_MAX:
                self._kept.popitem(last=False)
        return found

    def get(self, person: str, query_id: str) -> Query | None:
        """The query; None for an id that is none of this person's, or that the page has forgotten."""
        with self._lock:
            own = self._kept.get(person, OrderedDict())
            if query_id in own:
                own.move_to_end(query_id)
            return own.get(query_id)

    def id_of(self, person: str, query: Query) -> str:
        """The id that `put` gives."""
        digest = hmac.new(self._key, person.encode() + b"\0" + query.to_json(), hashlib.sha256)
        return digest.hexdigest()[:22]
