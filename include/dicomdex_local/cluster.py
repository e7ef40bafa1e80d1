"""A site on the engines of a cluster, on one machine: HDFS, standalone Spark, PostgreSQL, ZooKeeper, two Solr nodes.

The same line with the same code: what differs is URLs, connections, and 2 shards x 2 replicas.
"""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from hdfs_native import Client

from dicomdex.entry import escape, unescape
from dicomdex.steps_put import put
from dicomdex_local import airflow, spark
from dicomdex_local.errors import SiteError
from dicomdex_local.hdfs import Hdfs, HdfsPorts
from dicomdex_local.jars import HDFS, JAR_SETS
from dicomdex_local.layout import RunDir, default_jars_dir, default_run_dir
from dicomdex_local.ports import HOST, Ports, free_ports, number
from dicomdex_local.postgres import Postgres
from dicomdex_local.sample import lay_sample_drops
from dicomdex_local.sample_hospital import Truth
from dicomdex_local.site import Site, base_environment
from dicomdex_local.solr import SolrNode
from dicomdex_local.solr_security import ADMIN
from dicomdex_local.spark_cluster import SparkCluster
from dicomdex_local.zookeeper import ZooKeeper

CHOICE = "DICOMDEX_ENGINES"
EMBEDDED, CLUSTER = "embedded", "cluster"
SHARDS = REPLICAS = 2
PUT_THREADS = 48  # a small file on HDFS takes half a second, nearly all of it waiting
# Of HDFS; Spark looks DataNodes up by name, and waits 5 ms in place of 400 for a block's last replica.
HADOOP = {
    "spark.hadoop.dfs.client.use.datanode.hostname": "true",
    "spark.hadoop.dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "5",
}


@dataclass(frozen=True)
class ClusterPorts:
    """The ports of the engines that an embedded site has not, beside those it has."""

    site: Ports = field(default_factory=Ports)
    solr_second: int = 8984
    postgres: int = 15432
    spark: int = 7077
    spark_ui: int = 7078
    hdfs: HdfsPorts = field(default_factory=HdfsPorts)

    @classmethod
    def from_environment(cls) -> ClusterPorts:
        """`DICOMDEX_SOLR_SECOND_PORT`, `DICOMDEX_POSTGRES_PORT` and so on, else the ones above."""
        names = ("solr_second", "postgres", "spark", "spark_ui")
        own = {name: number(f"DICOMDEX_{name.upper()}_PORT", getattr(cls, name)) for name in names}
        return cls(Ports.from_environment(), **own, hdfs=HdfsPorts.from_environment())

    @classmethod
    def free(cls) -> ClusterPorts:
        """Ports that nobody listens on now."""
        return cls(Ports.free(), *free_ports(4), hdfs=HdfsPorts.free())


