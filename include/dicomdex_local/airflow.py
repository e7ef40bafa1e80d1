"""Airflow of a local site: its environment, and starting and stopping its supervisor.

Nothing is written into `airflow.cfg`: every option is an environment variable, secrets are `*_CMD` that read a file.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path

import psutil

from dicomdex_local import pids, secret_files
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import REPO, RunDir
from dicomdex_local.ports import HOST, require_free

ADMIN = "admin"
VIEWER = "viewer"
START_LIMIT = 300.0
STOP_LIMIT = 60.0


@dataclass(frozen=True)
class AirflowSecrets:
    """The files (mode 0600) with Airflow's passwords and keys; generated when missing."""

    directory: Path

    @property
    def passwords_file(self) -> Path:
        """JSON, user -> password, as Airflow's SimpleAuthManager reads it."""
        return self.directory / "airflow"

    def ensure(self) -> None:
        passwords = {user: secret_files.password() for user in (ADMIN, VIEWER)}
        secret_files.once(self.passwords_file, lambda: json.dumps(passwords) + "\n")
        secret_files.once(self.directory / "fernet_key", lambda: urlsafe_b64encode(os.urandom(32)).decode())
        for name in ("jwt_secret", "api_secret_key"):
            secret_files.once(self.directory / name, lambda: secret_files.password() * 2)

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of the administrator."""
        return ADMIN, str(json.loads(self.passwords_file.read_text())[ADMIN])

    def command(self, name: str) -> str:
        """The shell-less command by which Airflow reads a secret."""
        return f"cat {shlex.quote(str(self.directory / name))}"


def options(run: RunDir, port: int) -> dict[str, str]:
    """`AIRFLOW__SECTION__OPTION` -> value of a site: what differs from Airflow's defaults."""
    sections = {**_core(run, port), **_pace(), **_server(run, port)}
    return {
        f"AIRFLOW__{section}__{option}": str(value)
        for section, values in sections.items()
        for option, value in values.items()
    }


def _core(run: RunDir, port: int) -> dict[str, dict[str, object]]:
    secrets = AirflowSecrets(run.secrets)
    return {
        "CORE": {
            "DAGS_FOLDER": REPO / "dags",
            "PLUGINS_FOLDER": REPO / "plugins",
            "LOAD_EXAMPLES": False,
            "DAGS_ARE_PAUSED_AT_CREATION": False,
            "EXECUTOR": "LocalExecutor",
            # More than cores: an executor slot turns over once in 2-3 s; pools bound the real work.
            "PARALLELISM": 8,
            "SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin,{VIEWER}:viewer",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": secrets.passwords_file,
            "EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
            "FERNET_KEY_CMD": secrets.command("fernet_key"),
            "TEST_CONNECTION": "Enabled",
            "HOSTNAME_CALLABLE": "socket.gethostname",
        },
        # A writer waits for one of another program, for longer than the default of 5 s on busy cores; those of the
        # api-server itself come in turn (dicomdex_airflow.one_writer).
        "DATABASE": {"SQL_ALCHEMY_CONN": f"sqlite:///{run.airflow / 'airflow.db'}?timeout=30"},
        "LOGGING": {"BASE_LOG_FOLDER": run.logs / "tasks"},
    }


def _pace() -> dict[str, dict[str, object]]:
    return {
        "SCHEDULER": {
            # The default of 1 s costs 0.7 s a task in a chain.
            "SCHEDULER_IDLE_SLEEP_TIME": 0.1,
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT": 30,
            "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,
            # What a scheduler that was killed had queued; the default waits 300 s.
            "ORPHANED_TASKS_CHECK_INTERVAL": 15,
        },
        "DAG_PROCESSOR": {"REFRESH_INTERVAL": 5, "MIN_FILE_PROCESS_INTERVAL": 5},
        # On two busy cores an answer of the execution API can take longer than the default 5 s.
        "WORKERS": {"EXECUTION_API_TIMEOUT": 30},
    }


