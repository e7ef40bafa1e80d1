"""Full-file digests of the rows that may be duplicates: read once, in full, and kept beside the catalog."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage
from dicomdex.adapters.work import WorkArea
from dicomdex.entry import ByteSource, NotRegular
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
    with ThreadPoolExecutor(THREADS) as pool:
        digests = list(pool.map(lambda row: digest_of(landing, row), missing))
    found = [{**row, "sha256": digest} for row, digest in zip(missing, digests, strict=True) if digest is not None]
    table = pa.Table.from_pylist(found, schema=DIGESTS_SCHEMA)
    catalog.append_digests(table)
    return len(table)


def digest_of(landing: Storage, row: Mapping[str, Any]) -> str | None:
    """SHA-256 of a file that is as it was listed (size and mtime, before and after reading), hex; else None."""
    listed = (row["size"], row["mtime"])
    try:
        with landing.open(row["path"]) as source:
            digest = _sha256(source) if (source.size, source.mtime) == listed else None
        now = landing.stat(row["path"])
    except _ABSENT:
        return None
    except OSError as error:
        where = f"drop {row['drop_key']}, file {row['file_id']}"
        raise OSError(error.errno, f"{error.strerror or type(error).__name__} ({where})") from None
    return digest if now is not None and (now.size, now.mtime) == listed else None


def _sha256(source: ByteSource) -> str:
    digest = hashlib.sha256()
    for offset in range(0, source.size, CHUNK):
        digest.update(source.read_at(offset, CHUNK))
    return digest.hexdigest()


def _uids(catalog: Catalog, key: str, version: int | None) -> pa.ChunkedArray:
    rows = catalog.rows(version, drop=key, columns=("outcome", "sop_instance_uid"))
    return rows.filter(pc.equal(rows["outcome"], "record"))["sop_instance_uid"]


def _without_digest(wanted: pa.Table, known: pa.Table) -> list[dict[str, Any]]:
    """Rows whose digest is not known for just this size and mtime; members of archives have none yet."""
    have = set(zip(*(known[name].to_pylist() for name in ("file_id", "size", "mtime")), strict=True))
    rows = wanted.select(["file_id", "drop_key", "path", "member", "size", "mtime"]).to_pylist()
    return [row for row in rows if row["member"] is None and (row["file_id"], row["size"], row["mtime"]) not in have]
