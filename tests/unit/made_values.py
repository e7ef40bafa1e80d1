"""Strategies for the raw bytes of one element, by VR: whole, empty, several, oddly padded, and now and then broken."""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from hypothesis import strategies as st
from pydicom.charset import convert_encodings, encode_string

ASCII = "ABCxyz 0123456789_.-^$'"


class CharacterSet(NamedTuple):
    """A value of (0008,0005) and letters that it can write."""

    terms: str
    letters: str


CHARACTER_SETS = (
    CharacterSet("", ASCII),
    CharacterSet("ISO_IR 6", ASCII),
    CharacterSet("ISO_IR 100", ASCII + "äöüßéÅ"),
    CharacterSet("ISO_IR 101", ASCII + "Łąčž"),
    CharacterSet("ISO_IR 109", ASCII + "Ħĝŭ"),
    CharacterSet("ISO_IR 110", ASCII + "Āķŗ"),
    CharacterSet("ISO_IR 144", ASCII + "ЛюкЯЖ"),
    CharacterSet("ISO_IR 127", ASCII + "قباني"),
    CharacterSet("ISO_IR 126", ASCII + "Διονυσιος"),
    CharacterSet("ISO_IR 138", ASCII + "שרון"),
    CharacterSet("ISO_IR 148", ASCII + "ğİış"),
    CharacterSet("ISO_IR 166", ASCII + "นามสกุล"),
    CharacterSet("ISO_IR 13", ASCII + "ﾔﾏﾀﾞ"),
    CharacterSet("ISO_IR 192", ASCII + "äŁЯ山한😀\u200f"),
    CharacterSet("GB18030", ASCII + "王小东é"),
    CharacterSet("GBK", ASCII + "王小东"),
    CharacterSet("\\ISO 2022 IR 87", ASCII + "山田太郎やまだ"),
    CharacterSet("ISO 2022 IR 6\\ISO 2022 IR 159", ASCII + "丂丄"),
    CharacterSet("ISO 2022 IR 13\\ISO 2022 IR 87", ASCII + "ﾔﾏﾀﾞ山田"),
    CharacterSet("\\ISO 2022 IR 149", ASCII + "김희중"),
    CharacterSet("\\ISO 2022 IR 58", ASCII + "王小东"),
    CharacterSet("ISO 2022 IR 100\\ISO 2022 IR 144", ASCII + "äöüЛюкc"),
    CharacterSet("ISO 2022 IR 100\\ISO 2022 IR 126", ASCII + "äößΔιο"),
)

Strategy = st.SearchStrategy[bytes]
Maker = Callable[[CharacterSet], Strategy]


@lru_cache(maxsize=50_000)
def _encode(text: str, terms: str) -> bytes:
    """Text in a character set; without code extensions letter by letter, since pydicom takes no mixed ISO_IR 13."""
    encodings = convert_encodings(terms.split("\\") if terms else "ISO_IR 6")
    parts = [text] if "2022" in terms else text
    return b"".join(encode_string(part, encodings) for part in parts)


def _joined(one: Strategy, pads: tuple[bytes, ...] = (b"", b" ", b"\0", b"  ")) -> Strategy:
    """None to three values, and what stands behind them."""
    return st.builds(lambda values, pad: b"\\".join(values) + pad, st.lists(one, max_size=3), st.sampled_from(pads))


def _of(*texts: str) -> Maker:
    made = _joined(st.sampled_from([text.encode("latin-1") for text in texts]))
    return lambda character_set: made


@lru_cache
def _letters(character_set: CharacterSet, size: int = 12) -> Strategy:
    return st.text(character_set.letters, max_size=size).map(lambda text: _encode(text, character_set.terms))


@lru_cache
def _text(character_set: CharacterSet) -> Strategy:
    return _joined(_letters(character_set))


@lru_cache
def _long_text(character_set: CharacterSet) -> Strategy:
    ends = st.sampled_from((b"", b" ", b"\0", b"\r\nline\ttwo", b"\\not a second value"))
    return st.builds(bytes.__add__, _letters(character_set), ends) | st.just(b"long text " * 120)


