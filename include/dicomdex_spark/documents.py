"""DataFrames of documents: instance and copy from file rows, series and study from roll-ups of primaries."""

from __future__ import annotations

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicomdex.attributes import ATTRIBUTES, Table
from dicomdex.fields import unless_too_long
from dicomdex.header_sql import ELEMENTS, ELEMENTS_SQL, header_columns
from dicomdex.index import (
    body_sql,
    content_sql,
    record_fields,
    series_fields,
    shown_columns,
    study_fields,
    volatile_tail,
)

# The representative of a series or study: a stable choice that no order of processing can move.
_ORDER = "struct(coalesce(series_number, 2147483647), coalesce(instance_number, 2147483647), sop_instance_uid)"
_LISTS = ("drops", "modalities", "sop_classes")


def with_header_columns(rows: DataFrame, table: Table) -> DataFrame:
    """The rows with the columns that only headers have, and without the headers; as they are, where there are none."""
    columns = header_columns(table)
    if columns:
        rows = rows.withColumn(ELEMENTS, F.expr(ELEMENTS_SQL)).withColumns({name: F.expr(sql) for name, sql in columns})
    return rows.drop(ELEMENTS, "header")


def series_rows(primaries: DataFrame, table: Table = ATTRIBUTES) -> DataFrame:
    """One row a series, from its primary rows alone: copies never inflate a count.

    `first` is the representative instance: lowest series number, instance number, SOP Instance UID. Its attributes,
    its file and its UID stand for the series; numbers, bytes, dates and lists are of all instances.
    """
    shown = ("file_id", "path", "parser", *shown_columns("series", table))
    first = f"struct({', '.join(shown)}, sop_instance_uid AS representative_instance)"
    date = "coalesce(content_date, series_date, study_date)"
    sums = (
        "array_sort(collect_set(drop_key)) AS drops", "sum(size) AS bytes", "count(*) AS instances",
        f"min({date}) AS first_date", f"max({date}) AS last_date",
        f"array_sort(collect_set({unless_too_long('modality')})) AS modalities",
        f"array_sort(collect_set({unless_too_long('sop_class_uid')})) AS sop_classes",
        f"min({_ORDER}) AS place", f"min_by({first}, {_ORDER}) AS first",
    )  # fmt: skip
    return primaries.groupBy("study", "series").agg(*map(F.expr, sums))


def study_rows(series: DataFrame) -> DataFrame:
    """One row a study, from its series' roll-ups."""
    sums = (
        *(f"array_sort(array_distinct(flatten(collect_list({name})))) AS {name}" for name in _LISTS),
        "sum(bytes) AS bytes", "sum(instances) AS instances", "count(*) AS series_count",
        "min(first_date) AS first_date", "max(last_date) AS last_date", "min_by(first, place) AS first",
    )  # fmt: skip
    return series.groupBy("study").agg(*map(F.expr, sums))


def documents(
    rows: DataFrame, known: frozenset[str], schema: str, run: str, at: datetime, table: Table = ATTRIBUTES
) -> DataFrame:
    """(id, lo, hi, body) of all documents of the studies whose resolved file rows these are.

    `rows`: columns of `files` and those of `with_header_columns`, with `state` and `primary_file_id`. `table`: the
    collection's own; `known`: the fields of its schema, whose digest is `schema`. `lo`, `hi`: halves of the content
    digest. `body`: JSON text with a comma at its end.
    """
    every = _contents(rows, known, schema, table)
    return (
        every.selectExpr("*", "xxhash64(id) AS id_hash", "xxhash64(content) AS content_hash")
        .withColumn("tail", F.lit(volatile_tail(run, at)))
        .selectExpr(
            "id", "content_hash & 4294967295L AS lo", "shiftrightunsigned(content_hash, 32) AS hi",
            f"{body_sql()} AS body",
        )
    )  # fmt: skip


def _contents(rows: DataFrame, known: frozenset[str], schema: str, table: Table) -> DataFrame:
    """(id, content) of records, series and studies. Series are kept: the instances are read once for both roll-ups."""
    series = series_rows(rows.where("state = 'indexed'"), table).persist()
    shown = [name for name in series.columns if name not in ("first", "place")]
    parts = (
        (rows, record_fields(table)),
        (series.select(*shown, "first.*"), series_fields(table)),
        (study_rows(series).select("*", "first.*"), study_fields(table)),
    )
    records, of_series, of_studies = (
        frame.selectExpr(
            f"{fields[0][1]} AS id", f"{content_sql([f for f in fields if f[0] in known], schema)} AS content"
        )
        for frame, fields in parts
    )
    return records.unionAll(of_series).unionAll(of_studies)
