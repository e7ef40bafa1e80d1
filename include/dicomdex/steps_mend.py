"""Which documents are not as the applications have left them: what the next application puts right, study by study.

It is found out without the catalog: what the applications have written down of each document they built is compared
with Solr by bucket. So a document that was deleted, added or altered in Solr is mended though no drop has changed.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.settings import Settings
from dicomdex.steps_gate import BY_BUCKET, content_in, content_sums, documents_in, written_by_others
from dicomdex.validate import content_hashes, differing_buckets, facet_sums, study_of


@dataclass(frozen=True)
class Wrong:
    """Ids of documents to post or delete, whatever their digest says, and the studies that must be built for it."""

    ids: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.ids or self.studies)


def written_since(solr: Solr, target: Collection) -> Wrong:
    """What others have written since the last application: one query."""
    return _wrong(written_by_others(solr, target), ())


def wrong_documents(settings: Settings, solr: Solr, target: Collection) -> Wrong:
    """These, and all that is missing, too much, or of another digest."""
    area = CollectionArea(WorkArea(settings.work), target.name)
    others = written_by_others(solr, target)
    if not area.has_content():
        return _wrong(others, ())
    found = (solr.facet(target.name, BY_BUCKET).get("buckets") or {}).get("buckets", [])
    there_sums = (facet_sums(found, "lo", "hi"), facet_sums(found, "digest_lo", "digest_hi"))
    sums = [differing_buckets(*pair) for pair in zip(content_sums(area), there_sums, strict=True)]
    buckets = sorted({*sums[0], *sums[1]})
    there = documents_in(solr, target.name, buckets)
    content = content_in(area, buckets)
    own, values = (side.tolist() for side in content_hashes(content))
    expected = dict(zip(own, values, strict=True))
    differing = [name for one, (name, hash_) in there.items() if expected.get(one) != hash_]
    gone = pa.array([one not in there for one in own], pa.bool_())
    return _wrong([*others, *differing], content["study"].filter(gone).to_pylist())


def _wrong(ids: list[str], studies: tuple[str, ...] | list[str]) -> Wrong:
    every = tuple(sorted(set(ids)))
    return Wrong(every, tuple(sorted({*studies, *map(study_of, every)})))
