"""Nothing of a name runs on the page, leaves it by an address or a log, or breaks it; and it outlives its Solr."""

from __future__ import annotations

import re
from typing import Any

import httpx
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from playwright.sync_api import Browser

from dicomdex_local.solr import SolrNode
from dicomdex_local.web import Page
from dicomdex_web.keys import Keys
from dicomdex_web.trail import verify
from tests.integration import paged
from tests.integration.browser import Visit


def test_no_name_runs_and_every_name_is_shown_as_it_is(visit: Visit) -> None:
    for address in ("/?drop=evil", "/?drop=evil&level=instance&view=gallery", "/?drop=evil&level=series"):
        visit.page.goto(address)
        assert visit.page.evaluate("window.bad") is None
        text = visit.page.inner_text("#page")
        assert "<script>" in text
        assert "{!xmlparser" in text
    visit.page.goto("/?drop=evil")
    for value in paged.EVIL:
        visit.page.fill("#text", value)
        visit.does(lambda: visit.page.press("#text", "Enter"))
        assert visit.page.evaluate("window.bad") is None
        assert visit.page.input_value("#text") == value
    boxes = visit.page.goto("/?drop=evil")
    assert boxes is not None
    values = [box.get_attribute("value") for box in visit.page.locator("input[name=Manufacturer]").all()]
    assert sorted(filter(None, values)) == sorted(paged.EVIL)


def test_a_link_is_for_everybody_and_what_was_typed_for_its_author(site_page: Page) -> None:
    with paged.session(site_page, "admin") as author, paged.session(site_page, "viewer") as reader:
        token = re.search(r'name="csrf" value="([^"]+)"', author.get("/").text)
        assert token
        sent = author.post("/search", data={"csrf": token[1], "text": "knee", "state": "?Modality=MR"})
        assert author.get(sent.headers["location"]).status_code == 200
        answer = reader.get(sent.headers["location"])
        assert answer.status_code == 400
        assert "knee" not in answer.text
        assert reader.get("/?Modality=MR").status_code == 200


def test_no_request_that_the_api_allows_ends_in_500(site_page: Page) -> None:
    with paged.session(site_page, "admin") as browser, requests.Session() as asking:
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/").text)
        assert token
        asking.trust_env = False
        asking.cookies.update(dict(browser.cookies.items()))
        asking.headers["X-CSRF-Token"] = token[1]
        schema = schemathesis.openapi.from_dict(browser.get("/openapi.json").json())
        operations = [one.ok() for one in schema.get_all_operations()]
        assert {one.path for one in operations} >= {"/", "/search", "/complete", "/operations/start", "/login"}
        for operation in operations:
            _asked(operation.as_strategy(), site_page.url, asking)
        assert browser.get("/").status_code == 200


def _asked(strategy: Any, url: str, asking: requests.Session) -> None:
    quick = settings(
        max_examples=12, derandomize=True, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    @quick
    @given(case=strategy)
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, session=asking, allow_redirects=False, timeout=60)
        assert answer.status_code < 500, f"{case.method} {case.path}"

    ask()


def test_log_trail_and_errors_hold_no_name(site_page: Page) -> None:
    with paged.session(site_page, "viewer") as browser:
        token = re.search(r'name="csrf" value="([^"]+)"', browser.get("/").text)
        assert token
        for field in ("PatientName", "StudyDate", "NoSuchField", "ZZCANARY"):
            data = {"csrf": token[1], "field": field, "value": "ZZCANARY", "text": "ZZCANARY"}
            answer = browser.post("/search", data=data)
            assert answer.status_code in (303, 400)
            assert "ZZCANARY" not in answer.headers.get("location", "")
        browser.get("/?PatientName=ZZCANARY")
    assert "ZZCANARY" not in (site_page.run.logs / "page.log").read_text()
    trail = site_page.run.root / "web" / "trail.jsonl"
    assert "ZZCANARY" not in trail.read_text()
    assert '"action":"search"' in trail.read_text()
    assert verify(trail, Keys(site_page.run.secrets).trail).wrong == ""


def test_the_page_only_reads_solr(site_page: Page, paged_engines: tuple[Page, SolrNode]) -> None:
    node = paged_engines[1]
    with httpx.Client(base_url=node.base_url, auth=node.secrets.page_auth, trust_env=False) as solr:
        assert solr.get("/admin/collections?action=LISTALIASES").status_code == 200
        assert solr.get(f"/{paged.ALIAS}/select?q=*:*").status_code == 200
        for refused in (f"/{paged.ALIAS}/update?commit=true", "/admin/collections?action=DELETE&name=x"):
            assert solr.get(refused).status_code == 403
        assert solr.get("/admin/authentication").status_code == 403


def test_solr_that_goes_down_is_a_sentence_and_comes_back(
    paged_engines: tuple[Page, SolrNode], browser: Browser
) -> None:
    site_page, node = paged_engines
    visit = Visit(browser, site_page.url)
    page = visit.log_in("viewer", paged.password(site_page, "viewer"))
    node.stop()
    page.goto("/")
    assert "Solr does not answer" in page.inner_text("[role=alert]")
    node.start()
    visit.does(lambda: page.click("text=Try again"))
    assert visit.counts()[0] > 0
    visit.close()
