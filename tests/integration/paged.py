"""The page as people run it: a program of its own before a real Solr, which holds a hospital that tests can count."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser

from dicomdex.adapters.solr import Solr
from dicomdex_local.layout import RunDir
from dicomdex_local.ports import free_ports
from dicomdex_local.solr import SolrNode
from dicomdex_local.web import Page, ensure_secret
from tests.integration.browser import Visit, chromium
from tests.spark.searched import Row, documents, hospital, put

ALIAS = "seen"
BAD = "window.bad=1"
# Names as nobody has, each in a study of its own.
EVIL = (
    f"<script>{BAD}</script>",
    f'"><img src=x onerror={BAD}>',
    "{!xmlparser v='<!DOCTYPE a SYSTEM \"http://127.0.0.1:1/x\">'}",
    '_query_:"{!func}1" OR *:*',
    "\u202eDROWSSAP^\u2066EVIL",
    '=HYPERLINK("http://127.0.0.1:1")',
    "${jndi:ldap://127.0.0.1:1/x}",
    "ZZCANARY^Anna",
)


@pytest.fixture(scope="session")
def hospital_rows() -> list[Row]:
    """What Solr holds: instances and copies."""
    return rows()


@pytest.fixture(scope="session")
def paged_engines(
    jars: Path, hospital_rows: list[Row], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Page, SolrNode]]:
    """The page and its Solr."""
    with paged(tmp_path_factory.mktemp("page"), jars, hospital_rows) as made:
        yield made


@pytest.fixture(scope="session")
def site_page(paged_engines: tuple[Page, SolrNode]) -> Page:
    """The page."""
    return paged_engines[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium: playwright runs once in a program at a time, so it ends with its module."""
    with chromium() as made:
        yield made


@pytest.fixture
def visit(browser: Browser, site_page: Page) -> Iterator[Visit]:
    """A viewer at the search page, who asks no other host and sees no error."""
    made = Visit(browser, site_page.url)
    made.log_in("viewer", password(site_page, "viewer"))
    yield made
    assert made.wrong == []
    assert [url for url in made.asked if not url.startswith(site_page.url)] == []
    made.close()


def rows() -> list[Row]:
    """The hospital's instances, and one study for each evil name."""
    made = hospital()
    for number, name in enumerate(EVIL):
        uid = f"1.3.{number}"
        made.append(
            {
                **{"study": uid, "StudyInstanceUID": uid, "series": f"{uid}.1", "SeriesInstanceUID": f"{uid}.1"},
                **{"series_id": f"{uid}!s.{uid}.1", "id": f"{uid}!i.{uid}.1.1", "SOPInstanceUID": f"{uid}.1.1"},
                **{"level": "instance", "drop": ["evil"], "PatientName": name, "PatientID": name, "Modality": "OT"},
                **{"Manufacturer": name, "InstitutionName": name, "BodyPartExamined": name, "SeriesDescription": name},
            }
        )
    return made


@contextmanager
def paged(root: Path, jars: Path, made: list[Row]) -> Iterator[tuple[Page, SolrNode]]:
    """A page and its Solr below the directory; both are stopped at the end."""
    run = RunDir(root / "run")
    run.create()
    solr_port, zookeeper_port, port = free_ports(3)
    node = SolrNode(run.solr, jars / "solr", run.secrets, solr_port, zookeeper_port=zookeeper_port, heap="512m")
    page = Page(run, port, "", {**_plain(), **_settings(root, node)})
    ensure_secret(run)
    try:
        node.launch()
        page.launch()
        node.wait_ready()
        with Solr(node.base_url, node.auth) as solr:
            put(solr, ALIAS, documents(made), shards=2)
        page.wait_ready()
        yield page, node
    finally:
        page.stop()
        node.stop()


def password(page: Page, name: str) -> str:
    """Of a user that the page has made at its first start."""
    return str(json.loads((page.run.secrets / "web").read_text())[name])


@contextmanager
def session(page: Page, name: str) -> Iterator[httpx.Client]:
    """A program that is logged in."""
    with httpx.Client(base_url=page.url, timeout=60.0, trust_env=False) as made:
        answer = made.post("/login", data={"name": name, "password": password(page, name)})
        assert answer.status_code == 303
        yield made


def _settings(root: Path, node: SolrNode) -> dict[str, str]:
    areas = {f"DICOMDEX_{name.upper()}": (root / name).as_uri() for name in ("landing", "work", "catalog")}
    for name in ("landing", "work", "catalog"):
        (root / name).mkdir()
    return {**areas, "DICOMDEX_ALIAS": ALIAS, "DICOMDEX_SOLR_URL": node.base_url}


def _plain() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("DICOMDEX_", "AIRFLOW"))}
