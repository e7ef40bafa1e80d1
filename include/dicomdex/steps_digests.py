"""Full-file digests of the rows that may be duplicates: read once, in full, and kept beside the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage
from dicomdex.adapters.work import WorkArea
from dicomdex.entry import ByteSource, NotRegular
from dicomdex.errors import at
from dicomdex.extract.members import member_digests
from dicomdex.resolve import DIGESTS_SCHEMA, candidates
from dicomdex.settings import Settings

CHUNK = 1 << 20
THREADS = 4
_ABSENT = (FileNotFoundError, NotADirectoryError, NotRegular)


def complete_digests(settings: Settings, key: str, seq: int, landing: Storage) -> int:
    """Read and append the digests still missing for every SOP Instance UID of a drop's old and new rows.

    Returns how many were appended. A file that is gone, or is no longer as it was listed, gets none: without a proof
    its row stays a conflict. A storage error is raised, naming drop and file_id.
    """
    catalog = Catalog(settings.catalog)
    before = WorkArea(settings.work).read_json(f"drops/{key}/{seq:06d}/before.json").get("version")
    sides = [_uids(catalog, key, None)] + ([] if before is None else [_uids(catalog, key, int(before))])
    sops = pc.unique(pa.chunked_array([chunk for side in sides for chunk in side.chunks], pa.string()))
    wanted = candidates(catalog.identity(sops=sops))
    missing = _without_digest(wanted, catalog.digests(wanted["file_id"]))
    files: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in missing:
        files.setdefault((row["path"], row["mtime"]), []).append(row)
    with ThreadPoolExecutor(THREADS) as pool:
        found = [row for rows in pool.map(lambda rows: digests_of(landing, rows), files.values()) for row in rows]
    table = pa.Table.from_pylist(found, schema=DIGESTS_SCHEMA)
    catalog.append_digests(table)
    return len(table)


def digests_of(landing: Storage, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of one file (itself, its members as an archive) with the SHA-256 of their bytes, hex, as `sha256`.

    Left out are those that are not as they were listed: size and mtime, before and after reading. A member's mtime is
    its archive's.
    """
    path = rows[0]["path"]
    try:
        with landing.open(path) as source:
            opened = (source.size, source.mtime)
            digests = _digests(source, rows) if source.mtime == rows[0]["mtime"] else {}
        now = landing.stat(path)
    except _ABSENT:
        return []
    except OSError as error:
        where = f"drop {rows[0]['drop_key']}, file {rows[0]['file_id']}"
        raise at(error, where) from None
    if now is None or (now.size, now.mtime) != opened:
        return []
    known = ((row, digests.get(row["member"], (None, None))) for row in rows)
    return [{**row, "sha256": digest} for row, (size, digest) in known if size == row["size"]]


def _digests(source: ByteSource, rows: Sequence[Mapping[str, Any]]) -> dict[str | None, tuple[int, str]]:
    """Member, or None for the file itself -> size in bytes and SHA-256."""
    members = {row["member"] for row in rows}
    digests: dict[str | None, tuple[int, str]] = {}
    if None in members and source.size in {row["size"] for row in rows if row["member"] is None}:
        digests[None] = (source.size, _sha256(source))
    if members != {None}:
        digests.update(member_digests(rows[0]["path"], source, members))
    return digests


def _sha256(source: ByteSource) -> str:
    digest = hashlib.sha256()
    for offset in range(0, source.size, CHUNK):
        digest.update(source.read_at(offset, CHUNK))
    return digest.hexdigest()


def _uids(catalog: Catalog, key: str, version: int | None) -> pa.ChunkedArray:
    rows = catalog.rows(version, drop=key, columns=("outcome", "sop_instance_uid"))
    return rows.filter(pc.equal(rows["outcome"], "record"))["sop_instance_uid"]


def _without_digest(wanted: pa.Table, known: pa.Table) -> list[dict[str, Any]]:
    """Rows whose digest is not known for just this size and mtime."""
    have = set(zip(*(known[name].to_pylist() for name in ("file_id", "size", "mtime")), strict=True))
    rows = wanted.select(["file_id", "drop_key", "path", "member", "size", "mtime"]).to_pylist()
    return [row for row in rows if (row["file_id"], row["size"], row["mtime"]) not in have]
