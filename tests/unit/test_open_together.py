"""Files are opened a window at a time and dated together, never before they are open."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from threading import Barrier

import pytest

from dicomdex.adapters.open_together import WINDOW, DatesTogether, OpenTogether
from dicomdex.adapters.storage_hdfs import HdfsStorage
from dicomdex.adapters.storage_s3 import S3Storage
from dicomdex.errors import StorageFault
from dicomdex.manifest import ManifestEntry

LIMIT = 60.0


class File:
    """Its content is its name; undated until the storage says so."""

    size = 20_000

    def __init__(self, path: str, mtime: int) -> None:
        self.path, self.mtime = path, mtime

    def read_at(self, offset: int, length: int) -> bytes:
        return (self.path.encode() * self.size)[offset : offset + length]

    def __enter__(self) -> File:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Remote:
    """Keeps what was asked for, and what was open when mtimes were."""

    def __init__(self, *, gone: str = "", down: bool = False, meeting: int = 1) -> None:
        self.opened: list[str] = []
        self.dated: list[tuple[set[str], set[str]]] = []
        self.alone: list[str] = []
        self._gone, self._down, self._meeting = gone, down, Barrier(meeting)

    def open(self, path: str) -> File:
        self.alone.append(path)
        return File(path, 5)

    def open_undated(self, path: str) -> File:
        self.opened.append(path)
        if path.startswith("together"):
            self._meeting.wait(LIMIT)
        if path == "bad":
            raise StorageFault(errno.EIO, "broken")
        return File(path, 9 if path.startswith("dated") else -1)

    def mtimes(self, paths: Iterable[str]) -> dict[str, int]:
        wanted = set(paths)
        self.dated.append((wanted, set(self.opened)))
        if self._down:
            raise StorageFault(errno.EIO, "down")
        return {path: 1_000 + len(path) for path in wanted if path != self._gone}


def entries(*paths: str, kind: str = "file", rule: str | None = None) -> list[ManifestEntry]:
    return [ManifestEntry(path, 20_000, 7, kind, rule, 0) for path in paths]


@pytest.fixture
def made() -> Iterator[list[OpenTogether]]:
    """Gives the threads back."""
    some: list[OpenTogether] = []
    yield some
    for together in some:
        together.close()


def opening(remote: Remote, made: list[OpenTogether], reads: int = 3) -> OpenTogether:
    made.append(OpenTogether(remote, reads))
    return made[-1]


def test_every_file_comes_with_its_bytes_and_the_mtime_asked_after_it_was_opened(made: list[OpenTogether]) -> None:
    remote = Remote()
    together, some = opening(remote, made), entries(*(f"{number}" for number in range(2 * WINDOW + 10)))
    together.begin(some)
    for entry in some:
        with together.open(entry) as source, together.open(entry) as again:
            assert source.read_at(0, 3) == (entry.path.encode() * 3)[:3]
            assert source.mtime == again.mtime == 1_000 + len(entry.path)
    assert sorted(remote.opened) == sorted(entry.path for entry in some)
    assert [len(wanted) for wanted, _ in remote.dated] == [WINDOW, WINDOW, 10]
    assert all(wanted <= opened for wanted, opened in remote.dated)
    assert remote.alone == []


def test_so_many_are_opened_at_the_same_time(made: list[OpenTogether]) -> None:
    together, some = opening(Remote(meeting=3), made), entries("together 1", "together 2", "together 3")
    together.begin(some)
    assert [together.open(entry).mtime for entry in some] == [1_010] * 3  # never comes where one waits for the other


def test_the_next_window_is_opened_while_one_is_read_and_no_other(made: list[OpenTogether]) -> None:
    remote = Remote()
    together, some = opening(remote, made), entries(*(f"{number}" for number in range(4 * WINDOW)))
    together.begin(some)
    together.open(some[0])
    together.open(some[WINDOW])
    together.open(some[2 * WINDOW - 1])
    together.close()
    assert set(remote.opened) <= {entry.path for entry in some[: 3 * WINDOW]}


def test_a_file_that_is_dated_already_is_not_asked_about(made: list[OpenTogether]) -> None:
    remote = Remote()
    together, some = opening(remote, made), entries("a", "dated", "c")
    together.begin(some)
    assert [together.open(entry).mtime for entry in some] == [1_001, 9, 1_001]
    assert [wanted for wanted, _ in remote.dated] == [{"a", "c"}]


def test_each_has_its_own_error(made: list[OpenTogether]) -> None:
    together, some = opening(Remote(gone="gone"), made), entries("a", "bad", "gone", "d")
    together.begin(some)
    assert together.open(some[0]).mtime == 1_001
    with pytest.raises(StorageFault, match="broken"):
        together.open(some[1])
    with pytest.raises(FileNotFoundError):
        together.open(some[2])
    with together.open(some[3]) as source:
        assert source.read_at(0, 1) == b"d"


def test_files_that_can_not_be_dated_are_not_handed_out(made: list[OpenTogether]) -> None:
    together, some = opening(Remote(down=True), made), entries("a", "b")
    together.begin(some)
    for entry in some:
        with pytest.raises(StorageFault, match="down"):
            together.open(entry)


def test_what_no_reader_opens_is_not_asked_for(made: list[OpenTogether]) -> None:
    remote = Remote()
    together, some = opening(remote, made), entries("a", "b")
    together.begin([*entries("marker", rule="marker"), *entries("link", kind="link"), *some])
    assert together.open(some[1]).mtime == 1_001
    assert sorted(remote.opened) == ["a", "b"]


def test_what_was_not_begun_or_is_wanted_once_more_is_opened_by_itself(made: list[OpenTogether]) -> None:
    remote = Remote()
    together, (first, second) = opening(remote, made), entries("a", "b")
    together.begin([first, second])
    assert [together.open(entry).mtime for entry in (first, second, first)] == [1_001, 1_001, 5]
    assert together.open(*entries("c")).mtime == 5
    assert remote.alone == ["a", "c"]


def test_a_new_slice_begins_anew(made: list[OpenTogether]) -> None:
    remote = Remote()
    together = opening(remote, made)
    together.begin(entries("a", "b"))
    together.open(*entries("a"))
    together.begin(entries("b", "c"))
    for entry in entries("b", "c"):
        assert together.open(entry).mtime == 1_001
    assert remote.alone == []


def test_hdfs_dates_together_and_an_object_store_does_not() -> None:
    assert isinstance(HdfsStorage("hdfs://127.0.0.1:1/x"), DatesTogether)
    assert not issubclass(S3Storage, DatesTogether)
