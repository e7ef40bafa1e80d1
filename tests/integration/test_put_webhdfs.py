"""PutDropOperator over a `webhdfs` connection: verified, marker last, gone on with, and no name in any log."""

# The home of an Airflow of the tests' own comes before anything of Airflow.
from tests.plugins.airflow_home import HOME  # isort: skip

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from structlog.testing import capture_logs

from dicomdex import steps
from dicomdex.adapters.storage import Storage, WebHdfsStorage, storage
from dicomdex.adapters.storage_hdfs import client_of
from dicomdex.extract.row import file_id
from dicomdex.settings import Settings
from dicomdex_airflow.hooks.storage import StorageHook
from dicomdex_airflow.operators.put import PutDropOperator
from dicomdex_local.hdfs import Hdfs
from tests.hdfs import areas
from tests.unit.line import DAY, dicom

CANARY = "DOE^JANE"
FILES = {
    f"{CANARY} 1.dcm": dicom("1.9.1"),
    "per%cent/größe +;~=.dcm": dicom("1.9.2"),
    "deep/er/large": bytes(range(256)) * 10_000,  # more than one piece
    "empty": b"",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a link and a marker of its own."""
    directory = tmp_path / "source"
    for name, content in {**FILES, "_SUCCESS": b"of the source"}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    (directory / "link").symlink_to("empty")
    return directory


@pytest.fixture
def landing(hdfs: Hdfs, hdfs_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Storage:
    """An empty landing area on HDFS, and the connection that leads there."""
    assert HOME.is_dir()
    where = {**areas(hdfs_url), "work": (tmp_path / "work").as_uri(), "catalog": (tmp_path / "catalog").as_uri()}
    for name, url in where.items():
        monkeypatch.setenv(f"DICOMDEX_{name.upper()}", url)
    connection = {"conn_type": "webhdfs", "host": "127.0.0.1", "port": hdfs.ports.hdfs_http, "login": hdfs.user}
    monkeypatch.setenv("AIRFLOW_CONN_HDFS_DEFAULT", json.dumps(connection))
    client_of(hdfs.url.removeprefix("hdfs://")).mkdirs(hdfs_url.partition(hdfs.url)[2] + "/landing", 0o755, True)
    return storage(where["landing"])


def put(source: Path, drop: str = DAY) -> dict[str, Any]:
    return PutDropOperator(task_id="put", directory=str(source), drop=drop).execute({})


def content(landing: Storage, drop: str = DAY) -> dict[str, bytes]:
    return {entry.path.removeprefix(f"{drop}/"): landing.read_bytes(entry.path) for entry in landing.walk(drop)}


EXPECTED = {"per%25cent/größe +;~=.dcm" if "per" in name else name: body for name, body in FILES.items()}


def test_a_directory_becomes_a_drop_that_the_sensor_sees_and_again_sends_nothing(
    landing: Storage, source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(StorageHook().get_conn(), WebHdfsStorage)
    with caplog.at_level(logging.DEBUG), capture_logs() as told:
        done = put(source)
        again = put(source)
    size = sum(len(body) for body in FILES.values())
    assert done == {"drop": DAY, "files": 4, "bytes": size, "sent": 4, "there": 0, "left_out": 1}
    assert again == {**done, "sent": 0, "there": 4}
    assert content(landing) == {**EXPECTED, "_SUCCESS": b""}
    assert [drop["key"] for drop in steps.new_drops(Settings.load(), landing=StorageHook().get_conn())] == [DAY]
    said = [record.getMessage() for record in caplog.records if not record.name.startswith("urllib3")]
    assert f"drop {DAY}: 4 files sent, 0 were there already, 1 are no regular files and were left out" in str(told)
    assert not [line for line in (*said, *map(str, told)) if CANARY in line]


def test_what_was_left_half_done_is_gone_on_with(landing: Storage, source: Path) -> None:
    landing.write_new(f"{DAY}/empty", [])
    landing.write_new(f"{DAY}/deep/er/.0123456789abcdef.part", [b"half"])
    assert put(source)["sent"] == 3
    assert content(landing) == {**EXPECTED, "_SUCCESS": b""}


def test_a_file_of_another_is_never_replaced_and_named_by_its_id_alone(landing: Storage, source: Path) -> None:
    name = f"{CANARY} 1.dcm"
    other = bytes(len(FILES[name]))
    landing.write_new(f"{DAY}/{name}", [other])
    with pytest.raises(AirflowException) as failed:
        put(source)
    known = file_id(DAY, f"{DAY}/{name}", None)
    assert str(failed.value) == (
        f"drop {DAY}: drop {DAY} is in the landing area with file {known}, which has other bytes: choose another key"
    )
    assert failed.value.__cause__ is None
    assert landing.read_bytes(f"{DAY}/{name}") == other
    assert not landing.exists(f"{DAY}/_SUCCESS")


def test_nothing_is_renamed_over_and_nothing_is_written_over(landing: Storage) -> None:
    over = StorageHook().get_conn()
    for name, body in (("a", b"1"), ("b", b"2")):
        over.write_new(name, [body])
    with pytest.raises(FileExistsError):
        over.rename_to("a", over, "b")
    with pytest.raises(FileExistsError):
        over.write_new("a", [b"3"])
    assert (over.create_exclusive("a", b""), over.create_exclusive("c", b"")) == (False, True)
    assert [landing.read_bytes(name) for name in "abc"] == [b"1", b"2", b""]
    over.delete("a")
    over.delete("a")
    assert not landing.exists("a")


def test_what_can_not_be_put_is_said(landing: Storage, source: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(AirflowException, match=f"^drop {DAY}: the directory to put is not there$"):
        put(tmp_path / "absent")
    with pytest.raises(AirflowException, match="the directory holds no file to put"):
        put(tmp_path / "nothing")
    with pytest.raises(AirflowFailException):
        put(source, drop="../x")


def test_a_source_that_fails_is_no_fault_of_hdfs(landing: Storage) -> None:
    def pieces() -> Any:
        yield b"1"
        raise OSError(116, "it has become shorter while it was sent")

    with pytest.raises(OSError, match="it has become shorter while it was sent"):
        StorageHook().get_conn().write_new("x", pieces())
