"""The memo decides about the time a file takes, and about nothing else."""

from __future__ import annotations

import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicomdex.extract.doubt import Doubt
from dicomdex.extract.memo import Memo
from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading
from tests.factories import (
    BIG_ENDIAN,
    IMPLICIT,
    SEQUENCE_END,
    UNDEFINED,
    MemorySource,
    element,
    identity,
    image,
    implicit_element,
    item,
    part10,
    place,
    pydicom_files,
)  # fmt: skip
from tests.unit.walking import same_or_doubted, walked

FILES = [content for _, content in pydicom_files() if len(content) < 600_000]


def reading(content: bytes, memo: Memo | None = None) -> Reading:
    return read(MemorySource(content), memo)


@pytest.mark.parametrize("seed", range(3))
def test_pydicoms_files_in_any_order_are_read_as_without_a_memo(seed: int) -> None:
    memo = Memo()
    files = FILES * 5
    random.Random(seed).shuffle(files)
    for content in files:
        assert reading(content, memo) == reading(content)


def instance(number: int, *more: bytes, name: bytes = b"A^B", charset: str = "ISO_IR 100") -> bytes:
    """One of a series: what varies has the number in it."""
    uid = f"1.2.{number}"
    names = element(0x00080005, "CS", charset)
    patient = element(0x00100010, "PN", name) + element(0x00180050, "DS", f"{number}.5")
    rest = element(0x00200013, "IS", str(number)) + element(0x00204000, "LT", name)
    return part10(names, identity(uid), patient, place()[10:], rest, *more, image(), sop=uid)


def test_a_series_is_taken_in_few_steps_from_its_third_file_on() -> None:
    memo = Memo()
    for number in (1, 2):
        reading(instance(number), memo)
    (template,) = memo._series.values()
    assert template.plan is not None
    (segment,) = template.plan.segments
    assert [step.tag for step in segment.steps] == [0x00080018, 0x00180050, 0x00200013]
    misses = memo.misses
    assert reading(instance(3), memo) == reading(instance(3))
    assert memo.misses == misses + 3


@pytest.mark.parametrize("group", [b"\x12\0", b"\x18\0", b"\x28\0"])
@pytest.mark.parametrize("rows", [4, 5])
def test_what_is_out_of_order_behind_an_element_that_was_another_in_the_plan_is_in_doubt(
    group: bytes, rows: int
) -> None:
    """The plan goes on behind a sequence that varies, whatever its tag has become."""
    memo = Memo()
    for number in (1, 2, 3):
        reading(with_reference(number), memo)
    other = with_reference(4, rows).replace(b"\x08\0\x40\x11", group + b"\x40\x11")
    assert reading(other, memo) == reading(other)
    assert any(warning.startswith("fallback_order") for warning in reading(other).warnings)


def with_reference(number: int, rows: int = 4) -> bytes:
    """One of a series, with a sequence in which the number is."""
    uid = f"1.2.{number}"
    reference = element(0x00081140, "SQ", item(element(0x00081155, "UI", uid)))
    return part10(identity(uid), reference, place(), image(rows), sop=uid)


def test_elements_of_another_series_are_known() -> None:
    memo = Memo()
    reading(instance(1), memo)
    misses = memo.misses
    other = instance(1).replace(b"1.2.3.1", b"1.2.3.9")
    assert reading(other, memo) == reading(other)
    assert memo.misses == misses + 1  # its UID


def test_a_known_series_is_taken_by_its_plan_and_counted() -> None:
    memo = Memo()
    for number in range(1, 4):
        reading(instance(number), memo)
    (template,) = memo._series.values()
    assert template.plan is not None
    assert [len(segment.steps) for segment in template.plan.segments] == [3]
    for number in (4, 55, 6_666):  # their lengths differ
        assert reading(instance(number), memo) == reading(instance(number))
    assert template.strayed == 1  # the third, which it is made of
    assert (memo.hits, memo.misses) == (50, 28)  # 3 of 13 elements vary; the first file has to be converted


def test_an_element_that_begins_to_vary_or_goes_missing_is_noticed() -> None:
    memo = Memo()
    for number in range(1, 4):
        reading(instance(number), memo)
    late = instance(4, name=b"OTHER^ONE")
    short = instance(5).replace(element(0x00180050, "DS", "5.5"), b"")
    more = instance(6, element(0x00209158, "LT", "NEW"))
    for content in (late, short, more, late, instance(7), short, more):
        assert reading(content, memo) == reading(content)


