"""Spark of a local site: quiet, no web page, no downloads; its Python packages travel as one zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

from dicomdex_local.layout import CONF, REPO, RunDir
from dicomdex_local.ports import HOST

PACKAGES = ("dicomdex", "dicomdex_spark", "configsets")
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_conf(run: RunDir) -> None:
    """`spark-defaults.conf` and `log4j2.properties`, which Spark finds by SPARK_CONF_DIR."""
    defaults = {
        "spark.ui.enabled": "false",
        "spark.driver.host": HOST,
        "spark.driver.bindAddress": HOST,
        "spark.local.dir": run.spark / "local",
        "spark.sql.warehouse.dir": run.spark / "warehouse",
    }
    text = "".join(f"{name} {value}\n" for name, value in defaults.items())
    (run.spark_conf / "spark-defaults.conf").write_text(text)
    (run.spark_conf / "log4j2.properties").write_text((CONF / "spark" / "log4j2.properties").read_text())


def write_packages(target: Path) -> Path:
    """The zip for `py_files`: the same bytes for the same sources, so that it can be compared and cached."""
    temporary = target.with_name(f".{target.name}.tmp")
    include = REPO / "include"
    files = [path for package in PACKAGES for path in (include / package).rglob("*") if path.is_file()]
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            if "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(include).as_posix(), ZIP_DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, path.read_bytes())
    temporary.replace(target)
    return target


def jars(directory: Path) -> str:
    """The jars of a directory as `jars=` wants them."""
    return ",".join(str(path) for path in sorted(directory.glob("*.jar")))
