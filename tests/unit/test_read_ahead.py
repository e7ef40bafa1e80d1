"""Remote files are opened before they are read, in their order and so many at a time."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from dicomdex.adapters.read_ahead import ReadAhead
from dicomdex.adapters.storage import Storage
from dicomdex.errors import StorageFault
from dicomdex.manifest import ManifestEntry

LIMIT = 60.0


class Remote:
    """A storage whose files are their own names, over and over; it counts who is open at the same time."""

    def __init__(self, *, together: int = 1, whole_objects: bool = False) -> None:
        self.whole_objects = whole_objects
        self.opened: list[str] = []
        self.reads: list[tuple[str, int, int]] = []
        self.closed: list[str] = []
        self._meeting = threading.Barrier(together)

    def open(self, path: str) -> Any:
        self.opened.append(path)
        if path.startswith("together"):
            self._meeting.wait(LIMIT)
        if path == "bad":
            raise StorageFault(errno.EIO, "down")
        return RemoteFile(self, path)


class RemoteFile:
    size, mtime = 100_000, 7

    def __init__(self, remote: Remote, path: str) -> None:
        self._remote, self._path = remote, path

    def read_at(self, offset: int, length: int) -> bytes:
        self._remote.reads.append((self._path, offset, length))
        return (self._path.encode() * self.size)[offset : offset + length]

    def __enter__(self) -> RemoteFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._remote.closed.append(self._path)


def entries(*paths: str, **how: Any) -> list[ManifestEntry]:
    return [ManifestEntry(path, 100_000, 7, how.get("kind", "file"), how.get("rule"), 0) for path in paths]


@pytest.fixture
def made() -> Iterator[list[ReadAhead]]:
    """Gives the threads back."""
    some: list[ReadAhead] = []
    yield some
    for ahead in some:
        ahead.close()


def ahead_of(remote: Remote, made: list[ReadAhead], reads: int = 3) -> ReadAhead:
    made.append(ReadAhead(cast(Storage, remote), reads))
    return made[-1]


def test_so_many_are_asked_for_at_the_same_time(made: list[ReadAhead]) -> None:
    remote = Remote(together=3)
    ahead, some = ahead_of(remote, made), entries("together 1", "together 2", "together 3")
    ahead.begin(some)
    for entry in some:
        with ahead.open(entry) as source:  # never comes where one is opened after the other
            assert source.read_at(0, 10) == entry.path.encode()
    assert sorted(remote.closed) == [entry.path for entry in some]


def test_the_first_bytes_are_there_and_the_rest_is_asked_for_when_it_is_needed(made: list[ReadAhead]) -> None:
    remote = Remote()
    ahead, (entry,) = ahead_of(remote, made), entries("x")
    ahead.begin([entry])
    with ahead.open(entry) as source:
        assert (source.size, source.mtime) == (100_000, 7)
        assert source.read_at(100, 16_000) == b"x" * 16_000
        assert remote.reads == [("x", 0, 16_384)]
        assert source.read_at(16_000, 1_000) == b"x" * 1_000
    assert remote.reads == [("x", 0, 16_384), ("x", 16_000, 1_000)]


def test_what_no_reader_opens_is_not_asked_for_and_what_it_skips_is_left(made: list[ReadAhead]) -> None:
    remote = Remote()
    ahead, some = ahead_of(remote, made), entries("a", "b", "c", "d")
    ahead.begin([*entries("marker", rule="marker"), *entries("link", kind="link"), *some])
    with ahead.open(some[2]) as source:
        assert source.read_at(0, 1) == b"c"
    with ahead.open(some[3]) as source:
        assert source.read_at(0, 1) == b"d"
    assert not {"marker", "link"} & set(remote.opened)


def test_an_error_comes_with_the_file_that_it_is_about(made: list[ReadAhead]) -> None:
    ahead, some = ahead_of(Remote(), made), entries("a", "bad", "c")
    ahead.begin(some)
    with ahead.open(some[0]):
        pass
    with pytest.raises(StorageFault, match="down"):
        ahead.open(some[1])
    with ahead.open(some[2]) as source:
        assert source.read_at(0, 1) == b"c"


@pytest.mark.parametrize(("whole_objects", "opened"), [(False, 2), (True, 1)])
def test_the_second_look_at_a_file_is_in_earnest_unless_it_can_not_have_changed(
    made: list[ReadAhead], whole_objects: bool, opened: int
) -> None:
    remote = Remote(whole_objects=whole_objects)
    ahead, (entry,) = ahead_of(remote, made), entries("x")
    ahead.begin([entry])
    with ahead.open(entry), ahead.open(entry) as again:
        assert again.size == 100_000
    assert remote.opened == ["x"] * opened


def test_a_new_slice_begins_anew(made: list[ReadAhead]) -> None:
    remote = Remote()
    ahead = ahead_of(remote, made)
    ahead.begin(entries("a", "b"))
    with ahead.open(entries("a")[0]):
        pass
    ahead.begin(entries("b", "c"))
    for entry in entries("b", "c"):
        with ahead.open(entry) as source:
            assert source.read_at(0, 1) == entry.path.encode()
