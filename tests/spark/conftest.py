"""Real engines for the tests of this folder: one Spark session and one Solr node for all."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dicomdex_local.jars import ensure_jars
from dicomdex_local.java import ensure_java
from dicomdex_local.layout import default_jars_dir
from dicomdex_local.ports import HOST, free_ports
from dicomdex_local.solr import SolrNode
from tests.hdfs import hdfs, hdfs_engine, hdfs_url  # noqa: F401  # fixtures
from tests.spark.served import Served

MakeServed = Callable[..., Served]


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_person() -> Iterator[None]:
    """No setting of the shell that runs the tests, apart from where the jars are; Spark's workers are this Python."""
    with pytest.MonkeyPatch.context() as patch:
        jars = default_jars_dir()
        for name in [name for name in os.environ if name.startswith("DICOMDEX_")]:
            patch.delenv(name)
        patch.setenv("DICOMDEX_JARS", str(jars))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", HOST)
        yield


@pytest.fixture(scope="session")
def jars(nothing_of_the_person: None) -> Path:
    """Checked jars of Solr and Delta, the ones of the checkout's own site."""
    ensure_jars(default_jars_dir(), ensure_java())
    return default_jars_dir()


@pytest.fixture(scope="session")
def spark(nothing_of_the_person: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A session on local[2] like one of spark-submit; an application run in this Python finds it."""
    from tests.spark.submitted import spark_session  # Spark: not every test of this folder needs it

    with spark_session(tmp_path_factory.mktemp("spark")) as session:
        yield session


@pytest.fixture(scope="session")
def node(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SolrNode]:
    """A Solr node that asks for a password; each test has an alias of its own on it."""
    folder = tmp_path_factory.mktemp("node")
    port, zookeeper_port = free_ports(2)
    made = SolrNode(
        folder / "solr", jars / "solr", folder / "secrets", port, zookeeper_port=zookeeper_port, heap="512m"
    )
    made.start()
    yield made
    made.stop()


@pytest.fixture
def make_served(tmp_path: Path, node: SolrNode, spark: Any) -> Iterator[MakeServed]:
    """Makes lines from drop to Solr, each below a directory and with an alias of its own."""
    made: list[Served] = []

    def make(name: str = "a line", **settings: Any) -> Served:
        root = tmp_path / name
        root.mkdir()
        made.append(Served(root, node, re.sub(r"[^a-z0-9]", "", f"{tmp_path.name}{name}"), **settings))
        return made[-1]

    yield make
    for line in made:
        line.solr.close()


@pytest.fixture
def served(make_served: MakeServed) -> Served:
    """The one line of a test that needs no other."""
    return make_served()
