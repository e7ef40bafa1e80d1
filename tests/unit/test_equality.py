"""Every element is the one of pydicom's `to_json_dict`, or a named rule says why not and the row says so too."""

from __future__ import annotations

import json
import logging
import struct
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dicomdex.extract.memo import Memo
from dicomdex.extract.promote import promote
from dicomdex.extract.reader import UID, read
from dicomdex.extract.reading import Reading
from tests.factories import (
    BASIC_TEXT_SR,
    BIG_ENDIAN,
    IMPLICIT,
    SEQUENCE_END,
    UNDEFINED,
    MemorySource,
    element,
    identity,
    implicit_element,
    item,
    part10,
    pydicom_files,
)  # fmt: skip
from tests.unit.equality import RULES, Place, explain, places, whole
from tests.unit.made_datasets import ENCODINGS, VRS, Made, in_each, made_files

DATA_SETS = 500
MEMO = Memo()
SR = identity(sop_class=BASIC_TEXT_SR)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    """pydicom warns of every value that is odd, and thousands are."""
    caplog.set_level(logging.CRITICAL, "pydicom")


class Explained(Counter[str]):
    """How often each rule explained a difference; what none explains is kept by its path."""

    def __init__(self) -> None:
        super().__init__()
        self.unexplained: list[str] = []

    def add(self, name: str, content: bytes, reading: Reading) -> None:
        """Compare one record with pydicom's reading, and its columns with its header."""
        said, header = set(reading.warnings), json.loads(reading.header or "")
        columns = promote(header, lambda rule, tag: None)
        self.unexplained += [
            f"{name} {column}" for column, value in columns.items() if reading.columns.get(column) != value
        ]
        for place in places(header, whole(content), content):
            rule = explain(place, said)
            if rule is None:
                self.unexplained.append(f"{name} {place.path} {place.mine} {place.theirs} {sorted(said)}")
            else:
                self[rule] += 1


def test_every_file_that_ships_with_pydicom_reads_as_pydicom_reads_it() -> None:
    found, records = Explained(), 0
    for path, content in pydicom_files():
        reading = read(MemorySource(content))
        if reading.outcome == "record":
            found.add(path, content, reading)
            records += 1
    assert found.unexplained == []
    assert records == 173


QUIETLY = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


def compare(made: Made) -> None:
    """A data set in every encoding, as bytes of our own and as pydicom writes it; a memo changes nothing."""
    found = Explained()
    for file in in_each(made):
        for content in filter(None, (file.content(), file.rewritten())):
            reading = read(MemorySource(content))
            assert (reading.outcome, reading.detail) == ("record", None)
            assert read(MemorySource(content), MEMO) == reading
            found.add(file.encoding.name, content, reading)
    assert found.unexplained == []


@settings(QUIETLY, max_examples=DATA_SETS)
@given(made=made_files())
def test_every_made_file_is_a_record_that_reads_as_pydicom_reads_it(made: Made) -> None:
    compare(made)


@pytest.mark.long
@settings(QUIETLY, max_examples=40 * DATA_SETS)
@given(made=made_files())
def test_twenty_thousand_data_sets_more_read_as_pydicom_reads_them(made: Made) -> None:
    compare(made)


def test_the_made_files_hold_what_they_are_made_for() -> None:
    """All VRs, nesting to 5, every encoding, and what pydicom's writer can write: 2,000 files and more."""
    vrs, depths, written = set(), Counter(), Counter()

    @settings(QUIETLY, max_examples=150)
    @given(made=made_files())
    def look(made: Made) -> None:
        written.update(file.encoding.name for file in in_each(made) if file.rewritten() is not None)
        depth, level = 0, list(made.nodes)
        while level:
            vrs.update(node.vr for node in level)
            level = [node for above in level for nodes in above.items for node in nodes]
            depth += 1
        depths[depth] += 1

    look()
    assert vrs == set(VRS)
    assert len(VRS) == 34
    assert max(depths) == 6  # the top, and five levels of items
    assert len(ENCODINGS) * DATA_SETS >= 2_000
    assert min(written.values()) > 0.8 * 150
    assert len(written) == len(ENCODINGS)


INFINITE = struct.pack("<d", float("inf"))
DESCRIPTOR = struct.pack("<hhh", -1, 0, 16)

# One file for each rule: the name of the rule, the file, the tag it is about.
EXPLAINED = [
    ("a group length is no part of the model", part10(element(0x00080000, "UL", b"\4\0\0\0"), SR), "00080000"),
    ("bulk is a reference to the same bytes", part10(SR, element(0x00282000, "OB", bytes(range(256)) * 5)), "00282000"),
    ("an empty value is null", part10(SR, element(0x00081030, "LO", "A\\\\B")), "00081030"),
    ("trailing padding is no part of a value", part10(SR, element(0x00080060, "CS", "CT \\MR")), "00080060"),
    ("an empty component group is left out", part10(SR, element(0x00100010, "PN", "A^B==C")), "00100010"),
    ("what breaks its VR is kept raw", part10(SR, element(0x00200013, "IS", "2.5")), "00200013"),
    ("what breaks its VR is kept raw", part10(SR, element(0x00200013, "IS", "1A")), "00200013"),
    ("what breaks its VR is kept raw", part10(SR, element(0x00180050, "DS", "NaN")), "00180050"),
    ("what breaks its VR is kept raw", part10(SR, element(0x00189087, "FD", INFINITE)), "00189087"),
    ("what breaks its VR is kept raw", part10(SR, element(0x00186016, "UL", b"\1\2\3\4\5\6")), "00186016"),
    ("what its character set lacks is replaced", part10(SR, element(0x00100010, "PN", b"A\0B^C")), "00100010"),
    ("an empty value among several is null", part10(SR, element(0x00200013, "IS", "1\\\\2")), "00200013"),
    ("an empty value among several is null", part10(SR, element(0x00180050, "DS", "1\\\\2.5")), "00180050"),
    ("an empty value among several is null", part10(SR, element(0x00100010, "PN", "A^B\\")), "00100010"),
    ("a LUT descriptor is what its bytes say", part10(SR, element(0x00283002, "SS", DESCRIPTOR)), "00283002"),
]  # fmt: skip


