"""The spark-submit of the task `apply`, as the provider renders it, for the golden file.

`python -m tests.dags.spark_submit` writes the golden file anew: that is what `make golden` calls.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from tests.plugins.airflow_home import ROOT, migrated

GOLDEN = Path(__file__).parent / "golden" / "apply.txt"
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


def rendered(dag: Any) -> str:
    """One argument a line, then the environment that Spark gets besides the worker's; SITE must be in os.environ."""
    task = dag.get_task("apply").prepare_for_execution()
    context = {"run_id": "manual__2026-11-21", "params": dag.params.dump(), "task": task}
    task.render_template_fields(context, jinja_env=dag.get_template_env())
    hook = task._get_hook()  # the provider has no public way to ask for the command
    command = hook._build_spark_submit_command(task.application)
    environment = [f"{name}={value}" for name, value in sorted(task.env_vars.items())]
    return "\n".join([*command, "", *environment, ""]).replace(str(ROOT), "<root>")


def main() -> None:
    """Write the golden file."""
    from airflow.dag_processing.dagbag import DagBag

    os.environ |= SITE
    migrated()
    bag = DagBag(str(ROOT / "dags"), bundle_name="testing")
    GOLDEN.write_text(rendered(bag.dags["ingest_drop"]), encoding="utf-8")


if __name__ == "__main__":
    main()
