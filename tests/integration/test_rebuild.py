"""Collections through Airflow, on the shared site: rebuilt, rolled back and counted while people search.

At the end the alias shows the collection it has shown before, and no other is left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote

import pysolr
import pytest

from dicomdex import steps
from dicomdex.adapters.solr import Solr
from dicomdex.steps_retire import collections
from tests.integration.line import FIRST_DAY, Line
from tests.integration.waiting import wait_for, wait_for_run

REBUILD, ROLL_BACK = "rebuild_collection", "roll_back_collection"
RUN_LIMIT = 1200.0  # seconds: two Spark applications, on a machine where others work too


class Person(threading.Thread):
    """Asks the alias how many instances there are, again and again, as an outside client of Solr does."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        settings = line.settings
        assert settings.solr_password_file is not None
        login = (settings.solr_user, settings.solr_password_file.read_text().strip())
        self.client: Any = pysolr.Solr(f"{settings.solr_url}/{settings.alias}", auth=login, timeout=120)
        self.over = threading.Event()
        self.counts: set[int] = set()
        self.answers = 0
        self.failed: list[str] = []

    def run(self) -> None:
        """Ask until told to stop; a failure keeps its class alone."""
        while not self.over.is_set():
            try:
                self.counts.add(self.client.search("level:instance", rows=0).hits)
                self.answers += 1
            except Exception as error:  # noqa: BLE001 # whatever it is, a person got no answer
                self.failed.append(type(error).__name__)
            self.over.wait(0.05)  # a person, not a load test

    def stop(self) -> None:
        """No more questions."""
        self.over.set()
        self.join()


@pytest.fixture
def person(line: Line) -> Iterator[Person]:
    """A person who searches for as long as the test runs."""
    asks = Person(line)
    asks.start()
    yield asks
    asks.stop()


def shown(line: Line) -> str:
    with Solr.of(line.settings) as solr:
        return solr.aliases()[line.settings.alias]


def kept(line: Line) -> set[str]:
    return {one["name"] for one in collections(line.settings)}


def states(line: Line, dag_id: str, run_id: str) -> dict[str, str]:
    return {task["task_id"]: task["state"] for task in line.rest.tasks(dag_id, run_id)}


def log(line: Line, dag_id: str, run_id: str, task_id: str) -> str:
    path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/1"
    return json.dumps(line.rest.get(path, full_content=True)["content"])


def run_of(line: Line, dag_id: str, state: str = "success", **conf: Any) -> str:
    """Start a run and wait until it has ended in this state; its run id."""
    run_id = line.rest.trigger(dag_id, conf=conf)
    run = wait_for_run(line.rest, dag_id, run_id, RUN_LIMIT)
    assert run["state"] == state, states(line, dag_id, run_id)
    return run_id


def rebuilt(line: Line, before: str) -> str:
    """Rebuild, and see that it is said where people look; the collection that is shown now."""
    run_id = run_of(line, REBUILD)
    now = shown(line)
    assert now == line.rest.xcom(REBUILD, run_id, "plan")["collection"] != before
    assert set(states(line, REBUILD, run_id).values()) == {"success"}
    said = line.rest.xcom(REBUILD, run_id, "promote", "summary")
    assert said.startswith(f"{line.settings.alias} shows {now} at catalog version ")
    (event,) = line.rest.get("/assets/events", source_run_id=run_id, source_task_id="promote")["asset_events"]
    assert (event["name"], event["extra"]["summary"], event["extra"]["from"]) == ("dicom_shown", said, before)
    record = steps.run_record(line.settings, run_id)
    assert (record["dag_id"], record["verdict"]["ok"], record["promoted"]["ok"]) == (REBUILD, True, True)
    return now


def test_a_collection_is_rebuilt_and_rolled_back_while_people_search_and_nobody_notices(
    line: Line, person: Person
) -> None:
    before, documents = shown(line), line.export()
    instances = sum(one["level"] == "instance" for one in documents)
    after = rebuilt(line, before)
    assert line.export() == documents

    run_id = run_of(line, ROLL_BACK)
    assert shown(line) == before
    found = states(line, ROLL_BACK, run_id)
    assert found == {"find": "success", "promote": "success", "approve": "skipped", "point_back": "skipped"}
    assert line.export() == documents
    assert kept(line) == {before, after}

    person.stop()
    assert (person.failed, person.counts) == ([], {instances})
    assert person.answers > 100


