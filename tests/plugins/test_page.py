"""The page behind the Drop tab."""

from __future__ import annotations

import re
from typing import Any

from dicomdex_airflow.collection_page import collection_page
from dicomdex_airflow.page import run_page

LINE = "1,204 files = 1,180 indexed + 20 duplicate + 4 rejected (3 truncated, 1 not_dicom)"


def verdict(**changes: Any) -> dict[str, Any]:
    ledger = {
        "drop": "2026-01-02",
        "listed": 1204,
        "indexed": 1180,
        "duplicate": 20,
        "conflict": 0,
        "rejected": {"truncated": 3, "not_dicom": 1},
        "ignored": {"marker": 1},
        "removed": 0,
        "catalog_version": 7,
    }
    check = {"check": "instances", "expected": 1180, "found": 1180, "missing": [], "extra": [], "ok": True}
    return {
        "drop": "2026-01-02",
        "ok": True,
        "line": LINE,
        "sentence": "All counts agree.",
        "catalog_version": 7,
        "collection": "dicom_20261121T113000Z_4f2a",
        "ledger": ledger,
        "checks": [check],
        **changes,
    }


def test_the_page_shows_summary_ledger_verdict_and_checks() -> None:
    page = run_page({"drop": "2026-01-02", "verdict": verdict()}, {"truncated": "The file ends too early."})
    assert LINE in page
    assert '<span class="good">ok</span>' in page
    for shown in (
        "All counts agree.",
        "dicom_20261121T113000Z_4f2a",
        "rejected: truncated",
        "The file ends too early.",
    ):
        assert shown in page
    cells = re.findall(r'<td>([^<]+)</td><td class="number">([\d,]+)</td>', page)
    assert ("listed", "1,204") in cells
    assert ("rejected: truncated", "3") in cells
    assert ("ignored: marker", "1") in cells


def test_a_red_verdict_names_what_is_missing_and_what_is_extra() -> None:
    check = {"check": "instances", "expected": 2, "found": 2, "missing": ["a!i.1"], "extra": ["b!i.2"], "ok": False}
    page = run_page({"verdict": verdict(ok=False, sentence="Solr lacks 1 instance.", checks=[check])}, {})
    assert '<span class="bad">not ok</span>' in page
    assert "<code>a!i.1</code>" in page
    assert "<code>b!i.2</code>" in page


def test_a_run_without_a_verdict_says_so() -> None:
    assert "No verdict yet" in run_page({}, {})
    assert "<strong>2026-01-02</strong>" in run_page({"drop": "2026-01-02"}, {})


def test_nothing_of_a_record_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    check = {"check": evil, "expected": 0, "found": 0, "missing": [evil], "extra": [evil], "ok": False}
    ledger = {"listed": 1, "rejected": {evil: 1}, "ignored": {evil: 1}}
    changes = {"drop": evil, "line": evil, "sentence": evil, "collection": evil, "catalog_version": evil}
    page = run_page({"verdict": verdict(**changes, ledger=ledger, checks=[check])}, {evil: evil})
    assert evil not in page
    assert evil not in run_page({"drop": evil}, {})


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    page = run_page({"verdict": verdict()}, {})
    assert not re.search(r"<(script|link|img|iframe)\b|https?:|url\(|@import", page)
    assert "prefers-color-scheme: dark" in page


NAME = "dicom_20261121T113000Z_4f2a"


def of_collection(**changes: Any) -> dict[str, Any]:
    check = {"check": "documents", "expected": 2147, "found": 2147, "missing": [], "extra": [], "ok": True}
    return {"collection": NAME, "ok": True, "sentence": "ok", "catalog_version": 7, "checks": [check], **changes}


def test_a_run_on_a_collection_shows_what_its_steps_said_and_the_last_verdict() -> None:
    promoted = {**of_collection(), "alias": "dicom", "from": "dicom_1", "promoted": True}
    record = {"planned": "builds it", "indexed": "2,147 documents", "verdict": of_collection(), "promoted": promoted}
    page = collection_page(record)
    for shown in (f'{NAME}: <span class="good">ok</span>', "builds it", "2,147 documents", "(before: dicom_1)"):
        assert shown in page
    assert '<td>documents</td><td class="number">2,147</td>' in page


def test_a_red_collection_says_why_and_names_what_differs() -> None:
    check = {"check": "content", "expected": 2, "found": 1, "differing": ["1.2!i.1"], "ok": False}
    red = of_collection(ok=False, sentence="content: expected 2, found 1", checks=[check])
    for record in ({"verdict": red}, {"verdict": of_collection(), "promoted": {**red, "promoted": False}}):
        page = collection_page(record)
        assert '<span class="bad">not ok</span>' in page
        assert "content: expected 2, found 1" in page
        assert "<code>1.2!i.1</code>" in page
        assert "(before:" not in page


def test_a_run_on_a_collection_without_a_verdict_says_so() -> None:
    assert "No verdict yet" in collection_page({})
    assert "No verdict yet" in collection_page({"promoted": {}, "planned": "would build it"})
    assert "would build it" in collection_page({"promoted": {}, "planned": "would build it"})


def test_nothing_of_a_collections_record_becomes_markup() -> None:
    evil = "<script>alert(1)</script>"
    check = {"check": evil, "expected": 0, "found": 0, "differing": [evil], "ok": False}
    red = of_collection(collection=evil, ok=False, sentence=evil, catalog_version=evil, checks=[check])
    shown = {**red, "alias": evil, "from": evil, "promoted": True}
    said = dict.fromkeys(("planned", "indexed", "applied", "retired"), evil)
    assert evil not in collection_page({**said, "verdict": red, "promoted": shown})
