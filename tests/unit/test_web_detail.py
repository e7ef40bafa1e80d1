"""Headers as rows, and several of them side by side."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from dicomdex.extract.reader import read
from dicomdex_web.detail_rows import differences, rows_of
from tests.factories import MemorySource, pydicom_file

HEADER: dict[str, Any] = {
    "00080018": {"vr": "UI", "Value": ["1.2.3"]},
    "00080060": {"vr": "CS"},
    "00081140": {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}]},
    "00090010": {"vr": "LO", "Value": ["ACME 1.1"]},
    "00091001": {"vr": "LO", "Value": ["secret"]},
    "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Li^Si", "Phonetic": "L"}]},
    "00280030": {"vr": "DS", "Value": [0.5, None, 1]},
    "00420011": {"vr": "OB", "InlineBinary": "AAECAw=="},
    "7FE00010": {"vr": "OW", "BulkDataURI": "?offset=100&length=32768"},
}


def test_every_element_has_its_name_value_and_place() -> None:
    rows = {row.key: row for row in rows_of(HEADER)}
    assert rows["00080018"].name == "SOP Instance UID"
    assert rows["00080018"].value == "1.2.3"
    assert (rows["00080060"].value, rows["00080060"].held) == ("", "")
    assert rows["00081140"].held == "2 items"
    nested = rows["00081140.1.00081150"]
    assert (nested.tag, nested.depth, nested.value) == ("(0008,1150)", 1, "1.2")
    assert (rows["00091001"].name, rows["00091001"].private) == ("Private element (ACME 1.1)", True)
    assert rows["00100010"].value == "Li^Si==L"
    assert rows["00280030"].value == "0.5\\\\1"
    assert rows["00420011"].held == "4 bytes: 00 01 02 03"
    assert rows["7FE00010"].held == "32,768 bytes"


@pytest.mark.parametrize("name", ["CT_small.dcm", "test-SR.dcm", "rtplan.dcm", "nested_priv_SQ.dcm", "badVR.dcm"])
def test_no_element_of_a_real_header_is_left_out(name: str) -> None:
    text = read(MemorySource(pydicom_file(name))).header
    header = orjson.loads(text or "{}")
    assert sum(1 for _ in rows_of(header)) == json.dumps(header).count('"vr":')


def test_a_known_private_element_has_its_makers_name() -> None:
    header = {"00190010": {"vr": "LO", "Value": ["SIEMENS MR HEADER"]}, "0019100C": {"vr": "IS", "Value": [1]}}
    assert list(rows_of(header))[1].name == "B_value (SIEMENS MR HEADER)"


def test_only_what_differs_is_set_side_by_side() -> None:
    other = {**HEADER, "00080018": {"vr": "UI", "Value": ["1.2.4"]}}
    del other["00080060"]
    other["00081140"] = {"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.9"]}}, {}]}
    found = {one.key: one.values for one in differences([HEADER, other])}
    assert found == {
        "00080018": ("1.2.3", "1.2.4"),
        "00080060": ("", None),
        "00081140.1.00081150": ("1.2", "1.9"),
    }
    assert differences([HEADER, HEADER, HEADER]) == []
