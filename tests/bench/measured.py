"""What one drop took on its way through the line, from Airflow's own records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from dicomdex_local.airflow_rest import AirflowRest

DAG_ID = "ingest_drop"


@dataclass(frozen=True)
class DropSeconds:
    """Seconds of one drop: from the marker to the run's start (`sense`), of each stage, and from marker to end.

    A stage lasts from the first start of its task instances to their last end; what is missing to `total` is the
    time between tasks.
    """

    drop: str
    instances: int
    state: str
    sense: float
    list: float
    extract: float
    commit: float
    apply: float
    validate: float
    total: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def drop_seconds(rest: AirflowRest, drop: str, run_id: str, *, marked: float, instances: int) -> DropSeconds:
    """The seconds of a finished run; `marked` is when the drop's marker was written, seconds since 1970."""
    run = rest.run(DAG_ID, run_id)
    tasks = rest.tasks(DAG_ID, run_id)
    return DropSeconds(
        drop=drop,
        instances=instances,
        state=str(run["state"]),
        sense=_seconds(run["start_date"]) - marked,
        list=_stage(tasks, "manifest"),
        extract=_stage(tasks, "extract"),
        commit=_stage(tasks, "commit"),
        apply=_stage(tasks, "apply"),
        validate=_stage(tasks, "validate"),
        total=_seconds(run["end_date"]) - marked,
    )


def _stage(tasks: list[dict[str, Any]], task_id: str) -> float:
    ran = [task for task in tasks if task["task_id"] == task_id and task["start_date"] and task["end_date"]]
    if not ran:
        return 0.0
    return max(_seconds(t["end_date"]) for t in ran) - min(_seconds(t["start_date"]) for t in ran)


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
