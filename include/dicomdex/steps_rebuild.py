"""Rebuild beside the collection that people see: plan -> create -> index all (Spark) -> check -> promote -> retire.

    plan(settings, alias="", shards=0, replicas=0, run_id=..., dry_run=False, date_from="", date_to="", ended=[])
        -> {alias, collection, run_id, catalog_version, records, digests_version, shards, replicas, dates, schema,
            configset, state, dry_run, line}; takes the lease of the alias (or says who holds it), pins both versions
    create(settings, plan)      -> {collection, removed: [...]}; configset, collection, half-built ones removed
    index_collection.py --collection NAME      (spark-submit)
    check(settings, plan, force=False) -> the verdict of steps_gate.verdict
    apply_changes.py --collection NAME --promote [--force] --run RUN    (spark-submit, under the slot)
    release(settings, run_id)   -> aliases whose lease was given back: at the end of a run, however it ended
    collections(settings)       -> [{name, alias, shown, state, ...}], see steps_retire
    pins(settings)              -> catalog versions that must stay readable

All of it is JSON, holds no path and no value of a patient, and may be called again after a kill: the same run gets the
same plan back. Refusals are CollectionRefused, with a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.collection_area import CollectionArea, planned
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_cores import cores
from dicomdex.adapters.work import WorkArea
from dicomdex.attributes import table
from dicomdex.crashpoint import crashpoint
from dicomdex.errors import CollectionRefused
from dicomdex.schema import configset, schema_digest
from dicomdex.settings import Settings
from dicomdex.steps_documents import Dates
from dicomdex.steps_gate import verdict
from dicomdex.steps_lease import release, still_held, take
from dicomdex.steps_retire import collections, remove, stamped

__all__ = ["check", "collections", "create", "pins", "plan", "release"]

_ALIAS = re.compile(r"[A-Za-z0-9_.-]{1,60}")
BUILDING = "building"


def plan(
    settings: Settings,
    *,
    run_id: str,
    alias: str = "",
    shards: int = 0,
    replicas: int = 0,
    dry_run: bool = False,
    date_from: str = "",
    date_to: str = "",
    ended: Sequence[str] = (),
) -> dict[str, Any]:
    """What this run will build. Without `dry_run` the lease is taken and the plan kept, which pins its versions.

    `ended`: runs that the caller knows to be over, whose lease counts no more.
    """
    alias, work = alias or settings.alias, WorkArea(settings.work)
    known = next((p for p in planned(work) if (p["run_id"], p["alias"], p["state"]) == (run_id, alias, BUILDING)), None)
    made = known or _new_plan(settings, alias, run_id, shards, replicas, _dates(date_from, date_to))
    with Solr.of(settings) as solr:
        _check_alias(settings, solr, alias, made["dates"])
        made = {**made, "dry_run": dry_run, "line": _line(settings, solr, made, dry_run)}
    if not dry_run:
        take(settings, alias, run_id, made["collection"], ended)
        CollectionArea(work, made["collection"]).write_plan(made)
    return made


def create(settings: Settings, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The collection of the plan, empty or as far as it was; what earlier rebuilds left half-built is removed."""
    name, alias = plan["collection"], plan["alias"]
    still_held(settings, alias, plan["run_id"])
    with Solr.of(settings) as solr:
        removed = [remove(settings, solr, one) for one in _half_built(settings, solr, plan)]
        there = name in solr.collections()
        if there and not all(core.active for core in cores(solr, name)):
            solr.delete_collection(name)  # killed in the middle of being made
            there = False
        if not there:
            solr.upload_configset(plan["configset"], configset(table(settings)))
            solr.create_collection(name, plan["configset"], shards=plan["shards"], replicas=plan["replicas"])
        crashpoint("rebuild-created")
        solr.set_properties(name, built_by=plan["run_id"], alias=alias, dates=plan["dates"], schema=plan["schema"])
    return {"collection": name, "removed": removed}


