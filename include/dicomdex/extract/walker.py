"""The fast header walker: bytes of a data set -> DICOM JSON, promoted columns and the places in it, in one pass.

It reads what is regular: elements in ascending order, lengths that add up, VRs of PS3.5 table 6.2-1. Every length is
checked against the file, as the scan does. Whatever else it meets raises Doubt, and the file is read by the scan and
pydicom instead, so that the walker never has to guess: for a file it does read it gives the same bytes as they do.
"""

from __future__ import annotations

from dicomdex.extract.dispatch import BULK, is_bulk
from dicomdex.extract.doubt import Doubt
from dicomdex.extract.follower import ROWS, Follower
from dicomdex.extract.layout import PIXEL_TAGS
from dicomdex.extract.memo import Memo, flat
from dicomdex.extract.nodes import Absent, Long, Node, Taken
from dicomdex.extract.part10 import Frame
from dicomdex.extract.plan import Segment, Walk, referred
from dicomdex.extract.resolver import Short

__all__ = ["ROWS", "Walker"]

FIRST_PIXEL_TAG, LAST_PIXEL_TAG = min(PIXEL_TAGS), max(PIXEL_TAGS)
PADDING, PADDING_TAG = b'"FFFCFFFC"', "FFFCFFFC"  # Data Set Trailing Padding, PS3.10 section 7.2: says nothing
NODE_MAX = 8 << 10  # bytes; longer values are seldom the same, and sequences of that size neither


