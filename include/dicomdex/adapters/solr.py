"""Solr over HTTP: aliases, collections, configsets, updates, exports, facets. Nothing of a document is ever logged.

Solr's own error texts quote values (`Error adding field 'X'='...'`), so only status and field names are passed on.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx
import orjson

from dicomdex.adapters.solr_nodes import Nodes
from dicomdex.errors import SettingsError, SolrUnavailable
from dicomdex.settings import Settings

STUDIES_A_QUERY = 1000
_JSON, _OCTETS = ({"Content-Type": f"application/{kind}"} for kind in ("json", "octet-stream"))


@dataclass(frozen=True)
class Collection:
    """A physical collection and what it carries: its configset's name and our properties."""

    name: str
    configset: str
    properties: dict[str, str]

    @classmethod
    def of_status(cls, name: str, status: Mapping[str, Any]) -> Collection:
        """As CLUSTERSTATUS tells it."""
        own = {key[9:]: str(value) for key, value in status.items() if key.startswith("property.")}
        return cls(name, status["configName"], own)

    @property
    def schema_digest(self) -> str:
        """The end of the configset's name `<alias>_<digest>`."""
        return self.configset.rsplit("_", 1)[-1]

    def version(self, name: str) -> int:
        """A property that is a number, e.g. a version; -1 = nothing applied yet."""
        value = self.properties.get(name, "")
        return int(value) if re.fullmatch(r"-?\d+", value) else -1


def credentials(settings: Settings) -> tuple[str, str] | None:
    """(user, password) from the password file; None without a user; SettingsError where the file can't be read."""
    if not settings.solr_user:
        return None
    if settings.solr_password_file is None:
        raise SettingsError("DICOMDEX_SOLR_USER is set, DICOMDEX_SOLR_PASSWORD_FILE is not: set both")
    try:
        return settings.solr_user, settings.solr_password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        said = f"DICOMDEX_SOLR_PASSWORD_FILE can't be read ({type(error).__name__}): check path and mode"
        raise SettingsError(said) from None