def check(settings: Settings, plan: Mapping[str, Any], *, force: bool = False) -> dict[str, Any]:
    """The long validation, outside the slot: the verdict on the collection as index-all has left it.

    Whether it has lost too much is asked at once only where what is shown is no newer; else when both are level.
    """
    still_held(settings, plan["alias"], plan["run_id"])
    with Solr.of(settings) as solr:
        live = solr.behind(plan["alias"])
    level = live is not None and live.version("catalog_version") <= plan["catalog_version"]
    return verdict(settings, plan["collection"], live=live if level else None, force=force, run_id=plan["run_id"])


def pins(settings: Settings) -> list[int]:
    """Versions of the catalog that rebuilds under way read: no vacuum may take a file of theirs."""
    return sorted({int(p["catalog_version"]) for p in planned(WorkArea(settings.work)) if p["state"] == BUILDING})


def _new_plan(settings: Settings, alias: str, run_id: str, shards: int, replicas: int, dates: Dates) -> dict[str, Any]:
    if _ALIAS.fullmatch(alias) is None:
        raise CollectionRefused("an alias is made of letters, digits and . _ - (up to 60)")
    catalog, schema = Catalog(settings.catalog), schema_digest(configset(table(settings)))
    version = catalog.version()
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return {
        "alias": alias,
        "collection": f"{alias}_{stamp}_{re.sub(r'[^a-z0-9]', '', run_id.lower())[-8:] or 'x'}",
        "run_id": run_id,
        "catalog_version": version,
        "records": catalog.count(version),
        "digests_version": catalog.digests_version(),
        "shards": shards or settings.solr_shards,
        "replicas": replicas or settings.solr_replicas,
        "dates": str(dates) if dates.given else "",
        "schema": schema,
        "configset": f"{alias}_{schema}",
        "state": BUILDING,
    }


def _dates(first: str, last: str) -> Dates:
    dates = Dates.parse(f"{first}..{last}")
    if dates.first and dates.last and dates.first > dates.last:
        raise CollectionRefused(f"no date lies between {dates.first} and {dates.last}")
    return dates


def _check_alias(settings: Settings, solr: Solr, alias: str, dates: str) -> None:
    if alias in solr.collections():
        raise CollectionRefused(f"{alias} is the name of a collection: an alias of this name would hide it")
    if dates and alias == settings.alias:
        said = f"{alias} is the alias that people search: a part of the studies must not take its place"
        raise CollectionRefused(f"{said}; give another alias for a date range")


def _half_built(settings: Settings, solr: Solr, plan: Mapping[str, Any]) -> list[str]:
    """Collections of this alias that rebuilds before this one have begun and not ended, and their traces."""
    there, shown = set(solr.collections()), set(solr.aliases().values())
    found = []
    for other in planned(WorkArea(settings.work)):
        name = other["collection"]
        if other["alias"] != plan["alias"] or name == plan["collection"] or name in shown:
            continue
        if name not in there or solr.collection(name).properties.get("built") != "yes":
            found.append(name)
    return [name for name in found if stamped(name, plan["alias"])]


def _line(settings: Settings, solr: Solr, plan: Mapping[str, Any], dry_run: bool) -> str:
    """One sentence for people: what this rebuild does, or would do."""
    catalog, shown = Catalog(settings.catalog), solr.behind(plan["alias"])
    size = f"{plan['records']:,} records of {len(catalog.drops(plan['catalog_version'])):,} drops"
    within = f", studies of {plan['dates']}" if plan["dates"] else ""
    removed = _half_built(settings, solr, plan)
    parts = [
        f"{'would build' if dry_run else 'builds'} {plan['collection']} ({plan['shards']} shards x {plan['replicas']}"
        f" replicas, schema {plan['schema']}) of catalog version {plan['catalog_version']}: {size}{within}",
        *([f"removes half-built {', '.join(removed)}"] if removed else []),
        f"then points {plan['alias']} at it instead of {shown.name if shown else 'nothing'}",
    ]
    return "; ".join(parts)
