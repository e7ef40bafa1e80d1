"""Apply: bring the collection behind the alias to the catalog's latest version; run by spark-submit.

The study is the unit: all documents of the touched studies are built, those whose digest differs are posted, those no
longer wanted are deleted, one commit, a read-back, then the version is set. Repeating it after any crash ends right.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from datetime import UTC, datetime

from pyspark.sql import DataFrame

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.settings import Settings
from dicomdex.steps import record_run
from dicomdex.steps_changes import Span, changes, span
from dicomdex_spark.documents import documents
from dicomdex_spark.session import file_rows, session
from dicomdex_spark.target import ensure_collection, publish
from dicomdex_spark.writing import Written, check_applier, write


def wanted(settings: Settings, solr: Solr, target: Collection, over: Span, run: str) -> tuple[DataFrame, list[str]]:
    """All documents that the studies touched by the span must have, and these studies."""
    catalog = Catalog(settings.catalog)
    what = changes(catalog, solr, target, over)
    spark = session("dicomdex apply", rows=len(what.states))
    files = file_rows(spark, catalog.files(what.drops, over.files_to))
    rows = files.join(spark.createDataFrame(what.states), "file_id").persist()
    known = solr.fields(target.name)
    return documents(rows, known, target.schema_digest, run, datetime.now(UTC)), what.studies


def apply_span(settings: Settings, solr: Solr, target: Collection, over: Span, run: str) -> Written:
    """Bring `target` over the span; returns what was posted and deleted."""
    if target.version("applying") >= 0:
        solr.commit(target.name)  # show what a killed application left, so that it is compared
    applier = uuid.uuid4().hex
    solr.set_properties(target.name, applying=over.files_to, applier=applier)
    written = write(settings, solr, target.name, *wanted(settings, solr, target, over, run), applier)
    check_applier(solr, target.name, applier)
    versions = {"catalog_version": over.files_to, "digests_version": over.digests_to}
    solr.set_properties(target.name, **versions, applying="none")
    return written


def main(arguments: list[str] | None = None) -> None:
    """Apply, print one line, record it for the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="run id, kept in every document written")
    run = parser.parse_args(arguments).run
    settings = Settings.load()
    with Solr.of(settings) as solr:
        target = ensure_collection(solr, settings, run)
        over = span(target, Catalog(settings.catalog))
        written = Written() if over.empty else apply_span(settings, solr, target, over, run)
        publish(solr, settings, target)
    line = f"{target.name} at catalog version {over.files_to}: {written}"
    record_run(settings, run, "", applied=line)
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
