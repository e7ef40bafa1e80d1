"""The catalog: two Delta tables written by delta-rs alone. `files` has a row a file, `digests` full-file digests.

A commit adds Parquet files that are already in place and replaces a drop's partition in one transaction, so its cost
does not grow with the rows. Deletion vectors stay off: readers of the plain file list would miss them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlparse

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction
from pyarrow import fs

from dicomdex.adapters.hdfs_faults import delta_faults
from dicomdex.extract.row import FILES_SCHEMA
from dicomdex.resolve import DIGESTS_SCHEMA, IDENTITY_COLUMNS

NO_VERSION = -1  # of a table that does not exist yet
PART_ROWS = 65_536  # of some narrow columns 15 MB; a Parquet file may hold a thousand
_FORGETTING = {"cache_metadata": False}  # the footer of one Parquet file, 0.6 MB in memory, at a time
_CONFIGURATION = {
    "delta.checkpointInterval": "20",
    # Old versions stay readable for roll back; what may go is decided by our own vacuum alone.
    "delta.enableExpiredLogCleanup": "false",
}


class Raced(Exception):
    """Another commit of the same drop came first: look again and decide anew."""


@dataclass(frozen=True)
class Added:
    """A Parquet file in its place below the table: path relative to the table, bytes, rows, mtime in milliseconds."""

    path: str
    size: int
    rows: int
    mtime_ms: int


class Snapshot:
    """The `files` table at one version; a commit is made against the very state that was looked at."""

    def __init__(self, table: DeltaTable) -> None:
        self.table = table
        self.version: int = table.version()

    def committed_seq(self, key: str) -> int | None:
        """listing_seq of the drop's last commit; None when it was never committed."""
        seq: int | None = self.table.transaction_version(f"drop:{key}")
        return seq

    def commit(self, key: str, seq: int, added: Iterable[Added], about: dict[str, Any]) -> None:
        """Replace the drop's partition by these files, in one transaction; Raced when the drop was committed since."""
        actions: list[AddAction | RemoveAction] = [
            AddAction(a.path, a.size, {"drop_key": key}, a.mtime_ms, True, f'{{"numRecords":{a.rows}}}') for a in added
        ]
        properties = CommitProperties(
            custom_metadata=about, max_commit_retries=50, app_transactions=[Transaction(f"drop:{key}", seq)]
        )
        by, where = ["drop_key"], [("drop_key", "=", key)]
        try:
            with delta_faults():
                self.table.create_write_transaction(
                    actions, "overwrite", FILES_SCHEMA, by, where, commit_properties=properties
                )
        except CommitFailedError:
            raise Raced from None


