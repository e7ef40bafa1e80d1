"""Delivering a directory as a drop."""

import os

import pytest

from dicomdex.errors import DropError
from dicomdex.settings import Settings
from dicomdex_local.delivery import deliver
from dicomdex_local.errors import SiteError


@pytest.fixture
def source(tmp_path):
    directory = tmp_path / "source"
    (directory / "series").mkdir(parents=True)
    (directory / "series" / "1.dcm").write_bytes(b"1")
    (directory / "_SUCCESS").write_text("of the source")
    return directory


def settings(tmp_path, **more):
    landing = tmp_path / "area" / "landing"
    landing.mkdir(parents=True, exist_ok=True)
    return Settings(landing=str(landing), work=str(tmp_path / "work"), catalog=str(tmp_path / "catalog"), **more)


def names(directory):
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_a_directory_becomes_a_drop_with_a_marker_of_its_own(tmp_path, source):
    deliver(settings(tmp_path), source, "2026-01-09")
    drop = tmp_path / "area" / "landing" / "2026-01-09"
    assert names(drop) == ["_SUCCESS", "series/1.dcm"]
    assert (drop / "_SUCCESS").read_text() == ""
    assert [path.name for path in (tmp_path / "area").iterdir()] == ["landing"]


def test_a_drop_of_several_levels_lies_in_its_directories(tmp_path, source):
    deliver(settings(tmp_path, drop_depth=2), source, "siteA~2026-01-09")
    assert (tmp_path / "area" / "landing" / "siteA" / "2026-01-09" / "_SUCCESS").exists()


def test_a_landing_area_without_markers_gets_none(tmp_path, source):
    (source / "_SUCCESS").unlink()
    deliver(settings(tmp_path, marker=""), source, "a")
    assert names(tmp_path / "area" / "landing" / "a") == ["series/1.dcm"]


def test_a_drop_that_is_there_is_left_alone(tmp_path, source):
    deliver(settings(tmp_path), source, "a")
    (source / "2.dcm").touch()
    with pytest.raises(SiteError, match="drop a is in the landing area already"):
        deliver(settings(tmp_path), source, "a")
    assert "2.dcm" not in names(tmp_path / "area" / "landing" / "a")


def test_a_key_that_is_none_is_refused_before_anything_is_copied(tmp_path, source):
    with pytest.raises(DropError):
        deliver(settings(tmp_path), source, "../x")
    assert names(tmp_path / "area") == []


def test_names_that_are_not_utf_8_arrive_as_they_are(tmp_path, source):
    odd = bytes(source) + b"/\xff'\" .dcm"
    with open(odd, "wb"):
        pass
    deliver(settings(tmp_path), source, "a")
    assert b"\xff'\" .dcm" in {os.fsencode(path.name) for path in (tmp_path / "area" / "landing" / "a").iterdir()}


def test_a_landing_area_elsewhere_is_refused_in_a_sentence(tmp_path, source):
    far = Settings(landing="hdfs://namenode/landing", work=str(tmp_path / "w"), catalog=str(tmp_path / "c"))
    with pytest.raises(SiteError, match="landing area on this machine"):
        deliver(far, source, "a")
