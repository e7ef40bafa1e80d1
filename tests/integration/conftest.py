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
from tests.hdfs import hdfs, hdfs_engine, hdfs_url  # noqa: F401  # fixtures
from tests.integration.line import INGEST_LIMIT, Line, ingest_all
from tests.integration.paged import browser, hospital_rows, paged_engines, site_page, visit  # noqa: F401  # fixtures
from tests.integration.s3 import Store, moto_server
from tests.watch import Watch, watching

MakeNode = Callable[..., SolrNode]
MakeSite = Callable[..., Site]

# Reads what all other tests have left behind.
LAST = "test_privacy.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that share the site one after another, so that it doesn't idle beside others; the last module last.

    Whoever comes first waits for what all share, hence the time.
    """
    items.sort(key=lambda item: (_shares(item, "site"), item.path.name == LAST))
    for item in items:
        if _shares(item, "line"):
            item.add_marker(pytest.mark.timeout(2 * INGEST_LIMIT))


def _shares(item: pytest.Item, fixture: str) -> bool:
    return item.path.parent == Path(__file__).parent and fixture in getattr(item, "fixturenames", ())


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


def event_log(site: Site) -> Path:
    """Where Spark's event log of a site lies, when it is kept."""
    return site.run.spark / "events"


def keep_event_log(site: Site) -> None:
    """Let Spark write down everything about its applications from now on, plans included."""
    event_log(site).mkdir()
    options = {"enabled": "true", "dir": event_log(site).as_uri(), "compress": "false", "rolling.enabled": "false"}
    with (site.run.spark_conf / "spark-defaults.conf").open("a") as defaults:
        defaults.writelines(f"spark.eventLog.{name} {value}\n" for name, value in options.items())


@pytest.fixture(scope="session")
def watched(make_site: MakeSite) -> Iterator[tuple[Site, Watch]]:
    """The shared site with Spark's event log on, and the arguments of all programs that it has started."""
    made = make_site()
    made.up()
    keep_event_log(made)
    # Every two seconds: a task is a program for longer than that, and looking at all programs costs 0.1 s.
    with watching(made.run.root, seconds=2, memory=False) as watch:
        yield made, watch


@pytest.fixture(scope="session")
def site(watched: tuple[Site, Watch]) -> Site:
    """The site that tests share; each uses drops of its own and leaves the engines alone."""
    return watched[0]


@pytest.fixture(scope="session")
def watch(watched: tuple[Site, Watch]) -> Watch:
    """What was seen of the programs of the shared site."""
    return watched[1]


@pytest.fixture(scope="session")
def rest(site: Site) -> Iterator[AirflowRest]:
    """REST of the shared site, as administrator."""
    with site.airflow.rest() as client:
        yield client


@pytest.fixture(scope="session")
def line(site: Site, rest: AirflowRest, tmp_path_factory: pytest.TempPathFactory) -> Line:
    """The shared site after sensing has ingested the shared drops."""
    return ingest_all(site, rest, tmp_path_factory.mktemp("pydicom"))


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


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of an object store."""
    with moto_server(tmp_path_factory.mktemp("moto") / "moto.log") as port:
        yield port


@pytest.fixture
def store(moto: int) -> Iterator[Store]:
    """An empty bucket in the object store, behind a proxy of its own."""
    with Store(moto) as made:
        yield made