def _server(run: RunDir, port: int) -> dict[str, dict[str, object]]:
    secrets = AirflowSecrets(run.secrets)
    return {
        "API": {
            **{"HOST": HOST, "PORT": port, "BASE_URL": f"http://{HOST}:{port}", "WORKERS": 1, "EXPOSE_CONFIG": False},
            "SECRET_KEY_CMD": secrets.command("api_secret_key"),
        },
        "API_AUTH": {"JWT_SECRET_CMD": secrets.command("jwt_secret")},
    }


def solr_connection(hosts: str, port: int | None, user: str, password_file: Path, alias: str) -> str:
    """`solr_default` as JSON; the password stays in its file. `hosts`: one, or several with commas between."""
    extra = {"password_file": str(password_file), "collection": alias}
    return json.dumps(
        {"conn_type": "solr", "host": hosts, "port": port, "schema": "http", "login": user, "extra": extra}
    )


def spark_connection(master: str) -> str:
    """`spark_default` as JSON: `local[2]`, or a cluster's `spark://host:port`."""
    extra = {"spark-binary": "spark-submit"}
    return json.dumps({"conn_type": "spark", "host": master, "extra": extra})


def webhdfs_connection(hosts: str, port: int, user: str) -> str:
    """`hdfs_default` as JSON, for the WebHDFS of one NameNode or of several with commas between."""
    return json.dumps({"conn_type": "webhdfs", "host": hosts, "port": port, "login": user})


class AirflowSite:
    """The four components behind one supervisor, a background program that outlives the command that started it."""

    def __init__(self, run: RunDir, port: int, environment: dict[str, str]) -> None:
        self.run = run
        self.port = port
        self.environment = environment
        self.secrets = AirflowSecrets(run.secrets)
        self.record = run.pids / "supervisor.json"
        self.reason_file = run.airflow / "stopped_because"

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def rest(self) -> AirflowRest:
        """A client of the REST API as administrator."""
        return AirflowRest(self.url, *self.secrets.auth)

    def supervisor(self) -> psutil.Process | None:
        return pids.running(self.record)

    def launch(self) -> None:
        """Start the supervisor unless it runs; returns at once."""
        if self.supervisor() is not None:
            return
        self.stop()  # components that a killed supervisor left behind
        self.secrets.ensure()
        require_free(self.port, "DICOMDEX_AIRFLOW_PORT")
        self.reason_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "dicomdex_local.supervisor", str(self.run.root)]
        log = self.run.logs / "supervisor.log"
        pids.launch(command, record=self.record, log=log, cwd=self.run.airflow, environment=self.environment)

    def wait_healthy(self, limit: float = START_LIMIT) -> None:
        """Wait until all four say healthy by a heartbeat of this start; SiteError with the supervisor's reason."""
        record = pids.PidRecord.read(self.record)
        end = time.monotonic() + limit
        with self.rest() as rest:
            while time.monotonic() < end:
                if self.supervisor() is None:
                    raise SiteError(self._reason())
                if record is not None and rest.is_healthy(since=record.started):
                    return
                time.sleep(0.2)
        raise SiteError(f"Airflow was not healthy after {limit:.0f} s: see {self.run.logs}")

    def is_healthy(self) -> bool:
        """One look."""
        record = pids.PidRecord.read(self.record)
        if record is None or record.program() is None:
            return False
        with self.rest() as rest:
            return rest.is_healthy(since=record.started)

    def stop(self) -> None:
        """End supervisor, components, tasks and all that those started."""
        supervisor = self.supervisor()
        components = [p for file in self.run.pids.glob("airflow-*.json") if (p := pids.running(file))]
        family = pids.tree([*([supervisor] if supervisor else []), *components])
        if supervisor is not None:
            pids.stop([supervisor], STOP_LIMIT)
        pids.stop([p for p in family if p.is_running()], 10)
        for file in [self.record, *self.run.pids.glob("airflow-*.json")]:
            file.unlink(missing_ok=True)

    def _reason(self) -> str:
        if self.reason_file.exists():
            return self.reason_file.read_text().strip()
        return f"Airflow's supervisor ended: see {self.run.logs / 'supervisor.log'}"
