"""Validate a drop: landing area = manifest = catalog, and the whole resolved catalog = Solr. The verdict is a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow.compute as pc

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.catalog import summary_line
from dicomdex.entry import Entry
from dicomdex.extract.row import file_id
from dicomdex.manifest import ManifestEntry
from dicomdex.settings import Settings
from dicomdex.steps_gate import document_checks
from dicomdex.validate import Check, compare_ids, sentence


def validate(settings: Settings, drop: str, *, run_id: str = "") -> dict[str, Any]:
    """The verdict on a drop, stored in the work area and for the run; nothing is raised for a red one.

    Keys: drop, ok, line, sentence, catalog_version, collection, ledger, checks.
    """
    with Solr.of(settings) as solr:
        target = solr.behind(settings.alias)
        ledger = steps.ledger(settings, drop)
        checks = list(file_checks(settings, drop))
        if target is None:
            checks.append(Check(f"alias {settings.alias}", 1, 0))
        else:
            checks += document_checks(settings, solr, target)
    verdict = {
        "drop": drop,
        "ok": all(check.ok for check in checks),
        "line": summary_line(ledger),
        "sentence": sentence(checks),
        "catalog_version": target.version("catalog_version") if target else None,
        "collection": target.name if target else None,
        "ledger": ledger,
        "checks": [check.as_dict() for check in checks],
    }
    steps.record_verdict(settings, drop, verdict)
    steps.record_run(settings, run_id, drop, verdict=verdict)
    return verdict


def file_checks(settings: Settings, drop: str) -> Iterator[Check]:
    """Landing area listed again = manifest, file by file; manifest = catalog rows. Files are named by file_id.

    A file takes some 0.5 KB of memory: its id and its facts, twice; never its name.
    """
    manifest = _facts(drop, steps.committed_manifest(settings, drop))
    listed = _facts(drop, steps.listed_now(settings, drop))
    yield compare_ids("files of the landing area", manifest.keys(), listed.keys())
    altered = {known for known, facts in manifest.items() if listed.get(known, facts) != facts}
    yield compare_ids("files altered since they were listed", frozenset(), altered)
    listed.clear()
    rows = Catalog(settings.catalog).rows(drop=drop, columns=["file_id", "member"])
    own = rows.filter(pc.is_null(rows["member"]))["file_id"]
    files = {bytes.fromhex(known) for part in own.chunks for known in part.to_pylist()}
    yield compare_ids("files of the catalog", manifest.keys(), files)


def _facts(drop: str, entries: Iterable[Entry | ManifestEntry]) -> dict[bytes, int]:
    """file_id -> size and mtime in one number."""
    return {bytes.fromhex(file_id(drop, entry.path)): (entry.size << 65) + entry.mtime for entry in entries}
