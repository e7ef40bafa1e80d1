"""Validate a drop: landing area = manifest = catalog, and the whole resolved catalog = Solr. The verdict is a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.catalog import summary_line
from dicomdex.entry import Entry
from dicomdex.extract.row import file_id
from dicomdex.manifest import ManifestEntry
from dicomdex.settings import Settings
from dicomdex.validate import (
    DOCUMENT_LEVELS,
    Check,
    Record,
    Sums,
    bucket_sums,
    compare_counts,
    compare_sets,
    differing_buckets,
    document_ids,
    sentence,
)

BUCKETS_A_DRILL = 64  # buckets whose ids are fetched to name what differs; the first ten names are shown anyway


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


def resolved_records(settings: Settings, version: int, digests_version: int) -> list[Record]:
    """Every record of the catalog at these versions with its state."""
    rows = steps.resolved(settings, version, digests_version)
    columns = ("drop_key", "study", "series", "sop_instance_uid", "file_id", "state")
    return [Record(*values) for values in zip(*(rows[name].to_pylist() for name in columns), strict=True)]


def document_checks(settings: Settings, solr: Solr, target: Collection) -> Iterator[Check]:
    """The resolved catalog at the collection's version = Solr: per level, per drop, by bucket, the differing named."""
    records = resolved_records(settings, target.version("catalog_version"), target.version("digests_version"))
    expected = document_ids(records)
    found = solr.facet(target.name, {"levels": {"type": "terms", "field": "level", "limit": -1}})
    levels = _counts(found.get("levels"))
    yield from compare_counts("documents", {level: len(ids) for level, ids in expected.items()}, levels)
    by_state = {"instance": Counter(r.drop for r in records if r.state == "indexed")}
    by_state["copy"] = Counter(r.drop for r in records if r.state != "indexed")
    for level, by_drop in by_state.items():
        facet = {"drops": {"type": "terms", "field": "drop", "limit": -1}}
        there = solr.facet(target.name, facet, [f"level:{level}"])
        yield from compare_counts(f"{level} documents", by_drop, _counts(there.get("drops")))
    yield id_check(solr, target.name, [one for level in DOCUMENT_LEVELS for one in expected[level]])


def id_check(solr: Solr, collection: str, expected: list[str]) -> Check:
    """All ids of the collection against the expected ones, by bucket sums; ids are fetched only where these differ."""
    facet = {"type": "terms", "field": "bucket", "limit": -1, "facet": {"lo": "sum(id_lo)", "hi": "sum(id_hi)"}}
    answer = solr.facet(collection, {"buckets": facet})
    found = {
        int(b["val"]): Sums(int(b["count"]), int(b["lo"]), int(b["hi"]))
        for b in (answer.get("buckets") or {}).get("buckets", [])
    }
    wanted = bucket_sums(expected)
    differing = differing_buckets(wanted, found)[:BUCKETS_A_DRILL]
    if not differing and answer["count"] == len(expected):
        return Check("ids of documents", len(expected), len(expected))
    there = [doc["id"] for doc in solr.export_where(collection, "bucket", map(str, differing), ["id"])]
    there += [doc["id"] for doc in solr.export(collection, ["id"], ["-bucket:[* TO *]"])]  # not written by us
    inside = [one for one in expected if next(iter(bucket_sums([one]))) in differing]
    drilled = compare_sets("ids of documents", inside, there)
    return Check(drilled.check, len(expected), int(answer["count"]), drilled.missing, drilled.extra)


def _counts(facet: Mapping[str, Any] | None) -> dict[str, int]:
    return {str(b["val"]): int(b["count"]) for b in (facet or {}).get("buckets", [])}
