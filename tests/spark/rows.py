"""File rows for tests: records with the columns that a test names, everything else null."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from dicomdex.extract.row import FILES_SCHEMA, file_id


def record(
    drop: str, path: str, sop: str, *, study: str = "1.2", series: str = "1.2.3", **columns: Any
) -> dict[str, Any]:
    """A record row; UIDs as they would have been read."""
    row: dict[str, Any] = dict.fromkeys(FILES_SCHEMA.names)
    row.update(
        file_id=file_id(drop, path), drop_key=drop, path=path, size=10, mtime=5, outcome="record", warnings=[],
        study=study, series=series, sop_instance_uid=sop, study_instance_uid=study, series_instance_uid=series,
        patient_id="P1", header_digest="aa", parser="pydicom 3.0.2",
    )  # fmt: skip
    row.update(columns)
    return row


def files_table(rows: list[dict[str, Any]]) -> pa.Table:
    """The rows as a table of the `files` schema."""
    return pa.Table.from_pylist(rows, schema=FILES_SCHEMA)
