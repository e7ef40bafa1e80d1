"""kill -9 of whatever works, in the middle of its work: the run ends by itself, and ends like one never disturbed."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from dicomdex import steps
from dicomdex.adapters.solr import Solr
from dicomdex.crashpoint import VARIABLE
from dicomdex_airflow.spark import CONF
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.follow import DAG_ID
from dicomdex_local.sample import lay_hospital
from dicomdex_local.sample_hospital import Truth
from dicomdex_local.site import Site
from dicomdex_local.supervisor import COMPONENTS
from tests.integration import killing
from tests.integration.line import WRITTEN_BY, runs_of, tasks_of
from tests.integration.waiting import wait_for, wait_for_run, wait_for_task

INSTANCES = 400
BATCH_FILES = 100  # four batches a drop and more
POINT = "commit-committed"  # the catalog has the drop, nobody was told
UNDISTURBED = "undisturbed"  # alias of a collection that takes the same catalog versions without any kill

JAVA_OPTIONS = "spark.driver.extraJavaOptions"  # for a short life


@dataclass
class Hospital:
    """A site whose programs are killed, and the drops that were laid for it, one a day.

    While the file `armed` is there, the next task that comes to POINT is killed there, and takes it away.
    """

    site: Site
    rest: AirflowRest
    armed: Path
    truth: dict[str, Truth] = field(default_factory=dict)

    def lay(self, instances: int = INSTANCES) -> str:
        """Lay the drop of the next day; its key."""
        day = date(2026, 1, 2) + timedelta(days=len(self.truth))
        previous = day - timedelta(days=1) if self.truth else None
        self.truth[day.isoformat()] = lay_hospital(self.site.landing, instances=instances, day=day, previous=previous)
        return day.isoformat()

    def run_of(self, drop: str) -> str:
        """The run that sensing starts for a drop, as soon as it is there."""
        return str(wait_for(f"a run of {drop}", lambda: runs_of(self.rest, drop))[0]["dag_run_id"])

    def tries(self, run_id: str, task_id: str) -> list[int]:
        """How often each task instance was tried."""
        return [task["try_number"] for task in tasks_of(self.rest, run_id, task_id)]


@pytest.fixture(scope="module")
def hospital(make_site, tmp_path_factory):
    armed = tmp_path_factory.mktemp("crash") / "armed"
    site = make_site(DICOMDEX_BATCH_FILES=str(BATCH_FILES), **{VARIABLE: f"{POINT}@{armed}"})
    site.up()
    with site.airflow.rest() as rest:
        yield Hospital(site, rest, armed)
    site.down()


def export(site: Site, alias: str) -> list[dict[str, Any]]:
    """All documents behind an alias, sorted by id, without what says when and by whom they were written."""
    form = {"q": "*:*", "fl": "*", "sort": "id asc", "rows": "1000000", "wt": "json"}
    with Solr.of(site.settings()) as solr:
        documents = solr.request("POST", f"/{alias}/select", data=form)["response"]["docs"]
    return [{name: value for name, value in one.items() if name not in WRITTEN_BY} for one in documents]


def apply_undisturbed(site: Site) -> None:
    """Bring the other collection to the catalog's latest version, with nobody killing."""
    environment = {**site.environment(), "DICOMDEX_ALIAS": UNDISTURBED}
    command = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]"]
    command += ["--jars", environment["DICOMDEX_SPARK_JARS"], "--conf", f"{JAVA_OPTIONS}={CONF[JAVA_OPTIONS]}"]
    command += [str(Path(steps.__file__).parents[1] / "dicomdex_spark" / "apply_changes.py"), "--run", UNDISTURBED]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def assert_well(hospital: Hospital, run_id: str) -> None:
    """The run has succeeded, every file is in its true state, Solr is as it should be, and no program is left over."""
    site, settings = hospital.site, hospital.site.settings()
    run = wait_for_run(hospital.rest, DAG_ID, run_id)
    assert run["state"] == "success"
    for drop, truth in hospital.truth.items():
        assert steps.states(settings, drop) == truth
        verdict = steps.validate(settings, drop)
        assert verdict["ok"], verdict["sentence"]
    wait_for("the end of all orphans", lambda: not killing.orphans(site), limit=60)


def assert_as_if_undisturbed(hospital: Hospital, run_id: str) -> None:
    """All is well, and document by document the collection is the one that nobody disturbed; there is no other."""
    assert_well(hospital, run_id)
    site, alias = hospital.site, hospital.site.settings().alias
    apply_undisturbed(site)
    documents = export(site, alias)
    assert len(documents) > INSTANCES * len(hospital.truth)
    assert documents == export(site, UNDISTURBED)
    with Solr.of(site.settings()) as solr:
        aliases = solr.aliases()
        assert set(aliases) == {alias, UNDISTURBED}
        assert sorted(solr.collections()) == sorted(aliases.values())


def test_a_spark_driver_killed_in_its_first_application_leaves_a_collection_that_the_next_try_completes(hospital):
    run_id = hospital.run_of(hospital.lay())
    killing.kill(killing.stop_in_mid_apply(hospital.site))
    assert_as_if_undisturbed(hospital, run_id)
    assert hospital.tries(run_id, "apply") == [2]


def test_an_extraction_killed_with_its_watcher_is_missed_by_its_heartbeat_and_done_again(hospital):
    scheduler = killing.component(hospital.site, "scheduler")
    drop = hospital.lay()
    run_id = hospital.run_of(drop)
    index, programs = killing.stop_in_mid_extraction(hospital.site, hospital.rest, drop, run_id)
    killing.kill(programs)
    assert_well(hospital, run_id)
    tries = hospital.tries(run_id, "extract")
    assert len(tries) >= INSTANCES // BATCH_FILES
    assert tries == [2 if number == index else 1 for number in range(len(tries))]
    assert killing.component(hospital.site, "scheduler") == scheduler


@pytest.mark.long
def test_a_task_killed_at_a_crash_point_is_tried_again_by_airflow_and_ends_as_if_undisturbed(hospital):
    hospital.armed.touch()
    run_id = hospital.run_of(hospital.lay())
    assert_as_if_undisturbed(hospital, run_id)
    assert not hospital.armed.exists()
    assert hospital.tries(run_id, "commit") == [2]


@pytest.mark.long
def test_each_component_of_airflow_killed_while_a_drop_is_ingested_comes_back_and_the_run_goes_on(hospital):
    site = hospital.site
    run_id = hospital.run_of(hospital.lay())
    wait_for_task(hospital.rest, run_id, "extract", "running")
    for name in COMPONENTS:
        killing.kill([killing.component(site, name)])
        wait_for(f"another {name}", lambda name=name: killing.component(site, name))
    wait_for("a healthy Airflow", site.airflow.is_healthy)
    assert_well(hospital, run_id)


def test_solr_killed_with_documents_not_committed_comes_back_and_the_run_goes_on(hospital):
    run_id = hospital.run_of(hospital.lay())
    application = killing.stop_in_mid_apply(hospital.site)
    hospital.site.solr.kill()
    killing.resume(application)
    hospital.site.solr.start()
    assert_as_if_undisturbed(hospital, run_id)
