"""The Spark session of every application of dicomdex: Delta, UTC, and a plan that fits the number of rows."""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

FEW_ROWS = 50_000

SETTINGS = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    "spark.databricks.delta.snapshotPartitions": "2",
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
}


def session(name: str, rows: int) -> SparkSession:
    """The session for about so many rows; master, jars and memory come from spark-submit."""
    builder = SparkSession.builder.appName(name)
    for key, value in {**SETTINGS, **(FOR_FEW_ROWS if rows <= FEW_ROWS else {})}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def table(spark: SparkSession, catalog: str, name: str, version: int) -> DataFrame:
    """A table of the catalog at a version."""
    return spark.read.format("delta").option("versionAsOf", version).load(f"{catalog}/{name}")
