"""The short way from raw bytes to JSON and column gives what converters and `promote` give, or leaves it to them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dicomdex.extract.fragments import CONVERTERS, numbers
from dicomdex.extract.promote import promote_element
from dicomdex.extract.promoters import PLAIN, SINGLE, plain_way
from dicomdex.extract.values import DEFAULT_ENCODINGS

TAGS = {kind: tag for tag, (_, kind) in SINGLE.items()}
WAYS = sorted({*PLAIN, ("US", "int")})
USUAL = {
    ("CS", "strings"): b"ORIGINAL\\PRIMARY ", ("PN", "name"): b"DOE^JANE", ("UI", "string"): b"1.2.840.1\0",
    ("IS", "int"): b" 12 ", ("DS", "float"): b"-1.25", ("DS", "floats"): b"1.5\\-2\\3.25 ", ("DA", "date"): b"20260131",
    ("TM", "time"): b"235959.123456", ("DT", "datetime"): b"20260131120000.5 ", ("AS", "age"): b"042Y",
    ("US", "int"): b"\2\1",
}  # fmt: skip
NEARLY = [
    b"", b" ", b"\0", b"\\", b"a\\", b"\\b", b"a\\ \\c", b" a", b"a b ", b'a"b', b"\xe4", b"a=b", b"a\0b", b"1.", b".5",
    b"1e999",
    b"nan", b"1_0", b"007", b"0", b"+1", b"1.0", b"0.00001", b"123456789012345678901", b"20260230", b"2026013",
    b"24", b"2359", b"235960", b"20260131246060", b"1..2", b"1.02", b"." * 10, b"1." * 40 + b"1", b"042y", b"\1",
    b"\1\2\3\4",
]  # fmt: skip
TEXT = st.text(alphabet="0129.-+eE \\\0^=aDY", max_size=24).map(str.encode)


@pytest.mark.parametrize(("vr", "kind"), WAYS)
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(st.sampled_from(NEARLY) | TEXT | st.binary(max_size=6))
@example(b"")
def test_the_short_way_is_the_long_one(vr: str, kind: str, raw: bytes) -> None:
    for value in (raw, USUAL.get((vr, kind), b"Plain text"), b" " + raw):
        way = short(vr, kind, value)
        if way is not None:
            assert way == long(vr, kind, value)


@pytest.mark.parametrize(("vr", "kind"), WAYS)
def test_the_usual_value_goes_the_short_way(vr: str, kind: str) -> None:
    assert short(vr, kind, USUAL.get((vr, kind), b"Plain text")) is not None


def short(vr: str, kind: str, raw: bytes) -> tuple[bytes, dict[str, Any], list[Any]] | None:
    column, plain = plain_way(TAGS[kind], vr, little=True)
    assert plain is not None
    found = plain(raw)
    return None if found is None else (found[0], {column: found[1]}, [])


def long(vr: str, kind: str, raw: bytes) -> tuple[bytes, dict[str, Any], list[Any]]:
    tag, warned = TAGS[kind], []

    def warn(rule: str, of: int) -> None:
        warned.append((rule, of))

    convert = numbers(vr, True, len(raw)) if vr == "US" and raw else CONVERTERS[True][vr]
    tail = convert(raw, tag, DEFAULT_ENCODINGS, warn)
    element = orjson.loads(b'{"vr":"%b"%b' % (vr.encode(), tail))
    return tail, promote_element(f"{tag:08X}", element, warn), warned
