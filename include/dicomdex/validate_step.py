"""Validate a drop: landing area = manifest = catalog, and the whole resolved catalog = Solr. The verdict is a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Solr
from dicomdex.catalog import summary_line
from dicomdex.entry import Entry
from dicomdex.extract.row import file_id
from dicomdex.manifest import ManifestEntry
from dicomdex.settings import Settings
from dicomdex.steps_gate import document_checks
from dicomdex.validate import Check, compare_sets, sentence


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
    """Landing area listed again = manifest, file by file; manifest = catalog rows. Files are named by file_id."""
    manifest = _facts(steps.committed_manifest(settings, drop))
    listed = _facts(steps.listed_now(settings, drop))
    names = [{file_id(drop, path) for path, _, _ in side} for side in (manifest, listed)]
    yield compare_sets("files of the landing area", *names)
    altered = {file_id(drop, path) for path, _, _ in manifest ^ listed} & names[0] & names[1]
    yield compare_sets("files altered since they were listed", [], altered)
    rows = Catalog(settings.catalog).identity(drop=drop)
    files = {row["file_id"] for row in rows.select(["file_id", "member"]).to_pylist() if row["member"] is None}
    yield compare_sets("files of the catalog", names[0], files)


def _facts(entries: Iterable[Entry | ManifestEntry]) -> set[tuple[str, int, int]]:
    return {(entry.path, entry.size, entry.mtime) for entry in entries}
