"""Drops ingested again: by hand, by a backfill of days, with and without force. Nothing may change."""

from __future__ import annotations

from typing import Any

import pytest

from dicomdex import steps
from dicomdex.status import drops_status
from dicomdex_local.follow import DAG_ID
from tests.integration.line import FIRST_DAY, MISSING_DAY, SECOND_DAY, Line, runs_of, tasks_of
from tests.integration.waiting import ingest, wait_for, wait_for_run

BY_DATE = "ingest_by_date"


@pytest.fixture
def unchanged(line: Line):
    """Compares export and ledgers before and after the test."""
    export, ledgers = line.export(), drops_status(line.settings)
    assert export
    yield
    assert line.export() == export
    assert drops_status(line.settings) == ledgers


def known(line: Line, drop: str) -> set[str]:
    return {run["dag_run_id"] for run in runs_of(line.rest, drop)}


def outcome(line: Line, run_id: str) -> tuple[str, set[str]]:
    """What the commit of a run did, and the states of its extraction."""
    committed = line.rest.xcom(DAG_ID, run_id, "commit")["outcome"]
    return committed, {task["state"] for task in tasks_of(line.rest, run_id, "extract")}


@pytest.mark.usefixtures("unchanged")
def test_a_drop_started_again_by_its_key_is_not_read_again(line: Line) -> None:
    run = ingest(line.rest, FIRST_DAY)
    assert run["partition_key"] is None
    assert outcome(line, run["dag_run_id"]) == ("unchanged", {"skipped"})


@pytest.mark.usefixtures("unchanged")
def test_a_forced_drop_is_read_again_and_ends_the_same(line: Line) -> None:
    run = ingest(line.rest, FIRST_DAY, force=True)
    assert outcome(line, run["dag_run_id"]) == ("committed", {"success"})
    assert len(tasks_of(line.rest, run["dag_run_id"], "extract")) == len(line.tasks(FIRST_DAY, "extract"))
    assert " 0 posted, 0 deleted" in steps.run_record(line.settings, run["dag_run_id"])["applied"]


def backfilled(line: Line) -> list[dict[str, Any]]:
    return [run for run in line.rest.runs(BY_DATE) if run["run_type"] == "backfill"]


def backfill(line: Line, first: str, last: str, **conf: Any) -> dict[str, dict[str, Any]]:
    """Backfill these days and wait; partition key -> its finished run of `ingest_by_date`."""
    days = {"from_date": f"{first}T00:00:00Z", "to_date": f"{last}T23:59:59Z"}
    body = {"dag_id": BY_DATE, **days, "dag_run_conf": conf, "reprocess_behavior": "completed"}
    before = {run["dag_run_id"] for run in backfilled(line)}
    planned = [run["partition_key"] for run in line.rest.post("/backfills/dry_run", body)["backfills"]]
    # Airflow calls a backfill ended some 20 s after its last run, and refuses (409) another one of the DAG until then.
    wait_for("the end of earlier backfills", lambda: ended(line))
    line.rest.post("/backfills", body)

    def created() -> list[dict[str, Any]]:
        found = [run for run in backfilled(line) if run["dag_run_id"] not in before]
        return found if len(found) >= len(planned) else []

    runs = wait_for("the runs of the backfill", created)
    assert sorted(run["partition_key"] for run in runs) == sorted(planned)
    return {run["partition_key"]: wait_for_run(line.rest, BY_DATE, run["dag_run_id"]) for run in runs}


def ended(line: Line) -> bool:
    """Whether no backfill of the DAG is under way."""
    return all(one["completed_at"] for one in line.rest.get("/backfills", dag_id=BY_DATE)["backfills"])


def new_run(line: Line, drop: str, before: set[str]) -> str:
    """The id of the one new run of `ingest_drop` for a drop, after its success."""
    (run_id,) = wait_for(f"a run for {drop}", lambda: known(line, drop) - before)
    assert wait_for_run(line.rest, DAG_ID, run_id)["state"] == "success"
    return run_id


@pytest.mark.usefixtures("unchanged")
def test_a_backfill_of_days_ingests_those_that_are_there_and_skips_the_missing_one(line: Line) -> None:
    days = (FIRST_DAY, SECOND_DAY, MISSING_DAY)
    before = {day: known(line, day) for day in days}
    runs = backfill(line, FIRST_DAY, MISSING_DAY, missing="skip")
    assert {day: run["state"] for day, run in runs.items()} == dict.fromkeys(days, "success")
    tasks = {task["task_id"]: task["state"] for task in line.rest.tasks(BY_DATE, runs[MISSING_DAY]["dag_run_id"])}
    assert tasks == {"wait_for_drop": "skipped", "announce": "skipped"}
    for day in (FIRST_DAY, SECOND_DAY):
        assert outcome(line, new_run(line, day, before[day])) == ("unchanged", {"skipped"})
    assert {day: len(known(line, day) - before[day]) for day in days} == {FIRST_DAY: 1, SECOND_DAY: 1, MISSING_DAY: 0}


@pytest.mark.usefixtures("unchanged")
def test_a_forced_backfill_of_a_day_reads_its_files_again(line: Line) -> None:
    before = known(line, SECOND_DAY)
    runs = backfill(line, SECOND_DAY, SECOND_DAY, force=True)
    assert {day: run["state"] for day, run in runs.items()} == {SECOND_DAY: "success"}
    assert outcome(line, new_run(line, SECOND_DAY, before)) == ("committed", {"success"})


def test_a_backfill_of_a_missing_day_fails_where_none_may_be_missing(line: Line) -> None:
    before = known(line, MISSING_DAY)
    runs = backfill(line, MISSING_DAY, MISSING_DAY)
    assert {day: run["state"] for day, run in runs.items()} == {MISSING_DAY: "failed"}
    tasks = line.rest.tasks(BY_DATE, runs[MISSING_DAY]["dag_run_id"])
    tried = {task["task_id"]: (task["state"], task["try_number"]) for task in tasks}
    assert tried == {"wait_for_drop": ("failed", 1), "announce": ("upstream_failed", 0)}
    assert known(line, MISSING_DAY) == before
