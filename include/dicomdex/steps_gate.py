"""The gate: what must hold of a collection before people may see it, and each day after. A verdict is a value.

Expected are the ids of the resolved catalog at the collection's versions, and the content digests that the applications
wrote into the work area as they built the documents. Both are compared with Solr by bucket, so that the one document
that is wrong, missing or too much is named from the two or three documents of its bucket. Sums alone are held of either
side; ids are read a second time, and only those of buckets that differ.

    verdict(settings, name, ...) -> {collection, ok, sentence, catalog_version, checks: [{check, expected, found,
        missing, extra, differing, ok}], at, run_id, forced}

It is kept in the work area and as the property `verdict` (ok | red) of the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.adapters.solr_cores import Core, core_documents, core_facet, cores
from dicomdex.adapters.work import WorkArea
from dicomdex.expected import ExpectedDocuments, named
from dicomdex.index import BUCKETS
from dicomdex.settings import Settings
from dicomdex.steps_documents import dates_of, expected_records
from dicomdex.steps_golden import Answers, fetched_check, golden_checks, minimal_documents
from dicomdex.validate import (
    CONTENT_SCHEMA,
    SHOWN,
    Check,
    Sums,
    bucket_sums,
    compare_counts,
    content_hashes,
    differing_buckets,
    facet_sums,
    hashes,
    in_buckets,
    sentence,
)

BUCKETS_A_DRILL = 64  # buckets whose documents are fetched to name what differs; the first ten names are shown anyway
_SUMS = {"lo": "sum(id_lo)", "hi": "sum(id_hi)", "digest_lo": "sum(digest_lo)", "digest_hi": "sum(digest_hi)"}
BY_BUCKET = {"buckets": {"type": "terms", "field": "bucket", "limit": -1, "facet": _SUMS}}
_IDENTIFYING = ("id", "digest_lo", "digest_hi")


def verdict(
    settings: Settings, name: str, *, live: Collection | None = None, force: bool = False, run_id: str = ""
) -> dict[str, Any]:
    """The verdict on a collection, kept; with `live`, also whether it has lost too much of what is shown now.

    `force` lets a smaller collection pass, and nothing else.
    """
    with Solr.of(settings) as solr:
        target = solr.collection(name)
        checks = list(document_checks(settings, solr, target))
        if live is not None and live.name != name:
            checks.append(_shrink_check(settings, solr, target, live, force))
        said = {
            "collection": name,
            "ok": all(check.ok for check in checks),
            "sentence": sentence(checks),
            "catalog_version": target.version("catalog_version"),
            "checks": [check.as_dict() for check in checks],
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "run_id": run_id,
            "forced": force,
        }
        CollectionArea(WorkArea(settings.work), name).write_verdict(said)
        solr.set_properties(name, verdict="ok" if said["ok"] else "red")
    return said


def document_checks(settings: Settings, solr: Solr, target: Collection) -> Iterator[Check]:
    """The resolved catalog at the collection's versions = Solr: per level, per drop, by bucket, the differing named."""
    versions = (target.version("catalog_version"), target.version("digests_version"))
    records = expected_records(Catalog(settings.catalog), *versions, dates_of(target))
    documents, answers = ExpectedDocuments(versions[0]), Answers(minimal_documents(solr, target.name))
    for part in records:
        documents.add(part)
        answers.add(part)
    levels = _terms(solr, target.name, "level")
    yield from compare_counts("documents", documents.by_level(), levels)
    for level, by_drop in documents.by_drop().items():
        found = _terms(solr, target.name, "drop", f"level:{level}")
        yield from compare_counts(f"{level} documents", by_drop, found)
    yield from set_checks(solr, CollectionArea(WorkArea(settings.work), target.name), documents, records)
    yield others_check(solr, target)
    yield from replica_checks(solr, target.name)
    yield from golden_checks(solr, target.name, answers)
    yield fetched_check(solr, target.name, documents.drawn())


def set_checks(
    solr: Solr, area: CollectionArea, documents: ExpectedDocuments, records: Iterable[pa.Table]
) -> Iterator[Check]:
    """All ids and all content digests of the collection, by bucket; documents are fetched only where these differ."""
    answer = solr.facet(area.name, BY_BUCKET)
    found = (answer.get("buckets") or {}).get("buckets", [])
    differing = differing_buckets(documents.sums(), facet_sums(found, "lo", "hi"))
    altered = differing_buckets(content_sums(area)[1], facet_sums(found, "digest_lo", "digest_hi"))
    drill = sorted({*differing[:BUCKETS_A_DRILL], *altered[:BUCKETS_A_DRILL]})
    expected, total = sum(documents.by_level().values()), int(answer["count"])
    there = documents_in(solr, area.name, drill) if drill or total != expected else {}
    wanted = named(records, drill)
    missing = sorted(name for one, name in wanted.items() if one not in there)
    extra = sorted(name for one, (name, _) in there.items() if one not in wanted)
    yield Check("ids of documents", expected, total, tuple(missing[:SHOWN]), tuple(extra[:SHOWN]))
    own, values = content_hashes(content_in(area, drill))
    known = dict(zip(own.tolist(), values.tolist(), strict=True))
    other = sorted(name for one, (name, hash_) in there.items() if one in wanted and known.get(one) != hash_)
    yield Check("content of documents", expected, expected - len(other), differing=tuple(other[:SHOWN]))


