"""The few calls of Airflow's REST API (v2) that a local site and its tests need."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import httpx

COMPONENTS = ("scheduler", "triggerer", "dag_processor")
FINISHED = ("success", "failed")


class AirflowRest:
    """A client with the token of one user; use it as a context manager. httpx errors propagate."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(base_url=url, timeout=60.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def is_healthy(self, since: float = 0.0) -> bool:
        """All components healthy, each by a heartbeat later than `since` (seconds since 1970)."""
        try:
            said = self._client.get("/api/v2/monitor/health", timeout=10.0).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return False
        beats = [said[name] for name in COMPONENTS]
        return said["metadatabase"]["status"] == "healthy" and all(
            # A heartbeat of the run before last is still called healthy for 30 s.
            beat["status"] == "healthy" and _seconds(beat[f"latest_{name}_heartbeat"]) >= since
            for name, beat in zip(COMPONENTS, beats, strict=True)
        )

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One call below `/api/v2`, logged in; a token that has run out is renewed once."""
        if "Authorization" not in self._client.headers:
            self._log_in()
        response = self._client.request(method, f"/api/v2{path}", **arguments)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._log_in()
            response = self._client.request(method, f"/api/v2{path}", **arguments)
        return response

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The JSON answer of a GET."""
        said: dict[str, Any] = self.request("GET", path, params=params).raise_for_status().json()
        return said

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON answer of a POST."""
        said: dict[str, Any] = self.request("POST", path, json=body).raise_for_status().json()
        return said

    def ensure_pool(self, name: str, slots: int) -> None:
        """Make a pool; one that exists stays as it is (409), also where a person changed its slots."""
        response = self.request("POST", "/pools", json={"name": name, "slots": slots})
        if response.status_code != httpx.codes.CONFLICT:
            response.raise_for_status()

    def trigger(self, dag_id: str, *, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run; its run id. `logical_date` must be there, and null for partitions."""
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}}
        if partition_key:
            body["partition_key"] = partition_key
        return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def runs(self, dag_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """The latest runs of a DAG, newest first; none while the DAG isn't known yet."""
        response = self.request("GET", f"/dags/{dag_id}/dagRuns", params={"limit": limit, "order_by": "-id"})
        if response.status_code == httpx.codes.NOT_FOUND:
            return []
        return list(response.raise_for_status().json()["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One DAG run."""
        return self.get(f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, mapped ones each."""
        path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(path, limit=100, offset=len(found))
            found += page["task_instances"]
            if not page["task_instances"] or len(found) >= page["total_entries"]:
                return found

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """The value of an XCom entry."""
        run = quote(run_id, safe="")
        path = f"/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/xcomEntries/{key}"
        return self.get(path, deserialize=True)["value"]

    def _log_in(self) -> None:
        response = self._client.post("/auth/token", json=self._login).raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"


def _seconds(heartbeat: str | None) -> float:
    return datetime.fromisoformat(heartbeat).timestamp() if heartbeat else 0.0
