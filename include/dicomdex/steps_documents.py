"""What the catalog says that a collection must hold: its records at a version, resolved, within its dates.

A million records are read by some narrow columns; only those that share their SOP Instance UID are resolved.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection
from dicomdex.errors import CollectionRefused
from dicomdex.resolve import INDEXED, RESOLVED_SCHEMA, candidates, resolve

EXPECTED_COLUMNS = (
    "drop_key", "study", "series", "sop_instance_uid", "file_id", "modality", "sop_class_uid", "study_date",
)  # fmt: skip
_DATES = re.compile(r"(\d{4}-\d{2}-\d{2})?\.\.(\d{4}-\d{2}-\d{2})?")


class Dates(NamedTuple):
    """The StudyDates that a collection is made of, both ends included; None = open."""

    first: date | None = None
    last: date | None = None

    def __str__(self) -> str:
        return f"{self.first or ''}..{self.last or ''}"

    @property
    def given(self) -> bool:
        """Whether there is any bound."""
        return self.first is not None or self.last is not None

    @classmethod
    def parse(cls, text: str) -> Dates:
        """`2026-01-01..2026-12-31`, either end may be left out; CollectionRefused where it is none."""
        found = _DATES.fullmatch(text or "..")
        try:
            ends = [date.fromisoformat(one) if one else None for one in (found.groups() if found else ("x",))]
            return cls(*ends)
        except ValueError:
            raise CollectionRefused("a date range is YYYY-MM-DD..YYYY-MM-DD") from None


def dates_of(target: Collection) -> Dates:
    """The dates that a collection was built for."""
    return Dates.parse(target.properties.get("dates", ""))


def copies(catalog: Catalog, version: int, digests_version: int, sops: pa.ChunkedArray) -> pa.Table:
    """The records that are not primary (RESOLVED_SCHEMA), given the SOP Instance UIDs of all records."""
    counted = pc.value_counts(sops)
    several = counted.field("values").filter(pc.greater(counted.field("counts"), 1))
    if not len(several):
        return RESOLVED_SCHEMA.empty_table()
    rows = catalog.identity(version, sops=several)
    found = resolve(rows, catalog.digests(candidates(rows)["file_id"], digests_version))
    return found.filter(pc.not_equal(found["state"], INDEXED))


def expected_records(catalog: Catalog, version: int, digests_version: int, dates: Dates) -> pa.Table:
    """EXPECTED_COLUMNS and `state` of every record of the studies within the dates."""
    records = catalog.records(EXPECTED_COLUMNS, version)
    others = copies(catalog, version, digests_version, records["sop_instance_uid"])
    at = pc.index_in(records["file_id"], value_set=others["file_id"].combine_chunks())
    state = pc.fill_null(others["state"].combine_chunks().take(at), INDEXED)
    records = records.append_column("state", state)
    if not dates.given:
        return records
    return records.filter(pc.is_in(records["study"], value_set=studies_within(records, dates)))


def studies_within(records: pa.Table, dates: Dates) -> pa.Array:
    """The studies whose earliest StudyDate (over all their records) lies within the dates; undated ones do not."""
    of_study = records.select(["study", "study_date"]).group_by("study").aggregate([("study_date", "min")])
    found = of_study["study_date_min"].to_numpy(zero_copy_only=False).astype("datetime64[D]")
    inside = ~np.isnat(found)
    if dates.first is not None:
        inside &= found >= np.datetime64(dates.first)
    if dates.last is not None:
        inside &= found <= np.datetime64(dates.last)
    studies: pa.Array = of_study["study"].combine_chunks().filter(pa.array(inside))
    return studies
