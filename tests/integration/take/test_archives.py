"""Studies, carts and exports through the page: what is in them is what was searched, and every byte of it."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import httpx
import pyarrow.parquet as pq
import pytest

from dicomdex_local.web import Page
from tests.integration.take.taken import (
    CANARY,
    GZIPPED,
    PACKED,
    SERIES,
    STUDY,
    files,
    in_the_landing_area,
    sha256,
    with_sop,
)
from tests.page_program import logged_in
from tests.spark.served import Documents, Served


def zip_of(answer: httpx.Response) -> zipfile.ZipFile:
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


def test_a_study_comes_as_a_zip_with_a_manifest(viewer: httpx.Client, line: Served, documents: Documents) -> None:
    answer = viewer.get(f"/archives/{STUDY}!study")
    assert answer.headers["content-disposition"] == f'attachment; filename="{STUDY}.zip"'
    found = zip_of(answer)
    inside = [one for one in documents.values() if one["level"] == "instance" and one["study"] == STUDY]
    expected = {f"{STUDY}/{one['series']}/{one['SOPInstanceUID']}.dcm": one for one in inside}
    assert set(found.namelist()) == {*expected, "manifest.csv"}
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(found.read("manifest.csv").decode()))}
    for name, one in expected.items():
        assert found.read(name) == in_the_landing_area(line, one)
        assert rows[name]["sha256"] == sha256(found.read(name))


def test_a_series_comes_flat_when_it_is_asked_for(viewer: httpx.Client) -> None:
    found = zip_of(viewer.get(f"/archives/{STUDY}!s.{SERIES}", params={"folders": "no"}))
    assert set(found.namelist()) == {*(f"{SERIES}.{n}.dcm" for n in range(1, 6)), "manifest.csv"}


def test_what_is_missing_in_a_zip_is_named_and_counted(
    viewer: httpx.Client, line: Served, documents: Documents
) -> None:
    path = line.landing / with_sop(documents, f"{SERIES}.4")["path"]
    moved = path.rename(line.root / "elsewhere")
    found = zip_of(viewer.get(f"/archives/{STUDY}!s.{SERIES}"))
    moved.rename(path)
    missing = found.read("MISSING.txt").decode()
    assert missing.startswith("1 of 5 files are missing here:")
    assert f"{SERIES}.4  The file is no longer" in missing
    assert len(found.namelist()) == 4 + 2


@pytest.mark.parametrize("study", [PACKED, GZIPPED])
def test_a_study_in_an_archive_comes_as_a_zip(
    viewer: httpx.Client, line: Served, documents: Documents, study: str
) -> None:
    found = zip_of(viewer.get(f"/archives/{study}!study"))
    inside = [one for one in files(documents) if one["study"] == study]
    for one in inside:
        name = f"{study}/{one['series']}/{one['SOPInstanceUID']}.dcm"
        assert found.read(name) == in_the_landing_area(line, one)
    assert len(found.namelist()) == len(inside) + 1


def test_a_cart_holds_what_was_searched_and_gives_it_back(
    viewer: httpx.Client, line: Served, documents: Documents
) -> None:
    viewer.post("/cart/clear")
    forged = viewer.post("/cart/add", data={"id": f"{STUDY}!study"}, headers={"X-CSRF-Token": "another"})
    assert forged.status_code == 403
    added = viewer.post("/cart/add", data={"all": "level=series&Modality=CT"})
    assert added.status_code == 303
    series = {one["id"] for one in documents.values() if one["level"] == "series" and one.get("Modality") == "CT"}
    instances = [one for one in documents.values() if one["level"] == "instance" and one.get("Modality") == "CT"]
    assert f"{len(series)} items" in viewer.get("/cart").text
    viewer.post("/cart/add", data={"id": [instances[0]["id"], f"{STUDY}!study"]})  # are in it already
    lines = viewer.get("/cart/export/json").text.splitlines()
    assert sorted(json.loads(one)["SOPInstanceUID"] for one in lines) == sorted(
        one["SOPInstanceUID"] for one in instances
    )
    assert viewer.get("/cart/export/csv").text.count("\r\n") == len(instances) + 1
    assert pq.read_table(io.BytesIO(viewer.get("/cart/export/parquet").content)).num_rows == len(instances)
    found = zip_of(viewer.get("/cart/zip"))
    assert len([name for name in found.namelist() if name.endswith(".dcm")]) == len(instances)
    manifest = list(csv.DictReader(io.StringIO(viewer.get("/cart/manifest.csv").text)))
    digests = {row["file_id"]: row["sha256"] for row in manifest}
    assert digests == {one["file_id"]: sha256(in_the_landing_area(line, one)) for one in instances}
    viewer.post("/cart/clear")
    assert "The cart is empty" in viewer.get("/cart").text


def test_carts_are_of_one_person_each(page: Page) -> None:
    with logged_in(page, "viewer") as one, logged_in(page, "admin") as other:
        one.post("/cart/add", data={"id": f"{STUDY}!study"})
        assert "1 item" in one.get("/cart").text
        assert "The cart is empty" in other.get("/cart").text
        one.post("/cart/clear")


def test_an_export_holds_what_the_search_has_counted(viewer: httpx.Client, documents: Documents) -> None:
    for level in ("study", "series", "instance"):
        expected = sorted(one["id"] for one in documents.values() if one["level"] == level)
        lines = viewer.get("/export/json", params={"level": level}).text.splitlines()
        assert sorted(json.loads(one)["id"] for one in lines) == expected
        assert viewer.get("/export/csv", params={"level": level}).text.count("\r\n") == len(expected) + 1
        table = pq.read_table(io.BytesIO(viewer.get("/export/parquet", params={"level": level}).content))
        assert sorted(table["id"].to_pylist()) == expected
    only = viewer.get("/export/json", params={"level": "series", "Modality": "US"}).text.splitlines()
    assert [json.loads(one)["Modality"] for one in only] == ["US"]
    assert viewer.get("/export/odd").status_code == 404


def test_programs_export_by_values_that_no_address_may_hold(viewer: httpx.Client, documents: Documents) -> None:
    asked = {"state": "level=instance&columns=SOPInstanceUID", "field": "PatientName", "value": CANARY}
    lines = viewer.post("/export/json", data=asked).text.splitlines()
    named = {CANARY, CANARY.split("^")[0]}
    expected = [one for one in documents.values() if one["level"] == "instance" and named & {one.get("PatientName")}]
    assert sorted(json.loads(line)["SOPInstanceUID"] for line in lines) == sorted(
        one["SOPInstanceUID"] for one in expected
    )
    assert expected
    forged = viewer.post("/export/json", data=asked, headers={"X-CSRF-Token": "another"})
    assert forged.status_code == 403


def test_an_export_never_leaves_out_what_was_typed_before(viewer: httpx.Client) -> None:
    forgotten = {"state": f"level=instance&typed={'0' * 32}"}
    assert viewer.post("/export/json", data=forgotten).status_code == 400
    assert viewer.post("/search", data={**forgotten, "text": "series"}).status_code == 303


def test_an_export_that_can_not_be_asked_is_refused_before_its_first_byte(viewer: httpx.Client) -> None:
    assert viewer.get("/export/csv", params={"PatientName": "x"}).status_code == 400
