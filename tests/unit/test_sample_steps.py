"""All three sample drops through listing, extraction and commit: every file ends as the truth says."""

from __future__ import annotations

from pathlib import Path

from dicomdex import steps
from dicomdex.settings import Settings
from dicomdex_local.sample import INSTANCES, SAMPLE_DROPS, lay_sample_drops


def ingest(settings: Settings, drop: str) -> None:
    listing = steps.list_drop(settings, drop, run_id="test")
    results = [steps.extract(settings, batch, run_id="test", attempt=1) for batch in listing["batches"]]
    steps.commit(settings, listing, results, run_id="test")


def test_every_file_of_the_sample_ends_as_the_truth_says_in_whichever_order_drops_come(tmp_path: Path) -> None:
    truth = lay_sample_drops(tmp_path / "landing", tmp_path / "truth.json")
    settings = Settings.load(
        landing=str(tmp_path / "landing"),
        work=str(tmp_path / "work"),
        catalog=str(tmp_path / "catalog"),
        batch_files=600,
    )
    for drop in reversed(SAMPLE_DROPS):
        ingest(settings, drop)
    for drop in SAMPLE_DROPS:
        assert steps.states(settings, drop) == truth[drop]
    for drop in SAMPLE_DROPS[1:]:
        assert steps.ledger(settings, drop)["indexed"] == INSTANCES
