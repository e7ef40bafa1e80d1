"""The reading bench: the mix it reads is what it says, and its arithmetic is right."""

from __future__ import annotations

import io
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pydicom
import pytest
from rich.console import Console

from dicomdex.extract.reader import read
from tests.bench.mix import mix_files, planned, write_mix
from tests.bench.mix_kinds import KINDS, Kind
from tests.bench.mix_series import Series, make_series
from tests.bench.read_corpus import Census, Corpus, CountingSource, take_census
from tests.bench.read_end_to_end import Runs
from tests.bench.read_methods import Method
from tests.bench.read_report import end_to_end_rows, memory_line, report
from tests.bench.read_seconds import SLICE, Spent, measure
from tests.factories import MemorySource, identity, part10

EVERY_SOURCE = [
    pytest.param(kind, place, id=f"{kind.name}-{place}") for kind in KINDS for place in range(len(kind.sources))
]


def whole(series: Series, place: int) -> bytes:
    """An instance with the zeros that the hole of its file reads as."""
    return series.instance(place) + bytes(series.hole)


def by_pydicom(content: bytes) -> dict[str, Any]:
    """The header as pydicom writes it."""
    dataset = pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
    return json.loads(json.dumps(dataset.to_json_dict()))


def leaves(header: dict[str, Any], above: str = "") -> dict[str, str]:
    """(tag path) -> value of every element, those in sequences too."""
    found: dict[str, str] = {}
    for tag, element in header.items():
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", ())):
                found |= leaves(item, f"{above}{tag}[{number}].")
        else:
            found[above + tag] = json.dumps(element, sort_keys=True)
    return found


def plain(node: Any) -> Any:
    """JSON without the padding inside of lists, and with empty values and empty lists as what is not there."""
    if isinstance(node, dict):
        pairs = {key: plain(value) for key, value in node.items()}
        return {key: value for key, value in pairs.items() if value not in (None, [])}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return (node.rstrip(" ") or None) if isinstance(node, str) else node


