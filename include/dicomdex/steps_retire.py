"""Which collections there are, and the end of those that nobody needs any more.

    collections(settings, alias="")
        -> [{name, alias, shown, catalog_version, schema, counts, created, verdict, state, holder}]
        state: live (an alias shows it) | built | half; newest first
    retire(settings, keep=0, alias="") -> {alias, retired: [...], kept: [...]}

`keep` counts the collection that the alias shows; 0 = the setting `keep_collections`. Never retired: one behind any
alias, and one that a rebuild under way owns. Configsets that no collection uses any more go with them.
"""

from __future__ import annotations

import re
from typing import Any

from dicomdex.adapters.collection_area import CollectionArea, planned
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.adapters.solr_cores import all_collections
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.errors import SolrUnavailable
from dicomdex.settings import Settings
from dicomdex.steps_lease import holders
from dicomdex.validate import DOCUMENT_LEVELS

_STAMPED = re.compile(r"(.+)_(\d{8}T\d{6}Z)_[a-z0-9]+")


def alias_of(name: str) -> str:
    """The alias that a physical collection of ours was made for; empty where the name is not of our making."""
    found = _STAMPED.fullmatch(name)
    return found[1] if found else ""


def stamped(name: str, alias: str) -> bool:
    """Whether a physical collection was made for this alias."""
    return bool(alias) and alias_of(name) == alias


def collections(settings: Settings, alias: str = "") -> list[dict[str, Any]]:
    """Every collection that dicomdex has made, or made for this alias, newest first."""
    with Solr.of(settings) as solr:
        shown = {behind: alias for alias, behind in solr.aliases().items()}
        owners = holders(settings)
        made = (one for one in all_collections(solr) if (stamped(one.name, alias) if alias else alias_of(one.name)))
        ours = sorted(made, key=_made, reverse=True)
        found = [_about(solr, one, shown.get(one.name, ""), owners.get(one.name, "")) for one in ours]
    return [about for about in found if about]


def retire(settings: Settings, keep: int = 0, alias: str = "") -> dict[str, Any]:
    """Delete what is neither shown, nor owned by a rebuild, nor among the newest `keep` that were once shown.

    A collection whose rebuild ended before it was shown, red or half-built, never takes the place of one to go back to.
    """
    alias, keep = alias or settings.alias, keep or settings.keep_collections
    every = {one["name"]: one for one in collections(settings, alias)}
    plans = {p["collection"]: p for p in planned(WorkArea(settings.work)) if p["alias"] == alias}
    owned = holders(settings, silent=True)  # one that waits for a slot shows no life; who takes it over removes it
    live = [name for name, one in every.items() if one["state"] == "live"]
    # What no rebuild has planned was made by an application: it is shown, was shown, or is its first one, at work.
    once = [name for name in every if plans.get(name, {}).get("state", "promoted") == "promoted" and name not in live]
    first = [name for name in once if every[name]["state"] == "half"]
    kept = {*live, *first, *owned, *[name for name in once if name not in first][: max(0, keep - len(live))]}
    with Solr.of(settings) as solr:
        retired = [remove(settings, solr, name) for name in sorted({*every, *plans} - kept)]
        _remove_configsets(settings, solr, alias)
    return {"alias": alias, "retired": retired, "kept": [name for name in every if name not in retired]}


def remove(settings: Settings, solr: Solr, name: str) -> str:
    """Delete a collection, then what the work area knows of it; its name."""
    if name in solr.collections():
        solr.delete_collection(name)
    crashpoint("retire-deleted")
    CollectionArea(WorkArea(settings.work), name).remove()
    return name


def _remove_configsets(settings: Settings, solr: Solr, alias: str) -> None:
    """Delete the alias' configsets that no collection uses, and no rebuild is about to."""
    planned_ones = {str(plan["configset"]) for plan in planned(WorkArea(settings.work))}
    used = planned_ones | {one.configset for one in all_collections(solr)}
    ours = re.compile(rf"{re.escape(alias)}_[0-9a-f]{{12}}")
    for name in solr.configsets():
        if ours.fullmatch(name) and name not in used:
            solr.delete_configset(name)


def _about(solr: Solr, target: Collection, alias: str, holder: str) -> dict[str, Any]:
    """What people and rules want to know of a collection; empty where it was deleted in this moment."""
    name = target.name
    try:
        found = solr.facet(name, {"levels": {"type": "terms", "field": "level", "limit": -1}})
    except SolrUnavailable:
        if name in solr.collections():
            raise
        return {}
    counts = {str(b["val"]): int(b["count"]) for b in (found.get("levels") or {}).get("buckets", [])}
    built = target.properties.get("built", "yes" if target.version("catalog_version") >= 0 else "no") == "yes"
    return {
        "name": name,
        "alias": alias_of(name),
        "shown": bool(alias),
        "catalog_version": target.version("catalog_version"),
        "schema": target.schema_digest,
        "counts": {level: counts.get(level, 0) for level in DOCUMENT_LEVELS},
        "created": _made(target),
        "verdict": target.properties.get("verdict", ""),
        "state": "live" if alias else "built" if built else "half",
        "holder": holder,
    }


def _made(target: Collection) -> str:
    """The UTC stamp in the name."""
    found = _STAMPED.fullmatch(target.name)
    return found[2] if found else ""
