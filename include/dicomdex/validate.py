"""What must agree before anyone may call a drop done: landing area, manifest, catalog, Solr. Pure comparisons.

Documents are compared as sets without their order: per bucket of an id's hash the count and the sums of the halves of
the id's hash and of the content's digest. One wrong document among a million changes its bucket, and the documents of
that bucket name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from dicomdex.index import BUCKETS, HASH_SEED

SHOWN = 10
DOCUMENT_LEVELS = ("study", "series", "instance", "copy")
CONTENT_SCHEMA = pa.schema(
    [
        pa.field("study", pa.string()),
        pa.field("id_hash", pa.int64()),  # xxhash64 of the id
        pa.field("content_hash", pa.int64()),  # xxhash64 of the content: digest_hi above digest_lo
    ]
)
Hashes = npt.NDArray[np.uint64]
Sums = npt.NDArray[np.int64]  # a row a bucket: documents, lower halves, upper halves
_CHUNK = 100_000
_HALF = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class Check:
    """One comparison: two counts that must be equal, and the first ten of what is missing, extra or different."""

    check: str
    expected: int
    found: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether both sides agree."""
        return self.expected == self.found and not (self.missing or self.extra or self.differing)

    def sentence(self) -> str:
        """Expected, found, and the first ten of each difference."""
        parts = [f"{self.check}: expected {self.expected:,}, found {self.found:,}"]
        named = (("missing", self.missing), ("extra", self.extra), ("different", self.differing))
        return "; ".join(parts + [f"{how} {', '.join(names)}" for how, names in named if names])

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with `ok`."""
        lists = {name: list(getattr(self, name)) for name in ("missing", "extra", "differing")}
        return {**asdict(self), **lists, "ok": self.ok}


def document_ids(records: pa.Table) -> dict[str, pa.Array]:
    """Level -> the ids of all documents that these records must have, each once.

    Columns: study, series, sop_instance_uid, file_id, state. Only a primary (`indexed`) makes an instance, its series
    and its study.
    """
    primary = pc.equal(records["state"], "indexed")
    own, copies = records.filter(primary), records.filter(pc.invert(primary))
    series = own.select(["study", "series"]).group_by(["study", "series"]).aggregate([])
    return {
        "study": _joined(pc.unique(own["study"]), "!study", ""),
        "series": _joined(series["study"], "!s.", series["series"]),
        "instance": _joined(own["study"], "!i.", own["sop_instance_uid"]),
        "copy": _joined(copies["study"], "!c.", copies["file_id"]),
    }


def value_counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Value -> how often, nulls left out."""
    counted = pc.drop_null(column.combine_chunks()).value_counts()
    return {str(one["values"]): int(one["counts"]) for one in counted.to_pylist()}


def hashes(ids: pa.Array) -> Hashes:
    """xxhash64 of each id, as Spark computes it and the documents carry it."""
    found = np.empty(len(ids), dtype=np.uint64)
    for start in range(0, len(ids), _CHUNK):
        texts = ids.slice(start, _CHUNK).cast(pa.binary()).to_pylist()
        found[start : start + len(texts)] = [xxhash.xxh64_intdigest(text, seed=HASH_SEED) for text in texts]
    return found


def study_of(document_id: str) -> str:
    """The study that an id belongs to: what stands before its `!`."""
    return document_id.partition("!")[0]


def content_rows(ids: pa.Array, lo: pa.Array, hi: pa.Array) -> pa.Table:
    """Rows of CONTENT_SCHEMA for documents with these ids and halves of the content digest."""
    study = pc.list_element(pc.split_pattern(ids, "!", max_splits=1), 0) if len(ids) else ids
    low, high = (half.to_numpy(zero_copy_only=False).astype(np.uint64) for half in (lo, hi))
    content = low | (high << np.uint64(32))
    return pa.table([study, hashes(ids).view(np.int64), content.view(np.int64)], schema=CONTENT_SCHEMA)


