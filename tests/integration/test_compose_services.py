"""Services of docker-compose.yaml by their own command, environment and health check; Celery with two workers."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from dicomdex import steps
from dicomdex.settings import Settings
from dicomdex_local import pids
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.follow import DAG_ID
from dicomdex_local.sample import lay_hospital
from dicomdex_local.sample_hospital import Truth
from tests.integration.containers import Containers
from tests.integration.line import runs_of, tasks_of
from tests.integration.waiting import wait_for, wait_for_run

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
WORKERS = ("worker", "worker2")
BATCH_FILES = 50
EXTRACTION = re.compile(r"task_id='extract'.*?map_index=(\d+)")


@pytest.fixture
def stores(tmp_path: Path, jars: Path) -> Iterator[Containers]:
    made = Containers(tmp_path, jars, "cluster")
    yield made
    made.stop()


def test_stores_and_clusters_run_by_the_commands_of_the_file(stores: Containers) -> None:
    for name in ("postgres", "redis", "zookeeper", "hdfs-format", "spark-master"):
        stores.start(name)
    for name in ("namenode", "datanode", "spark-worker"):
        stores.launch(name)
    for name in ("solr-security", "solr-security", "solr", "solr2"):  # security once more: harmless
        stores.start(name)
    for name in ("namenode", "datanode", "spark-worker"):
        stores.wait_well(name)
    every = [name for name in stores.programs if stores.services[name]["healthcheck"] != {"disable": True}]
    assert all(stores.is_well(name) for name in every)
    assert len(every) == 9
    stores.kill("redis")
    assert not stores.is_well("redis")


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[Containers]:
    """The services of the profile `core`, and another Celery worker."""
    variables = {"DICOMDEX_BATCH_FILES": str(BATCH_FILES)}
    made = Containers(tmp_path_factory.mktemp("core"), jars, "core", extra={"worker2": "worker"}, **variables)
    try:
        for name in ("postgres", "redis", "zookeeper", "solr-security", "init"):
            made.start(name)
        for name in ("solr", "page", *AIRFLOW, *WORKERS):
            made.launch(name)
        for name in ("solr", "page", *AIRFLOW, *WORKERS):
            made.wait_well(name)
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def rest(line: Containers) -> Iterator[AirflowRest]:
    users = json.loads((line.made.secrets / "airflow_users.json").read_text())
    password = next(user["password"] for user in users if user["username"] == "admin")
    with AirflowRest(f"http://{line.addresses['api-server']}:8080", "admin", password) as client:
        yield client


def settings_of(line: Containers) -> Settings:
    environment = line.environment("worker")
    fields = {f"DICOMDEX_{name.upper()}": name for name in Settings.model_fields}
    return Settings.load(**{fields[name]: value for name, value in environment.items() if name in fields})


def extractions(line: Containers, drop: str) -> dict[str, list[int]]:
    """Worker -> batches that it has taken of the run of a drop, as its log says."""
    found: dict[str, list[int]] = defaultdict(list)
    for worker in WORKERS:
        for said in line.log(worker).read_text(errors="replace").splitlines():
            match = EXTRACTION.search(said)
            if match and "Executing workload" in said and drop in said:
                found[worker].append(int(match[1]))
    return found


def stopped_in_mid_extraction(line: Containers, rest: AirflowRest, run_id: str) -> bool:
    """Whether the first worker is reading a batch just now; then it and all below it are left stopped."""
    begun = extractions(line, run_id)[WORKERS[0]]
    programs = pids.tree([line.programs[WORKERS[0]]]) if begun else []
    for program in programs:
        program.suspend()
    states = {task["map_index"]: task["state"] for task in tasks_of(rest, run_id, "extract")} if begun else {}
    if any(states.get(number) == "running" for number in begun):
        return True
    for program in programs:
        program.resume()
    return False


def ingested(line: Containers, rest: AirflowRest, run_id: str, drop: str, truth: Truth) -> None:
    run = wait_for_run(rest, DAG_ID, run_id)
    assert run["state"] == "success", line.tail("scheduler")
    settings = settings_of(line)
    assert steps.states(settings, drop) == truth
    assert steps.validate(settings, drop)["ok"]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_batches_of_one_drop_run_on_both_workers(line: Containers, rest: AirflowRest) -> None:
    day = date(2026, 1, 2)
    truth = lay_hospital(line.landing, instances=600, day=day)
    drop = day.isoformat()
    run_id = wait_for("a run", lambda: runs_of(rest, drop))[0]["dag_run_id"]
    ingested(line, rest, run_id, drop, truth)
    taken = extractions(line, run_id)
    assert set(taken) == set(WORKERS)
    assert sorted(number for numbers in taken.values() for number in numbers) == list(
        range(sum(map(len, taken.values())))
    )


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_batch_of_a_killed_worker_is_taken_over_by_the_other(line: Containers, rest: AirflowRest) -> None:
    day = date(2026, 1, 3)
    truth = lay_hospital(line.landing, instances=600, day=day)
    drop = day.isoformat()
    run_id = wait_for("a run", lambda: runs_of(rest, drop))[0]["dag_run_id"]
    wait_for("an extraction under way", lambda: stopped_in_mid_extraction(line, rest, run_id), every=0.1)
    line.kill(WORKERS[0])
    begun = extractions(line, run_id)[WORKERS[0]]
    ingested(line, rest, run_id, drop, truth)
    tries = {task["map_index"]: task["try_number"] for task in tasks_of(rest, run_id, "extract")}
    again = [number for number, count in tries.items() if count > 1]
    assert set(again) <= set(begun)
    assert set(again) <= set(extractions(line, run_id)[WORKERS[1]])
    assert again, os.linesep.join(map(str, begun))
