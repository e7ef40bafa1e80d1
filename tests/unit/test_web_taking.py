"""Detail page, cart and zip without engines: what evil names do there, which is nothing."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.factories import element, identity, part10, place, pydicom_file
from tests.unit.taking import Taking
from tests.unit.web import client, trail

EVIL = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7 * 7 }}", "=HYPERLINK(1)", "\u202eEVIL")
SOP = "1.2.3.1.1"


def instance(*, patient: str = "P1", description: str = "plain") -> bytes:
    text = element(0x00080005, "CS", "ISO_IR 192") + element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2")
    text += element(0x00080018, "UI", SOP) + element(0x0008103E, "LO", description.encode())
    return part10(text, place(patient=patient), sop=SOP)


@pytest.fixture
def taking(tmp_path: Path) -> Any:
    made = Taking(tmp_path)
    yield made
    if hasattr(made.app.state, "take"):
        made.app.state.take.children.close()


def test_what_a_header_says_is_shown_and_never_runs(taking: Taking) -> None:
    viewer = client(taking.app, "viewer")
    for number, evil in enumerate(EVIL):
        shown = {"SeriesDescription": evil, "PatientName": evil, "study": f"1.{number}", "SOPInstanceUID": SOP}
        one = taking.lay(f"{number}.dcm", instance(description=evil), **shown)
        answer = viewer.get(f"/view/{one['id']}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        assert "49" not in answer.text.split("<h1>")[1].split("</h1>")[0]
        assert "Series Description" in answer.text


def test_copies_stand_beside_their_primary(taking: Taking, tmp_path: Path) -> None:
    one = taking.lay("a.dcm", instance(), SOPInstanceUID=SOP)
    other = taking.lay("b.dcm", instance(patient="P2"), SOPInstanceUID=SOP, level="copy", state="conflict")
    other["id"] = f"1!c.{other['file_id']}"
    gone = taking.lay("c.dcm", b"x", SOPInstanceUID=SOP, level="copy", state="conflict")
    gone["id"] = f"1!c.{gone['file_id']}"
    (taking.landing / gone["path"]).unlink()
    text = client(taking.app, "viewer").get(f"/view/{one['id']}").text
    assert "3 files have this UID" in text
    assert text.count('class="differs"') == 2
    assert "no longer in the landing area" in text
    assert [line["action"] for line in trail(tmp_path)][-1] == "view"


def test_a_header_of_another_instance_is_not_shown_as_this_one(taking: Taking) -> None:
    one = taking.lay("a.dcm", part10(identity("1.9"), place(), sop="1.9"), SOPInstanceUID=SOP)
    text = client(taking.app, "viewer").get(f"/view/{one['id']}").text
    assert "another instance than the one that was catalogued" in text


def test_a_thumbnail_is_made_once_and_then_kept(taking: Taking, tmp_path: Path) -> None:
    one = taking.lay("ct.dcm", pydicom_file("CT_small.dcm"), SOPInstanceUID=SOP)
    viewer = client(taking.app, "viewer")
    first = viewer.get(f"/thumbnails/{one['id']}")
    assert first.headers["content-type"] == "image/webp"
    taking.app.state.take.children.close()
    assert viewer.get(f"/thumbnails/{one['id']}").content == first.content
    assert len(list((tmp_path / "web" / "thumbnails").iterdir())) == 1


def test_a_reason_is_kept_as_well(taking: Taking) -> None:
    one = taking.lay("sr.dcm", pydicom_file("test-SR.dcm"), SOPInstanceUID=SOP, Modality="SR")
    viewer = client(taking.app, "viewer")
    assert "It has no pixels." in viewer.get(f"/thumbnails/{one['id']}").text
    taking.app.state.take.children.close()
    assert "It has no pixels." in viewer.get(f"/thumbnails/{one['id']}").text


def test_hidden_pixels_are_not_even_read(taking: Taking) -> None:
    one = taking.lay("us.dcm", b"never opened", Modality="US", SOPInstanceUID=SOP)
    answer = client(taking.app, "viewer").get(f"/thumbnails/{one['id']}")
    assert answer.headers["x-thumbnail"] == "hidden"
    assert "burned" in answer.text


def test_a_cart_gives_files_and_digests_and_says_what_is_gone(taking: Taking) -> None:
    kept = [taking.lay(f"{n}.dcm", instance(), SOPInstanceUID=f"1.2.3.1.{n}") for n in (1, 2)]
    lost = taking.lay("3.dcm", instance(), SOPInstanceUID="1.2.3.1.3")
    (taking.landing / lost["path"]).unlink()
    viewer = client(taking.app, "viewer")
    token = viewer.get("/cart").text.split('"X-CSRF-Token": "')[1].split('"')[0]
    ids = [one["id"] for one in (*kept, lost)]
    added = viewer.post("/cart/add", data={"id": ids, "csrf": token, "back": "//evil.example"})
    assert (added.status_code, added.headers["location"]) == (303, "/cart")
    assert "3 items" in viewer.get("/cart").text
    found = zipfile.ZipFile(io.BytesIO(viewer.get("/cart/zip", params={"folders": "no"}).content))
    assert found.read("MISSING.txt").decode().startswith("1 of 3 files are missing here")
    rows = list(csv.DictReader(io.StringIO(viewer.get("/cart/manifest.csv").text)))
    assert [bool(row["sha256"]) for row in rows] == [True, True, False]
    assert "no longer in the landing area" in rows[2]["missing"]
    viewer.post("/cart/remove", data={"id": ids[:2], "csrf": token})
    assert "1 item" in viewer.get("/cart").text


def test_nothing_is_put_in_without_the_sessions_own_token(taking: Taking) -> None:
    viewer = client(taking.app, "viewer")
    for path in ("/cart/add", "/cart/remove", "/cart/clear"):
        assert viewer.post(path, data={"id": "1.2!study"}).status_code == 403
