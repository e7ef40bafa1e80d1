"""One rebuild of an alias at a time: who holds it, who may take it over, and who finds out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused
from dicomdex.settings import Settings
from dicomdex.steps_lease import alive, holders, release, still_held, take


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(**{name: (tmp_path / name).as_uri() for name in ("landing", "work", "catalog")})


def grow_old(settings: Settings, seconds: float) -> None:
    """Set the last sign of life back."""
    work = WorkArea(settings.work)
    held = work.read_json("rebuilds/dicom.json")
    seen = datetime.fromisoformat(held["seen"]) - timedelta(seconds=seconds)
    work.write_json("rebuilds/dicom.json", {**held, "seen": seen.isoformat()})


def test_the_second_is_told_who_holds_it(settings: Settings) -> None:
    take(settings, "dicom", "one", "dicom_1")
    grow_old(settings, 60)
    with pytest.raises(CollectionRefused, match=r"run one has been rebuilding dicom into dicom_1 since .* in 14 min"):
        take(settings, "dicom", "two", "dicom_2")
    take(settings, "other", "two", "other_2")
    assert holders(settings) == {"dicom_1": "one", "other_2": "two"}


def test_a_run_that_shows_no_life_any_more_is_taken_over_and_finds_out(settings: Settings) -> None:
    take(settings, "dicom", "one", "dicom_1")
    grow_old(settings, settings.rebuild_lease + 1)
    assert holders(settings) == {}
    assert holders(settings, silent=True) == {"dicom_1": "one"}
    take(settings, "dicom", "two", "dicom_2")
    with pytest.raises(CollectionRefused, match="run two has taken it over"):
        still_held(settings, "dicom", "one")
    still_held(settings, "dicom", "two")


def test_a_sign_of_life_keeps_it(settings: Settings) -> None:
    take(settings, "dicom", "one", "dicom_1")
    grow_old(settings, settings.rebuild_lease - 1)
    still_held(settings, "dicom", "one")
    seen = datetime.fromisoformat(WorkArea(settings.work).read_json("rebuilds/dicom.json")["seen"])
    assert datetime.now(UTC) - seen < timedelta(seconds=settings.rebuild_lease / 2)
    with alive(settings, "dicom", "one"):
        assert holders(settings) == {"dicom_1": "one"}


def test_a_run_that_is_known_to_have_ended_holds_nothing(settings: Settings) -> None:
    take(settings, "dicom", "one", "dicom_1")
    take(settings, "dicom", "two", "dicom_2", ended=["one"])
    assert holders(settings) == {"dicom_2": "two"}
    assert release(settings, "one") == []
    assert release(settings, "two") == ["dicom"]
    with pytest.raises(CollectionRefused, match="nobody holds it"):
        still_held(settings, "dicom", "two")
    take(settings, "dicom", "three", "dicom_3")
