"""What the catalog says that a collection must hold: its records at a version, resolved, within its dates.

Records are read by some narrow columns and never held all at once: of each 8 bytes are, to find those that share their
SOP Instance UID. Only these are resolved.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection
from dicomdex.errors import CollectionRefused
from dicomdex.resolve import IDENTITY_COLUMNS, INDEXED, RESOLVED_SCHEMA, candidates, resolve
from dicomdex.validate import Hashes, hashes

EXPECTED_COLUMNS = (
    "drop_key", "study", "series", "sop_instance_uid", "file_id", "modality", "sop_class_uid", "study_date",
)  # fmt: skip
_UID = ("sop_instance_uid",)
_FIRST = pa.schema([("study", pa.string()), ("study_date_min", pa.date32())])
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


@dataclass(frozen=True)
class ExpectedRecords:
    """The records of the studies within some dates, resolved; every loop over them reads the catalog anew, in parts.

    A part is a table of EXPECTED_COLUMNS and `state`. Held are the copies, and with dates the studies.
    """

    catalog: Catalog
    version: int
    others: pa.Table  # RESOLVED_SCHEMA
    studies: pa.Array | None  # all of them

    def __iter__(self) -> Iterator[pa.Table]:
        known = pc.SetLookupOptions(value_set=self.others["file_id"].combine_chunks())
        states = self.others["state"].combine_chunks()
        # The scanner makes its table of copies once; for each part anew it would grow with the square of the records.
        computed = {"state": pc.index_in(pc.field("file_id"), options=known)}
        for part in self.catalog.parts(EXPECTED_COLUMNS, self.version, studies=self.studies, computed=computed):
            state = pc.fill_null(states.take(part["state"].combine_chunks()), INDEXED)
            yield part.set_column(part.schema.get_field_index("state"), "state", state)


def expected_records(catalog: Catalog, version: int, digests_version: int, dates: Dates) -> ExpectedRecords:
    """The records that a collection of these versions and dates is made of."""
    studies = None
    if dates.given:
        studies = studies_within(catalog.parts(["study", "study_date"], version), dates)
    return ExpectedRecords(catalog, version, copies(catalog, version, digests_version), studies)


def copies(
    catalog: Catalog, version: int, digests_version: int, hashed: Callable[[pa.Array], Hashes] = hashes
) -> pa.Table:
    """The records that are not primary (RESOLVED_SCHEMA).

    SOP Instance UIDs are looked for by `hashed`, a hash of 64 bits: of two that collide, resolving tells them apart.
    """
    found = [hashed(part["sop_instance_uid"].combine_chunks()) for part in catalog.parts(_UID, version)]
    several = _repeated(np.concatenate([np.empty(0, np.uint64), *found]))
    del found  # 8 bytes a record
    if not len(several):
        return RESOLVED_SCHEMA.empty_table()
    rows = pa.concat_tables(
        part.filter(_among(hashed(part["sop_instance_uid"].combine_chunks()), several))
        for part in catalog.parts(IDENTITY_COLUMNS, version)
    )
    states = resolve(rows, catalog.digests(candidates(rows)["file_id"], digests_version))
    return states.filter(pc.not_equal(states["state"], INDEXED))


def studies_within(parts: Iterable[pa.Table], dates: Dates) -> pa.Array:
    """The studies whose earliest StudyDate (over all their records) lies within the dates; undated ones do not."""
    first = [part.group_by("study").aggregate([("study_date", "min")]) for part in parts]
    of_study = pa.concat_tables([_FIRST.empty_table(), *first]).group_by("study").aggregate([("study_date_min", "min")])
    found = of_study["study_date_min_min"].to_numpy(zero_copy_only=False).astype("datetime64[D]")
    inside = ~np.isnat(found)
    if dates.first is not None:
        inside &= found >= np.datetime64(dates.first)
    if dates.last is not None:
        inside &= found <= np.datetime64(dates.last)
    studies: pa.Array = of_study["study"].combine_chunks().filter(pa.array(inside))
    return studies


def _repeated(found: Hashes) -> Hashes:
    """The hashes that occur more than once, ascending; `found` is sorted in place."""
    found.sort()
    return np.unique(found[1:][found[1:] == found[:-1]])


def _among(found: Hashes, known: Hashes) -> pa.Array:
    """Whether each of the hashes is among the known ones, which are ascending."""
    at = np.searchsorted(known, found).clip(max=len(known) - 1)
    return pa.array(known[at] == found)
