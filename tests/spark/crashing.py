"""One step of the line in a program of its own, which a crash point kills: `python -m tests.spark.crashing STEP JSON`.

Settings come from the environment, as for any task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dicomdex import steps, steps_promote, steps_rebuild, steps_retire
from dicomdex.crashpoint import VARIABLE
from dicomdex.settings import Settings
from tests.spark.served import Served

REPO = Path(__file__).parents[2]
SPARK = "--master local[1] --conf spark.ui.enabled=false --driver-memory 512m pyspark-shell"


def _index(settings: Settings, name: str) -> None:
    from dicomdex_spark import index_collection

    index_collection.main(["--collection", name])


def _apply(settings: Settings) -> None:
    from dicomdex_spark import apply_changes

    apply_changes.main(["--run", "run"])


STEPS: dict[str, Callable[..., Any]] = {
    "list": steps.list_drop,
    "extract": lambda settings, batch: steps.extract(settings, batch, run_id="run", attempt=1),
    "commit": lambda settings, listing, results: steps.commit(settings, listing, results, run_id="run"),
    "apply": _apply,
    "create": steps_rebuild.create,
    "index": _index,
    "promote": steps_promote.promote,
    "retire": lambda settings: steps_retire.retire(settings, keep=1),
}


def killed_at(line: Served, point: str, step: str, *arguments: Any) -> None:
    """Run a step in a program of its own that is killed at the point; AssertionError where it was not."""
    kept = {name: os.environ[name] for name in ("PATH", "JAVA_HOME", "HOME", "PYTHONPATH") if name in os.environ}
    spark = {"PYSPARK_SUBMIT_ARGS": SPARK, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.spark.crashing", step, json.dumps(arguments)],
        env={**kept, **spark, **line.environment(), VARIABLE: point},
        cwd=REPO,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == -9, f"{point}: ended with {done.returncode}: {done.stderr[-2000:]}"


if __name__ == "__main__":
    STEPS[sys.argv[1]](Settings.load(), *json.loads(sys.argv[2]))
