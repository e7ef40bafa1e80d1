"""Laying the sample drops: a rename and a marker, once, and on from where it was interrupted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from dicomdex.entry import escape
from dicomdex_local.sample import (
    MARKER,
    PYDICOM_DROP,
    PYDICOM_TREES,
    SAMPLE_DROPS,
    lay_sample_drops,
    read_truth,
)
from dicomdex_local.sample_templates import PYDICOM_DATA


def snapshot(landing: Path) -> dict[bytes, tuple[int, int]]:
    """Path -> (inode, mtime) of everything below the landing area."""
    return {bytes(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in landing.rglob("*")}


def paths_below(landing: Path) -> set[str]:
    return {escape(bytes(path.relative_to(landing))) for path in landing.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def pydicom_truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A truth of pydicom's files in which all are indexed: what they really become is no matter here."""
    files = (path for tree in PYDICOM_TREES for path in (PYDICOM_DATA / tree).rglob("*") if path.is_file())
    truth = tmp_path_factory.mktemp("truth") / "pydicom_truth.json"
    truth.write_text(json.dumps({escape(bytes(f.relative_to(PYDICOM_DATA))): ["indexed", None] for f in files}))
    return truth


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, pydicom_truth: Path) -> Path:
    run = tmp_path_factory.mktemp("run")
    lay_sample_drops(run / "landing", run / "truth.json", pydicom_truth=pydicom_truth)
    return run


@pytest.fixture
def copy_of_site(site: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(site, tmp_path / "run", copy_function=shutil.copy2))


def test_the_landing_area_holds_three_complete_drops_and_nothing_else(site: Path) -> None:
    assert {path.name for path in (site / "landing").iterdir()} == set(SAMPLE_DROPS)
    assert all((site / "landing" / key / MARKER).is_file() for key in SAMPLE_DROPS)
    assert {path.name for path in site.iterdir()} == {"landing", "truth.json"}


def test_the_truth_names_every_file_the_markers_included(site: Path) -> None:
    truth = read_truth(site / "truth.json")
    assert {path.partition("!")[0] for drop in truth.values() for path in drop} == paths_below(site / "landing")
    for key in SAMPLE_DROPS:
        assert truth[key][f"{key}/{MARKER}"] == ("ignored", "marker")
        assert all(path.startswith(f"{key}/") for path in truth[key])


def test_generated_drops_index_a_thousand_instances_each(site: Path) -> None:
    truth = read_truth(site / "truth.json")
    for key in SAMPLE_DROPS[1:]:
        assert sum(state == "indexed" for state, _ in truth[key].values()) == 1_000


def test_pydicoms_files_are_copied_as_they_are(site: Path) -> None:
    drop = site / "landing" / PYDICOM_DROP
    for tree in PYDICOM_TREES:
        for path in (PYDICOM_DATA / tree).rglob("*"):
            if path.is_file():
                copy = drop / path.relative_to(PYDICOM_DATA)
                assert copy.read_bytes() == path.read_bytes()
                assert copy.stat().st_nlink == 1


def test_laying_again_touches_nothing(copy_of_site: Path, pydicom_truth: Path) -> None:
    landing, truth = copy_of_site / "landing", copy_of_site / "truth.json"
    before, said = snapshot(landing), truth.read_bytes()
    lay_sample_drops(landing, truth, pydicom_truth=pydicom_truth)
    assert snapshot(landing) == before
    assert truth.read_bytes() == said


def test_a_lost_truth_is_written_again_and_the_drops_are_left_alone(copy_of_site: Path, pydicom_truth: Path) -> None:
    landing, truth = copy_of_site / "landing", copy_of_site / "truth.json"
    before, said = snapshot(landing), truth.read_bytes()
    truth.unlink()
    lay_sample_drops(landing, truth, pydicom_truth=pydicom_truth)
    assert snapshot(landing) == before
    assert truth.read_bytes() == said


def test_an_interrupted_laying_goes_on(copy_of_site: Path, pydicom_truth: Path) -> None:
    landing, truth = copy_of_site / "landing", copy_of_site / "truth.json"
    whole, said = paths_below(landing), truth.read_bytes()
    truth.unlink()
    (landing / SAMPLE_DROPS[1] / MARKER).unlink()  # interrupted between rename and marker
    (landing / SAMPLE_DROPS[2]).rename(copy_of_site / f".landing.{SAMPLE_DROPS[2]}.part")  # before the rename
    lay_sample_drops(landing, truth, pydicom_truth=pydicom_truth)
    assert paths_below(landing) == whole
    assert truth.read_bytes() == said
    assert {path.name for path in copy_of_site.iterdir()} == {"landing", "truth.json"}
