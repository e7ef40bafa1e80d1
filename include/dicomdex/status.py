"""What a site holds, for people and scripts: the alias with its documents, every drop with its ledger and verdict."""

from __future__ import annotations

from typing import Any

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.catalog import ledger_of
from dicomdex.resolve import states_of
from dicomdex.settings import Settings
from dicomdex.steps import drops, last_verdict
from dicomdex.steps_documents import copies
from dicomdex.validate import DOCUMENT_LEVELS


def site_status(settings: Settings) -> dict[str, Any]:
    """`{"alias": {...}, "drops": [...]}`; SolrUnavailable where Solr does not answer."""
    return {"alias": alias_status(settings), "drops": drops_status(settings)}


def alias_status(settings: Settings) -> dict[str, Any]:
    """The alias, the collection behind it, its catalog version and documents by level; zeros before the first apply."""
    with Solr.of(settings) as solr:
        target = solr.behind(settings.alias)
        documents = dict.fromkeys(DOCUMENT_LEVELS, 0)
        if target is not None:
            found = solr.facet(target.name, {"levels": {"type": "terms", "field": "level", "limit": -1}})
            documents.update({b["val"]: b["count"] for b in (found.get("levels") or {}).get("buckets", [])})
    return {
        "name": settings.alias,
        "collection": target.name if target else None,
        "catalog_version": target.version("catalog_version") if target else None,
        "documents": documents,
    }


def drops_status(settings: Settings) -> list[dict[str, Any]]:
    """The ledger of every committed drop at the catalog's latest version, with the drop's last verdict.

    The verdict is `ok`, the sentence of a red one, or `not validated`.
    """
    catalog = Catalog(settings.catalog)
    version = catalog.version()
    others = copies(catalog, version, catalog.digests_version())
    shown = []
    for drop in drops(settings):
        own = catalog.rows(version, drop=drop, columns=("file_id", "outcome", "reason"))
        ledger = ledger_of(drop, own, states_of(own, others), version)
        verdict = last_verdict(settings, drop)
        said = "ok" if verdict.get("ok") else verdict.get("sentence", "not validated")
        shown.append({**{k: v for k, v in ledger.items() if k != "catalog_version"}, "verdict": said})
    return shown
