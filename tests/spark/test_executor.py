"""Apply on an executor that is a process of its own and has nothing of dicomdex but the zip."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyspark
import pytest
from pyspark import cloudpickle

from dicomdex.settings import Settings
from dicomdex_local import spark as local_spark
from dicomdex_local.layout import REPO, RunDir
from dicomdex_local.secret_files import write_secret
from dicomdex_spark.executor import solr_of_task
from dicomdex_spark.writing import counter, indexer, poster
from tests.spark.served import Served
from tests.unit.line import DAY, dicom

WHEEL = Path(pyspark.__file__).parent


@pytest.fixture
def bare_python(tmp_path: Path) -> Path:
    """This Python with its packages and without the editable install: `-S` reads no .pth file."""
    script = tmp_path / "bare-python"
    packages = sysconfig.get_path("purelib")
    script.write_text(f'#!/bin/sh\nPYTHONPATH="$PYTHONPATH:{packages}" exec {sys.executable} -S "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def spark_home(tmp_path: Path) -> Path:
    """The wheel's Spark, with a place of its own for the executors' work directories."""
    home = tmp_path / "spark-home"
    home.mkdir()
    for part in ("bin", "jars", "python"):
        (home / part).symlink_to(WHEEL / part)
    return home


def submitted(run: RunDir, environment: dict[str, str], *arguments: str) -> None:
    """Run the application on one executor; its Spark logs to what a failure shows."""
    packages = local_spark.write_packages(run.root / "dicomdex.zip")
    quick = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    command = [
        *(str(WHEEL / "bin" / "spark-submit"), "--master", "local-cluster[1,1,1024]"),
        *("--conf", f"spark.driver.extraJavaOptions={quick}", "--conf", f"spark.executor.extraJavaOptions={quick}"),
        *("--py-files", str(packages), str(Path(__file__).with_name("executor_view.py")), *arguments),
    ]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def test_an_executor_that_has_only_the_zip_writes_the_same_documents(
    served: Served, tmp_path: Path, bare_python: Path, spark_home: Path
) -> None:
    served.lay(DAY, {"a": dicom("1.9.1"), "b": dicom("1.9.1"), "c": dicom("1.9.2", study="1.2.4", series="1.2.4.1")})
    served.ingest(DAY)
    run = RunDir(tmp_path / "run")
    run.create()
    local_spark.write_conf(run)
    spark = {
        **{"SPARK_HOME": str(spark_home), "SPARK_CONF_DIR": str(run.spark_conf), "SPARK_LOCAL_IP": "127.0.0.1"},
        **{"PYSPARK_PYTHON": str(bare_python), "PYSPARK_DRIVER_PYTHON": sys.executable},
    }
    kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME") if name in os.environ}
    view = tmp_path / "view.json"
    submitted(run, {**kept, **served.environment(), **spark}, str(view), "--run", "on an executor")
    seen = json.loads(view.read_text())
    assert all("dicomdex.zip/" in module for module in seen["modules"])
    assert not [path for path in seen["path"] if path.startswith(str(REPO / "include"))]
    assert served.levels() == {"study": 2, "series": 2, "instance": 2, "copy": 1}
    assert served.documents() == served.in_one_go()
    assert served.sentence(DAY) == "ok"


def test_no_task_carries_solrs_password_only_the_name_of_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "password-of-solr"
    write_secret(secret, "not-in-any-task")
    urls = {name: (tmp_path / name).as_uri() for name in ("landing", "work", "catalog")}
    settings = Settings(**urls, solr_user="dicomdex", solr_password_file=secret)
    tasks = [poster(settings, "c", {}, "me"), indexer(settings, "c", "me"), counter(settings, "c")]
    carried = [cloudpickle.dumps(task) for task in tasks]
    assert not [task for task in carried if b"not-in-any-task" in task]
    assert all(b"password-of-solr" in task for task in carried)


def test_a_password_file_that_was_sent_along_is_found_by_its_name(served: Served, spark: Any, tmp_path: Path) -> None:
    sent = tmp_path / "sent" / "solr-of-executors"
    sent.parent.mkdir()
    write_secret(sent, served.solr_auth[1])
    spark.sparkContext.addFile(str(sent))
    elsewhere = served.settings.model_copy(update={"solr_password_file": Path("/nowhere/solr-of-executors")})

    def collections(_: Iterator[int]) -> Iterator[list[str]]:
        with solr_of_task(elsewhere) as solr:
            yield solr.collections()

    (found,) = spark.sparkContext.parallelize([0], 1).mapPartitions(collections).collect()
    assert found == served.solr.collections()
