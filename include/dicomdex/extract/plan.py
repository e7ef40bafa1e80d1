"""A settled template as a plan: constant stretches, each with the varying element behind it, taken in one step.

A plan is made of what became of one file's elements. Its steps hold for every file that has the same bytes in the same
places and begins in the same state: each is compared, and from what differs on the file is walked element by element.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, cast

from dicomdex.extract.dispatch import EXTENDED_OFFSET_TABLE, Head
from dicomdex.extract.fragments import Convert
from dicomdex.extract.layout import LARGE
from dicomdex.extract.nodes import Long, Node, Taken
from dicomdex.extract.promoters import Plain
from dicomdex.extract.state import State
from dicomdex.extract.values import NUMBER_FORMATS

VARYING = -1
FIXED = frozenset(vr.encode() for vr in NUMBER_FORMATS)
REFERENCE, REFERENCE_AT = b'"BulkDataURI":"?offset=', len('"GGGGEEEE":{"vr":"VR",')


class Step(NamedTuple):
    """Constant bytes with the head of the element behind them, and how its value is converted.

    `size` is that of `raw`, `text` the JSON up to the value; `length` of the value, VARYING where `raw` ends before it.
    Without `convert` the value becomes a reference, of which `text` ends before the offset and `closing` is the rest.
    """

    raw: bytes
    size: int
    text: bytes
    length: int
    plain: Plain | None
    convert: Convert | None
    encodings: Sequence[str]
    tag: int
    column: str
    head: Head | None  # of one that is promoted
    closing: bytes


class Segment(NamedTuple):
    """Steps up to an element that is no plain value; `rest`: the constant bytes before that one, `text` their JSON.

    `columns` are those of its constant elements, `tags` all of its tags, `first` and `last` the outermost; `taken` what
    it was made of, of which each step ends at the place in `ends`.
    """

    before: State
    after: State
    steps: tuple[Step, ...]
    rest: bytes
    text: bytes
    columns: dict[str, Any]
    tags: str
    first: int | None  # none where it has no elements
    last: int
    taken: tuple[Taken, ...]
    ends: tuple[int, ...]

    def follows(self, state: State, last: int) -> bool:
        """Whether it can come behind the element of tag `last`, which may be another one than in the plan's file."""
        return self.before is state and (self.first is None or self.first > last)


class Plan(NamedTuple):
    """The segments of a header: bytes of it they were made of, elements they take and elements they convert."""

    segments: tuple[Segment, ...]
    extent: int
    known: int
    converted: int
    bytes: int


class Walk(NamedTuple):
    """A file's elements: what became of them, in order; `changed`: nodes of the template did not fit it.

    `followed`: the plan where it did to the end; else `elements` counts them, and `converted` those not taken.
    `begin`: the state it began in, `extent` of its header in bytes.
    """

    taken: list[Taken | Segment]
    changed: bool
    followed: Plan | None
    elements: int
    converted: int
    begin: State
    extent: int
    implicit: bool
    little: bool


def referred(head: Head, raw: bytes, length: int, fragment: bytes) -> Long | None:
    """An element that became a reference and nothing besides; None for one that became something else.

    `raw`: the bytes of its header, `length` of its value. Those over a megabyte count for the digest too.
    """
    begin = REFERENCE_AT + len(REFERENCE)
    if (
        head.promoted
        or length > LARGE
        or head.tag == EXTENDED_OFFSET_TABLE
        or fragment[REFERENCE_AT:begin] != REFERENCE
    ):
        return None
    return Long(head, raw, length, fragment[:begin], fragment[fragment.index(b"&", begin) :])


def planned(taken: Sequence[Taken], walk: Walk) -> Plan:
    """The plan of a file of which this became."""
    segments: list[Segment] = []
    start, state = 0, walk.begin
    cut = 0 if not walk.little else 4 if walk.implicit else 6
    for place in [place for place, element in enumerate(taken) if type(element) is State]:
        segments.append(_segment(taken[start:place], state, cut))
        start, state = place + 1, cast(State, taken[place])
    segments.append(_segment(taken[start:], state, cut))
    size = sum([step.size + len(step.text) for segment in segments for step in segment.steps])
    size += sum([len(segment.rest) + len(segment.text) + 8 * len(segment.taken) for segment in segments])
    return Plan(tuple(segments), walk.extent, walk.elements - walk.converted, walk.converted, size)


def _segment(taken: Sequence[Taken], before: State, cut: int) -> Segment:
    steps: list[Step] = []
    ends, tags = [0], []
    columns: dict[str, Any] = {}
    state, last = before, -1
    varying = [place for place, element in enumerate(taken) if type(element) in (Head, Long)]
    for start, place in pairwise([-1, *varying, len(taken)]):
        run = [element for element in taken[start + 1 : place] if type(element) is Node]
        raw = b"".join([node.raw for node in run])
        texts = [node.fragment for node in run if node.fragment]
        tags += [node.text for node in run if node.fragment]
        for found in [node.columns for node in run if node.columns]:
            columns.update(found)
        state, last = (run[-1].after, run[-1].tag) if run else (state, last)
        if place == len(taken):
            break
        element = cast(Head | Long, taken[place])
        text = (b"," if steps else b"") + b",".join([*texts, b""])
        steps.append(_step(element, raw, text, state.encodings, cut))
        ends.append(place + 1)
        head = element.head if isinstance(element, Long) else element
        tags.append(head.text)
        last = head.tag
    text = b",".join(texts)
    text = b"," + text if text and steps else text
    first = next((tag for tag in map(_tag, taken) if tag is not None), None)
    here = tuple(taken), tuple(ends)
    return Segment(before, state, tuple(steps), raw, text, columns, " ".join(tags), first, last, *here)


def _tag(element: Taken) -> int | None:
    """The tag of an element that is in the file."""
    if isinstance(element, Long):
        return element.head.tag
    return element.tag if isinstance(element, Head | Node) else None


def _step(element: Head | Long, raw: bytes, text: bytes, encodings: Sequence[str], cut: int) -> Step:
    """The step to an element, behind constant bytes and their JSON.

    Numbers have the one length they have, and so has what is long; other text may be of any. `cut`: bytes of a header
    in front of the length, 0 where all have the one they have, in the rare big endian.
    """
    head = element if isinstance(element, Head) else element.head
    convert: Convert | None = head.convert
    prefix = head.prefix
    if isinstance(element, Long):
        begin, length = element.raw, element.length
        convert, prefix = (None, element.text) if element.closing else (convert, prefix)
    elif cut == 0 or head.prefix[-3:-1] in FIXED:
        begin, length = head.eight, head.length
    else:
        begin, length = head.eight[:cut], VARYING
    raw, text = raw + begin, text + prefix
    promoted = head if head.promoted else None
    closing = element.closing if isinstance(element, Long) else b""
    return Step(raw, len(raw), text, length, head.plain, convert, encodings, head.tag, head.column, promoted, closing)
