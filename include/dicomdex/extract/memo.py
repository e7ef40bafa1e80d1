"""What the walker has converted before: templates of series, whose constant stretches are taken in one step each.

Files of one series share most of their bytes. The first file of a series leaves a node for each of its elements: the
raw bytes, the finished fragment, the promoted columns. The second one keeps those nodes whose bytes it has too, and
neighbours become one node. So a template soon holds what is constant between two elements that vary, and a file costs
one comparison of memory a node, and a conversion a varying element. A new series begins with the template of its
kind, which holds what is constant for one model of scanner.

A node is only taken where the file has exactly its bytes, in the state it was made in (character set, sign, private
creators): which template is asked decides about the time, never about the result. What depends on its place in the
file, or was warned of, never becomes a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dicomdex.extract.dispatch import Head
from dicomdex.extract.state import State, States

if TYPE_CHECKING:
    from dicomdex.extract.plan import Plan

BYTES_MAX = 64 << 20
STATES_MAX = 4_000
OVERHEAD = 600  # bytes of Python objects a node takes besides its own
SLOTS_MORE = 40  # converted elements beyond those expected: then the template is learned anew

SERIES_UID = 0x0020000E
KIND = {0x00080005: b"CS", 0x00080016: b"UI", 0x00081090: b"LO"}  # character set, SOP Class, model name


class Node(NamedTuple):
    """Consecutive elements: their bytes, their fragments joined by commas, and what they do besides.

    `before` and `after` are the states around them, `first` and `last` their tags, `tags` all of them as text,
    `parts` the single elements of a node made of several.
    """

    raw: bytes
    fragment: bytes
    columns: dict[str, Any] | None
    before: State
    after: State
    first: int
    last: int
    tags: str
    parts: tuple[Node, ...] = ()


class Absent(NamedTuple):
    """A node that the file does not have."""

    node: Node


# What became of an element: the node it was taken by or made into; where it made none, its head, or the state behind an
# element that is no plain value.
Taken = Node | Absent | Head | State


class Template:
    """Nodes in the order of their tags. `fresh`: of one file only, nothing merged yet. `slots`: elements converted.

    `plan`: what a file is taken by once no node changes any more; `strayed` files that did not follow it to its end.
    """

    __slots__ = ("bytes", "fresh", "nodes", "plan", "slots", "strayed", "visits")

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.fresh = True
        self.plan: Plan | None = None
        self.bytes = self.visits = self.slots = self.strayed = 0


class Visit:
    """One file's use of the memo: the template to follow, and whether a new one is made of the file."""

    __slots__ = ("kind", "learning", "series", "template")

    def __init__(self, template: Template, series: Any, kind: Template | None) -> None:
        self.template, self.series, self.kind = template, series, kind
        self.learning = kind is not None


class Walk(NamedTuple):
    """A file's elements: what became of them, in order; `changed`: nodes of the template did not fit it.

    `followed`: the plan where it did to the end; else `elements` counts them, and `converted` those not taken.
    `begin`: the state it began in, `extent` of its header in bytes.
    """

    taken: list[Taken]
    changed: bool
    followed: Plan | None
    elements: int
    converted: int
    begin: State
    extent: int
    implicit: bool
    little: bool


