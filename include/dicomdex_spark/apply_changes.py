"""Apply: bring a collection to the catalog's latest version, and promote it if asked to; run by spark-submit.

The study is the unit: all documents of the touched studies are built, those whose digest differs are posted, those no
longer wanted are deleted, one commit, a read-back, then the version is set. Repeating it after any crash ends right.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from datetime import UTC, datetime

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.errors import CountsMismatch
from dicomdex.schema import attributes_of_configset
from dicomdex.settings import Settings
from dicomdex.steps import record_run
from dicomdex.steps_changes import Span, changes, span
from dicomdex.steps_index import check_applier, set_versions
from dicomdex.steps_promote import promote
from dicomdex_spark.documents import documents
from dicomdex_spark.session import file_rows, session
from dicomdex_spark.target import ensure_collection, publish
from dicomdex_spark.writing import Wanted, Written, write


def wanted(settings: Settings, solr: Solr, target: Collection, over: Span, run: str) -> Wanted:
    """All documents that the studies touched by the span must have, and these studies."""
    catalog = Catalog(settings.catalog)
    what = changes(catalog, solr, target, over)
    table = attributes_of_configset(solr.configset_files(target.name))
    spark = session("dicomdex apply", rows=len(what.states))
    files = file_rows(spark, catalog.files(what.drops, over.files_to), table)
    rows = files.join(spark.createDataFrame(what.states), "file_id").persist()
    found = documents(rows, solr.fields(target.name), target.schema_digest, run, datetime.now(UTC), table)
    return Wanted(found, what.studies, what.altered)


def apply_span(settings: Settings, solr: Solr, target: Collection, over: Span, run: str) -> Written:
    """Bring `target` over the span; returns what was posted and deleted."""
    if target.version("applying") >= 0:
        solr.commit(target.name)  # show what a killed application left, so that it is compared
    applier = uuid.uuid4().hex
    solr.set_properties(target.name, applying=over.files_to, applier=applier)
    written = write(settings, solr, target.name, wanted(settings, solr, target, over, run), applier)
    check_applier(solr, target.name, applier)
    set_versions(solr, target.name, over.files_to, over.digests_to)
    return written


def main(arguments: list[str] | None = None) -> None:
    """Apply, promote, print one line, record it for the run. CountsMismatch where the gate says no."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="run id, kept in every document written")
    parser.add_argument("--collection", default="", help="a physical collection; without, the one behind the alias")
    parser.add_argument("--promote", action="store_true", help="then the gate, and the alias points at the collection")
    parser.add_argument("--force", action=argparse.BooleanOptionalAction, help="promote it even if it is much smaller")
    asked = parser.parse_args(arguments)
    run, settings = asked.run, Settings.load()
    with Solr.of(settings) as solr:
        target = solr.collection(asked.collection) if asked.collection else ensure_collection(solr, settings, run)
        over = span(target, Catalog(settings.catalog))
        written = Written() if over.empty else apply_span(settings, solr, target, over, run)
        if not asked.collection:
            publish(solr, settings, target)
    line = f"{target.name} at catalog version {over.files_to}: {written}"
    record_run(settings, run, "", applied=line)
    sys.stdout.write(line + "\n")
    if asked.promote:
        promoted = promote(settings, target.name, force=bool(asked.force), run_id=run)
        record_run(settings, run, "", promoted=promoted)
        if not promoted["ok"]:
            raise CountsMismatch(promoted["sentence"])
        sys.stdout.write(f"{promoted['alias']} shows {target.name}\n")


if __name__ == "__main__":
    main()
