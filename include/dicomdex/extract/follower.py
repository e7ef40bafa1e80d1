"""What the walker takes by a plan, and the columns that its elements give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orjson import loads

from dicomdex.extract.dispatch import BULK, Head
from dicomdex.extract.memo import Memo
from dicomdex.extract.nodes import Long, Node, Taken
from dicomdex.extract.part10 import Frame
from dicomdex.extract.places import Places
from dicomdex.extract.plan import Segment
from dicomdex.extract.promote import BY_KEY, promote_element
from dicomdex.extract.state import State

NUMBER_OF_FRAMES, ROWS = 0x00280008, 0x00280010
EMPTY_ELEMENT = len('"GGGGEEEE":{"vr":"VR"}')
PLACES = {int(key, 16): place for place, key in enumerate(BY_KEY)}


class Follower(Places):
    """A walk that takes segments of a plan, and notes the promoted columns."""

    _promoted = 0

    def __init__(self, frame: Frame, memory: Memo | None) -> None:
        super().__init__(frame, memory)
        self.columns: dict[str, Any] = {}
        self.promotion_warnings: list[tuple[int, str, int]] = []  # with the place of the element in the table
        self.bare: set[int] = set()  # Rows and Number of Frames that are there and have no value of their own

    def _follow(self, segment: Segment, position: int, out: list[bytes]) -> tuple[int, int]:
        """(position, how many steps were taken) up to the one that differs; -1 where none does.

        A hot loop too, a turn for each element that varies; one function, because calls would double its time.
        """
        block, columns, warn, stop, implicit = self.block, self.columns, self.warn, len(self.block), self.implicit
        pieces: list[bytes] = []
        starts, append = block.startswith, pieces.append
        for raw, size, text, length, plain, convert, encodings, tag, column, promoted, closing in segment.steps:
            if not starts(raw, position):
                break
            start = position + size
            if length < 0:
                if start + 4 > stop:
                    break
                if implicit:
                    length, start = self.long_length(block, start)[0], start + 4
                else:
                    length, start = block[start] | block[start + 1] << 8, start + 2
                if length > BULK:
                    break
            end = start + length
            if end > stop:
                break
            both = plain(block[start:end]) if plain is not None else None
            if both is not None:
                tail, columns[column] = both
            elif convert is None:
                tail = b"%d%b" % (self.base + start, closing)
            else:
                try:
                    tail = convert(block[start:end], tag, encodings, warn)
                except ValueError:
                    break
                if promoted is not None:
                    columns.update(self._promote(tag, promoted.prefix + tail) or ())
            append(text)
            append(tail)
            position = end
        else:
            if starts(segment.rest, position):
                columns.update(segment.columns)
                if pieces or segment.text:
                    append(segment.text)
                    out.append(b"".join(pieces))
                return position + len(segment.rest), -1
        if pieces:
            out.append(b"".join(pieces))
        return position, len(pieces) // 2

    def _strayed(self, part: Sequence[Taken], state: State, last: int, tags: list[str]) -> tuple[State, int]:
        """Note what a segment gave before it was left; (state, tag) of the last element."""
        for element in part:
            if isinstance(element, Node):
                state, last = element.after, element.tag
                self.columns.update(element.columns or {})
                if element.fragment:
                    tags.append(element.text)
            elif isinstance(element, Head | Long):
                head = element if isinstance(element, Head) else element.head
                last = head.tag
                tags.append(head.text)
        return state, last

    def _promote(self, tag: int, fragment: bytes) -> dict[str, Any] | None:
        """Columns of one element, as `promote` gives them."""
        if len(fragment) == EMPTY_ELEMENT and tag not in (NUMBER_OF_FRAMES, ROWS):
            return None
        self._promoted = tag
        found = promote_element(f"{tag:08X}", loads(fragment[11:]), self._warn_promotion)
        if tag in (NUMBER_OF_FRAMES, ROWS) and not any(found.values()):
            self.bare.add(tag)
            self.once = True
        return found or None

    def _warn_promotion(self, rule: str, tag: int) -> None:
        self.promotion_warnings.append((PLACES[self._promoted], rule, tag))
        self.once = True
