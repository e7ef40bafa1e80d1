"""Files with a few bytes changed: no exception, legal JSON, and one answer whoever reads them."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator

import orjson
import pydicom
import pytest

from dicomdex.extract.fallback import read_scanned
from dicomdex.extract.memo import Memo
from dicomdex.extract.part10 import open_frame
from dicomdex.extract.reader import PYDICOM, UID, WALKER, read
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import REASONS
from dicomdex.extract.window import Window
from tests.factories import CT_IMAGE, MemorySource, element, identity, image, part10, place, pydicom_files
from tests.unit.mutated import mutations

SEED = 20260103
SHORT, LONG = 2_000, 200_000
DIRECTORY = "1.2.840.10008.1.3.10"
COUNTS = [SHORT, pytest.param(LONG, marks=pytest.mark.long)]


def read_by_pydicom(content: bytes) -> Reading:
    """The record as the fallback reads it, which the walker has to match."""
    frame = open_frame(Window(MemorySource(content)))
    return read_scanned(frame, frame.scan(), PYDICOM)


def without_reader(reading: Reading) -> Reading:
    """A reading but for who read it, and why not the other."""
    said = tuple(warning for warning in reading.warnings if not warning.startswith("fallback_"))
    columns = {name: value for name, value in reading.columns.items() if name != "tags_present"}
    return reading._replace(parser=None, warnings=said, columns=columns)


def files(count: int) -> Iterator[bytes]:
    """pydicom's files as they are, then mutated."""
    yield from (content for _, content in pydicom_files())
    yield from mutations(SEED, count)


@pytest.mark.parametrize("count", COUNTS)
def test_whatever_byte_is_changed_a_file_ends_in_a_verdict_and_legal_json(count: int) -> None:
    for content in files(count):
        reading = read(MemorySource(content))
        if reading.outcome == "record":
            orjson.loads(reading.header or "")
            assert UID(reading.columns["sop_instance_uid"])
        else:
            assert (reading.outcome, reading.reason in REASONS) == ("reject", True)
            assert reading.reason != "crashed"
        assert "fallback_defect" not in reading.warnings


def test_reading_warns_and_prints_nothing_since_it_would_be_of_values(capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for content in files(500):
            read(MemorySource(content))
        for content in (part10(identity(sop_class="1.2.ZZCANARY")), identity(sop_class="1.2.ZZCANARY") + place()):
            read(MemorySource(content))
    assert [str(warning.message) for warning in warned] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("count", COUNTS)
def test_the_walker_gives_what_the_fallback_gives(count: int) -> None:
    walked = 0
    for content in files(count):
        reading = read(MemorySource(content))
        if reading.outcome == "record" and reading.parser == WALKER:
            walked += 1
            assert without_reader(reading) == without_reader(read_by_pydicom(content))
    assert walked > count // 10


@pytest.mark.parametrize("count", COUNTS)
def test_a_memo_never_changes_what_is_read(count: int) -> None:
    memo = Memo()
    for content in files(count):
        assert read(MemorySource(content), memo) == read(MemorySource(content))


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=pytest.mark.long)])
def test_what_pydicom_reads_and_writes_again_byte_for_byte_is_a_record(count: int) -> None:
    """Such a file was read whole; with a SOP Class and a legal SOP Instance UID nothing may cost it."""
    logging.getLogger("pydicom").disabled = True
    whole = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in files(count):
            if not read_whole(content):
                continue
            whole += 1
            reading = read(MemorySource(content))
            assert (reading.outcome, reading.detail) == ("record", None)
    logging.getLogger("pydicom").disabled = False
    assert whole > count // 20


def read_whole(content: bytes) -> bool:
    """Whether pydicom writes what it read as the same bytes, SOP Class and Instance UID among them.

    Fragments it only searches for their end, in whatever element has an undefined length and is no sequence: here they
    have to fill the value, each with its item tag and length. And it takes the spaces in front of a UID for padding,
    which PS3.5 table 6.2-1 does not allow: here the bytes have to be a UID.
    """
    try:
        dataset = pydicom.dcmread(io.BytesIO(content))
        raw = dataset.get_item("SOPInstanceUID").value
        sink = io.BytesIO()
        pydicom.dcmwrite(sink, dataset, enforce_file_format=False)
        uids = str(dataset.SOPClassUID), raw.rstrip(b" \0").decode("latin-1")
        directory = "DirectoryRecordSequence" in dataset or dataset.file_meta.MediaStorageSOPClassUID == DIRECTORY
        open_values = [each.value for each in dataset.iterall() if each.is_undefined_length and each.VR != "SQ"]
        filled = all(map(fragments_fill, open_values))
    except Exception:  # noqa: BLE001 - what pydicom can't read or write is not asked for
        return False
    return sink.getvalue() == content and all(map(UID, uids)) and filled and not directory


def fragments_fill(value: bytes) -> bool:
    """Whether an encapsulated value is items, one behind the other, to its last byte."""
    at = 0
    while value[at : at + 4] == b"\xfe\xff\x00\xe0":
        at += 8 + int.from_bytes(value[at + 4 : at + 8], "little")
    return at == len(value)


@pytest.mark.parametrize("tag", [0x00080016, 0x00080060, 0x0020000D, 0x00100010])
@pytest.mark.parametrize("value", ["A\\", "A\\\\", "\\A", "A\\B", "\\", 'A",null', "A\\\\\\\\"])
def test_a_column_is_what_its_header_says_however_many_values_there_are(tag: int, value: str) -> None:
    elements = {0x00080016: CT_IMAGE, 0x0020000D: "1.2.3", tag: value}
    vrs = {0x00080060: "CS", 0x00100010: "PN"}
    made = b"".join(element(each, vrs.get(each, "UI"), text) for each, text in sorted(elements.items()))
    content = part10(made, image()).replace(b"\x20\0\x0d\0", element(0x00080018, "UI", "1.2.3.4") + b"\x20\0\x0d\0", 1)
    reading = read(MemorySource(content))
    assert without_reader(reading) == without_reader(read_by_pydicom(content))


def test_a_memo_does_not_mix_up_files_of_another_encoding_or_character_set() -> None:
    """The same element bytes under two character sets, then under two pixel representations."""
    name = element(0x00100010, "PN", b"M\xfcller")
    memo = Memo()
    for charset, expected in (("ISO_IR 100", "Müller"), ("ISO_IR 144", "Mќller"), ("ISO_IR 100", "Müller")) * 2:
        content = part10(element(0x00080005, "CS", charset), identity(), name, place(), image())
        assert read(MemorySource(content), memo).columns["patient_name"] == expected
