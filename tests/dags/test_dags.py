"""The DAGs: they load without reading anything, and say the right order, limits and forms."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.dags import spark_submit
from tests.plugins.airflow_home import ROOT

DROP_DAGS = ["ingest_by_date", "ingest_drop", "sense_drops"]
COLLECTION_DAGS = ["rebuild_collection", "recount", "retire_collections", "roll_back_collection"]
DAG_IDS = sorted(DROP_DAGS + COLLECTION_DAGS)
LINES_OF_A_SCREEN = 80


def comes_before(dag: Any, earlier: str, later: str) -> bool:
    return later in dag.get_task(earlier).get_flat_relative_ids(upstream=False)


def test_every_dag_loads(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert sorted(dag_bag.dags) == DAG_IDS


PARSE = """
import os, runpy, sys
import airflow.sdk, airflow.providers.apache.spark.operators.spark_submit, dicomdex_airflow.flow
import airflow.providers.standard.operators.hitl
import dicomdex_airflow.sensors.drop, dicomdex_airflow.operators.validate, dicomdex_airflow.operators.promote
allowed = (".py", ".pyc", ".so", "METADATA", "entry_points.txt")
def watch(event, args):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"{event} while a DAG is parsed")
    if event == "open" and isinstance(args[0], str) and not args[0].endswith(allowed):
        raise RuntimeError(f"open {args[0]} while a DAG is parsed")
sys.addaudithook(watch)
for path in sys.argv[1:]:
    runpy.run_path(path)