class Memo:
    """The templates of the series seen last; bounded by bytes. It lives as long as its process reads files."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self.bytes = self.hits = self.misses = 0
        self._bytes_max = bytes_max
        self._begin()

    def _begin(self) -> None:
        self.bytes = 0
        self._states = {(implicit, little): States() for implicit in (False, True) for little in (False, True)}
        self._series: dict[Any, Template] = {}
        self._kinds: dict[Any, Template] = {}

    def states(self, implicit: bool, little: bool) -> States:
        """The states of an encoding."""
        found = self._states[implicit, little]
        if len(found.known) > STATES_MAX or len(self._kinds) > STATES_MAX:
            self._begin()
            found = self._states[implicit, little]
        return found

    def visit(self, block: bytes, start: int, implicit: bool, little: bool) -> Visit:
        """The template for a file of which `block` has the first bytes: its series', else its kind's."""
        uid = _value(block, start, SERIES_UID, b"UI", implicit, little)
        series = (implicit, little, uid)
        found = self._series.pop(series, None) if uid else None
        if found is not None:
            self._series[series] = found  # now the one used last
            return Visit(found, series, None)
        kind = (implicit, little, *(_value(block, start, tag, vr, implicit, little) for tag, vr in KIND.items()))
        template = self._kinds.get(kind)
        if template is None:
            template = self._kinds[kind] = Template()
        return Visit(template, series if uid else None, template)

    def leave(self, visit: Visit, walk: Walk) -> None:
        """Note what became of a file's elements."""
        template = visit.template
        if walk.followed is not None:
            template.visits += 1
            self.hits += walk.followed.known
            self.misses += walk.followed.converted
            return
        taken = walk.taken
        self.misses += walk.converted
        self.hits += walk.elements - walk.converted
        if visit.kind is not None:
            self._learn(visit, taken, walk.changed)
            return
        template.visits += 1
        slots = sum(isinstance(element, Head | State) for element in taken)
        if template.fresh:
            self._renew(template, merged(taken))
            template.fresh, template.slots = False, slots
        elif slots > template.slots + SLOTS_MORE:
            self.bytes -= template.bytes
            del self._series[visit.series]
        elif walk.changed:
            self._renew(template, merged(taken))
        elif template.plan is None or template.strayed & (template.strayed - 1) == 0:  # the 1st, 2nd, 4th, ... time
            self._settle(template, walk)
        else:
            template.strayed += 1

    def _settle(self, template: Template, walk: Walk) -> None:
        from dicomdex.extract.plan import planned

        template.strayed += 1
        whole = {id(node): node._replace(parts=()) for node in walk.taken if isinstance(node, Node)}
        taken = [whole.get(id(e), e) for e in walk.taken]
        nodes = [
            e.node._replace(parts=()) if isinstance(e, Absent) else e for e in taken if isinstance(e, Node | Absent)
        ]
        template.plan = planned(taken, walk.begin, walk.extent, implicit=walk.implicit, little=walk.little)
        self._renew(template, nodes, template.plan)

    def _learn(self, visit: Visit, taken: list[Taken], changed: bool) -> None:
        kind = visit.template
        kind.visits += 1
        if not kind.nodes and kind.visits == 1:
            self._renew(kind, [node for node in taken if isinstance(node, Node)])
        elif kind.fresh or changed:
            known = {id(part) for node in kind.nodes for part in (node, *node.parts)}
            self._renew(kind, merged(node if isinstance(node, Absent) or id(node) in known else None for node in taken))
            kind.fresh = False
        if visit.series is not None:
            template = self._series[visit.series] = Template()
            self._renew(template, [node for node in taken if isinstance(node, Node)])

    def _renew(self, template: Template, nodes: list[Node], plan: Plan | None = None) -> None:
        """Give a template its nodes, and forget the series used longest ago where that is too much."""
        template.plan = plan
        size = sum(len(node.raw) + len(node.fragment) + OVERHEAD for node in nodes)
        size += sum(OVERHEAD * len(node.parts) + 2 * len(node.raw) for node in nodes if node.parts)
        size += 0 if plan is None else plan.bytes
        self.bytes += size - template.bytes
        template.nodes, template.bytes = nodes, size
        while self.bytes > self._bytes_max and self._series:
            self.bytes -= self._series.pop(next(iter(self._series))).bytes
        if self.bytes > self._bytes_max:
            self._begin()


def merged(taken: Iterable[Taken | None]) -> list[Node]:
    """Nodes with neighbours made one."""
    nodes: list[Node] = []
    parts: list[Node] = []
    for element in (*taken, None):
        if isinstance(element, Node):
            parts += element.parts or (element,)
            continue
        if parts:
            nodes.append(joined(parts))
            parts = []
        if isinstance(element, Absent):
            nodes.append(element.node)
    return nodes


def joined(parts: Sequence[Node]) -> Node:
    """One node of several single ones, in their order."""
    first, last = parts[0], parts[-1]
    if first is last:
        return first
    columns: dict[str, Any] = {}
    for part in parts:
        if part.columns:
            columns.update(part.columns)
    fragment = b",".join([part.fragment for part in parts if part.fragment])
    tags = " ".join([part.tags for part in parts if part.fragment])
    raw = b"".join([part.raw for part in parts])
    states = first.before, last.after
    return Node(raw, fragment, columns or None, *states, first.first, last.last, tags, tuple(parts))


def _value(block: bytes, start: int, tag: int, vr: bytes, implicit: bool, little: bool) -> bytes:
    """Bytes of the first element that looks like this one: a hint at the series, of which nothing depends."""
    order = "little" if little else "big"
    needle = (tag >> 16).to_bytes(2, order) + (tag & 0xFFFF).to_bytes(2, order)  # type: ignore[arg-type]
    at = block.find(needle if implicit else needle + vr, start)
    if at < 0 or at + 8 > len(block):
        return b""
    length = block[at + (4 if implicit else 6) + (0 if little else 3 if implicit else 1)]
    return block[at + 8 : at + 8 + length]
