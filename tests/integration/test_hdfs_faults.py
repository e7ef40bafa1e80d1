"""What HDFS can not do is a cause with a name, tried again, and never a reject: on real programs that are killed."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import Storage, storage
from dicomdex.errors import StorageFault
from dicomdex_airflow.failures import plain_failures
from dicomdex_local.hdfs import DATANODE, NAMENODE, Hdfs
from tests.hdfs import HdfsLine
from tests.integration.waiting import wait_for
from tests.unit.line import DAY, LATER, dicom

FILES: dict[str | bytes, bytes] = {f"DOE^JANE {number}.dcm": dicom(f"1.9.{number}") for number in range(5)}
SAFE_MODE = "HDFS is in safe mode and takes no writes"
NO_DATANODE = "HDFS: no DataNode that lives has the block, or takes it"
DENIED = "HDFS: permission denied for the user that this program runs as"
SILENT = "HDFS does not answer"


@pytest.fixture
def line(tmp_path: Path, hdfs_url: str) -> HdfsLine:
    """A drop on HDFS that was ingested, and another that was listed."""
    made = HdfsLine(tmp_path, hdfs_url)
    made.lay(DAY, FILES)
    return made


@pytest.fixture
def in_safe_mode(hdfs: Hdfs, line: HdfsLine) -> Iterator[None]:
    """The NameNode takes no writes; reads go on."""
    hdfs.safe_mode("enter")
    yield
    hdfs.safe_mode("leave")


@pytest.fixture
def impatient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Hadoop configuration of the site's own: a NameNode that is away is asked again at once, and no more."""
    conf = tmp_path / "hadoop"
    conf.mkdir()
    said = {"max.attempts": 1, "sleep.base.millis": 10, "sleep.max.millis": 20}
    lines = (f"<property><name>dfs.client.failover.{k}</name><value>{v}</value></property>" for k, v in said.items())
    (conf / "hdfs-site.xml").write_text(f"<configuration>{''.join(lines)}</configuration>")
    (conf / "core-site.xml").write_text("<configuration/>")
    monkeypatch.setenv("HADOOP_CONF_DIR", str(conf))
    monkeypatch.setenv("HADOOP_USER_NAME", getpass.getuser())  # so that no client that was made before is used


def fails(ask: Callable[[], Any], sentence: str, *, drop: str = "") -> None:
    """It is a StorageFault with this sentence, which Airflow tries again; no path is in any of its texts."""
    with pytest.raises(AirflowException) as retried, plain_failures():
        ask()
    assert not isinstance(retried.value, AirflowFailException)
    assert str(retried.value).startswith(f"storage error: {sentence}")
    assert (f"(drop {drop}, file " in str(retried.value)) == bool(drop)
    with pytest.raises(StorageFault) as fault:
        ask()
    assert "DOE" not in f"{fault.value!r} {retried.value!r}"
    assert "/" not in str(fault.value)


@pytest.mark.usefixtures("in_safe_mode")
def test_safe_mode_is_named_and_reading_goes_on(line: HdfsLine) -> None:
    tree = storage(line.settings.landing)
    fails(lambda: tree.write_atomic("x", b"x"), SAFE_MODE)
    fails(lambda: tree.create_exclusive("x", b""), SAFE_MODE)
    fails(lambda: tree.delete(f"{DAY}/_SUCCESS"), SAFE_MODE)
    fails(lambda: tree.rename_to(f"{DAY}/_SUCCESS", tree, "x"), SAFE_MODE)
    fails(lambda: steps.list_drop(line.settings, DAY), SAFE_MODE)
    fails(lambda: Catalog(line.settings.catalog).create(), SAFE_MODE)
    assert tree.read_bytes(f"{DAY}/DOE^JANE 0.dcm") == FILES["DOE^JANE 0.dcm"]
    assert len(list(tree.walk(DAY))) == 6


