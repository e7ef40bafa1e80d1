"""Follow the runs of `ingest_drop` for some drops by REST, and show how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from dicomdex_local.airflow_rest import FINISHED, AirflowRest
from dicomdex_local.errors import SiteError

DAG_ID = "ingest_drop"
STAGES = ("manifest", "extract", "commit", "apply", "validate")
DONE = ("success", "skipped", "removed")
# The watcher looks every second; two minutes cover a machine that is busy starting.
SENSE_LIMIT = 180.0
LOOK_EVERY = 0.5


@dataclass(frozen=True)
class RunView:
    """One look at the run of a drop: its state, the stage it is in, and task instances done of all."""

    drop: str
    run_id: str = ""
    state: str = "waiting"
    stage: str = "waiting to be sensed"
    done: int = 0
    total: int = len(STAGES)

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


# Where progress goes.
Shown = Callable[[RunView], None]


def view(drop: str, run: dict[str, Any], tasks: list[dict[str, Any]]) -> RunView:
    """What a run and its task instances, as REST gives them, say about a drop."""
    by_stage = {stage: [t for t in tasks if t["task_id"] == stage] for stage in STAGES}
    done = [t for t in tasks if t["state"] in DONE]
    stage = next((s for s in STAGES if any(t["state"] not in DONE for t in by_stage[s])), STAGES[-1])
    if stage == "extract" and len(by_stage[stage]) > 1:
        stage = f"extract {sum(t['state'] in DONE for t in by_stage[stage])}/{len(by_stage[stage])}"
    state = str(run["state"])
    if state in FINISHED:
        stage = state
    return RunView(drop, run["dag_run_id"], state, stage, len(done), max(len(tasks), 1))


def drop_of(run: dict[str, Any]) -> str:
    """The drop of a run: its partition key or the Param `drop`."""
    return str(run.get("partition_key") or (run.get("conf") or {}).get("drop") or "")


def queued_at(run: dict[str, Any]) -> float:
    """When a run was queued, seconds since 1970."""
    return datetime.fromisoformat(run.get("queued_at") or run["run_after"]).timestamp()


class Follower:
    """Follows drops until each has a finished run.

    A run that failed before `since` was another session's: it is started again, once, by hand. Runs queued before
    `fresh` don't count at all. `verdicts` are drops that need no run.
    """

    def __init__(self, rest: AirflowRest, drops: list[str], *, since: float, fresh: float = 0.0) -> None:
        self.rest = rest
        self.drops = drops
        self.since = since
        self.fresh = fresh
        self.restarted: set[str] = set()
        self.ended: dict[str, RunView] = {}

    def look(self) -> list[RunView]:
        """One look at each drop's latest run."""
        latest: dict[str, dict[str, Any]] = {}
        for run in self.rest.runs(DAG_ID):
            if queued_at(run) >= self.fresh:
                latest.setdefault(drop_of(run), run)
        return [self._view(drop, latest.get(drop)) for drop in self.drops]

    def _view(self, drop: str, run: dict[str, Any] | None) -> RunView:
        if run is None:
            return RunView(drop)
        if run["state"] == "failed" and queued_at(run) < self.since and drop not in self.restarted:
            self.restarted.add(drop)
            self.rest.trigger(DAG_ID, partition_key=drop)
            return RunView(drop)
        run_id = run["dag_run_id"]
        if run_id not in self.ended:  # a look costs the api-server 50 ms a run
            seen = view(drop, run, self.rest.tasks(DAG_ID, run_id))
            if not seen.finished:
                return seen
            self.ended[run_id] = seen
        return self.ended[run_id]

    def follow(self, show: Shown, limit: float = 6 * 3600.0) -> list[RunView]:
        """Look until every drop's run has finished; SiteError where none begins or the limit is over."""
        begun = time.monotonic()
        while True:
            views = self.look()
            for seen in views:
                show(seen)
            if all(seen.finished for seen in views):
                return views
            self._check(views, time.monotonic() - begun, limit)
            time.sleep(LOOK_EVERY)

    def _check(self, views: list[RunView], seconds: float, limit: float) -> None:
        unseen = [seen.drop for seen in views if not seen.run_id]
        if unseen and seconds > SENSE_LIMIT:
            reason = self._import_error() or "look at the DAG sense_drops in Airflow"
            raise SiteError(f"no run began for {', '.join(unseen)} within {SENSE_LIMIT:.0f} s: {reason}")
        if seconds > limit:
            raise SiteError(f"runs are not finished after {limit:.0f} s: look at the DAG {DAG_ID} in Airflow")

    def _import_error(self) -> str:
        errors = self.rest.get("/importErrors")["import_errors"]
        if not errors:
            return ""
        last = str(errors[0]["stack_trace"]).strip().splitlines()[-1]
        return f"a DAG can't be imported ({last})"


def failures(rest: AirflowRest, seen: RunView) -> Iterator[str]:
    """Sentences on the failed tasks of a run: which task of which run, and where its log is."""
    for task in rest.tasks(DAG_ID, seen.run_id):
        if task["state"] == "failed":
            mapped = f" [{task['map_index']}]" if task["map_index"] >= 0 else ""
            log = f"dag_id={DAG_ID}/run_id={seen.run_id}/task_id={task['task_id']}"
            log += f"/map_index={task['map_index']}" if mapped else ""
            yield f"{seen.drop}: task {task['task_id']}{mapped} failed; log: {log}/attempt={task['try_number']}.log"


@contextmanager
def progress(console: Console) -> Iterator[Shown]:
    """Bars on a terminal; elsewhere a line whenever a drop enters another stage."""
    if not console.is_terminal:
        yield _lines(console.print)
        return
    columns = (TextColumn("  {task.description}"), BarColumn(), TextColumn("{task.fields[stage]}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[str, TaskID] = {}

        def show(seen: RunView) -> None:
            if seen.drop not in known:
                known[seen.drop] = bars.add_task(seen.drop, stage=seen.stage, total=seen.total)
            bars.update(known[seen.drop], completed=seen.done, total=seen.total, stage=seen.stage)

        yield show


def _lines(say: Callable[[str], None]) -> Shown:
    said: dict[str, str] = {}

    def show(seen: RunView) -> None:
        stage = seen.stage.split()[0]
        if said.get(seen.drop) != stage:
            said[seen.drop] = stage
            say(f"  {seen.drop}  {seen.stage}")

    return show
