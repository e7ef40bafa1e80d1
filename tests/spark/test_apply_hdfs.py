"""Apply where landing area, work area and catalog are on HDFS: Spark reads what hdfs-native and delta-rs wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dicomdex.adapters.catalog import Catalog
from dicomdex_local.solr import SolrNode
from tests.hdfs import areas, lay
from tests.spark.served import Applied, Served
from tests.unit.line import DAY, LATER, dicom


@pytest.fixture
def on_hdfs(tmp_path: Path, node: SolrNode, spark: Any, hdfs_url: str) -> Served:
    line = Served(tmp_path, node, "onhdfs")
    line.settings = line.settings.model_copy(update=areas(hdfs_url))
    line.catalog = Catalog(line.settings.catalog)
    return line


def test_drops_on_hdfs_become_documents_whose_counts_agree(on_hdfs: Served) -> None:
    landing = on_hdfs.settings.landing
    lay(landing, DAY, {"a": dicom("1.9.1"), "b c%": dicom("1.9.2"), "again": dicom("1.9.1"), "page": b"<title>404"})
    assert on_hdfs.ingest_and_apply(DAY) == Applied(posted=5, minimal=0, deleted=0, unchanged=0)
    assert on_hdfs.levels() == {"study": 1, "series": 1, "instance": 2, "copy": 1}
    lay(landing, LATER, {"a": dicom("1.9.3"), "b": dicom("1.9.2")})
    assert on_hdfs.ingest_and_apply(LATER) == Applied(posted=4, minimal=0, deleted=0, unchanged=3)
    assert on_hdfs.levels() == {"study": 1, "series": 1, "instance": 3, "copy": 2}
    assert [on_hdfs.sentence(drop) for drop in (DAY, LATER)] == ["ok", "ok"]
    assert on_hdfs.apply("once more") == Applied(posted=0, minimal=0, deleted=0, unchanged=0)
    on_hdfs.solr.close()
