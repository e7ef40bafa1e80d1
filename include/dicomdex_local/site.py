"""A whole site on one machine: Solr, Airflow with Spark in local mode, from one run directory.

Everything that it makes lies in the run directory, everything it starts listens on 127.0.0.1 and is known by pid and
start time. Two sites with different run directories and ports can run at once, and share one directory of jars.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from dicomdex.settings import Settings
from dicomdex_local import airflow, java, pids, spark, web
from dicomdex_local.delivery import local_path
from dicomdex_local.jars import JAR_SETS, ensure_jars
from dicomdex_local.layout import RunDir, default_jars_dir, default_run_dir
from dicomdex_local.ports import HOST, Ports
from dicomdex_local.sample import lay_sample_drops
from dicomdex_local.sample_hospital import Truth
from dicomdex_local.solr import SolrNode
from dicomdex_local.solr_security import ADMIN, SolrSecrets
from dicomdex_local.zookeeper import ZooKeeper

Say = Callable[[str], None]

# Variables of the person's shell that would reach into Airflow or Spark from outside.
FOREIGN = ("AIRFLOW", "SPARK_", "PYSPARK_", "PYTHONPATH", "PYTHONHOME")


def _silent(_line: str) -> None:
    return None


class Site:
    """`up()`, `down()`, `status()`. Ports, jars and landing area default to DICOMDEX_* or the usual places."""

    jar_sets: Sequence[str] = JAR_SETS

    def __init__(
        self,
        run_dir: Path | None = None,
        *,
        ports: Ports | None = None,
        jars: Path | None = None,
        landing: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.run = RunDir((run_dir or default_run_dir()).absolute())
        self.ports = ports or Ports.from_environment()
        self.jars = (jars or default_jars_dir(self.run.root)).absolute()
        self._landing = str(landing or os.environ.get("DICOMDEX_LANDING") or self.run.root / "landing")
        self.extra_settings = settings or {}
        self.java = java.find_java() or Path("java")
        self.solr_secrets = SolrSecrets(self.run.secrets)

    @property
    def solr_nodes(self) -> list[SolrNode]:
        """The Solr nodes, running or not: one, with its ZooKeeper inside."""
        return [self._solr_node("solr", self.ports.solr)]

    @property
    def solr(self) -> SolrNode:
        """The first Solr node, running or not."""
        return self.solr_nodes[0]

    @property
    def airflow(self) -> airflow.AirflowSite:
        """Airflow, running or not."""
        return airflow.AirflowSite(self.run, self.ports.airflow, self.environment())

    @property
    def page(self) -> web.Page:
        """The page, running or not."""
        return web.Page(self.run, self.ports.web, self.airflow.url, self.environment())

    @property
    def landing(self) -> Path:
        """The landing area as a directory of this machine; SiteError where it is on another."""
        return local_path(self._landing_url())

    def settings(self) -> Settings:
        """What every part of this site is told by DICOMDEX_*."""
        chosen = {name.removeprefix("DICOMDEX_").lower(): value for name, value in self._dicomdex().items()}
        fields = Settings.model_fields.keys()
        return Settings.load(**{name: value for name, value in chosen.items() if name in fields})

    def up(self, say: Say = _silent) -> None:
        """Start whatever does not run and wait until all is ready; a moment when all is up. SiteError in one line."""
        self.run.create()
        self.java = java.ensure_java()
        if not all((self.jars / name).is_dir() for name in self.jar_sets):
            say("fetching jars (about 80 MB, once)")
        ensure_jars(self.jars, self.java, self.jar_sets)
        self._write_files()
        nodes, scheduler = self.solr_nodes, self.airflow
        was_up = all(node.program() for node in nodes) and scheduler.supervisor() is not None
        self.start_foundations()
        scheduler.launch()
        for node in nodes:
            node.launch()
        self.page.launch()
        for node in nodes:
            node.wait_ready()
        if not was_up:
            say(f"Solr is ready at {self.solr.base_url}")
        scheduler.wait_healthy()
        self._make_pools()
        if not was_up:
            say(f"Airflow is healthy at {scheduler.url}")
        self.page.wait_ready()

    def down(self) -> None:
        """Stop all that the site started, orphans included; data stays."""
        if not self.run.root.is_dir():
            return
        self.page.stop()
        self.airflow.stop()
        for node in self.solr_nodes:
            node.stop()
        self.stop_foundations()
        pids.stop(pids.marked(self.run.root), 5)
        # A Spark application that was killed leaves its shuffle files, and those hold values of patients.
        shutil.rmtree(self.run.spark / "local", ignore_errors=True)

    def start_foundations(self) -> None:
        """Start what Airflow and Solr stand on: nothing here."""

    def stop_foundations(self) -> None:
        """Stop it again."""

    def lay_samples(self) -> dict[str, Truth]:
        """Lay the sample drops into the landing area; what becomes of their files."""
        return lay_sample_drops(self.landing, self.run.root / "truth.json")

    def engines(self) -> dict[str, dict[str, object]]:
        """Engine -> whether it runs, whether it is ready, and where."""
        solr, scheduler = self.solr, self.airflow
        solr_runs = solr.program() is not None
        airflow_runs = scheduler.supervisor() is not None
        return {
            "solr": {"running": solr_runs, "ready": solr_runs and solr.is_ready(), "url": solr.base_url},
            "airflow": {
                "running": airflow_runs,
                "ready": airflow_runs and scheduler.is_healthy(),
                "url": scheduler.url,
            },
            "page": {"running": self.page.program() is not None, "ready": self.page.is_ready(), "url": self.page.url},
        }

    def environment(self) -> dict[str, str]:
        """Every variable that Airflow, its tasks and Spark get; no secret among them, only files' names."""
        settings = self._dicomdex()
        venv_bin = Path(sys.executable).parent
        return {
            **base_environment(),
            **settings,
            **web.handover(self.run, self.ports.web, f"http://{HOST}:{self.ports.airflow}"),
            **airflow.options(self.run, self.ports.airflow),
            "AIRFLOW_HOME": str(self.run.airflow),
            "AIRFLOW_CONN_SOLR_DEFAULT": airflow.solr_connection(
                HOST, self.ports.solr, ADMIN, self.solr_secrets.admin_file, settings.get("DICOMDEX_ALIAS", "dicom")
            ),
            "AIRFLOW_CONN_SPARK_DEFAULT": airflow.spark_connection(f"local[{_cores()}]"),
            "PATH": f"{venv_bin}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "JAVA_HOME": str(java.java_home(self.java)),
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": HOST,
            "SPARK_CONF_DIR": str(self.run.spark_conf),
            "PYTHONUNBUFFERED": "1",
            # Arrow's own, mimalloc, keeps 80 to 220 MB that it needs no more, and a pass takes up to 20 % more CPU.
            "ARROW_DEFAULT_MEMORY_POOL": "system",
            pids.MARK: str(self.run.root),
        }

    def _dicomdex(self) -> dict[str, str]:
        """DICOMDEX_* of the site; what the person has set, wins, apart from where Solr is."""
        root = self.run.root
        defaults = {
            "DICOMDEX_WORK": (root / "work").as_uri(),
            "DICOMDEX_CATALOG": (root / "catalog").as_uri(),
            # Small, so that the fan-out of the sample drops is seen.
            "DICOMDEX_BATCH_FILES": "250",
        }
        own = {
            "DICOMDEX_RUN": str(root),
            "DICOMDEX_JARS": str(self.jars),
            "DICOMDEX_SOLR_PORT": str(self.ports.solr),
            "DICOMDEX_ZOOKEEPER_PORT": str(self.ports.zookeeper),
            "DICOMDEX_AIRFLOW_PORT": str(self.ports.airflow),
            "DICOMDEX_LANDING": self._landing_url(),
            "DICOMDEX_SOLR_URL": f"http://{HOST}:{self.ports.solr}/solr",
            "DICOMDEX_SOLR_USER": ADMIN,
            "DICOMDEX_SOLR_PASSWORD_FILE": str(self.solr_secrets.admin_file),
            "DICOMDEX_SPARK_JARS": spark.jars(self.jars / "delta"),
            "DICOMDEX_SPARK_PY_FILES": str(root / "dicomdex.zip"),
        }
        given = {name: value for name, value in os.environ.items() if name.startswith("DICOMDEX_") and value}
        return {**defaults, **given, **own, **self.extra_settings}

    def _landing_url(self) -> str:
        return self._landing if ":" in self._landing else Path(self._landing).absolute().as_uri()

    def _write_files(self) -> None:
        if self._landing_url().startswith("file:"):
            self.landing.mkdir(parents=True, exist_ok=True)
        self.solr_secrets.ensure()
        airflow.AirflowSecrets(self.run.secrets).ensure()
        web.ensure_secret(self.run)
        self._write_spark_conf()
        spark.write_packages(self.run.root / "dicomdex.zip")

    def _write_spark_conf(self) -> None:
        spark.write_conf(self.run)

    def _solr_node(self, home: str, port: int, zookeeper: ZooKeeper | None = None) -> SolrNode:
        return SolrNode(
            self.run.root / home,
            self.jars / "solr",
            self.run.secrets,
            port,
            zookeeper_port=self.ports.zookeeper,
            zookeeper=zookeeper,
            java=str(self.java),
            environment={**base_environment(), pids.MARK: str(self.run.root)},
        )

    def _make_pools(self) -> None:
        with self.airflow.rest() as rest:
            # One extraction a core, one Spark application at a time, one writer of a collection at a time.
            for name, slots in (("extract", _cores()), ("spark", 1), ("solr_writer", 1)):
                rest.ensure_pool(name, slots)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def base_environment() -> dict[str, str]:
    """What this program's environment gives the engines: nothing that would reach into Airflow or Spark."""
    return {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
