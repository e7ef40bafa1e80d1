"""Spark in the program of the tests, set as spark-submit sets it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from dicomdex_local.ports import HOST
from dicomdex_spark.session import FOR_FEW_ROWS, SETTINGS


@contextmanager
def spark_session(folder: Path) -> Iterator[SparkSession]:
    """A session on local[2] like one of spark-submit; an application that is run in this Python finds it."""
    own = {
        "spark.ui.enabled": "false",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
    }
    builder = SparkSession.builder.master("local[2]")
    for key, value in {**own, **SETTINGS, **FOR_FEW_ROWS}.items():
        builder = builder.config(key, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", HOST)
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("ERROR")
        yield session
        session.stop()
