"""The nodes of one SolrCloud: a request goes to the first, and to the next one where that can't answer.

Every node answers for the whole cloud, so which one is asked makes no difference.
"""

from __future__ import annotations

import re
from typing import Any

import httpx
import orjson

from dicomdex.errors import SolrRejected, SolrUnavailable

_FIELD = re.compile(r"field ?[:=]? ?'?\"?([A-Za-z_][A-Za-z0-9_]{0,60})")
# Of the Collections API these change nothing; the others must not be asked twice.
_LOOKS = frozenset({"LIST", "LISTALIASES", "CLUSTERSTATUS"})


class NotReached(SolrUnavailable):
    """No connection to the node: it has not seen the request."""


class Nodes:
    """Base URLs of nodes (`http://host:port/solr`, commas between), and a client for all of them."""

    def __init__(self, urls: str, client: httpx.Client) -> None:
        self._bases = tuple(url.strip().rstrip("/") for url in urls.split(","))
        self._client = client

    def ask(self, method: str, path: str, node: str = "", **how: Any) -> httpx.Response:
        """The answer of `node`, or without one of whichever can. Errors: as `answer_of`, the last node's.

        What may have been done already is asked of the next node only if doing it twice is the same: searches and
        updates (documents have ids, the last one wins) are.
        """
        if node:
            return answer_of(self._client, node, method, path, **how)
        failed = SolrUnavailable("no node of Solr is named")
        for base in self._bases:
            try:
                return answer_of(self._client, base, method, path, **how)
            except SolrUnavailable as down:
                failed = down
                self._put_last(base)
                if not (isinstance(down, NotReached) or _repeatable(path, how)):
                    raise
        raise failed

    def _put_last(self, base: str) -> None:
        self._bases = (*(one for one in self._bases if one != base), base)


def answer_of(client: httpx.Client, base: str, method: str, path: str, **how: Any) -> httpx.Response:
    """The answer of one node. SolrUnavailable: no answer, 429, 5xx; 404 or 405 of a collection (not opened yet).

    SolrRejected: any other 4xx. Both name fields at most, never values.
    """
    try:
        answer = client.request(method, f"{base}{path}", **how)
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise NotReached(f"Solr does not answer ({type(error).__name__}) at {base}") from None
    except httpx.HTTPError as error:
        raise SolrUnavailable(f"Solr does not answer ({type(error).__name__}) at {base}") from None
    if answer.status_code == 429 or answer.status_code >= 500:
        raise SolrUnavailable(f"Solr answered {answer.status_code}{_fields_named(answer)}")
    if answer.status_code in (404, 405) and not path.startswith("/admin"):
        raise SolrUnavailable(f"Solr has not opened {path.split('/')[1]} ({answer.status_code})")
    if answer.status_code >= 400:
        raise SolrRejected(f"Solr refused ({answer.status_code}){_fields_named(answer)}", answer.status_code)
    return answer


def _repeatable(path: str, how: dict[str, Any]) -> bool:
    return not path.startswith("/admin/") or (how.get("params") or {}).get("action") in _LOOKS


def _fields_named(answer: httpx.Response) -> str:
    """The field names in Solr's error text, never its values."""
    try:
        message = str(orjson.loads(answer.content)["error"]["msg"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    named = sorted(set(_FIELD.findall(message)))
    return f": field {', '.join(named)}" if named else ""
