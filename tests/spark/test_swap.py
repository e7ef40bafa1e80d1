"""Rebuilding under load: whoever asks the alias gets an answer, and it is the old collection's or the new one's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pysolr
import pytest

from dicomdex_local.solr import SolrNode
from tests.spark.built import BuiltLine, alias_for

STUDIES = 20  # of the first collection; each next one has a study more, so that every count names its collection
CLIENTS = 4
COUNTS = {
    "query": "*:*",
    "limit": 0,
    "facet": {"levels": {"type": "terms", "field": "level", "facet": {"studies": "unique(study)"}}},
}


class Clients:
    """People: each asks again and again until told to stop; every answer is judged at once.

    `shown` is what the alias surely shows, `next` what it may show from now on, both as numbers of studies.
    """

    def __init__(self, line: BuiltLine) -> None:
        self.line = line
        self.shown = self.next = STUDIES
        self.answers = [0] * CLIENTS
        self.wrong: list[str] = []
        self.over = threading.Event()
        asks = [self._by_facets] * (CLIENTS - 1) + [self._by_pysolr]
        self.threads = [threading.Thread(target=self._run, args=(number, ask)) for number, ask in enumerate(asks)]

    def __enter__(self) -> Clients:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def _run(self, number: int, ask: Callable[[], Callable[[], set[int]]]) -> None:
        question = ask()
        while not self.over.is_set():
            least = self.shown
            try:
                counts = question()
            except Exception as error:  # noqa: BLE001 # whatever it is, a person got no answer
                self.wrong.append(f"failed: {type(error).__name__}")
                continue
            if len(counts) != 1 or not least <= min(counts) <= self.next:
                self.wrong.append(f"{counts} where {least} or {self.next} are shown")
            self.answers[number] += 1

    def _by_facets(self) -> Callable[[], set[int]]:
        client = httpx.Client(auth=self.line.auth, timeout=60)
        url = f"{self.line.settings.solr_url}/{self.line.settings.alias}/query"

        def counts() -> set[int]:
            answer = client.post(url, json=COUNTS)
            levels = answer.raise_for_status().json()["facets"]["levels"]["buckets"]
            assert len(levels) == 3
            return {one[part] for one in levels for part in ("count", "studies")}

        return counts

    def _by_pysolr(self) -> Callable[[], set[int]]:
        url = f"{self.line.settings.solr_url}/{self.line.settings.alias}"
        client: Any = pysolr.Solr(url, auth=self.line.auth, timeout=60)
        return lambda: {client.search("level:instance", rows=0).hits}


@pytest.mark.parametrize("cycles", [8, pytest.param(50, marks=pytest.mark.long)])
def test_no_query_fails_and_no_answer_is_half_while_collections_are_rebuilt_and_swapped(
    tmp_path: Path, node: SolrNode, cycles: int
) -> None:
    line = BuiltLine(tmp_path, node, alias_for(str(tmp_path)))
    line.instances("2026-01-01", STUDIES)
    line.rebuild("run 0")
    with Clients(line) as clients:
        for cycle in range(1, cycles + 1):
            line.instances("2026-01-01", STUDIES + cycle)
            clients.next = STUDIES + cycle
            line.rebuild(f"run {cycle}")
            clients.shown = STUDIES + cycle
    assert clients.wrong == []
    assert min(clients.answers) >= cycles / 2, clients.answers
    kept = [name for name in line.solr.collections() if name.startswith(f"{line.settings.alias}_")]
    assert len(kept) == line.settings.keep_collections
