"""Solr and spark-submit as a local site starts them, without Airflow, in a directory of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Any

from dicomdex.settings import Settings
from dicomdex.spark_size import FOR_A_SHORT_LIFE, FOR_MANY_ROWS
from dicomdex_airflow.spark import CONF, application
from dicomdex_local import pids, spark
from dicomdex_local.errors import SiteError
from dicomdex_local.java import ensure_java
from dicomdex_local.layout import RunDir, default_jars_dir
from dicomdex_local.ports import HOST, free_ports
from dicomdex_local.solr import SolrNode

MEGABYTE = 1 << 20
MASTER = "local[2]"
BRIEF = "apply_changes.py"  # starts fast and has 1 GB of memory, as in its DAG; all others are long, with 2 GB


@dataclass(frozen=True)
class Spent:
    """What a program took: seconds, CPU seconds with its children's, the most memory in MB (0 = not known)."""

    seconds: float
    cpu: float
    peak_mb: float = 0.0


class BenchSite:
    """A Solr node with 1 GB of heap, and the settings and the spark-submit that go with it."""

    def __init__(self, root: Path, heap: str = "1g") -> None:
        self.run = RunDir(root.absolute())
        self.jars = default_jars_dir()
        port, zookeeper = free_ports(2)
        environment = {**_plain(), pids.MARK: str(self.run.root)}
        self.node = SolrNode(
            self.run.solr, self.jars / "solr", self.run.secrets, port,
            zookeeper_port=zookeeper, java=str(ensure_java()), heap=heap, environment=environment,
        )  # fmt: skip
        self.packages = self.run.root / "dicomdex.zip"

    def up(self) -> None:
        """Make the directories, start Solr."""
        self.run.create()
        spark.write_conf(self.run)
        spark.write_packages(self.packages)
        self.node.start()

    def down(self) -> None:
        """End Solr."""
        self.node.stop()

    @property
    def settings(self) -> Settings:
        """Catalog and work area lie in the directory; nothing is ever listed."""
        root = self.run.root
        places = {name: (root / name).as_uri() for name in ("landing", "work", "catalog")}
        return Settings(
            **places, solr_url=self.node.base_url, solr_user=self.node.auth[0],
            solr_password_file=self.node.secrets.admin_file,
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """What spark-submit gets, in which every program it starts is known as ours."""
        given = {f"DICOMDEX_{name.upper()}": str(value) for name, value in self.settings}
        return {
            **_plain(), **given, pids.MARK: str(self.run.root), "PYSPARK_PYTHON": sys.executable,
            "SPARK_LOCAL_IP": HOST, "SPARK_CONF_DIR": str(self.run.spark_conf),
        }  # fmt: skip

    def submit(self, name: str, *arguments: str, events: Path | None = None) -> Spent:
        """Run an application of `dicomdex_spark`, or a script, to its end as a task does; SiteError where it fails.

        `events`: directory for Spark's own record of jobs and stages.
        """
        begun, used = time.perf_counter(), cpu_seconds(RUSAGE_CHILDREN)
        log = self.run.logs / f"{Path(name).name}.log"
        with log.open("w") as said:
            command = self._command(name, arguments, events)
            code = subprocess.run(command, env=self.environment(), stdout=said, stderr=said, check=False).returncode
        if code:
            raise SiteError(f"{name} ended with {code}: see {log}")
        return Spent(time.perf_counter() - begun, cpu_seconds(RUSAGE_CHILDREN) - used)

    def _command(self, name: str, arguments: Sequence[str], events: Path | None) -> list[str]:
        memory, java = ("1g", FOR_A_SHORT_LIFE) if name == BRIEF else ("2g", FOR_MANY_ROWS)
        given = {key: value for key, value in CONF.items() if "{{" not in value}
        given |= {"spark.driver.memory": memory, "spark.driver.extraJavaOptions": java}
        if events is not None:
            events.mkdir(parents=True, exist_ok=True)
            given |= {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri()}
            given |= {"spark.eventLog.compress": "false", "spark.eventLog.rolling.enabled": "false"}
        options = [part for key, value in given.items() for part in ("--conf", f"{key}={value}")]
        places = ["--py-files", str(self.packages), "--jars", spark.jars(self.jars / "delta")]
        script = name if "/" in name else application(name)
        submit = Path(sys.executable).with_name("spark-submit")
        return [str(submit), "--master", MASTER, *options, *places, script, *arguments]


def cpu_seconds(whose: int) -> float:
    """CPU time of this program, or of its ended children with theirs."""
    spent = getrusage(whose)
    return spent.ru_utime + spent.ru_stime


def alone(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Spent]:
    """Call a function in a fresh Python, as a task of Airflow's has it: its result and what it took."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_timed, function, *arguments).result()


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, Spent]:
    begun, used = time.perf_counter(), cpu_seconds(RUSAGE_SELF)
    found = function(*arguments)
    took = time.perf_counter() - begun, cpu_seconds(RUSAGE_SELF) - used
    return found, Spent(*took, getrusage(RUSAGE_SELF).ru_maxrss / 1024)


def _plain() -> dict[str, str]:
    """The environment without what a person has set for a site of theirs."""
    foreign = ("DICOMDEX_", "AIRFLOW", "SPARK_", "PYSPARK_", "PYTHONPATH", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
