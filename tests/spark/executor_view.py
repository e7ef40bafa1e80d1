"""An application for spark-submit: apply, then write down what a task on an executor sees of dicomdex."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from dicomdex_spark import apply_changes


def seen(_: Iterator[int]) -> Iterator[str]:
    """Where a task's Python finds dicomdex, and where it would look; runs on the executor."""
    import sys

    import configsets
    import dicomdex
    import dicomdex_spark.writing

    modules = [str(module.__file__) for module in (configsets, dicomdex, dicomdex_spark.writing)]
    yield json.dumps({"modules": modules, "path": sys.path})


if __name__ == "__main__":
    where, *arguments = sys.argv[1:]
    apply_changes.main(arguments)
    (view,) = SparkSession.builder.getOrCreate().sparkContext.parallelize([0], 1).mapPartitions(seen).collect()
    Path(where).write_text(view)
