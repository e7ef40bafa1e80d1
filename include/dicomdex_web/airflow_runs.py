"""DAG runs started and looked at by Airflow's REST API, with the token of the person who asks: Airflow decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

TIMEOUT = 20.0
ENDED = ("success", "failed")


class RunRefused(Exception):
    """Airflow does not start it or does not answer; a sentence for people."""


@dataclass(frozen=True)
class Run:
    """One DAG run, or one backfill: where Airflow shows it, and how it stands."""

    dag_id: str
    run_id: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.state in ENDED

    def address(self, airflow_url: str) -> str:
        """Its page in Airflow."""
        return f"{airflow_url.rstrip('/')}/dags/{self.dag_id}/runs/{quote(self.run_id, safe='')}"


class AirflowRuns:
    """A client for one person; a token of another person is another client."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}

    def start(self, dag_id: str, conf: dict[str, Any], partition_key: str = "") -> Run:
        """Start a run; RunRefused with Airflow's reason in our words."""
        # `logical_date` must be there, and null for partitions.
        body: dict[str, Any] = {"logical_date": None, "conf": conf}
        if partition_key:
            body["partition_key"] = partition_key
        said = self._ask("POST", f"/dags/{dag_id}/dagRuns", body)
        return Run(dag_id, str(said["dag_run_id"]), str(said["state"]))

    def backfill(self, dag_id: str, first: str, last: str, conf: dict[str, Any]) -> int:
        """Run a DAG again for each of these days; the backfill's number."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T00:00:00Z",
            "reprocess_behavior": "completed",
            "dag_run_conf": conf,
        }
        return int(self._ask("POST", "/backfills", body)["id"])

    def run(self, dag_id: str, run_id: str) -> Run:
        """How a run stands."""
        said = self._ask("GET", f"/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}")
        return Run(dag_id, run_id, str(said["state"]))

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = httpx.request(
                method, f"{self._url}/api/v2{path}", json=body, headers=self._headers, timeout=TIMEOUT, trust_env=False
            )
        except httpx.HTTPError as error:
            raise RunRefused(f"Airflow does not answer ({type(error).__name__}).") from None
        if not answer.is_success:
            raise RunRefused(_SAID.get(answer.status_code, f"Airflow refused ({answer.status_code})."))
        found: dict[str, Any] = answer.json()
        return found


_SAID = {
    401: "Airflow's login has run out: log in to Airflow and choose DICOM in its menu.",
    403: "Airflow does not let you do this.",
    404: "Airflow does not know this DAG or run.",
    409: "Airflow says that this run is there already: wait until it has ended.",
    422: "Airflow did not understand what was filled in.",
    400: "Airflow did not accept what was filled in.",
}
