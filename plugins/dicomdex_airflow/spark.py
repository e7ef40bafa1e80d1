"""What spark-submit needs from this site. All of it is rendered when the task runs, nothing when a DAG is parsed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicomdex.settings import Settings


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


MACROS = {"solr": solr, "environ": environ}

PY_FILES = "{{ environ('DICOMDEX_SPARK_PY_FILES') }}"
JARS = "{{ environ('DICOMDEX_SPARK_JARS') }}"

# The rest of DICOMDEX_* is inherited from the worker. Of the secret Spark gets the path of its file.
ENVIRONMENT = {
    "DICOMDEX_ALIAS": "{{ solr().alias }}",
    "DICOMDEX_SOLR_URL": "{{ solr().solr_url }}",
    "DICOMDEX_SOLR_USER": "{{ solr().solr_user }}",
    "DICOMDEX_SOLR_PASSWORD_FILE": "{{ solr().solr_password_file or '' }}",
}

# C1 alone and the serial collector halve the start of a driver whose work is small and mostly Python's.
CONF = {
    "spark.driver.memory": "{{ params.driver_memory }}",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.ui.enabled": "false",
}

# Index-all may work for hours: there a full compiler pays, and G1.
CONF_LONG = {name: value for name, value in CONF.items() if name != "spark.driver.extraJavaOptions"}

# The arguments of a SparkSubmitOperator that are the same for every application.
SUBMIT = {"conn_id": "spark_default", "py_files": PY_FILES, "jars": JARS, "conf": CONF, "env_vars": ENVIRONMENT}
