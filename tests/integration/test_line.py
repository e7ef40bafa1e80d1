"""From marker to validated counts: every file against the truth, and what a person is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from dicomdex import steps
from dicomdex.status import site_status
from dicomdex_local.follow import STAGES
from dicomdex_local.report import differences, totals
from tests.integration.line import (
    FIRST_DAY,
    INSTANCES,
    MISSING_DAY,
    ONLY_MARKER,
    ONLY_REJECTS,
    PYDICOM,
    SECOND_DAY,
    UNFINISHED,
    Line,
    counted,
    files_of,
    tasks_of,
    verdicts,
)
from tests.integration.waiting import wait_for_run

DROPS = (PYDICOM, FIRST_DAY, SECOND_DAY, ONLY_REJECTS, ONLY_MARKER)
LEVELS = ("study", "series", "instance", "copy")


@pytest.mark.parametrize("drop", DROPS)
def test_a_marker_starts_one_run_of_which_every_task_succeeds(line: Line, drop: str) -> None:
    (run,) = line.runs[drop]
    assert (run["state"], run["partition_key"], run["run_type"]) == ("success", drop, "asset_triggered")
    for stage in STAGES:
        assert {task["state"] for task in line.tasks(drop, stage)} == {"success"}, stage


def test_a_directory_without_a_marker_is_not_taken(line: Line) -> None:
    assert line.runs[UNFINISHED] == []
    assert UNFINISHED not in steps.drops(line.settings)


@pytest.mark.parametrize("drop", DROPS)
def test_every_file_has_the_state_and_reason_of_the_truth(line: Line, drop: str) -> None:
    assert differences(line.truth[drop], steps.states(line.settings, drop)) == []


@pytest.mark.parametrize("drop", DROPS)
def test_the_ledger_counts_each_file_on_disk_once_and_the_verdict_is_ok(line: Line, drop: str) -> None:
    ledger = steps.ledger(line.settings, drop)
    on_disk = sum(len(names) for _, _, names in os.walk(os.fsencode(line.site.landing / drop)))
    assert {name: ledger[name] for name in counted(line.truth[drop])} == counted(line.truth[drop])
    assert len(files_of(line.truth[drop])) == on_disk
    parts = [ledger[name] for name in ("indexed", "duplicate", "conflict", "removed")]
    assert sum(parts) + sum(ledger["rejected"].values()) + sum(ledger["ignored"].values()) == ledger["listed"]
    verdict = steps.last_verdict(line.settings, drop)
    assert (verdict["ok"], [check["check"] for check in verdict["checks"] if not check["ok"]]) == (True, [])


def test_solr_holds_a_document_for_each_record_and_the_status_says_so(line: Line) -> None:
    status = site_status(line.settings)
    documents = line.documents()
    found = {level: sum(document["level"] == level for document in documents) for level in LEVELS}
    assert found == status["alias"]["documents"]
    assert sum(found.values()) == len(documents)
    states = [state for truth in line.truth.values() for state, _ in truth.values()]
    assert found["instance"] == states.count("indexed")
    assert found["copy"] == states.count("duplicate") + states.count("conflict")
    assert totals(line.settings, status).agree
    assert verdicts(status["drops"]) == dict.fromkeys(DROPS, "ok")


def test_every_record_has_a_document_that_names_its_file_and_state(line: Line) -> None:
    records = [document for document in line.documents() if document["level"] in ("instance", "copy")]
    names = ["!".join(filter(None, (one["path"], one.get("member")))) for one in records]
    found = {name: one.get("state", "indexed") for name, one in zip(names, records, strict=True)}
    truth = {path: state for files in line.truth.values() for path, (state, _) in files.items()}
    assert found == {path: state for path, state in truth.items() if state in ("indexed", "duplicate", "conflict")}
    assert [one["path"] for one in records if one["drop"] != [one["path"].split("/")[0]]] == []


def test_studies_count_their_instances_and_one_goes_on_the_next_day(line: Line) -> None:
    documents = line.documents()
    instances = Counter(one["study"] for one in documents if one["level"] == "instance")
    studies = [one for one in documents if one["level"] == "study"]
    assert {one["study"]: one["NumberOfStudyRelatedInstances"] for one in studies} == instances
    days = {(one["study"], day) for one in documents if one["level"] == "instance" for day in one["drop"]}
    over_both = {study for study, day in days if day == FIRST_DAY and (study, SECOND_DAY) in days}
    assert len(over_both) == 1
    assert [one["drop"] for one in studies if one["study"] in over_both] == [[FIRST_DAY, SECOND_DAY]]


@pytest.mark.parametrize("drop", [FIRST_DAY, SECOND_DAY])
def test_extraction_fans_out_in_labelled_batches(line: Line, drop: str) -> None:
    batches = line.rest.xcom("ingest_drop", line.run_id(drop), "manifest")
    tasks = line.tasks(drop, "extract")
    assert len(tasks) >= 2
    assert [task["rendered_map_index"] for task in tasks] == [batch["label"] for batch in batches]
    assert sum(batch["files"] for batch in batches) == len(files_of(line.truth[drop]))


@pytest.mark.parametrize("drop", DROPS)
def test_a_run_says_its_ledger_in_one_line_and_in_its_record(line: Line, drop: str) -> None:
    record = steps.run_record(line.settings, line.run_id(drop))
    said = line.rest.xcom("ingest_drop", line.run_id(drop), "validate", "summary")
    assert isinstance(said, str)
    assert said.startswith(f"{counted(line.truth[drop])['listed']:,} file")
    assert (record["drop"], record["verdict"]["ok"], record["verdict"]["line"]) == (drop, True, said)
    (event,) = line.rest.get("/assets/events", source_run_id=line.run_id(drop), source_task_id="validate")[
        "asset_events"
    ]
    assert (event["name"], event["partition_key"]) == ("dicom_indexed", drop)
    assert event["extra"]["summary"] == said


def test_a_drop_of_only_a_marker_is_a_drop_of_one_ignored_file(line: Line) -> None:
    assert steps.last_verdict(line.settings, ONLY_MARKER)["line"] == "1 file = 1 ignored (1 marker)"


def test_a_drop_of_only_rejects_says_why_for_each(line: Line) -> None:
    said = "3 files = 2 rejected (1 empty, 1 not_dicom) + 1 ignored (1 marker)"
    assert steps.last_verdict(line.settings, ONLY_REJECTS)["line"] == said


def failed_in_manifest(line: Line, drop: str) -> str:
    """Start a run for the drop; the log of its manifest task, after it has failed at the first try."""
    run_id = line.rest.trigger("ingest_drop", conf={"drop": drop})
    assert wait_for_run(line.rest, "ingest_drop", run_id)["state"] == "failed"
    (manifest,) = tasks_of(line.rest, run_id, "manifest")
    assert (manifest["state"], manifest["try_number"]) == ("failed", 1)
    later = {task["state"] for task in line.rest.tasks("ingest_drop", run_id) if task["task_id"] != "manifest"}
    assert later == {"upstream_failed"}
    log = line.rest.get(f"/dags/ingest_drop/dagRuns/{run_id}/taskInstances/manifest/logs/1")
    return json.dumps(log["content"])


def test_a_drop_that_is_not_there_fails_at_once_with_a_sentence(line: Line) -> None:
    assert f"drop {MISSING_DAY} is not in the landing area" in failed_in_manifest(line, MISSING_DAY)
    assert MISSING_DAY not in steps.drops(line.settings)


def test_a_drop_that_vanished_keeps_its_rows_and_documents(line: Line) -> None:
    before = line.documents()
    away = line.site.run.root / "vanished"
    (line.site.landing / FIRST_DAY).rename(away)
    try:
        assert f"drop {FIRST_DAY} is not in the landing area" in failed_in_manifest(line, FIRST_DAY)
    finally:
        away.rename(line.site.landing / FIRST_DAY)
    assert steps.ledger(line.settings, FIRST_DAY)["indexed"] == INSTANCES
    assert line.documents() == before


def dicomdex(line: Line, *arguments: str) -> str:
    """What the command line says in the site's environment."""
    command = [str(Path(sys.executable).with_name("dicomdex")), *arguments]
    environment = line.site.environment()
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True).stdout


def test_the_status_is_json_of_a_fixed_structure(line: Line) -> None:
    said: dict[str, Any] = json.loads(dicomdex(line, "status", "--json"))
    assert said.keys() == {"engines", "alias", "drops"}
    assert {name: (one["running"], one["ready"]) for name, one in said["engines"].items()} == {
        "solr": (True, True),
        "airflow": (True, True),
        "page": (True, True),
    }
    assert said["alias"].keys() == {"name", "collection", "catalog_version", "documents"}
    assert said["alias"]["documents"].keys() == set(LEVELS)
    assert said["alias"]["name"] == "dicom"
    of_drop = {"drop", "listed", "indexed", "duplicate", "conflict", "rejected", "ignored", "removed", "verdict"}
    assert all(drop.keys() == of_drop for drop in said["drops"])
    expected = [{"drop": key, **counted(truth), "verdict": "ok"} for key, truth in line.truth.items()]
    assert said["drops"] == sorted(expected, key=lambda one: one["drop"])


def test_the_status_for_people_names_engines_and_drops(line: Line) -> None:
    said = dicomdex(line, "status")
    assert [word for word in ("solr", "airflow", *DROPS) if word not in said] == []
