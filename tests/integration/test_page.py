"""The page in a real browser before a real Solr: what it counts is what looking at every row gives."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from playwright.sync_api import Browser

from dicomdex.attributes import LEVELS
from dicomdex.search import Filter, Query
from dicomdex_local.web import Page
from tests.integration import paged
from tests.integration.browser import Visit
from tests.spark.searched import Row, counted, keys


def _counts(hospital_rows: list[Row], query: Query) -> list[int]:
    return [len(keys(hospital_rows, query.at(level))) for level in LEVELS]


def test_the_levels_show_exact_counts_and_typing_narrows_them(visit: Visit, hospital_rows: list[Row]) -> None:
    assert visit.counts() == _counts(hospital_rows, Query())
    visit.page.fill("#text", "knee")
    visit.does(lambda: visit.page.press("#text", "Enter"))
    assert visit.counts() == _counts(hospital_rows, Query(text="knee"))
    assert "knee" not in visit.page.url
    assert visit.page.input_value("#text") == "knee"


def test_values_of_a_facet_are_alternatives_and_its_counts_stay(visit: Visit, hospital_rows: list[Row]) -> None:
    of_facet = "details.facet:has(input[name=Modality]) label.value"
    expected, none = counted(hospital_rows, Query(level="study"), "Modality")

    def shown() -> dict[str, int]:
        found = {}
        for label in visit.page.locator(f"{of_facet}:not(.has-no)").all():
            found[label.locator("input").get_attribute("value") or ""] = int(label.locator(".count").inner_text())
        return found

    assert shown() == expected
    visit.does(lambda: visit.page.check("input[name=Modality][value=CT]"))
    visit.does(lambda: visit.page.check("input[name=Modality][value=MR]"))
    assert visit.counts() == _counts(hospital_rows, Query(filters=(Filter("Modality", values=("CT", "MR")),)))
    assert shown() == expected
    visit.does(lambda: visit.page.check("input[name=none][value=Modality]"))
    either = Filter("Modality", values=("CT", "MR"), missing=True)
    assert visit.counts()[2] == len(keys(hospital_rows, Query(filters=(either,))))
    assert none > 0


def test_pulling_over_the_dates_filters_by_them(visit: Visit, hospital_rows: list[Row]) -> None:
    bars = visit.page.locator(".histogram[data-field=StudyDate] svg a")
    assert bars.count() == 3  # January to March
    box = visit.page.locator(".histogram[data-field=StudyDate] svg").bounding_box()
    assert box is not None

    def pull() -> None:
        visit.page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + 20)
        visit.page.mouse.down()
        visit.page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
        visit.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        visit.page.mouse.up()

    visit.does(pull)
    assert "StudyDate=2026-01..2026-02" in visit.page.url
    assert visit.counts() == _counts(
        hospital_rows, Query(filters=(Filter("StudyDate", low="2026-01", high="2026-02"),))
    )
    assert visit.page.locator(".histogram[data-field=StudyDate] svg a.off").count() == 1


def test_the_keyboard_does_all(visit: Visit) -> None:
    page = visit.page
    visit.does(lambda: page.keyboard.press("3"))
    assert page.inner_text(".levels a[aria-current]").endswith("Instances")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert page.locator("[data-row]").nth(1).locator("input[name=id]").is_checked()
    visit.does(lambda: page.keyboard.press("g"))
    assert "view=gallery" in page.url
    assert page.locator(".tile img[loading=lazy]").count() == 60
    visit.does(lambda: page.keyboard.press("n"))
    assert page.locator(".tile").count() == 60
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 300})
    page.keyboard.press("?")
    assert page.locator("dialog dd").count() > 5


def test_all_pages_together_show_every_match_once(visit: Visit, hospital_rows: list[Row]) -> None:
    visit.page.goto("/?level=series&Modality=CT")
    seen: list[str] = []
    while True:
        seen += [row.get_attribute("value") or "" for row in visit.page.locator("input[name=id]").all()]
        if not visit.page.locator("a.next").count():
            break
        visit.does(lambda: visit.page.click("a.next"))
    expected = keys(hospital_rows, Query(level="series", filters=(Filter("Modality", values=("CT",)),)))
    assert sorted(seen) == sorted(expected)


def test_what_is_begun_is_completed_and_patients_go_by_post(visit: Visit, hospital_rows: list[Row]) -> None:
    visit.page.locator("#text").press_sequentially("ZZCAN")
    visit.page.wait_for_selector("#offers button")
    visit.does(lambda: visit.page.click("#offers button:has-text('ZZCANARY')"))
    assert visit.counts() == [1, 1, 1]
    assert "ZZCANARY" in visit.page.inner_text(".chips")
    visit.does(lambda: visit.page.click(".chips button"))
    visit.page.locator("#text").press_sequentially("KNE")
    visit.does(lambda: visit.page.click("#offers a:has-text('KNEE')"))
    wanted = Query(filters=(Filter("BodyPartExamined", values=("KNEE",)),))
    assert visit.counts() == _counts(hospital_rows, wanted)
    assert not [url for url in visit.asked if "ZZCAN" in url.upper()]


def test_columns_are_chosen_and_sorted_by(visit: Visit) -> None:
    page = visit.page
    page.click("summary:has-text('Columns')")
    page.fill("[data-filter]", "sex")
    page.check(".sheet input[value=PatientSex]")
    visit.does(lambda: page.click("button:has-text('Show these')"))
    assert "Sex" in page.inner_text("thead")
    visit.does(lambda: page.click("thead a:has-text('Patient ID')"))
    shown = [cell.inner_text() for cell in page.locator("tbody tr td:nth-child(4)").all()]
    assert shown == sorted(shown)
    assert page.get_attribute("th[aria-sort]", "aria-sort") == "ascending"


def test_without_javascript_search_facets_and_pages_work(
    browser: Browser, site_page: Page, hospital_rows: list[Row]
) -> None:
    visit = Visit(browser, site_page.url, java_script_enabled=False)
    page = visit.log_in("viewer", paged.password(site_page, "viewer"))
    page.fill("#text", "knee")
    page.click("button:has-text('Search')")
    assert visit.counts() == _counts(hospital_rows, Query(text="knee"))
    page.check("input[name=Modality][value=MR]")
    page.click("button:has-text('Apply')")
    both = Query(text="knee", filters=(Filter("Modality", values=("MR",)),))
    assert visit.counts() == _counts(hospital_rows, both)
    page.click(".levels a:has-text('Instances')")
    assert page.locator("tbody tr").count() == min(50, len(keys(hospital_rows, both)))
    visit.close()


def test_an_export_holds_what_the_search_has_counted(site_page: Page, hospital_rows: list[Row]) -> None:
    with paged.session(site_page, "viewer") as browser:
        address = "?level=series&Modality=CT&Modality=MR&StudyDate=2026-01..2026-02"
        filters = (Filter("Modality", values=("CT", "MR")), Filter("StudyDate", low="2026-01", high="2026-02"))
        found = len(keys(hospital_rows, Query(level="series", filters=filters)))
        shown = re.search(r"of ([\d,]+)</span>", browser.get(f"/{address}").text)
        assert shown
        assert int(shown[1].replace(",", "")) == found
        lines = list(csv.reader(io.StringIO(browser.get(f"/export/csv{address}").text)))
        assert len(lines) - 1 == found


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1280)])
def test_nothing_sticks_out_on_any_screen(browser: Browser, site_page: Page, scheme: Any, width: int) -> None:
    visit = Visit(browser, site_page.url, color_scheme=scheme, viewport={"width": width, "height": 800})
    page = visit.log_in("viewer", paged.password(site_page, "viewer"))
    for address in ("/", "/?level=instance&view=gallery", "/?PatientSex=F&Modality=CT"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    visit.close()
