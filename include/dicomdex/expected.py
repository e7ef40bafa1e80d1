"""The documents that a collection must hold, counted part by part of the resolved records: numbers are kept, no names.

A part is a table with the columns drop_key, study, series, sop_instance_uid, file_id and state. Parts come in any
order, and the records of a study may be spread over several. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.index import BUCKETS
from dicomdex.validate import DOCUMENT_LEVELS, Hashes, Sums, bucket_sums, document_ids, hashes, in_buckets

DRAWN = 20  # ids, drawn anew for each seed, to be fetched one by one
_ROLL_UPS = ("study", "series")  # one document, of records of several parts and drops


class ExpectedDocuments:
    """How many documents of which level and drop, their sums by bucket, and some ids drawn from all of them.

    Kept are 8 bytes for a study or series in each part. Two ids of one hash count once: of a million studies and series
    that is a chance of 1 in 37 million.
    """

    def __init__(self, seed: int) -> None:
        self._seed = hashes(pa.array([str(seed)]))[0]
        self._of_records: dict[str, Counter[str]] = {level: Counter() for level in DOCUMENT_LEVELS}
        self._roll_ups: dict[str, dict[str, list[Hashes]]] = {level: defaultdict(list) for level in _ROLL_UPS}
        self._sums: Sums = np.zeros((BUCKETS, 3), dtype=np.int64)
        self._drawn: dict[int, str] = {}

    def add(self, records: pa.Table) -> None:
        """Count the documents of a part."""
        for drop in pc.unique(records["drop_key"]).to_pylist():
            of_drop = records.filter(pc.equal(records["drop_key"], drop))
            for level, ids in document_ids(of_drop).items():
                if len(ids):
                    self._add(level, drop, ids)

    def by_drop(self) -> dict[str, dict[str, int]]:
        """Level -> drop -> documents that name the drop; a study or series does so once for each of its drops."""
        roll_ups = {
            level: {drop: len(_distinct(found)) for drop, found in drops.items()}
            for level, drops in self._roll_ups.items()
        }
        return {level: roll_ups.get(level, dict(of)) for level, of in self._of_records.items()}

    def by_level(self) -> dict[str, int]:
        """Level -> documents."""
        return {
            level: len(self._distinct(level)) if level in _ROLL_UPS else of.total()
            for level, of in self._of_records.items()
        }

    def sums(self) -> Sums:
        """The sums of all ids by bucket."""
        return self._sums + sum(bucket_sums(own, own) for own in map(self._distinct, _ROLL_UPS))

    def drawn(self) -> list[str]:
        """Up to DRAWN ids."""
        return list(self._drawn.values())

    def _add(self, level: str, drop: str, ids: pa.Array) -> None:
        own = hashes(ids)
        self._draw(ids, own)
        if level in _ROLL_UPS:
            self._roll_ups[level][drop].append(own)
        else:
            self._of_records[level][drop] += len(own)
            self._sums += bucket_sums(own, own)

    def _draw(self, ids: pa.Array, own: Hashes) -> None:
        """Keep the ids whose hashes, mixed with the seed's, are the smallest so far."""
        keys = own ^ self._seed
        first = np.argsort(keys)[:DRAWN]
        self._drawn |= dict(zip(keys[first].tolist(), ids.take(pa.array(first)).to_pylist(), strict=True))
        self._drawn = dict(sorted(self._drawn.items())[:DRAWN])

    def _distinct(self, level: str) -> Hashes:
        return _distinct([own for of_drop in self._roll_ups[level].values() for own in of_drop])


def named(parts: Iterable[pa.Table], buckets: list[int]) -> dict[int, str]:
    """Hash -> id of the documents of these parts that fall into these buckets."""
    found: dict[int, str] = {}
    for records in parts if buckets else ():
        for ids in document_ids(records).values():
            own = hashes(ids)
            inside = in_buckets(own, buckets)
            found |= dict(zip(own[inside].tolist(), ids.take(pa.array(inside)).to_pylist(), strict=True))
    return found


def _distinct(found: list[Hashes]) -> Hashes:
    return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))
