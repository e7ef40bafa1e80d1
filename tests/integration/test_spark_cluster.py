"""A standalone cluster from the wheel: executors that have the zip and the wheels alone, and secrets that stay so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from dicomdex_local import spark as local_spark
from dicomdex_local.layout import REPO, RunDir
from dicomdex_local.pids import MARK
from dicomdex_local.ports import HOST, free_ports
from dicomdex_local.solr import SolrNode
from dicomdex_local.spark_cluster import SparkCluster
from tests.spark.served import Served
from tests.unit.line import DAY, dicom
from tests.watch import Watch, watching

VIEW = REPO / "tests" / "spark" / "executor_view.py"
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@dataclass(frozen=True)
class Submitted:
    """How an application ended, what its driver said, and the arguments of all programs meanwhile."""

    code: int
    said: str
    watch: Watch


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return RunDir(tmp_path_factory.mktemp("cluster") / "run")


@pytest.fixture(scope="module")
def cluster(run: RunDir) -> Iterator[SparkCluster]:
    port, ui_port = free_ports(2)
    made = SparkCluster(run, port, ui_port=ui_port, memory="1g")
    made.start()
    yield made
    made.stop()
    assert made.programs() == []


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[SolrNode]:
    home, (port, zookeeper) = tmp_path_factory.mktemp("node"), free_ports(2)
    made = SolrNode(home / "solr", jars / "solr", home / "secrets", port, zookeeper_port=zookeeper, heap="512m")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """This Python with its packages and without the editable install: `-S` reads no .pth file."""
    script = tmp_path / "bare-python"
    packages = sysconfig.get_path("purelib")
    script.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{packages}" exec {sys.executable} -S "$@"\n')
    script.chmod(0o755)
    return script


def submit(cluster: SparkCluster, environment: dict[str, str], *arguments: str, conf: dict[str, str]) -> Submitted:
    """Run spark-submit in client mode, as Airflow's operator does, and look at all programs meanwhile."""
    run = cluster.run
    options = {"spark.driver.extraJavaOptions": QUICK, "spark.executor.extraJavaOptions": QUICK, **conf}
    given = [part for key, value in options.items() for part in ("--conf", f"{key}={value}")]
    kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    spark = {"SPARK_CONF_DIR": str(run.spark_conf), "SPARK_LOCAL_IP": HOST, MARK: str(run.root)}
    command = [str(local_spark.spark_home() / "bin" / "spark-submit"), "--master", cluster.master_url, *given]
    with watching(run.root, seconds=0.2, memory=False) as watch:
        done = subprocess.run(
            [*command, *arguments],
            env={**kept, **spark, **environment},
            capture_output=True,
            text=True,
            timeout=550,
            check=False,
        )
    return Submitted(done.returncode, done.stdout + done.stderr, watch)


def laid(node: SolrNode, root: Path, alias: str) -> Served:
    """A line whose drop is in the catalog and not yet in Solr."""
    served = Served(root, node, alias)
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1"), "c": dicom("1.9.2", study="1.2.4", series="1.2.4.1")})
    served.ingest(DAY)
    return served


def apply(cluster: SparkCluster, served: Served, bare_python: Path, view: Path, **conf: str) -> Submitted:
    """Apply by executors that have the zip and the wheels, and look at what they see."""
    packages = local_spark.write_packages(cluster.run.root / "dicomdex.zip")
    pythons = {"PYSPARK_PYTHON": str(bare_python), "PYSPARK_DRIVER_PYTHON": sys.executable}
    return submit(
        cluster,
        {**served.environment(), **pythons},
        *("--py-files", str(packages), str(VIEW), str(view), "--run", "on a cluster"),
        conf={"spark.executor.memory": "1g", "spark.executor.cores": "2", **conf},
    )


