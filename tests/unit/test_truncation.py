"""Cut files: 2,000 random cuts of 20 real ones, and every cut between two elements of those that end without pixels."""

from __future__ import annotations

import json
import random
from collections import Counter
from functools import lru_cache

import pytest

from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading
from tests.factories import MemorySource, pydicom_file, pydicom_files

CUTS = 2_000
IMAGES = (
    "CT_small.dcm", "MR_small.dcm", "MR_small_implicit.dcm", "MR_small_bigendian.dcm", "MR_small_RLE.dcm",
    "JPEG2000.dcm", "J2K_pixelrep_mismatch.dcm", "SC_rgb_rle_2frame.dcm", "examples_ybr_color.dcm",
    "examples_overlay.dcm", "rtdose_expb.dcm", "liver_1frame.dcm", "SC_rgb_jpeg.dcm", "ExplVR_BigEnd.dcm",
    "SC_ybr_full_422_uncompressed.dcm",
)  # fmt: skip
OTHERS = ("image_dfl.dcm", "rtplan.dcm", "reportsi.dcm", "test-SR.dcm", "waveform_ecg.dcm")


@lru_cache
def real(name: str) -> bytes:
    """One of pydicom's files."""
    return pydicom_file(name)


@lru_cache
def tags(name: str) -> frozenset[str]:
    """The elements of the whole file."""
    return frozenset(json.loads(read(MemorySource(real(name))).header or ""))


def cut(name: str, length: int) -> Reading:
    """The reading of the file's first bytes."""
    return read(MemorySource(real(name)[:length]))


def passes_for_whole(name: str, reading: Reading) -> bool:
    """A record that lacks elements of the whole file and does not say so."""
    if reading.outcome != "record" or says_what_is_missing(reading):
        return False
    return not tags(name) <= json.loads(reading.header or "").keys()


def says_what_is_missing(reading: Reading) -> bool:
    """Whether the row warns that the file may have ended early."""
    return any(warning.split(" ")[0] in ("no_pixel_data", "missing") for warning in reading.warnings)


def test_of_2000_random_cuts_99_in_a_hundred_are_truncated_and_none_passes_for_whole() -> None:
    chance = random.Random(20260102)
    verdicts: Counter[str] = Counter()
    whole = []
    for name in chance.choices(IMAGES + OTHERS, k=CUTS):
        length = chance.randrange(1, len(real(name)))
        reading = cut(name, length)
        # Of the first 132 bytes nothing tells what they were to become.
        verdicts["short" if length < 132 else reading.reason or "record"] += 1
        if length < 132:
            assert reading.reason in ("not_dicom", "truncated")
        if passes_for_whole(name, reading):
            whole.append((name, length))
    assert verdicts["truncated"] >= 0.99 * (CUTS - verdicts["short"]), verdicts
    assert whole == []


# Cuts between two top-level elements of files that end without pixel data: how many there are, and how many of them
# lie behind all that the SOP Class requires, so that nothing in the file shows them.
BETWEEN = {"rtplan.dcm": (32, 5), "reportsi.dcm": (28, 0), "test-SR.dcm": (31, 0), "rtstruct.dcm": (28, 0)}


@pytest.mark.parametrize("name", BETWEEN)
def test_a_cut_between_two_elements_says_what_is_missing_where_the_sop_class_tells(name: str) -> None:
    readings = [cut(name, length) for length in range(132, len(real(name)), 2)]
    records = [reading for reading in readings if reading.outcome == "record"]
    silent = [reading for reading in records if passes_for_whole(name, reading)]
    assert (len(records), len(silent)) == BETWEEN[name]
    assert {reading.reason for reading in readings} <= {None, "truncated", "no_sop_instance_uid", "not_dicom"}


def test_no_whole_file_is_taken_for_a_cut_one() -> None:
    """The two that are say so in their names; of the others some lack their pixel data or their first part."""
    alarmed = {path for path, content in pydicom_files() if read(MemorySource(content)).reason == "truncated"}
    assert alarmed == {"test_files/MR_truncated.dcm", "test_files/rtplan_truncated.dcm"}
    assert not any(says_what_is_missing(cut(name, len(real(name)))) for name in (*IMAGES, *OTHERS, *BETWEEN))
