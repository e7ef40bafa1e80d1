"""Around index-all: an empty collection that nobody sees before it, one commit, the read-back and the versions after.

What runs in between posts all documents of the pinned version and writes their content digests into the work area
(`dicomdex_spark.index_collection`). Begun again after a kill it starts from an empty collection: the same end.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.errors import CollectionRefused, CountsMismatch, SolrError
from dicomdex.settings import Settings
from dicomdex.steps_lease import still_held


def begin(settings: Settings, solr: Solr, name: str) -> tuple[dict[str, Any], str]:
    """Empty the collection for its rebuild; the plan, and the applier that alone may write from now on.

    CollectionRefused where it is shown by an alias, where no rebuild has planned it, or where another run took over.
    """
    plan = CollectionArea(WorkArea(settings.work), name).plan()
    shown = [alias for alias, behind in solr.aliases().items() if behind == name]
    if shown or not plan:
        why = f"the alias {shown[0]} shows it" if shown else "no rebuild has planned it"
        raise CollectionRefused(f"{name} can't be indexed anew: {why}")
    still_held(settings, plan["alias"], plan["run_id"])
    applier = uuid.uuid4().hex
    solr.set_properties(name, built="no", applier=applier, catalog_version=-1, digests_version=-1, newest_write=-1)
    if solr.newest_write(name) or solr.count(name):
        solr.delete_all(name)
    return plan, applier


def finish(
    settings: Settings, solr: Solr, plan: Mapping[str, Any], applier: str, posted: int, content: Sequence[str]
) -> int:
    """Commit, count, publish the content digests, set the versions; how many documents there are.

    `posted`: documents that the application has posted; CountsMismatch where Solr has others.
    """
    name = plan["collection"]
    crashpoint("index-posted")
    check_applier(solr, name, applier)
    still_held(settings, plan["alias"], plan["run_id"])
    solr.commit(name)
    crashpoint("index-committed")
    found = solr.count(name)
    if found != posted:
        raise CountsMismatch(f"{name}: {posted:,} documents were posted, Solr has {found:,} after the commit")
    CollectionArea(WorkArea(settings.work), name).publish_content(content, None)
    set_versions(solr, name, plan["catalog_version"], plan["digests_version"], built="yes")
    return found


def set_versions(solr: Solr, collection: str, files: int, digests: int, **others: str) -> None:
    """The last act of an application: from now on the collection says that it is at these versions.

    `newest_write` tells later writes, which are not an application's, from its own.
    """
    versions = {"catalog_version": files, "digests_version": digests}
    mark = solr.newest_write(collection)
    solr.set_properties(collection, **versions, newest_write=mark, applying="none", **others)


def check_applier(solr: Solr, collection: str, applier: str) -> None:
    """SolrError where another application has taken the collection over since.

    A task that is killed can leave its driver alive beside the one of the next try; the older one must stop.
    """
    if solr.collection(collection).properties.get("applier") != applier:
        raise SolrError(f"another application has taken over {collection}: this one stops")
