"""A settled template as a plan: constant stretches, each with the varying element behind it, taken in one step.

A plan is made of what became of one file's elements. Its steps hold for every file that has the same bytes in the same
places and begins in the same state: each is compared, and from what differs on the file is walked element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dicomdex.extract.dispatch import Head
from dicomdex.extract.fragments import Convert
from dicomdex.extract.memo import Node, Taken
from dicomdex.extract.promoters import Short
from dicomdex.extract.state import State
from dicomdex.extract.values import NUMBER_FORMATS

VARYING = -1


class Step(NamedTuple):
    """Constant bytes with the head of the element behind them, and how its value is converted.

    `size` is that of `raw`, `text` the JSON up to the value; `length` of the value, VARYING where `raw` ends before it.
    """

    raw: bytes
    size: int
    text: bytes
    length: int
    convert: Convert
    encodings: Sequence[str]
    tag: int
    short: Short | None
    column: str
    head: Head | None  # of one that is promoted


class Segment(NamedTuple):
    """Steps up to an element that is no plain value; `rest`: the constant bytes before that one, `text` their JSON.

    `columns` are those of its constant elements, `tags` all of its tags, `taken` what it was made of, of which each
    step ends at the place in `ends`.
    """

    before: State
    after: State
    steps: tuple[Step, ...]
    rest: bytes
    text: bytes
    columns: dict[str, Any]
    tags: str
    last: int
    taken: tuple[Taken, ...]
    ends: tuple[int, ...]


class Plan(NamedTuple):
    """The segments of a header: bytes of it they were made of, elements they take and elements they convert."""

    segments: tuple[Segment, ...]
    extent: int
    known: int
    converted: int
    bytes: int


def planned(taken: Sequence[Taken], begin: State, extent: int, *, implicit: bool, little: bool) -> Plan:
    """The plan of a file of which this became, and which the walker began in the state `begin`."""
    segments: list[Segment] = []
    start, state = 0, begin
    for place, element in enumerate(taken):
        if isinstance(element, State):
            segments.append(_segment(taken[start:place], state, implicit=implicit, little=little))
            start, state = place + 1, element
    segments.append(_segment(taken[start:], state, implicit=implicit, little=little))
    nodes = [element for element in taken if isinstance(element, Node)]
    size = 2 * sum(len(node.raw) + len(node.fragment) for node in nodes)
    return Plan(
        tuple(segments),
        extent,
        sum(node.tags.count(" ") + 1 for node in nodes),
        sum(isinstance(element, Head | State) for element in taken),
        size,
    )


def _segment(taken: Sequence[Taken], before: State, *, implicit: bool, little: bool) -> Segment:
    steps: list[Step] = []
    ends: list[int] = []
    raw, texts, tags, columns = b"", [], [], {}
    state, last = before, -1
    for place, element in enumerate(taken):
        if isinstance(element, Node):
            raw += element.raw
            texts += [element.fragment] if element.fragment else []
            tags += [element.tags] if element.fragment else []
            columns.update(element.columns or {})
            state, last = element.after, element.last
        elif isinstance(element, Head) and element.convert is not None:
            text = (b"," if steps else b"") + b",".join([*texts, element.prefix])
            steps.append(_step(raw, text, state.encodings, element, element.convert, implicit=implicit, little=little))
            ends.append(place + 1)
            tags.append(element.text)
            raw, texts, last = b"", [], element.tag
    text = b",".join(texts)
    text = b"," + text if text and steps else text
    return Segment(before, state, tuple(steps), raw, text, columns, " ".join(tags), last, tuple(taken), (0, *ends))


def _step(
    raw: bytes, text: bytes, encodings: Sequence[str], head: Head, convert: Convert, *, implicit: bool, little: bool
) -> Step:
    """Numbers have the one length they have, and so has all in the rare big endian; other text may be of any."""
    vr = head.prefix[-3:-1].decode("ascii")
    fixed = vr in NUMBER_FORMATS or not little
    begin, length = (head.eight, head.length) if fixed else (head.eight[: 4 if implicit else 6], VARYING)
    promoted = head if head.promoted else None
    return Step(
        raw + begin,
        len(raw) + len(begin),
        text,
        length,
        convert,
        encodings,
        head.tag,
        head.short,
        head.column,
        promoted,
    )