class Walker(Follower):
    """One walk over a file's data set; what it found is in its attributes."""

    def __init__(self, frame: Frame, memory: Memo | None) -> None:
        super().__init__(frame, memory)
        self.tags: list[str] = []

    def walk(self) -> bytes:
        """The header of the data set, walked to the last byte of the file. Raises Doubt; Rejected at a limit."""
        position, found = self._elements(self._frame.start - self.base, -1)
        if self.pixel is None:
            self.header_end = self.base + position
            self.head = b"" if self.base else self.block
        elif self.base + position < self.window.size:
            self.memory = None
            position, behind = self._elements(position, LAST_PIXEL_TAG)
            found += [fragment for fragment in behind if not fragment.startswith(PADDING)]
            self.tags = [text for text in self.tags if text != PADDING_TAG] if len(behind) else self.tags
        return b"{%b}" % b",".join(found)

    def _elements(self, position: int, last: int) -> tuple[int, list[bytes]]:
        """Fragments of the elements from `position` on, up to the pixel data or the end of the file.

        The hot loop: a turn for each node of the template, or element. It is one function because calls would double
        its time.
        """
        block, heads, columns, warn = self.block, self.heads, self.columns, self.warn
        stop, state, long_length = len(block), self.state, self.long_length
        visit = self.memory.visit(block, position, self.implicit, self.little) if self.memory is not None else None
        template = visit.template if visit is not None else None
        nodes, plan = (template.nodes, template.plan) if template is not None else ([], None)
        learning = visit is not None and template is None
        begin, first = state, self.base + position
        ahead, count, changed, converted = 0, len(nodes), False, 0
        taken: list[Taken | Segment] = []
        out: list[bytes] = []
        tags: list[str] = []
        node = segment = None
        if plan is not None:
            segments = iter(plan.segments)
            segment = next(segments)
            if position + plan.extent > stop:
                position = self._ahead(position, plan.extent)
                block, stop = self.block, len(self.block)
        elif nodes:
            node = nodes[0]
        while True:
            if segment is not None:
                position, done = self._follow(segment, position, out) if segment.follows(state, last) else (position, 0)
                if done < 0:
                    taken.append(segment)
                    state, last = segment.after, max(last, segment.last)
                    if segment.tags:
                        tags.append(segment.tags)
                else:
                    plan, part = None, segment.taken[: segment.ends[done]]
                    state, last = self._strayed(part, state, last, tags)
                    taken = [*flat(taken), *part]
                    ahead = sum([type(element) in (Node, Absent) for element in taken])
                    converted = len(taken) - ahead
                    while ahead < count and nodes[ahead].tag <= last:  # not in this file
                        taken.append(Absent(nodes[ahead]))
                        ahead += 1
                    node = nodes[ahead] if ahead < count else None
                segment = None
            if node is not None and block.startswith(node[0], position) and node.before is state:
                raw, fragment, found, _, state, last, text = node
                if fragment:
                    out.append(fragment)
                    tags.append(text)
                if found is not None:
                    columns.update(found)
                taken.append(node)
                position += len(raw)
                ahead += 1
                node = nodes[ahead] if ahead < count else None
                continue
            eight = block[position : position + 8]
            if len(eight) < 8:
                if self.base + position == self.window.size:
                    break
                position = self._more(position, 8)
                block, stop = self.block, len(self.block)
                continue
            head = heads[eight]
            size, tag, prefix, convert, promoted, said, length, text, column, plain, _ = head
            if node is not None and tag >= node.tag:
                if position + len(node.raw) > stop and node.raw.startswith(block[position:stop]):
                    position = self._more(position, min(len(node.raw), self.window.size - self.base - position))
                    if len(self.block) != stop:
                        block, stop = self.block, len(self.block)
                        continue
                if tag > node.tag or node.before is not state:  # not in this file
                    taken.append(Absent(node))
                else:
                    changed = True
                ahead += 1
                node = nodes[ahead] if ahead < count else None
                continue
            start = position + 8
            if not size:
                start = position + 12
                if start > stop:
                    position = self._more(position, 12)
                    block, stop = self.block, len(self.block)
                    continue
                length = long_length(block, position + 8)[0]
                size = 12 + length
                if length > BULK and convert is not None and is_bulk(said, length):
                    convert = None
            if tag <= last:
                raise Doubt("order", tag)
            end = position + size
            before, value = state, None
            made: Taken = head
            if learning:
                node = state.nodes.get(block[position:end]) if size <= NODE_MAX else None
                if node is not None:
                    continue
                self.once = False
            if convert is not None:
                if end > stop:
                    position = self._more(position, size)
                    block, stop = self.block, len(self.block)
                    continue
                if size != length + 8:
                    made = Long(head, block[position:start], length)
                both = plain(block[start:end]) if plain is not None else None
                if both is not None:
                    tail, columns[column] = both
                    fragment, value = prefix + tail, both[1]
                else:
                    try:
                        fragment = prefix + convert(block[start:end], tag, state.encodings, warn)
                    except ValueError:
                        fragment = self.kept_raw(tag, start, length)
                        made = state
            else:
                self.state = state
                if tag >= FIRST_PIXEL_TAG and tag in PIXEL_TAGS:
                    position = self._pixels(tag, position, start, length)
                    break
                warned = len(self.warnings)
                try:
                    fragment = self._special(tag, said, start, length)
                except Short as needed:
                    position = self._more(position, needed.need - position)
                    block, stop = self.block, len(self.block)
                    continue
                end, state = self.next, self.state
                made = state
                if length > BULK and state is before and len(self.warnings) == warned:
                    made = referred(head, block[position:start], length, fragment) or state
            last = tag
            if fragment:
                out.append(fragment)
                tags.append(text)
            found = None
            if value is None and promoted:
                found = self._promote(tag, fragment)
                if found is not None:
                    columns.update(found)
            if learning and not self.once and end - position <= NODE_MAX:
                found = found if value is None else {column: value}
                raw = block[position:end]
                made = before.nodes[raw] = Node(raw, fragment, found, before, state, tag, text)
            taken.append(made)
            converted += 1
            position = end
            if position > stop:
                position = self._beyond(position)
                block, stop = self.block, len(self.block)
            if plan is not None:
                segment = next(segments, None)
        if visit is not None and self.memory is not None:
            if plan is None:
                taken += [Absent(rest) for rest in nodes[ahead:]]
            extent = (self.header_end if self.pixel is not None else self.base + position) - first
            elements = " ".join(tags).count(" ") + 1 if plan is None else 0
            self.memory.leave(
                visit, Walk(taken, changed, plan, elements, converted, begin, extent, self.implicit, self.little)
            )
        self.state = state
        self.tags += tags
        return position, out
