"""A rebuild as its tasks call it, one after another, the applications in this very Python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pytest

from dicomdex import steps_rebuild, steps_retire
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.posting import Poster
from dicomdex.adapters.work import WorkArea
from dicomdex.steps_index import begin, finish
from dicomdex.validate import content_rows
from dicomdex_spark import apply_changes, index_collection
from tests.spark.served import Served


@contextmanager
def application(line: Served) -> Iterator[None]:
    """The environment that an application of the line gets."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in line.environment().items():
            patch.setenv(name, value)
        yield


def build(line: Served, run: str = "rebuild", **asked: Any) -> dict[str, Any]:
    """Plan, create, index all; the plan."""
    plan = steps_rebuild.plan(line.settings, run_id=run, **asked)
    steps_rebuild.create(line.settings, plan)
    index(line, plan["collection"])
    return plan


def index(line: Served, name: str) -> None:
    """Index all of the plan's version, as spark-submit would."""
    with application(line):
        index_collection.main(["--collection", name])


def promote(line: Served, name: str, *options: str, run: str = "promote") -> None:
    """Apply to latest, gate, alias, as spark-submit would."""
    with application(line):
        apply_changes.main(["--collection", name, "--promote", "--run", run, *options])


def rebuild(line: Served, run: str = "rebuild", **asked: Any) -> str:
    """The whole of it; the collection that is shown now."""
    plan = build(line, run, **asked)
    said = steps_rebuild.check(line.settings, plan)
    assert said["ok"], said["sentence"]
    promote(line, plan["collection"], run=run)
    steps_retire.retire(line.settings)
    return str(plan["collection"])


def index_built(line: Served, plan: dict[str, Any], built: pa.Table) -> None:
    """Index all with documents that Spark built before: what index_collection does, without a job of Spark's."""
    name = plan["collection"]
    plan, applier = begin(line.settings, line.solr, name)
    poster = Poster(line.solr, name)
    poster.column(built["body"].combine_chunks())
    rows = content_rows(*(built[column].combine_chunks() for column in ("id", "lo", "hi")))
    file = CollectionArea(WorkArea(line.settings.work), name).write_content(rows)
    finish(line.settings, line.solr, plan, applier, poster.posted.documents, [file])
