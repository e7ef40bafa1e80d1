"""How big a Spark application is, by the rows that it works on: files of a drop, or records of a catalog.

Measured on one machine: a driver of 1 GB applies drops of 10,000 files (670 MB at the most), one of 2 GB indexes a
million records (1.8 GB, tasks included). Beyond that the driver's share grows with the ids that it holds, 1 GB a
million. A task of 125,000 documents of 2 KB sorts 250 MB; `make bench-collection` prints what was used.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import ceil

FEW_ROWS = 50_000
ROWS_A_PARTITION = 125_000
RECORDS_A_BATCH = 1_200  # about 2 MB of documents in one Arrow batch, and in one request to Solr
# C1 alone and the serial collector halve the start of a driver whose work is small and mostly Python's.
FOR_A_SHORT_LIFE = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
# A full compiler, for code that runs ten times as often as is usual: with 100,000 documents the driver takes 50 s of
# CPU instead of 72, as fast a document. All code of plans for a hundred columns is not worth it.
FOR_MANY_ROWS = (
    "-XX:+UseParallelGC -XX:Tier4InvocationThreshold=50000 -XX:Tier4MinInvocationThreshold=6000"
    " -XX:Tier4CompileThreshold=150000 -XX:Tier4BackEdgeThreshold=400000"
)
_MOST_CORES = 64
_LARGEST_DRIVER = 32


@dataclass(frozen=True)
class SparkSize:
    """Memory as Spark writes it (`2g`), cores of one executor and of all, and how the rows are cut."""

    driver_memory: str
    executor_memory: str
    executor_cores: int
    cores: int
    shuffle_partitions: int
    records_a_batch: int


SIZES = tuple(field.name for field in fields(SparkSize))


def spark_size(rows: int, **chosen: str | int | None) -> SparkSize:
    """The size for so many rows; what was chosen by a person (neither empty nor 0) holds instead."""
    partitions = 2 if rows <= FEW_ROWS else max(8, ceil(rows / ROWS_A_PARTITION))
    if rows <= FEW_ROWS:
        size = SparkSize("1g", "1g", 1, 2, partitions, RECORDS_A_BATCH)
    else:
        driver = min(1 + ceil(rows / 1_000_000), _LARGEST_DRIVER)
        size = SparkSize(f"{driver}g", "2g", 2, min(partitions, _MOST_CORES), partitions, RECORDS_A_BATCH)
    return replace(size, **{name: value for name, value in chosen.items() if value})  # type: ignore[arg-type]


def java_options(rows: int) -> str:
    """Compiler and collector of the driver."""
    return FOR_A_SHORT_LIFE if rows <= FEW_ROWS else FOR_MANY_ROWS
