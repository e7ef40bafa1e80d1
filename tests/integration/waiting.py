"""Waiting for states of real engines, with limits for a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from dicomdex_local.airflow_rest import FINISHED, AirflowRest
from dicomdex_local.follow import DAG_ID, Follower, RunView, failures

T = TypeVar("T")
LIMIT = 400.0


def wait_for(what: str, ask: Callable[[], T | None], limit: float = LIMIT, every: float = 0.2) -> T:
    """The first answer that is neither None nor false; an AssertionError naming `what` when the limit is over."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(every)
    raise AssertionError(f"{what} did not happen within {limit:.0f} s")


def wait_for_run(rest: AirflowRest, dag_id: str, run_id: str, limit: float = LIMIT) -> dict[str, Any]:
    """The run when it has finished, however it ended."""

    def finished() -> dict[str, Any] | None:
        run = rest.run(dag_id, run_id)
        return run if run["state"] in FINISHED else None

    return wait_for(f"the end of {dag_id} {run_id}", finished, limit)


def wait_for_drops(rest: AirflowRest, drops: list[str], *, fresh: float = 0.0, limit: float = LIMIT) -> list[RunView]:
    """The runs of the drops when all have finished; only those queued after `fresh` count."""
    return Follower(rest, drops, since=0.0, fresh=fresh).follow(lambda _: None, limit)


def ingest(rest: AirflowRest, drop: str, limit: float = LIMIT, **conf: Any) -> dict[str, Any]:
    """Start a run of `ingest_drop` by hand and wait for its success; its failed tasks are in the assertion."""
    run_id = rest.trigger(DAG_ID, conf={"drop": drop, **conf})
    run = wait_for_run(rest, DAG_ID, run_id, limit)
    assert run["state"] == "success", list(failures(rest, RunView(drop, run_id, "failed")))
    return run


def wait_for_task(
    rest: AirflowRest, run_id: str, task_id: str, state: str = "running", *, limit: float = LIMIT
) -> dict[str, Any]:
    """A task instance of `ingest_drop` as soon as it is in this state."""

    def found() -> dict[str, Any] | None:
        tasks = rest.tasks(DAG_ID, run_id)
        return next((t for t in tasks if t["task_id"] == task_id and t["state"] == state), None)

    return wait_for(f"{task_id} {state}", found, limit, every=0.1)