@lru_cache
def _name(character_set: CharacterSet) -> Strategy:
    """Up to three groups of a name, the first of them in letters that need no escape as often as not."""
    group = _letters(character_set, 8)
    groups = st.lists(group, max_size=3).map(b"=".join)
    return _joined(groups, (b"", b" "))


def _fixed(code: str, *odd: float) -> Maker:
    """Binary numbers: up to four random ones, the odd ones given, or a number of bytes that makes none."""
    size = struct.calcsize("<" + code)
    odd_ones = [struct.pack("<" + code, number) for number in odd]
    values = st.binary(max_size=4 * size).map(lambda raw: raw[: len(raw) // size * size])
    made = values | st.sampled_from([*odd_ones, b"".join(odd_ones), odd_ones[0] * (1_200 // size), b"\1\2\3\4\5\6"])
    return lambda character_set: made


def _floats(code: str) -> Maker:
    one = st.floats(width=32).map(lambda number: struct.pack("<" + code, number))
    made = st.lists(one, max_size=3).map(b"".join)
    return lambda character_set: made


def _binary(size: int) -> Maker:
    """Bytes in words of `size`: few, or about as many as make a reference of them."""
    few = st.binary(max_size=5 * size).map(lambda raw: raw[: len(raw) // size * size])
    about = st.sampled_from([bytes(range(1, 129)) * 8 + b"\1" * (n * size) for n in (-size, 0, size, 4 * size)])
    made = few | about.map(lambda raw: raw[: len(raw) // size * size])
    return lambda character_set: made


DATES = ("20260101", "19000228", "20241345", "2024", "2024.01.02", "20240101-20250101", "", "yesterday")
TIMES = ("101112", "101112.123456", "10", "10:11:12", "250000", "", "101112.1 ")
STAMPS = ("20260101101112.5+0100", "2026", "20260101101112", "20261399", "", "20260101-")
DECIMALS = ("1", "-1.5", "+0.25", ".5", "1e3", " 2 ", "1E-10", "0", "-0", "1.", "123456789012345678.5", "", "NaN",
            "1e400", "1,5", "abc", "00012", "0.1000000000000000055511151231257827")  # fmt: skip
INTEGERS = ("1", "-2", "+3", " 4 ", "007", "2147483648", "0", "", "2.5", "2.0", "1A", "12345678901234567890", "1e2")

VALUES: dict[str, Maker] = {
    "AE": _of("STORE", " PAD ", "", "A-B_C 1"),
    "AS": _of("034Y", "012M", "", "34Y", "003W"),
    "AT": _fixed("L", 0x00100010, 0xFFFFFFFF),
    "CS": _of("ORIGINAL", "PRIMARY", "", "lower", "A_1 ", " LEAD"),
    "DA": _of(*DATES),
    "DS": _of(*DECIMALS),
    "DT": _of(*STAMPS),
    "FD": _floats("d"),
    "FL": _floats("f"),
    "IS": _of(*INTEGERS),
    "LO": _text,
    "LT": _long_text,
    "OB": _binary(1),
    "OD": _binary(8),
    "OF": _binary(4),
    "OL": _binary(4),
    "OV": _binary(8),
    "OW": _binary(2),
    "PN": _name,
    "SH": _text,
    "SL": _fixed("l", -1, 1 << 30),
    "SS": _fixed("h", -1, 300),
    "ST": _long_text,
    "SV": _fixed("q", -1, 1 << 60),
    "TM": _of(*TIMES),
    "UC": _text,
    "UI": _of("1.2.840.10008.1.2.1", "1.2.3", "", "1.2.03", "../../etc/passwd", "2.25.1", "1.2 "),
    "UL": _fixed("L", 1 << 31, 7),
    "UN": _binary(1),
    "UR": _of("http://example.org/a?b=c", "", "urn:oid:1.2.3 "),
    "US": _fixed("H", 65_535, 12),
    "UT": _long_text,
    "UV": _fixed("Q", (1 << 64) - 1, 5),
}
