"""What must agree before anyone may call a drop done: landing area, manifest, catalog, Solr. Pure comparisons.

Ids are compared as sets without their order: per bucket of an id's hash the count and the sums of the hash's halves.
One wrong document among a million changes its bucket, and the ids of that bucket name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from dicomdex.index import copy_id, hashed, instance_id, series_id, study_id

SHOWN = 10
DOCUMENT_LEVELS = ("study", "series", "instance", "copy")


@dataclass(frozen=True)
class Check:
    """One comparison: two counts that must be equal, and the first ten of what is missing or extra."""

    check: str
    expected: int
    found: int
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether both sides agree."""
        return self.expected == self.found and not self.missing and not self.extra

    def sentence(self) -> str:
        """Expected, found, and the first ten of each difference."""
        parts = [f"{self.check}: expected {self.expected:,}, found {self.found:,}"]
        if self.missing:
            parts.append(f"missing {', '.join(self.missing)}")
        if self.extra:
            parts.append(f"extra {', '.join(self.extra)}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, with `ok`."""
        return {**asdict(self), "missing": list(self.missing), "extra": list(self.extra), "ok": self.ok}


class Sums(NamedTuple):
    """What a bucket of ids adds up to; the halves are below 2**32, so a double holds 2 M of them exactly."""

    ids: int = 0
    lo: int = 0
    hi: int = 0


class Record(NamedTuple):
    """The part of a resolved record that its documents' ids come from."""

    drop: str
    study: str
    series: str
    sop: str
    file_id: str
    state: str


def document_ids(records: Iterable[Record]) -> dict[str, set[str]]:
    """Level -> the ids of all documents that these records must have; they must cover whole studies."""
    ids: dict[str, set[str]] = {level: set() for level in DOCUMENT_LEVELS}
    for record in records:
        if record.state != "indexed":
            ids["copy"].add(copy_id(record.study, record.file_id))
            continue
        ids["instance"].add(instance_id(record.study, record.sop))
        ids["series"].add(series_id(record.study, record.series))
        ids["study"].add(study_id(record.study))
    return ids


def bucket_sums(ids: Iterable[str]) -> dict[int, Sums]:
    """Bucket -> count and sums of the ids in it."""
    sums: dict[int, Sums] = {}
    for one in ids:
        bucket, lo, hi = hashed(one)
        count, los, his = sums.get(bucket, Sums())
        sums[bucket] = Sums(count + 1, los + lo, his + hi)
    return sums


def differing_buckets(expected: Mapping[int, Sums], found: Mapping[int, Sums]) -> list[int]:
    """Buckets whose sums differ."""
    return sorted(b for b in expected.keys() | found.keys() if expected.get(b, Sums()) != found.get(b, Sums()))


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
