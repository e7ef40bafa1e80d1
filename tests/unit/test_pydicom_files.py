"""Every file that ships with pydicom, laid as one drop: verdicts and states that a person worked out.

`REJECTED` is written by hand, a reason a file. The states of the rest are worked out here from whole-file bytes and
from pydicom's own full reading, without dicomdex, and committed as tests/pydicom_truth.json for whoever ingests that
tree: `{path in the drop: [state, reason]}`. `python -m tests.unit.test_pydicom_files` writes that file anew.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import logging
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pydicom
import pytest

from dicomdex.extract.reader import PYDICOM, WALKER, read
from tests.factories import MemorySource, pydicom_files

TRUTH = Path(__file__).parents[1] / "pydicom_truth.json"

ARCHIVE = "test_files/zipMR.gz"
REJECTED = {
    # Text, a colour profile, gzip and JSON: no DICM at byte 128, and no element that fits.
    "charset_files/FileInfo.txt": "not_dicom",
    "palettes/README.md": "not_dicom",
    "test_files/README.txt": "not_dicom",
    "test_files/crayons.icc": "not_dicom",
    "test_files/dicomdirtests/README.txt": "not_dicom",
    "test_files/dicomdirtests/TINY_ALPHA/README": "not_dicom",
    "test_files/rtplan.dump": "not_dicom",
    "test_files/rtstruct.dump": "not_dicom",
    "test_files/test1.json": "not_dicom",
    "test_files/test_PN.json": "not_dicom",
    "test_files/zipMR.gz": "not_dicom",  # by its bytes; in a drop it is an archive of one member
    # A DICOM data set with its first part missing: begins in the middle of an element.
    "test_files/no_meta.dcm": "not_dicom",
    # Media Storage SOP Class is Media Storage Directory Storage.
    "test_files/dicomdirtests/DICOMDIR": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-bigEnd": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-empty.dcm": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-implicit": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-nooffset": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-nopatient": "dicomdir",
    "test_files/dicomdirtests/DICOMDIR-reordered": "dicomdir",
    "test_files/dicomdirtests/TINY_ALPHA/DICOMDIR": "dicomdir",
    # Cut files: pixel data of 8,192 bytes with 8,142 left; a sequence that runs past the end.
    "test_files/MR_truncated.dcm": "truncated",
    "test_files/rtplan_truncated.dcm": "truncated",
    # Snippets of one to four elements made to show one oddity; none of them is (0008,0018).
    "charset_files/chrSQEncoding.dcm": "no_sop_instance_uid",
    "charset_files/chrSQEncoding1.dcm": "no_sop_instance_uid",
    "test_files/UN_sequence.dcm": "no_sop_instance_uid",
    "test_files/empty_charset_LEI.dcm": "no_sop_instance_uid",
    "test_files/meta_missing_tsyntax.dcm": "no_sop_instance_uid",
    "test_files/nested_priv_SQ.dcm": "no_sop_instance_uid",
    "test_files/no_meta_group_length.dcm": "no_sop_instance_uid",
    "test_files/priv_SQ.dcm": "no_sop_instance_uid",
}

BAD_REFERENCE = "bad_value 0008,1155"  # a UID with a component that begins with 0; pydicom loses the whole sequence

# What is odd about a record is said, and nothing else is.
WARNINGS = {
    "charset_files/chrJapMulti.dcm": {"no_pixel_data", "media_storage_uid_differs"},
    "charset_files/chrJapMultiExplicitIR6.dcm": {"no_pixel_data", "media_storage_uid_differs"},
    "charset_files/chrKoreanMulti.dcm": {"no_pixel_data"},
    "palettes/winter.dcm": {"repeated 0008,0018", "fallback_order 0008,0018"},
    # A date with dots and a time with colons, as ACR-NEMA wrote them.
    "test_files/ExplVR_BigEnd.dcm": {"bad_value 0008,0020", "bad_value 0008,0030"},
    "test_files/ExplVR_BigEndNoMeta.dcm": {"no_part10_header", "missing 300a,0070"},
    "test_files/ExplVR_LitEndNoMeta.dcm": {"no_part10_header", "missing 300a,0070"},
    "test_files/MR_small_padded.dcm": {"pixel_data_length"},
    "test_files/SC_rgb_jpeg.dcm": {"vr_mode_differs"},
    "test_files/badVR.dcm": {"raw 0028,0008", "bad_value 0028,0008", "media_storage_uid_differs", BAD_REFERENCE},
    "test_files/rtdose.dcm": {"media_storage_uid_differs", BAD_REFERENCE},
    "test_files/rtdose_1frame.dcm": {"media_storage_uid_differs", BAD_REFERENCE},
    "test_files/rtdose_expb.dcm": {"media_storage_uid_differs", BAD_REFERENCE},
    "test_files/rtdose_expb_1frame.dcm": {"media_storage_uid_differs", BAD_REFERENCE},
    "test_files/rtdose_rle.dcm": {BAD_REFERENCE},
    "test_files/rtdose_rle_1frame.dcm": {BAD_REFERENCE},
    "test_files/rtplan.dcm": {"media_storage_uid_differs"},
    "test_files/rtstruct.dcm": {"no_part10_header"},
}


class Seen(NamedTuple):
    """What pydicom's full reading and the bytes say of one instance."""

    path: str
    content: bytes
    header_digest: str
    identity: tuple[str, ...]  # study, series, patient


