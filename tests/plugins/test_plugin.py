"""The plugin as Airflow meets it: loaded once, known as a provider, nothing shown without a login."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from jsonschema import validate

LOADED = """
import gc, json, sys
import airflow.plugins_manager as server, airflow.sdk.plugins_manager as tasks
from airflow.plugins_manager import AirflowPlugin
plugins, errors = server._get_plugins()
tasks_plugins, tasks_errors = tasks._get_plugins()
ours = [one for one in gc.get_objects() if isinstance(one, type) and one.__name__ == "DicomdexPlugin"]
print(json.dumps({
    "plugins": [f"{type(p).__module__}.{type(p).__name__}" for p in plugins if p.name == "dicomdex"],
    "classes": len(ours),
    "errors": [*errors.values(), *tasks_errors.values()],
    "stray": [name for name in ("plugin", "links", "provider", "drop", "solr", "storage") if name in sys.modules],
    "web": "dicomdex_airflow.app" in sys.modules,
    "views": server._get_ui_plugins()[0],
}))
"""


@pytest.fixture(scope="module")
def loaded() -> dict[str, Any]:
    """What a fresh process sees of the plugin."""
    said = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    return json.loads(said.stdout.splitlines()[-1])


def test_the_plugin_is_loaded_once_and_without_errors(loaded: dict[str, Any]) -> None:
    assert loaded["errors"] == []
    assert loaded["plugins"] == ["dicomdex_airflow.plugin.DicomdexPlugin"]
    assert loaded["classes"] == 1


def test_no_module_of_ours_goes_by_its_bare_name(loaded: dict[str, Any]) -> None:
    assert loaded["stray"] == []


def test_a_task_does_not_pay_for_the_web_app(loaded: dict[str, Any]) -> None:
    assert loaded["web"] is False


def test_runs_have_a_drop_tab(loaded: dict[str, Any]) -> None:
    (view,) = [view for view in loaded["views"] if view["name"] == "Drop"]
    assert view["destination"] == "dag_run"
    assert view["href"] == "/dicomdex/run?dag_id={DAG_ID}&run_id={RUN_ID}"


def test_the_provider_info_is_what_airflow_wants() -> None:
    import airflow

    from dicomdex_airflow.provider import get_provider_info

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    validate(get_provider_info(), schema)
    assert get_provider_info()["versions"] == [version("dicomdex")]


def test_the_solr_connection_type_has_a_hook_and_a_form() -> None:
    from airflow.providers_manager import ProvidersManager

    manager = ProvidersManager()
    hook = manager.hooks["solr"]
    assert hook is not None
    assert (hook.hook_class_name, hook.connection_id_attribute_name) == (
        "dicomdex_airflow.hooks.solr.SolrHook",
        "solr_conn_id",
    )
    fields = [name for name in manager.connection_form_widgets if name.startswith("extra__solr__")]
    assert sorted(fields) == ["extra__solr__collection", "extra__solr__password_file"]
    assert "dicomdex" in manager.providers


@pytest.fixture(scope="module")
def site() -> Iterator[Any]:
    """Airflow's api-server app with the plugin mounted, as a client."""
    from fastapi.testclient import TestClient

    from tests.plugins.airflow_home import migrated

    migrated()
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "admin:admin,viewer:viewer"
    from airflow.api_fastapi.app import create_app

    with TestClient(create_app(apps="core"), base_url="http://localhost") as client:
        yield client
    del os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]


def token(role: str) -> dict[str, str]:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    jwt = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=role, role=role))
    return {"Authorization": f"Bearer {jwt}"}


def test_no_route_answers_without_a_login(site: Any) -> None:
    from dicomdex_airflow.app import app

    paths = [route.path for route in app.routes]
    assert sorted(paths) == ["/handover", "/page", "/run"]
    for path in ("/page", "/run"):
        assert site.get(f"/dicomdex{path}", params={"run_id": "x"}).status_code == 401
    for path in ("/docs", "/redoc", "/openapi.json", "/handover/docs", "/handover/openapi.json"):
        assert site.get(f"/dicomdex{path}").status_code in (401, 404)


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_who_may_see_the_runs_sees_the_page(site: Any, landing: Path, role: str) -> None:
    answer = site.get("/dicomdex/run", params={"run_id": "manual__x", "dag_id": "ingest_drop"}, headers=token(role))
    assert answer.status_code == 200
    assert "No verdict yet" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_page_shows_what_the_run_recorded(site: Any, landing: Path) -> None:
    from dicomdex.settings import Settings
    from dicomdex.steps import record_run

    verdict = {"drop": "2026-01-01", "ok": True, "line": "2 files = 2 indexed", "sentence": "All agree.", "checks": []}
    record_run(Settings.load(), "scheduled__2026-01-01T00:00:00+00:00__2026-01-01", "2026-01-01", verdict=verdict)
    asked = {"run_id": "scheduled__2026-01-01T00:00:00+00:00__2026-01-01"}
    assert "2 files = 2 indexed" in site.get("/dicomdex/run", params=asked, headers=token("viewer")).text
    other = {**asked, "dag_id": "some_other_dag"}
    assert "2 files" not in site.get("/dicomdex/run", params=other, headers=token("viewer")).text


def test_a_run_on_a_collection_is_shown_by_its_own_dag_alone(site: Any, landing: Path) -> None:
    from dicomdex.settings import Settings
    from dicomdex.steps import record_run

    record_run(Settings.load(), "manual__r", "", dag_id="rebuild_collection", planned="builds dicom_1")
    asked = {"run_id": "manual__r", "dag_id": "rebuild_collection"}
    assert "builds dicom_1" in site.get("/dicomdex/run", params=asked, headers=token("viewer")).text
    for other in ("ingest_drop", "recount"):
        page = site.get("/dicomdex/run", params={**asked, "dag_id": other}, headers=token("viewer"))
        assert "builds dicom_1" not in page.text
    assert site.get("/dicomdex/run", params=asked).status_code == 401


def test_the_link_of_a_task_leads_to_the_page() -> None:
    from types import SimpleNamespace

    from dicomdex_airflow.links import DropLink
    from dicomdex_airflow.operators.validate import ValidateDropOperator

    operator = ValidateDropOperator(task_id="validate")
    key = SimpleNamespace(dag_id="ingest_drop", run_id="manual__2026-01-01T00:00:00+00:00")
    link = DropLink().get_link(operator, ti_key=key)
    assert link == "/dicomdex/run?dag_id=ingest_drop&run_id=manual__2026-01-01T00%3A00%3A00%2B00%3A00"
    assert [one.name for one in operator.operator_extra_links] == ["Drop"]
