"""An object store as landing area: listed, read by ranges, refused and replaced, over real HTTP."""

from __future__ import annotations

import io
import logging
import threading
import zipfile
from pathlib import Path

import pytest

from dicomdex import steps
from dicomdex.adapters.storage import Storage, storage
from dicomdex.errors import SettingsError, StorageFault
from dicomdex.settings import Settings
from tests.integration.s3 import BUCKET, ENVIRONMENT, SECRET, Store
from tests.unit.line import DAY, dicom

URL = f"s3://{BUCKET}/landing area"


@pytest.fixture(autouse=True)
def environment(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What leads to the bucket."""
    for name, value in {**ENVIRONMENT, "DICOMDEX_S3_ENDPOINT": store.url}.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def landing(environment: None) -> Storage:
    return storage(URL)


def settings_of(tmp_path: Path, **more: object) -> Settings:
    area = {name: (tmp_path / name).as_uri() for name in ("work", "catalog")}
    return Settings(landing=URL, **area, **more)


def test_a_drop_is_sensed_read_and_committed_as_from_a_disk(store: Store, landing: Storage, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("in/b.dcm", dicom("1.9.2"))
        archive.writestr("in/c.dcm", dicom("1.9.3", pixels=b"\1" * 200_000))
    files = {"a é%.dcm": dicom("1.9.1"), "two.zip": packed.getvalue(), "empty": b"", "s/page.dcm": b"<html>" * 9000}
    for name, content in {**files, "_SUCCESS": b""}.items():
        store.put(f"landing area/{DAY}/{name}", content)
    settings = settings_of(tmp_path)
    assert [seen["key"] for seen in steps.new_drops(settings)] == [DAY]
    listing = steps.list_drop(settings, DAY)
    results = [steps.extract(settings, batch, run_id="run", attempt=1) for batch in listing["batches"]]
    steps.commit(settings, listing, results, run_id="run")
    states = {path.removeprefix(f"{DAY}/"): state for path, state in steps.states(settings, DAY).items()}
    assert states == {
        "_SUCCESS": ("ignored", "marker"),
        "a é%25.dcm": ("indexed", None),
        "empty": ("rejected", "empty"),
        "s/page.dcm": ("rejected", "not_dicom"),
        "two.zip": ("container", None),
        "two.zip!in/b.dcm": ("indexed", None),
        "two.zip!in/c.dcm": ("indexed", None),
    }
    assert steps.list_drop(settings, DAY)["unchanged"]


def test_many_files_are_asked_for_at_once_and_only_the_first_bytes_of_each(store: Store, tmp_path: Path) -> None:
    for number in range(40):
        store.put(f"landing area/{DAY}/{number:02d}.dcm", dicom(f"1.9.{number + 1}", pixels=b"\0" * 300_000))
    waiting = threading.Barrier(8)
    store.before_answer = lambda path: _meet(waiting) if path.endswith(".dcm") else None
    settings = settings_of(tmp_path, reads=8)
    (batch,) = steps.list_drop(settings, DAY)["batches"]
    extracted = steps.extract(settings, batch, run_id="run", attempt=1)
    assert extracted["records"] == 40
    assert store.most_at_once >= 8
    asked = [(method, ranged) for method, path, ranged in store.seen if path.endswith(".dcm")]
    assert asked == [("GET", "bytes=0-32767")] * 40


def _meet(waiting: threading.Barrier) -> None:
    """Answer when eight requests are here: a reader that asks for one file after the other never gets one."""
    waiting.wait(timeout=60)


def test_a_store_that_is_overloaded_is_asked_again_and_then_is_a_fault_never_a_reject(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    store.put(f"landing area/{DAY}/DOE^JOHN.dcm", dicom("1.9.1"))
    caplog.set_level(logging.DEBUG)
    store.refuse("JOHN.dcm", 2)
    settings = settings_of(tmp_path)
    (batch,) = steps.list_drop(settings, DAY)["batches"]
    assert steps.extract(settings, batch, run_id="run", attempt=1)["records"] == 1
    assert store.refused("JOHN.dcm") == 0

    store.refuse(BUCKET, 1000)
    seen = len(store.seen)
    with pytest.raises(StorageFault, match=r"^S3: SlowDown \(503\)$") as failed:
        storage(URL).children("")
    assert len(store.seen) - seen == 3
    said = caplog.text + str(failed.value) + repr(failed.value)
    assert SECRET not in said
    assert "JOHN" not in said


def test_an_object_that_is_gone_is_a_named_loss_and_a_whole_drop_that_is_gone_stops_the_run(
    store: Store, tmp_path: Path
) -> None:
    for name in ("a.dcm", "b.dcm"):
        store.put(f"landing area/{DAY}/{name}", dicom(f"1.9.{ord(name[0])}"))
    settings = settings_of(tmp_path)
    listing = steps.list_drop(settings, DAY)
    store.client.delete_object(Bucket=BUCKET, Key=f"landing area/{DAY}/b.dcm")
    results = [steps.extract(settings, batch, run_id="run", attempt=1) for batch in listing["batches"]]
    steps.commit(settings, listing, results, run_id="run")
    assert steps.states(settings, DAY)[f"{DAY}/b.dcm"] == ("rejected", "vanished")
    store.client.delete_object(Bucket=BUCKET, Key=f"landing area/{DAY}/a.dcm")
    with pytest.raises(Exception, match=f"drop {DAY} gone after 0 of 2 files"):
        steps.extract(settings, listing["batches"][0], run_id="run", attempt=2)


def test_an_object_that_is_replaced_while_it_is_read_is_never_read_in_two_versions(
    store: Store, landing: Storage
) -> None:
    store.put("landing area/d/x", b"a" * 100_000)
    with landing.open("d/x") as source:
        store.put("landing area/d/x", b"b" * 100_000)
        assert source.read_at(0, 4) == b"aaaa"
        with pytest.raises(StorageFault, match="replaced while it was read"):
            source.read_at(50_000, 4)


def test_an_object_is_read_by_position(store: Store, landing: Storage) -> None:
    content = bytes(range(256)) * 1000
    store.put("landing area/d/x", content)
    with landing.open("d/x") as source:
        assert source.size == len(content)
        found = landing.stat("d/x")
        assert found is not None
        assert (found.size, found.mtime) == (source.size, source.mtime)
        for offset, length in ((0, 10), (32_760, 20), (200_000, 5), (255_990, 100), (256_000, 1)):
            assert source.read_at(offset, length) == content[offset : offset + length]
    assert landing.read_bytes("d/x") == content


def test_listings_have_what_directories_have_and_no_directory_markers(store: Store, landing: Storage) -> None:
    assert landing.children("") == []
    for key in ("d/", "d/b", "d/s/c", "d/s//e", "e/f"):
        store.put(f"landing area/{key}", b"" if key.endswith("/") else b"1")
    assert sorted((entry.path, entry.kind) for entry in landing.walk("d")) == [
        ("d/b", "file"), ("d/s//e", "other"), ("d/s/c", "file"),
    ]  # fmt: skip
    assert [(child.name, child.is_directory) for child in landing.children("d")] == [("b", False), ("s", True)]
    assert [child.name for child in landing.children("")] == ["d", "e"]
    assert [landing.exists(path) for path in ("", "d", "d/b", "nowhere")] == [True, True, True, False]
    for missing in (lambda: list(landing.walk("nowhere")), lambda: landing.children("nowhere")):
        with pytest.raises(FileNotFoundError):
            missing()
    with pytest.raises(FileNotFoundError, match="S3: NoSuchKey"):
        landing.open("d/none")


def test_a_bucket_that_is_not_there_and_credentials_that_are_not_are_named(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not storage("s3://another/x").exists("")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    with pytest.raises(StorageFault, match="no credentials"):
        storage(URL).children("")


@pytest.mark.parametrize("name", ["work", "catalog"])
def test_work_area_and_catalog_need_a_rename_that_no_object_store_has(tmp_path: Path, name: str) -> None:
    urls = {one: (tmp_path / one).as_uri() for one in ("landing", "work", "catalog")}
    with pytest.raises(SettingsError, match=f"DICOMDEX_{name.upper()}: .*needs a file system with atomic rename"):
        Settings.load(**{**urls, name: "s3://bucket/x"})
