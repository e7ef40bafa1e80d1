"""What the work area knows of a physical collection.

collections/<name>/plan.json              what a rebuild was asked for; `state` building: its versions are pinned
collections/<name>/verdict.json           the last verdict on it
collections/<name>/content/<seq>.json     {"files": [...], "studies": [...], or null for all of them}
collections/<name>/content/<file>.parquet study, id_hash, content_hash: a row a document, as an application built it

Of a study the rows of the last application that built it count. So applying again, or half, needs no undoing.
"""

from __future__ import annotations

import io
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused
from dicomdex.validate import CONTENT_SCHEMA

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_ENTRY = re.compile(r"(\d{6})\.json")


class CollectionArea:
    """The part of the work area that belongs to one collection."""

    def __init__(self, work: WorkArea, name: str) -> None:
        if _NAME.fullmatch(name) is None or name.startswith("."):
            raise CollectionRefused("this is no name of a collection")
        self.work = work
        self.name = name
        self.root = f"collections/{name}"

    def plan(self) -> dict[str, Any]:
        """The rebuild's plan; empty where no rebuild made this collection."""
        return self.work.read_json(f"{self.root}/plan.json")

    def write_plan(self, plan: dict[str, Any]) -> None:
        """Keep the plan."""
        self.work.write_json(f"{self.root}/plan.json", plan)

    def verdict(self) -> dict[str, Any]:
        """The last verdict; empty where there is none."""
        return self.work.read_json(f"{self.root}/verdict.json")

    def write_verdict(self, verdict: dict[str, Any]) -> None:
        """Keep a verdict."""
        self.work.write_json(f"{self.root}/verdict.json", verdict)

    def write_content(self, rows: pa.Table) -> str:
        """Write a file of content digests (CONTENT_SCHEMA), which counts once it is published; its name."""
        sink = io.BytesIO()
        pq.write_table(rows.cast(CONTENT_SCHEMA), sink, compression="zstd")
        name = f"{secrets.token_hex(8)}.parquet"
        self.work.storage.write_atomic(f"{self.root}/content/{name}", sink.getvalue())
        return name

    def publish_content(self, files: Sequence[str], studies: Sequence[str] | None) -> None:
        """Let these files be what the studies (None = all of the collection) hold from now on."""
        entry = {"files": list(files), "studies": None if studies is None else list(studies)}
        seq = max(self._entries(), default=0) + 1
        self.work.write_json(f"{self.root}/content/{seq:06d}.json", entry)

    def has_content(self) -> bool:
        """Whether an application has written any content digests, be it none."""
        return bool(self._entries())

    def content(self) -> Iterator[pa.Table]:
        """The content digests of all documents that should be there, file by file."""
        done = pa.array([], pa.string())
        for seq in sorted(self._entries(), reverse=True):
            entry = self.work.read_json(f"{self.root}/content/{seq:06d}.json")
            for rows in map(self._content_file, entry["files"]):
                yield rows.filter(pc.invert(pc.is_in(rows["study"], value_set=done)))
            if entry["studies"] is None:
                break
            done = pa.concat_arrays([done, pa.array(entry["studies"], pa.string())])

    def remove(self) -> None:
        """Forget the collection; the plan goes last, so that a killed removal is found again."""
        for name in self._names("content"):
            self.work.storage.delete(f"{self.root}/content/{name}")
        for name in ("verdict.json", "plan.json"):
            self.work.storage.delete(f"{self.root}/{name}")

    def _content_file(self, name: str) -> pa.Table:
        with self.work.storage.open_input(f"{self.root}/content/{name}") as source:
            return pq.read_table(source)

    def _entries(self) -> list[int]:
        return [int(found[1]) for found in map(_ENTRY.fullmatch, self._names("content")) if found]

    def _names(self, folder: str) -> list[str]:
        try:
            return [child.name for child in self.work.storage.children(f"{self.root}/{folder}")]
        except FileNotFoundError:
            return []


def planned(work: WorkArea) -> list[dict[str, Any]]:
    """The plans of all collections that the work area knows, by name."""
    try:
        names = [child.name for child in work.storage.children("collections") if child.is_directory]
    except FileNotFoundError:
        return []
    return [plan for name in names if (plan := CollectionArea(work, name).plan())]
