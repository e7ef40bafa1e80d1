"""From Airflow to the page: who is logged in gets a code, and only the page gets a token for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dicomdex import handover

SECRET = "a secret of both"


@pytest.fixture(scope="module")
def airflow() -> Iterator[Any]:
    """Airflow's api-server app with the plugin mounted, as a client."""
    from fastapi.testclient import TestClient

    from tests.plugins.airflow_home import migrated

    migrated()
    os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] = "admin:admin,viewer:viewer"
    from airflow.api_fastapi.app import create_app

    with TestClient(create_app(apps="core"), base_url="http://localhost", follow_redirects=False) as client:
        yield client
    del os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"]


@pytest.fixture(autouse=True)
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that page and plugin share."""
    file = tmp_path / "web_airflow"
    file.write_text(f"{SECRET}\n")
    monkeypatch.setenv("DICOMDEX_WEB_AIRFLOW_SECRET_FILE", str(file))
    monkeypatch.setenv("DICOMDEX_WEB_URL", "http://page.example:8800/")
    return file


def _login(role: str) -> dict[str, str]:
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    jwt = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=f"{role}'s name", role=role))
    return {"Authorization": f"Bearer {jwt}"}


def _code(airflow: Any, role: str) -> str:
    answer = airflow.get("/dicomdex/page", headers=_login(role))
    assert answer.status_code == 303
    assert answer.headers["cache-control"] == "no-store"
    there = urlsplit(answer.headers["location"])
    assert f"{there.scheme}://{there.netloc}{there.path}" == "http://page.example:8800/enter"
    (code,) = parse_qs(there.query)["code"]
    return code


@pytest.mark.parametrize("role", ["viewer", "admin"])
def test_a_code_carries_name_and_role(airflow: Any, role: str) -> None:
    carried = handover.read(SECRET, _code(airflow, role))
    assert carried is not None
    assert (carried.name, carried.role) == (f"{role}'s name", role)


def test_every_code_is_another(airflow: Any) -> None:
    carried = [handover.read(SECRET, _code(airflow, "viewer")) for _ in range(2)]
    assert carried[0] is not None
    assert carried[1] is not None
    assert carried[0].nonce != carried[1].nonce


def test_for_its_proof_the_page_gets_a_token_of_that_user(airflow: Any) -> None:
    proof = handover.prove(SECRET, _code(airflow, "viewer"))
    answer = airflow.post("/dicomdex/handover/token", json={"proof": proof})
    assert answer.status_code == 200
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    assert airflow.get("/api/v2/dags", headers=headers).status_code == 200
    started = airflow.post("/api/v2/dags/rebuild_collection/dagRuns", headers=headers, json={"logical_date": None})
    assert started.status_code == 403


def test_a_code_alone_or_a_proof_of_somebody_else_gets_nothing(airflow: Any) -> None:
    code = _code(airflow, "admin")
    for proof in ("", "x", code, handover.prove("another", code)):
        assert airflow.post("/dicomdex/handover/token", json={"proof": proof}).status_code == 401


def test_without_the_secret_there_is_no_way_over(airflow: Any, secret: Path) -> None:
    secret.unlink()
    answer = airflow.get("/dicomdex/page", headers=_login("admin"))
    assert answer.status_code == 503
    assert "DICOMDEX_WEB_AIRFLOW_SECRET_FILE" in answer.text


def test_the_highest_role_that_the_page_knows_counts() -> None:
    from dicomdex_airflow.entry import role_of

    def of(*names: str) -> Any:
        return SimpleNamespace(role=None, roles=[SimpleNamespace(name=name) for name in names])

    assert role_of(SimpleNamespace(role="ADMIN")) == "admin"
    assert role_of(of("Viewer", "Op", "radiology")) == "op"
    assert role_of(of("Public")) == ""
    assert role_of(of()) == ""


def test_airflow_shows_the_page_in_its_menu() -> None:
    from dicomdex_airflow.plugin import DicomdexPlugin

    (view,) = [one for one in DicomdexPlugin.external_views if one["name"] == "DICOM"]
    assert view == {"name": "DICOM", "href": "/dicomdex/page", "destination": "nav", "url_route": "dicom"}
