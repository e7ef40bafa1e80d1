"""Fixtures of the plugin's tests: a site of three areas under tmp_path, and the context of a run."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors

from tests.plugins.airflow_home import migrated


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """The metadata database."""
    migrated()


@pytest.fixture(autouse=True)
def nothing_of_the_person(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the shell that runs the tests."""
    for name in [name for name in os.environ if name.startswith("DICOMDEX_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty landing area, to which the settings of the environment point."""
    for name in ("landing", "work", "catalog"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"DICOMDEX_{name.upper()}", (tmp_path / name).as_uri())
    return tmp_path / "landing"


class TaskInstance:
    """What the operators use of a task instance: it keeps what is pushed, and knows which runs have `ended`."""

    def __init__(self) -> None:
        self.pushed: dict[str, Any] = {}
        self.ended: set[tuple[str, str]] = set()  # DAG and run

    def get_dr_count(self, dag_id: str, run_ids: list[str], states: list[str]) -> int:
        return sum((dag_id, run_id) in self.ended for run_id in run_ids)

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


@pytest.fixture
def context() -> Callable[..., dict[str, Any]]:
    """Makes the context of a run that was due a minute ago."""

    def make(partition_key: str | None = None, events: list[dict[str, Any]] | None = None, **params: Any) -> Any:
        due = datetime.now(UTC) - timedelta(minutes=1)
        run = SimpleNamespace(partition_key=partition_key, run_after=due, run_id="manual__1", dag_id="some_dag")
        triggering = {Asset("dicom_drops"): [SimpleNamespace(extra=extra) for extra in events or []]}
        return {
            "dag_run": run,
            "run_id": run.run_id,
            "params": {"drop": "", "force": False, "allow_shrink": False, **params},
            "triggering_asset_events": triggering,
            "outlet_events": OutletEventAccessors(),
            "ti": TaskInstance(),
        }

    return make
