"""The commit of a drop: the extraction's files enter the catalog in one transaction, or not at all.

It can be killed at any point and called again: a renamed file is found in its place, a transaction that went through is
seen by its listing_seq, missing digests are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dicomdex.adapters.catalog import Added, Catalog, Raced, Snapshot
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.catalog import GUARD_COLUMNS, Outcome, Part, check_shrink, check_sizes, decide, parts_of
from dicomdex.crashpoint import crashpoint
from dicomdex.drop import valid_key
from dicomdex.errors import CommitRefused
from dicomdex.manifest import Accepted
from dicomdex.settings import Settings
from dicomdex.steps_digests import complete_digests

# A race is lost only to another commit of the same drop, so a second look nearly always decides.
TRIES = 5


def commit(
    settings: Settings,
    listing: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    force: bool = False,
    allow_shrink: bool = False,
    run_id: str = "",
    landing: Storage | None = None,
) -> dict[str, Any]:
    """Replace the drop's rows in the catalog by what was extracted from this listing.

    Outcome: `committed`; `unchanged` (same manifest and parser as committed, not `force`); `already` (this very listing
    is committed); `superseded` (a later listing is). CommitRefused when files are missing, rows do not sum to the
    manifest, or the drop would shrink without `allow_shrink`.
    """
    one = Commit(settings, valid_key(listing["drop"]), int(listing["listing_seq"]))
    outcome: Outcome = "unchanged"
    if not listing["unchanged"]:
        forced = force or bool(listing.get("force"))
        outcome = one.run(results, force=forced, allow_shrink=allow_shrink, run_id=run_id)
    digests = one.digests(outcome, landing or storage(settings.landing))
    counts = {"catalog_version": one.catalog.version(), "rows": one.rows(), "digests": digests}
    return {"drop": one.key, "listing_seq": one.seq, "outcome": outcome, **counts}


class Commit:
    """One listing on its way into the catalog: its guards, the renames, the transaction."""

    def __init__(self, settings: Settings, key: str, seq: int) -> None:
        self.settings = settings
        self.key = key
        self.seq = seq
        self.work = WorkArea(settings.work)
        self.catalog = Catalog(settings.catalog)
        self.tables = storage(settings.catalog)

    def run(self, results: Sequence[Mapping[str, Any]], *, force: bool, allow_shrink: bool, run_id: str) -> Outcome:
        """Decide, check, rename, commit; once more when another commit of the drop came first."""
        accepted = self.work.accepted(self.key, self.seq)
        for _ in range(TRIES):
            snapshot = self.catalog.create()
            outcome = self._decide(snapshot, accepted, force)
            if outcome is not None:
                return outcome
            parts = parts_of(self.key, len(accepted.batches), accepted.listed, results)
            self._check(snapshot, parts, allow_shrink)
            self.work.write_json(self.work.path(self.key, self.seq, "before.json"), {"version": snapshot.version})
            added = [self.place(part) for part in parts]
            crashpoint("commit-renamed")
            try:
                snapshot.commit(self.key, self.seq, added, {"drop": self.key, "runId": run_id})
            except Raced:
                continue
            crashpoint("commit-committed")
            return "committed"
        raise CommitRefused(f"drop {self.key}: lost {TRIES} races against other commits of the same drop")

    def digests(self, outcome: Outcome, landing: Storage) -> int:
        """Read the digests that the committed listing still lacks; a superseded one leaves them to its successor."""
        seq = self.catalog.committed_seq(self.key)
        if outcome == "superseded" or seq is None:
            return 0
        return complete_digests(self.settings, self.key, seq, landing)

    def rows(self) -> int:
        """Rows of the drop in the catalog now."""
        return len(self.catalog.rows(drop=self.key, columns=["file_id"]))

    def place(self, part: Part) -> Added:
        """Rename one file into the drop's partition, unless that has been done."""
        inside = f"drop_key={self.key}/{self.seq:06d}-{part.name}"
        target = f"files/{inside}"
        found = self.tables.stat(target)
        if found is None:
            with suppress(FileNotFoundError):  # another try of this very commit was quicker
                self.work.storage.rename_to(self.work.path(self.key, self.seq, part.name), self.tables, target)
            found = self.tables.stat(target)
        if found is None or found.size != part.size:
            raise CommitRefused(f"drop {self.key}: {part.name} is missing or cut short in the catalog")
        return Added(inside, found.size, part.rows, found.mtime // 1_000_000)

    def _decide(self, snapshot: Snapshot, accepted: Accepted, force: bool) -> Outcome | None:
        committed = snapshot.committed_seq(self.key)
        last = self.work.known(self.key, committed)
        same = last is not None and last.same_result(accepted.manifest_id, accepted.parser)
        return decide(self.seq, committed, same_result=same, force=force)

    def _check(self, snapshot: Snapshot, parts: list[Part], allow_shrink: bool) -> None:
        check_sizes(self.key, parts, [self._size(part) for part in parts])
        if allow_shrink or snapshot.committed_seq(self.key) is None:
            return
        old = self.catalog.rows(snapshot.version, drop=self.key, columns=GUARD_COLUMNS)
        if len(old):
            empty = old.schema.empty_table()
            new = pa.concat_tables([empty, *map(self._guard_columns, parts)])
            check_shrink(self.key, old, new, self.settings.shrink_limit)

    def _places(self, part: Part) -> list[tuple[Storage, str]]:
        """Where a file of the extraction may be, in this order: another try of this commit may be moving it."""
        source = self.work.path(self.key, self.seq, part.name)
        return [(self.work.storage, source), (self.tables, f"files/drop_key={self.key}/{self.seq:06d}-{part.name}")]

    def _size(self, part: Part) -> int | None:
        found = (place.stat(path) for place, path in self._places(part))
        return next((entry.size for entry in found if entry is not None), None)

    def _guard_columns(self, part: Part) -> pa.Table:
        for place, path in self._places(part):
            with suppress(FileNotFoundError), place.open_input(path) as source:
                return pq.read_table(source, columns=list(GUARD_COLUMNS))
        raise CommitRefused(f"drop {self.key}: {part.name} is missing: extract it again")
