"""The spark-submits of our tasks, as the provider renders them, for the golden files.

`python -m tests.dags.spark_submit` writes the golden files anew: that is what `make golden` calls.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.plugins.airflow_home import ROOT, migrated

# Golden file -> DAG and task.
GOLDEN = {
    "apply": ("ingest_drop", "apply"),
    "index_all": ("rebuild_collection", "index_all"),
    "mend": ("recount", "mend"),
    "promote": ("rebuild_collection", "promote"),
    "roll_back": ("roll_back_collection", "promote"),
}
SITE = {
    "AIRFLOW_CONN_SPARK_DEFAULT": json.dumps({"conn_type": "spark", "host": "local[2]"}),
    "AIRFLOW_CONN_SOLR_DEFAULT": json.dumps(
        {
            "conn_type": "solr",
            "host": "127.0.0.1",
            "port": 8983,
            "login": "dicomdex",
            "extra": {"password_file": "/run/secrets/solr"},
        }
    ),
    "DICOMDEX_LANDING": "file:///landing",
    "DICOMDEX_WORK": "file:///work-area",
    "DICOMDEX_CATALOG": "file:///catalog",
    "DICOMDEX_SPARK_JARS": "/jars/a.jar,/jars/b.jar",
    "DICOMDEX_SPARK_PY_FILES": "/run/dicomdex.zip",
}


def golden_file(name: str) -> Path:
    """Where a golden file lies."""
    return Path(__file__).parent / "golden" / f"{name}.txt"


def rendered(dag: Any, task_id: str, *, files: int = 1_000, **params: Any) -> str:
    """One argument a line, then the environment that Spark gets besides the worker's; SITE must be in os.environ.

    `files`: how many the run has listed, or how many records it has planned with.
    """
    task = dag.get_task(task_id).prepare_for_execution()
    found = {"collection": "dicom_20261121T113000Z_4f2a", "listed": files, "records": files}
    ti = SimpleNamespace(xcom_pull=lambda task_ids, key="return_value": found)
    context = {"run_id": "manual__2026-11-21", "params": dag.params.dump() | params, "task": task, "ti": ti}
    task.render_template_fields(context, jinja_env=dag.get_template_env())
    hook = task._get_hook()  # the provider has no public way to ask for the command
    command = hook._build_spark_submit_command(task.application)
    environment = [f"{name}={value}" for name, value in sorted(task.env_vars.items())]
    return "\n".join([*command, "", *environment, ""]).replace(str(ROOT), "<root>")


def main() -> None:
    """Write the golden files."""
    from airflow.dag_processing.dagbag import DagBag

    os.environ |= SITE
    migrated()
    bag = DagBag(str(ROOT / "dags"), bundle_name="testing")
    for name, (dag_id, task_id) in GOLDEN.items():
        golden_file(name).write_text(rendered(bag.dags[dag_id], task_id), encoding="utf-8")


if __name__ == "__main__":
    main()
