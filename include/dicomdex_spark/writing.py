"""Writing to a collection: post what differs, delete what is no longer wanted, read back, keep the content digests."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame

from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.posting import Posted, Poster
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.errors import CountsMismatch
from dicomdex.settings import Settings
from dicomdex.steps_index import check_applier
from dicomdex.validate import content_rows
from dicomdex_spark.executor import solr_of_task

DIGEST_FIELDS = ("id", "digest_lo", "digest_hi")
SHOWN = 10
LOOK_EVERY = 1.0  # seconds between two looks of index-all whether it still is the one that writes
Digests = dict[str, tuple[int, int]]  # id -> halves of the content digest
Batches = Iterator[pa.RecordBatch]


@dataclass(frozen=True)
class Written:
    """Documents posted, of these in minimal form, deleted, and left as they were."""

    posted: int = 0
    minimal: int = 0
    deleted: int = 0
    unchanged: int = 0

    def __str__(self) -> str:
        minimal = f" ({self.minimal} in minimal form)" if self.minimal else ""
        return f"{self.posted:,} posted{minimal}, {self.deleted:,} deleted, {self.unchanged:,} unchanged"


@dataclass(frozen=True)
class Wanted:
    """What some studies must hold: documents as (id, lo, hi, body); `altered` are ids to post or delete anyway."""

    documents: DataFrame
    studies: list[str]
    altered: list[str]


def write(settings: Settings, solr: Solr, collection: str, wanted: Wanted, applier: str) -> Written:
    """Make the studies' documents the wanted ones: post, delete, commit, read back. One Spark job."""
    there = digests_in(solr, collection, wanted.studies)
    kept = {one: digest for one, digest in there.items() if one not in set(wanted.altered)}
    post = poster(settings, collection, kept, applier)
    done = wanted.documents.mapInArrow(post, "id string, lo long, hi long, posted int, minimal int").toArrow()
    columns = [done[name].to_pylist() for name in ("id", "lo", "hi")]
    expected = {one: (lo, hi) for one, lo, hi in zip(*columns, strict=True)}
    gone = sorted((there.keys() | set(wanted.altered)) - expected.keys())
    check_applier(solr, collection, applier)
    solr.delete(collection, gone)
    crashpoint("apply-posted")
    solr.commit(collection)
    crashpoint("apply-committed")
    compare(expected, digests_in(solr, collection, wanted.studies))
    area = CollectionArea(WorkArea(settings.work), collection)
    rows = content_rows(*(done[name].combine_chunks() for name in ("id", "lo", "hi")))
    area.publish_content([area.write_content(rows)], wanted.studies)
    posted, minimal = (sum(done[name].to_pylist()) for name in ("posted", "minimal"))
    return Written(posted, minimal, len(gone), len(expected) - posted)


def digests_in(solr: Solr, collection: str, studies: list[str]) -> Digests:
    """Digests of all documents of these studies, as the open searcher has them."""
    found = solr.export_where(collection, "study", studies, DIGEST_FIELDS)
    return {document["id"]: (document.get("digest_lo", -1), document.get("digest_hi", -1)) for document in found}


def poster(settings: Settings, collection: str, there: Digests, applier: str) -> Callable[[Batches], Batches]:
    """A function for mapInArrow over (id, lo, hi, body) that posts what is not there with this digest."""

    def post(batches: Batches) -> Batches:
        with solr_of_task(settings) as solr:
            for batch in batches:
                check_applier(solr, collection, applier)
                writer = Poster(solr, collection)
                ids, lows, highs = (batch.column(name).to_pylist() for name in ("id", "lo", "hi"))
                differs = [there.get(one) != (lo, hi) for one, lo, hi in zip(ids, lows, highs, strict=True)]
                writer.column(batch.column("body").filter(pa.array(differs, pa.bool_())))
                minimal = [writer.posted.minimal] + [0] * (len(ids) - 1) if ids else []
                flags = [pa.array(differs, pa.bool_()).cast(pa.int32()), pa.array(minimal, pa.int32())]
                kept = [batch.column(name) for name in ("id", "lo", "hi")]
                yield pa.RecordBatch.from_arrays(kept + flags, names=["id", "lo", "hi", "posted", "minimal"])

    return post


def indexer(settings: Settings, collection: str, applier: str) -> Callable[[Batches], Batches]:
    """A function for mapInArrow over (id, lo, hi, body) that posts everything and writes the content digests of a task.

    Gives one row a task: file, posted, minimal. A task that is run again posts the same documents once more, and the
    file of the first try is never published.
    """

    def index(batches: Batches) -> Batches:
        with solr_of_task(settings) as solr:
            writer, looked = Poster(solr, collection), float("-inf")

            def posted() -> Batches:
                nonlocal looked
                for batch in batches:
                    if time.monotonic() - looked >= LOOK_EVERY:
                        check_applier(solr, collection, applier)
                        looked = time.monotonic()
                    writer.column(batch.column("body"))
                    yield batch

            yield from _content_written(settings, collection, posted(), writer.posted)

    return index


def counter(settings: Settings, collection: str) -> Callable[[Batches], Batches]:
    """As `indexer`, and posts nothing; `posted` counts the documents."""

    def count(batches: Batches) -> Batches:
        seen = Posted()

        def counted() -> Batches:
            for batch in batches:
                seen.documents += batch.num_rows
                yield batch

        yield from _content_written(settings, collection, counted(), seen)

    return count


def _content_written(settings: Settings, collection: str, batches: Batches, done: Posted) -> Batches:
    """Write the content digests of a task's documents to a file of its own; one row about it, none for no document."""
    content = [content_rows(*(batch.column(name) for name in ("id", "lo", "hi"))) for batch in batches]
    if content:
        file = CollectionArea(WorkArea(settings.work), collection).write_content(pa.concat_tables(content))
        values = {"file": [file], "posted": [done.documents], "minimal": [done.minimal]}
        yield pa.RecordBatch.from_pydict(values, schema=INDEXED_SCHEMA)


INDEXED = "file string, posted long, minimal long"  # what a task says of itself
INDEXED_SCHEMA = pa.schema([("file", pa.string()), ("posted", pa.int64()), ("minimal", pa.int64())])


def compare(expected: Digests, found: Digests) -> None:
    """Read back: the documents in Solr are exactly the wanted ones; CountsMismatch names the first ten."""
    if expected == found:
        return
    missing = sorted(expected.keys() - found.keys())
    extra = sorted(found.keys() - expected.keys())
    other = sorted(name for name in expected.keys() & found.keys() if expected[name] != found[name])
    raise CountsMismatch(
        f"after the commit {len(found)} documents, expected {len(expected)};"
        f" missing {missing[:SHOWN]}, extra {extra[:SHOWN]}, of other content {other[:SHOWN]}"
    )
