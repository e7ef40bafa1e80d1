"""The Spark session of every application of dicomdex: UTC, and a plan that fits the number of rows."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from dicomdex.attributes import ATTRIBUTES, Table
from dicomdex.extract.row import FILES_SCHEMA
from dicomdex.header_sql import from_header
from dicomdex.spark_size import FEW_ROWS, RECORDS_A_BATCH, spark_size
from dicomdex_spark.documents import with_header_columns

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": str(RECORDS_A_BATCH),
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.files.maxPartitionBytes": "16m",  # even tasks: a million records are 341 MB
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",  # files that the driver itself looks up
    "spark.sql.files.openCostInBytes": "1m",
    "spark.sql.shuffle.partitions": "8",
}

# Compiling the code for 90 columns costs a cold JVM 50 s of CPU, interpreting it for some thousand rows a few.
FOR_FEW_ROWS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


# What a person has chosen for the application: our own names, 0 = by the rows. spark-submit passes them on.
PARTITIONS, RECORDS = "spark.dicomdex.shufflePartitions", "spark.dicomdex.recordsPerBatch"


def session(name: str, rows: int) -> SparkSession:
    """The session for about so many rows; master, jars and memory come from spark-submit."""
    spark = SparkSession.builder.appName(name).config("spark.ui.showConsoleProgress", "false").getOrCreate()
    for key, value in sql_settings(rows, dict(spark.sparkContext.getConf().getAll())).items():
        spark.conf.set(key, value)
    return spark


def sql_settings(rows: int, submitted: Mapping[str, str]) -> dict[str, str]:
    """The settings of SQL for so many rows. `submitted`: what the application was submitted with."""
    chosen = {"shuffle_partitions": PARTITIONS, "records_a_batch": RECORDS}
    size = spark_size(rows, **{field: int(submitted.get(key) or 0) for field, key in chosen.items()})
    return {
        **SETTINGS,
        **(FOR_FEW_ROWS if rows <= FEW_ROWS else {}),
        "spark.sql.shuffle.partitions": str(size.shuffle_partitions),
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(size.records_a_batch),
    }


def file_rows(spark: SparkSession, paths: list[str], table: Table = ATTRIBUTES) -> DataFrame:
    """Rows of the catalog's Parquet files, with `drop_key`, without the header; columns an older file lacks are null.

    The header is read only where the table has attributes that are no columns of the catalog: these are taken from it.
    The catalog names the files of a version (it has no deletion vectors and no column mapping), so that Spark need not
    find them out by Delta's own jobs, which take 4 s of CPU in a cold JVM.
    """
    columns = [field for field in FILES_SCHEMA if field.name != "header" or from_header(table)]
    schema = spark.createDataFrame(pa.schema(columns).empty_table()).schema
    if not paths:
        return with_header_columns(spark.createDataFrame([], schema), table)
    root = paths[0].partition("/drop_key=")[0]  # below it the directories' names are values: text, says the schema
    return with_header_columns(spark.read.schema(schema).option("basePath", root).parquet(*paths), table)
