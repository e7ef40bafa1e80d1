"""A hospital's mix of DICOM files for measuring readers: 300 series made from pydicom's files, any number of files.

62 % CT of 512 x 512 (a GE header with 179 private elements), 15 % MR (half of them implicit VR), 7 % Siemens MR with
CSA headers (95 KB), 6 % RLE ultrasound, 7 % JPEG 2000 CT, 3 % structured reports; the mean header is 11.9 KB. A series
has its own study, patient, dates, equipment, technical and private numbers; its instances differ in 26 to 33 elements.
Native pixel data is a hole of the right length, encapsulated pixel data is that of pydicom's file. The order of the
files, which is that of their names, is shuffled: neighbours are of different series. `python -m tests.bench.mix DIR`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench.mix_kinds import KINDS, Kind
from tests.bench.mix_series import SEED, Series, make_series

FOLDER = 1_000  # files in a directory


@dataclass(frozen=True)
class MixFile:
    """Instance `place` of series `series` of a kind, both counted from 0."""

    kind: Kind
    series: int
    place: int


def planned(files: int) -> list[MixFile]:
    """Which instances a mix of so many files holds, in the order of their names."""
    plan = [
        MixFile(kind, place % kind.series, place // kind.series)
        for kind, count in zip(KINDS, _counts(files), strict=True)
        for place in range(count)
    ]
    Random(SEED).shuffle(plan)
    return plan


def _counts(files: int) -> list[int]:
    """Files a kind; what rounding leaves over goes to the first."""
    counts = [files * kind.percent // 100 for kind in KINDS]
    counts[0] += files - sum(counts)
    return counts


def mix_files(files: int) -> Iterator[tuple[str, MixFile, Series]]:
    """(relative path, what it is, the series it is an instance of)."""
    made: dict[tuple[str, int], Series] = {}
    for number, file in enumerate(planned(files)):
        key = file.kind.name, file.series
        if key not in made:
            made[key] = make_series(file.kind, file.series)
        yield f"{number // FOLDER:03d}/{number:06d}.dcm", file, made[key]


def write_mix(directory: Path, files: int) -> list[str]:
    """Write the mix below a directory; the relative paths in order."""
    paths = []
    for path, file, series in mix_files(files):
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as opened:
            written = opened.write(series.instance(file.place))
            if series.hole:
                opened.truncate(written + series.hole)
        paths.append(path)
    return paths


def main() -> None:
    """Write a mix for other uses."""
    parser = argparse.ArgumentParser(prog="mix", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--files", type=int, default=3_000)
    options = parser.parse_args()
    print(f"{len(write_mix(options.directory, options.files)):,} files below {options.directory}")


if __name__ == "__main__":
    main()
