"""The one place that wires settings, adapters and rules. Operators, command line and tests call these.

What a step returns is JSON and small: references, counts and ids, no path and no value of a patient (`states`, which is
for the terminal and for tests, shows paths).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import crashpoint
from dicomdex.drop import at_depth, directory_of, valid_key
from dicomdex.errors import DropError
from dicomdex.extract.reader import READER
from dicomdex.manifest import Accepted, build
from dicomdex.settings import Settings
from dicomdex.steps_commit import commit
from dicomdex.steps_extract import extract
from dicomdex.steps_sense import complete_drop, new_drops, remember_drops, unusable_names
from dicomdex.steps_states import committed_manifest, drops, ledger, listed_now, resolved, states

__all__ = [
    "commit", "committed_manifest", "complete_drop", "drops", "extract", "last_verdict", "ledger", "list_drop",
    "listed_now", "new_drops", "record_run", "record_verdict", "remember_drops", "resolved", "run_record", "states",
    "unusable_names", "validate",
]  # fmt: skip


def list_drop(
    settings: Settings, drop: str, *, force: bool = False, run_id: str = "", landing: Storage | None = None
) -> dict[str, Any]:
    """List a drop, freeze the listing as its manifest and cut it into batches.

    `unchanged` (and no batches): the committed listing has the same manifest id and was read by the same parser.
    DropError when the drop is not in the landing area.
    """
    key, work = at_depth(drop, settings.drop_depth), WorkArea(settings.work)
    directory = directory_of(key)
    try:
        entries = list((landing or storage(settings.landing)).walk(directory))
    except (FileNotFoundError, NotADirectoryError):
        raise DropError(f"drop {key} is not in the landing area") from None
    limits = {"batch_files": settings.batch_files, "batch_bytes": settings.batch_bytes}
    manifest = build(entries, directory, marker=settings.marker, **limits)
    committed = Catalog(settings.catalog).committed_seq(key)
    last = work.known(key, committed)
    if last is not None and last.same_result(manifest.manifest_id, READER) and not force:
        return _listing(last, unchanged=True, force=force)
    seq, size = work.claim(key, above=committed or 0), sum(entry.size for entry in entries)
    crashpoint("list-claimed")
    listed = len(manifest.entries)
    accepted = Accepted(key, seq, manifest.manifest_id, READER, listed, size, manifest.batches, run_id)
    work.accept(accepted, manifest)
    return _listing(accepted, unchanged=False, force=force)


def validate(settings: Settings, drop: str, *, run_id: str = "") -> dict[str, Any]:
    """Compare landing area, catalog and Solr for a drop: the verdict."""
    from dicomdex.validate_step import validate as compare  # imports this module

    verdict: dict[str, Any] = compare(settings, drop, run_id=run_id)
    return verdict


def record_run(settings: Settings, run_id: str, drop: str, **parts: Any) -> None:
    """Add parts to what a run left behind; its tasks do so one after the other. An empty drop keeps the one known."""
    work = WorkArea(settings.work)
    path = work.run_path(run_id)
    known = work.read_json(path)
    work.write_json(path, {**known, "run_id": run_id, "drop": drop or known.get("drop", ""), **parts})


def run_record(settings: Settings, run_id: str) -> dict[str, Any]:
    """What a run left behind; empty when it left nothing yet."""
    work = WorkArea(settings.work)
    return work.read_json(work.run_path(run_id))


def record_verdict(settings: Settings, drop: str, verdict: Mapping[str, Any]) -> None:
    """Keep the last verdict on a drop."""
    WorkArea(settings.work).write_json(f"drops/{valid_key(drop)}/verdict.json", dict(verdict))


def last_verdict(settings: Settings, drop: str) -> dict[str, Any]:
    """The last verdict on a drop; empty when it was never validated."""
    return WorkArea(settings.work).read_json(f"drops/{valid_key(drop)}/verdict.json")


def _listing(accepted: Accepted, *, unchanged: bool, force: bool) -> dict[str, Any]:
    batches = [
        {
            "drop": accepted.drop,
            "listing_seq": accepted.listing_seq,
            "batch": batch["batch"],
            "files": batch["files"],
            "label": f"batch {batch['batch'] + 1} of {len(accepted.batches)}, {batch['files']:,} files",
        }
        for batch in accepted.batches
    ]
    return {
        "drop": accepted.drop,
        "listing_seq": accepted.listing_seq,
        "manifest_id": accepted.manifest_id,
        "listed": accepted.listed,
        "bytes": accepted.bytes,
        "unchanged": unchanged,
        "force": force,
        "batches": [] if unchanged else batches,
    }
