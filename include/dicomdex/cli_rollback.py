"""`dicomdex rollback`: show an older collection again, by the DAG that checks it first."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from dicomdex.cli_errors import CannotGoOn
from dicomdex.cli_search import console

DAG = "roll_back_collection"
LOOK_SECONDS = 1.0
FINISHED = ("success", "failed")


def rollback(
    collection: Annotated[str, typer.Argument(help="Collection to show; the one before the shown unless given.")] = "",
    as_was: Annotated[bool, typer.Option("--as-was", help="Without what was ingested since; asks in Airflow.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also to one with far fewer documents.")] = False,
) -> None:
    """Point the alias at an older collection, once it has all that was ingested since and its counts agree."""
    from dicomdex_local.cluster import site_of_environment

    site = site_of_environment()
    if not site.engines()["airflow"]["ready"]:
        raise CannotGoOn("Airflow is not up: start it with dicomdex up")
    with site.airflow.rest() as rest:
        run_id = rest.trigger(DAG, conf={"collection": collection, "as_was": as_was, "force": force})
        if as_was:
            console().print(f"approve it in Airflow, tab Required Actions: {site.airflow.url}", markup=False)
        while (state := rest.run(DAG, run_id)["state"]) not in FINISHED:
            time.sleep(LOOK_SECONDS)
        tasks = {task["task_id"]: task["state"] for task in rest.tasks(DAG, run_id)}
        if state == "failed":
            failed = ", ".join(name for name, ended in tasks.items() if ended == "failed")
            raise CannotGoOn(f"{DAG} failed in {failed}: the alias has not moved; its log says why ({site.run.logs})")
        console().print(_summary(rest, run_id, tasks), markup=False)


def _summary(rest: Any, run_id: str, tasks: dict[str, str]) -> str:
    """What the task that moved the alias says; none has where a person refused."""
    moved = [name for name in ("promote", "point_back") if tasks.get(name) == "success"]
    return str(rest.xcom(DAG, run_id, moved[0], "summary")) if moved else "rejected: the alias has not moved"