def bucket_sums(id_hashes: Hashes, values: Hashes) -> Sums:
    """Per bucket of the id: documents, and the sums of the halves of their values.

    Halves are below 2**32, so that doubles, here as in Solr, add two million of them without an error.
    """
    bucket = (id_hashes & np.uint64(BUCKETS - 1)).astype(np.int64)
    halves = (values & _HALF, values >> np.uint64(32))
    sums = [np.bincount(bucket, minlength=BUCKETS)]
    sums += [np.bincount(bucket, weights=half.astype(np.float64), minlength=BUCKETS) for half in halves]
    return np.stack(sums, axis=1).astype(np.int64)


def facet_sums(buckets: Iterable[Mapping[str, Any]], lo: str, hi: str) -> Sums:
    """The same from a facet over the field `bucket`, whose sums have these names."""
    sums = np.zeros((BUCKETS, 3), dtype=np.int64)
    for one in buckets:
        sums[int(one["val"])] = (int(one["count"]), int(one[lo]), int(one[hi]))
    return sums


def differing_buckets(expected: Sums, found: Sums) -> list[int]:
    """Buckets whose sums differ."""
    return [int(bucket) for bucket in np.flatnonzero((expected != found).any(axis=1))]


def in_buckets(of_ids: Hashes, buckets: list[int]) -> npt.NDArray[np.int64]:
    """Positions of the ids that fall into these buckets."""
    return np.flatnonzero(np.isin(of_ids & np.uint64(BUCKETS - 1), np.array(buckets, dtype=np.uint64)))


def content_hashes(rows: pa.Table) -> tuple[Hashes, Hashes]:
    """Of rows of CONTENT_SCHEMA the hashes of the ids and those of the contents."""
    ids, contents = (rows[name].to_numpy().view(np.uint64) for name in ("id_hash", "content_hash"))
    return ids, contents


def compare_sets(check: str, expected: Iterable[str], found: Iterable[str]) -> Check:
    """A check over two collections of names."""
    wanted, there = set(expected), set(found)
    return Check(
        check,
        len(wanted),
        len(there),
        tuple(sorted(wanted - there)[:SHOWN]),
        tuple(sorted(there - wanted)[:SHOWN]),
    )


def compare_ids(check: str, expected: Set[bytes], found: Set[bytes]) -> Check:
    """A check over two sets of file_ids as bytes, none of which is copied."""
    sides = ((expected, found), (found, expected))
    missing, extra = (tuple(one.hex() for one in sorted(these - those)[:SHOWN]) for these, those in sides)
    return Check(check, len(expected), len(found), missing, extra)


def compare_counts(check: str, expected: Mapping[str, int], found: Mapping[str, int]) -> Iterator[Check]:
    """One check a key, for keys whose counts differ; one summed check when all agree."""
    keys = sorted(expected.keys() | found.keys())
    differing = [key for key in keys if expected.get(key, 0) != found.get(key, 0)]
    if not differing:
        yield Check(check, sum(expected.values()), sum(found.values()))
    for key in differing[:SHOWN]:
        yield Check(f"{check} of {key}", expected.get(key, 0), found.get(key, 0))


def sentence(checks: Iterable[Check]) -> str:
    """`ok`, or every failed check in one line."""
    return ". ".join(check.sentence() for check in checks if not check.ok) or "ok"


def verdict_table(checks: Iterable[Mapping[str, Any]]) -> list[str]:
    """The checks of a verdict as lines for people: check, expected, found, and whether they agree."""
    rows = [(str(c["check"]), f"{c['expected']:,}", f"{c['found']:,}", "ok" if c["ok"] else "NOT OK") for c in checks]
    rows.insert(0, ("check", "expected", "found", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip() for a, b, c, d in rows]


def _joined(first: pa.ChunkedArray, middle: str, last: pa.ChunkedArray | str) -> pa.Array:
    joined = pc.binary_join_element_wise(first, middle, last, "")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