def implicit_sr(*content: bytes) -> bytes:
    """An implicit VR data set of a structured report."""
    head = implicit_element(0x00080016, BASIC_TEXT_SR) + implicit_element(0x00080018, "1.2.3.4")
    return part10(head + b"".join(content), syntax=IMPLICIT)


def big(*content: bytes) -> bytes:
    """The same in explicit VR big endian."""
    uids = ((0x00080016, BASIC_TEXT_SR), (0x00080018, "1.2.3.4"))
    head = b"".join(element(tag, "UI", uid, order=">") for tag, uid in uids)
    return part10(head + b"".join(content), syntax=BIG_ENDIAN)


SIGNED = implicit_element(0x00280103, struct.pack("<H", 1))
SMALLEST = 0x00280106


def open_sequence(*content: bytes) -> bytes:
    """An implicit sequence of undefined length with one item."""
    return implicit_element(0x00081140, item(*content, undefined=True) + SEQUENCE_END, length=UNDEFINED)


EXPLAINED += [
    ("an open VR is decided without pydicom", implicit_sr(implicit_element(0x00283006, b"\1\2\3\4")), "00283006"),
    (
        "an open VR without a value is either",
        implicit_sr(open_sequence(implicit_element(SMALLEST)), SIGNED),
        "00081140[0].00280106",
    ),
    (
        "an open VR follows the pixel representation",
        implicit_sr(open_sequence(implicit_element(SMALLEST, b"\xff\xff")), SIGNED),
        "00081140[0].00280106",
    ),
    (
        "an open VR follows the pixel representation",
        implicit_sr(open_sequence(implicit_element(SMALLEST, b"\xff\xfe" * 600)), SIGNED),
        "00081140[0].00280106",
    ),
    (
        "a look-up table is words",
        part10(SR, element(0x00283002, "US", struct.pack("<HHH", 1, 0, 16)), element(0x00283006, "UN", b"\1\2")),
        "00283006",
    ),
    (
        "a look-up table is words",
        part10(SR, element(0x54001004, "US", b"\x08\0"), element(0x54001010, "UN", b"\1\2")),
        "54001010",
    ),
    ("inline words are little endian", big(element(0x00281201, "OW", b"\1\2\3\4", order=">")), "00281201"),
]  # fmt: skip


def differing(content: bytes) -> tuple[dict[str, Place], set[str]]:
    """Places that differ from pydicom's reading, by path, and what the row says."""
    reading = read(MemorySource(content))
    assert reading.outcome == "record"
    found = places(json.loads(reading.header or ""), whole(content), content)
    return {place.path: place for place in found}, set(reading.warnings)


@pytest.mark.parametrize(("rule", "content", "path"), EXPLAINED)
def test_a_difference_has_its_rule_and_what_pydicom_loses_its_warning(rule: str, content: bytes, path: str) -> None:
    found, said = differing(content)
    assert list(found) == [path]
    assert explain(found[path], said) == rule
    warned = next(known.warned for known in RULES if known.name == rule)
    tag = found[path].tag
    assert warned is None or f"{warned} {tag >> 16:04x},{tag & 0xFFFF:04x}" in said


def test_every_rule_has_a_file_that_needs_it() -> None:
    assert {rule for rule, _, _ in EXPLAINED} == {rule.name for rule in RULES}


def test_a_value_of_another_meaning_is_not_explained() -> None:
    place = Place("00081030", 0x00081030, {"vr": "LO", "Value": ["A"]}, {"vr": "LO", "Value": ["B"]}, b"B ", True, b"")
    assert explain(place, {"raw 0008,1030", "charset 0008,1030", "pydicom_differs 0008,1030"}) is None
    kept = place._replace(mine={"vr": "UN", "InlineBinary": "QSA="})
    assert explain(kept, {"raw 0008,1030"}) is None
    assert explain(kept._replace(mine={"vr": "UN", "InlineBinary": "QiA="}), set()) is None


def test_a_valid_uid_is_never_missing_from_what_pydicom_reads_whole() -> None:
    """The issue's own sentence, over pydicom's files: read whole, with SOP Class and Instance UID, is a record."""
    for path, content in pydicom_files():
        try:
            dataset = whole(content)
        except Exception:  # noqa: BLE001, S112 - what pydicom can't read is not asked for
            continue
        if UID(str(dataset.get("SOPInstanceUID", ""))) and "SOPClassUID" in dataset and "truncated" not in path:
            assert read(MemorySource(content)).outcome == "record", path
