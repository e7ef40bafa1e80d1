"""The drops that tests share: what is laid into the landing area, what has become of it, and questions about it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from dicomdex.adapters.solr import Solr
from dicomdex.settings import Settings
from dicomdex_local.airflow_rest import FINISHED, AirflowRest
from dicomdex_local.delivery import deliver
from dicomdex_local.follow import DAG_ID, RunView, drop_of, failures
from dicomdex_local.sample import MARKER, PYDICOM_TREES, PYDICOM_TRUTH, lay_hospital
from dicomdex_local.sample_hospital import Truth
from dicomdex_local.sample_templates import PYDICOM_DATA
from dicomdex_local.site import Site
from tests.integration.waiting import wait_for

PYDICOM = "2026-01-01"
DAYS = (date(2026, 1, 2), date(2026, 1, 3))
FIRST_DAY, SECOND_DAY = (day.isoformat() for day in DAYS)
MISSING_DAY = "2026-01-04"
ONLY_MARKER = "only-marker"
ONLY_REJECTS = "only-rejects"
UNFINISHED = "unfinished"  # has no marker
INGEST_LIMIT = 1200.0  # seconds for all drops, on a machine where others work too
INSTANCES = 300  # of a generated day: more than a batch of the site

# What an export may differ in after a re-run: when and by whom a document was written.
WRITTEN_BY = ("_version_", "run", "indexed_at")


@dataclass(frozen=True)
class Line:
    """The shared site after its drops have been ingested. `runs`: drop key -> the runs that sensing had started."""

    site: Site
    rest: AirflowRest
    truth: dict[str, Truth]
    runs: dict[str, list[dict[str, Any]]]

    @property
    def settings(self) -> Settings:
        """What every part of the site is told."""
        return self.site.settings()

    def run_id(self, drop: str) -> str:
        """The run that ingested the drop."""
        return str(self.runs[drop][0]["dag_run_id"])

    def tasks(self, drop: str, task_id: str) -> list[dict[str, Any]]:
        """Task instances of the run that ingested the drop."""
        return tasks_of(self.rest, self.run_id(drop), task_id)

    def documents(self) -> list[dict[str, Any]]:
        """Every document behind the alias with every field, sorted by id."""
        form = {"q": "*:*", "fl": "*", "sort": "id asc", "rows": "1000000", "wt": "json"}
        with Solr.of(self.settings) as solr:
            return list(solr.request("POST", f"/{self.settings.alias}/select", data=form)["response"]["docs"])

    def export(self) -> list[dict[str, Any]]:
        """The documents without what says when and by whom they were written."""
        return [{k: v for k, v in document.items() if k not in WRITTEN_BY} for document in self.documents()]


def tasks_of(rest: AirflowRest, run_id: str, task_id: str) -> list[dict[str, Any]]:
    """Task instances of a run of `ingest_drop`, mapped ones in order."""
    found = [task for task in rest.tasks(DAG_ID, run_id) if task["task_id"] == task_id]
    return sorted(found, key=lambda task: task["map_index"])


def runs_of(rest: AirflowRest, drop: str) -> list[dict[str, Any]]:
    """Runs of `ingest_drop` for a drop, newest first."""
    return [run for run in rest.runs(DAG_ID) if drop_of(run) == drop]


def counted(truth: Truth) -> dict[str, Any]:
    """The ledger that a truth makes, by counting."""
    states = Counter(state for state, _ in truth.values())
    reasons = {of: Counter(why for state, why in truth.values() if state == of) for of in ("rejected", "ignored")}
    return {
        "listed": len(truth) - states["container"],
        **{s: states[s] for s in ("indexed", "duplicate", "conflict")},
        **reasons,
        "removed": 0,
    }


def files_of(truth: Truth) -> list[str]:
    """The files of a truth; the rest of it are members of archives, `path!member`."""
    return [path for path in truth if "!" not in path]


def ingest_all(site: Site, rest: AirflowRest, source: Path) -> Line:
    """Lay all drops, each with its marker last, and wait until sensing has ingested them."""
    (site.landing / UNFINISHED).mkdir(parents=True)
    (site.landing / UNFINISHED / "still writing.dcm").write_bytes(b"\0" * 132)
    truth = {
        PYDICOM: _deliver_pydicom(site, source),
        FIRST_DAY: lay_hospital(site.landing, instances=INSTANCES, day=DAYS[0]),
        SECOND_DAY: lay_hospital(site.landing, instances=INSTANCES, day=DAYS[1], previous=DAYS[0]),
        ONLY_REJECTS: _lay(site.landing / ONLY_REJECTS, {"page.dcm": b"<title>404</title>", "empty.dcm": b""}),
        ONLY_MARKER: _lay(site.landing / ONLY_MARKER, {}),
    }
    wait_for("the end of all runs", lambda: _all_finished(rest, truth), limit=INGEST_LIMIT, every=1)
    failed = [line for run in rest.runs(DAG_ID) if run["state"] == "failed" for line in failed_tasks(rest, run)]
    assert failed == []
    return Line(site, rest, truth, {key: runs_of(rest, key) for key in [*truth, UNFINISHED]})


def failed_tasks(rest: AirflowRest, run: dict[str, Any]) -> list[str]:
    """Which tasks of a run have failed, and where their logs are."""
    return list(failures(rest, RunView(drop_of(run), run["dag_run_id"], run["state"])))


def _all_finished(rest: AirflowRest, drops: Iterable[str]) -> bool:
    """Whether each drop has a run and no run goes on; one call, since looking costs the machine that is looked at."""
    runs = rest.runs(DAG_ID)
    return {drop_of(run) for run in runs} >= set(drops) and all(run["state"] in FINISHED for run in runs)


def verdicts(lines: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Drop key -> verdict of a status."""
    return {line["drop"]: line["verdict"] for line in lines}


def _deliver_pydicom(site: Site, source: Path) -> Truth:
    """All files that ship with pydicom, delivered as `dicomdex ingest` does; their truth was written by hand."""
    for tree in PYDICOM_TREES:
        shutil.copytree(PYDICOM_DATA / tree, source / tree, copy_function=shutil.copyfile)
    deliver(site.settings(), source, PYDICOM)
    states = json.loads(PYDICOM_TRUTH.read_text(encoding="utf-8"))
    marker: Truth = {f"{PYDICOM}/{MARKER}": ("ignored", "marker")}
    return marker | {f"{PYDICOM}/{path}": (state, reason) for path, (state, reason) in states.items()}


def _lay(directory: Path, files: dict[str, bytes]) -> Truth:
    """A drop of files that are none; each is rejected for what it is."""
    directory.mkdir()
    for name, content in files.items():
        (directory / name).write_bytes(content)
    (directory / MARKER).touch()
    rejects = {name: ("rejected", "not_dicom" if content else "empty") for name, content in files.items()}
    return {f"{directory.name}/{name}": state for name, state in {**rejects, MARKER: ("ignored", "marker")}.items()}
