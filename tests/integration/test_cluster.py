"""The same line on HDFS, a Spark cluster, PostgreSQL and two Solr nodes: the same ledgers, the same documents."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dicomdex import steps
from dicomdex.adapters.solr import Solr
from dicomdex.status import site_status
from dicomdex_local import pids, report
from dicomdex_local.cluster import ClusterPorts, ClusterSite
from dicomdex_local.sample import MARKER, SAMPLE_DROPS
from dicomdex_local.sample_hospital import Truth
from dicomdex_local.site import Site
from tests.integration.conftest import MakeSite
from tests.integration.line import INGEST_LIMIT, WRITTEN_BY
from tests.integration.waiting import wait_for_drops

# The bytes are the same; when they were written to the landing area is not, and a document's digest is over that too.
DIFFERS = {*WRITTEN_BY, "mtime", "digest_lo", "digest_hi"}


def export(site: Site) -> list[dict[str, Any]]:
    """All documents behind the alias, sorted by id, without what says when and by whom they were written."""
    form = {"q": "*:*", "fl": "*", "sort": "id asc", "rows": "1000000", "wt": "json"}
    settings = site.settings()
    with Solr.of(settings) as solr:
        documents = solr.request("POST", f"/{settings.alias}/select", data=form)["response"]["docs"]
    return [{name: value for name, value in one.items() if name not in DIFFERS} for one in documents]


def run_samples(
    site: Site, truth: dict[str, Truth]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], report.Totals]:
    """Wait for the sample drops; ledgers, documents, and the counts of storage, catalog and Solr."""
    with site.airflow.rest() as rest:
        seen = wait_for_drops(rest, list(SAMPLE_DROPS), limit=INGEST_LIMIT)
    assert {one.drop: one.state for one in seen} == dict.fromkeys(SAMPLE_DROPS, "success")
    settings = site.settings()
    for drop in SAMPLE_DROPS:
        assert steps.states(settings, drop) == truth[drop]
    status = site_status(settings)
    return status["drops"], export(site), report.totals(settings, status)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_cluster_gives_the_documents_and_ledgers_of_the_embedded_site(
    tmp_path: Path, jars: Path, make_site: MakeSite
) -> None:
    cluster = ClusterSite(tmp_path / "cluster", ports=ClusterPorts.free(), jars=jars)
    try:
        cluster.up()
        assert all(engine["ready"] for engine in cluster.engines().values())
        truth = cluster.lay_samples()
        of_cluster = run_samples(cluster, truth)
    finally:
        cluster.down()
    assert not pids.marked(cluster.run.root)
    assert cluster.postgres.program() is None

    embedded = make_site()
    embedded.up()
    for drop in SAMPLE_DROPS:  # the very files, with the names that HDFS can have
        (tmp_path / "cluster" / "sample" / drop / MARKER).unlink()
        shutil.copytree(tmp_path / "cluster" / "sample" / drop, embedded.landing / drop)
        (embedded.landing / drop / MARKER).touch()
    of_embedded = run_samples(embedded, truth)
    embedded.down()

    assert of_cluster[0] == of_embedded[0]
    assert of_cluster[2] == of_embedded[2]
    assert of_cluster[2].agree
    assert len(of_cluster[1]) > 2_000
    assert of_cluster[1] == of_embedded[1]
