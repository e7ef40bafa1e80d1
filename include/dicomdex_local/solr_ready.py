"""Is a Solr node ready? HTTP answers before its cores do, and after a crash the cluster state is stale for a moment.

So one look asks for a live node, all its replicas active, every update log ACTIVE and a real query of each collection,
and only looks that agree three times in a row count.
"""

from __future__ import annotations

import enum
from typing import Any

import httpx

TLOG_ACTIVE = 3


class Look(enum.Enum):
    """What one look at a node found."""

    READY = "ready"
    EMPTY = "ready, without any collection"
    NOT_YET = "not yet"
    FAILED = "failed to start"
    LOCKED_OUT = "does not know our password"


# Looks in a row that must agree. A single one was seen to be wrong after kill -9 with a log to replay.
LOOKS_NEEDED = {Look.READY: 3, Look.EMPTY: 1}


def look(client: httpx.Client) -> Look:
    """One look at the node behind the client (base URL `http://host:port/solr/`)."""
    try:
        return _look(client)
    except httpx.HTTPStatusError as error:
        return _meaning(error.response)
    except (httpx.HTTPError, ValueError, KeyError):
        return Look.NOT_YET


def _look(client: httpx.Client) -> Look:
    cluster = _get(client, "admin/collections", action="CLUSTERSTATUS")["cluster"]
    replicas = [one for one in _replicas(cluster) if one["base_url"] == str(client.base_url).rstrip("/")]
    logs = _get(client, "admin/metrics", group="core", prefix="TLOG.state")["metrics"]
    for collection in cluster["collections"]:
        query = {"q": "*:*", "rows": "0", "shards.tolerant": "false"}
        _get(client, f"{collection}/select", **query)
    ready = (
        cluster["live_nodes"]
        and all(replica["state"] == "active" for replica in replicas)
        and len(logs) >= len(replicas)
        and all(core.get("TLOG.state") == TLOG_ACTIVE for core in logs.values())
    )
    if not ready:
        return Look.NOT_YET
    return Look.READY if replicas else Look.EMPTY


def _meaning(response: httpx.Response) -> Look:
    if response.status_code in (401, 403):
        return Look.LOCKED_OUT
    # A node that fails to start does not exit: Jetty keeps answering 404 with this sentence.
    return Look.FAILED if "CoreContainer has shut down" in response.text else Look.NOT_YET


def _replicas(cluster: dict[str, Any]) -> list[dict[str, Any]]:
    shards = [shard for c in cluster["collections"].values() for shard in c["shards"].values()]
    return [replica for shard in shards for replica in shard["replicas"].values()]


def _get(client: httpx.Client, path: str, **params: str) -> dict[str, Any]:
    response = client.get(path, params={**params, "wt": "json"})
    response.raise_for_status()
    said: dict[str, Any] = response.json()
    return said
