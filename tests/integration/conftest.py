"""Real engines for the tests: one site for all, and Solr nodes of their own for tests that kill."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicomdex_local import pids
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.jars import ensure_jars
from dicomdex_local.java import ensure_java
from dicomdex_local.layout import default_jars_dir
from dicomdex_local.ports import Ports, free_ports
from dicomdex_local.site import Site
from dicomdex_local.solr import SolrNode

MakeNode = Callable[..., SolrNode]
MakeSite = Callable[..., Site]


@pytest.fixture(scope="session", autouse=True)
def nothing_of_the_person() -> Iterator[None]:
    """No setting of the shell that runs the tests, apart from where the jars are."""
    with pytest.MonkeyPatch.context() as patch:
        jars = default_jars_dir()
        for name in [name for name in os.environ if name.startswith("DICOMDEX_")]:
            patch.delenv(name)
        patch.setenv("DICOMDEX_JARS", str(jars))
        yield


@pytest.fixture(scope="session")
def jars(nothing_of_the_person: None) -> Path:
    """Checked jars of Solr and Delta, the ones of the checkout's own site."""
    ensure_jars(default_jars_dir(), ensure_java())
    return default_jars_dir()


@pytest.fixture(scope="session")
def make_site(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[MakeSite]:
    """Makes sites (not yet started) with a run directory and ports of their own; all are down at the end."""
    made: list[Site] = []

    def make(**settings: str) -> Site:
        run_dir = tmp_path_factory.mktemp("site") / "run"
        made.append(Site(run_dir, ports=Ports.free(), jars=jars, settings=settings))
        return made[-1]

    yield make
    for site in made:
        site.down()
    assert not [program for site in made for program in pids.marked(site.run.root)]


@pytest.fixture(scope="session")
def site(make_site: MakeSite) -> Site:
    """The site that tests share; each uses drops of its own and leaves the engines alone."""
    made = make_site()
    made.up()
    return made


@pytest.fixture(scope="session")
def rest(site: Site) -> Iterator[AirflowRest]:
    """REST of the shared site, as administrator."""
    with site.airflow.rest() as client:
        yield client


@pytest.fixture
def make_solr_node(tmp_path: Path, jars: Path) -> Iterator[MakeNode]:
    """Makes Solr nodes (not yet started) on free ports; stopped at the end. The same home gives the same node."""
    made: list[SolrNode] = []

    def make(home: str = "solr", **arguments: int) -> SolrNode:
        if not arguments:
            arguments = dict(zip(("port", "zookeeper_port"), free_ports(2), strict=True))
        made.append(SolrNode(tmp_path / home, jars / "solr", tmp_path / "secrets", heap="512m", **arguments))
        return made[-1]

    yield make
    for node in made:
        node.stop()
