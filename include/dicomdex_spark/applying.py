"""What an application of changes does: build the documents of the touched studies, write those that differ."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from dicomdex.adapters.catalog import NO_VERSION, Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.schema import attributes_of_configset
from dicomdex.settings import Settings
from dicomdex.steps import record_run
from dicomdex.steps_changes import Span, changes, span
from dicomdex.steps_index import check_applier, set_versions
from dicomdex.steps_mend import Wrong, written_since, wrong_documents
from dicomdex_spark.documents import documents
from dicomdex_spark.session import file_rows, session
from dicomdex_spark.writing import Wanted, Written, write


def bring(settings: Settings, solr: Solr, target: Collection, run: str, *, mend: bool = False) -> str:
    """Bring `target` to the latest version; the line that says so, recorded for the run.

    What others have written is put right in passing; with `mend` also all that differs from what was built.
    """
    over = span(target, Catalog(settings.catalog))
    wrong = wrong_documents(settings, solr, target) if mend else written_since(solr, target)
    level = over.empty and target.version("applying") <= NO_VERSION
    written = Written() if level and not wrong else apply_span(settings, solr, target, over, wrong, run)
    line = f"{target.name} at catalog version {over.files_to}: {written}"
    record_run(settings, run, "", applied=line)
    return line


def apply_span(settings: Settings, solr: Solr, target: Collection, over: Span, wrong: Wrong, run: str) -> Written:
    """Bring `target` over the span and put right what is wrong; returns what was posted and deleted."""
    if target.version("applying") > NO_VERSION:
        solr.commit(target.name)  # show what a killed application left, so that it is compared
    applier = uuid.uuid4().hex
    solr.set_properties(target.name, applying=over.files_to, applier=applier)
    written = write(settings, solr, target.name, wanted(settings, solr, target, over, wrong, run), applier)
    check_applier(solr, target.name, applier)
    set_versions(solr, target.name, over.files_to, over.digests_to)
    return written


def wanted(settings: Settings, solr: Solr, target: Collection, over: Span, wrong: Wrong, run: str) -> Wanted:
    """All documents that the studies touched by the span, or wrong, must have, and these studies."""
    catalog = Catalog(settings.catalog)
    what = changes(catalog, solr, target, over, wrong)
    table = attributes_of_configset(solr.configset_files(target.name))
    spark = session("dicomdex apply", rows=len(what.states))
    files = file_rows(spark, catalog.files(what.drops, over.files_to), table)
    rows = files.join(spark.createDataFrame(what.states), "file_id").persist()
    found = documents(rows, solr.fields(target.name), target.schema_digest, run, datetime.now(UTC), table)
    return Wanted(found, what.studies, what.altered)
