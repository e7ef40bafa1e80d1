"""The embedded HDFS as far as it is no program: ports, environment, and that a start which fails is one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dicomdex_local.errors import SiteError
from dicomdex_local.hdfs import Hdfs, HdfsPorts
from dicomdex_local.layout import CONF


def test_each_port_is_set_by_a_variable_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in HdfsPorts().environment():
        monkeypatch.delenv(name, raising=False)
    assert HdfsPorts.from_environment() == HdfsPorts(9000, 9870, 9866, 9864, 9867)
    monkeypatch.setenv("DICOMDEX_DATANODE_HTTP_PORT", "1234")
    assert HdfsPorts.from_environment().datanode_http == 1234
    monkeypatch.setenv("DICOMDEX_HDFS_PORT", "many")
    with pytest.raises(SiteError, match="DICOMDEX_HDFS_PORT must be a port number"):
        HdfsPorts.from_environment()


def test_the_configuration_asks_for_nothing_that_is_not_given(tmp_path: Path) -> None:
    engine = Hdfs(tmp_path / "home", tmp_path, HdfsPorts(), user="somebody")
    text = "".join(path.read_text() for path in (CONF / "hdfs").glob("*-site.xml"))
    assert set(re.findall(r"\$\{env\.([A-Z_]+)", text)) <= engine.environment.keys()
    assert engine.environment["HADOOP_USER_NAME"] == "somebody"
    assert (engine.url, engine.http_url) == ("hdfs://127.0.0.1:9000", "http://127.0.0.1:9870")


def test_every_address_is_that_of_this_machine_alone() -> None:
    text = "".join(path.read_text() for path in (CONF / "hdfs").glob("*-site.xml"))
    addresses = re.findall(r"<name>[^<]*(?:address|bind-host|hostname)</name><value>([^<:]+)", text)
    assert len(addresses) >= 7
    assert set(addresses) <= {"127.0.0.1", "true"}


def test_a_program_that_does_not_start_is_named_with_its_log(tmp_path: Path) -> None:
    engine = Hdfs(tmp_path / "home", tmp_path, HdfsPorts.free(), java="/bin/false")
    with pytest.raises(SiteError, match=r"^HDFS: NameNode -format failed: no output$"):
        engine.start()
    assert engine.program("namenode") is None
    (tmp_path / "home" / "name" / "current").mkdir(parents=True)
    with pytest.raises(SiteError, match=r"^HDFS did not become ready: see .*namenode.log and .*datanode.log$"):
        engine.start()
    engine.stop()
