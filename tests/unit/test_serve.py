"""From a document to what is served: locators that prove themselves, files that are still the same, ranges."""

from __future__ import annotations

from typing import Any

import pytest

from dicomdex.extract.row import file_id
from dicomdex.serve import CHANGED, GONE, UNNAMED, Locator, Part, compare, is_file_id, locator_of, part_of
from dicomdex.serve_pixels import why_hidden

DROP, PATH = "a~2026-11-20", "a/2026-11-20/one.dcm"
ETAG = '"e"'


def document(**fields: Any) -> dict[str, Any]:
    known = {"level": "instance", "drop": [DROP], "path": PATH, "size": 10, "mtime": 5, "SOPInstanceUID": "1.2.3"}
    made = {**known, **fields}
    return {"file_id": file_id(made["drop"][0], made.get("path", ""), made.get("member")), **made}


def located(**fields: Any) -> Locator:
    found = locator_of(document(**fields))
    assert isinstance(found, Locator)
    return found


def test_a_document_says_where_its_file_lies() -> None:
    found = located(member="in zip/1.dcm")
    assert (found.path, found.member, found.size, found.mtime) == (PATH, "in zip/1.dcm", 10, 5)


@pytest.mark.parametrize(
    "fields",
    [
        {"file_id": "0" * 32},
        {"path": "a/2026-11-20/../../../etc/passwd"},
        {"path": "b/2026-11-20/one.dcm"},
        {"path": "/etc/passwd"},
        {"path": "a/2026-11-20/%2E%2E/%2E%2E/x"},
        {"path": "a/2026-11-20//one.dcm"},
        {"drop": ["a~.."], "path": "a/../x"},
        {"drop": [], "file_id": "0" * 32},
        {"level": "study"},
        {"level": "series"},
    ],
)
def test_a_document_that_does_not_prove_its_path_leads_nowhere(fields: dict[str, Any]) -> None:
    made = document(**{**fields, "drop": fields.get("drop") or [DROP]})
    assert locator_of({**made, **fields}) is None


def test_a_document_of_another_file_is_not_served_for_the_one_asked_for() -> None:
    made = document()
    assert locator_of(made, "f" * 32) is None
    assert isinstance(locator_of(made, made["file_id"]), Locator)


def test_a_path_too_long_for_the_index_is_said_so() -> None:
    made = document()
    del made["path"]
    assert locator_of(made) == UNNAMED


def test_only_32_hexadecimal_digits_are_a_file_id() -> None:
    assert is_file_id("0123456789abcdef" * 2)
    assert not any(map(is_file_id, ("", "0" * 31, "G" * 32, "A" * 32, "../" * 11, "0" * 32 + "\n")))


@pytest.mark.parametrize(
    ("found", "said"), [(None, GONE), ((10, 5), None), ((11, 5), CHANGED), ((10, 6), CHANGED), ((0, 0), CHANGED)]
)
def test_what_lies_there_now_is_compared_by_size_and_mtime(found: tuple[int, int] | None, said: object) -> None:
    assert compare(located(), found) == said


def test_of_an_archive_only_the_mtime_is_compared() -> None:
    member = located(member="1.dcm")
    assert compare(member, (99, 5)) is None
    assert compare(member, (99, 6)) == CHANGED


def test_a_download_is_called_by_its_uid_or_by_its_file_id() -> None:
    assert located().name == "1.2.3.dcm"
    odd = located(SOPInstanceUID='1.2"; x')
    assert odd.name == f"{odd.file_id}.dcm"


def test_another_size_or_mtime_is_another_etag() -> None:
    assert len({located().etag, located(size=11).etag, located(mtime=6).etag, located(member="m").etag}) == 4


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("", Part(200, 0, 100)),
        ("bytes=0-", Part(206, 0, 100)),
        ("bytes=0-0", Part(206, 0, 1)),
        ("bytes=10-19", Part(206, 10, 20)),
        ("bytes=90-500", Part(206, 90, 100)),
        ("bytes=-10", Part(206, 90, 100)),
        ("bytes=-500", Part(206, 0, 100)),
        ("bytes=100-", Part(416, 0, 0)),
        ("bytes=-0", Part(416, 0, 0)),
        ("bytes=20-10", Part(200, 0, 100)),
        ("bytes=0-1,5-6", Part(200, 0, 100)),
        ("bytes=-", Part(200, 0, 100)),
        ("lines=1-2", Part(200, 0, 100)),
        ("bytes=" + "9" * 30 + "-", Part(200, 0, 100)),
    ],
)
def test_one_range_is_sent_and_anything_else_is_all_of_it(wanted: str, part: Part) -> None:
    assert part_of(100, wanted, "", ETAG) == part


def test_a_range_of_another_version_is_all_of_it() -> None:
    assert part_of(100, "bytes=0-9", ETAG, ETAG) == Part(206, 0, 10)
    assert part_of(100, "bytes=0-9", '"other"', ETAG) == Part(200, 0, 100)


def test_an_empty_file_has_no_ranges() -> None:
    assert part_of(0, "bytes=0-", "", ETAG).status == 416
    assert part_of(0, "", "", ETAG) == Part(200, 0, 0)


@pytest.mark.parametrize(
    ("header", "hidden"),
    [
        ({"Modality": "CT"}, False),
        ({"Modality": "MR", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"Modality": "CT", "BurnedInAnnotation": "YES"}, True),
        ({"Modality": "CT", "BurnedInAnnotation": "perhaps"}, True),
        ({"Modality": "US"}, True),
        ({"Modality": "xa "}, True),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, True),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, True),
        ({"Modality": "CT", "SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.1"}, False),
        ({"Modality": "CT", "ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
        ({}, True),
    ],
)
def test_pixels_with_burned_in_text_are_hidden_with_the_reason(header: dict[str, Any], hidden: bool) -> None:
    assert bool(why_hidden(header)) is hidden