def test_executors_that_have_only_the_zip_write_the_documents_and_no_secret_is_seen(
    cluster: SparkCluster, node: SolrNode, tmp_path: Path, bare_python: Path
) -> None:
    served = laid(node, tmp_path, "cluster")
    view, events, run = tmp_path / "view.json", tmp_path / "events", cluster.run
    events.mkdir()
    log = {"enabled": "true", "dir": events.as_uri(), "compress": "false", "rolling.enabled": "false"}
    logged = {f"spark.eventLog.{name}": value for name, value in log.items()}
    done = apply(cluster, served, bare_python, view, **logged)
    assert done.code == 0, done.said[-4000:]

    seen = json.loads(view.read_text())
    assert all("dicomdex.zip/" in module for module in seen["modules"])
    assert not [path for path in seen["path"] if path.startswith(str(REPO / "include"))]
    assert served.levels() == {"study": 2, "series": 2, "instance": 2, "copy": 1}
    assert served.sentence(DAY) == "ok"
    served.solr.close()

    secrets = [node.auth[1], *((run.secrets / name).read_text() for name in ("spark", "spark_pages"))]
    written = [
        path.read_text(errors="replace") for path in (*events.iterdir(), *run.logs.iterdir(), *executor_logs(run))
    ]
    assert any("CoarseGrainedExecutorBackend" in line for line in done.watch.arguments)
    assert any("SparkListenerTaskEnd" in text for text in written)
    for secret in secrets:
        assert not [line for line in done.watch.arguments if secret in line]
        assert not [text for text in (done.said, *written) if secret in text]


@pytest.mark.long
def test_an_executor_that_is_killed_is_replaced_and_nothing_is_lost(
    cluster: SparkCluster, node: SolrNode, tmp_path: Path, bare_python: Path
) -> None:
    served = laid(node, tmp_path, "lost")
    over, killed = threading.Event(), []

    def kill_one() -> None:
        while not over.wait(0.05) and not killed:
            killed.extend(working_executors(cluster)[:1])
            for executor in killed:
                executor.kill()

    killer = threading.Thread(target=kill_one)
    killer.start()
    done = apply(cluster, served, bare_python, tmp_path / "view.json")
    over.set()
    killer.join()
    assert len(killed) == 1
    assert done.code == 0, done.said[-4000:]
    assert served.levels() == {"study": 2, "series": 2, "instance": 2, "copy": 1}
    assert served.sentence(DAY) == "ok"
    served.solr.close()


def working_executors(cluster: SparkCluster) -> list[psutil.Process]:
    """Executors that have started a Python: they are at work on a task."""
    found = []
    for program in cluster.programs():
        with suppress(psutil.NoSuchProcess):
            if "CoarseGrainedExecutorBackend" in " ".join(program.cmdline()) and program.children():
                found.append(program)
    return found


def executor_logs(run: RunDir) -> list[Path]:
    """What executors have said."""
    found = [path for path in (run.spark / "work").rglob("std*") if path.is_file()]
    assert found
    return found


@pytest.mark.long  # the driver tries three times for 20 s, which no setting shortens
def test_who_does_not_know_the_clusters_secret_runs_nothing(cluster: SparkCluster, tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text("from pyspark import SparkContext\nprint('counted', SparkContext().range(3).count())\n")
    wrong = submit(
        cluster, {"PYSPARK_PYTHON": sys.executable}, str(script), conf={"spark.authenticate.secret": "x" * 32}
    )
    assert wrong.code != 0
    assert "counted 3" not in wrong.said
    assert cluster.state()["activeapps"] == []


def test_pages_are_closed_and_everything_listens_on_loopback_only(cluster: SparkCluster) -> None:
    assert [httpx.get(f"http://{HOST}:{cluster.ui_port}{path}").status_code for path in ("/", "/json/")] == [403, 403]
    listening = [
        where.laddr
        for program in cluster.programs()
        for where in program.net_connections("inet")
        if where.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 4  # of master and worker the port and the page each
    assert {where.ip.removeprefix("::ffff:") for where in listening} == {HOST}
    assert 6066 not in {where.port for where in listening}


def test_files_with_secrets_are_their_owners_alone(cluster: SparkCluster) -> None:
    run = cluster.run
    files = [run.spark_conf / "spark-defaults.conf", *run.secrets.iterdir()]
    assert {path.name for path in files} >= {"spark-defaults.conf", "spark", "spark_pages", "spark_daemons.conf"}
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}
