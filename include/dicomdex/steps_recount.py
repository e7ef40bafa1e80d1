"""Recount: is what the catalog and the alias say still so? By night and on demand; nothing is changed but digests.

    recount(settings, paths=False, run_id="") -> {ok, line, drops, files, digests, documents, apply_needed}
        drops: {waiting: [keys of drops that are complete or listed, not committed], gone: [keys not there any more]}
        files: {listed, catalog, new, changed, gone, named: {new: [...], changed: [...], gone: [...]}}
            names are file_ids (first ten of each), with `paths` also drop keys and paths, for a terminal
        digests: files read in full now that could not be read when their drop was committed
        documents: the verdict of the gate on the collection that is shown, or {} where none is
        apply_needed: the collection is not at the catalog's latest versions

It is made of two: `recount_files`, which takes as long as a listing and needs nobody to wait, and `recount_documents`,
to be run under the slot `solr_writer`, since an application meanwhile would look like a fault.

`recount_documents.py --collection NAME` (spark-submit) besides builds every document anew and compares it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.entry import Entry
from dicomdex.extract.row import file_id
from dicomdex.settings import Settings
from dicomdex.steps_changes import span
from dicomdex.steps_digests import complete_digests
from dicomdex.steps_gate import verdict
from dicomdex.steps_sense import new_drops
from dicomdex.steps_states import drops, listed_now
from dicomdex.validate import SHOWN

DIFFERENCES = ("new", "changed", "gone")


def recount(
    settings: Settings, *, paths: bool = False, run_id: str = "", landing: Storage | None = None
) -> dict[str, Any]:
    """Compare landing area, catalog and alias, and read what could not be compared before."""
    return recount_documents(settings, recount_files(settings, paths=paths, landing=landing), run_id=run_id)


def recount_documents(settings: Settings, files: Mapping[str, Any], *, run_id: str = "") -> dict[str, Any]:
    """The whole of a recount, given what `recount_files` has found."""
    documents, apply_needed = _documents(settings, Catalog(settings.catalog), run_id)
    found = {**files, "documents": documents, "apply_needed": apply_needed}
    agree = not any(found["files"][how] for how in DIFFERENCES) and documents.get("ok", True)
    return {"ok": agree, "line": _line(found), **found}


def recount_files(settings: Settings, *, paths: bool = False, landing: Storage | None = None) -> dict[str, Any]:
    """The part that needs no Solr: drops, files and digests."""
    landing, catalog, committed = landing or storage(settings.landing), Catalog(settings.catalog), drops(settings)
    files: dict[str, Any] = {"listed": 0, "catalog": 0, **dict.fromkeys(DIFFERENCES, 0), "named": {}}
    listed = {drop: listed_now(settings, drop, landing=landing) for drop in committed}
    gone = [drop for drop in committed if not _count_drop(catalog, drop, listed[drop], files, paths)]
    digests = sum(_compare_again(settings, catalog, drop, landing) for drop in committed)
    waiting = {one["key"] for one in new_drops(settings, landing=landing)} | set(WorkArea(settings.work).drops())
    return {"drops": {"waiting": sorted(waiting - set(committed)), "gone": gone}, "files": files, "digests": digests}


def _count_drop(catalog: Catalog, drop: str, entries: Iterable[Entry], files: dict[str, Any], paths: bool) -> bool:
    """Add a drop's files and differences to `files`; whether the drop is still there."""
    rows = catalog.rows(drop=drop, columns=["path", "member", "size", "mtime"])
    rows = rows.filter(pc.is_null(rows["member"]))
    facts = zip(rows["size"].to_pylist(), rows["mtime"].to_pylist(), strict=True)
    known = dict(zip(rows["path"].to_pylist(), facts, strict=True))
    files["catalog"] += len(known)
    listed = 0
    for entry in entries:
        listed += 1
        was = known.pop(entry.path, None)
        if was != (entry.size, entry.mtime):
            _note(files, "new" if was is None else "changed", drop, entry.path, paths)
    for path in known:
        _note(files, "gone", drop, path, paths)
    files["listed"] += listed
    return listed > 0 or not known


def _note(files: dict[str, Any], how: str, drop: str, path: str, paths: bool) -> None:
    files[how] += 1
    named = files["named"].setdefault(how, [])
    if len(named) < SHOWN:
        named.append({"drop": drop, "file_id": file_id(drop, path), "path": path} if paths else file_id(drop, path))


def _compare_again(settings: Settings, catalog: Catalog, drop: str, landing: Storage) -> int:
    """Read the candidates for a duplicate that were not readable before; how many could be read now."""
    seq = catalog.committed_seq(drop)
    return 0 if seq is None else complete_digests(settings, drop, seq, landing)


def _documents(settings: Settings, catalog: Catalog, run_id: str) -> tuple[dict[str, Any], bool]:
    with Solr.of(settings) as solr:
        target = solr.behind(settings.alias)
        if target is None:
            return {}, catalog.version() >= 0
        return verdict(settings, target.name, run_id=run_id), not span(target, catalog).empty


def _line(found: dict[str, Any]) -> str:
    """One line for people."""

    def parts() -> Iterator[str]:
        files = found["files"]
        yield f"{files['listed']:,} files listed, {files['catalog']:,} in the catalog"
        yield from (f"{files[how]:,} {how}" for how in DIFFERENCES if files[how])
        if found["drops"]["waiting"]:
            yield f"{len(found['drops']['waiting'])} drops not ingested"
        if found["digests"]:
            yield f"{found['digests']:,} files compared that could not be read before"
        yield f"documents {found['documents'].get('sentence', 'not shown')}"

    return ", ".join(parts())
