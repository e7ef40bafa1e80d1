"""Following the runs of drops."""

import io

import pytest
from rich.console import Console

from dicomdex_local.follow import DAG_ID, Follower, RunView, failures, progress, view

EARLY, LATE = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
NOON = 1767268800.0  # of 2026-01-01


def run(drop, state="running", queued=LATE, run_id=None):
    return {
        "dag_run_id": run_id or f"run of {drop}",
        "partition_key": drop,
        "conf": {},
        "state": state,
        "queued_at": queued,
        "run_after": queued,
    }


def task(task_id, state, map_index=-1, try_number=1):
    return {"task_id": task_id, "state": state, "map_index": map_index, "try_number": try_number}


class Airflow:
    """As much of the REST client as following needs; runs newest first."""

    def __init__(self, *runs, tasks=()):
        self.known = list(runs)
        self.instances = list(tasks)
        self.triggered = []

    def runs(self, dag_id):
        assert dag_id == DAG_ID
        return self.known

    def tasks(self, _dag_id, _run_id):
        return self.instances

    def trigger(self, _dag_id, *, partition_key):
        self.triggered.append(partition_key)
        self.known.insert(0, run(partition_key, "success", run_id="again"))


def test_a_stage_of_several_batches_says_how_many_are_done():
    tasks = [task("manifest", "success"), task("extract", "success", 0), task("extract", "running", 1)]
    seen = view("a", run("a"), [*tasks, task("commit", None), task("apply", None), task("validate", None)])
    assert (seen.stage, seen.done, seen.total, seen.finished) == ("extract 1/2", 2, 6, False)


def test_a_finished_run_says_how_it_ended():
    assert view("a", run("a", "failed"), [task("manifest", "failed")]).stage == "failed"


def test_a_skipped_task_is_done():
    assert view("a", run("a"), [task("manifest", "success"), task("extract", "skipped")]).done == 2


def test_the_latest_run_of_a_drop_counts():
    airflow = Airflow(run("a", "success", run_id="new"), run("a", "failed", EARLY, run_id="old"))
    assert [v.run_id for v in Follower(airflow, ["a"], since=NOON).look()] == ["new"]


def test_a_run_started_by_param_is_found():
    by_hand = {**run(None, "success"), "conf": {"drop": "a"}}
    assert Follower(Airflow(by_hand), ["a"], since=NOON).look()[0].state == "success"


def test_a_drop_that_failed_in_an_earlier_session_is_started_again_once():
    airflow = Airflow(run("a", "failed", EARLY))
    shown = []
    views = Follower(airflow, ["a"], since=NOON).follow(shown.append)
    assert airflow.triggered == ["a"]
    assert [(v.run_id, v.state) for v in views] == [("again", "success")]


def test_a_drop_that_failed_now_is_not_started_again():
    airflow = Airflow(run("a", "failed", LATE))
    assert Follower(airflow, ["a"], since=NOON).follow(lambda _: None)[0].state == "failed"
    assert airflow.triggered == []


def test_runs_of_an_earlier_delivery_do_not_count():
    assert Follower(Airflow(run("a", "success", EARLY)), ["a"], since=NOON, fresh=NOON).look() == [RunView("a")]


def test_a_failed_task_is_named_with_its_run_and_its_log():
    airflow = Airflow(tasks=[task("manifest", "success"), task("extract", "failed", 2, 3), task("commit", "failed")])
    assert list(failures(airflow, RunView("a", "r1", "failed"))) == [
        "a: task extract [2] failed; log: dag_id=ingest_drop/run_id=r1/task_id=extract/map_index=2/attempt=3.log",
        "a: task commit failed; log: dag_id=ingest_drop/run_id=r1/task_id=commit/attempt=1.log",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_without_a_terminal_there_is_one_line_a_stage_and_no_control_codes(terminal):
    out = io.StringIO()
    with progress(Console(file=out, force_terminal=terminal, width=100)) as show:
        for done in range(3):
            show(RunView("a", "r", "running", f"extract {done}/3", done, 6))
        show(RunView("a", "r", "success", "success", 6, 6))
    assert ("\x1b" in out.getvalue()) is terminal
    if not terminal:
        assert out.getvalue() == "  a  extract 0/3\n  a  success\n"
