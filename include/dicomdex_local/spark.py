"""Spark of a local site: quiet, no web page, no downloads; its Python packages travel as one zip."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from dicomdex.packages import write_packages
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import CONF, RunDir
from dicomdex_local.ports import HOST
from dicomdex_local.secret_files import write_secret

__all__ = ["jars", "spark_home", "write_conf", "write_packages"]


def write_conf(run: RunDir, more: Mapping[str, str] | None = None) -> None:
    """`spark-defaults.conf` and `log4j2.properties`, which Spark finds by SPARK_CONF_DIR.

    `more` is what a cluster asks for (`SparkCluster.defaults`): its secret among it, hence the file's mode 0600.
    """
    defaults = {
        "spark.ui.enabled": "false",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.local.dir": run.spark / "local",
        "spark.sql.warehouse.dir": run.spark / "warehouse",
        **(more or {}),
    }
    text = "".join(f"{name} {value}\n" for name, value in defaults.items())
    write_secret(run.spark_conf / "spark-defaults.conf", text)
    (run.spark_conf / "log4j2.properties").write_text((CONF / "spark" / "log4j2.properties").read_text())


def spark_home() -> Path:
    """The Spark that is in the pyspark wheel; found without importing it."""
    spec = find_spec("pyspark")
    if spec is None or not spec.submodule_search_locations:
        raise SiteError("pyspark is not installed: make setup")
    return Path(spec.submodule_search_locations[0])


def jars(directory: Path) -> str:
    """The jars of a directory as `jars=` wants them."""
    return ",".join(str(path) for path in sorted(directory.glob("*.jar")))