def content_sums(area: CollectionArea) -> tuple[Sums, Sums]:
    """By bucket, the sums of the ids and of the contents that the applications have written down."""
    ids, contents = (np.zeros((BUCKETS, 3), dtype=np.int64) for _ in range(2))
    for rows in area.content():
        own, values = content_hashes(rows)
        ids += bucket_sums(own, own)
        contents += bucket_sums(own, values)
    return ids, contents


def content_in(area: CollectionArea, buckets: list[int]) -> pa.Table:
    """What they have written down of the documents of these buckets (CONTENT_SCHEMA)."""
    kept = [CONTENT_SCHEMA.empty_table()]
    for rows in area.content() if buckets else ():
        inside = in_buckets(content_hashes(rows)[0], buckets)
        kept.append(rows.take(pa.array(inside)))
    return pa.concat_tables(kept)


def documents_in(solr: Solr, collection: str, buckets: list[int]) -> dict[int, tuple[str, int]]:
    """Hash of the id -> (id, content digest) of the documents of these buckets, and of those that have no bucket."""
    found = list(solr.export_where(collection, "bucket", map(str, buckets), _IDENTIFYING))
    found += list(solr.export(collection, ["id"], ["-bucket:[* TO *]"]))  # not written by us
    of_ids = hashes(pa.array([one["id"] for one in found], pa.string())).tolist()
    return {hash_: (one["id"], _content(one)) for hash_, one in zip(of_ids, found, strict=True)}


def _content(document: Mapping[str, Any]) -> int:
    return int(document.get("digest_lo", -1)) | int(document.get("digest_hi", 0)) << 32


def others_check(solr: Solr, target: Collection) -> Check:
    """Documents written since the last application had committed: by hand, by another program. Every write is seen.

    A digest proves what was posted; a field changed inside Solr leaves the digest as it was, but not the `_version_`.
    """
    named = written_by_others(solr, target)
    return Check("documents written by others", 0, len(named), differing=tuple(named[:SHOWN]))


def written_by_others(solr: Solr, target: Collection) -> list[str]:
    """Their ids; none where no application has left its mark yet."""
    mark = target.version("newest_write")
    if mark < 0:
        return []
    return [one["id"] for one in solr.export(target.name, ["id"], [f"_version_:{{{mark} TO *]"])]


def replica_checks(solr: Solr, collection: str) -> Iterator[Check]:
    """Every replica is there, holds what the leader of its shard holds, and the shards sum to the whole."""
    every = cores(solr, collection)
    yield Check("active replicas", len(every), sum(core.active for core in every))
    live = [core for core in every if core.active]
    leaders = {core.shard: core for core in reversed(live)}
    facets = BY_BUCKET if len(live) > len(leaders) else {}  # one replica a shard: its count is enough
    found = {core.name: core_facet(solr, core, facets) for core in live}
    whole = sum(int(found[core.name]["count"]) for core in leaders.values())
    yield Check("documents of the shards", int(solr.facet(collection, {})["count"]), whole)
    for core in live:
        leader = leaders[core.shard]
        if core != leader:
            yield _replica_check(solr, leader, core, found[leader.name], found[core.name])


def _replica_check(
    solr: Solr, leader: Core, core: Core, expected: Mapping[str, Any], found: Mapping[str, Any]
) -> Check:
    """One replica against its leader, the documents in which they differ named."""
    sides = [(side.get("buckets") or {}).get("buckets", []) for side in (expected, found)]
    differing: set[int] = set()
    for pair in (("lo", "hi"), ("digest_lo", "digest_hi")):
        differing.update(differing_buckets(facet_sums(sides[0], *pair), facet_sums(sides[1], *pair)))
    there, here = (
        {one["id"]: one for one in core_documents(solr, which, sorted(differing)[:BUCKETS_A_DRILL], _IDENTIFYING)}
        if differing
        else {}
        for which in (leader, core)
    )
    named = [sorted(one) for one in (there.keys() - here.keys(), here.keys() - there.keys())]
    other = sorted(one for one in there.keys() & here.keys() if there[one] != here[one])
    lists = [tuple(names[:SHOWN]) for names in (*named, other)]
    return Check(f"replica {core.name}", int(expected["count"]), int(found["count"]), *lists)


def _shrink_check(settings: Settings, solr: Solr, target: Collection, live: Collection, force: bool) -> Check:
    """Refuses a collection that lacks more than the allowed share of the documents that are shown now."""
    shown, total = solr.count(live.name), solr.count(target.name)
    least = shown - int(shown * settings.collection_shrink_limit)
    check = Check(f"at least {1 - settings.collection_shrink_limit:.0%} of the {shown:,} documents shown", least, total)
    return replace(check, expected=total) if force or total >= least else check


def _terms(solr: Solr, collection: str, field: str, *filters: str) -> dict[str, int]:
    found = solr.facet(collection, {"found": {"type": "terms", "field": field, "limit": -1}}, filters)
    return {str(one["val"]): int(one["count"]) for one in (found.get("found") or {}).get("buckets", [])}
