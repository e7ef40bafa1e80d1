"""What the container image holds besides the wheels: `python -m dicomdex_local.image DIRECTORY`, when it is built."""

from __future__ import annotations

import sys
from pathlib import Path

from dicomdex.packages import write_packages
from dicomdex_local.hdfs import FROM_PYSPARK
from dicomdex_local.jars import HDFS, JAR_SETS, ensure_jars, pyspark_jars
from dicomdex_local.java import ensure_java


def furnish(directory: Path) -> None:
    """`jars/{solr,delta,hdfs}`, checked; `jars/hadoop` with links to the wheel's jars; `dicomdex.zip` for executors."""
    ensure_jars(directory / "jars", ensure_java(), (*JAR_SETS, HDFS))
    link_hadoop(directory / "jars" / "hadoop")
    write_packages(directory / "dicomdex.zip")


def link_hadoop(directory: Path) -> None:
    """Links to what the minicluster jar needs besides, so that a class path can name the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for jar in pyspark_jars(FROM_PYSPARK):
        link = directory / jar.name
        link.unlink(missing_ok=True)
        link.symlink_to(jar)


if __name__ == "__main__":
    furnish(Path(sys.argv[1]).absolute())
