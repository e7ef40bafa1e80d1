"""Golden queries: questions whose answers follow from the catalog alone, asked of a collection as a person would.

They go through the fields people search and sort by, which the comparison of digests never touches: a schema that
analyses, types or copies a field wrongly fails here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.solr import Solr
from dicomdex.resolve import INDEXED
from dicomdex.validate import Check, compare_counts, compare_sets, value_counts

COUNTED = (("Modality", "modality"), ("SOPClassUID", "sop_class_uid"))  # field, catalog column: instances by value
DATED = ("StudyDate", "study_date")  # earliest and latest of the instances
FETCHED = 20  # ids, drawn anew for each number of documents, fetched one by one through /get
# A document in minimal form has none of these fields; how many there are is said elsewhere.
WHOLE = ["level:instance", "-index_warning:[* TO *]"]
_NAMED = re.compile(r"[A-Z0-9_.]{1,64}")  # a code or UID; other text in such an element may be anybody's


def golden_checks(solr: Solr, collection: str, records: pa.Table, ids: pa.Array) -> Iterator[Check]:
    """`records`: as steps_documents.expected_records gives them; `ids`: all ids there must be."""
    minimal = solr.export(collection, ["id"], ["level:instance", "index_warning:[* TO *]"])
    left_out = pa.array([one["id"] for one in minimal], pa.string())
    records = records.filter(pc.equal(records["state"], INDEXED))
    if len(left_out):
        own = pc.binary_join_element_wise(records["study"], "!i.", records["sop_instance_uid"], "")
        records = records.filter(pc.invert(pc.is_in(own, value_set=left_out)))
    for field, column in COUNTED:
        answer = solr.facet(collection, {"values": {"type": "terms", "field": field, "limit": -1}}, WHOLE)
        found = {str(one["val"]): int(one["count"]) for one in (answer.get("values") or {}).get("buckets", [])}
        yield from compare_counts(f"instances by {field}", _plain(value_counts(records[column])), _plain(found))
    yield _dates_check(solr, collection, records)
    drawn = random.Random(len(ids)).sample(range(len(ids)), min(FETCHED, len(ids)))  # noqa: S311 # no secret
    wanted = ids.take(pa.array(drawn, pa.int64())).to_pylist()
    got = solr.get(collection, wanted, ["id"]) if wanted else []
    yield compare_sets("documents fetched by id", wanted, [one["id"] for one in got])


def _plain(counts: dict[str, int]) -> dict[str, int]:
    """Counts by value, with values that are no codes summed: a verdict is shown and logged."""
    plain: dict[str, int] = {}
    for value, count in counts.items():
        name = value if _NAMED.fullmatch(value) else "other text"
        plain[name] = plain.get(name, 0) + count
    return plain


def _dates_check(solr: Solr, collection: str, records: pa.Table) -> Check:
    """Whether the earliest and latest date are the catalog's; no date is said."""
    field, column = DATED
    answer = solr.facet(collection, {"first": f"min({field})", "last": f"max({field})"}, WHOLE)
    ends: dict[str, Any] = pc.min_max(records[column]).as_py()
    wanted = [None if one is None else one.isoformat() for one in (ends["min"], ends["max"])]
    found = [None if one is None else str(one)[:10] for one in (answer.get("first"), answer.get("last"))]
    same = sum(one == other for one, other in zip(wanted, found, strict=True))
    return Check(f"earliest and latest {field}", 2, same)
