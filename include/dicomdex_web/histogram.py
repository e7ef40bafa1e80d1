"""Histograms of study dates and ages: which steps, and bars that an SVG draws."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dicomdex.search import Facet

FIRST_YEAR, LAST_YEAR = 1900, 2099
YEARS = Facet("StudyDate", gap="year", low=str(FIRST_YEAR), high=str(LAST_YEAR))
AGE_STEP = 5  # years
DAYS_A_YEAR = 365.25
AGE_DAYS = int(AGE_STEP * DAYS_A_YEAR)
AGES = Facet("PatientAge", gap=str(AGE_DAYS), low="0D", high="45000D")
MONTHS_FOR_YEARS = 4
DAYS_FOR_MONTHS = 2
UNITS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": DAYS_A_YEAR}
WIDTH, HEIGHT = 100.0, 36.0


@dataclass(frozen=True)
class Bar:
    """One step: what it covers as a range of the query, its count, and its place in the drawing."""

    low: str
    high: str
    label: str
    count: int
    x: float
    width: float
    y: float
    height: float
    chosen: bool


@dataclass(frozen=True)
class Histogram:
    """The bars of a field; `low` and `high` are the ends that are chosen, as they were written."""

    field: str
    title: str
    bars: tuple[Bar, ...]
    low: str
    high: str
    none: int


def finer(years: Sequence[tuple[Any, int]]) -> Facet | None:
    """Months or days where all dates lie in a few years or months; None where years are right."""
    seen = [int(str(value)[:4]) for value, count in years if count]
    if not seen or max(seen) - min(seen) >= MONTHS_FOR_YEARS:
        return None
    return Facet("StudyDate", gap="month", low=str(min(seen)), high=str(max(seen)))


def finest(months: Sequence[tuple[Any, int]]) -> Facet | None:
    """Days where all dates lie in one month or two that follow each other; None where months are right."""
    seen = _trimmed(months)
    if not 1 <= len(seen) <= DAYS_FOR_MONTHS:
        return None
    return Facet("StudyDate", gap="day", low=str(seen[0][0])[:7], high=str(seen[-1][0])[:7])


def of_dates(values: Sequence[tuple[Any, int]], gap: str, low: str, high: str, none: int) -> Histogram:
    """Dates by year or month, from the first with any to the last."""
    steps = [(_span(str(value)[:10], gap), count) for value, count in _trimmed(values)]
    bars = _bars([(first, last, first, count) for (first, last), count in steps], low, high)
    return Histogram("StudyDate", "Study date", bars, low, high, none)


def of_ages(values: Sequence[tuple[Any, int]], low: str, high: str, none: int) -> Histogram:
    """Ages in steps of five years."""
    steps = []
    for value, count in _trimmed(values):
        days, years = int(value), round(int(value) / DAYS_A_YEAR)
        steps.append((f"{days}D", f"{days + AGE_DAYS - 1}D", f"{years} to {years + AGE_STEP} years", count))
    return Histogram("PatientAge", "Age", _bars(steps, low, high), low, high, none)


def _trimmed(values: Sequence[tuple[Any, int]]) -> Sequence[tuple[Any, int]]:
    filled = [at for at, (_, count) in enumerate(values) if count]
    return values[filled[0] : filled[-1] + 1] if filled else ()


def _span(first: str, gap: str) -> tuple[str, str]:
    """What a step covers, as a query takes it: the year or the month itself."""
    text = {"year": first[:4], "month": first[:7], "day": first}[gap]
    return text, text


def _bars(steps: Iterable[tuple[str, str, str, int]], low: str, high: str) -> tuple[Bar, ...]:
    some = list(steps)
    most = max((count for *_, count in some), default=1) or 1
    width = WIDTH / max(len(some), 1)
    made = []
    for at, (first, last, label, count) in enumerate(some):
        # The smallest count is still to be seen.
        height = max(HEIGHT * count / most, 1.2) if count else 0.0
        chosen = (not low or _key(last) >= _key(low)) and (not high or _key(first) <= _upper(high))
        made.append(Bar(first, last, label, count, at * width, width * 0.86, HEIGHT - height, height, chosen))
    return tuple(made)


def _key(text: str) -> tuple[int, str]:
    """Orders ages by their days, dates by their text."""
    unit = text[-1:].upper()
    if unit in UNITS and text[:-1].isdigit():
        return int(int(text[:-1]) * UNITS[unit]), ""
    return 0, text


def _upper(text: str) -> tuple[int, str]:
    """A year or month as an end is its whole length."""
    number, rest = _key(text)
    return number, f"{rest}~"
