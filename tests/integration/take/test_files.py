"""Files through the page: real Solr and Granian before a real landing area; every byte is compared."""

from __future__ import annotations

import os

import httpx
import pytest

from dicomdex_local.web import Page
from tests.integration.take.taken import (
    CANARY,
    CONTESTED,
    DROP,
    GZIPPED,
    LATER,
    PACKED,
    SERIES,
    STUDY,
    TWICE,
    files,
    in_the_landing_area,
    sha256,
    with_sop,
)
from tests.page_program import logged_in, trail
from tests.spark.served import Documents, Served

LARGE_SOP = "1.2.7.1.1"


def test_every_file_comes_as_it_lies_in_the_landing_area(
    viewer: httpx.Client, line: Served, documents: Documents
) -> None:
    assert len(files(documents)) > 20
    for one in files(documents):
        answer = viewer.get(one["DicomUrl"])
        assert answer.status_code == 200
        assert sha256(answer.content) == sha256(in_the_landing_area(line, one))
        assert answer.headers["content-disposition"] == f'attachment; filename="{one["SOPInstanceUID"]}.dcm"'
        assert answer.headers["content-type"] == "application/dicom"
        assert answer.headers["cache-control"] == "no-store"


def test_members_of_archives_are_among_them(documents: Documents) -> None:
    members = [one for one in files(documents) if "member" in one]
    assert sorted(one["study"] for one in members) == [PACKED] * 3 + [GZIPPED] * 2


def test_ranges_put_together_are_the_file(viewer: httpx.Client, line: Served, documents: Documents) -> None:
    url = with_sop(documents, LARGE_SOP)["DicomUrl"]
    whole = in_the_landing_area(line, with_sop(documents, LARGE_SOP))
    parts = []
    for start in range(0, len(whole), 700_000):
        answer = viewer.get(url, headers={"Range": f"bytes={start}-{start + 699_999}"})
        assert answer.status_code == 206
        stop = min(start + 700_000, len(whole)) - 1
        assert answer.headers["content-range"] == f"bytes {start}-{stop}/{len(whole)}"
        parts.append(answer.content)
    assert b"".join(parts) == whole
    assert viewer.get(url, headers={"Range": "bytes=-10"}).content == whole[-10:]
    assert viewer.get(url, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416


def test_ranges_reach_into_members_of_archives(viewer: httpx.Client, line: Served, documents: Documents) -> None:
    for one in files(documents):
        if "member" in one:
            answer = viewer.get(one["DicomUrl"], headers={"Range": "bytes=5000-5999"})
            assert (answer.status_code, answer.content) == (206, in_the_landing_area(line, one)[5000:6000])


def test_an_etag_saves_the_way(viewer: httpx.Client, documents: Documents) -> None:
    one = with_sop(documents, LARGE_SOP)
    head = viewer.head(one["DicomUrl"])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(one["size"]))
    etag = head.headers["etag"]
    assert viewer.get(one["DicomUrl"], headers={"If-None-Match": etag}).status_code == 304
    ranged = {"Range": "bytes=0-9"}
    assert viewer.get(one["DicomUrl"], headers={**ranged, "If-Range": etag}).status_code == 206
    assert viewer.get(one["DicomUrl"], headers={**ranged, "If-Range": '"another"'}).status_code == 200


@pytest.mark.parametrize("odd", ["0" * 32, "f" * 31, "..%2F..%2Fetc%2Fpasswd", "%00", "*", "{!func}1", "A" * 5000])
def test_an_unknown_id_is_not_found_and_without_a_login_nothing_is(
    viewer: httpx.Client, page: Page, documents: Documents, odd: str
) -> None:
    for path in ("/files/", "/view/", "/thumbnails/", "/archives/"):
        assert viewer.get(path + odd).status_code == 404
    with httpx.Client(base_url=page.url, trust_env=False) as nobody:
        answers = [nobody.get(path) for path in (f"/files/{odd}", with_sop(documents, TWICE)["DicomUrl"])]
        assert {answer.status_code for answer in answers if answer.status_code != 404} <= {401}
        assert answers[1].status_code == 401


