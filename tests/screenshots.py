"""Screenshots for the docs: `python -m tests.screenshots DIR`, of this machine's site with its sample drops."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dicomdex_local.sample import SAMPLE_DROPS
from dicomdex_local.site import Site
from tests.integration.browser import Visit, chromium

SCREEN = {"width": 1360, "height": 850}
SHOWN = {
    "search": "/?Modality=CT&Modality=MR",
    "gallery": "/?level=series&view=gallery",
    "detail": "",
    "operations": "/operations",
}


def main(target: Path) -> None:
    """Four pages, light and dark, and the search on a narrow screen."""
    site = Site()
    if not site.page.is_ready():
        sys.exit("`make run` first: the screenshots are of its sample drops")
    target.mkdir(parents=True, exist_ok=True)
    password = json.loads((site.run.secrets / "web").read_text())["admin"]
    with chromium() as browser:
        for scheme in ("light", "dark"):
            visit = Visit(browser, site.page.url, color_scheme=scheme, viewport=SCREEN)
            visit.log_in("admin", password)
            for name, address in SHOWN.items():
                visit.page.goto(address or _a_detail(visit), wait_until="networkidle")
                visit.page.screenshot(path=target / f"{name}-{scheme}.png")
            visit.close()
        visit = Visit(browser, site.page.url, viewport={"width": 390, "height": 780})
        visit.log_in("admin", password)
        visit.page.screenshot(path=target / "search-narrow.png")
        visit.close()


def _a_detail(visit: Visit) -> str:
    """The first CT instance of the last sample drop."""
    visit.page.goto(f"/?level=instance&Modality=CT&drop={list(SAMPLE_DROPS)[-1]}")
    return visit.page.locator("a.open").first.get_attribute("href") or "/"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
