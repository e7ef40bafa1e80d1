"""Airflow of the site: plugin and DAGs as they were loaded, the page of a run, the connection of Solr."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import httpx
import pytest

from dicomdex import steps
from dicomdex_local.airflow import AirflowSecrets
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.ports import HOST
from dicomdex_local.site import Site
from dicomdex_local.solr_security import ADMIN
from tests.integration.line import FIRST_DAY, Line
from tests.integration.waiting import wait_for

PAGE = "/dicomdex/run"
CLIENTS = 4

OF_DROPS = {"sense_drops", "ingest_by_date", "ingest_drop"}
DAG_IDS = OF_DROPS | {"rebuild_collection", "roll_back_collection", "retire_collections", "recount"}


@pytest.fixture
def stranger(site: Site):
    """A client of Airflow's api-server that has not logged in."""
    with httpx.Client(base_url=site.airflow.url, timeout=60.0, trust_env=False) as client:
        yield client


def test_plugin_and_dags_are_loaded_once_and_nothing_failed_to_import(rest: AirflowRest) -> None:
    def dags() -> set[str]:
        return {dag["dag_id"] for dag in rest.get("/dags")["dags"]}

    # Before the DAGs were parsed nothing can have failed.
    wait_for("the DAGs", lambda: len(dags()) >= len(DAG_IDS) or rest.get("/importErrors")["import_errors"])
    assert rest.get("/importErrors")["import_errors"] == []
    assert dags() == DAG_IDS
    assert rest.get("/plugins/importErrors")["import_errors"] == []
    assert [plugin["name"] for plugin in rest.get("/plugins")["plugins"]].count("dicomdex") == 1


def test_the_page_of_a_run_needs_a_login(line: Line, stranger: httpx.Client) -> None:
    answer = stranger.get(PAGE, params={"run_id": line.run_id(FIRST_DAY)})
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert FIRST_DAY not in answer.text


def test_the_page_of_a_run_shows_ledger_and_verdict(line: Line, stranger: httpx.Client) -> None:
    user, password = AirflowSecrets(line.site.run.secrets).auth
    token = stranger.post("/auth/token", json={"username": user, "password": password}).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    answer = stranger.get(PAGE, params={"run_id": line.run_id(FIRST_DAY)}, headers=headers)
    assert answer.status_code == httpx.codes.OK
    assert steps.last_verdict(line.settings, FIRST_DAY)["line"] in answer.text
    assert '<span class="good">ok</span>' in answer.text


def test_clients_that_write_at_the_same_time_are_all_answered(site: Site) -> None:
    # Without an order among them the first second ends in a standstill of SQLite's 30 s, then a 500.
    def variables(client: int) -> list[int]:
        with site.airflow.rest() as rest:
            made = [f"client {client} variable {number}" for number in range(8)]
            answers = [rest.request("POST", "/variables", json={"key": name, "value": "x"}) for name in made]
            answers += [rest.request("DELETE", f"/variables/{name}") for name in made]
        return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(CLIENTS) as threads:
        assert set(chain(*threads.map(variables, range(CLIENTS)))) == {httpx.codes.CREATED, httpx.codes.NO_CONTENT}


def connection(site: Site, password_file: str) -> dict[str, object]:
    extra = f'{{"password_file": "{password_file}"}}'
    at = {"host": HOST, "port": site.ports.solr, "schema": "http", "login": ADMIN, "extra": extra}
    return {"connection_id": "solr_default", "conn_type": "solr", **at}


def test_the_test_button_of_the_solr_connection_says_whether_solr_answers(site: Site, rest: AirflowRest) -> None:
    said = rest.post("/connections/test", connection(site, str(site.solr_secrets.admin_file)))
    assert said["status"] is True
    assert said["message"].startswith("Solr 9.")
    said = rest.post("/connections/test", connection(site, str(site.run.root / "nothing")))
    assert said["status"] is False
    assert "DICOMDEX_SOLR_PASSWORD_FILE" in said["message"]
