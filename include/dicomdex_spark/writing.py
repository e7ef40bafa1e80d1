"""Writing to a collection: post what differs, delete what is no longer wanted, read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import DataFrame

from dicomdex.adapters.posting import Poster
from dicomdex.adapters.solr import Solr, credentials
from dicomdex.errors import CountsMismatch, SolrError
from dicomdex.settings import Settings

DIGEST_FIELDS = ("id", "digest_lo", "digest_hi")
SHOWN = 10
Digests = dict[str, tuple[int, int]]  # id -> halves of the content digest


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


def write(
    settings: Settings, solr: Solr, collection: str, wanted: DataFrame, studies: list[str], applier: str
) -> Written:
    """Make the studies' documents the wanted ones: post, delete, commit, read back. One Spark job."""
    there = digests_in(solr, collection, studies)
    post = poster(settings, collection, there, applier)
    done = wanted.mapInArrow(post, "id string, lo long, hi long, posted int, minimal int").toArrow()
    columns = [done[name].to_pylist() for name in ("id", "lo", "hi")]
    expected = {one: (lo, hi) for one, lo, hi in zip(*columns, strict=True)}
    gone = sorted(there.keys() - expected.keys())
    check_applier(solr, collection, applier)
    solr.delete(collection, gone)
    solr.commit(collection)
    compare(expected, digests_in(solr, collection, studies))
    posted, minimal = (sum(done[name].to_pylist()) for name in ("posted", "minimal"))
    return Written(posted, minimal, len(gone), len(expected) - posted)


def check_applier(solr: Solr, collection: str, applier: str) -> None:
    """SolrError where another application has taken the collection over since.

    A task that is killed can leave its driver alive beside the one of the next try; the older one must stop.
    """
    if solr.collection(collection).properties.get("applier") != applier:
        raise SolrError(f"another application has taken over {collection}: this one stops")


def digests_in(solr: Solr, collection: str, studies: list[str]) -> Digests:
    """Digests of all documents of these studies, as the open searcher has them."""
    found = solr.export_where(collection, "study", studies, DIGEST_FIELDS)
    return {document["id"]: (document["digest_lo"], document["digest_hi"]) for document in found}


def poster(
    settings: Settings, collection: str, there: Digests, applier: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """A function for mapInArrow over (id, lo, hi, body) that posts what is not there with this digest."""
    where, who, seconds = settings.solr_url, credentials(settings), settings.solr_timeout

    def post(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with Solr(where, who, seconds) as solr:
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