class Solr:
    """One Solr, spoken to by the base URLs of its nodes (`http://host:port/solr`, commas between).

    Use as a context manager or close it.
    """

    def __init__(self, urls: str, auth: tuple[str, str] | None = None, timeout: float = 120.0) -> None:
        secure = "https:" in urls  # without TLS no certificates are read: 25 ms of CPU a client
        self._http = httpx.Client(auth=auth, timeout=httpx.Timeout(timeout, connect=10.0), verify=secure)
        self._nodes = Nodes(urls, self._http)

    @classmethod
    def of(cls, settings: Settings) -> Solr:
        """The Solr that the settings name."""
        return cls(settings.solr_url, credentials(settings), settings.solr_timeout)

    def __enter__(self) -> Solr:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def request(self, method: str, path: str, *, node: str = "", **how: Any) -> Any:
        """One request, its JSON answer. `node`: base URL of the node to ask, where it is not just any.

        SolrUnavailable (no answer, 429, 5xx; 404 or 405 of a collection: not opened yet) or SolrRejected (other 4xx).
        """
        return orjson.loads(self._nodes.ask(method, path, node, **how).content)

    def _collections(self, action: str, **params: Any) -> Any:
        return self.request("GET", "/admin/collections", params={"action": action, "wt": "json", **params})

    # aliases and collections
    def aliases(self) -> dict[str, str]:
        """Alias -> collection."""
        return dict(self._collections("LISTALIASES").get("aliases") or {})

    def collections(self) -> list[str]:
        """Names of all physical collections."""
        return list(self._collections("LIST")["collections"])

    def collection(self, name: str) -> Collection:
        """One physical collection with its properties."""
        status = self._collections("CLUSTERSTATUS", collection=name)["cluster"]["collections"][name]
        return Collection.of_status(name, status)

    def behind(self, alias: str) -> Collection | None:
        """The collection behind an alias; None where there is no such alias."""
        name = self.aliases().get(alias)
        return self.collection(name) if name else None

    def configsets(self) -> list[str]:
        """Names of all configsets."""
        return list(self.request("GET", "/admin/configs", params={"action": "LIST", "wt": "json"})["configSets"])

    def delete_configset(self, name: str) -> None:
        """Delete a configset; Solr refuses one that a collection uses."""
        self.request("GET", "/admin/configs", params={"action": "DELETE", "name": name, "wt": "json"})

    def upload_configset(self, name: str, files: dict[str, bytes]) -> None:
        """Upload a configset unless one of that name (which carries its digest) is there."""
        if name in self.configsets():
            return
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for file_name, content in files.items():
                packed.writestr(file_name, content)
        params = {"action": "UPLOAD", "name": name, "overwrite": "true", "cleanup": "true"}
        self.request("POST", "/admin/configs", params=params, content=archive.getvalue(), headers=_OCTETS)

    def create_collection(self, name: str, configset: str, *, shards: int = 1, replicas: int = 1) -> None:
        """Create a collection and wait until its replicas are active."""
        params = {"numShards": shards, "replicationFactor": replicas, "collection.configName": configset}
        self._collections("CREATE", name=name, waitForFinalState="true", **params)

    def delete_collection(self, name: str) -> None:
        """Delete a physical collection and its folders; Solr refuses one that an alias points at."""
        self._collections("DELETE", name=name)

    def set_properties(self, collection: str, **properties: str | int) -> None:
        """Set properties of a collection (kept in its state, seen by CLUSTERSTATUS)."""
        own = {f"property.{name}": str(value) for name, value in properties.items()}
        self._collections("MODIFYCOLLECTION", collection=collection, **own)

    def point_alias(self, alias: str, collection: str) -> None:
        """Point the alias at a collection, atomically."""
        self._collections("CREATEALIAS", name=alias, collections=collection)

    def fields(self, collection: str) -> frozenset[str]:
        """Names of the fields of the collection's own schema."""
        answer = self.request("GET", f"/{collection}/schema/fields", params={"wt": "json"})
        return frozenset(field["name"] for field in answer["fields"])

    def configset_files(self, collection: str) -> dict[str, bytes]:
        """The files of the collection's own configset, as they lie in ZooKeeper."""
        path = f"/{collection}/admin/file"
        names = self.request("GET", path, params={"wt": "json"})["files"]
        asked = {name: {"file": name, "contentType": "application/octet-stream"} for name in names}
        return {name: self._nodes.ask("GET", path, params=one).content for name, one in asked.items()}

    # updates

    def post(self, collection: str, body: bytes) -> int | None:
        """Add (upsert) the documents of a JSON array; no commit. How many replicas took it, where Solr says so."""
        answer = self.request("POST", f"/{collection}/update", params={"wt": "json"}, content=body, headers=_JSON)
        return answer["responseHeader"].get("rf")  # type: ignore[no-any-return]

    def delete(self, collection: str, ids: Sequence[str]) -> None:
        """Delete documents by id; no commit."""
        for start in range(0, len(ids), STUDIES_A_QUERY):
            self.post(collection, orjson.dumps({"delete": list(ids[start : start + STUDIES_A_QUERY])}))

    def delete_all(self, collection: str) -> None:
        """Delete every document; no commit."""
        self.post(collection, b'{"delete":{"query":"*:*"}}')

    def commit(self, collection: str) -> None:
        """Hard commit that opens a searcher and waits for it."""
        params = {"commit": "true", "openSearcher": "true", "waitSearcher": "true", "wt": "json"}
        self.request("GET", f"/{collection}/update", params=params)

    # reading

    def count(self, collection: str, query: str = "*:*") -> int:
        """Number of documents of a fixed (never user-given) query."""
        params = {"q": query, "rows": "0", "wt": "json"}
        return int(self.request("POST", f"/{collection}/select", data=params)["response"]["numFound"])

    def newest_write(self, collection: str) -> int:
        """The greatest `_version_` of the documents to be seen; 0 where there are none. Every write has a greater."""
        params = {"q": "*:*", "rows": "1", "fl": "_version_", "sort": "_version_ desc", "wt": "json"}
        found = self.request("POST", f"/{collection}/select", data=params)["response"]["docs"]
        return int(found[0]["_version_"]) if found else 0

    def get(self, collection: str, ids: Sequence[str], fields: Sequence[str]) -> list[dict[str, Any]]:
        """The documents of these ids (without commas) by real-time get."""
        data = {"ids": ",".join(ids), "fl": ",".join(fields), "wt": "json"}
        return list(self.request("POST", f"/{collection}/get", data=data)["response"]["docs"])

    def facet(self, collection: str, facets: dict[str, Any], filters: Sequence[str] = ()) -> dict[str, Any]:
        """JSON facets over the documents that pass the filters; the `facets` part of the answer."""
        body = {"query": "*:*", "filter": list(filters), "limit": 0, "facet": facets}
        return dict(self.request("POST", f"/{collection}/query", json=body)["facets"])

    def export(self, collection: str, fields: Sequence[str], filters: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
        """All documents that pass the filters, sorted by id, with these docValues fields; SolrUnavailable if cut short.

        A streaming expression over all shards: the handler /export itself answers for one shard only. Filters are our
        own text, never a person's, and hold no double quote.
        """
        parts = [collection, 'qt="/export"', 'q="*:*"', *(f'fq="{one}"' for one in filters)]
        parts += [f'fl="{",".join(dict.fromkeys(("id", *fields)))}"', 'sort="id asc"']  # sorts by what it asks for
        answer = self.request("POST", f"/{collection}/stream", data={"expr": f"search({', '.join(parts)})"})
        *documents, end = answer["result-set"]["docs"]
        if "EXCEPTION" in end or "EOF" not in end:  # it comes with status 200, after what was sent before it
            raise SolrUnavailable(f"Solr broke off the export of {collection}")
        yield from documents

    def export_where(
        self, collection: str, field: str, values: Iterable[str], fields: Sequence[str], filters: Sequence[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """As `export`, for documents whose `field` is one of the values (a {!terms} filter, 1,000 at a time).

        For our own keys only (study, drop, bucket), whose grammar has neither comma nor brace.
        """
        wanted = sorted(set(values))
        for start in range(0, len(wanted), STUDIES_A_QUERY):
            some = ",".join(wanted[start : start + STUDIES_A_QUERY])
            yield from self.export(collection, fields, [f"{{!terms f={field}}}{some}", *filters])
