"""What the walker has converted before: elements by their bytes, items of sequences, and plans of series.

Files share most of their bytes, those of one series nearly all. An element of the first file of a series is taken from
what other series left, where its bytes are known: the finished fragment, the promoted columns. The second file shows
which elements vary in this series, and a plan is made of it: what is constant between two elements that vary is one
comparison of memory, and only they are converted. A file that strays from the plan is taken element by element from
there on, and where it shows more that varies, a new plan is made of it.

A node is only taken where the file has exactly its bytes, in the state it was made in (character set, sign, private
creators): what is remembered decides about the time, never about the result. What depends on its place in the file, or
was warned of, never becomes a node.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from dicomdex.extract.nodes import Absent, Node, Taken
from dicomdex.extract.plan import Plan, Segment, Walk, planned
from dicomdex.extract.state import States

BYTES_MAX = 64 << 20  # of plans
KNOWN_MAX = 8 << 20  # of elements, and half of it of items
STATES_MAX = 4_000
OVERHEAD, NODE_USUAL = 600, 200  # bytes of Python objects a node takes, and of its own, as a rule
SLOTS_MORE = 40  # converted elements beyond those expected: then the template is learned anew

SERIES_UID = 0x0020000E
LOOKED_FOR = 32 << 10  # bytes of a header in which it is looked for


class Template:
    """What is known of a series: nodes that were not seen to vary, in the order of their tags, and its plan.

    `slots`: elements converted. `strayed`: files that did not follow the plan to its end. `bytes`: what all takes.
    """

    __slots__ = ("bytes", "nodes", "plan", "slots", "strayed")

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.plan: Plan | None = None
        self.bytes = self.slots = self.strayed = 0


class Visit(NamedTuple):
    """One file's use of the memo: its series, and the template of it, which a first file does not have."""

    series: Any
    template: Template | None


class Memo:
    """What was converted last; bounded by bytes. It lives as long as its process reads files."""

    def __init__(self, bytes_max: int = BYTES_MAX, known_max: int = KNOWN_MAX) -> None:
        self.bytes = self.hits = self.misses = 0
        self._bytes_max, self._known_max = bytes_max, known_max
        self._begin()

    def _begin(self) -> None:
        self.bytes = self._known_bytes = self._items_bytes = 0
        self._states = {(implicit, little): States() for implicit in (False, True) for little in (False, True)}
        self._series: dict[Any, Template] = {}
        self.items: dict[Any, tuple[bytes, bytes]] = {}  # of sequences: key -> (bytes, JSON)

    def states(self, implicit: bool, little: bool) -> States:
        """The states of an encoding."""
        found = self._states[implicit, little]
        if len(found.known) > STATES_MAX:
            self._begin()
            found = self._states[implicit, little]
        return found

    def keep(self, key: Any, raw: bytes, written: bytes) -> None:
        """Remember an item; all are forgotten where they are too many."""
        self._items_bytes += 2 * len(raw) + len(written) + OVERHEAD
        if self._items_bytes > self._known_max // 2:
            self.items, self._items_bytes = {}, 0
        self.items[key] = raw, written

    def visit(self, block: bytes, start: int, implicit: bool, little: bool) -> Visit:
        """The template for a file of which `block` has the first bytes."""
        uid = _value(block, start, implicit, little)
        series = (implicit, little, uid) if uid else None
        found = self._series.pop(series, None)
        if found is not None:
            self._series[series] = found  # now the one used last
        return Visit(series, found)

    def leave(self, visit: Visit, walk: Walk) -> None:
        """Note what became of a file's elements."""
        if walk.followed is not None:
            self.hits += walk.followed.known
            self.misses += walk.followed.converted
            return
        self.misses += walk.converted
        self.hits += walk.elements - walk.converted
        if visit.template is None:
            self._learn(visit.series, walk)
            return
        template = visit.template
        if template.plan is not None and walk.converted > template.slots + SLOTS_MORE:
            self.bytes -= template.bytes
            del self._series[visit.series]
        elif walk.changed or template.plan is None or template.strayed & (template.strayed - 1) == 0:
            template.slots = walk.converted if template.plan is None else template.slots
            template.strayed += 1
            self._settle(template, flat(walk.taken), walk)
        else:  # a plan is made of the 1st, 2nd, 4th, ... that strays and shows nothing new
            template.strayed += 1

    def _learn(self, series: Any, walk: Walk) -> None:
        """Note a first file, whose new nodes its states have already."""
        self._known_bytes += walk.converted * (OVERHEAD + NODE_USUAL)
        if self._known_bytes > self._known_max:
            self._known_bytes = 0
            for states in self._states.values():
                states.forget()
        if series is not None:
            template = self._series[series] = Template([node for node in walk.taken if type(node) is Node])
            self._weigh(template, walk.extent)

    def _settle(self, template: Template, taken: list[Taken], walk: Walk) -> None:
        template.plan = planned(taken, walk)
        nodes = [e.node if type(e) is Absent else e for e in taken if type(e) in (Node, Absent)]
        template.nodes = cast(list[Node], nodes)
        self._weigh(template, template.plan.bytes)

    def _weigh(self, template: Template, length: int) -> None:
        """Note what a template takes, its nodes about thrice as much as `length`, and forget the series used longest
        ago where that is too much.
        """
        size = OVERHEAD * (1 + len(template.nodes)) + 3 * length
        self.bytes += size - template.bytes
        template.bytes = size
        while self.bytes > self._bytes_max and self._series:
            self.bytes -= self._series.pop(next(iter(self._series))).bytes


def flat(taken: list[Taken | Segment]) -> list[Taken]:
    """What became of each element, those of segments among them."""
    found: list[Taken] = []
    for element in taken:
        if isinstance(element, Segment):
            found += element.taken
        else:
            found.append(element)
    return found


def _value(block: bytes, start: int, implicit: bool, little: bool) -> bytes:
    """Bytes of the first element that looks like the Series Instance UID: a hint, of which nothing depends."""
    order = "little" if little else "big"
    needle = (SERIES_UID >> 16).to_bytes(2, order) + (SERIES_UID & 0xFFFF).to_bytes(2, order)  # type: ignore[arg-type]
    at = block.find(needle if implicit else needle + b"UI", start, start + LOOKED_FOR)
    if at < 0 or at + 8 > len(block):
        return b""
    length = block[at + (4 if implicit else 6) + (0 if little else 3 if implicit else 1)]
    return block[at + 8 : at + 8 + length]
