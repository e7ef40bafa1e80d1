"""Thumbnails on disk under a cap, and the icons that stand where there is none."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from xml.etree import ElementTree

import pytest

from dicomdex.serve import Locator
from dicomdex_web.thumbnails import icon
from dicomdex_web.thumbnails_cache import ThumbnailCache


def locator(number: int, mtime: int = 5) -> Locator:
    return Locator(f"{number:032x}", "d", f"d/{number}", None, 10, mtime, "1.2", "1", "1")


def test_a_picture_is_kept_for_the_very_same_file(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "t", 1 << 20)
    cache.put(locator(1), "webp", b"picture")
    assert cache.get(locator(1), "webp") == b"picture"
    assert cache.get(locator(1), "why") is None
    assert cache.get(locator(1, mtime=6), "webp") is None
    assert cache.get(locator(2), "webp") is None


def test_pictures_of_patients_are_for_their_owner_alone(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path / "t", 1 << 20)
    cache.put(locator(1), "webp", b"picture")
    (file,) = (tmp_path / "t").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "t").stat().st_mode) == 0o700


def test_the_cache_stays_under_its_cap_and_keeps_what_was_looked_at_last(tmp_path: Path) -> None:
    cache = ThumbnailCache(tmp_path, 100_000)
    for number in range(50):
        cache.put(locator(number), "webp", bytes(10_000))
        for file in tmp_path.iterdir():
            os.utime(file, ns=(0, file.stat().st_mtime_ns - 10**9))  # a second has gone by
        cache.get(locator(0), "webp")
        assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 110_000
    assert cache.get(locator(0), "webp") is not None
    assert cache.get(locator(1), "webp") is None


def test_a_cache_that_was_full_before_is_counted(tmp_path: Path) -> None:
    ThumbnailCache(tmp_path, 1 << 20).put(locator(1), "webp", bytes(90_000))
    ThumbnailCache(tmp_path, 100_000).put(locator(2), "webp", bytes(20_000))
    assert sum(one.stat().st_size for one in tmp_path.iterdir()) <= 80_000


@pytest.mark.parametrize("hidden", [True, False])
def test_an_icon_is_well_formed_and_has_the_reason_in_words(hidden: bool) -> None:
    sentence = "Text may be <burned> & 'shown' into the image, which is long enough for several lines of words."
    answer = icon(sentence, hidden=hidden)
    drawn = ElementTree.fromstring(answer.body)  # noqa: S314
    assert drawn.attrib["aria-label"] == sentence
    words = " ".join(one.text or "" for one in drawn.iter("{http://www.w3.org/2000/svg}text"))
    assert words == sentence
    assert answer.headers["content-type"] == "image/svg+xml"
