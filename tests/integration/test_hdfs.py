"""A whole drop on HDFS: landing area, work area and catalog, by Hadoop's own protocol and without a JVM of ours."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import pytest

from dicomdex import steps
from dicomdex.adapters import storage_hdfs
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage, storage
from dicomdex.adapters.storage_hdfs import HdfsStorage, client_of
from dicomdex.adapters.work import WorkArea
from dicomdex.entry import escape
from dicomdex.errors import DropError, StorageFault
from dicomdex.extract.reader import read
from dicomdex_local.errors import SiteError
from dicomdex_local.hdfs import Hdfs, HdfsPorts
from tests.factories import pydicom_files
from tests.hdfs import HdfsLine, lay
from tests.unit.line import DAY, LATER, Line, dicom

ODD_NAMES = ("a blank", "plus+plus", "per%cent", "größe.dcm", "semi;colon", "[1]*?{x}.dcm", "line\nend", "~tilde=1")
MANY_PIXELS = bytes(300_000)  # so that a range is asked for, and not the file


@pytest.fixture
def tree(hdfs_url: str) -> Storage:
    return storage(hdfs_url)


@pytest.fixture
def line(tmp_path: Path, hdfs_url: str) -> HdfsLine:
    return HdfsLine(tmp_path, hdfs_url)


def test_it_writes_renames_lists_and_deletes_as_every_storage_does(tree: Storage) -> None:
    assert tree.create_exclusive("d/1.claim", b"")
    assert not tree.create_exclusive("d/1.claim", b"")
    tree.write_atomic("d/sub/x", b"one")
    tree.write_atomic("d/sub/x", b"three")
    assert tree.read_bytes("d/sub/x") == b"three"
    assert [(c.name, c.is_directory) for c in tree.children("d")] == [("1.claim", False), ("sub", True)]
    listed = sorted((e.path, e.size, e.kind) for e in tree.walk("d"))
    assert listed == [("d/1.claim", 0, "file"), ("d/sub/x", 5, "file")]
    tree.rename_to("d/sub/x", tree, "e/y")
    found = tree.stat("e/y")
    assert found is not None
    assert (found.size, found.mtime > 1_600_000_000 * 10**9) == (5, True)
    assert (tree.exists("d/sub/x"), tree.exists("e"), tree.stat("e")) == (False, True, None)
    tree.delete("e/y")
    tree.delete("e/y")
    assert tree.stat("e/y") is None


def test_it_reads_by_position_and_never_beyond_the_end(tree: Storage) -> None:
    tree.write_new("f", [b"012", b"345"])
    asked = ((0, 2), (4, 10), (6, 1), (99, 5), (0, 0))
    with tree.open("f") as source:
        assert [source.read_at(*at) for at in asked] == [b"01", b"45", b"", b"", b""]
    with tree.open_input("f") as whole:
        assert (whole.seek(-2, io.SEEK_END), whole.read(), whole.seek(1), whole.read(2)) == (4, b"45", 1, b"12")


def test_what_is_not_there_is_said_as_everywhere(tree: Storage) -> None:
    tree.write_new("f", [])
    absent: list[Callable[[], Any]] = [lambda: list(tree.walk("no")), lambda: tree.children("no")]
    absent += [lambda: tree.open("no"), lambda: tree.open(""), lambda: tree.read_bytes("no")]
    for ask in absent:
        with pytest.raises(FileNotFoundError):
            ask()
    with pytest.raises(NotADirectoryError):
        list(tree.walk("f"))
    with pytest.raises(OSError, match="takes no such name"):
        tree.write_new("a:b", [b""])


def test_mtimes_asked_for_together_are_those_of_each(hdfs_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = HdfsStorage(hdfs_url)
    paths = [f"{directory}/{escape(name.encode())}" for directory in ("d", "d/sub") for name in ODD_NAMES]
    for path in [*paths, "alone/x", "top"]:
        tree.write_new(path, [b"x"])
    for number in range(70):  # more names than are read for two files
        tree.write_new(f"wide/{number:02d}", [])
    paths += ["alone/x", "top", "wide/68", "wide/69"]
    expected = {entry.path: entry.mtime for entry in tree.walk("") if entry.path in paths}
    assert len(set(expected.values())) > 1
    for _ in range(2):
        assert tree.mtimes([*paths, "d/gone", "gone/too", "top/under a file", "d/sub"]) == expected
    with tree.open_undated("top") as source:
        assert (source.mtime, source.read_at(0, 9)) == (-1, b"x")
    monkeypatch.setattr(storage_hdfs, "LONG", 64)  # so many names of it were read
    with tree.open_undated("wide/68") as source, tree.open_undated("d/sub/plus+plus") as other:
        assert (source.mtime, other.mtime) == (expected["wide/68"], -1)


def test_files_of_a_directory_that_may_not_be_listed_are_dated(hdfs_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = HdfsStorage(hdfs_url)
    for name in "abc":
        tree.write_new(f"d/{name}", [b"x"])
    expected = {entry.path: entry.mtime for entry in tree.walk("d")}
    where = urlsplit(hdfs_url)
    client = client_of(where.netloc)
    above = (str(path) for path in (PurePosixPath(where.path), *PurePosixPath(where.path).parents[:-1]))
    for path, mode in (*((path, 0o755) for path in above), (f"{where.path}/d", 0o711)):
        client.set_permission(path, mode)
    monkeypatch.setenv("HADOOP_USER_NAME", "somebody")
    with pytest.raises(StorageFault, match="permission denied"):
        tree.children("d")
    assert tree.mtimes(expected) == expected


def test_what_is_created_exclusively_is_created_once_and_seen_whole(tree: Storage) -> None:
    with ThreadPoolExecutor(8) as threads:
        for content in (b"", b"content"):
            made = list(threads.map(lambda _, c=content: tree.create_exclusive(f"lease of {len(c)}", c), range(8)))
            assert made.count(True) == 1
            assert tree.read_bytes(f"lease of {len(content)}") == content
    assert len(tree.children("")) == 2


def test_claims_of_many_are_all_different(hdfs_url: str) -> None:
    work = WorkArea(hdfs_url)
    with ThreadPoolExecutor(8) as threads:
        claims = list(threads.map(lambda _: work.claim(DAY, above=3), range(12)))
    assert sorted(claims) == list(range(4, 16))


def archives() -> dict[str | bytes, bytes]:
    """A zip and a tar in gzip of three instances each, with pixels that need not be read."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as packed, tarfile.open(fileobj=tarred, mode="w:gz") as rolled:
        for number in range(3):
            packed.writestr(f"{number}.dcm", dicom(f"1.7.{number}", pixels=MANY_PIXELS))
            content = dicom(f"1.8.{number}", pixels=MANY_PIXELS)
            entry = tarfile.TarInfo(f"{number}.dcm")
            entry.size = len(content)
            rolled.addfile(entry, io.BytesIO(content))
    return {"packed.zip": zipped.getvalue(), "rolled.tar.gz": tarred.getvalue()}


