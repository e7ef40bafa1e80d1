"""All collections, the replicas of one, each asked alone, and which collection an alias is answered from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dicomdex.adapters.solr import Collection, Solr

_CORE = re.compile(r"/([^/]+)_shard[^/]*_replica_[^/]*/?$")


@dataclass(frozen=True)
class Core:
    """One replica of one shard."""

    shard: str
    name: str
    node: str  # base URL
    active: bool
    leader: bool


def all_collections(solr: Solr) -> list[Collection]:
    """All physical collections with their properties, in one look: none can vanish in between."""
    status = solr.request("GET", "/admin/collections", params={"action": "CLUSTERSTATUS", "wt": "json"})
    every = status["cluster"].get("collections") or {}
    return [Collection.of_status(name, about) for name, about in sorted(every.items())]


def cores(solr: Solr, collection: str) -> list[Core]:
    """All replicas of a collection, by shard, the leader of each first; of nodes that are gone too."""
    params = {"action": "CLUSTERSTATUS", "collection": collection, "wt": "json"}
    cluster = solr.request("GET", "/admin/collections", params=params)["cluster"]
    live = set(cluster["live_nodes"])
    found = [
        Core(
            shard,
            replica["core"],
            replica["base_url"],
            replica["state"] == "active" and replica["node_name"] in live,
            replica.get("leader") == "true",
        )
        for shard, about in cluster["collections"][collection]["shards"].items()
        for replica in about["replicas"].values()
    ]
    return sorted(found, key=lambda core: (core.shard, not core.leader, core.name))


def core_facet(solr: Solr, core: Core, facets: dict[str, Any]) -> dict[str, Any]:
    """JSON facets over the documents of this replica alone."""
    body = {"query": "*:*", "limit": 0, "facet": facets, "params": {"distrib": "false"}}
    return dict(solr.request("POST", f"/{core.name}/query", node=core.node, json=body)["facets"])


def core_documents(solr: Solr, core: Core, buckets: Sequence[int], fields: Sequence[str]) -> list[dict[str, Any]]:
    """Documents of some buckets as this replica has them."""
    body = {
        "query": "*:*",
        "filter": [f"{{!terms f=bucket}}{','.join(map(str, buckets))}"],
        "fields": list(fields),
        "limit": 1_000_000,
        "params": {"distrib": "false"},
    }
    found: list[dict[str, Any]] = solr.request("POST", f"/{core.name}/query", node=core.node, json=body)["response"][
        "docs"
    ]
    return found


def answers_from(solr: Solr, alias: str) -> set[str]:
    """The collections that answer a query through the alias just now."""
    params = {"q": "*:*", "rows": "0", "shards.info": "true", "shortCircuit": "false", "wt": "json"}
    answer = solr.request("POST", f"/{alias}/select", data=params)
    return {found[1] for address in answer["shards.info"] if (found := _CORE.search(str(address).split("|")[0]))}
