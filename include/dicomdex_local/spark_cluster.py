"""A standalone Spark cluster on this machine: one master and one worker from the pyspark wheel, on loopback.

Whoever does not know the cluster's secret can neither submit nor speak to an executor (`spark.authenticate`, and AES on
every connection). The master's REST submission is off. Its pages can't be switched off, so they ask for a token that
only this program makes.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import time
from pathlib import Path
from typing import Any

import httpx
import psutil

from dicomdex_local import pids, secret_files
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import RunDir
from dicomdex_local.ports import HOST, require_free
from dicomdex_local.spark import spark_home, write_conf

MASTER, WORKER = "spark-master", "spark-worker"
_DEPLOY = "org.apache.spark.deploy"
_FILTER = "org.apache.spark.ui.JWSFilter"
_QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
START_LIMIT = 120.0
STOP_LIMIT = 30.0


class SparkCluster:
    """Master and worker of a run directory; usable alone, also in tests. Errors: SiteError, in one line.

    `cores`, `memory` (as Spark writes it, `2g`) are what executors may take together. `port` is the master's, `ui_port`
    that of its locked page (`port` + 1 unless given). `environment` is the programs' and so the executors' own.
    """

    def __init__(
        self,
        run: RunDir,
        port: int,
        *,
        cores: int = 2,
        memory: str = "2g",
        ui_port: int | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.run = run
        self.port = port
        self.ui_port = ui_port or port + 1
        self.cores = cores
        self.memory = memory
        self._environment = environment

    @property
    def master_url(self) -> str:
        """What the connection `spark_default` says."""
        return f"spark://{HOST}:{self.port}"

    def defaults(self) -> dict[str, str]:
        """What an application that is submitted here must be told; the secret among it, for a file of mode 0600."""
        return {
            "spark.authenticate": "true",
            "spark.authenticate.secret": self._secret("spark"),
            "spark.network.crypto.enabled": "true",
        }

    def start(self, limit: float = START_LIMIT) -> None:
        """Start what does not run, and wait until the worker is registered."""
        self.launch()
        self.wait_ready(limit)

    def launch(self) -> None:
        """Start master and worker unless they run; returns at once."""
        self.run.create()
        write_conf(self.run, self.defaults())
        self.write_daemon_conf()
        if self._program(MASTER) is None:
            require_free(self.port, "DICOMDEX_SPARK_PORT")
            require_free(self.ui_port, "DICOMDEX_SPARK_UI_PORT")
            where = ("--host", HOST, "--port", str(self.port), "--webui-port", str(self.ui_port))
            self._start(MASTER, f"{_DEPLOY}.master.Master", *where)
        if self._program(WORKER) is None:
            size = ("--cores", str(self.cores), "--memory", self.memory, "--work-dir", str(self.run.spark / "work"))
            self._start(WORKER, f"{_DEPLOY}.worker.Worker", "--host", HOST, *size, "--webui-port", "0", self.master_url)

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Wait until the worker is registered; SiteError names the log where it is not to be."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            dead = next((name for name in (MASTER, WORKER) if self._program(name) is None), "")
            if dead:
                self.stop()
                raise SiteError(f"{dead} has ended: see {self._log(dead)}")
            if self.is_ready():
                return
            time.sleep(0.2)
        self.stop()
        raise SiteError(f"no Spark worker has registered: see {self._log(WORKER)}")

    def is_ready(self) -> bool:
        """One look: the master is active and has its worker."""
        said = self.state()
        return said.get("status") == "ALIVE" and any(worker["state"] == "ALIVE" for worker in said["workers"])

    def state(self) -> dict[str, Any]:
        """What the master says of itself, its workers and applications; empty while it does not answer."""
        token = {"Authorization": f"Bearer {_token(self._secret('spark_pages'))}"}
        try:
            answer = httpx.get(f"http://{HOST}:{self.ui_port}/json/", headers=token, timeout=10.0, trust_env=False)
            said: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
        except (httpx.HTTPError, ValueError):
            return {}
        return said

    def stop(self) -> None:
        """End worker, executors and master."""
        for name in (WORKER, MASTER):
            program = self._program(name)
            if program is not None:
                pids.stop(pids.tree([program]), STOP_LIMIT)
            self._record(name).unlink(missing_ok=True)

    def programs(self) -> list[psutil.Process]:
        """Master, worker, and what the worker has started for applications."""
        return pids.tree([program for name in (MASTER, WORKER) if (program := self._program(name))])

    def _start(self, name: str, kind: str, *arguments: str) -> None:
        command = [str(spark_home() / "bin" / "spark-class"), kind, "--properties-file", str(self._conf), *arguments]
        pids.launch(
            command,
            record=self._record(name),
            log=self._log(name),
            cwd=self.run.spark,
            environment=self._of_daemons(),
            umask=0o077,  # files that applications send, a password file among them, are the worker's alone
        )

    def _of_daemons(self) -> dict[str, str]:
        given = dict(os.environ) if self._environment is None else self._environment
        return {
            **{name: value for name, value in given.items() if not name.startswith(("SPARK_", "PYSPARK_", "PYTHON"))},
            "SPARK_HOME": str(spark_home()),
            "SPARK_CONF_DIR": str(self.run.spark_conf),
            "SPARK_LOCAL_IP": HOST,  # the pages listen here, too
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": _QUICK,
            pids.MARK: str(self.run.root),
        }

    def write_daemon_conf(self) -> None:
        """The properties of master and worker, in a file of mode 0600."""
        conf = {
            **self.defaults(),
            "spark.master.rest.enabled": "false",
            "spark.ui.killEnabled": "false",
            "spark.ui.filters": _FILTER,
            f"spark.{_FILTER}.param.secretKey": base64.urlsafe_b64encode(self._secret("spark_pages").encode()).decode(),
            # Logs of executors, and packages and password files sent to them, of applications that have ended.
            "spark.worker.cleanup.enabled": "true",
            "spark.worker.cleanup.interval": "1800",
            "spark.worker.cleanup.appDataTtl": "86400",
        }
        secret_files.write_secret(self._conf, "".join(f"{name} {value}\n" for name, value in conf.items()))

    def _secret(self, name: str) -> str:
        return secret_files.once(self.run.secrets / name)

    @property
    def _conf(self) -> Path:
        return self.run.secrets / "spark_daemons.conf"

    def _program(self, name: str) -> psutil.Process | None:
        return pids.running(self._record(name))

    def _record(self, name: str) -> Path:
        return self.run.pids / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.run.logs / f"{name}.log"


def _token(secret: str) -> str:
    """A signed token as the filter of Spark's pages reads it: JWS with HS256 (RFC 7515)."""
    head, claims = (_base64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": "dicomdex"}))
    signed = f"{head}.{claims}"
    return f"{signed}.{_base64(hmac.digest(secret.encode(), signed.encode(), 'sha256'))}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
