"""Index all: every study of the pinned catalog version into a collection that nobody sees yet; run by spark-submit.

The driver resolves and sends the executors only the few records that are not primary. They build the documents in SQL,
post them raw and write their content digests. One commit at the end; run again, it starts anew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.attributes import Table
from dicomdex.schema import attributes_of_configset
from dicomdex.settings import Settings
from dicomdex.steps import record_run
from dicomdex.steps_documents import Dates, copies, studies_within
from dicomdex.steps_index import begin, finish
from dicomdex.steps_lease import alive
from dicomdex_spark.documents import documents
from dicomdex_spark.session import file_rows, session
from dicomdex_spark.writing import INDEXED, indexer

BROADCAST_ROWS = 1_000_000  # of a hundred bytes: what fits into every executor; Spark chooses where there are more


def resolved_rows(catalog: Catalog, plan: Mapping[str, Any], table: Table) -> DataFrame:
    """The file rows of all records of the plan's version and dates, with `state` and `primary_file_id`."""
    version, dates = plan["catalog_version"], Dates.parse(plan["dates"])
    others = copies(catalog, version, plan["digests_version"])
    spark = session("dicomdex index", rows=catalog.count(version))
    rows = file_rows(spark, catalog.files(catalog.drops(version), version), table).where("outcome = 'record'")
    if dates.given:
        inside = studies_within(catalog.parts(["study", "study_date"], version), dates)
        studies = spark.createDataFrame(pa.table({"study": inside}))
        rows = rows.join(studies, "study", "left_semi")
    known = spark.createDataFrame(others)
    joined = rows.join(F.broadcast(known) if len(others) <= BROADCAST_ROWS else known, "file_id", "left")
    filled = {"state": "coalesce(state, 'indexed')", "primary_file_id": "coalesce(primary_file_id, file_id)"}
    return joined.withColumns({name: F.expr(sql) for name, sql in filled.items()})


def index_all(settings: Settings, solr: Solr, name: str, run: str) -> str:
    """Build and post all documents; one line that says how many, recorded for the run."""
    plan, applier = begin(settings, solr, name)
    run = run or plan["run_id"]
    target, table = solr.collection(name), attributes_of_configset(solr.configset_files(name))
    with alive(settings, plan["alias"], plan["run_id"]):
        rows = resolved_rows(Catalog(settings.catalog), plan, table)
        every = documents(rows, solr.fields(name), target.schema_digest, run, datetime.now(UTC), table)
        done = every.mapInArrow(indexer(settings, name, applier), INDEXED).toArrow()
        posted, minimal = (sum(done[column].to_pylist()) for column in ("posted", "minimal"))
        found = finish(settings, solr, plan, applier, posted, done["file"].to_pylist())
    line = f"{name} at catalog version {plan['catalog_version']}: {found:,} documents ({minimal:,} in minimal form)"
    record_run(settings, run, "", indexed=line)
    return line


def main(arguments: list[str] | None = None) -> None:
    """Index all, print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--collection", required=True, help="collection that a rebuild has planned and created")
    parser.add_argument("--run", default="", help="run that asks, kept in every document; the plan's unless given")
    asked = parser.parse_args(arguments)
    settings = Settings.load()
    with Solr.of(settings) as solr:
        sys.stdout.write(index_all(settings, solr, asked.collection, asked.run) + "\n")


if __name__ == "__main__":
    main()