def test_a_drop_becomes_the_rows_that_it_becomes_on_a_local_disk(line: HdfsLine, tmp_path: Path) -> None:
    files: dict[str | bytes, bytes] = {
        **{name: dicom(f"1.9.{number}", pixels=MANY_PIXELS) for number, name in enumerate(ODD_NAMES)},
        **{f"test files/{name}": content for name, content in list(pydicom_files())[::4]},
        **archives(),
        **{"empty": b"", "page.html": b"<title>404</title>", "cut.dcm": dicom("1.9.99")[:300], ".hidden": b"x"},
    }
    (tmp_path / "local").mkdir()
    local = Line(tmp_path / "local", batch_files=50)
    line.settings = line.settings.model_copy(update={"batch_files": 50})
    for one in (line, local):
        one.lay(DAY, files)
        assert one.ingest(DAY)["outcome"] == "committed"
    assert line.states(DAY) == local.states(DAY)
    assert rows(line) == rows(local)
    assert any(row["member"] == "2.dcm" and row["outcome"] == "record" for row in rows(line))


def test_a_file_that_is_another_one_than_was_listed_costs_itself(line: HdfsLine) -> None:
    line.settings = line.settings.model_copy(update={"batch_files": 50})
    names = ("same", "appended", "replaced", "renamed over", "gone", "directory")
    line.lay(DAY, {name: dicom(f"1.9.{number}") for number, name in enumerate(names)})
    listing = steps.list_drop(line.settings, DAY)
    landing = storage(line.settings.landing)
    client = client_of(urlsplit(line.settings.landing).netloc)
    top = f"{urlsplit(line.settings.landing).path}/{DAY}"
    with client.append(f"{top}/appended") as target:
        target.write(b"more")
    landing.write_new(f"{DAY}/replaced", [dicom("1.9.7")])  # as long as it was
    landing.write_new("another", [dicom("1.9.8")])
    landing.rename_to("another", landing, f"{DAY}/renamed over")
    landing.delete(f"{DAY}/gone")
    landing.delete(f"{DAY}/directory")
    landing.write_new(f"{DAY}/directory/x", [dicom("1.9.9")])
    (result,) = line.extract(listing)
    assert (result["records"], result["rejects"]) == (1, {"changed": 3, "vanished": 2})


def rows(line: Line) -> list[dict[str, Any]]:
    """Every column that does not say when, sorted."""
    columns = (
        "file_id", "path", "member", "size", "outcome", "reason", "detail", "header", "header_digest", "warnings",
        "pixel_offset", "pixel_length", "parser", "sop_instance_uid", "study",
    )  # fmt: skip
    found: list[dict[str, Any]] = Catalog(line.settings.catalog).rows(drop=DAY, columns=columns).to_pylist()
    return sorted(found, key=lambda row: row["file_id"])


