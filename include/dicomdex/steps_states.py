"""What became of the files: states, ledgers and the resolved catalog, derived anew each time they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.catalog import ledger_of
from dicomdex.drop import directory_of, valid_key
from dicomdex.entry import Entry
from dicomdex.errors import DropError
from dicomdex.manifest import ManifestEntry
from dicomdex.resolve import candidates, resolve
from dicomdex.settings import Settings


def states(settings: Settings, drop: str, version: int | None = None) -> dict[str, tuple[str, str | None]]:
    """State of every file of a drop at a catalog version: path (or path!member) -> (state, reason or rule)."""
    rows, found = _resolved(settings, drop, version)
    columns = [rows[name].to_pylist() for name in ("path", "member", "reason")]
    return {
        path if member is None else f"{path}!{member}": (state, reason)
        for path, member, reason, state in zip(*columns, found, strict=True)
    }


def ledger(settings: Settings, drop: str, version: int | None = None) -> dict[str, Any]:
    """The drop's files by state at a catalog version (the latest when none is given), with that version."""
    at = Catalog(settings.catalog).version() if version is None else version
    rows, found = _resolved(settings, drop, at)
    return ledger_of(drop, rows, found, at)


def drops(settings: Settings) -> list[str]:
    """All drops that were ever committed, sorted."""
    snapshot = Catalog(settings.catalog).snapshot()
    if snapshot is None:
        return []
    return [key for key in WorkArea(settings.work).drops() if snapshot.committed_seq(key) is not None]


def resolved(settings: Settings, version: int | None = None, digests_version: int | None = None) -> pa.Table:
    """Every record of the catalog with `state` and `primary_file_id` besides its identity columns.

    Without versions, of the latest. The states are those that apply gives at the same two versions.
    """
    catalog = Catalog(settings.catalog)
    rows = catalog.identity(version)
    records = rows.filter(pc.equal(rows["outcome"], "record"))
    found = resolve(records, catalog.digests(version=digests_version))
    return records.append_column("state", found["state"]).append_column("primary_file_id", found["primary_file_id"])


def committed_manifest(settings: Settings, drop: str) -> Iterator[ManifestEntry]:
    """The entries of the listing that the catalog holds; DropError when the drop was never committed."""
    seq = Catalog(settings.catalog).committed_seq(valid_key(drop))
    if seq is None:
        raise DropError(f"drop {drop} is not in the catalog")
    return WorkArea(settings.work).each_entry(drop, seq)


def listed_now(settings: Settings, drop: str, *, landing: Storage | None = None) -> Iterator[Entry]:
    """The drop's files as the landing area has them now; none when the drop is gone."""
    try:
        yield from (landing or storage(settings.landing)).walk(directory_of(drop))
    except (FileNotFoundError, NotADirectoryError):
        return


def _resolved(settings: Settings, drop: str, version: int | None) -> tuple[pa.Table, list[str]]:
    """The drop's rows and their states: resolved together with the records of all drops that share their UIDs."""
    catalog = Catalog(settings.catalog)
    snapshot = catalog.snapshot(version)
    if snapshot is None or snapshot.committed_seq(valid_key(drop)) is None:
        at = "" if version is None else f" at version {version}"
        raise DropError(f"drop {drop} is not in the catalog{at}")
    own = catalog.identity(snapshot.version, drop=drop)
    sops = pc.unique(own.filter(pc.equal(own["outcome"], "record"))["sop_instance_uid"])
    theirs = catalog.identity(snapshot.version, sops=sops)
    rows = pa.concat_tables([own, theirs.filter(pc.not_equal(theirs["drop_key"], drop))])
    found = resolve(rows, catalog.digests(candidates(rows)["file_id"]))
    return own, found["state"].slice(0, len(own)).to_pylist()
