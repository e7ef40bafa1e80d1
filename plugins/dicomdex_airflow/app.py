"""The plugin's web app, part of Airflow's api-server: nothing of it is shown without a login."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse

from dicomdex_airflow import entry
from dicomdex_airflow.collection_page import collection_page
from dicomdex_airflow.page import run_page

DAG_ID = "ingest_drop"


def may_read(request: Request, user: GetUserDep, dag_id: str = DAG_ID) -> None:
    """Whether this person may see runs of the DAG that is asked for; 403 otherwise."""
    requires_access_dag("GET", DagAccessEntity.RUN, dag_id)(request, user)


# FastAPI's own pages (docs, openapi.json) would not pass the dependencies, so they are off.
app = FastAPI(
    title="dicomdex",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(get_user), Depends(may_read)],
)
app.include_router(entry.router)
app.mount("/handover", entry.to_page)


@app.get("/run")
def run(run_id: str, dag_id: str = DAG_ID) -> HTMLResponse:
    """What a run has left behind: ledger and verdict of a drop, or the verdict on a collection."""
    from dicomdex.extract.reject import REASONS
    from dicomdex.settings import Settings
    from dicomdex.steps import run_record

    record = run_record(Settings.load(), run_id)
    if record.get("dag_id", DAG_ID) != dag_id:  # the right to see one DAG's runs shows no other's
        record = {}
    why = {name: f"{reason.sentence} {reason.what_to_do}" for name, reason in REASONS.items()}
    page = run_page(record, why) if dag_id == DAG_ID else collection_page(record)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(page, headers=headers)
