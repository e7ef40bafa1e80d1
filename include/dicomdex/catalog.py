"""The commit's guards and the ledger's arithmetic: pure rules over listings, extraction results and file rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.errors import CommitRefused
from dicomdex.resolve import CONFLICT, CONTAINER, DUPLICATE, IGNORED, INDEXED, REJECTED

Outcome = Literal["committed", "unchanged", "already", "superseded"]
GUARD_COLUMNS = ("file_id", "path", "member", "outcome", "reason")
LOST_TO = ("vanished", "changed", "crashed")  # what a record must never turn into unseen
_NAMED = 10


@dataclass(frozen=True)
class Part:
    """One Parquet file of an extraction: its name in the work area, rows and bytes as its writer counted them."""

    name: str
    rows: int
    size: int


def decide(seq: int, committed: int | None, *, same_result: bool, force: bool) -> Outcome | None:
    """What a listing still has to do, given the listing committed last: None = commit it."""
    if committed is None or seq > committed:
        return "unchanged" if committed is not None and same_result and not force else None
    return "already" if seq == committed else "superseded"


def parts_of(drop: str, batches: int, listed: int, results: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The files to commit; CommitRefused unless there is one result a batch and they sum to the manifest."""
    got = Counter(int(result["batch"]) for result in results)
    wrong = sorted({number for number in range(batches) if got[number] != 1} | {n for n in got if n >= batches})
    if wrong:
        raise CommitRefused(f"drop {drop}: no one result for batch {', '.join(map(str, wrong[:_NAMED]))} of {batches}")
    entries = sum(int(result["entries"]) for result in results)
    if entries != listed:
        raise CommitRefused(f"drop {drop}: {listed} files were listed, {entries} rows were extracted")
    parts = [Part(**file) for result in results for file in result["files"]]
    rows, counted = sum(part.rows for part in parts), sum(int(result["rows"]) for result in results)
    if rows != counted:
        raise CommitRefused(f"drop {drop}: {counted} rows were extracted, the files hold {rows}")
    return parts


def check_sizes(drop: str, parts: Sequence[Part], found: Sequence[int | None]) -> None:
    """CommitRefused when a file of the extraction is missing (None) or not as long as it was written."""
    bad = [part.name for part, size in zip(parts, found, strict=True) if size != part.size]
    if bad:
        said = f"{len(bad)} of {len(parts)} extracted files are missing or cut short ({', '.join(bad[:3])})"
        raise CommitRefused(f"drop {drop}: {said}: extract it again")


def check_shrink(drop: str, old: pa.Table, new: pa.Table, limit: float) -> None:
    """CommitRefused when a commit would lose too many of a drop's records, compared by path and member.

    One record that becomes `vanished`, `changed` or `crashed` is too many; of records that are gone or are no records
    any more, `limit` (a share of the old records) may be. A member without a row shares its archive's fate. Tables have
    GUARD_COLUMNS.
    """
    before = _by_identity(old.filter(pc.equal(old["outcome"], "record")))
    after = _by_identity(new)
    gone = {identity: row for identity, row in before.items() if after.get(identity, _NOWHERE)[1] != "record"}
    fates = {identity: after.get(identity) or after.get((identity[0], None), _NOWHERE) for identity in gone}
    broken = [row[0] for identity, row in gone.items() if fates[identity][2] in LOST_TO]
    if broken:
        raise CommitRefused(_shrinks(drop, broken, len(before), "turn into vanished, changed or crashed"))
    if len(gone) > limit * len(before):
        said = f"be lost (limit {limit:.1%})"
        raise CommitRefused(_shrinks(drop, [row[0] for row in gone.values()], len(before), said))


_NOWHERE: tuple[str, str | None, str | None] = ("", None, None)


def _by_identity(rows: pa.Table) -> dict[tuple[str, str | None], tuple[str, str | None, str | None]]:
    columns = [rows[name].to_pylist() for name in ("path", "member", "file_id", "outcome", "reason")]
    return {(path, member): (*rest,) for path, member, *rest in zip(*columns, strict=True)}


def _shrinks(drop: str, file_ids: Sequence[str], records: int, what: str) -> str:
    named = ", ".join(sorted(file_ids)[:_NAMED])
    more = ", ..." if len(file_ids) > _NAMED else ""
    would = f"{len(file_ids)} of {records} records would {what}: {named}{more}"
    return f"drop {drop}: {would}; allow_shrink lets it through"


def ledger_of(drop: str, rows: pa.Table, states: Sequence[str], catalog_version: int) -> dict[str, Any]:
    """The ledger: a drop's files by state. indexed+duplicate+conflict+rejected+ignored+removed = listed."""
    count = Counter(states)
    reasons = list(zip(states, rows["reason"].to_pylist(), strict=True))
    return {
        "drop": drop,
        "listed": len(states) - count[CONTAINER],
        "indexed": count[INDEXED],
        "duplicate": count[DUPLICATE],
        "conflict": count[CONFLICT],
        "rejected": dict(Counter(sorted(str(why) for state, why in reasons if state == REJECTED))),
        "ignored": dict(Counter(sorted(str(why) for state, why in reasons if state == IGNORED))),
        "removed": 0,
        "catalog_version": catalog_version,
    }


def balanced(ledger: Mapping[str, Any]) -> bool:
    """Whether every listed file is in exactly one state."""
    single = sum(ledger[name] for name in ("indexed", "duplicate", "conflict", "removed"))
    return bool(single + sum(ledger["rejected"].values()) + sum(ledger["ignored"].values()) == ledger["listed"])


def summary_line(ledger: Mapping[str, Any]) -> str:
    """`1,204 files = 1,180 indexed + 20 duplicate + 4 rejected (3 truncated, 1 not_dicom)`; no zeros."""
    parts = [(name, ledger[name], "") for name in ("indexed", "duplicate", "conflict")]
    parts += [(name, sum(ledger[name].values()), _detail(ledger[name])) for name in ("rejected", "ignored")]
    parts.append(("removed", ledger["removed"], ""))
    terms = [f"{number:,} {name}{detail}" for name, number, detail in parts if number]
    files = f"{ledger['listed']:,} {'file' if ledger['listed'] == 1 else 'files'}"
    return f"{files} = {' + '.join(terms)}" if terms else files


def _detail(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return " (" + ", ".join(f"{number:,} {name}" for name, number in ordered) + ")"
