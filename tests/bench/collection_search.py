"""Searching as people do: pages with six facets at each level, everything by facets, names. One and several clients."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from statistics import median, quantiles
from time import perf_counter

from dicomdex.adapters.solr import Solr
from dicomdex.adapters.solr_search import Search
from dicomdex.attributes import Level
from dicomdex.search import Facet, Filter, Query
from dicomdex.settings import Settings
from tests.bench.collection_values import MODALITIES, PLANES, REGIONS, SYLLABLES, WAYS

FACETS = tuple(
    map(Facet, ("Modality", "BodyPartExamined", "Manufacturer", "InstitutionName", "StationName", "PatientSex"))
)
QUERIES, WARM_UP = 100, 15  # of a client
CLIENTS = (1, 4)
Ask = Callable[[Random], Query]


def page(level: Level) -> Ask:
    """Two words, a range of dates and a filter, six facets, sorted, 20 rows."""

    def ask(draw: Random) -> Query:
        year, words = draw.randint(2015, 2020), f"{draw.choice(PLANES)} {draw.choice(WAYS)}"
        dates = Filter("StudyDate", low=f"{year}-{draw.randint(1, 12):02d}-01", high=f"{year + 5}-12-31")
        kind = Filter("Modality", values=(draw.choices(MODALITIES, [one.percent for one in MODALITIES])[0].name,))
        return Query(level=level, text=words, filters=(dates, kind), facets=FACETS, sort=("-StudyDate",))

    return ask


def filtered(level: Level) -> Ask:
    """A range of dates and a region, six facets, 20 rows; no text."""

    def ask(draw: Random) -> Query:
        year = draw.randint(2015, 2024)
        dates = Filter("StudyDate", low=f"{year}-{draw.randint(1, 12):02d}-01", high=f"{year + 1}-12-31")
        region = Filter("BodyPartExamined", values=(draw.choice(REGIONS),))
        return Query(level=level, filters=(dates, region), facets=FACETS)

    return ask


def everything(level: Level) -> Ask:
    """No condition, six facets: what a person sees first. Rows differ, so that no cache has the answer."""
    return lambda draw: Query(level=level, facets=FACETS, rows=draw.randint(10, 100))


def name(draw: Random) -> Query:
    """The beginning of a family name, studies."""
    begun = "".join(draw.choices(SYLLABLES, k=2))
    return Query(level="study", filters=(Filter("PatientName", prefix=begun),))


ASKED: dict[str, Ask] = {
    "instances, two words": page("instance"),
    "series, two words": page("series"),
    "studies, two words": page("study"),
    "instances, filtered": filtered("instance"),
    "series, filtered": filtered("series"),
    "studies, filtered": filtered("study"),
    "all instances": everything("instance"),
    "all series": everything("series"),
    "all studies": everything("study"),
    "patient's name": name,
}


def measure_search(settings: Settings) -> dict[str, dict[str, dict[str, float]]]:
    """Query -> clients -> p50 and p95 in milliseconds, and the median number of matches."""
    return {
        asked: {str(clients): _clients(settings, ask, clients) for clients in CLIENTS} for asked, ask in ASKED.items()
    }


def _clients(settings: Settings, ask: Ask, clients: int) -> dict[str, float]:
    with ThreadPoolExecutor(clients) as pool:
        done = list(pool.map(lambda number: _client(settings, ask, number, clients), range(clients)))
    seconds, totals = [s for own, _ in done for s in own], [t for _, own in done for t in own]
    return {**percentiles(seconds), "matches": median(totals)}


def _client(settings: Settings, ask: Ask, number: int, clients: int) -> tuple[list[float], list[int]]:
    """Seconds and matches of one client's queries, one after the other; its first ones do not count."""
    draw, seconds, totals = Random(f"{clients} {number}"), [], []
    with Solr.of(settings) as solr:
        search = Search(solr, settings.alias)
        for place in range(WARM_UP + QUERIES):
            query = ask(draw)
            begun = perf_counter()
            found = search.page(query)
            if place >= WARM_UP:
                seconds.append(perf_counter() - begun)
                totals.append(found.total)
    return seconds, totals


def percentiles(seconds: list[float]) -> dict[str, float]:
    """p50 and p95 in milliseconds."""
    return {"p50": median(seconds) * 1000, "p95": quantiles(seconds, n=20)[-1] * 1000}
