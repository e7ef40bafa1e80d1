"""One row an entry: what the listing decides, what opening decides, and the keys a record hangs under."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager

import pyarrow as pa
import pytest

from dicomdex.entry import Kind, NotRegular
from dicomdex.extract.batch import CHUNK_ROWS, Placement, read_batch
from dicomdex.extract.reader import PARSER
from dicomdex.extract.row import ROW_SCHEMA, file_id
from dicomdex.manifest import ManifestEntry
from tests.factories import MemorySource, element, identity, image, part10, place

PLACED = Placement("2026-01-01", "m1", 3, 7, "manual__1")
RECORD = part10(identity(), place(), image())
Opened = Callable[[ManifestEntry], AbstractContextManager[MemorySource]]


def entry(path: str, size: int, *, kind: Kind = "file", rule: str | None = None, mtime: int = 5) -> ManifestEntry:
    return ManifestEntry(f"2026-01-01/{path}", size, mtime, kind, rule, 7)


class Files:
    """Opens files from a dict; counts the openings."""

    def __init__(self, files: dict[str, bytes | OSError], mtimes: tuple[int, ...] = (5,)) -> None:
        self._files = files
        self._mtimes = mtimes
        self.opened: list[str] = []

    def __call__(self, wanted: ManifestEntry) -> MemorySource:
        name = wanted.path.removeprefix("2026-01-01/")
        self.opened.append(name)
        found = self._files[name]
        if isinstance(found, OSError):
            raise found
        return MemorySource(found, self._mtimes[min(self.opened.count(name), len(self._mtimes)) - 1])


def rows(entries: list[ManifestEntry], files: Files) -> tuple[list[dict], list[dict]]:
    kept, rejects = read_batch(entries, files, PLACED)
    assert kept.schema == ROW_SCHEMA == rejects.schema
    assert kept.num_rows + rejects.num_rows == len(entries)
    return kept.to_pylist(), rejects.to_pylist()


def test_a_record_carries_its_place_its_columns_and_its_parser() -> None:
    [row], rejects = rows([entry("a b.dcm", len(RECORD))], Files({"a b.dcm": RECORD}))
    assert rejects == []
    assert row["file_id"] == file_id("2026-01-01", "2026-01-01/a b.dcm")
    assert (row["path"], row["member"], row["size"], row["mtime"]) == ("2026-01-01/a b.dcm", None, len(RECORD), 5)
    assert (row["outcome"], row["reason"], row["parser"]) == ("record", None, PARSER)
    assert (row["study"], row["series"], row["sop_instance_uid"]) == ("1.2.3", "1.2.3.1", "1.2.3.4")
    assert (row["manifest_id"], row["listing_seq"], row["batch"], row["run_id"]) == ("m1", 3, 7, "manual__1")
    assert row["frame_offsets"] == [row["pixel_offset"]]
    assert row["extracted_at"].tzinfo is not None


def test_what_the_listing_decides_is_not_opened() -> None:
    files = Files({})
    listed = [
        entry("_SUCCESS", 0, rule="marker"),
        entry("x.tmp", 9, rule="temporary"),
        entry("to_a", 9, kind="link"),
        entry("pipe", 0, kind="other"),
        entry("out", 9, kind="link_out"),
    ]
    kept, rejects = rows(listed, files)
    assert [(r["outcome"], r["reason"]) for r in kept] == [("ignored", "marker"), ("ignored", "temporary")]
    assert [r["reason"] for r in rejects] == ["not_regular", "not_regular", "outside_drop"]
    assert files.opened == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(errno.ENOENT, "gone"), "vanished"),
        (NotADirectoryError(errno.ENOTDIR, "gone"), "vanished"),
        (NotRegular(errno.EINVAL, "not a regular file"), "not_regular"),
    ],
)
def test_a_file_that_is_gone_or_became_something_else_is_a_reject(error: OSError, reason: str) -> None:
    kept, [row] = rows([entry("a", 1)], Files({"a": error}))
    assert (kept, row["reason"]) == ([], reason)


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES, errno.ETIMEDOUT, errno.ESTALE])
def test_an_error_of_the_storage_ends_the_batch(code: int) -> None:
    files = Files({"a": RECORD, "b": OSError(code, "storage")})
    with pytest.raises(OSError, match="storage"):
        read_batch([entry("a", len(RECORD)), entry("b", 1)], files, PLACED)


def test_a_file_with_another_size_or_time_than_listed_has_changed() -> None:
    _, [row] = rows([entry("a", len(RECORD) + 1)], Files({"a": RECORD}))
    assert row["reason"] == "changed"
    _, [row] = rows([entry("a", len(RECORD), mtime=6)], Files({"a": RECORD}))
    assert row["reason"] == "changed"


def test_a_file_written_to_while_it_is_read_has_changed() -> None:
    _, [row] = rows([entry("a", len(RECORD))], Files({"a": RECORD}, mtimes=(5, 6)))
    assert row["reason"] == "changed"


def test_without_study_or_series_uid_a_record_hangs_under_a_key_of_patient_and_drop() -> None:
    bare = part10(identity(), element(0x00100020, "LO", "P1"), image())
    odd = part10(identity(), place(study="../1", series=""), image())
    other = part10(identity(), element(0x00100020, "LO", "P2"), image())
    kept, _ = rows(
        [entry(name, len(content)) for name, content in (("a", bare), ("b", odd), ("c", other))],
        Files({"a": bare, "b": odd, "c": other}),
    )
    a, b, c = kept
    assert a["study"] == b["study"] != c["study"]
    assert a["study"].startswith("none.")
    assert len(a["study"]) == len("none.") + 16
    assert b["study_instance_uid"] == "../1"
    assert set(a["warnings"]) == set(b["warnings"]) == {"no_study", "no_series"}


def test_an_empty_batch_gives_two_empty_tables() -> None:
    assert rows([], Files({})) == ([], [])


def test_rows_of_many_chunks_keep_their_order() -> None:
    count = 2 * CHUNK_ROWS + 1
    listed = [entry(f"{n:05d}", 0, rule="dotfile") for n in range(count)]
    kept, _ = read_batch(listed, Files({}), PLACED)
    assert isinstance(kept, pa.Table)
    assert kept["path"].to_pylist() == [e.path for e in listed]
