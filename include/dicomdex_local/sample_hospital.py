"""Writes drops of the generated hospital, of any number of instances, file by file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import date
from itertools import count, islice
from pathlib import Path

from dicomdex.entry import escape
from dicomdex_local.sample_archives import IN_ARCHIVES
from dicomdex_local.sample_instances import LATER, Instance, continued
from dicomdex_local.sample_odd import (
    BAD_VALUES,
    CONTESTS,
    ODD_NAMES,
    HospitalFile,
    broken,
    contested,
    delivered_again,
    first_series,
)
from dicomdex_local.sample_studies import Study

State = tuple[str, str | None]
Truth = dict[str, State]
"""Path relative to the landing area, escaped (of a member, path!member) -> (state, reject reason or ignore rule)."""

SEED = "dicomdex"


def hospital_instances(seed: str, day: date, previous: date | None = None) -> Iterator[Instance]:
    """The instances of a day without end, study by study; what is continued from the day before comes first."""
    if previous:
        for series in continued(seed, previous, day):
            yield from (Instance(series, LATER + n) for n in range(series.length))
    for study in count():
        for series in Study(seed, day, study).series():
            yield from (Instance(series, n) for n in range(series.length))


def hospital_files(
    *,
    instances: int,
    day: date,
    seed: str = SEED,
    previous: date | None = None,
    odd: bool = True,
) -> Iterator[HospitalFile]:
    """The files of one drop, each with its state.

    `instances` SOP Instance UIDs have their primary here, so the drop's ledger says `indexed` = `instances`. With
    `odd`, duplicates, conflicts and broken files come besides; they need 26 instances to be all there. `previous`
    is the day of an earlier drop of as many instances, whose key sorts before this one's: one of its studies goes
    on here, and some of its instances come again.
    """
    for instance in islice(hospital_instances(seed, day, previous), instances):
        yield from _files(instance, odd)
    if odd and previous:
        yield from delivered_again(seed, previous, day, instances)
    if odd:
        yield from broken(Instance(first_series(seed, day), 21))


def _files(instance: Instance, odd: bool) -> Iterator[HospitalFile]:
    series = instance.series
    later = "-later" if series.taken else ""
    folder = f"ST{series.study.number:05d}{later}/SE{series.number:02d}/".encode()
    name = f"IM{instance.number:05d}.dcm".encode()
    # Study 0 of the drop's own day, first series: the odd ones hang there.
    position = instance.number if odd and not (later or series.study.number or series.number) else -1
    path = folder + ODD_NAMES.get(position, name)
    if position in CONTESTS:
        yield from contested(path, instance)
    elif position in IN_ARCHIVES:
        yield IN_ARCHIVES[position](folder, instance)
    else:
        yield HospitalFile(path, instance.content(BAD_VALUES.get(position)), "indexed")


def write_hospital(
    directory: Path,
    *,
    instances: int,
    day: date,
    seed: str = SEED,
    previous: date | None = None,
    odd: bool = True,
    key: str | None = None,
) -> Truth:
    """Write one drop of the generated hospital to `directory`, without a marker; what becomes of each file.

    See `hospital_files`. `key` is the drop key that counts, the directory's name by default.
    """
    files = hospital_files(instances=instances, day=day, seed=seed, previous=previous, odd=odd)
    return _write_files(directory, key or directory.name, files)


def _write_files(directory: Path, key: str, files: Iterator[HospitalFile]) -> Truth:
    """Write the files below `directory`; their states by landing-area path of a drop with that key."""
    root, prefix = os.fsencode(directory), key.replace("~", "/").encode() + b"/"
    truth: Truth = {}
    folders: set[bytes] = set()
    for file in files:
        path = root + b"/" + file.path
        folder = path.rpartition(b"/")[0]
        if folder not in folders:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103  # a name of raw bytes is no Path
            folders.add(folder)
        with open(path, "wb") as written:
            written.write(file.content)
        truth[escape(prefix + file.path)] = (file.state, file.reason)
        truth.update({f"{escape(prefix + file.path)}!{name}": (state, why) for name, state, why in file.members})
    return truth