print("parsed")
"""


def parsed(*paths: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DICOMDEX_")}
    command = [sys.executable, "-c", PARSE, *paths]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_parsing_opens_no_file_and_no_socket_and_needs_no_setting() -> None:
    said = parsed(*(str(ROOT / "dags" / f"{dag_id}.py") for dag_id in DAG_IDS))
    assert said.stdout.endswith("parsed\n"), said.stderr


@pytest.mark.parametrize("line", ["open('/etc/hostname')", "__import__('socket').create_connection(('127.0.0.1', 1))"])
def test_a_dag_that_reads_or_connects_while_it_is_parsed_would_be_noticed(tmp_path: Path, line: str) -> None:
    (tmp_path / "eager.py").write_text(line)
    assert "while a DAG is parsed" in parsed(str(tmp_path / "eager.py")).stderr


def test_a_drop_is_listed_extracted_committed_applied_and_validated_in_this_order(dag_bag: Any) -> None:
    dag = dag_bag.dags["ingest_drop"]
    order = ["manifest", "extract", "commit", "apply", "validate"]
    assert sorted(dag.task_ids) == sorted(order)
    for earlier, later in pairwise(order):
        assert comes_before(dag, earlier, later), f"{earlier} must come before {later}"


def test_a_drop_is_announced_before_it_is_remembered(dag_bag: Any) -> None:
    assert comes_before(dag_bag.dags["sense_drops"], "announce", "remember")
    assert comes_before(dag_bag.dags["ingest_by_date"], "wait_for_drop", "announce")


def test_a_drop_without_batches_is_committed_all_the_same(dag_bag: Any) -> None:
    dag = dag_bag.dags["ingest_drop"]
    assert dag.get_task("commit").trigger_rule == "none_failed"
    assert {task.trigger_rule for task in dag.tasks if task.task_id != "commit"} == {"all_success"}


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_task_is_tried_again_and_ends_in_time(dag_bag: Any, dag_id: str) -> None:
    for task in dag_bag.dags[dag_id].tasks:
        assert task.owner == "dicomdex", task.task_id
        if task.task_id == "approve":  # a person is asked once, and has a day
            assert (task.retries, task.response_timeout, task.execution_timeout) == (0, timedelta(days=1), None)
            continue
        assert 2 <= task.retries <= 3, task.task_id
        assert task.retry_delay == timedelta(seconds=5), task.task_id
        assert task.execution_timeout is not None, task.task_id


def test_extraction_and_writing_to_solr_have_pools(dag_bag: Any) -> None:
    pools = {task.task_id: task.pool for task in dag_bag.dags["ingest_drop"].tasks}
    assert pools == {
        "manifest": "default_pool",
        "extract": "extract",
        "commit": "default_pool",
        "apply": "solr_writer",
        "validate": "solr_writer",
    }
    assert dag_bag.dags["ingest_drop"].max_active_runs == 2
    assert dag_bag.dags["sense_drops"].max_active_runs == 1


@pytest.mark.parametrize("dag_id", DAG_IDS)
def test_every_dag_explains_itself_on_one_screen(dag_bag: Any, dag_id: str) -> None:
    dag = dag_bag.dags[dag_id]
    assert dag.doc_md.startswith("# ")
    assert "dicomdex" in dag.tags
    assert dag.dag_display_name != dag_id
    assert len((ROOT / "dags" / f"{dag_id}.py").read_text().splitlines()) <= LINES_OF_A_SCREEN


def test_the_form_of_a_run(dag_bag: Any) -> None:
    form = {dag_id: dag_bag.dags[dag_id].params for dag_id in DROP_DAGS}
    sizes = {"driver_memory": "", "executor_memory": "", "executor_cores": 0, "cores": 0}
    cuts = {"shuffle_partitions": 0, "records_a_batch": 0}
    assert set(form["ingest_by_date"]) == {"drop", "force", "allow_shrink", "missing"}
    assert form["ingest_drop"].dump() == {
        "drop": "",
        "force": False,
        "allow_shrink": False,
        **sizes,
        **cuts,
    }
    assert form["ingest_by_date"]["missing"] == "fail"


@pytest.mark.parametrize(
    ("name", "value"),
    [("drop", "a/b"), ("drop", "x" * 101), ("force", "yes"), ("driver_memory", "1g -jar"), ("driver_memory", "0g")],
)
def test_the_form_refuses_what_makes_no_sense(dag_bag: Any, name: str, value: Any) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dag_bag.dags["ingest_drop"].params.get_param(name).resolve(value)


def test_the_daily_dag_asks_at_midnight_for_yesterday(dag_bag: Any) -> None:
    import pendulum
    from airflow.serialization.encoders import coerce_to_core_timetable

    timetable = coerce_to_core_timetable(dag_bag.dags["ingest_by_date"].timetable)
    days = timetable.iter_partition_dagrun_infos(
        earliest=pendulum.datetime(2026, 11, 18), latest=pendulum.datetime(2026, 11, 20)
    )
    assert [day.partition_key for day in days] == ["2026-11-18", "2026-11-19", "2026-11-20"]
    date, key = timetable._get_partition_info(pendulum.datetime(2026, 11, 21))
    assert (date, key) == (pendulum.datetime(2026, 11, 20), "2026-11-20")


def test_a_new_site_does_not_begin_with_a_run_for_a_day_that_is_over(dag_bag: Any) -> None:
    assert dag_bag.dags["ingest_by_date"].start_date is None
    assert dag_bag.dags["ingest_by_date"].catchup is False


def test_the_assets_join_the_dags(dag_bag: Any) -> None:
    from dicomdex_airflow.flow import DROPS, INDEXED

    dags = dag_bag.dags
    assert dags["sense_drops"].get_task("announce").outlets == [DROPS]
    assert dags["ingest_by_date"].get_task("announce").outlets == [DROPS]
    assert dags["ingest_drop"].get_task("validate").outlets == [INDEXED]
    assert "dicom_drops" in repr(dags["ingest_drop"].timetable.asset_condition)


@pytest.mark.parametrize("name", sorted(spark_submit.GOLDEN))
def test_spark_is_submitted_as_the_golden_file_says(dag_bag: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in spark_submit.SITE.items():
        monkeypatch.setenv(variable, value)
    dag_id, task_id = spark_submit.GOLDEN[name]
    golden = spark_submit.golden_file(name).read_text(encoding="utf-8")
    assert spark_submit.rendered(dag_bag.dags[dag_id], task_id) == golden, "if this is meant: make golden"


@pytest.mark.parametrize(
    ("files", "chosen", "expected"),
    [
        (1_000, {}, {"driver.memory": "1g", "executor.memory": "1g", "executor.cores": "1", "cores.max": "2"}),
        (2_000_000, {}, {"driver.memory": "3g", "executor.memory": "2g", "executor.cores": "2", "cores.max": "16"}),
        (2_000_000, {"executor_memory": "6g", "cores": 4}, {"executor.memory": "6g", "cores.max": "4"}),
        (1_000, {"shuffle_partitions": 40}, {"dicomdex.shufflePartitions": "40", "dicomdex.recordsPerBatch": "0"}),
    ],
)
def test_spark_is_as_big_as_the_drop_asks_for_or_as_the_form_says(
    dag_bag: Any, monkeypatch: pytest.MonkeyPatch, files: int, chosen: dict[str, Any], expected: dict[str, str]
) -> None:
    for variable, value in spark_submit.SITE.items():
        monkeypatch.setenv(variable, value)
    command = spark_submit.rendered(dag_bag.dags["ingest_drop"], "apply", files=files, **chosen).splitlines()
    conf = dict(word.removeprefix("spark.").split("=", 1) for word in command if word.startswith("spark."))
    assert {name: conf[name] for name in expected} == expected


def test_the_file_with_solrs_password_is_sent_along_where_the_site_says_so(
    dag_bag: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {**spark_submit.SITE, "DICOMDEX_SPARK_FILES": "/run/secrets/solr"}.items():
        monkeypatch.setenv(variable, value)
    command = spark_submit.rendered(dag_bag.dags["ingest_drop"], "apply").splitlines()
    assert command[command.index("--files") + 1] == "/run/secrets/solr"
