"""What the tests of taking share: a line of files, the page before it, and a viewer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from dicomdex_local.web import Page
from tests.integration.browser import chromium
from tests.integration.take.taken import taken as started
from tests.page_program import logged_in
from tests.spark.served import Documents, Served


@pytest.fixture(scope="package")
def taken(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Page]]:
    """A line of files to take, and the page before it; what a test changes there it brings back."""
    with started(tmp_path_factory.mktemp("take"), jars) as made:
        yield made


@pytest.fixture(scope="package")
def line(taken: tuple[Served, Page]) -> Served:
    """Drops in a landing area, the catalog and Solr."""
    return taken[0]


@pytest.fixture(scope="package")
def page(taken: tuple[Served, Page]) -> Page:
    """The page before the line."""
    return taken[1]


@pytest.fixture(scope="package")
def documents(line: Served) -> Documents:
    """What Solr has of every document."""
    return line.documents()


@pytest.fixture
def viewer(page: Page) -> Iterator[httpx.Client]:
    """Somebody who may look and take."""
    with logged_in(page) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as made:
        yield made
