"""What an application must touch: the studies of every SOP Instance UID of the changed drops, old side and new.

All of it comes from the identity columns of the catalog and from the collection itself; no header and no promoted
column is read here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import NO_VERSION, Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.resolve import candidates, resolve
from dicomdex.steps_documents import dates_of, studies_within
from dicomdex.steps_mend import Wrong


@dataclass(frozen=True)
class Span:
    """From which catalog version a collection is brought to which; of the table `digests` likewise."""

    files_from: int
    files_to: int
    digests_from: int
    digests_to: int

    @property
    def empty(self) -> bool:
        """Whether the collection is there already."""
        return (self.files_from, self.digests_from) == (self.files_to, self.digests_to)


@dataclass(frozen=True)
class Changes:
    """What to build anew: all records of the studies with their states, the drops they lie in, the studies' keys."""

    states: pa.Table  # file_id, state, primary_file_id
    drops: list[str]
    studies: list[str]
    altered: list[str]  # ids of documents that somebody else has written: put right, whatever their digest says


def span(collection: Collection, catalog: Catalog) -> Span:
    """The span from what the collection says of itself to the catalog's latest versions."""
    return Span(
        files_from=collection.version("catalog_version"),
        files_to=catalog.version(),
        digests_from=collection.version("digests_version"),
        digests_to=catalog.digests_version(),
    )


def changes(catalog: Catalog, solr: Solr, target: Collection, over: Span, wrong: Wrong) -> Changes:
    """The studies S of all rows and documents of U, the SOP Instance UIDs of the changed drops, and their records.

    Resolve needs all rows of all SOP Instance UIDs of S, also those that lie in other studies. `wrong`: what has to be
    put right besides.
    """
    at = over.files_to
    drops = _changed_drops(catalog, target, over)
    before = _indexed_before(solr, target.name, drops)
    own = [catalog.identity(at, drop=drop)["sop_instance_uid"] for drop in drops]
    since = catalog.identity(at, file_ids=catalog.digests_since(over.digests_from, over.digests_to))
    sops = _distinct([*own, since["sop_instance_uid"], pa.chunked_array([[sop for _, sop in before]], pa.string())])
    old = [*(study for study, _ in before), *wrong.studies]
    studies = _distinct([catalog.identity(at, sops=sops)["study"], pa.chunked_array([old], pa.string())])
    theirs = _distinct([catalog.identity(at, studies=studies)["sop_instance_uid"]])
    rows = catalog.identity(at, sops=theirs)
    found = resolve(rows, catalog.digests(candidates(rows)["file_id"], over.digests_to))
    inside = pc.is_in(rows["study"], value_set=_shown(catalog, target, at, studies))
    return Changes(
        states=found.filter(inside),
        drops=sorted(pc.unique(rows.filter(inside)["drop_key"]).to_pylist()),
        studies=sorted(studies.to_pylist()),
        altered=list(wrong.ids),
    )


def _shown(catalog: Catalog, target: Collection, at: int, studies: pa.Array) -> pa.Array:
    """Of these studies those that the collection is made of: all, unless it was built for some dates."""
    dates = dates_of(target)
    if not dates.given:
        return studies
    return studies_within(catalog.parts(["study", "study_date"], at, studies=studies), dates)


def _changed_drops(catalog: Catalog, collection: Collection, over: Span) -> list[str]:
    """Drops whose files differ between the collection's version and the one it is brought to.

    An application that was killed has left `applying`: what it may have posted counts as changed too.
    """
    half = collection.version("applying")
    ends = [over.files_to] if half <= NO_VERSION else [over.files_to, half]
    return sorted({drop for end in ends for drop in catalog.changed_drops(over.files_from, end)})


def _indexed_before(solr: Solr, collection: str, drops: list[str]) -> list[tuple[str, str]]:
    """(study, SOP Instance UID) of the instance and copy documents of these drops: the old side."""
    if not drops or not solr.count(collection):
        return []
    found = solr.export_where(collection, "drop", drops, ["study", "SOPInstanceUID"], ["level:(instance OR copy)"])
    return sorted({(document["study"], document["SOPInstanceUID"]) for document in found})


def _distinct(columns: Iterable[pa.ChunkedArray]) -> pa.Array:
    chunks = [chunk for column in columns for chunk in column.chunks]
    return pc.drop_null(pc.unique(pa.chunked_array(chunks, pa.string())))
