"""Resolve: which row of a SOP Instance UID is the primary, and what every other row is to it. Derived, never stored.

The primary is the minimum of (drop key, header digest, path, member), compared as UTF-8 bytes. Another row is a
`duplicate` when it names the same study, series and patient and its digest proves the same bytes, else a `conflict`.
The order in which drops were ingested can't matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

INDEXED, DUPLICATE, CONFLICT = "indexed", "duplicate", "conflict"
REJECTED, IGNORED, CONTAINER = "rejected", "ignored", "container"
STATES = (INDEXED, DUPLICATE, CONFLICT, REJECTED, IGNORED, CONTAINER)

IDENTITY_COLUMNS = (
    "file_id", "drop_key", "path", "member", "size", "mtime", "outcome", "reason", "study", "series",
    "sop_instance_uid", "study_instance_uid", "series_instance_uid", "patient_id", "header_digest",
)  # fmt: skip
DIGESTS_SCHEMA = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("size", pa.int64()),  # bytes
        pa.field("mtime", pa.int64()),  # nanoseconds: the digest holds for these two only
        pa.field("sha256", pa.string()),  # of the whole file, hex
    ]
)
RESOLVED_SCHEMA = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("state", pa.string()),
        pa.field("primary_file_id", pa.string()),  # null where the row is no record
    ]
)
_PRIMARY_ORDER = ("sop_instance_uid", "drop_key", "header_digest", "path", "member")
# What the same bytes in the same place have in common; where these differ, no file needs to be read in full.
_ALIKE = ("study_instance_uid", "series_instance_uid", "patient_id", "header_digest", "size")
_OF_OUTCOME = {"record": INDEXED, "reject": REJECTED, "ignored": IGNORED, "container": CONTAINER}
_OUTCOMES = tuple(_OF_OUTCOME)
_DUPLICATE_CODE, _CONFLICT_CODE = len(_OUTCOMES), len(_OUTCOMES) + 1

Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def resolve(rows: pa.Table, digests: pa.Table) -> pa.Table:
    """State of every row, in the order of `rows` (RESOLVED_SCHEMA).

    `rows` has the identity columns and, for each SOP Instance UID in it, every record of the catalog; `digests` is
    (file_id, size, mtime, sha256), of these rows or more.
    """
    codes = pc.index_in(rows["outcome"], value_set=pa.array(_OUTCOMES)).to_numpy(zero_copy_only=False).astype(np.int64)
    primary = np.arange(len(rows))
    at = several(rows)
    if len(at):
        among = rows.take(pa.array(at))
        first = primaries(among)
        same = _same_as(among, first, _ALIKE) & _same_bytes(among, first, digests)
        others = first != np.arange(len(first))
        codes[at[others]] = np.where(same, _DUPLICATE_CODE, _CONFLICT_CODE)[others]
        primary[at] = at[first]
    states = pa.array([*_OF_OUTCOME.values(), DUPLICATE, CONFLICT]).take(pa.array(codes))
    no_record = (codes > 0) & (codes < len(_OUTCOMES))
    firsts = rows["file_id"].take(pa.array(primary, mask=no_record))
    return pa.table([rows["file_id"], states, firsts], schema=RESOLVED_SCHEMA)


def states_of(rows: pa.Table, others: pa.Table) -> list[str]:
    """State of each of some rows (file_id, outcome), where `others` has that of every record that is not primary."""
    found = (
        others["state"]
        .combine_chunks()
        .take(pc.index_in(rows["file_id"], value_set=others["file_id"].combine_chunks()).combine_chunks())
    )
    outcomes = rows["outcome"].to_pylist()
    return [state or _OF_OUTCOME[outcome] for state, outcome in zip(found.to_pylist(), outcomes, strict=True)]


def several(rows: pa.Table) -> Positions:
    """Positions of the records whose SOP Instance UID occurs in more than one; a record alone is its own primary.

    Of a million rows these are few, and only they must be sorted and compared.
    """
    at = np.flatnonzero(pc.equal(rows["outcome"], "record").to_numpy())
    uids = _codes(rows["sop_instance_uid"].take(pa.array(at)))
    found: Positions = at[np.bincount(uids)[uids] > 1] if len(at) else at
    return found


def candidates(rows: pa.Table) -> pa.Table:
    """The rows whose bytes must be compared in full before they can be called duplicates, and their primaries.

    Rows of one UID with the primary's header digest, size, study, series and patient may be copies of it: pydicom's own
    JPEG-lossy.dcm and JPGExtended.dcm share UID, size and header and differ in pixels.
    """
    records = rows.take(pa.array(several(rows)))
    primary = primaries(records)
    alike = _same_as(records, primary, _ALIKE)
    others = np.flatnonzero(alike & (primary != np.arange(len(primary))))
    return records.take(pa.array(np.union1d(others, primary[others])))


def primaries(records: pa.Table) -> Positions:
    """For each record the position of the primary of its SOP Instance UID."""
    keyed = pa.table({name: records[name] for name in _PRIMARY_ORDER})
    for name in ("header_digest", "member"):
        keyed = keyed.set_column(keyed.schema.get_field_index(name), name, pc.fill_null(keyed[name], ""))
    by = [(name, "ascending") for name in _PRIMARY_ORDER]
    order = pc.sort_indices(keyed, sort_keys=by).to_numpy().astype(np.int64)
    uids = _codes(keyed["sop_instance_uid"])[order]
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = uids[1:] != uids[:-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0)) if len(order) else order
    found = np.empty(len(order), dtype=np.int64)
    found[order] = order[first]
    return found


def _same_as(records: pa.Table, primary: Positions, columns: tuple[str, ...]) -> Flags:
    """Whether each row has the primary's values; null equals null, and not the empty text."""
    same = np.ones(len(primary), dtype=bool)
    for name in columns:
        codes = _codes(records[name])
        same &= codes == codes[primary]
    return same


def _same_bytes(records: pa.Table, primary: Positions, digests: pa.Table) -> Flags:
    """Whether the digests of a row and of its primary are both known, for just these sizes and mtimes, and equal."""
    at = pc.index_in(_file_key(records), value_set=_file_key(digests))
    sha256 = digests["sha256"].take(at)
    known = pc.is_valid(sha256).to_numpy(zero_copy_only=False)
    codes = _codes(sha256)
    same: Flags = known & (codes == codes[primary])
    return same


def _codes(column: pa.ChunkedArray) -> Positions:
    """A number for each value, equal for equal values, null being a value of its own."""
    encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
    codes: Positions = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _file_key(table: pa.Table) -> pa.Array:
    parts = [table["file_id"], *(pc.cast(table[name], pa.string()) for name in ("size", "mtime"))]
    return pc.binary_join_element_wise(*(part.combine_chunks() for part in parts), "/")
