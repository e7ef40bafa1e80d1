"""Searching through the page as people do: words and a filter, what comes up first, the next facet. Several at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from time import perf_counter

import httpx

from dicomdex_local.web import Page
from tests.bench.collection_search import percentiles
from tests.bench.collection_values import MODALITIES, PLANES, REGIONS, WAYS
from tests.page_program import logged_in

CLIENTS = (1, 4, 16)
QUERIES, WARM_UP = 40, 5  # of a client
LEVELS = ("study", "series", "instance")
Ask = Callable[[httpx.Client, Random], httpx.Response]


def words(client: httpx.Client, draw: Random) -> httpx.Response:
    """Two words and a modality: typed, then the page of its id."""
    modality = draw.choices(MODALITIES, [one.percent for one in MODALITIES])[0].name
    state = f"level={draw.choice(LEVELS)}&Modality={modality}"
    text = f"{draw.choice(PLANES)} {draw.choice(WAYS)}"
    return client.post("/search", data={"state": state, "text": text}, follow_redirects=True)


def chosen(client: httpx.Client, draw: Random) -> httpx.Response:
    """A region and two years, chosen from facets."""
    year = draw.randint(2015, 2024)
    asked = {
        "level": draw.choice(LEVELS),
        "BodyPartExamined": draw.choice(REGIONS),
        "StudyDate": f"{year}-{draw.randint(1, 12):02d}..{year + 1}",
    }
    return client.get("/", params=asked, follow_redirects=True)


def everything(client: httpx.Client, draw: Random) -> httpx.Response:
    """No condition: what a person sees first, at each level."""
    return client.get("/", params={"level": draw.choice(LEVELS)}, follow_redirects=True)


ASKED: dict[str, Ask] = {"two words": words, "chosen": chosen, "everything": everything}


def measure_search(page: Page) -> dict[str, dict[str, dict[str, float]]]:
    """Question -> clients -> p50 and p95 in milliseconds, from the request to the last byte of the page."""
    return {name: {str(count): _asked(page, ask, count) for count in CLIENTS} for name, ask in ASKED.items()}


def _asked(page: Page, ask: Ask, clients: int) -> dict[str, float]:
    with ThreadPoolExecutor(clients) as pool:
        found = list(pool.map(lambda number: _client(page, ask, number), range(clients)))
    return percentiles([seconds for own in found for seconds in own])


def _client(page: Page, ask: Ask, number: int) -> list[float]:
    draw, seconds = Random(number), []
    with logged_in(page) as client:
        for place in range(WARM_UP + QUERIES):
            begun = perf_counter()
            answer = ask(client, draw)
            if place >= WARM_UP:
                seconds.append(perf_counter() - begun)
            assert answer.status_code == 200, answer.status_code
    return seconds
