"""A cluster site before it is started: its ports, its URLs and connections, names that HDFS can have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dicomdex.entry import escape
from dicomdex_local import cluster
from dicomdex_local.cluster import ClusterPorts, ClusterSite, every_site, in_utf8, site_of_environment
from dicomdex_local.debian import find_program
from dicomdex_local.errors import SiteError
from dicomdex_local.site import Site


@pytest.fixture
def site(tmp_path: Path) -> ClusterSite:
    return ClusterSite(tmp_path / "cluster", ports=ClusterPorts.free(), jars=tmp_path / "jars")


def test_all_its_ports_are_different() -> None:
    ports = ClusterPorts.from_environment()
    own = [ports.solr_second, ports.postgres, ports.spark, ports.spark_ui]
    every = [*own, *vars(ports.site).values(), *vars(ports.hdfs).values()]
    assert len(set(every)) == len(every)


def test_everything_is_on_hdfs_and_in_two_solr_nodes(site: ClusterSite) -> None:
    settings = site.settings()
    root = f"hdfs://127.0.0.1:{site.cluster_ports.hdfs.hdfs}"
    assert settings.landing == f"{root}/landing"
    assert settings.work.startswith(root)
    assert settings.catalog.startswith(root)
    assert settings.solr_url == ",".join(node.base_url for node in site.solr_nodes)
    assert (settings.solr_shards, settings.solr_replicas) == (2, 2)


def test_airflow_is_told_by_connections_and_files_without_a_secret(site: ClusterSite) -> None:
    site.run.create()
    site.spark.defaults()
    environment = site.environment()
    solr = json.loads(environment["AIRFLOW_CONN_SOLR_DEFAULT"])
    assert solr["host"] == ",".join(f"127.0.0.1:{node.port}" for node in site.solr_nodes)
    assert json.loads(environment["AIRFLOW_CONN_SPARK_DEFAULT"])["host"] == site.spark.master_url
    hdfs = json.loads(environment["AIRFLOW_CONN_HDFS_DEFAULT"])
    assert (hdfs["conn_type"], hdfs["port"]) == ("webhdfs", site.hdfs.ports.hdfs_http)
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"] == f"cat {site.postgres.url_file}"
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" not in environment
    secrets = [path.read_text() for path in site.run.secrets.iterdir()]
    assert secrets
    assert not [value for value in environment.values() for secret in secrets if secret in value]


def test_the_environment_chooses_the_engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DICOMDEX_RUN", str(tmp_path))
    monkeypatch.delenv(cluster.CHOICE, raising=False)
    assert type(site_of_environment()) is Site
    monkeypatch.setenv(cluster.CHOICE, "cluster")
    chosen = site_of_environment()
    assert type(chosen) is ClusterSite
    assert chosen.run.root == tmp_path / "cluster"
    monkeypatch.setenv(cluster.CHOICE, "clusters")
    with pytest.raises(SiteError, match="embedded or cluster"):
        site_of_environment()
    assert [type(one) for one in every_site()] == [Site, ClusterSite]


def test_names_that_are_no_text_get_one_that_is(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    raw = bytes(tmp_path / "drop") + b"/\xe9t\xe9.dcm"
    with open(raw, "wb") as file:
        file.write(b"x")
    truth = {"drop": {"drop/%E9t%E9.dcm": ("indexed", None), "drop/b": ("rejected", "empty")}}
    expected = {"drop": {escape("drop/été.dcm".encode()): ("indexed", None), "drop/b": ("rejected", "empty")}}
    for _ in range(2):
        assert in_utf8(tmp_path, truth) == expected
        assert [path.name for path in (tmp_path / "drop").iterdir()] == ["été.dcm"]


def test_a_program_is_found_on_the_path_or_in_the_newest_of_its_places(tmp_path: Path) -> None:
    for version in ("14", "15"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "a-server").write_text("")
        (tmp_path / version / "bin" / "a-server").chmod(0o755)
    assert find_program("sh") is not None
    assert find_program("a-server") is None
    assert find_program("a-server", [f"{tmp_path}/*/bin"]) == tmp_path / "15" / "bin" / "a-server"
