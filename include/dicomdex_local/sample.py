"""The sample drops: pydicom's own files as they are, and two days of a generated hospital."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

from dicomdex_local.sample_hospital import Truth, write_hospital
from dicomdex_local.sample_templates import PYDICOM_DATA

PYDICOM_DROP = "2026-01-01"
HOSPITAL_DAYS = (date(2026, 1, 2), date(2026, 1, 3))
SAMPLE_DROPS = (PYDICOM_DROP, *(day.isoformat() for day in HOSPITAL_DAYS))
PYDICOM_TREES = ("test_files", "charset_files", "palettes")
# What becomes of pydicom's files was written down by hand, file by file; it lives with the tests of the reader.
PYDICOM_TRUTH = Path(__file__).parents[2] / "tests" / "pydicom_truth.json"
INSTANCES = 1_000  # of a generated sample drop
MARKER = "_SUCCESS"


def lay_sample_drops(landing: Path, truth: Path, *, pydicom_truth: Path = PYDICOM_TRUTH) -> dict[str, Truth]:
    """Lay the three sample drops below `landing` and write what becomes of their files to `truth`.

    A drop appears by one rename and gets its marker last; one that has its marker is left exactly as it is, so
    calling again changes nothing, and calling again after an interruption goes on. Returns drop key -> truth.
    """
    if truth.exists() and all((landing / key / MARKER).exists() for key in SAMPLE_DROPS):
        return read_truth(truth)
    landing.mkdir(parents=True, exist_ok=True)
    truths = {PYDICOM_DROP: _lay(landing, PYDICOM_DROP, lambda d: _copy_pydicom(d, pydicom_truth))}
    for day in HOSPITAL_DAYS:
        previous = day - timedelta(days=1) if day > HOSPITAL_DAYS[0] else None
        truths[day.isoformat()] = lay_hospital(landing, instances=INSTANCES, day=day, previous=previous)
    write_truth(truth, truths)
    return truths


def lay_hospital(landing: Path, *, instances: int, day: date, previous: date | None = None, odd: bool = True) -> Truth:
    """Lay one drop of the generated hospital, named by its day, under `landing`; its truth, the marker included."""
    return _lay(
        landing,
        day.isoformat(),
        lambda directory: write_hospital(
            directory, instances=instances, day=day, previous=previous, odd=odd, key=day.isoformat()
        ),
    )


def read_truth(path: Path) -> dict[str, Truth]:
    """The truth as it was written: drop key -> path -> (state, reason)."""
    drops = json.loads(path.read_text(encoding="utf-8"))
    return {key: {name: (state, reason) for name, (state, reason) in files.items()} for key, files in drops.items()}


def write_truth(path: Path, truths: dict[str, Truth]) -> None:
    """Write the truth as JSON: {drop key: {path: [state, reason or null]}}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(truths, indent=0, sort_keys=True), encoding="utf-8")
    part.rename(path)


def _lay(landing: Path, key: str, write: Callable[[Path], Truth]) -> Truth:
    """Write a drop beside the landing area, rename it in, then its marker. The truth is made again in any case."""
    part = _outside(landing) / f".{landing.name}.{key}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        truth = write(part)
        if not (landing / key).exists():
            part.rename(landing / key)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if not (landing / key / MARKER).exists():
        (landing / key / MARKER).touch()
    return {**truth, f"{key}/{MARKER}": ("ignored", "marker")}


def _outside(landing: Path) -> Path:
    """A directory on the landing area's file system: its parent, unless the landing area is a mount point."""
    return landing if os.path.ismount(landing) else landing.parent


def _copy_pydicom(directory: Path, truth: Path) -> Truth:
    """Copy the files that ship with pydicom; their truth is kept relative to the drop."""
    for tree in PYDICOM_TREES:
        shutil.copytree(PYDICOM_DATA / tree, directory / tree, copy_function=shutil.copyfile)
    states = json.loads(truth.read_text(encoding="utf-8"))
    return {f"{PYDICOM_DROP}/{path}": (state, reason) for path, (state, reason) in states.items()}
