"""Spark applications are as big as what they work on."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dicomdex.spark_size import FEW_ROWS, SparkSize, spark_size


def test_a_small_drop_takes_little() -> None:
    assert spark_size(0) == spark_size(FEW_ROWS) == SparkSize("1g", "1g", 1, 2, 2, 1_200)


@pytest.mark.parametrize(
    ("rows", "driver", "cores", "partitions"),
    [(FEW_ROWS + 1, "2g", 8, 8), (1_000_000, "2g", 8, 8), (4_000_000, "5g", 32, 32), (58_800_000, "32g", 64, 471)],
)
def test_it_grows_with_the_rows_up_to_what_one_machine_has(rows: int, driver: str, cores: int, partitions: int) -> None:
    assert spark_size(rows) == SparkSize(driver, "2g", 2, cores, partitions, 1_200)


def test_what_a_person_chooses_holds_and_nothing_chosen_is_by_size() -> None:
    chosen = spark_size(10, driver_memory="3g", executor_memory="", executor_cores=4, cores=0, records_a_batch=None)
    assert chosen == SparkSize("3g", "1g", 4, 2, 2, 1_200)


def test_the_settings_of_sql_follow_the_rows_and_what_was_submitted() -> None:
    from dicomdex_spark.session import PARTITIONS, RECORDS, sql_settings

    names = ("spark.sql.shuffle.partitions", "spark.sql.execution.arrow.maxRecordsPerBatch")
    by_rows = sql_settings(1_000_000, {PARTITIONS: "0", RECORDS: "0"})
    assert [by_rows[name] for name in names] == ["8", "1200"]
    chosen = sql_settings(1_000_000, {PARTITIONS: "40", RECORDS: "300"})
    assert [chosen[name] for name in names] == ["40", "300"]
    assert "spark.sql.codegen.wholeStage" not in by_rows
    assert sql_settings(10, {})["spark.sql.codegen.wholeStage"] == "false"


def test_the_zip_is_made_by_one_command(tmp_path: Path) -> None:
    target = tmp_path / "out.zip"
    subprocess.run([sys.executable, "-m", "dicomdex.packages", str(target)], check=True)
    with zipfile.ZipFile(target) as archive:
        names = archive.namelist()
    assert {"dicomdex/settings.py", "dicomdex_spark/executor.py", "configsets/__init__.py"} <= set(names)
    wrong = subprocess.run([sys.executable, "-m", "dicomdex.packages"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr) == (1, "usage: python -m dicomdex.packages OUT.zip\n")
