"""Storages behind fsspec and WebHDFS do what the local one does."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hdfs.util import HdfsError

from dicomdex.adapters.hdfs_faults import hdfs_faults
from dicomdex.adapters.storage import (
    FsspecStorage,
    LocalStorage,
    Storage,
    WebHdfsStorage,
)
from dicomdex.adapters.storage_fsspec import nanoseconds
from dicomdex.errors import StorageFault, at


@pytest.fixture
def local(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path.as_uri())


@pytest.fixture
def memory() -> Iterator[FsspecStorage]:
    yield FsspecStorage("memory://work")
    fsspec.filesystem("memory").rm("/work", recursive=True)


@pytest.fixture(params=["local", "memory"])
def either(request: pytest.FixtureRequest) -> Storage:
    found: Storage = request.getfixturevalue(request.param)
    return found


def test_every_storage_writes_renames_lists_and_deletes_alike(either: Storage) -> None:
    assert either.create_exclusive("d/1.claim", b"")
    assert not either.create_exclusive("d/1.claim", b"")
    either.write_atomic("d/sub/x", b"one")
    either.write_atomic("d/sub/x", b"three")
    assert either.read_bytes("d/sub/x") == b"three"
    assert [(c.name, c.is_directory) for c in either.children("d")] == [("1.claim", False), ("sub", True)]
    assert sorted((e.path, e.size, e.kind) for e in either.walk("d")) == [
        ("d/1.claim", 0, "file"),
        ("d/sub/x", 5, "file"),
    ]
    either.rename_to("d/sub/x", either, "e/y")
    found = either.stat("e/y")
    assert found is not None
    assert found.size == 5
    assert found.mtime > 1_600_000_000 * 10**9
    assert not either.exists("d/sub/x")
    with either.open("e/y") as source:
        assert source.read_at(1, 3) == b"hre"
    with either.open_input("e/y") as whole:
        assert whole.read() == b"three"
    either.delete("e/y")
    either.delete("e/y")
    assert either.stat("e/y") is None
    with pytest.raises(FileNotFoundError):
        list(either.walk("nowhere"))
    with pytest.raises(FileNotFoundError):
        either.open("nowhere/f")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"modificationTime": 1_700_000_000_123}, 1_700_000_000_123_000_000),
        ({"modification_time": 1_700_000_000_123}, 1_700_000_000_123_000_000),
        ({"mtime": 1_700_000_000.123}, 1_700_000_000_123_000_000),
        ({}, 0),
    ],
)
def test_modification_times_come_in_nanoseconds(found: dict[str, Any], expected: int) -> None:
    assert nanoseconds(found) == expected


class HdfsClient:
    """The part of the `hdfs` package's client that is used, over a dict of paths to bytes."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def status(self, path: str, strict: bool = True) -> dict[str, Any] | None:
        if path in self.files:
            return self._status("", "FILE", len(self.files[path]))
        if any(name.startswith(f"{path.rstrip('/')}/") for name in self.files):
            return self._status("", "DIRECTORY", 0)
        if "/closed" in path:
            raise HdfsError(f"Permission denied: {path}", exception="AccessControlException")
        raise HdfsError(f"File does not exist: {path}", exception="FileNotFoundException")

    def list(self, path: str, status: bool = False) -> list[tuple[str, dict[str, Any]]]:
        inside = [name[len(path.rstrip("/")) + 1 :] for name in self.files if name.startswith(f"{path.rstrip('/')}/")]
        if path == "/down":
            raise HdfsError("SafeModeException: /down/DOE", exception="SafeModeException")
        if path == "/broken":
            raise ConnectionError("http://host/webhdfs/v1/broken/DOE")
        if not inside:
            raise HdfsError(f"File {path} does not exist.", exception="FileNotFoundException")
        names = {name.split("/")[0]: "/" in name for name in inside}
        return [(n, self._status(n, "DIRECTORY" if d else "FILE", 0 if d else 3)) for n, d in names.items()]

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Any:
        return io.BytesIO(self.files[path][offset:][:length])

    @staticmethod
    def _status(name: str, kind: str, length: int) -> dict[str, Any]:
        return {"pathSuffix": name, "type": kind, "length": length, "modificationTime": 1_700_000_000_123}


WEB = WebHdfsStorage(HdfsClient({"/land/d/_SUCCESS": b"", "/land/d/s/x": b"abc", "/land/d/é%": b"abc"}), "/land")


def test_webhdfs_lists_and_reads() -> None:
    assert sorted((e.path, e.size, e.mtime) for e in WEB.walk("d")) == [
        ("d/_SUCCESS", 3, 1_700_000_000_123_000_000),
        ("d/s/x", 3, 1_700_000_000_123_000_000),
        ("d/é%25", 3, 1_700_000_000_123_000_000),
    ]
    assert [(c.name, c.is_directory) for c in WEB.children("d")] == [("_SUCCESS", False), ("s", True), ("é%25", False)]
    with WEB.open("d/s/x") as source:
        assert source.read_at(1, 5) == b"bc"
    assert WEB.stat("d") is None
    assert WEB.exists("d")
    assert WEB.stat("d/none") is None


@pytest.mark.parametrize(("root", "error"), [("/absent", FileNotFoundError), ("/down", OSError), ("/broken", OSError)])
def test_errors_of_webhdfs_are_raised_without_the_path(root: str, error: type[OSError]) -> None:
    with pytest.raises(error) as failed:
        list(WebHdfsStorage(HdfsClient({}), root).walk(""))
    assert "DOE" not in str(failed.value)
    assert root not in str(failed.value)


def test_not_to_know_is_not_to_be_absent() -> None:
    with pytest.raises(StorageFault, match=r"^HDFS: permission denied"):
        WEB.stat("d/closed")
    with pytest.raises(StorageFault, match=r"^HDFS: permission denied"):
        WEB.exists("d/closed")


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError('RPCError("org.apache.hadoop.hdfs.server.namenode.SafeModeException", "/DOE")'), "safe mode"),
        (RuntimeError('RPCError("org.apache.hadoop.ipc.StandbyException", "/DOE")'), "not the active one"),
        (RuntimeError('RPCError("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException", "/DOE")'), "quota"),
        (RuntimeError('DataTransferError("All DataNodes failed: []")'), "no DataNode"),
        (RuntimeError('RPCError("org.apache.hadoop.x.OddException", "/DOE")'), "^HDFS: OddException$"),
        (OSError("Connection refused (os error 111)"), "^HDFS does not answer$"),
    ],
)
def test_a_fault_of_hdfs_has_a_name_and_no_path(error: Exception, sentence: str) -> None:
    with pytest.raises(StorageFault, match=sentence) as fault, hdfs_faults():
        raise error
    assert "DOE" not in f"{fault.value!r}"


def test_a_fault_keeps_its_name_when_its_file_is_named() -> None:
    named = at(StorageFault(errno.EAGAIN, "in safe mode"), "drop d, file f")
    assert (type(named), named.errno, str(named)) == (StorageFault, errno.EAGAIN, "in safe mode (drop d, file f)")
    assert type(at(OSError(errno.EIO, "broken"), "drop d")) is OSError


def test_a_name_that_the_webhdfs_client_would_replace_is_refused() -> None:
    with pytest.raises(ValueError, match="#LATEST"):
        WEB.stat("d/#LATEST")
