"""Promote a collection: the gate once more, then the alias, then a look that people are answered from the new one.

    promote(settings, name, force=False, as_was=False, run_id="")
        -> {collection, alias, from, promoted, ok, sentence, catalog_version, checks}
    roll_back(settings, name="", as_was=False, force=False, run_id="")
        -> {collection, alias, from, as_was, catalog_version, gap: {drops: [...], count}, promoted, line}

Both run under the slot `solr_writer`. `promote` is the last act of `apply_changes.py --collection NAME --promote`,
which has brought the collection to the catalog's latest version first; alone it refuses a collection that is behind the
one shown. Rolling back means the same: `roll_back` names the collection and the gap, the same application promotes it.
With `as_was` it points the alias back at once, without an application, at the documents of that day.
"""

from __future__ import annotations

from typing import Any

import tenacity

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.adapters.solr_cores import answers_from
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.errors import CollectionRefused, SolrUnavailable
from dicomdex.settings import Settings
from dicomdex.steps_gate import verdict
from dicomdex.steps_lease import release
from dicomdex.steps_retire import alias_of, collections

ANSWER_WITHIN = 60.0  # seconds until a query through the alias must come from the new collection


def promote(
    settings: Settings, name: str, *, force: bool = False, as_was: bool = False, run_id: str = ""
) -> dict[str, Any]:
    """Point the alias at the collection, if its verdict is ok; a red one is returned with `promoted` false."""
    with Solr.of(settings) as solr:
        target = _built(solr, name)
        alias = target.properties.get("alias") or alias_of(name)
        live = solr.behind(alias)
        if live is not None and not as_was:
            _check_current(target, live)
        said = verdict(settings, name, live=live, force=force, run_id=run_id)
        if said["ok"]:
            crashpoint("promote-gated")
            _point(solr, alias, name)
            crashpoint("promote-pointed")
            _end_plan(settings, name)
    found = {"alias": alias, "from": live.name if live else "", "promoted": bool(said["ok"])}
    return {**found, **{key: said[key] for key in ("collection", "ok", "sentence", "catalog_version", "checks")}}


def roll_back(
    settings: Settings, name: str = "", *, as_was: bool = False, force: bool = False, run_id: str = ""
) -> dict[str, Any]:
    """The collection to go back to (the newest built one before the one shown, or `name`) and what it lacks.

    Nothing is changed unless `as_was`. CollectionRefused where there is none, or it is shown already.
    """
    with Solr.of(settings) as solr:
        alias = alias_of(name) or settings.alias
        live = solr.behind(alias)
        target = _built(solr, name or _one_before(settings, alias, live))
    if live is not None and live.name == target.name:
        raise CollectionRefused(f"{alias} shows {target.name} already")
    gap = _gap(settings, target, live)
    at = f"{target.name} is at catalog version {target.version('catalog_version')}"
    line = f"{at}: {len(gap)} drops differ from what is shown"
    said = promote(settings, target.name, force=force, as_was=True, run_id=run_id) if as_was else {}
    return {
        **{"collection": target.name, "alias": alias, "from": live.name if live else "", "as_was": as_was},
        **{"catalog_version": target.version("catalog_version"), "gap": {"drops": gap[:100], "count": len(gap)}},
        **{"promoted": bool(said.get("promoted")), "sentence": said.get("sentence", ""), "line": line},
    }


def _built(solr: Solr, name: str) -> Collection:
    if name not in solr.collections():
        raise CollectionRefused(f"there is no collection {name}")
    target = solr.collection(name)
    if target.properties.get("built", "yes") == "no" or target.version("catalog_version") < -1:
        raise CollectionRefused(f"{name} is half-built: nobody may see it")
    if "built_by" in target.properties and target.properties.get("built") != "yes":
        raise CollectionRefused(f"{name} is half-built: nobody may see it")
    return target


def _check_current(target: Collection, live: Collection) -> None:
    """People never go back in time by a promote."""
    for version in ("catalog_version", "digests_version"):
        if target.version(version) < live.version(version):
            behind = f"{target.name} is at {version} {target.version(version)}, {live.name} at {live.version(version)}"
            raise CollectionRefused(f"{behind}: apply first (apply_changes.py --collection {target.name} --promote)")


def _point(solr: Solr, alias: str, name: str) -> None:
    solr.point_alias(alias, name)
    again = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answered: answered != {name}),
        wait=tenacity.wait_exponential(multiplier=0.05, max=2),
        stop=tenacity.stop_after_delay(ANSWER_WITHIN),
        retry_error_callback=lambda _: None,
    )
    if again(answers_from, solr, alias) is None:
        raise SolrUnavailable(f"{alias} points at {name}, yet queries are still answered from another collection")


def _end_plan(settings: Settings, name: str) -> None:
    """The rebuild is over: nothing is pinned, nobody holds it."""
    area = CollectionArea(WorkArea(settings.work), name)
    plan = area.plan()
    if plan and plan["state"] != "promoted":
        area.write_plan({**plan, "state": "promoted"})
        release(settings, plan["run_id"])


def _one_before(settings: Settings, alias: str, live: Collection | None) -> str:
    older = [one["name"] for one in collections(settings, alias) if one["state"] == "built"]
    before = [name for name in older if live is None or name < live.name]
    if not before:
        raise CollectionRefused(f"no collection is kept that {alias} could go back to")
    return str(before[0])


def _gap(settings: Settings, target: Collection, live: Collection | None) -> list[str]:
    """Drops that differ between the two collections' catalog versions."""
    shown = live.version("catalog_version") if live else -1
    return Catalog(settings.catalog).changed_drops(target.version("catalog_version"), shown)
