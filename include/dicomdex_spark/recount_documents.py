"""Build every document of a collection anew, post none, and compare what Solr holds; run by spark-submit.

What the applications wrote down as expected is replaced by what was built now, and the gate is asked again.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused, CountsMismatch
from dicomdex.schema import attributes_of_configset
from dicomdex.settings import Settings
from dicomdex.steps_gate import verdict
from dicomdex_spark.documents import documents
from dicomdex_spark.index_collection import resolved_rows
from dicomdex_spark.writing import INDEXED, counter

VERSIONS = ("catalog_version", "digests_version")


def build_again(settings: Settings, solr: Solr, name: str) -> int:
    """Write the content digests of all documents as they are built now; how many documents.

    CollectionRefused where the collection was brought to another version meanwhile: nothing is replaced then.
    """
    target, table = solr.collection(name), attributes_of_configset(solr.configset_files(name))
    plan = {version: target.version(version) for version in VERSIONS} | {"dates": target.properties.get("dates", "")}
    rows = resolved_rows(Catalog(settings.catalog), plan, table)
    every = documents(rows, solr.fields(name), target.schema_digest, "recount", datetime.now(UTC), table)
    done = every.mapInArrow(counter(settings, name), INDEXED).toArrow()
    now = solr.collection(name)
    if any(now.version(version) != plan[version] for version in VERSIONS):
        raise CollectionRefused(f"{name} was brought to another version while it was counted: count again")
    CollectionArea(WorkArea(settings.work), name).publish_content(done["file"].to_pylist(), None)
    return sum(done["posted"].to_pylist())


def main(arguments: list[str] | None = None) -> None:
    """Build, compare, print one line. CountsMismatch, with the sentence, where Solr holds something else."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collection", default="", help="a physical collection; without, the one behind the alias")
    asked = parser.parse_args(arguments)
    settings = Settings.load()
    with Solr.of(settings) as solr:
        name = asked.collection or solr.aliases()[settings.alias]
        built = build_again(settings, solr, name)
    said = verdict(settings, name)
    sys.stdout.write(f"{name}: {built:,} documents built again, {said['sentence']}\n")
    if not said["ok"]:
        raise CountsMismatch(said["sentence"])


if __name__ == "__main__":
    main()
