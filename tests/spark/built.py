"""Collections without Spark: file rows put straight into the catalog, documents made of them in Python.

The documents have the fields that the gate looks at, and digests as the applications write them. What is proved with
them is everything around building: create, post, commit, gate, alias, retire.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from dicomdex import steps_rebuild, steps_retire
from dicomdex.adapters.catalog import Added, Catalog
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.posting import Poster
from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.index import hashed
from dicomdex.settings import Settings
from dicomdex.steps_documents import Dates, expected_records
from dicomdex.steps_index import begin, finish
from dicomdex.steps_promote import promote
from dicomdex.validate import content_rows
from dicomdex_local.solr import SolrNode
from tests.spark.rows import files_table, record

DOCUMENTS_SCHEMA = pa.schema([("id", pa.string()), ("lo", pa.int64()), ("hi", pa.int64()), ("body", pa.string())])


class BuiltLine:
    """A catalog, a work area and an alias of its own on a Solr node."""

    def __init__(self, root: Path, node: SolrNode, alias: str, **settings: Any) -> None:
        where = {"solr_url": node.base_url, "solr_user": node.auth[0], "solr_password_file": node.secrets.admin_file}
        urls = {name: (root / name).as_uri() for name in ("landing", "work", "catalog")}
        self.settings = Settings(**urls, **where, alias=alias, **settings)
        self.auth = node.auth
        self.catalog = Catalog(self.settings.catalog)
        self.catalog.create()
        self.solr = Solr.of(self.settings)
        self.seq = 0

    def commit(self, drop: str, rows: Iterable[dict[str, Any]]) -> int:
        """Replace the rows of a drop; the catalog's version."""
        self.seq += 1
        table = files_table(list(rows)).select(ROW_SCHEMA.names)
        name = f"drop_key={drop}/{self.seq:06d}.parquet"
        path = Path(unquote(urlparse(self.catalog.files_url).path)) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
        snapshot = self.catalog.snapshot()
        assert snapshot
        snapshot.commit(drop, self.seq, [Added(name, path.stat().st_size, len(table), 0)], {})
        return self.catalog.version()

    def instances(self, drop: str, studies: int, *, each: int = 1) -> int:
        """A drop of so many studies with so many instances each."""
        numbers = [(study, number) for study in range(studies) for number in range(each)]
        return self.commit(drop, [instance(drop, f"1.2.{study}", number) for study, number in numbers])

    def build(self, run: str = "rebuild", **asked: Any) -> dict[str, Any]:
        """Plan, create, index all; the plan."""
        plan = steps_rebuild.plan(self.settings, run_id=run, **asked)
        steps_rebuild.create(self.settings, plan)
        self.index(plan)
        return plan

    def index(self, plan: dict[str, Any]) -> None:
        """Index all of the plan's version, as the application does."""
        begun, applier = begin(self.settings, self.solr, plan["collection"])
        built = documents(expected_records(self.catalog, plan["catalog_version"], plan["digests_version"], Dates()))
        poster = Poster(self.solr, plan["collection"])
        poster.column(built["body"].combine_chunks())
        area = CollectionArea(WorkArea(self.settings.work), plan["collection"])
        file = area.write_content(content_rows(*(built[name].combine_chunks() for name in ("id", "lo", "hi"))))
        finish(self.settings, self.solr, begun, applier, poster.posted.documents, [file])

    def rebuild(self, run: str) -> str:
        """From plan to retire; the collection that is shown now."""
        plan = self.build(run)
        assert steps_rebuild.check(self.settings, plan)["ok"]
        promoted = promote(self.settings, plan["collection"], run_id=run)
        assert promoted["ok"], promoted["sentence"]
        steps_retire.retire(self.settings)
        return str(plan["collection"])

    def shown_name(self) -> str:
        """The collection behind the alias; empty where there is no alias yet."""
        return self.solr.aliases().get(self.settings.alias, "")


def instance(drop: str, study: str, number: int, **columns: Any) -> dict[str, Any]:
    """A record row of one CT instance."""
    sop = f"{study}.1.{number}"
    known = {"modality": "CT", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2", "study": study, "series": f"{study}.1"}
    return record(drop, f"{drop}/{sop}", sop, **{**known, **columns})


def documents(parts: Iterable[pa.Table]) -> pa.Table:
    """The documents that these resolved records must have: id, halves of the content digest, body."""
    found: dict[str, dict[str, Any]] = {}
    records = pa.concat_tables(parts)
    primary = pc.equal(records["state"], "indexed")
    for row in records.filter(primary).to_pylist():
        study, series, drop = row["study"], row["series"], [row["drop_key"]]
        own = {"file_id": row["file_id"], "Modality": row["modality"], "SOPClassUID": row["sop_class_uid"]}
        _put(found, f"{study}!i.{row['sop_instance_uid']}", "instance", study, series=series, drop=drop, **own)
        _put(found, f"{study}!s.{series}", "series", study, series=series, drop=drop)
        _put(found, f"{study}!study", "study", study, drop=drop)
    for row in records.filter(pc.invert(primary)).to_pylist():
        own = {"drop": [row["drop_key"]], "file_id": row["file_id"], "state": row["state"]}
        _put(found, f"{row['study']}!c.{row['file_id']}", "copy", row["study"], **own)
    rows = [_document(one) for _, one in sorted(found.items())]
    return pa.Table.from_pylist(rows, schema=DOCUMENTS_SCHEMA)


def _put(found: dict[str, dict[str, Any]], name: str, level: str, study: str, **fields: Any) -> None:
    known = found.setdefault(name, {"id": name, "level": level, "study": study, **fields, "drop": []})
    known["drop"] = sorted({*known["drop"], *fields["drop"]})


def _document(fields: dict[str, Any]) -> dict[str, Any]:
    content = orjson.dumps(
        {name: value for name, value in fields.items() if value is not None}, option=orjson.OPT_SORT_KEYS
    )
    digest = xxhash.xxh64_intdigest(content)
    lo, hi = digest & 0xFFFFFFFF, digest >> 32
    numbers = dict(zip(("bucket", "id_lo", "id_hi"), hashed(fields["id"]), strict=True))
    tail = orjson.dumps({**numbers, "digest_lo": lo, "digest_hi": hi})[1:]
    return {"id": fields["id"], "lo": lo, "hi": hi, "body": (content[:-1] + b"," + tail + b",").decode()}


def alias_for(name: str) -> str:
    """An alias that no other test has."""
    return "t" + hashlib.blake2b(name.encode(), digest_size=5).hexdigest()
