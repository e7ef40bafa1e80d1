"""Chromium, as a person at the page: what it asks for, and what of ours fails unseen, is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from dicomdex_local.debian import ensure_program

SECONDS = 60_000  # milliseconds: the limit of a wait on two busy cores


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser of its own; its sandbox does not start for root."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(
            executable_path=str(ensure_program("chromium", "chromium")),
            args=["--no-sandbox", "--disable-dev-shm-usage"],
        )
        yield made
        made.close()


class Visit:
    """One person's window: what it asked for, what its console said, and what the page's scripts did wrong."""

    def __init__(self, browser: Browser, url: str, **how: Any) -> None:
        self.url = url
        self.context: BrowserContext = browser.new_context(base_url=url, **how)
        self.context.set_default_timeout(SECONDS)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self._opened(dialog.message, dialog))
        self.page.on("console", self._said)

    def log_in(self, name: str, password: str, path: str = "/") -> Page:
        """Go there and log in by the page's own form."""
        self.page.goto(path)
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("button:has-text('Log in')")
        self.page.wait_for_selector(".top nav")
        return self.page

    def number(self, selector: str) -> int:
        """The number that an element shows."""
        return int(re.sub(r"\D", "", self.page.inner_text(selector)))

    def counts(self) -> list[int]:
        """Studies, series, instances."""
        return [int(re.sub(r"\D", "", text)) for text in self.page.locator(".levels a b").all_inner_texts()]

    def does(self, action: Any) -> None:
        """Do something by which the results are shown anew, and wait for them."""
        self.page.evaluate("document.querySelector('#page').dataset.before = '1'")
        action()
        self.page.wait_for_selector("#page:not([data-before])")

    def close(self) -> None:
        """Close the window."""
        self.context.close()

    def _opened(self, message: str, dialog: Any) -> None:
        self.wrong.append(f"dialog {message}")
        dialog.dismiss()

    def _said(self, message: Any) -> None:
        # The login page is a 401, of which the console tells when it likes.
        if message.type == "error" and "401 (Unauthorized)" not in message.text:
            self.wrong.append(message.text)
