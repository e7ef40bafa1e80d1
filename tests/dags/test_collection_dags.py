"""The DAGs that work on collections: nothing is shown before it was checked, and their forms."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.dags import spark_submit
from tests.dags.test_dags import COLLECTION_DAGS, comes_before

SPARK = dict.fromkeys(("driver_memory", "executor_memory"), "") | dict.fromkeys(
    ("executor_cores", "cores", "shuffle_partitions", "records_a_batch"), 0
)
PARAMS = {
    "rebuild_collection": {
        "alias": "",
        "dry_run": False,
        "date_from": None,
        "date_to": None,
        "shards": 0,
        "replicas": 0,
        "force": False,
        **SPARK,
    },
    "roll_back_collection": {"collection": "", "as_was": False, "force": False, **SPARK},
    "retire_collections": {"alias": "", "keep": 0},
    "recount": {"mend": False, **SPARK},
}


def test_a_collection_is_planned_created_filled_checked_promoted_and_others_retired_in_this_order(dag_bag: Any) -> None:
    dag = dag_bag.dags["rebuild_collection"]
    order = ["plan", "create", "index_all", "check", "promote", "retire", "release"]
    assert sorted(dag.task_ids) == sorted(order)
    for earlier, later in pairwise(order):
        assert comes_before(dag, earlier, later), f"{earlier} must come before {later}"


def test_only_what_is_green_goes_on(dag_bag: Any) -> None:
    dag = dag_bag.dags["rebuild_collection"]
    assert {task.task_id for task in dag.tasks if task.trigger_rule != "all_success"} == {"release"}
    assert {task.trigger_rule for task in dag_bag.dags["roll_back_collection"].tasks} == {"all_success"}


def test_the_alias_is_given_back_however_a_rebuild_went_and_that_hides_no_failure(dag_bag: Any) -> None:
    dag = dag_bag.dags["rebuild_collection"]
    assert dag.get_task("release").is_teardown
    assert dag.get_task("plan").is_setup
    assert not dag.get_task("release").on_failure_fail_dagrun


def test_files_are_listed_without_the_slot_and_documents_are_counted_whether_mended_or_not(dag_bag: Any) -> None:
    dag = dag_bag.dags["recount"]
    assert sorted(dag.task_ids) == ["files", "mend", "recount"]
    assert (dag.get_task("files").mend, dag.get_task("files").recount) == ("mend", "recount")
    assert dag.get_task("recount").upstream_task_ids == {"files", "mend"}
    assert dag.get_task("recount").trigger_rule == "none_failed"


def test_a_person_is_asked_before_the_alias_goes_back_as_it_was(dag_bag: Any) -> None:
    dag = dag_bag.dags["roll_back_collection"]
    assert sorted(dag.task_ids) == ["approve", "find", "point_back", "promote"]
    assert dag.get_task("approve").downstream_task_ids == {"point_back"}
    assert not comes_before(dag, "promote", "point_back")
    assert (dag.get_task("find").as_was, dag.get_task("find").up_to_date) == ("approve", "promote")
    assert dag.get_task("approve").defaults is None, "no answer must never mean yes"


def test_whoever_moves_the_alias_or_deletes_collections_holds_the_slot(dag_bag: Any) -> None:
    pools = {f"{dag_id}.{task.task_id}": task.pool for dag_id in COLLECTION_DAGS for task in dag_bag.dags[dag_id].tasks}
    assert {task for task, pool in pools.items() if pool == "solr_writer"} == {
        "rebuild_collection.promote",
        "rebuild_collection.retire",
        "roll_back_collection.promote",
        "roll_back_collection.point_back",
        "retire_collections.retire",
        "recount.mend",
        "recount.recount",
    }
    assert {task for task, pool in pools.items() if pool == "spark"} == {"rebuild_collection.index_all"}


@pytest.mark.parametrize("dag_id", COLLECTION_DAGS)
def test_a_run_waits_for_the_one_before_it(dag_bag: Any, dag_id: str) -> None:
    assert dag_bag.dags[dag_id].max_active_runs == 1


def test_recount_runs_every_night_and_the_others_when_they_are_asked(dag_bag: Any) -> None:
    timetables = {dag_id: dag_bag.dags[dag_id].timetable.__class__.__name__ for dag_id in COLLECTION_DAGS}
    assert timetables == {**dict.fromkeys(COLLECTION_DAGS, "NullTimetable"), "recount": "CronTriggerTimetable"}


@pytest.mark.parametrize("dag_id", COLLECTION_DAGS)
def test_the_form_of_a_run(dag_bag: Any, dag_id: str) -> None:
    assert dag_bag.dags[dag_id].params.dump() == PARAMS[dag_id]


@pytest.mark.parametrize(
    ("dag_id", "name", "value"),
    [
        ("rebuild_collection", "alias", "a b"),
        ("rebuild_collection", "alias", "x" * 61),
        ("rebuild_collection", "shards", -1),
        ("rebuild_collection", "shards", "2"),
        ("rebuild_collection", "replicas", 17),
        ("rebuild_collection", "date_from", "01.02.2026"),
        ("rebuild_collection", "date_to", "2026-02-30"),
        ("rebuild_collection", "dry_run", "yes"),
        ("rebuild_collection", "driver_memory", "2g --jars x"),
        ("rebuild_collection", "executor_memory", "lots"),
        ("rebuild_collection", "shuffle_partitions", -1),
        ("roll_back_collection", "collection", "../dicom"),
        ("roll_back_collection", "as_was", 1),
        ("retire_collections", "keep", -1),
    ],
)
def test_the_form_refuses_what_makes_no_sense(dag_bag: Any, dag_id: str, name: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag_bag.dags[dag_id].params.get_param(name).resolve(value)


@pytest.mark.parametrize(("force", "argument"), [(True, "--force"), (False, "--no-force")])
def test_a_smaller_collection_is_promoted_only_when_that_is_asked_for(
    dag_bag: Any, monkeypatch: pytest.MonkeyPatch, force: bool, argument: str
) -> None:
    for variable, value in spark_submit.SITE.items():
        monkeypatch.setenv(variable, value)
    command = spark_submit.rendered(dag_bag.dags["rebuild_collection"], "promote", force=force).splitlines()
    assert [word for word in command if word.endswith("force")] == [argument]


@pytest.mark.parametrize(("records", "option"), [(1_000, "-XX:TieredStopAtLevel=1"), (1_000_000, "-XX:+UseParallelGC")])
def test_only_a_driver_that_lives_long_has_a_full_compiler(
    dag_bag: Any, monkeypatch: pytest.MonkeyPatch, records: int, option: str
) -> None:
    for variable, value in spark_submit.SITE.items():
        monkeypatch.setenv(variable, value)
    command = spark_submit.rendered(dag_bag.dags["rebuild_collection"], "index_all", files=records)
    assert f"spark.driver.extraJavaOptions={option} " in command


def test_the_asset_says_what_is_shown(dag_bag: Any) -> None:
    from dicomdex_airflow.flow import SHOWN

    outlets = {
        f"{dag_id}.{task.task_id}" for dag_id in COLLECTION_DAGS for task in dag_bag.dags[dag_id].tasks if task.outlets
    }
    assert outlets == {"rebuild_collection.promote", "roll_back_collection.promote", "roll_back_collection.point_back"}
    assert dag_bag.dags["rebuild_collection"].get_task("promote").outlets == [SHOWN]


def test_who_clears_a_task_and_what_follows_it_plans_anew_and_so_takes_the_alias(dag_bag: Any) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    dag = DagSerialization.from_dict(DagSerialization.to_dict(dag_bag.dags["rebuild_collection"]))
    cleared = dag.partial_subset(["check"], include_upstream=False, include_downstream=True).task_ids
    assert sorted(cleared) == ["check", "plan", "promote", "release", "retire"]
