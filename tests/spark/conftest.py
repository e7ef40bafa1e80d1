"""One Spark session for all tests of this folder: local[2], with the Delta jars of the embedded site."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")

JARS = Path(os.environ.get("DICOMDEX_JARS", Path(__file__).parents[2] / ".run" / "jars")) / "delta"


@pytest.fixture(scope="session")
def spark() -> Iterator[object]:
    """The session; a missing jar is a failure, not a skip."""
    from pyspark.sql import SparkSession

    from dicomdex_spark.session import FOR_FEW_ROWS, SETTINGS

    jars = sorted(str(jar) for jar in JARS.glob("*.jar"))
    assert jars, f"no Delta jars in {JARS}: run `make jars`"
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.jars", ",".join(jars))
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    )
    for key, value in {**SETTINGS, **FOR_FEW_ROWS}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
