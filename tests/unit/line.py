"""The line from drop to catalog on a temporary directory: real files, real Delta, no Airflow, no Solr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dicomdex import steps
from dicomdex.settings import Settings
from tests.factories import identity, image, part10, place

DAY, LATER = "2026-11-20", "2026-11-21"


def dicom(
    sop: str, *, study: str = "1.2.3", series: str = "1.2.3.1", patient: str = "P1", pixels: bytes | None = None
) -> bytes:
    """A small instance; other `pixels` change neither header nor size."""
    return part10(identity(sop), place(study, series, patient), image(2, 2, pixels=pixels), sop=sop)


class Line:
    """Landing area, work area and catalog under one root, and the steps in their order."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.landing = root / "landing area"  # a blank in the path, as on people's disks
        self.landing.mkdir()
        urls = {"landing": self.landing.as_uri(), "work": (root / "work").as_uri(), "catalog": (root / "cat").as_uri()}
        self.settings = Settings(**urls, **{"batch_files": 2, **settings})

    def lay(self, drop: str, files: Mapping[str | bytes, bytes], *, marker: bool = True) -> Path:
        """Write files into a drop, then the marker."""
        directory = self.landing / drop
        for name, content in files.items():
            raw = os.fsencode(directory) + b"/" + (name.encode() if isinstance(name, str) else name)
            Path(os.fsdecode(raw)).parent.mkdir(parents=True, exist_ok=True)
            with open(raw, "wb") as target:
                target.write(content)
        directory.mkdir(parents=True, exist_ok=True)
        if marker:
            (directory / "_SUCCESS").touch()
        return directory

    def extract(self, listing: Mapping[str, Any], attempt: int = 1) -> list[dict[str, Any]]:
        """Extract every batch of a listing."""
        return [steps.extract(self.settings, batch, run_id="run", attempt=attempt) for batch in listing["batches"]]

    def ingest(self, drop: str, *, force: bool = False, allow_shrink: bool = False) -> dict[str, Any]:
        """List, extract and commit a drop."""
        listing = steps.list_drop(self.settings, drop, force=force)
        results = self.extract(listing)
        return steps.commit(self.settings, listing, results, force=force, allow_shrink=allow_shrink, run_id="run")

    def states(self, drop: str) -> dict[str, tuple[str, str | None]]:
        """State of each file by its path in the drop, the marker left out."""
        found = steps.states(self.settings, drop)
        return {path.removeprefix(f"{drop}/"): state for path, state in found.items() if not path.endswith("/_SUCCESS")}
