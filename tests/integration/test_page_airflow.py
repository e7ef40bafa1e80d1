"""The page of the shared site by way of Airflow: one login, and runs with one's own rights."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, expect

from dicomdex_local.site import Site
from tests.integration.browser import SECONDS, Visit
from tests.integration.line import Line

RUN_LIMIT = 600_000  # milliseconds: a rebuild of the sample, with everything else that the machine does


def _through_airflow(browser: Browser, site: Site, name: str) -> tuple[Visit, FrameLocator]:
    """Log in to Airflow and choose DICOM; the frame with the page."""
    password = json.loads(site.airflow.secrets.passwords_file.read_text())[name]
    visit = Visit(browser, site.airflow.url)
    visit.page.goto("/")
    visit.page.fill("input[name=username]", name)
    visit.page.fill("input[name=password]", password)
    visit.page.get_by_role("button", name="Sign in").click()
    visit.page.get_by_role("link", name="DICOM", exact=True).click()
    frame = visit.page.frame_locator("iframe")
    expect(frame.locator(".who")).to_contain_text(name, timeout=SECONDS)
    return visit, frame


@pytest.mark.timeout(900)
def test_who_is_logged_in_to_airflow_starts_a_rebuild_from_the_page(browser: Browser, site: Site, line: Line) -> None:
    visit, frame = _through_airflow(browser, site, "admin")
    expect(frame.locator(".levels a b").first).not_to_have_text("0")
    frame.get_by_role("link", name="Operations").click()
    live = frame.locator("tr:has(.badge:text-is('live')) td code").first
    before = live.inner_text()
    frame.get_by_role("button", name="Rebuild").click()
    expect(frame.locator("[data-run-state]")).to_have_text("success", timeout=RUN_LIMIT)
    frame.get_by_role("link", name="Operations").click()
    expect(live).not_to_have_text(before)
    expect(frame.get_by_role("button", name="Roll back to it")).not_to_have_count(0)
    lines = [json.loads(text) for text in (site.run.root / "web" / "trail.jsonl").read_text().splitlines()]
    (started,) = [one for one in lines if one["action"] == "operation"]
    assert (started["person"], started["outcome"]) == ("admin", "rebuild started")
    visit.close()


def test_a_viewer_of_airflow_sees_no_operation_and_gets_403(browser: Browser, site: Site, line: Line) -> None:
    visit, frame = _through_airflow(browser, site, "viewer")
    expect(frame.locator(".top nav a")).to_have_count(2)
    (shown,) = [one for one in visit.page.frames if one.url.startswith(site.page.url)]
    answer: Any = shown.evaluate("fetch('/operations').then((answer) => answer.status)")
    assert answer == 403
    (code,) = [url for url in visit.asked if "/enter?code=" in url]
    other = Visit(browser, site.page.url)
    again = other.page.goto(code)
    assert again is not None
    assert again.status == 401
    other.close()
    visit.close()


def test_who_logs_in_directly_is_told_where_runs_are_started(browser: Browser, site: Site, line: Line) -> None:
    visit = Visit(browser, site.page.url)
    page = visit.log_in("admin", json.loads((site.run.secrets / "web").read_text())["admin"], "/operations")
    assert "log in to Airflow" in page.inner_text(".notice")
    assert page.locator("tr .badge.ok").count() > 0
    assert page.locator("button[name=action]:not([disabled])").count() == 0
    page.click("text=2026")
    assert "listed" in page.inner_text("table.grid")
    visit.close()
