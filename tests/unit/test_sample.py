"""The generated hospital: the same bytes each time, varied, odd, and known file by file."""

from __future__ import annotations

import io
import tarfile
import warnings
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from dicomdex.attributes import ATTRIBUTES
from dicomdex.entry import escape
from dicomdex_local.sample_hospital import Truth, hospital_files, write_hospital
from dicomdex_local.sample_studies import CANARY, GIVEN_NAMES

SECOND, THIRD = date(2026, 1, 2), date(2026, 1, 3)
INSTANCES = 300


def files_below(directory: Path) -> dict[str, bytes]:
    """Every file's bytes by escaped path, relative to the directory."""
    return {
        escape(bytes(path.relative_to(directory))): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


def read(content: bytes) -> FileDataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(io.BytesIO(content))


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module")
def truth(landing: Path) -> Truth:
    """Two drops in the landing area, and what becomes of their files."""
    second = write_hospital(landing / "2026-01-02", instances=INSTANCES, day=SECOND)
    third = write_hospital(landing / "2026-01-03", instances=INSTANCES, day=THIRD, previous=SECOND)
    return {**second, **third}


def unpacked(files: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Every file, and the members of archives as `path!member`; a name that comes again as `name#2`."""
    for path, content in files.items():
        yield path, content
        if path.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = Counter[str]()
                for info in archive.infolist():
                    names[info.filename] += 1
                    number = f"#{names[info.filename]}" if names[info.filename] > 1 else ""
                    yield f"{path}!{info.filename}{number}", archive.read(info)
        if path.endswith(".tar.gz"):
            with tarfile.open(fileobj=io.BytesIO(content)) as archive:
                for info in archive:
                    file = archive.extractfile(info) if info.isreg() else None
                    yield f"{path}!{info.name}", file.read() if file else b""


@pytest.fixture(scope="module")
def contents(landing: Path, truth: Truth) -> dict[str, bytes]:
    return dict(unpacked(files_below(landing)))


@pytest.fixture(scope="module")
def records(truth: Truth, contents: dict[str, bytes]) -> dict[str, FileDataset]:
    """What pydicom reads of every file that is not rejected or ignored."""
    readable = ("indexed", "duplicate", "conflict")
    return {path: read(contents[path]) for path, (state, _) in truth.items() if state in readable}


@pytest.fixture(scope="module")
def indexed(truth: Truth, records: dict[str, FileDataset]) -> dict[str, FileDataset]:
    return {path: records[path] for path in with_state(truth, "indexed")}


def with_state(truth: Truth, state: str) -> Iterator[str]:
    return (path for path, (found, _) in truth.items() if found == state)


def values_of(dataset: FileDataset) -> dict[str, str]:
    """Top-level elements of non-private tags as text; bad values as they are in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        elements = (dataset.get_item(tag) for tag in list(dataset.keys()) if not tag.is_private)
        return {str(element.tag): repr(element.value) for element in elements if element is not None}


def test_two_runs_write_the_same_bytes_and_another_seed_writes_others(
    tmp_path: Path, landing: Path, truth: Truth
) -> None:
    again = write_hospital(tmp_path / "2026-01-03", instances=INSTANCES, day=THIRD, previous=SECOND)
    other = write_hospital(
        tmp_path / "x", key="2026-01-03", seed="other", instances=INSTANCES, day=THIRD, previous=SECOND
    )
    assert again == {path: state for path, state in truth.items() if path.startswith("2026-01-03/")}
    assert other != again
    assert files_below(tmp_path / "2026-01-03") == files_below(landing / "2026-01-03")


def test_the_truth_covers_every_file_exactly(truth: Truth, contents: dict[str, bytes]) -> None:
    assert set(truth) == set(contents)


def test_each_drop_indexes_as_many_distinct_uids_as_it_was_asked_for(indexed: dict[str, FileDataset]) -> None:
    uids = defaultdict(set)
    for path, dataset in indexed.items():
        uids[path.partition("/")[0]].add(dataset.SOPInstanceUID)
    assert {key: len(found) for key, found in uids.items()} == {
        "2026-01-02": INSTANCES,
        "2026-01-03": INSTANCES,
    }
    assert not uids["2026-01-02"] & uids["2026-01-03"]


def test_every_copy_repeats_the_uid_of_an_indexed_file(
    truth: Truth,
    records: dict[str, FileDataset],
    indexed: dict[str, FileDataset],
    contents: dict[str, bytes],
) -> None:
    primaries = {dataset.SOPInstanceUID: contents[path] for path, dataset in indexed.items()}
    for path in [*with_state(truth, "duplicate"), *with_state(truth, "conflict")]:
        same = contents[path] == primaries[records[path].SOPInstanceUID]
        assert same == (truth[path][0] == "duplicate"), path


def test_copies_lie_within_a_drop_and_across_drops(truth: Truth) -> None:
    where = {
        state: Counter(path.partition("/")[0] for path in with_state(truth, state))
        for state in ("duplicate", "conflict")
    }
    assert where["duplicate"]["2026-01-02"] >= 3
    assert where["conflict"]["2026-01-02"] >= 5
    assert where["duplicate"]["2026-01-03"] == where["duplicate"]["2026-01-02"] + 2
    assert where["conflict"]["2026-01-03"] == where["conflict"]["2026-01-02"] + 3


def test_a_conflict_lies_in_the_pixels_alone_in_the_header_and_under_another_patient(
    truth: Truth, records: dict[str, FileDataset], indexed: dict[str, FileDataset]
) -> None:
    primaries = {dataset.SOPInstanceUID: dataset for dataset in indexed.values()}
    kinds = set()
    for path in with_state(truth, "conflict"):
        copy, primary = records[path], primaries[records[path].SOPInstanceUID]
        patients = copy.PatientID != primary.PatientID
        kinds.add((patients, copy.DerivationDescription == primary.DerivationDescription))
    assert kinds == {(False, True), (False, False), (True, True)}


def test_a_study_is_spread_over_both_days_with_a_series_that_goes_on(
    indexed: dict[str, FileDataset],
) -> None:
    days = defaultdict(set)
    for path, dataset in indexed.items():
        days["study", dataset.StudyInstanceUID].add(path[:10])
        days["series", dataset.SeriesInstanceUID].add(path[:10])
    both = Counter(level for (level, _), found in days.items() if len(found) == 2)
    assert both == {"study": 1, "series": 1}


def test_a_series_belongs_to_one_study_and_a_study_to_one_patient(indexed: dict[str, FileDataset]) -> None:
    studies, patients = defaultdict(set), defaultdict(set)
    for dataset in indexed.values():
        studies[dataset.SeriesInstanceUID].add(dataset.StudyInstanceUID)
        patients[dataset.StudyInstanceUID].add((dataset.PatientID, str(dataset.PatientName)))
    assert {len(found) for found in studies.values()} == {1}
    assert {len(found) for found in patients.values()} == {1}
    assert max(Counter(next(iter(found)) for found in studies.values()).values()) >= 4


def test_at_least_25_attributes_vary_inside_one_series(indexed: dict[str, FileDataset]) -> None:
    series = defaultdict(list)
    for dataset in indexed.values():
        series[dataset.SeriesInstanceUID].append(values_of(dataset))
    varying = {
        uid: sum(len({values.get(tag) for values in members}) > 1 for tag in members[0])
        for uid, members in series.items()
    }
    assert max(varying.values()) >= 25


def test_at_least_40_promoted_attributes_vary_over_a_drop(indexed: dict[str, FileDataset]) -> None:
    seen = defaultdict(set)
    for dataset in indexed.values():
        found = values_of(dataset)
        for attribute in ATTRIBUTES:
            tag = f"({attribute.tag >> 16:04X},{attribute.tag & 0xFFFF:04X})".lower()
            if tag in found:
                seen[attribute.keyword].add(found[tag])
    assert sum(len(values) >= 3 for values in seen.values()) >= 40


def test_every_patient_name_holds_the_canary_and_every_character_set_is_read_back(
    indexed: dict[str, FileDataset],
) -> None:
    names = {str(dataset.PatientName) for dataset in indexed.values()}
    given = {name for _, name in GIVEN_NAMES}
    assert all(name.startswith(f"{CANARY}^") for name in names)
    assert {name.removeprefix(f"{CANARY}^") for name in names} <= given
    assert len(names) >= 6


def test_ids_accession_numbers_and_descriptions_hold_the_canary(indexed: dict[str, FileDataset]) -> None:
    for dataset in indexed.values():
        assert CANARY in dataset.PatientID
        assert CANARY in dataset.AccessionNumber
        assert CANARY in dataset.StudyDescription
        assert CANARY in dataset.SeriesDescription


def test_rejected_files_are_cut_empty_text_or_a_dicomdir(truth: Truth, contents: dict[str, bytes]) -> None:
    reasons = Counter(truth[path][1] for path in with_state(truth, "rejected"))
    assert reasons == {"truncated": 6, "not_dicom": 6, "empty": 2, "dicomdir": 2, "not_regular": 2}
    for path in with_state(truth, "rejected"):
        is_dicom = contents[path][128:132] == b"DICM"
        assert is_dicom == (truth[path][1] in ("truncated", "dicomdir"))
    assert {truth[path][1] for path in with_state(truth, "ignored")} == {"temporary", "dotfile"}


def test_names_hold_spaces_quotes_newlines_and_bytes_that_are_no_utf_8(truth: Truth) -> None:
    names = " ".join(path.rpartition("/")[2] for path in truth if path.startswith("2026-01-02/"))
    for part in ("with spaces", 'it\'s "quoted" $(id)', "two%0Alines", "%E9t%E9 and %FF.dcm", "漢字", "-rf"):
        assert part in names
    assert "100%2525 %25FF.dcm" in names
    assert f"{CANARY}^JOHN" in names


def test_without_odd_files_there_is_nothing_but_plainly_named_instances() -> None:
    files = list(hospital_files(instances=INSTANCES, day=SECOND, odd=False))
    assert {(file.state, file.reason) for file in files} == {("indexed", None)}
    assert len({file.path for file in files}) == INSTANCES
    assert all(file.path.isascii() and b" " not in file.path for file in files)


def test_every_sop_class_is_written_with_its_own_file_meta_information(
    indexed: dict[str, FileDataset],
) -> None:
    for dataset in indexed.values():
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert dataset.file_meta.MediaStorageSOPClassUID == dataset.SOPClassUID
    assert len({dataset.SOPClassUID for dataset in indexed.values()}) >= 4
    assert len({dataset.file_meta.TransferSyntaxUID for dataset in indexed.values()}) >= 4