def looked_at(path: str, content: bytes) -> tuple[str, Seen]:
    """(SOP Instance UID, what is compared), by pydicom alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = io.BytesIO(content)
        dataset = pydicom.dcmread(file, stop_before_pixels=True, force=True)
    digest = hashlib.sha256(content[: file.tell()]).hexdigest()
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "PatientID")
    return str(dataset.SOPInstanceUID), Seen(path, content, digest, tuple(str(dataset.get(k, "")) for k in keywords))


def expected_states() -> dict[str, list[str | None]]:
    """The states of the whole tree as one drop, from the hand-written rejects and from bytes."""
    states: dict[str, list[str | None]] = {}
    instances: dict[str, list[Seen]] = defaultdict(list)
    for path, content in pydicom_files():
        if path == ARCHIVE:
            states[path] = ["container", None]
            path, content = f"{ARCHIVE}!zipMR", gzip.decompress(content)  # its one member
        if path in REJECTED:
            states[path] = ["rejected", REJECTED[path]]
            continue
        uid, seen = looked_at(path, content)
        instances[uid].append(seen)
    for copies in instances.values():
        primary, *others = sorted(copies, key=lambda seen: (seen.header_digest, seen.path.encode()))
        states[primary.path] = ["indexed", None]
        for other in others:
            same = (other.content, other.identity) == (primary.content, primary.identity)
            states[other.path] = ["duplicate" if same else "conflict", None]
    return dict(sorted(states.items()))


@pytest.mark.parametrize(("path", "content"), [pytest.param(*found, id=found[0]) for found in pydicom_files()])
def test_the_verdict_is_the_one_worked_out_by_hand(path: str, content: bytes) -> None:
    reading = read(MemorySource(content))
    assert reading.reason == REJECTED.get(path)
    assert reading.outcome == ("reject" if path in REJECTED else "record")
    # The PET images of TINY_ALPHA had their pixel data taken out to make them small.
    stripped = {"no_pixel_data"} if "/TINY_ALPHA/PT000000/" in path else set()
    assert set(reading.warnings) == WARNINGS.get(path, stripped)
    fell_back = any(warning.startswith("fallback_") for warning in reading.warnings)
    assert reading.parser == (PYDICOM if fell_back else WALKER)


def test_the_committed_truth_is_what_bytes_and_pydicom_say() -> None:
    assert json.loads(TRUTH.read_text()) == expected_states()


def test_the_tree_is_the_one_the_lists_were_written_for() -> None:
    there = [path for path, _ in pydicom_files()]
    assert len(there) == 203
    assert set(REJECTED) | set(WARNINGS) <= set(there)


def test_the_header_digest_is_that_of_the_bytes_before_the_pixel_data() -> None:
    for path, content in pydicom_files():
        if path in REJECTED or path == "test_files/image_dfl.dcm":  # deflated: digested as inflated
            continue
        assert read(MemorySource(content)).header_digest == looked_at(path, content)[1].header_digest, path


def test_the_headers_are_those_of_pydicom() -> None:
    """Element by element against to_json_dict, but for what is meant: group lengths, bulk, padding, null, raw."""
    differing = []
    logging.getLogger("pydicom").disabled = True
    for path, content in pydicom_files():
        if path in REJECTED:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True, force=True)
            theirs = json.loads(json.dumps(dataset.to_json_dict(suppress_invalid_tags=True)))
        ours = json.loads(read(MemorySource(content)).header or "")
        differing += [f"{path} {where}" for where in differences(ours, theirs)]
    logging.getLogger("pydicom").disabled = False
    # IS "1A", and a sequence that pydicom leaves out for a UID it finds ugly.
    assert differing == ["test_files/badVR.dcm 00280008", *(
        f"test_files/{name}.dcm 300C0002"
        for name in ("badVR", "rtdose", "rtdose_1frame", "rtdose_expb", "rtdose_expb_1frame", "rtdose_rle",
                     "rtdose_rle_1frame")
    )]  # fmt: skip


def differences(ours: dict, theirs: dict) -> list[str]:
    """Keys whose elements differ, looking into sequences."""
    found = []
    for key in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(key), theirs.get(key)
        if key.endswith("0000") or (mine and "BulkDataURI" in mine) or plain(mine) == plain(other):
            continue
        if (
            mine
            and other
            and mine["vr"] == other["vr"] == "SQ"
            and len(mine.get("Value", ())) == len(other.get("Value", ()))
        ):
            for inner in zip(mine.get("Value", ()), other.get("Value", ()), strict=True):
                found += [f"{key}.{where}" for where in differences(*inner)]
            continue
        found.append(key)
    return found


def plain(element: dict | None) -> object:
    """An element with the padding inside of lists off and empty values as null."""
    if element is None or element["vr"] == "SQ" or "Value" not in element:
        return element
    return element["vr"], [(v.rstrip(" ") or None) if isinstance(v, str) else v for v in element["Value"]]


if __name__ == "__main__":
    lines = (f"{json.dumps(path)}: {json.dumps(state)}" for path, state in expected_states().items())
    TRUTH.write_text("{\n" + ",\n".join(lines) + "\n}\n")