def test_a_second_delivery_replaces_the_first_and_duplicates_are_proved_by_their_bytes(line: HdfsLine) -> None:
    line.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.2")})
    first = line.ingest(DAY)
    assert line.ingest(DAY)["outcome"] == "unchanged"
    line.lay(DAY, {"c": dicom("1.9.1")})
    line.lay(LATER, {"a": dicom("1.9.2"), "b": dicom("1.9.2", pixels=b"\1" * 8)})
    second, later = line.ingest(DAY), line.ingest(LATER)
    assert (first["rows"], second["rows"], later["rows"]) == (3, 4, 3)
    assert second["catalog_version"] > first["catalog_version"]
    assert (second["digests"], later["digests"]) == (2, 3)
    assert line.states(DAY) == {"a": ("indexed", None), "b": ("indexed", None), "c": ("duplicate", None)}
    assert line.states(LATER) == {"a": ("duplicate", None), "b": ("conflict", None)}
    assert Catalog(line.settings.catalog).changed_drops(first["catalog_version"], later["catalog_version"]) == [
        DAY,
        LATER,
    ]
    assert Catalog(line.settings.catalog).drops(first["catalog_version"]) == [DAY]


def test_a_commit_that_was_overtaken_changes_nothing(line: HdfsLine) -> None:
    line.lay(DAY, {"a": dicom("1.9.1")})
    old = steps.list_drop(line.settings, DAY)
    read = line.extract(old)
    line.lay(DAY, {"b": dicom("1.9.2")})
    assert line.ingest(DAY)["outcome"] == "committed"
    assert steps.commit(line.settings, old, read, run_id="late")["outcome"] == "superseded"
    assert len(line.states(DAY)) == 2


def test_of_two_commits_at_once_the_later_listing_stays(line: HdfsLine) -> None:
    line.lay(DAY, {"a": dicom("1.9.1")})
    older = steps.list_drop(line.settings, DAY)
    line.lay(DAY, {"b": dicom("1.9.2")})
    newer = steps.list_drop(line.settings, DAY)
    read = [(listing, line.extract(listing)) for listing in (older, newer)]
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda one: steps.commit(line.settings, *one, run_id="run")["outcome"], read))
    assert done[0] in ("committed", "superseded")
    assert done[1] == "committed"
    assert Catalog(line.settings.catalog).committed_seq(DAY) == newer["listing_seq"]
    assert set(line.states(DAY)) == {"a", "b"}


def test_a_drop_that_is_gone_is_said_and_nothing_is_rejected(line: HdfsLine) -> None:
    line.lay(DAY, {"a": dicom("1.9.1")})
    listing = steps.list_drop(line.settings, DAY)
    landing = storage(line.settings.landing)
    landing.rename_to(DAY, landing, "elsewhere")
    with pytest.raises(DropError, match=f"drop {DAY} gone after 1 of 2 files"):
        line.extract(listing)
    with pytest.raises(DropError, match="is not in the landing area"):
        steps.list_drop(line.settings, DAY)


def test_only_what_a_header_needs_is_read_of_a_file(hdfs_url: str) -> None:
    content = dicom("1.9.1", pixels=bytes(500_000))
    lay(hdfs_url, DAY, {"a": content})
    with storage(hdfs_url).open(f"{DAY}/a") as source:
        counted = Counting(source)
        assert read(counted).outcome == "record"
    assert counted.bytes <= 40 << 10


class Counting:
    """A source that adds up what is read of it."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.size, self.mtime, self.bytes = source.size, source.mtime, 0

    def read_at(self, offset: int, length: int) -> bytes:
        found: bytes = self._source.read_at(offset, length)
        self.bytes += len(found)
        return found


def test_starting_it_again_changes_nothing_and_a_taken_port_is_named(hdfs: Hdfs, tmp_path: Path) -> None:
    running = [hdfs.program(name) for name in ("namenode", "datanode")]
    hdfs.start()
    assert [hdfs.program(name) for name in ("namenode", "datanode")] == running
    taken = Hdfs(tmp_path / "other", hdfs.jars, HdfsPorts(hdfs.ports.hdfs, *range(20_001, 20_005)))
    with pytest.raises(SiteError, match=f"port {hdfs.ports.hdfs} is taken by another program: set DICOMDEX_HDFS_PORT"):
        taken.start()
    assert taken.program("namenode") is None


def test_its_logs_hold_no_path_of_a_file(hdfs: Hdfs, hdfs_url: str) -> None:
    lay(hdfs_url, DAY, {"DOE^JANE.dcm": b"x"})
    assert [entry.size for entry in storage(hdfs_url).walk("")] == [1, 0]
    assert not [name for name in ("namenode", "datanode") if "DOE" in hdfs.log(name).read_text()]
