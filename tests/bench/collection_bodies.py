"""The bodies of a collection's documents as Parquet, for posting them by other means; run by spark-submit."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.schema import attributes_of_configset
from dicomdex.settings import Settings
from dicomdex_spark.documents import documents
from dicomdex_spark.index_collection import resolved_rows


def main() -> None:
    """Write the bodies of one document in so many."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collection", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--every", type=int, default=1)
    asked = parser.parse_args()
    settings = Settings.load()
    with Solr.of(settings) as solr:
        target = solr.collection(asked.collection)
        table, known = attributes_of_configset(solr.configset_files(target.name)), solr.fields(target.name)
    plan = CollectionArea(WorkArea(settings.work), target.name).plan()
    rows = resolved_rows(Catalog(settings.catalog), plan, table)
    every = documents(rows, known, target.schema_digest, "bench", datetime.now(UTC), table)
    every.where(f"lo % {asked.every} = 0").select("body").write.mode("overwrite").parquet(asked.out)


if __name__ == "__main__":
    main()
