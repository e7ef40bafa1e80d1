"""Where a site's landing area is, as settings and as a directory."""

from __future__ import annotations

import pytest

from dicomdex_local.errors import SiteError
from dicomdex_local.site import Site


@pytest.mark.parametrize("form", ["as a path", "as a URL"])
def test_a_landing_area_is_the_same_directory_however_it_is_given(tmp_path, monkeypatch, form):
    landing = tmp_path / "the landing area"
    monkeypatch.setenv("DICOMDEX_LANDING", str(landing) if form == "as a path" else landing.as_uri())
    site = Site(tmp_path / "run")
    assert site.landing == landing
    assert site.settings().landing == landing.as_uri()


def test_a_landing_area_elsewhere_keeps_its_url_and_is_no_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("DICOMDEX_LANDING", "hdfs://namenode:9000/landing")
    site = Site(tmp_path / "run")
    assert site.settings().landing == "hdfs://namenode:9000/landing"
    with pytest.raises(SiteError, match="on this machine"):
        _ = site.landing
