"""The page of a local site: a program of its own, so that no download ever touches Airflow's heartbeats."""

from __future__ import annotations

import sys

import httpx

from dicomdex_local import secret_files
from dicomdex_local.engine import Engine
from dicomdex_local.layout import RunDir
from dicomdex_local.ports import HOST
from dicomdex_local.solr_security import PAGE, SolrSecrets

OPEN = "/static/icon.svg"  # answered without a login


class Page(Engine):
    """Starts and stops `dicomdex serve`; its users' passwords lie in the file `web` of the site's secrets."""

    name = "page"
    port_setting = "DICOMDEX_WEB_PORT"

    def __init__(self, run: RunDir, port: int, airflow_url: str, environment: dict[str, str]) -> None:
        told = {
            **environment,
            **handover(run, port, airflow_url),
            "DICOMDEX_SOLR_USER": PAGE,
            "DICOMDEX_SOLR_PASSWORD_FILE": str(SolrSecrets(run.secrets).page_file),
            # Its title, which granian sets, leaves the environment alone: programs are found by their mark there.
            "SPT_NOENV": "1",
        }
        super().__init__(run.root, port, environment=told)
        self.run = run
        self.record = run.pids / "page.json"
        self.log = run.logs / "page.log"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def settings(self) -> dict[str, str]:
        """What the page is told: no secret, only files' names. Solr it only reads."""
        return {name: value for name, value in (self.environment or {}).items() if name.startswith("DICOMDEX_")}

    def command(self) -> list[str]:
        """The program of `dicomdex serve`."""
        return [sys.executable, "-m", "dicomdex.serving"]

    def prepare(self) -> None:
        """Nothing: it makes its own files."""

    def is_ready(self) -> bool:
        """One look."""
        try:
            return httpx.get(f"{self.url}{OPEN}", timeout=5.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def handover(run: RunDir, port: int, airflow_url: str) -> dict[str, str]:
    """What page and Airflow's plugin must both know: where the page is, and the file with their common secret."""
    return {
        "DICOMDEX_WEB_DIRECTORY": str(run.root),
        "DICOMDEX_WEB_PORT": str(port),
        "DICOMDEX_WEB_AIRFLOW_URL": airflow_url,
        "DICOMDEX_WEB_AIRFLOW_SECRET_FILE": str(run.secrets / "web_airflow"),
    }


def ensure_secret(run: RunDir) -> None:
    """Make the common secret before either side is started."""
    secret_files.once(run.secrets / "web_airflow")
