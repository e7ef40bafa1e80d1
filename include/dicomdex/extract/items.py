"""The items of a sequence, which inherit what the data set around them says and give nothing back (PS3.5 section 7.5).

Many are the same in file after file: codes of a report, units of a waveform, references. What an item became is
remembered by its bytes and by all that decides about it besides, unless it did more than become JSON.
"""

from __future__ import annotations

from dicomdex.extract.dispatch import BULK, Heads, heads_of
from dicomdex.extract.doubt import Doubt
from dicomdex.extract.fragments import EMPTY
from dicomdex.extract.layout import UNDEFINED
from dicomdex.extract.resolver import Resolver
from dicomdex.extract.state import ASSUMED

Content = tuple[list[bytes], int]  # fragments of an item's elements, position behind the item

DEPTH_MAX = 60
KNOWN_MAX = 4 << 10  # bytes of an item; longer ones are seldom the same
SHOWN = 40  # bytes by which an item of undefined length is looked for


class Items(Resolver):
    """Sequences, down to their innermost items."""

    def special(self, tag: int, said: str | None, start: int, length: int, limit: int | None, depth: int = 0) -> bytes:
        """The fragment of an element that is no plain value; `self.next` is the position behind it."""
        raise NotImplementedError

    def _items(
        self, tag: int, start: int, length: int, implicit: bool, limit: int | None, depth: int
    ) -> tuple[bytes, int]:
        """(JSON behind the VR, position behind) of a sequence whose first item begins at `start`."""
        item, _, sequence_end = self._marks
        end = None if length == UNDEFINED else start + length
        found: list[bytes] = []
        position, eager = start, self._eager
        self._eager = end is None or (eager and not self._definite)
        read = self._item if self.memory is None else self._known
        while position != end:
            self._fits(position + 8, limit)
            mark, size = self.block[position : position + 4], self.long_length(self.block, position + 4)[0]
            position += 8
            if mark == item and depth < DEPTH_MAX:
                written, position = read(position, size, implicit, limit, depth + 1)
                found.append(written)
            elif mark == sequence_end and end is None:
                break
            else:
                raise Doubt("sequence", tag)
        self._eager = eager
        return (b',"Value":[%b]}' % b",".join(found) if found else EMPTY), position

    def _known(self, position: int, size: int, implicit: bool, limit: int | None, depth: int) -> tuple[bytes, int]:
        """Like `_item`, from memory where there is one of these bytes.

        An item of undefined length is asked for by its first bytes: one that begins with all of the bytes of another,
        its delimiter among them, is the same.
        """
        block, memory, state, closed = self.block, self.memory, self.state, size == UNDEFINED
        top = len(block) if limit is None else limit
        if memory is None or (not closed and (size > KNOWN_MAX or position + size > top)):
            return self._item(position, size, implicit, limit, depth)
        shown = block[position : position + (SHOWN if closed else size)]
        key = (shown, state, closed, implicit, self._eager, self._definite, depth)
        known = memory.items.get(key)
        if known is not None and block.startswith(known[0], position) and position + len(known[0]) <= top:
            return known[1], position + len(known[0])
        warned, once, self.once = len(self.warnings), self.once, False
        written, behind = self._item(position, size, implicit, limit, depth)
        pure = not self.once and len(self.warnings) == warned and self.state is state
        if pure and behind - position <= KNOWN_MAX:
            memory.keep(key, block[position:behind], written)
        self.once = self.once or once
        return written, behind

    def _item(self, position: int, size: int, implicit: bool, limit: int | None, depth: int) -> tuple[bytes, int]:
        """(JSON, position behind) of an item; it inherits the character set and the sign, and gives nothing back."""
        end = None if size == UNDEFINED else position + size
        if end is not None:
            self._fits(end, limit)
            limit = end
        if size and not implicit:
            self._fits(position + 6, limit)
            code = self.block[position + 4 : position + 6]
            implicit = not (code.isalpha() and code.isupper())
        before = self.state, self._settled, self._definite
        self.state, self._settled, self._definite = self.state.item(self.states), set(), False
        found, position = self._content(position, end, heads_of(implicit, self.little), limit, depth)
        inherited = set() if self._definite else self._settled
        self.state, self._settled, self._definite = before
        if inherited and not self._definite:
            self.once = True
            self._settled |= inherited
            if not self.state.signed:
                self.state = self.state.moved(self.states, "signed", ASSUMED)
        return b"{%b}" % b",".join(found), position

    def _content(self, position: int, end: int | None, heads: Heads, limit: int | None, depth: int) -> Content:
        found: list[bytes] = []
        block, item_end, last, encodings = self.block, self._marks[1], -1, self.state.encodings
        warn, closed, top = self.warn, end is None, len(self.block) if limit is None else limit
        while position != end:
            start = position + 8
            if start > top:
                self._fits(start, limit)
            eight = block[position:start]
            if closed and eight[:4] == item_end:
                return found, start
            size, tag, prefix, convert, _, said, length, _, _, _, _ = heads[eight]
            if size == 0:
                start, length = self._long(start, limit)
            if tag <= last:
                raise Doubt("order", tag)
            last, position = tag, start + length
            if convert is None or length > BULK:
                fragment = self.special(tag, said, start, length, limit, depth)
                position, encodings = self.next, self.state.encodings
            else:
                if position > top:
                    self._fits(position, limit)
                try:
                    fragment = prefix + convert(block[start:position], tag, encodings, warn)
                except ValueError:
                    fragment = self.kept_raw(tag, start, length)
            if fragment:
                found.append(fragment)
        return found, position

    def _long(self, start: int, limit: int | None) -> tuple[int, int]:
        """(where the value begins, its length) of an element whose long length is at `start`."""
        self._fits(start + 4, limit)
        return start + 4, self.long_length(self.block, start)[0]
