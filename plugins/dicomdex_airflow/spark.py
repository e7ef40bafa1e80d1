"""What spark-submit needs from this site. All of it is rendered when the task runs, nothing when a DAG is parsed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicomdex.spark_size import FOR_A_SHORT_LIFE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dicomdex.settings import Settings
    from dicomdex.spark_size import SparkSize


def application(name: str) -> str:
    """Path of an entry point of `dicomdex_spark`."""
    spec = find_spec("dicomdex_spark")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("dicomdex_spark is not installed")
    return str(Path(spec.submodule_search_locations[0]) / name)


def solr() -> Settings:
    """Template macro: the settings, with Solr's server and login from the connection `solr_default`."""
    from dicomdex_airflow.hooks.solr import SolrHook

    return SolrHook().public_settings()


def environ(name: str) -> str:
    """Template macro: a variable of the worker's environment, empty where it is not set."""
    return os.environ.get(name, "")


def spark_size(params: Mapping[str, Any], ti: Any) -> SparkSize:
    """Template macro: how big the application is to be, by what the run has found; what its form says wins."""
    from dicomdex.spark_size import SIZES, spark_size

    return spark_size(_rows(ti), **{name: params.get(name) for name in SIZES})


def java_options(ti: Any) -> str:
    """Template macro: compiler and collector of an application that builds a whole collection."""
    from dicomdex.spark_size import java_options

    return java_options(_rows(ti))


def _rows(ti: Any) -> int:
    """The files that `manifest` has listed, or the records that `plan` has counted."""
    listing = ti.xcom_pull(task_ids="manifest", key="listing") or {}
    plan = ti.xcom_pull(task_ids="plan") or {}
    return max(listing.get("listed", 0), plan.get("records", 0))


MACROS = {"solr": solr, "environ": environ, "spark_size": spark_size, "java_options": java_options}

PY_FILES = "{{ environ('DICOMDEX_SPARK_PY_FILES') }}"
JARS = "{{ environ('DICOMDEX_SPARK_JARS') }}"
# Where executors don't see this machine's disk: the file with Solr's password, sent to each of them.
FILES = "{{ environ('DICOMDEX_SPARK_FILES') }}"

# The rest of DICOMDEX_* is inherited from the worker. Of the secret Spark gets the path of its file.
ENVIRONMENT = {
    "DICOMDEX_ALIAS": "{{ solr().alias }}",
    "DICOMDEX_SOLR_URL": "{{ solr().solr_url }}",
    "DICOMDEX_SOLR_USER": "{{ solr().solr_user }}",
    "DICOMDEX_SOLR_PASSWORD_FILE": "{{ solr().solr_password_file or '' }}",
}

CONF = {
    "spark.driver.memory": "{{ spark_size(params, ti).driver_memory }}",
    "spark.driver.extraJavaOptions": FOR_A_SHORT_LIFE,
    "spark.executor.memory": "{{ spark_size(params, ti).executor_memory }}",
    "spark.executor.cores": "{{ spark_size(params, ti).executor_cores }}",
    "spark.cores.max": "{{ spark_size(params, ti).cores }}",
    # 0 = by the rows that the application finds: more than the drop's, where its studies had instances already.
    "spark.dicomdex.shufflePartitions": "{{ params.shuffle_partitions }}",
    "spark.dicomdex.recordsPerBatch": "{{ params.records_a_batch }}",
    "spark.ui.enabled": "false",
}

# Index-all may work for hours.
CONF_LONG = {**CONF, "spark.driver.extraJavaOptions": "{{ java_options(ti) }}"}

# The arguments of a SparkSubmitOperator that are the same for every application.
SUBMIT = {
    "conn_id": "spark_default",
    "py_files": PY_FILES,
    "jars": JARS,
    "files": FILES,
    "conf": CONF,
    "env_vars": ENVIRONMENT,
}
