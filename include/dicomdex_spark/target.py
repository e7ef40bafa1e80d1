"""The collection that an application writes to: the one behind the alias, or a first one of its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.attributes import table
from dicomdex.schema import configset, schema_digest
from dicomdex.settings import Settings


def ensure_collection(solr: Solr, settings: Settings, run: str) -> Collection:
    """The collection behind the alias; without an alias, a first one, begun or new, that `publish` will show."""
    return solr.behind(settings.alias) or _begun(solr, settings) or _create(solr, settings, run)


def publish(solr: Solr, settings: Settings, target: Collection) -> None:
    """Point the alias at a first collection, once it is whole."""
    if solr.behind(settings.alias) is None:
        solr.point_alias(settings.alias, target.name)


def _begun(solr: Solr, settings: Settings) -> Collection | None:
    """The first collection of an application that was killed: marked `first`, or not even that yet.

    Never one that a rebuild has planned.
    """
    named, work = re.compile(rf"{re.escape(settings.alias)}_\d{{8}}T\d{{6}}Z_[a-z0-9]+"), WorkArea(settings.work)
    ours = (
        name for name in sorted(solr.collections()) if named.fullmatch(name) and not CollectionArea(work, name).plan()
    )
    found = (solr.collection(name) for name in ours)
    return next((one for one in found if "first" in one.properties or "catalog_version" not in one.properties), None)


def _create(solr: Solr, settings: Settings, run: str) -> Collection:
    files = configset(table(settings))
    configset_name = f"{settings.alias}_{schema_digest(files)}"
    solr.upload_configset(configset_name, files)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{settings.alias}_{stamp}_{re.sub(r'[^a-z0-9]', '', run.lower())[-4:] or 'x'}"
    solr.create_collection(name, configset_name, shards=settings.solr_shards, replicas=settings.solr_replicas)
    solr.set_properties(name, first=settings.alias)
    return solr.collection(name)
