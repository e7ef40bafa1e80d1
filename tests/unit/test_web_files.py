"""Routes that give files away: the bytes, the headers, and what is said when they can't be given."""

from __future__ import annotations

import os
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi.testclient import TestClient

from dicomdex.adapters.served import PIECE, Broken, Opened
from dicomdex.adapters.storage import LocalStorage
from dicomdex.serve import Locator, Part, locator_of
from dicomdex_web.files import sent
from tests.unit.made_archives import zipped
from tests.unit.taking import Taking
from tests.unit.web import client, trail

CONTENT = os.urandom(2 * PIECE + 100)
SOP = "1.2.840.1"


@pytest.fixture
def taking(tmp_path: Path) -> Taking:
    return Taking(tmp_path)


@pytest.fixture
def one(taking: Taking) -> dict[str, Any]:
    return taking.lay("one.dcm", CONTENT, SOPInstanceUID=SOP)


@pytest.fixture
def viewer(taking: Taking) -> TestClient:
    return client(taking.app, "viewer")


def url(document: dict[str, Any]) -> str:
    return f"/files/{document['file_id']}"


def test_a_file_is_given_away_whole(viewer: TestClient, one: dict[str, Any], tmp_path: Path) -> None:
    answer = viewer.get(url(one))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == f'attachment; filename="{SOP}.dcm"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert trail(tmp_path)[-1]["outcome"] == "ok"
    assert trail(tmp_path)[-1]["ids"] == [one["file_id"]]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (5, PIECE + 5), (PIECE, 2 * PIECE - 1), (0, len(CONTENT) - 1)])
def test_a_range_is_these_bytes_and_no_others(viewer: TestClient, one: dict[str, Any], start: int, stop: int) -> None:
    answer = viewer.get(url(one), headers={"Range": f"bytes={start}-{stop}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[start : stop + 1])
    assert answer.headers["content-range"] == f"bytes {start}-{stop}/{len(CONTENT)}"


def test_a_range_beyond_the_end_is_none(viewer: TestClient, one: dict[str, Any]) -> None:
    answer = viewer.get(url(one), headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


def test_whoever_has_the_file_is_told_so(viewer: TestClient, one: dict[str, Any]) -> None:
    etag = viewer.head(url(one)).headers["etag"]
    for known in (etag, f'"x", W/{etag}', "*"):
        answer = viewer.get(url(one), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
    assert viewer.get(url(one), headers={"If-None-Match": '"x"'}).status_code == 200


def test_head_tells_all_but_the_bytes(viewer: TestClient, one: dict[str, Any]) -> None:
    head, whole = viewer.head(url(one)), viewer.get(url(one))
    assert (head.status_code, head.content) == (200, b"")
    same = ("content-length", "etag", "content-type", "content-disposition")
    assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]


def test_an_unknown_id_and_a_forged_document_are_answered_alike(
    taking: Taking, viewer: TestClient, one: dict[str, Any]
) -> None:
    forged = taking.lay("two.dcm", b"x")
    forged["path"] = "d/one.dcm"
    answers: list[httpx.Response] = [viewer.get(url(forged)), viewer.get(f"/files/{'0' * 32}"), viewer.get("/files/x")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1


def test_nobody_gets_anything(taking: Taking, one: dict[str, Any]) -> None:
    nobody = client(taking.app)
    for path in (url(one), f"/files/{'0' * 32}", f"/view/{one['id']}", f"/archives/{one['id']}", "/cart", "/cart/zip"):
        assert nobody.get(path).status_code == 401, path


def test_what_became_of_a_file_is_said(taking: Taking, viewer: TestClient, one: dict[str, Any], tmp_path: Path) -> None:
    path = taking.landing / one["path"]
    path.write_bytes(b"other")
    assert viewer.get(url(one)).status_code == 409
    path.unlink()
    gone = viewer.get(url(one))
    assert gone.status_code == 410
    assert "no longer in the landing area" in gone.text
    assert "d/one.dcm" not in gone.text
    assert [line["outcome"] for line in trail(tmp_path)[-2:]] == ["changed", "gone"]


def test_a_file_that_changes_while_it_is_sent_does_not_come_whole(taking: Taking, one: dict[str, Any]) -> None:
    read_now = Opened.read_now
    path = taking.landing / one["path"]

    class Written(Opened):
        def read_now(self, offset: int, length: int) -> bytes | None:
            path.write_bytes(CONTENT)  # the same bytes at another time: nobody can know that they are
            return read_now(self, offset, length)

    locator = locator_of(one)
    assert isinstance(locator, Locator)
    landing = LocalStorage(taking.landing.as_uri())
    opened = Written(landing, locator, landing.open(locator.path), ExitStack())
    came: list[bytes] = []

    async def receive() -> None:
        async for piece in sent(opened, Part(200, 0, opened.size)):
            came.append(piece)

    with opened, pytest.raises(Broken):
        anyio.run(receive)
    assert len(b"".join(came)) < len(CONTENT)


def test_a_landing_area_that_fails_says_nothing_about_the_file(
    taking: Taking, viewer: TestClient, one: dict[str, Any]
) -> None:
    viewer.get(url(one))

    class Failing:
        def open(self, _path: str) -> None:
            raise OSError(5, "Input/output error")

    object.__setattr__(taking.app.state.take, "landing", Failing())
    answer = viewer.get(url(one))
    assert answer.status_code == 503
    assert "landing area does not answer" in answer.text


def test_a_member_of_an_archive_is_given_away_in_place(taking: Taking, viewer: TestClient) -> None:
    taking.lay("a.zip", zipped({"in/1.dcm": CONTENT}))
    member = {"member": "in/1.dcm", "size": len(CONTENT), "path": "d/a.zip", "SOPInstanceUID": "1.9"}
    inside = taking.lay("a.zip", zipped({"in/1.dcm": CONTENT}), **member)
    answer = viewer.get(url(inside))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    ranged = viewer.get(url(inside), headers={"Range": f"bytes={PIECE}-{PIECE + 9}"})
    assert (ranged.status_code, ranged.content) == (206, CONTENT[PIECE : PIECE + 10])
    assert not [one for one in taking.landing.rglob("*") if one.is_file() and one.name != "a.zip"]


@pytest.mark.parametrize("size", [1000, 3 * PIECE])
def test_a_member_whose_checksum_is_wrong_never_comes_whole(taking: Taking, viewer: TestClient, size: int) -> None:
    content = os.urandom(size)
    packed = bytearray(zipped({"1.dcm": content}, zipfile.ZIP_STORED))
    packed[packed.index(content) + 7] ^= 1
    taking.lay("a.zip", bytes(packed))
    inside = taking.lay("a.zip", bytes(packed), member="1.dcm", size=size, path="d/a.zip")
    if size < PIECE:
        assert viewer.get(url(inside)).status_code == 409
        return
    with pytest.raises(Broken):
        viewer.get(url(inside))
