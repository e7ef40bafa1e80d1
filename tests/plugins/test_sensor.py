"""DicomDropSensor: asks once, then defers; what a drop that does not come means."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, TaskDeferred

from dicomdex_airflow.sensors.drop import DicomDropSensor
from dicomdex_airflow.triggers.drop import DropTrigger

Context = Callable[..., dict[str, Any]]
FILE = {"type": "FILE", "length": 0, "modificationTime": 1000, "accessTime": 1000, "blockSize": 1024}


def sensor(**arguments: Any) -> DicomDropSensor:
    return DicomDropSensor(task_id="wait_for_drop", poke_interval=3, **arguments)


def test_a_drop_that_is_there_is_not_waited_for(landing: Path, context: Context) -> None:
    (landing / "2026-01-01").mkdir()
    (landing / "2026-01-01" / "_SUCCESS").touch()
    assert sensor().execute(context("2026-01-01")) == "2026-01-01"


def test_a_drop_that_is_not_there_is_waited_for_by_the_triggerer(landing: Path, context: Context) -> None:
    run = context("2026-01-01")
    with pytest.raises(TaskDeferred) as deferred:
        sensor(wait=timedelta(hours=1)).execute(run)
    assert isinstance(deferred.value.trigger, DropTrigger)
    assert deferred.value.method_name == "resume"
    assert deferred.value.trigger.serialize()[1] == {
        "drop": "2026-01-01",
        "until": run["dag_run"].run_after.timestamp() + 3600,
        "interval": 3.0,
        "conn_id": None,
    }


def test_how_long_is_the_setting_late(landing: Path, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOMDEX_LATE", "7200")
    run = context("2026-01-01")
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(run)
    assert deferred.value.trigger.until == run["dag_run"].run_after.timestamp() + 7200


def test_a_day_long_past_is_asked_for_once_and_fails(landing: Path, context: Context) -> None:
    with pytest.raises(AirflowSensorTimeout, match="drop 2026-01-01 did not come"):
        sensor(wait=timedelta(seconds=1)).execute(context("2026-01-01"))


def test_a_missing_day_may_be_skipped(landing: Path, context: Context) -> None:
    with pytest.raises(AirflowSkipException):
        sensor(wait=timedelta(0)).execute(context("2026-01-01", missing="skip"))


def test_the_answer_of_the_trigger_decides(landing: Path, context: Context) -> None:
    assert sensor().resume(context("2026-01-01"), {"arrived": True}) == "2026-01-01"
    with pytest.raises(AirflowSensorTimeout):
        sensor().resume(context("2026-01-01", missing="fail"), {"arrived": False})
    with pytest.raises(AirflowSkipException):
        sensor(missing="skip").resume(context("2026-01-01"), {"arrived": False})


def test_a_run_without_a_drop_fails_at_once(landing: Path, context: Context) -> None:
    with pytest.raises(AirflowFailException, match="no drop given"):
        sensor().execute(context())


def test_without_markers_even_a_late_drop_is_looked_at_twice(
    landing: Path, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMDEX_MARKER", "")
    (landing / "2026-01-01").mkdir()
    (landing / "2026-01-01" / "a.dcm").write_bytes(b"DICM")
    with pytest.raises(TaskDeferred):
        sensor(wait=timedelta(0)).execute(context("2026-01-01"))


class FakeNameNode(BaseHTTPRequestHandler):
    """WebHDFS as far as sensing needs it, over the files given to the server: path -> whether it is still open."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        path, asked = path.removeprefix("/webhdfs/v1"), parse_qs(query)["op"][0]
        inside = [one.rpartition("/")[2] for one in self.server.files if one.rpartition("/")[0] == path]
        if asked == "LISTSTATUS" and inside:
            self._answer(200, {"FileStatuses": {"FileStatus": [{"pathSuffix": name, **FILE} for name in inside]}})
        elif asked == "GETFILECHECKSUM" and self.server.files[path]:
            said = f"Fail to get checksum, since file {path} is under construction."
            self._answer(403, {"RemoteException": {"exception": "IOException", "message": said}})
        elif asked == "GETFILECHECKSUM":
            self._answer(200, {"FileChecksum": {"algorithm": "MD5", "bytes": "00", "length": 1}})
        elif path in ("", "/"):
            self._answer(200, {"FileStatus": {**FILE, "type": "DIRECTORY"}})
        elif path in self.server.files:
            self._answer(200, {"FileStatus": FILE})
        else:
            self._answer(404, {"RemoteException": {"exception": "FileNotFoundException", "message": "not there"}})

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps({**body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@pytest.fixture
def name_node(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """A server behind the connection `hdfs_default`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeNameNode)
    server.files = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    connection = {"conn_type": "webhdfs", "host": "127.0.0.1", "port": server.server_port, "login": "dicomdex"}
    monkeypatch.setenv("AIRFLOW_CONN_HDFS_DEFAULT", json.dumps(connection))
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("conn_id", ["hdfs_default", None])
@pytest.mark.parametrize(
    ("files", "arrived"),
    [
        ({"_SUCCESS": False, "a.dcm": False}, True),
        ({"_SUCCESS": False, "a.dcm": True}, False),
        ({"a.dcm": False}, False),
        ({}, False),
    ],
)
def test_a_webhdfs_connection_is_asked_through_the_providers_hook(
    landing: Path,
    context: Context,
    name_node: ThreadingHTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, bool],
    arrived: bool,
    conn_id: str | None,
) -> None:
    monkeypatch.setenv("DICOMDEX_LANDING", "hdfs://namenode:9000/dicom/in")
    name_node.files = {f"/dicom/in/2026-01-01/{name}": is_open for name, is_open in files.items()}
    assert sensor(conn_id=conn_id).poke(context("2026-01-01")) is arrived