def test_the_same_bytes_in_another_character_set_are_other_text() -> None:
    memo = Memo()
    for _ in range(5):
        for charset in ("ISO_IR 100", "ISO_IR 192", "ISO_IR 144", "ISO_IR 999", ""):
            content = instance(1, name="é".encode(), charset=charset)
            assert reading(content, memo) == reading(content)


def test_the_same_bytes_of_another_creator_or_sign_are_other_values() -> None:
    memo = Memo()
    for _ in range(5):
        for creator in ("GEMS_IDEN_01", "SIEMENS MED", "NOBODY"):
            for signed in (0, 1):
                content = implicit_element(0x00080018, "1.2") + implicit_element(0x00090010, creator)
                content += implicit_element(0x00091001, "GE") + implicit_element(0x0020000E, "1.2.3")
                content += implicit_element(0x00280103, struct.pack("<H", signed))
                content += implicit_element(0x00280106, b"\xff\xff")
                whole = part10(content, syntax=IMPLICIT, sop="1.2")
                assert reading(whole, memo) == reading(whole)


def test_offsets_of_bulk_values_are_those_of_each_file() -> None:
    memo = Memo()
    for number in (1, 22, 333, 4444):
        inside = item(element(0x00211012, "OB", bytes(2_000)))
        bulk = element(0x00211010, "OB", bytes(2_000)) + element(0x00211011, "SQ", inside)
        content = instance(number, bulk)
        assert reading(content, memo) == reading(content)


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG_ENDIAN])
def test_a_series_in_another_encoding_is_taken_by_a_plan_too(syntax: str) -> None:
    order = "<" if syntax == IMPLICIT else ">"

    def written(tag: int, vr: str, value: bytes | str) -> bytes:
        return implicit_element(tag, value) if syntax == IMPLICIT else element(tag, vr, value, order=order)

    memo = Memo()
    for number in (1, 22, 333, 4_444, 55_555, 6):
        uid, size = f"1.2.{number}", struct.pack(order + "H", number % 999)
        content = part10(
            written(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7"), written(0x00080018, "UI", uid),
            written(0x00180050, "DS", f"{number}.5"), written(0x0020000E, "UI", "1.2.3"),
            written(0x00280107, "US", size), written(0x00281050, "DS", f"{number}\\7"),
            written(0x00281052, "DS", "1"), written(0x00700020, "IS", str(number)),
            syntax=syntax, sop=uid,
        )  # fmt: skip
        assert reading(content, memo) == reading(content)
        assert reading(content).outcome == "record"
    (template,) = memo._series.values()
    assert template.plan is not None


def test_long_elements_that_vary_are_taken_by_a_plan() -> None:
    memo = Memo()
    for number in range(1, 9):
        words = struct.pack("<H", number) * 8
        long = element(0x00211010, "OB", words) + element(0x00211011, "OB", words * 100)
        content = instance(number, element(0x00210010, "LO", "NOBODY"), long, element(0x00211020, "UC", "x" * number))
        assert reading(content, memo) == reading(content)
    (template,) = memo._series.values()
    assert template.plan is not None
    assert len(template.plan.segments) == 1


def test_what_was_warned_of_is_warned_of_every_time() -> None:
    memo = Memo()
    for number in range(1, 6):
        found = reading(instance(number, element(0x00280008, "IS", "1,5")), memo)
        assert {"raw 0028,0008", "bad_value 0028,0008"} <= set(found.warnings)


def test_a_memo_stays_within_its_bound_and_goes_on_giving_the_truth() -> None:
    memo = Memo(bytes_max=60_000)
    for number in range(1, 300):
        content = instance(number).replace(b"1.2.3.1", b"1.2.%03d" % (number % 200))
        assert reading(content, memo) == reading(content)
        assert memo.bytes <= 60_000


def test_a_header_longer_than_the_first_read_is_taken_too() -> None:
    memo = Memo()
    long = b"".join(element(0x00211000 + n, "LO", "x" * 300) for n in range(16, 200))
    for number in range(1, 5):
        content = instance(number, element(0x00210010, "LO", "NOBODY"), long)
        assert reading(content, memo) == reading(content)


def test_items_of_the_same_bytes_are_not_the_same_everywhere() -> None:
    """Neither by another length, nor in another character set, nor with another sign, nor where they are warned of."""
    code, name = element(0x00080100, "SH", "A" * 40), element(0x00080104, "LO", "é".encode())
    sign, smallest = element(0x00280103, "US", b"\1\0"), element(0x00280106, "UN", b"\xff\xff")
    inner = element(0x00289001, "SQ", item(smallest))
    deeper = item(sign, inner), item(inner), item(code), item(code, undefined=True), item(code, name, undefined=True)
    contents = [
        instance(1, element(0x00321064, "SQ", b"".join(some)), charset=charset)
        for charset in ("ISO_IR 100", "ISO_IR 192")
        for some in (deeper, deeper[::-1], (item(code[:-2] + b"B "),), (item(code + name), *deeper))
    ]
    cut = contents[0].index(code) + 30
    contents.append(contents[0][:cut])
    memo = Memo()
    for content in contents * 3:
        assert reading(content, memo) == reading(content)


def test_items_that_come_again_are_known_and_forgotten_where_they_are_too_many() -> None:
    memo = Memo(known_max=100_000)
    for number in range(300):
        same = item(element(0x00080100, "SH", "SAME"))
        other = item(element(0x00080100, "SH", f"{number}"), undefined=bool(number % 2))
        content = instance(number + 1, element(0x00321064, "SQ", same + other))
        assert reading(content, memo) == reading(content)
        assert 0 < len(memo.items) < 90


TAGS = st.sampled_from(
    [
        (0x00080060, "CS"), (0x00081030, "LO"), (0x00090010, "LO"), (0x00091001, "UN"), (0x00091010, "OB"),
        (0x00091011, "OB"), (0x00091012, "UT"), (0x00100010, "PN"),
        (0x00180050, "DS"), (0x0020000E, "UI"), (0x00200013, "IS"), (0x00280010, "US"),
        (0x00280103, "US"), (0x00280107, "UN"), (0x00321064, "SQ"), (0x00400009, "AT"), (0x00400260, "SQ"),
    ]
)  # fmt: skip
VALUES = st.sampled_from(
    [b"", b"1", b"2 ", b"1.2", b"\xe9t\xe9", b"A\\B", b"\1\0", b"\0\0", b"GEMS_IDEN_01", b"x" * 1_100]
)
CHARSETS = st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", "\\ISO 2022 IR 87", "nonsense"])


INNER = st.sampled_from(
    [
        (0x00080005, "CS"), (0x00080100, "SH"), (0x00090010, "LO"), (0x00091001, "UN"), (0x00091010, "OB"),
        (0x00281041, "UN"), (0x00280103, "US"), (0x00280106, "UN"), (0x00281050, "DS"),
    ]
)  # fmt: skip


@st.composite
def sequences(draw: st.DrawFn, tag: int, depth: int = 0) -> bytes:
    """A sequence of few different items, of known and of undefined length."""
    written = []
    for _ in range(draw(st.integers(0, 3))):
        parts = {inner: element(inner, vr, draw(VALUES)) for inner, vr in draw(st.lists(INNER, max_size=3))}
        if depth < 2 and draw(st.booleans()):
            parts[0x00280009] = draw(sequences(0x00280009, depth + 1))
        written.append(item(*(parts[inner] for inner in sorted(parts)), undefined=draw(st.booleans())))
    undefined = draw(st.booleans())
    return element(tag, "SQ", b"".join(written) + SEQUENCE_END * undefined, length=UNDEFINED if undefined else None)


@st.composite
def small_files(draw: st.DrawFn) -> bytes:
    """A file of few tags and few values, so that many of them share elements and differ in what stands around."""
    names, uid = element(0x00080005, "CS", draw(CHARSETS)), identity(f"1.2.{draw(st.integers(0, 2))}")
    series = element(0x0020000E, "UI", draw(st.sampled_from(["1.2.3", "1.2.3", "1.2.4"])))
    parts = {0x00080005: names, 0x00080016: uid, 0x0020000E: series}
    for tag, vr in draw(st.lists(TAGS, max_size=9)):
        parts[tag] = draw(sequences(tag)) if vr == "SQ" else element(tag, vr, draw(VALUES))
    return part10(*(parts[tag] for tag in sorted(parts)))


@settings(derandomize=True, deadline=None, database=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.lists(small_files(), min_size=2, max_size=8))
def test_files_that_share_elements_never_share_what_stands_around_them(files: list[bytes]) -> None:
    memo = Memo()
    for content in files * 5:
        ours, alone = walked(content, memo), walked(content)
        if isinstance(alone, Doubt):
            assert isinstance(ours, Doubt)
        else:
            assert isinstance(ours, Reading)
            assert ours._replace(columns={}) == alone._replace(columns={})
            assert ours.columns == alone.columns
    for content in files:
        same_or_doubted(content, memo)
