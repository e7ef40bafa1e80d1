"""Looking and taking in a real browser: the detail page, its filter, a download on one click, the cart."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dicomdex_local.web import Page
from tests.integration.browser import Visit
from tests.integration.paged import password
from tests.integration.take.taken import CONTESTED, SERIES, STUDY, in_the_landing_area, sha256, with_sop
from tests.integration.waiting import wait_for
from tests.spark.served import Documents, Served


@pytest.fixture
def visit(browser: Browser, page: Page) -> Iterator[Visit]:
    """A viewer; nothing is asked of another host, nothing goes wrong unseen."""
    made = Visit(browser, page.url)
    made.log_in("viewer", password(page, "viewer"))
    yield made
    assert made.wrong == []
    assert [url for url in made.asked if not url.startswith((page.url, "data:"))] == []
    made.close()


def test_one_click_downloads_the_file(visit: Visit, line: Served, documents: Documents) -> None:
    one = with_sop(documents, f"{SERIES}.1")
    visit.page.goto(f"/view/{one['id']}")
    with visit.page.expect_download() as download:
        visit.page.click("text=Download DICOM")
    assert download.value.suggested_filename == f"{one['SOPInstanceUID']}.dcm"
    content = Path(download.value.path()).read_bytes()
    assert sha256(content) == sha256(in_the_landing_area(line, one))


def test_attributes_are_filtered_by_what_is_typed(visit: Visit, documents: Documents) -> None:
    visit.page.goto(f"/view/{with_sop(documents, f'{SERIES}.1')['id']}")
    rows = visit.page.locator("#attribute-table tbody tr:visible")
    before = rows.count()
    visit.page.fill("#attribute-filter", "0009 private")
    assert [text.split("\t")[0] for text in rows.all_inner_texts()] == ["(0009,0010)", "(0009,1001)"]
    assert visit.page.inner_text("#attribute-count") == f"2 of {before} elements"
    visit.page.fill("#attribute-filter", "")
    assert rows.count() == before


def test_a_value_is_copied_by_its_button(visit: Visit, documents: Documents) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.page.goto(f"/view/{with_sop(documents, f'{SERIES}.1')['id']}")
    visit.page.fill("#attribute-filter", "0009,1001")
    visit.page.click("button[aria-label^='Copy Private element']")
    visit.page.wait_for_selector("button.copy:has-text('Copied')")
    assert visit.page.evaluate("navigator.clipboard.readText()") == "a private value"


def test_conflicts_are_seen_side_by_side_and_lead_to_each_other(visit: Visit, documents: Documents) -> None:
    visit.page.goto(f"/view/{with_sop(documents, CONTESTED)['id']}")
    assert visit.page.locator("table.side td.differs").all_inner_texts() == ["P1", "P2"]
    visit.page.click("table.side thead th:last-child a")
    assert visit.page.inner_text(".crumbs").endswith("Copy")


def test_thumbnails_are_seen_and_those_with_text_only_when_asked_for(visit: Visit, documents: Documents) -> None:
    # Asked anew from here: what Playwright polls by itself is an eval, which the page's policy forbids.
    pictures = "[...document.images].map((one) => one.complete && one.naturalWidth > 0)"
    visit.page.goto(f"/view/{STUDY}!study")
    wait_for("all pictures", lambda: visit.page.evaluate(f"{pictures}.every(Boolean)"))
    visit.page.goto(f"/view/{with_sop(documents, '1.2.6.1.1')['id']}")
    assert "burned into the image" in visit.page.inner_text(".note")
    visit.page.click("text=Show the picture all the same")
    wait_for("all pictures", lambda: visit.page.evaluate(f"{pictures}.every(Boolean)"))
    assert (visit.page.get_attribute(".picture", "src") or "").endswith("?reveal=yes")


def test_a_study_goes_into_the_cart_and_comes_out_as_a_zip(visit: Visit, documents: Documents) -> None:
    visit.page.goto(f"/view/{STUDY}!study")
    visit.page.click("text=Add to cart")
    visit.page.goto("/cart")
    assert visit.page.locator(".cart-table tbody tr").count() == 1
    with visit.page.expect_download() as download:
        visit.page.click("text=Download files (zip)")
    found = zipfile.ZipFile(download.value.path())
    assert found.testzip() is None
    inside = [one for one in documents.values() if one["level"] == "instance" and one["study"] == STUDY]
    assert len(found.namelist()) == len(inside) + 1
    visit.page.check(".cart-table input")
    visit.page.click("text=Take out what is chosen")
    visit.page.wait_for_selector("text=The cart is empty")


def test_without_scripts_all_of_it_is_there(browser: Browser, page: Page, documents: Documents) -> None:
    visit = Visit(browser, page.url, java_script_enabled=False)
    visit.log_in("viewer", password(page, "viewer"), f"/view/{with_sop(documents, f'{SERIES}.1')['id']}")
    assert visit.page.locator("#attribute-table tbody tr").count() > 15
    with visit.page.expect_download():
        visit.page.click("text=Download DICOM")
    visit.close()