def question(line: Line, run_id: str) -> dict[str, Any]:
    """What a person is asked, once the scheduler knows that the task waits.

    Airflow 3.3.2 fails a task that is answered before that, some 0.2 s after it has begun to wait.
    """
    path = f"/dags/{ROLL_BACK}/dagRuns/{quote(run_id, safe='')}/hitlDetails"
    waits = f"TaskInstance Finished: dag_id={ROLL_BACK}, task_id=approve, run_id={run_id}"
    wait_for("a question", lambda: waits in (line.site.run.logs / "scheduler.log").read_text(errors="replace"))
    (asked,) = line.rest.get(path)["hitl_details"]
    return dict(asked)


def answered(line: Line, collection: str, answer: str) -> dict[str, str]:
    """Roll back to a collection as it was, and answer; the states of the run's tasks."""
    run_id = line.rest.trigger(ROLL_BACK, conf={"collection": collection, "as_was": True})
    asked = question(line, run_id)
    assert asked["subject"] == f"Show {collection} as it was?"
    assert "0 drops differ from what is shown. Nothing is lost" in asked["body"]
    path = f"/dags/{ROLL_BACK}/dagRuns/{quote(run_id, safe='')}/taskInstances/approve/-1/hitlDetails"
    line.rest.request("PATCH", path, json={"chosen_options": [answer], "params_input": {}}).raise_for_status()
    assert wait_for_run(line.rest, ROLL_BACK, run_id)["state"] == "success"
    return states(line, ROLL_BACK, run_id)


def test_going_back_as_it_was_is_asked_for_and_done_only_when_approved(line: Line, person: Person) -> None:
    before, documents = shown(line), line.export()
    (other,) = kept(line) - {before}
    rejected = answered(line, other, "Reject")
    assert (rejected["promote"], rejected["approve"], rejected["point_back"]) == ("skipped", "success", "skipped")
    assert shown(line) == before
    for collection in (other, before):
        approved = answered(line, collection, "Approve")
        assert (approved["promote"], approved["approve"], approved["point_back"]) == ("skipped", "success", "success")
        assert shown(line) == collection
        assert line.export() == documents
    person.stop()
    assert (person.failed, len(person.counts)) == ([], 1)


def test_a_part_of_the_studies_never_takes_the_place_of_all(line: Line) -> None:
    before, there = shown(line), kept(line)
    run_id = run_of(line, REBUILD, "failed", date_from="2026-01-01")
    found = states(line, REBUILD, run_id)
    assert (found.pop("plan"), set(found.values())) == ("failed", {"upstream_failed"})
    assert "a part of the studies must not take its place" in log(line, REBUILD, run_id, "plan")
    assert (shown(line), kept(line)) == (before, there)


def test_a_dry_run_says_what_it_would_build_and_builds_nothing(line: Line) -> None:
    there = kept(line)
    run_id = run_of(line, REBUILD, dry_run=True)
    said = line.rest.xcom(REBUILD, run_id, "plan", "summary")
    assert said.startswith("would build ")
    found = states(line, REBUILD, run_id)
    assert (found["create"], found["index_all"], found["promote"], found["retire"]) == ("skipped",) * 4
    assert kept(line) == there


def test_a_recount_of_a_site_that_agrees_is_green_and_says_so_in_one_line(line: Line) -> None:
    run_id = run_of(line, "recount")
    assert line.rest.xcom("recount", run_id, "recount")["ok"]
    assert isinstance(line.rest.xcom("recount", run_id, "recount", "summary"), str)


def test_a_recount_that_finds_a_file_gone_fails_and_names_it_by_file_id_alone(line: Line) -> None:
    gone = next(one for one in line.documents() if one["level"] == "instance" and one["drop"] == [FIRST_DAY])
    file, away = line.site.landing / unquote(gone["path"]), line.site.run.root / "away"
    file.rename(away)
    try:
        run_id = run_of(line, "recount", "failed")
    finally:
        away.rename(file)
    said = log(line, "recount", run_id, "recount")
    assert f"gone files: expected 0, found 1; missing {gone['file_id']}" in said
    assert file.name not in said
    assert states(line, "recount", run_id) == {"files": "success", "mend": "skipped", "recount": "failed"}


def test_a_recount_that_is_asked_to_mend_puts_a_deleted_document_back(line: Line) -> None:
    before = line.export()
    with Solr.of(line.settings) as solr:
        solr.delete(shown(line), [before[0]["id"]])
        solr.commit(shown(line))
    run_id = run_of(line, "recount", mend=True)
    assert states(line, "recount", run_id) == dict.fromkeys(("files", "mend", "recount"), "success")
    assert line.export() == before


def test_what_is_not_kept_is_retired(line: Line) -> None:
    before = shown(line)
    others = kept(line) - {before}
    run_id = run_of(line, "retire_collections", keep=1)
    assert set(line.rest.xcom("retire_collections", run_id, "retire")["retired"]) == others
    assert kept(line) == {before}
    assert shown(line) == before
