"""Operations, for op and admin: what became of the drops, the collections behind the alias, and what can be started."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from dicomdex.drop import valid_key
from dicomdex.errors import DropError, SolrError
from dicomdex.extract.reject import REASONS
from dicomdex_web import work_seen
from dicomdex_web.airflow_runs import AirflowRuns, Run, RunRefused
from dicomdex_web.failures import Failure, NotFound
from dicomdex_web.pages import fragment, page
from dicomdex_web.session import Op, Person, address

router = APIRouter(prefix="/operations")
Name = Annotated[str, Form(max_length=200)]
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COLLECTION = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_DAG = re.compile(r"[a-z_]{1,60}")


class Refused(Failure):
    """What was filled in can't be started."""

    status = 400
    title = "Not started"


@router.get("")
def operations(
    request: Request,
    person: Op,
    before: Annotated[str, Query(max_length=100)] = "",
    dag: Annotated[str, Query(max_length=60)] = "",
    run: Annotated[str, Query(max_length=250)] = "",
) -> Response:
    """Drops with ledgers and verdicts, rejects by reason, collections, buttons."""
    settings = request.app.state.settings
    drops, following = work_seen.drops(settings, before)
    try:
        collections, solr_says = work_seen.collections(settings), ""
    except SolrError as down:
        collections, solr_says = [], str(down)
    return page(
        request,
        "operations.html",
        drops=drops,
        following=following,
        rejected=work_seen.rejected(drops),
        collections=collections,
        solr_says=solr_says,
        alias=settings.alias,
        can_start=bool(_token(request, person)),
        started=Run(dag, run, "queued") if _DAG.fullmatch(dag) and run else None,
    )


@router.get("/drops/{key}")
def drop(request: Request, person: Op, key: str) -> Response:
    """One drop: its ledger with a sentence for each state, the checks of its last verdict."""
    try:
        verdict = work_seen.verdict_of(request.app.state.settings, key)
    except DropError:
        raise NotFound("There is no such drop.") from None
    return page(
        request,
        "operations_drop.html",
        key=key,
        verdict=verdict,
        reasons=REASONS,
        can_start=bool(_token(request, person)),
    )


@router.post("/start")
def start(
    request: Request,
    person: Op,
    action: Name,
    drop: Name = "",
    collection: Name = "",
    first: Name = "",
    last: Name = "",
    force: Name = "",
    allow_shrink: Name = "",
) -> Response:
    """Start a DAG with the person's own rights in Airflow; then the page that follows the run."""
    trail, where = request.app.state.trail, address(request)
    token = _token(request, person)
    if not token:
        raise Refused("Runs are started in Airflow with your own rights: log in there and choose DICOM in its menu.")
    named = [one for one in (drop, collection) if one]
    given = {"drop": drop, "collection": collection, "first": first, "last": last}
    conf = {name: True for name, on in (("force", force), ("allow_shrink", allow_shrink)) if on}
    begin = ACTIONS.get(action)
    if begin is None:
        raise Refused("There is no such action.")
    runs = AirflowRuns(request.app.state.web.airflow_server, token)
    try:
        run = begin(runs, given, conf)
    except RunRefused as refused:
        trail.add(person, "operation", f"{action}: {refused}", named, where)
        raise Refused(str(refused)) from None
    trail.add(person, "operation", f"{action} started", [*named, run.run_id], where)
    return RedirectResponse(f"/operations?{urlencode({'dag': run.dag_id, 'run': run.run_id})}", status_code=303)


@router.get("/run")
def run_state(
    request: Request, person: Op, dag: Annotated[str, Query(max_length=60)], run: Annotated[str, Query(max_length=250)]
) -> Response:
    """How a run stands: a part of the page, asked for again until the run has ended."""
    token = _token(request, person)
    if not token or not _DAG.fullmatch(dag):
        raise NotFound("There is no such run.")
    web = request.app.state.web
    try:
        found, problem = AirflowRuns(web.airflow_server, token).run(dag, run), ""
    except RunRefused as refused:
        found, problem = Run(dag, run, "unknown"), str(refused)
    return fragment("operations_run.html", started=found, problem=problem, airflow_url=web.airflow_url)


def _token(request: Request, person: Person) -> str:
    return str(request.app.state.people.sessions.airflow_token(person))


def _ingest(runs: AirflowRuns, given: dict[str, str], conf: dict[str, Any]) -> Run:
    key = _drop_key(given["drop"])
    return runs.start("ingest_drop", conf, partition_key=key)


def _backfill(runs: AirflowRuns, given: dict[str, str], conf: dict[str, Any]) -> Run:
    first, last = given["first"], given["last"] or given["first"]
    if not (_DAY.fullmatch(first) and _DAY.fullmatch(last) and first <= last):
        raise RunRefused("Give two days, the first not after the last.")
    number = runs.backfill("ingest_by_date", first, last, {**conf, "missing": "skip"})
    return Run("ingest_by_date", f"backfill {number}", "queued")


def _roll_back(runs: AirflowRuns, given: dict[str, str], conf: dict[str, Any]) -> Run:
    if not _COLLECTION.fullmatch(given["collection"]):
        raise RunRefused("Choose the collection to go back to.")
    return runs.start("roll_back_collection", {"collection": given["collection"]})


def _plain(dag_id: str) -> Callable[[AirflowRuns, dict[str, str], dict[str, Any]], Run]:
    return lambda runs, given, conf: runs.start(dag_id, {})


ACTIONS = {
    "ingest": _ingest,
    "backfill": _backfill,
    "rebuild": _plain("rebuild_collection"),
    "roll back": _roll_back,
    "recount": _plain("recount"),
}


def _drop_key(key: str) -> str:
    try:
        return valid_key(key)
    except DropError:
        raise RunRefused("This is no drop key.") from None
