"""Dates, times, ages and numbers as people write them become ends of a range; anything else is refused by field."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomdex.errors import QueryRefused
from dicomdex.search_fields import Field, Shape
from dicomdex.search_values import ends


def field(shape: Shape) -> Field:
    """A field of the shape."""
    return Field("AField", shape, ("instance",), "AField")


@pytest.mark.parametrize(
    ("shape", "low", "high", "expected"),
    [
        ("date", "2026-01-31", "2026-01-31", ("2026-01-31T00:00:00Z", "2026-01-31T23:59:59.999Z")),
        ("date", "20260131", "202602", ("2026-01-31T00:00:00Z", "2026-02-28T23:59:59.999Z")),
        ("date", "2024-02", "2024-02", ("2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999Z")),
        ("date", "2026", "", ("2026-01-01T00:00:00Z", "*")),
        ("date", "", "2026", ("*", "2026-12-31T23:59:59.999Z")),
        ("datetime", "2026-01-31T08:30", "2026-01-31T08:30", ("2026-01-31T08:30:00Z", "2026-01-31T08:30:59.999Z")),
        ("datetime", "2026-01", "2026-01-31T23", ("2026-01-01T00:00:00Z", "2026-01-31T23:59:59.999Z")),
        ("time", "08", "0830", ("28800", "30659")),
        ("time", "23:59:59", "23:59:59", ("86399", "86399")),
        ("age", "40Y", "041y", ("14610", "14975")),
        ("age", "6M", "18W", ("182", "126")),
        ("age", "3D", "40", ("3", "14610")),
        ("int", "-5", "+0007", ("-5", "7")),
        ("float", " 1e-7", "5", ("1e-07", "5.0")),
    ],
)
def test_what_people_write_covers_a_range(shape: Shape, low: str, high: str, expected: tuple[str, str]) -> None:
    assert ends(field(shape), low, high) == expected


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        *(("date", text) for text in ("2026-02-30", "2026-13", "yesterday", "NOW", "NOW/DAY", "٢٠٢٦", "*", "2026T10")),
        *(("datetime", text) for text in ("2026-01T10", "2026-01-01T24", "2026-01-01 10", "T10")),
        *(("time", text) for text in ("24", "8", "08:60", "08:30:15.5")),
        *(("age", text) for text in ("40 years", "-1Y", "Y", "1234567Y")),
        *(("int", text) for text in ("1.5", "9223372036854775808", "1e3", "0x10", "1_000", "*", "1 TO 2")),
        *(("float", text) for text in ("nan", "inf", "1e999", "1_0", "1]", "٣")),
    ],
)  # fmt: skip
def test_what_is_none_is_refused_without_being_repeated(shape: Shape, text: str) -> None:
    with pytest.raises(QueryRefused, match=r"^AField takes ") as refused:
        ends(field(shape), text, text)
    assert text not in str(refused.value).split("takes")[0]


@settings(max_examples=500, derandomize=True, deadline=None, database=None)
@given(
    shape=st.sampled_from(("date", "datetime", "time", "age", "int", "float")), text=st.text(min_size=1, max_size=20)
)
def test_solr_is_given_numbers_and_dates_or_nothing(shape: Shape, text: str) -> None:
    try:
        first, last = ends(field(shape), text, "")
    except QueryRefused:
        return
    assert re.fullmatch(r"[-+0-9.eTZ:]+", first, re.ASCII)
    assert last == "*"
