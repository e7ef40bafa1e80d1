"""Golden queries: questions whose answers follow from the catalog alone, asked of a collection as a person would.

They go through the fields people search and sort by, which the comparison of digests never touches: a schema that
analyses, types or copies a field wrongly fails here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.solr import Solr
from dicomdex.resolve import INDEXED
from dicomdex.validate import Check, compare_counts, compare_sets, value_counts

COUNTED = (("Modality", "modality"), ("SOPClassUID", "sop_class_uid"))  # field, catalog column: instances by value
DATED = ("StudyDate", "study_date")  # earliest and latest of the instances
# A document in minimal form has none of these fields; how many there are is said elsewhere.
WHOLE = ["level:instance", "-index_warning:[* TO *]"]
_NAMED = re.compile(r"[A-Z0-9_.]{1,64}")  # a code or UID; other text in such an element may be anybody's


class Answers:
    """What the questions must be answered with, counted part by part of the resolved records (see dicomdex.expected).

    `left_out`: ids of instances that the questions leave out.
    """

    def __init__(self, left_out: pa.Array) -> None:
        self._left_out = left_out
        self.counts: dict[str, Counter[str]] = {column: Counter() for _, column in COUNTED}
        self.dates: set[date] = set()  # the earliest and the latest

    def add(self, records: pa.Table) -> None:
        """Count the instances of a part."""
        records = records.filter(pc.equal(records["state"], INDEXED))
        if len(self._left_out):
            own = pc.binary_join_element_wise(records["study"], "!i.", records["sop_instance_uid"], "")
            records = records.filter(pc.invert(pc.is_in(own, value_set=self._left_out)))
        for column, counts in self.counts.items():
            counts.update(value_counts(records[column]))
        ends = pc.min_max(records[DATED[1]]).as_py()
        known = self.dates | {one for one in ends.values() if one is not None}
        self.dates = {min(known), max(known)} if known else known


def minimal_documents(solr: Solr, collection: str) -> pa.Array:
    """Ids of the instances in minimal form: they have none of the fields that are asked for."""
    found = solr.export(collection, ["id"], ["level:instance", "index_warning:[* TO *]"])
    return pa.array([one["id"] for one in found], pa.string())


def golden_checks(solr: Solr, collection: str, answers: Answers) -> Iterator[Check]:
    """The questions, and whether Solr answers as the catalog does."""
    for field, column in COUNTED:
        answer = solr.facet(collection, {"values": {"type": "terms", "field": field, "limit": -1}}, WHOLE)
        found = {str(one["val"]): int(one["count"]) for one in (answer.get("values") or {}).get("buckets", [])}
        yield from compare_counts(f"instances by {field}", _plain(answers.counts[column]), _plain(found))
    yield _dates_check(solr, collection, answers.dates)


def fetched_check(solr: Solr, collection: str, wanted: list[str]) -> Check:
    """Whether each of these ids is found through /get."""
    got = solr.get(collection, wanted, ["id"]) if wanted else []
    return compare_sets("documents fetched by id", wanted, [one["id"] for one in got])


def _plain(counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by value, with values that are no codes summed: a verdict is shown and logged."""
    plain: dict[str, int] = {}
    for value, count in counts.items():
        name = value if _NAMED.fullmatch(value) else "other text"
        plain[name] = plain.get(name, 0) + count
    return plain


def _dates_check(solr: Solr, collection: str, dates: set[date]) -> Check:
    """Whether the earliest and latest date are the catalog's; no date is said."""
    field = DATED[0]
    answer = solr.facet(collection, {"first": f"min({field})", "last": f"max({field})"}, WHOLE)
    wanted = [None if one is None else one.isoformat() for one in (min(dates, default=None), max(dates, default=None))]
    found = [None if one is None else str(one)[:10] for one in (answer.get("first"), answer.get("last"))]
    same = sum(one == other for one, other in zip(wanted, found, strict=True))
    return Check(f"earliest and latest {field}", 2, same)