class Catalog:
    """Both tables below the catalog's URL. Reading a catalog that is not there yet finds nothing, at version -1."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self.files_url = f"{self.url}/files"
        self.digests_url = f"{self.url}/digests"

    def create(self) -> Snapshot:
        """`files` at its latest version, both tables created where missing; two creators at once both succeed."""
        self._create(self.files_url, FILES_SCHEMA, ["drop_key"])
        self._create(self.digests_url, DIGESTS_SCHEMA, None)
        with delta_faults():
            return Snapshot(DeltaTable(self.files_url, storage_options=_options(self.files_url)))

    def snapshot(self, version: int | None = None) -> Snapshot | None:
        """The `files` table at a version or the latest; None when there is no table or it is asked before version 0."""
        table = self._open(self.files_url, version)
        return None if table is None else Snapshot(table)

    def version(self) -> int:
        """Latest version of `files`; -1 when there is no catalog."""
        return self._version(self.files_url)

    def digests_version(self) -> int:
        """Latest version of `digests`; -1 when there is no catalog."""
        return self._version(self.digests_url)

    def committed_seq(self, key: str) -> int | None:
        """listing_seq of the drop's last commit; None when it was never committed."""
        snapshot = self.snapshot()
        return None if snapshot is None else snapshot.committed_seq(key)

    def identity(
        self,
        version: int | None = None,
        *,
        drop: str | None = None,
        sops: pa.Array | Sequence[str] | None = None,
        studies: pa.Array | Sequence[str] | None = None,
        file_ids: pa.Array | Sequence[str] | None = None,
    ) -> pa.Table:
        """Identity columns of all rows, of a drop's rows, or of the records of some UIDs, studies or file_ids."""
        wanted = None if drop is None else ds.field("drop_key") == drop
        for name, values in (("sop_instance_uid", sops), ("study", studies), ("file_id", file_ids)):
            if values is not None:
                among = (ds.field("outcome") == "record") & ds.field(name).isin(pa.array(values, pa.string()))
                wanted = among if wanted is None else wanted & among
        return self._read(self.files_url, IDENTITY_COLUMNS, wanted, version)

    def parts(
        self,
        columns: Sequence[str],
        version: int | None = None,
        *,
        studies: pa.Array | Sequence[str] | None = None,
        computed: Mapping[str, pc.Expression] | None = None,
    ) -> Iterator[pa.Table]:
        """Some columns of all records, or of those of some studies: tables of some PART_ROWS, one in memory at a time.

        `computed`: further columns, made of the file's own.
        """
        wanted = {name: ds.field(name) for name in columns} | dict(computed or {})
        kept: list[pa.RecordBatch] = []
        with delta_faults():
            for batch in self._scanner(version, columns=wanted, filter=_records(studies)).to_batches():
                kept.append(batch)
                if sum(map(len, kept)) >= PART_ROWS:
                    yield pa.Table.from_batches(kept)
                    kept = []
            if kept:
                yield pa.Table.from_batches(kept)

    def count(self, version: int | None = None) -> int:
        """How many records there are."""
        with delta_faults():
            return int(self._scanner(version, filter=_records(None)).count_rows())

    def rows(self, version: int | None = None, *, drop: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of a drop's rows."""
        return self._read(self.files_url, columns, ds.field("drop_key") == drop, version)

    def drops(self, version: int | None = None) -> list[str]:
        """Drops that have rows, sorted."""
        return sorted(self._paths_by_drop(version))

    def files(self, drops: Iterable[str], version: int | None = None) -> list[str]:
        """Where the Parquet files of some drops lie, as Hadoop names them; they have ROW_SCHEMA's columns or fewer."""
        found = self._paths_by_drop(version)
        root = unquote(self.files_url) if self.files_url.startswith("file:") else self.files_url
        return [f"{root}/{path}" for drop in sorted(drops) for path in sorted(found.get(drop, ()))]

    def changed_drops(self, old: int, new: int) -> list[str]:
        """Drops whose files differ between two versions; version -1 is the empty catalog."""
        before, after = self._paths_by_drop(old), self._paths_by_drop(new)
        return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))

    def digests(self, file_ids: pa.Array | Sequence[str] | None = None, version: int | None = None) -> pa.Table:
        """Full-file digests (file_id, size, mtime, sha256), of some files or all."""
        wanted = None if file_ids is None else ds.field("file_id").isin(pa.array(file_ids, pa.string()))
        return self._read(self.digests_url, DIGESTS_SCHEMA.names, wanted, version)

    def digests_since(self, old: int, new: int) -> list[str]:
        """file_ids of the digests that were appended after version `old` up to `new`."""
        before, after = self._open(self.digests_url, old), self._open(self.digests_url, new)
        if after is None or new <= old:
            return []
        known = set(_paths(before)) if before else set()
        with delta_faults():
            fragments = after.to_pyarrow_dataset(filesystem=_filesystem(self.digests_url)).get_fragments()
            added = [part.to_table(columns=["file_id"])["file_id"] for part in fragments if part.path not in known]
        return sorted({file_id for column in added for file_id in column.to_pylist()})

    def append_digests(self, digests: pa.Table) -> None:
        """Append digests in one commit; no commit when there are none."""
        if len(digests):
            options = _options(self.digests_url)
            with delta_faults():
                write_deltalake(self.digests_url, digests.cast(DIGESTS_SCHEMA), mode="append", storage_options=options)

    def _create(self, url: str, schema: pa.Schema, partition: list[str] | None) -> None:
        if self._open(url) is not None:
            return
        once = CommitProperties(max_commit_retries=0)  # else the slower of two creators would create version 1
        made: dict[str, Any] = {"partition_by": partition, "configuration": _CONFIGURATION, "commit_properties": once}
        try:
            with delta_faults():
                DeltaTable.create(url, schema, mode="ignore", storage_options=_options(url), **made)
        except DeltaError:
            if self._open(url) is None:  # not the other creator's doing
                raise

    def _read(self, url: str, columns: Sequence[str], wanted: Any, version: int | None) -> pa.Table:
        table = self._open(url, version)
        if table is None:
            schema = FILES_SCHEMA if url == self.files_url else DIGESTS_SCHEMA
            return pa.schema([schema.field(name) for name in columns]).empty_table()
        with delta_faults():
            dataset = table.to_pyarrow_dataset(filesystem=_filesystem(url))
            return dataset.to_table(columns=list(columns), filter=wanted, **_FORGETTING)

    def _scanner(self, version: int | None, **what: Any) -> ds.Scanner:
        """A scanner of `files` that reads as it is asked for more."""
        table = self._open(self.files_url, version)
        empty = ds.dataset(FILES_SCHEMA.empty_table())
        found = empty if table is None else table.to_pyarrow_dataset(filesystem=_filesystem(self.files_url))
        # With threads it reads up to 1 GB ahead of a slow reader and takes no less time.
        return found.scanner(batch_readahead=2, fragment_readahead=2, use_threads=False, **_FORGETTING, **what)

    def _paths_by_drop(self, version: int | None) -> dict[str, set[str]]:
        table = self._open(self.files_url, version)
        found: dict[str, set[str]] = defaultdict(set)
        for path in _paths(table) if table else ():
            found[path.split("/", 1)[0].removeprefix("drop_key=")].add(path)
        return found

    def _version(self, url: str) -> int:
        table = self._open(url)
        return NO_VERSION if table is None else int(table.version())

    def _open(self, url: str, version: int | None = None) -> DeltaTable | None:
        if version is not None and version < 0:
            return None
        try:
            with delta_faults():
                return DeltaTable(url, version=version, storage_options=_options(url))
        except TableNotFoundError:
            return None


def _records(studies: pa.Array | Sequence[str] | None) -> ds.Expression:
    """Which rows are records, or those of some studies."""
    wanted = ds.field("outcome") == "record"
    return wanted if studies is None else wanted & ds.field("study").isin(pa.array(studies, pa.string()))


def _paths(table: DeltaTable) -> list[str]:
    return [unquote(path) for path in pa.table(table.get_add_actions())["path"].to_pylist()]


def _options(url: str) -> dict[str, str] | None:
    """What delta-rs is told of a file system: how long a NameNode may be away."""
    if not url.startswith("hdfs:"):
        return None
    from dicomdex.adapters.storage_hdfs import options

    return options() or None


def _filesystem(url: str) -> Any:
    """pyarrow's own file system for local tables (no call into Python a read); None = delta-rs's for the rest."""
    if url.startswith("file:"):
        return fs.SubTreeFileSystem(unquote(urlparse(url).path), fs.LocalFileSystem())
    return None