class ClusterSite(Site):
    """A Site whose landing area, work area and catalog are on HDFS; in `cluster/` of the run directory."""

    jar_sets = (*JAR_SETS, HDFS)

    def __init__(
        self,
        run_dir: Path | None = None,
        *,
        ports: ClusterPorts | None = None,
        jars: Path | None = None,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.cluster_ports = ports or ClusterPorts.from_environment()
        root = run_dir or default_run_dir() / CLUSTER
        super().__init__(root, ports=self.cluster_ports.site, jars=jars or default_jars_dir(), settings=settings)
        self._landing = f"{self.hdfs.url}/landing"

    @cached_property
    def hdfs(self) -> Hdfs:
        """NameNode and DataNode."""
        home, jars = self.run.root / "hdfs", self.jars / HDFS
        return Hdfs(home, jars, self.cluster_ports.hdfs, java=str(self.java), environment=self._marked())

    @cached_property
    def spark(self) -> SparkCluster:
        """Master and worker."""
        ports = self.cluster_ports
        return SparkCluster(
            RunDir(self.run.root),
            ports.spark,
            ui_port=ports.spark_ui,
            environment={**self._marked(), "HADOOP_USER_NAME": self.hdfs.user},
        )

    @cached_property
    def postgres(self) -> Postgres:
        """Airflow's metadata."""
        home = self.run.root / "postgres"
        return Postgres(home, self.run.secrets, self.cluster_ports.postgres, environment=self._marked())

    @cached_property
    def zookeeper(self) -> ZooKeeper:
        """What the Solr nodes share."""
        return ZooKeeper(
            self.run.root / "zookeeper",
            self.jars / "solr",
            self.run.secrets,
            self.ports.zookeeper,
            java=str(self.java),
            environment=self._marked(),
        )

    @property
    def solr_nodes(self) -> list[SolrNode]:
        """Both nodes, each with a home of its own."""
        ports = (self.ports.solr, self.cluster_ports.solr_second)
        return [self._solr_node(f"solr{place}", port, self.zookeeper) for place, port in enumerate(ports, 1)]

    def start_foundations(self) -> None:
        """What Airflow and Solr stand on."""
        self.hdfs.launch()
        self.spark.launch()
        self.postgres.start()
        self.zookeeper.start()
        self.hdfs.wait_ready()
        Client(self.hdfs.url).mkdirs("/landing", create_parent=True)
        self.spark.wait_ready()

    def stop_foundations(self) -> None:
        """What was started first, last."""
        for engine in (self.spark, self.hdfs, self.zookeeper, self.postgres):
            engine.stop()

    def lay_samples(self) -> dict[str, Truth]:
        """Lay the sample drops beside, and put into the landing area what is not there yet."""
        beside = self.run.root / "sample"
        truth = in_utf8(beside, lay_sample_drops(beside, self.run.root / "truth.json"))
        for key in truth:
            put(self.settings(), beside / key, key, threads=PUT_THREADS)
        return truth

    def engines(self) -> dict[str, dict[str, object]]:
        """Engine -> whether it runs, whether it is ready, and where."""
        hdfs, spark_master = self.hdfs, self.spark
        own: dict[str, dict[str, object]] = {
            "hdfs": {"running": bool(hdfs.program("namenode")), "ready": hdfs.is_ready(), "url": hdfs.url},
            "spark": {
                "running": bool(spark_master.programs()),
                "ready": spark_master.is_ready(),
                "url": spark_master.master_url,
            },
        }
        for engine in (self.postgres, self.zookeeper):
            runs = engine.program() is not None
            own[engine.name] = {
                "running": runs,
                "ready": runs and engine.is_ready(),
                "url": f"{engine.host}:{engine.port}",
            }
        return {**super().engines(), **own}

    def environment(self) -> dict[str, str]:
        """As an embedded site's, with PostgreSQL, both Solr nodes and Spark's master in place of the embedded ones."""
        found = super().environment()
        del found["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
        spark_default = airflow.spark_connection(self.spark.master_url)
        hosts = ",".join(f"{HOST}:{node.port}" for node in self.solr_nodes)
        login = (ADMIN, self.solr_secrets.admin_file, found.get("DICOMDEX_ALIAS", "dicom"))
        return {
            **found,
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD": f"cat {shlex.quote(str(self.postgres.url_file))}",
            "AIRFLOW_CONN_SOLR_DEFAULT": airflow.solr_connection(hosts, None, *login),
            "AIRFLOW_CONN_SPARK_DEFAULT": spark_default,
            "AIRFLOW_CONN_HDFS_DEFAULT": airflow.webhdfs_connection(HOST, self.hdfs.ports.hdfs_http, self.hdfs.user),
            "HADOOP_USER_NAME": self.hdfs.user,
        }

    def _dicomdex(self) -> dict[str, str]:
        own = {
            "DICOMDEX_WORK": f"{self.hdfs.url}/dicomdex/work",
            "DICOMDEX_CATALOG": f"{self.hdfs.url}/dicomdex/catalog",
            "DICOMDEX_SOLR_URL": ",".join(node.base_url for node in self.solr_nodes),
            "DICOMDEX_SOLR_SHARDS": str(SHARDS),
            "DICOMDEX_SOLR_REPLICAS": str(REPLICAS),
            CHOICE: CLUSTER,
        }
        return {**super()._dicomdex(), **own, **self.extra_settings}

    def _write_spark_conf(self) -> None:
        spark.write_conf(self.run, {**self.spark.defaults(), **HADOOP})

    def _marked(self) -> dict[str, str]:
        return {**base_environment(), "DICOMDEX_SITE": str(self.run.root)}


def in_utf8(drops: Path, truth: dict[str, Truth]) -> dict[str, Truth]:
    """Rename what HDFS has no name for: its names are Unicode. The truth with the names as they are then."""
    renamed: dict[str, Truth] = {}
    for key, files in truth.items():
        renamed[key] = {}
        for path, state in files.items():
            raw = unescape(path)
            name = raw.decode("latin-1").encode() if _no_utf8(raw) else raw
            with suppress(FileNotFoundError):  # renamed before
                if name != raw:
                    os.rename(os.fsencode(drops) + b"/" + raw, os.fsencode(drops) + b"/" + name)  # noqa: PTH104
            renamed[key][escape(name)] = state
    return renamed


def _no_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return True
    return False


def site_of_environment() -> Site:
    """The site that `DICOMDEX_ENGINES` chooses: `embedded` (also where it is not set) or `cluster`."""
    chosen = os.environ.get(CHOICE) or EMBEDDED
    kinds: dict[str, type[Site]] = {EMBEDDED: Site, CLUSTER: ClusterSite}
    if chosen not in kinds:
        raise SiteError(f"{CHOICE} must be {EMBEDDED} or {CLUSTER}")
    return kinds[chosen]()


def every_site() -> list[Site]:
    """Both kinds, running or not, to stop what runs."""
    return [Site(), ClusterSite()]
