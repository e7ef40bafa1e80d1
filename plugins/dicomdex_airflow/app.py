"""The plugin's web app, part of Airflow's api-server: nothing of it is shown without a login."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import get_user, requires_access_dag
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from dicomdex_airflow.page import run_page

# The page shows runs of this DAG alone, whatever an address says, so the right to read it is the right asked for.
DAG_ID = "ingest_drop"

# FastAPI's own pages (docs, openapi.json) would not pass the dependencies, so they are off.
app = FastAPI(
    title="dicomdex",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(get_user), Depends(requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID))],
)


@app.get("/run")
def run(run_id: str, dag_id: str = DAG_ID) -> HTMLResponse:
    """Ledger, verdict and checks of a run of `ingest_drop`."""
    from dicomdex.extract.reject import REASONS
    from dicomdex.settings import Settings
    from dicomdex.steps import run_record

    record = run_record(Settings.load(), run_id) if dag_id == DAG_ID else {}
    why = {name: f"{reason.sentence} {reason.what_to_do}" for name, reason in REASONS.items()}
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return HTMLResponse(run_page(record, why), headers=headers)
