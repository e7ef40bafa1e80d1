"""The page of a local site: a program of its own, so that no download ever touches Airflow's heartbeats."""

from __future__ import annotations

import subprocess
import sys
import time

import httpx
import psutil

from dicomdex_local import pids, secret_files
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import RunDir
from dicomdex_local.ports import HOST, require_free
from dicomdex_local.solr_security import PAGE, SolrSecrets

START_LIMIT = 120.0
STOP_LIMIT = 15.0
OPEN = "/static/icon.svg"  # answered without a login


class Page:
    """Starts and stops `dicomdex serve`; its users' passwords lie in the file `web` of the site's secrets."""

    def __init__(self, run: RunDir, port: int, airflow_url: str, environment: dict[str, str]) -> None:
        self.run = run
        self.port = port
        self.airflow_url = airflow_url
        self.environment = environment
        self.record = run.pids / "page.json"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def settings(self) -> dict[str, str]:
        """What the page is told: no secret, only files' names. Solr it only reads."""
        return {
            **{name: value for name, value in self.environment.items() if name.startswith("DICOMDEX_")},
            **handover(self.run, self.port, self.airflow_url),
            "DICOMDEX_SOLR_USER": PAGE,
            "DICOMDEX_SOLR_PASSWORD_FILE": str(SolrSecrets(self.run.secrets).page_file),
        }

    def program(self) -> psutil.Process | None:
        """The page's program, if it runs."""
        return pids.running(self.record)

    def launch(self) -> None:
        """Start it unless it runs; returns at once."""
        if self.program() is not None:
            return
        require_free(self.port, "DICOMDEX_WEB_PORT")
        command = [sys.executable, "-m", "dicomdex.serving"]
        with (self.run.logs / "page.log").open("ab") as log, pids.undisturbed():
            program = subprocess.Popen(
                command,
                cwd=self.run.root,
                # Its title, which granian sets, leaves the environment alone: programs are found by their mark there.
                env={**self.environment, **self.settings(), "SPT_NOENV": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            pids.PidRecord.of(program.pid).write(self.record)

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Wait until it answers; SiteError where it ended or does not."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.program() is None:
                raise SiteError(f"the page ended: see {self.run.logs / 'page.log'}")
            if self.is_ready():
                return
            time.sleep(0.1)
        raise SiteError(f"the page did not answer after {limit:.0f} s: see {self.run.logs / 'page.log'}")

    def is_ready(self) -> bool:
        """One look."""
        try:
            return httpx.get(f"{self.url}{OPEN}", timeout=5.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        """End it and what it has started."""
        program = self.program()
        if program is not None:
            family = pids.tree([program])
            pids.stop([program], STOP_LIMIT)
            pids.stop([one for one in family if one.is_running()], 5)
        self.record.unlink(missing_ok=True)


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