def without_bulk(header: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """A header without the elements that ours only refers to, in sequences too."""
    kept: dict[str, Any] = {}
    for tag, element in header.items():
        mine = ours.get(tag, {})
        if element["vr"] == "SQ" and "Value" in element:
            pairs = zip(element["Value"], mine.get("Value", ()), strict=True)
            kept[tag] = {"vr": "SQ", "Value": [without_bulk(*pair) for pair in pairs]}
        elif "BulkDataURI" not in mine:
            kept[tag] = element
    return kept


def test_the_mix_has_the_shares_it_states_and_three_hundred_series() -> None:
    plan = planned(3_000)
    assert Counter(file.kind.name for file in plan) == {kind.name: 30 * kind.percent for kind in KINDS}
    assert len({(file.kind.name, file.series) for file in plan}) == 300
    assert len({(file.kind.name, file.series, file.place) for file in plan}) == 3_000


def test_neighbours_in_the_mix_are_mostly_of_different_series() -> None:
    plan = planned(3_000)
    same = sum(one.kind is two.kind and one.series == two.series for one, two in pairwise(plan))
    assert same < 30


def test_the_mean_header_is_of_the_size_it_states() -> None:
    mean = sum(len(make_series(kind, 0).header) * kind.percent / 100 for kind in KINDS)
    assert 11_500 < mean < 12_500


def test_the_mix_is_the_same_every_time() -> None:
    first, again = ([(path, series.instance(file.place)) for path, file, series in mix_files(40)] for _ in range(2))
    assert first == again


@pytest.mark.parametrize(("kind", "place"), EVERY_SOURCE)
def test_at_least_25_elements_differ_from_each_instance_of_a_series_to_the_next(kind: Kind, place: int) -> None:
    series = make_series(kind, place)
    one, two = (leaves(by_pydicom(whole(series, number))) for number in (0, 1))
    assert one.keys() == two.keys()
    assert sum(one[tag] != two[tag] for tag in one) >= 25


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_series_differ_in_patient_study_dates_and_equipment(kind: Kind) -> None:
    step = 2 * len(kind.sources)  # another study, made of the same file
    one, two = (by_pydicom(whole(make_series(kind, number), 0)) for number in (0, step))
    tags = ("00100010", "00100020", "0020000D", "0020000E", "00080020", "00080050", "00081010", "00181000")
    assert [tag for tag in tags if one[tag] == two[tag]] == []


@pytest.mark.parametrize(("kind", "place"), EVERY_SOURCE)
def test_every_file_is_a_record_without_warnings_and_reads_as_pydicom_reads_it(kind: Kind, place: int) -> None:
    for number in range(place, kind.series, max(6, kind.series // 8) // 2 * 2):
        content = whole(make_series(kind, number), number)
        reading = read(MemorySource(content))
        assert (reading.outcome, reading.warnings) == ("record", ())
        ours = json.loads(reading.header or "")
        assert plain(without_bulk(ours, ours)) == plain(without_bulk(by_pydicom(content), ours))


def test_files_are_as_long_as_their_pixel_data_says_and_lie_in_order(tmp_path: Path) -> None:
    paths = write_mix(tmp_path, 60)
    assert paths == sorted(paths) == sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.dcm"))
    for path, (expected, file, series) in zip(paths, mix_files(60), strict=True):
        assert path == expected
        assert (tmp_path / path).stat().st_size == len(series.instance(file.place)) + series.hole


class CountingMemo:
    """A memo that knew 9 of 10 elements, and was asked for 100."""

    hits, misses = 90, 10


def test_every_method_reads_its_files_of_every_round_and_starts_fresh(tmp_path: Path) -> None:
    paths = tuple(f"{number:03d}" for number in range(2 * SLICE + 20))
    read_by: dict[str, list[str]] = {"all": [], "some": []}
    starts: Counter[str] = Counter()

    def starting(name: str, memo: Any) -> Any:
        def start(_corpus: Corpus) -> Any:
            starts[name] += 1
            return read_by[name].append, memo

        return start

    methods = [Method("all", starting("all", CountingMemo())), Method("some", starting("some", None), every=SLICE)]
    spent = measure(Corpus("made", tmp_path, paths), methods, rounds=2)
    assert read_by["all"] == [*paths, *paths]
    assert read_by["some"] == 2 * [paths[0], paths[SLICE], paths[2 * SLICE]]
    assert [spent[name].files for name in ("all", "some")] == [2 * len(paths), 6]
    assert starts == {"all": 2, "some": 2}
    assert (spent["all"].hit_rate, spent["some"].hit_rate) == (90.0, None)


def test_a_rate_is_files_by_cpu_seconds() -> None:
    assert Spent(files=300, seconds=1.5).rate == 200.0
    assert Spent().rate == 0.0


def test_bytes_are_those_that_were_asked_of_the_storage() -> None:
    census = Census()
    source = CountingSource(MemorySource(bytes(100)), census)
    assert (len(source.read_at(0, 60)), len(source.read_at(90, 60))) == (60, 10)
    assert (census.bytes_read, census.reads) == (70, 2)


def test_the_census_counts_what_is_rejected_and_no_reject_as_fallback(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(part10(identity()))
    (tmp_path / "b.txt").write_bytes(b"no DICOM" * 100)
    census = take_census(Corpus("made", tmp_path, ("a.dcm", "b.txt")))
    assert (census.files, census.rejects) == (2, {"not_dicom": 1})
    assert census.fell_back <= 1


def figures(**changes: Any) -> dict[str, Any]:
    """Figures of a mix that meets every bar."""
    rates = {"pydicom": 1.0, "memo off": 9.0, "memo on": 26.0}
    methods = {
        name: {"files_per_cpu_s": 100 * times, "times_pydicom": times, "memo_hits_percent": None}
        for name, times in (rates | changes.pop("times", {})).items()
    }
    return {
        "corpus": "mix", "files": 10, "left_out": 0, "to_json_dict_raises": 0, "methods": methods,
        "fallback_percent": 0.5, "fallback_rules": {}, "rejects": {}, "bytes_read_per_file": 16_384,
        "reads_per_file": 1.0, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        (figures(), []),
        (figures(times={"memo on": 24.0}), ["memo on"]),
        (figures(times={"memo off": 7.9}), ["memo off"]),
        (figures(corpus="pydicom's files", times={"memo on": 9.0, "memo off": 1.0}, fallback_percent=9.0), []),
        (figures(fallback_percent=1.5, fallback_rules={"fallback_charset": 3}), ["fell back"]),
    ],
)
def test_the_report_names_what_misses_its_bar(found: dict[str, Any], missed: list[str]) -> None:
    console = Console(file=io.StringIO(), width=120)
    report({"corpora": [found], "missing": ["dcm2json: DCMTK is not installed"]}, console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line for line in lines if "MISSED" in line and not any(name in line for name in missed)] == []
    assert sum("MISSED" in line for line in lines) == len(missed)
    assert "not measured: dcm2json: DCMTK is not installed" in lines


def test_runs_are_compared_by_the_median_of_the_clock() -> None:
    one = Runs(100, wall=[9.0, 2.0, 2.5, 1.0, 2.0], cpu=[1.0, 1.0, 4.0])
    two = Runs(100, wall=[1.0, 1.6, 1.0, 0.2, 7.0], cpu=[2.0])
    rows = end_to_end_rows({"1": one.as_json(), "2": two.as_json()})
    assert rows == [("1", "50", "1.00 x", "", "100"), ("2", "100", "2.00 x", ">= 1.5", "50")]


@pytest.mark.parametrize(("last", "missed"), [(100, False), (120, False), (121, True)])
def test_memory_is_flat_when_it_grows_by_no_more_than_a_fifth(last: int, missed: bool) -> None:
    assert memory_line({"1000": 100, "50000": last}).endswith("MISSED") is missed