def test_a_file_that_changed_or_is_gone_is_said_so_and_comes_back_when_it_does(
    viewer: httpx.Client, line: Served, documents: Documents
) -> None:
    one = with_sop(documents, f"{SERIES}.5")
    path = line.landing / one["path"]
    content, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(content[:-2] + b"\0\1")
    changed = viewer.get(one["DicomUrl"])
    path.unlink()
    gone = viewer.get(one["DicomUrl"])
    path.symlink_to("/etc/passwd")
    linked = viewer.get(one["DicomUrl"])
    path.unlink()
    path.write_bytes(content)
    os.utime(path, ns=times)
    assert [answer.status_code for answer in (changed, gone, linked)] == [409, 410, 410]
    assert "was changed after it was read" in changed.text
    assert "no longer in the landing area" in gone.text
    assert viewer.get(one["DicomUrl"]).content == content


def test_the_detail_page_has_every_attribute_and_the_origin(viewer: httpx.Client, documents: Documents) -> None:
    text = viewer.get(f"/view/{with_sop(documents, f'{SERIES}.3')['id']}").text
    for expected in ("(0009,1001)", "a private value", "Private element (ACME 1.1)", "Series Instance UID", "a 3.dcm"):
        assert expected in text
    nested = next(one for one in files(documents) if one["path"].endswith("test-SR.dcm"))
    text = viewer.get(f"/view/{nested['id']}").text
    assert "Concept Name Code Sequence" in text
    assert 'class="depth-3' in text


def test_conflicts_stand_side_by_side_with_what_differs(viewer: httpx.Client, documents: Documents) -> None:
    for level in ("instance", "copy"):
        text = viewer.get(f"/view/{with_sop(documents, CONTESTED, level)['id']}").text
        table = text.split('<table class="side">')[1].split("</table>")[0]
        assert table.count('<tr><th scope="row">') == 1, "one attribute differs"
        assert "(0010,0020)" in table
        assert table.index(">P1<") < table.index(">P2<"), "the primary comes first"
        assert DROP in table
        assert LATER in table


def test_duplicates_are_said_to_be_the_same(viewer: httpx.Client, documents: Documents) -> None:
    text = viewer.get(f"/view/{with_sop(documents, TWICE)['id']}").text
    assert "The headers are the same" in text


def test_a_thumbnail_is_a_picture_and_burned_in_text_is_hidden_until_asked_for(
    viewer: httpx.Client, page: Page, documents: Documents
) -> None:
    plain = viewer.get(f"/thumbnails/{with_sop(documents, f'{SERIES}.1')['id']}")
    assert (plain.status_code, plain.headers["content-type"]) == (200, "image/webp")
    assert viewer.get(f"/thumbnails/{STUDY}!study").headers["content-type"] == "image/webp"
    hidden = viewer.get("/thumbnails/1.2.6!i.1.2.6.1.1")
    assert hidden.headers["content-type"] == "image/svg+xml"
    assert "burned into the image" in hidden.text
    assert "Show the picture all the same" in viewer.get("/view/1.2.6!i.1.2.6.1.1").text
    shown = viewer.get("/thumbnails/1.2.6!i.1.2.6.1.1", params={"reveal": "yes"})
    assert shown.headers["content-type"] == "image/webp"
    assert trail(page)[-1]["outcome"] == "thumbnail revealed"


def test_every_look_and_every_download_is_in_the_trail(page: Page, documents: Documents) -> None:
    one = with_sop(documents, f"{SERIES}.2")
    with logged_in(page, "admin") as client:
        client.get(one["DicomUrl"])
        client.get(one["DicomUrl"], headers={"Range": "bytes=0-9"})
        client.get(f"/view/{one['id']}")
        client.get(f"/archives/{one['study']}!s.{one['series']}")
        client.get("/export/csv", params={"level": "study"})
    mine = [line for line in trail(page) if line["person"] == "admin"][-6:]
    assert [(line["action"], line["outcome"]) for line in mine] == [
        ("download", "ok"),
        ("download", f"0-9/{one['size']}"),
        ("view", "ok"),
        ("download", "zip begun"),
        ("download", "zip whole: 5 files, 0 missing"),
        ("export", mine[-1]["outcome"]),
    ]
    assert mine[0]["ids"] == [one["file_id"]]


def test_nothing_of_a_patient_is_in_the_log_or_in_the_trail(page: Page) -> None:
    said = "".join((page.run.root / name).read_text() for name in ("logs/page.log", "web/trail.jsonl"))
    assert CANARY not in said
    assert ".dcm" not in said