def test_a_commit_in_safe_mode_is_no_lost_race_and_goes_through_afterwards(hdfs: Hdfs, line: HdfsLine) -> None:
    listing = steps.list_drop(line.settings, DAY)
    results = line.extract(listing)
    line.lay(LATER, {"a": dicom("1.9.77")})
    line.ingest(LATER)  # so that the tables are there
    hdfs.safe_mode("enter")
    try:
        fails(lambda: steps.commit(line.settings, listing, results, run_id="run"), SAFE_MODE)
        assert Catalog(line.settings.catalog).drops() == [LATER]
    finally:
        hdfs.safe_mode("leave")
    assert steps.commit(line.settings, listing, results, run_id="run")["outcome"] == "committed"
    assert {state for state, _ in line.states(DAY).values()} == {"indexed"}


def test_a_dead_datanode_costs_a_try_and_no_file(hdfs: Hdfs, line: HdfsLine) -> None:
    listing = steps.list_drop(line.settings, DAY)
    tree = storage(line.settings.landing)
    hdfs.kill(DATANODE)
    fails(lambda: line.extract(listing), NO_DATANODE)
    fails(lambda: tree.read_bytes(f"{DAY}/DOE^JANE 0.dcm"), NO_DATANODE)
    assert len(list(tree.walk(DAY))) == 6
    hdfs.start()
    results = line.extract(listing)
    assert [result["rejects"] for result in results] == [{}] * len(results)
    assert steps.commit(line.settings, listing, results, run_id="run")["outcome"] == "committed"
    assert len(line.states(DAY)) == 5


def test_a_file_of_a_batch_is_named_by_its_id_when_its_block_is_away(hdfs: Hdfs, line: HdfsLine) -> None:
    """The manifest is on a local disk, so that the landing area alone is away."""
    line.settings = line.settings.model_copy(update={"work": line.root.joinpath("work").as_uri()})
    listing = steps.list_drop(line.settings, DAY)
    hdfs.kill(DATANODE)
    fails(lambda: line.extract(listing), NO_DATANODE, drop=DAY)


def test_a_namenode_that_restarts_costs_tries_and_no_file(hdfs: Hdfs, line: HdfsLine) -> None:
    listing = steps.list_drop(line.settings, DAY)
    hdfs.kill(NAMENODE)
    hdfs.launch()
    results = tried_again(lambda: line.extract(listing))
    assert [result["rejects"] for result in results] == [{}] * 3
    tried_again(lambda: steps.commit(line.settings, listing, results, run_id="run"))
    assert {state for state, _ in line.states(DAY).values()} == {"indexed"}


def tried_again(ask: Callable[[], Any]) -> Any:
    """As Airflow does: what HDFS can't do now is done later."""

    def attempt() -> Any:
        with suppress(StorageFault):
            return ask()

    return wait_for("HDFS is back", attempt)


@pytest.mark.usefixtures("impatient")
def test_a_namenode_that_stays_away_is_named(hdfs: Hdfs, line: HdfsLine) -> None:
    tree = storage(line.settings.landing)
    line.ingest(DAY)
    hdfs.kill(NAMENODE)
    fails(lambda: list(tree.walk(DAY)), SILENT)
    fails(lambda: tree.write_atomic("x", b"x"), SILENT)
    fails(lambda: Catalog(line.settings.catalog).version(), SILENT)
    fails(lambda: steps.list_drop(line.settings, DAY), SILENT)
    hdfs.start()
    assert len(line.states(DAY)) == 5


@pytest.fixture
def tree(line: HdfsLine) -> Storage:
    return storage(line.settings.landing)


def test_permission_denied_is_named_and_costs_no_file(
    hdfs: Hdfs, line: HdfsLine, tree: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HADOOP_USER_NAME", "mallory")  # files are made with mode 0640
    line.settings = line.settings.model_copy(update={"work": line.root.joinpath("work").as_uri()})
    fails(lambda: steps.list_drop(line.settings, DAY), DENIED)
    monkeypatch.delenv("HADOOP_USER_NAME")
    listing = steps.list_drop(line.settings, DAY)
    monkeypatch.setenv("HADOOP_USER_NAME", "mallory")
    fails(lambda: line.extract(listing), DENIED, drop=DAY)
    fails(lambda: tree.write_atomic("x", b"x"), DENIED)
    fails(lambda: tree.delete(f"{DAY}/_SUCCESS"), DENIED)
    fails(lambda: Catalog(line.settings.catalog).create(), DENIED)
    monkeypatch.delenv("HADOOP_USER_NAME")
    assert [result["rejects"] for result in line.extract(listing)] == [{}] * 3
