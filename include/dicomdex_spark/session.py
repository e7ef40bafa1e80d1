"""The Spark session of every application of dicomdex: UTC, and a plan that fits the number of rows."""

from __future__ import annotations

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from dicomdex.attributes import ATTRIBUTES, Table
from dicomdex.extract.row import FILES_SCHEMA
from dicomdex.header_sql import from_header
from dicomdex_spark.documents import with_header_columns

FEW_ROWS = 50_000

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1200",  # about 2 MB of documents
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.files.maxPartitionBytes": "32m",
    "spark.sql.files.openCostInBytes": "1m",
    "spark.sql.shuffle.partitions": "8",
    "spark.ui.showConsoleProgress": "false",
}

# Compiling the code for 90 columns costs a cold JVM 50 s of CPU, interpreting it for some thousand rows a few.
FOR_FEW_ROWS = {
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "1000",  # files that the driver itself looks up
}


def session(name: str, rows: int) -> SparkSession:
    """The session for about so many rows; master, jars and memory come from spark-submit."""
    builder = SparkSession.builder.appName(name)
    for key, value in {**SETTINGS, **(FOR_FEW_ROWS if rows <= FEW_ROWS else {})}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


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
