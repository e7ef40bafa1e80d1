"""The DAGs run in this process, by Airflow's own `dag.test()`, over the real steps; Spark and Solr are left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from tests.plugins.airflow_home import ROOT

KEY = "2026-01-01"
WITHOUT_SOLR = "apply|validate"


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A landing area with one drop of three files and a marker, in batches of two."""
    for name in ("landing", "work", "catalog"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(f"DICOMDEX_{name.upper()}", (tmp_path / name).as_uri())
    monkeypatch.setenv("DICOMDEX_BATCH_FILES", "2")
    drop = tmp_path / "landing" / KEY
    drop.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm"):
        shutil.copy(str(get_testdata_file(name)), drop / name)
    (drop / "_SUCCESS").touch()
    return tmp_path / "landing"


def states(run: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for instance in run.get_task_instances():
        found.setdefault(instance.task_id, []).append(str(instance.state))
    return found


def xcom(run: Any, task_id: str, key: str = "return_value") -> Any:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        query = XComModel.get_many(run_id=run.run_id, dag_ids=run.dag_id, task_ids=task_id, key=key)
        return [XComModel.deserialize_value(row) for row in session.scalars(query)]


def run_of(dag_id: str, **conf: Any) -> Any:
    """Run a DAG that is parsed anew: `dag.test()` writes the run's conf into the DAG's own Params."""
    from airflow.dag_processing.dagbag import DagBag

    dag = DagBag(str(ROOT / "dags"), bundle_name="testing").dags[dag_id]
    return dag.test(run_conf=conf, mark_success_pattern=WITHOUT_SOLR)


def test_a_drop_is_extracted_in_labelled_batches_and_committed(airflow_db: None, landing: Path) -> None:
    run = run_of("ingest_drop", drop=KEY)
    assert run.state == "success"
    assert states(run)["extract"] == ["success", "success"]
    labels = [ti.rendered_map_index for ti in run.get_task_instances() if ti.task_id == "extract"]
    assert sorted(labels) == ["batch 1 of 2, 2 files", "batch 2 of 2, 2 files"]
    (done,) = xcom(run, "commit")
    assert (done["outcome"], done["rows"]) == ("committed", 4)


def test_an_unchanged_drop_skips_extraction_and_still_ends_well(airflow_db: None, landing: Path) -> None:
    run_of("ingest_drop", drop=KEY)
    again = run_of("ingest_drop", drop=KEY)
    assert again.state == "success"
    assert states(again)["extract"] == ["skipped"]
    assert xcom(again, "commit")[0]["outcome"] == "unchanged"


def test_a_run_without_a_drop_fails_in_its_first_task_without_another_try(airflow_db: None, landing: Path) -> None:
    run = run_of("ingest_drop")
    assert run.state == "failed"
    assert states(run)["manifest"] == ["failed"]
    assert states(run)["commit"] == ["upstream_failed"]


def test_new_drops_are_announced_as_partitions_and_then_remembered(airflow_db: None, landing: Path) -> None:
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    run = run_of("sense_drops")
    assert states(run) == {"announce": ["success"], "remember": ["success"]}
    with create_session() as session:
        query = select(AssetEvent.partition_key).where(AssetEvent.source_run_id == run.run_id)
        assert list(session.scalars(query)) == [KEY]
    nothing_new = run_of("sense_drops")
    assert states(nothing_new) == {"announce": ["skipped"], "remember": ["skipped"]}


def test_a_missing_day_may_be_skipped_and_is_not_announced(
    airflow_db: None, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMDEX_LATE", "0")
    there = run_of("ingest_by_date", drop=KEY)
    assert states(there) == {"wait_for_drop": ["success"], "announce": ["success"]}
    skipped = run_of("ingest_by_date", drop="2026-01-02", missing="skip")
    assert states(skipped) == {"wait_for_drop": ["skipped"], "announce": ["skipped"]}
    failed = run_of("ingest_by_date", drop="2026-01-02")
    assert states(failed) == {"wait_for_drop": ["failed"], "announce": ["upstream_failed"]}
