"""Sensing and listing over a `webhdfs` connection: several NameNodes, and files that are still being written."""

# The home of an Airflow of the tests' own comes before anything of Airflow.
from tests.plugins.airflow_home import HOME  # isort: skip

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.apache.hdfs.hooks.webhdfs import WebHDFSHook
from airflow.sdk.exceptions import AirflowException

from dicomdex import steps
from dicomdex.adapters.storage import Storage, WebHdfsStorage, storage
from dicomdex.adapters.storage_hdfs import client_of
from dicomdex.errors import StorageFault
from dicomdex.settings import Settings
from dicomdex_airflow.failures import plain_failures
from dicomdex_airflow.hooks.storage import StorageHook
from dicomdex_airflow.triggers.drop import _new_drops
from dicomdex_local.hdfs import DATANODE, NAMENODE, Hdfs
from tests.hdfs import areas, lay
from tests.unit.line import DAY, LATER, dicom

NAMES = {"a": b"1", "per%cent": b"22", "größe": b"333", "deep/er/plus+ ~;=": b"4444"}
BLOCK = 1 << 20


@pytest.fixture
def settings(hdfs: Hdfs, hdfs_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Landing area on HDFS, work area on a local disk; the connection names two NameNodes, of which one is away."""
    assert HOME.is_dir()
    where = {**areas(hdfs_url), "work": (tmp_path / "work").as_uri(), "catalog": (tmp_path / "catalog").as_uri()}
    for name, url in where.items():
        monkeypatch.setenv(f"DICOMDEX_{name.upper()}", url)
    namenodes = {"conn_type": "webhdfs", "host": "127.0.0.2,127.0.0.1", "port": hdfs.ports.hdfs_http}
    monkeypatch.setenv("AIRFLOW_CONN_HDFS_DEFAULT", json.dumps({**namenodes, "login": hdfs.user}))
    client_of(hdfs.url.removeprefix("hdfs://")).mkdirs(hdfs_url.partition(hdfs.url)[2] + "/landing", 0o755, True)
    return Settings.load()


@pytest.fixture
def landing(settings: Settings) -> Storage:
    """What sensing and listing look at."""
    return StorageHook().get_conn()


@pytest.fixture
def writing(hdfs: Hdfs, settings: Settings) -> Iterator[Callable[[str], Any]]:
    """Opens a file for writing, with blocks of 1 MB; closed at the end."""
    from hdfs_native import WriteOptions

    path, opened = settings.landing.partition(hdfs.url)[2], []

    def begin(name: str) -> Any:
        client = client_of(hdfs.url.removeprefix("hdfs://"))
        opened.append(client.create(f"{path}/{name}", WriteOptions(block_size=BLOCK)))
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


def sensed(settings: Settings) -> list[str]:
    return [drop["key"] for drop in steps.new_drops(settings, landing=StorageHook().get_conn())]


def test_the_connection_is_taken_and_a_namenode_that_is_away_is_passed_over(landing: Storage) -> None:
    assert isinstance(landing, WebHdfsStorage)
    assert landing.children("") == []


def test_it_lists_what_the_native_protocol_lists(settings: Settings, landing: Storage) -> None:
    lay(settings.landing, DAY, NAMES)
    native = storage(settings.landing)
    assert sorted(landing.walk(DAY), key=str) == sorted(native.walk(DAY), key=str)
    assert landing.children(DAY) == native.children(DAY)
    assert landing.stat(f"{DAY}/a") == native.stat(f"{DAY}/a")
    with landing.open(f"{DAY}/deep/er/plus+ ~;=") as source:
        assert source.read_at(1, 2) == b"44"


def test_a_directory_of_more_than_a_page_is_listed_once(settings: Settings, landing: Storage) -> None:
    lay(settings.landing, DAY, {f"{number:05d}": b"" for number in range(1200)})
    paths = [entry.path for entry in landing.walk(DAY)]
    assert (len(paths), len(set(paths))) == (1201, 1201)


def test_a_drop_is_sensed_by_the_trigger_and_the_listing_is_the_native_one(
    settings: Settings, landing: Storage
) -> None:
    lay(settings.landing, DAY, {"a": dicom("1.9.1")})
    lay(settings.landing, LATER, {"a": dicom("1.9.2")}, marker=False)
    assert {key for key, _ in _new_drops(StorageHook())} == {DAY}
    assert sensed(settings) == [DAY]
    steps.remember_drops(settings, steps.new_drops(settings, landing=landing))
    assert sensed(settings) == []
    assert (
        steps.list_drop(settings, DAY, landing=landing)["manifest_id"] == steps.list_drop(settings, DAY)["manifest_id"]
    )


def test_a_file_that_is_still_being_written_keeps_its_drop_back(
    settings: Settings, landing: Storage, writing: Callable[[str], Any]
) -> None:
    lay(settings.landing, DAY, {"a": b"closed", "empty": b""})
    target = writing(f"{DAY}/b")
    target.write(dicom("1.9.2"))
    entry = landing.stat(f"{DAY}/b")
    assert entry is not None
    assert entry.size == 0  # its first block is open: the listing knows nothing
    assert (sensed(settings), steps.complete_drop(settings, DAY, landing=landing)) == ([], None)
    target.close()
    assert sensed(settings) == [DAY]
    assert steps.complete_drop(settings, DAY, landing=landing) is not None


def test_a_file_is_recognised_in_any_of_its_blocks_and_when_it_is_appended_to(
    hdfs: Hdfs, settings: Settings, landing: Storage, writing: Callable[[str], Any]
) -> None:
    lay(settings.landing, DAY, {"old": b"closed long ago"})
    target = writing(f"{DAY}/long")
    target.write(bytes(BLOCK + 100_000))
    target.hsync()
    assert sensed(settings) == []
    target.close()
    assert sensed(settings) == [DAY]
    path = f"{settings.landing.partition(hdfs.url)[2]}/{DAY}/old"
    with client_of(hdfs.url.removeprefix("hdfs://")).append(path) as appended:
        appended.write(b", or not")
        appended.hsync()
        assert sensed(settings) == []
    assert sensed(settings) == [DAY]


def test_faults_over_webhdfs_are_named_too(hdfs: Hdfs, settings: Settings, landing: Storage) -> None:
    lay(settings.landing, DAY, {"DOE^JANE.dcm": dicom("1.9.1")})
    hdfs.kill(DATANODE)
    with (
        pytest.raises(StorageFault, match=r"HDFS does not answer|no DataNode") as fault,
        landing.open(f"{DAY}/DOE^JANE.dcm") as one,
    ):
        one.read_at(0, 10)
    assert "DOE" not in f"{fault.value!r}"
    hdfs.kill(NAMENODE)
    with pytest.raises(StorageFault, match=r"^HDFS does not answer$"):
        list(landing.walk(DAY))
    with pytest.raises(AirflowException, match="Failed to locate the valid server"), plain_failures():
        StorageHook().get_conn()
    hdfs.start()
    assert sensed(settings) == [DAY]


def test_permission_denied_over_webhdfs_is_named(
    hdfs: Hdfs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(settings.landing, DAY, {"a": dicom("1.9.1")})
    conn = {"conn_type": "webhdfs", "host": "127.0.0.1", "port": hdfs.ports.hdfs_http, "login": "mallory"}
    monkeypatch.setenv("AIRFLOW_CONN_HDFS_DEFAULT", json.dumps(conn))
    with pytest.raises(StorageFault, match="permission denied"):
        sensed(settings)
    path = f"{settings.landing.partition(hdfs.url)[2]}/{DAY}/more"
    monkeypatch.setenv("AIRFLOW_CONN_HDFS_DEFAULT", json.dumps({**conn, "login": hdfs.user}))
    WebHDFSHook("hdfs_default").get_conn().write(path, b"content", overwrite=False)
    assert storage(settings.landing).read_bytes(f"{DAY}/more") == b"content"
